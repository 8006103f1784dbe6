"""The servers that suites compare: Nyala on a fresh data directory, and a PostgreSQL 15 of its own."""

import os
import pathlib
import shutil
import socket
import subprocess

from protocol import Connection

POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A PostgreSQL 15 in `directory`; `fresh()` makes its database postgres anew, which is what Nyala's is called."""

    def __init__(self, directory):
        self.directory, self.port = directory / "postgres", free_port()
        self.directory.mkdir()
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres")
        data = self.directory / "data"
        self._tool("initdb", "-D", data, "--encoding=UTF8", "--locale=C", "--auth=trust", "--username=postgres", "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c jit=off"
        self._tool("pg_ctl", "-D", data, "-o", options, "-l", self.directory / "log", "-w", "start")

    def _tool(self, name, *arguments):
        command = [POSTGRES / name, *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # pg_ctl leaves a server behind that keeps its pipes open.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fresh(self, settings):
        admin = Connection("127.0.0.1", self.port, settings={"database": "template1"})
        for statement in ["DROP DATABASE postgres WITH (FORCE)", "CREATE DATABASE postgres TEMPLATE template0"]:
            for answer in admin.query(statement):
                if answer.error:
                    raise SystemExit(f"{statement}: {answer.error['M']}")
        admin.close()
        return Connection("127.0.0.1", self.port, settings=settings)

    def stop(self):
        self._tool("pg_ctl", "-D", self.directory / "data", "-m", "immediate", "stop")


class Nyala:
    """The program with `settings` beside its defaults."""

    def __init__(self, program, data, copy_root, settings=()):
        environment = {f"NYALA_{key.upper()}": str(value) for key, value in dict(settings).items()}
        self.process = subprocess.Popen(
            [program, "serve", "--data", data, "--listen", "127.0.0.1:0", "--copy-root", copy_root],
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in self.process.stdout:
            if "listening on" in line:
                self.host, port = line.split("listening on ")[1].strip().rsplit(":", 1)
                self.port = int(port)
                return
        raise SystemExit("the server did not start")

    def stop(self):
        self.process.kill()
        self.process.wait()
