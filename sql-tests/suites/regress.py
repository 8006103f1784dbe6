"""PostgreSQL's own regression scripts against Nyala and a PostgreSQL 15, statement by statement.

The scripts come from Debian's source package at run time and are kept in the cache directory. Each script gets a fresh
database on both sides, with the tables of `test_setup`. Counts per file: equal, refused, different, left out, as
comparison.py says. `--details FILE` writes every statement that is refused or different with both answers.
"""

import argparse
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

from comparison import DIFFERENT, EQUAL, LEFT_OUT, REFUSED, Comparison
from protocol import Connection
from script import Script

TYPES = (
    "boolean char name varchar text int2 int4 int8 float4 float8 numeric uuid strings regex date time timetz timestamp "
    "timestamptz interval arrays json jsonb jsonb_jsonpath enum domain"
).split()
OTHERS = (
    "select select_distinct select_distinct_on select_having select_implicit union case join subselect aggregates "
    "groupingsets window with insert insert_conflict update delete merge returning copy2 copyselect sequence identity "
    "generated create_view matview rangefuncs rowtypes"
).split()
# As PostgreSQL's own driver of these scripts sets them.
SETTINGS = {"TimeZone": "PST8PDT", "DateStyle": "Postgres, MDY", "IntervalStyle": "postgres_verbose"}
POSTGRES = pathlib.Path("/usr/lib/postgresql/15/bin")


def sources(cache):
    """The directory src/test/regress of PostgreSQL 15, fetched once with a package configuration of its own."""
    directory = cache / "postgresql-15-source"
    found = list(directory.glob("*/src/test/regress"))
    if found:
        return found[0]
    for part in ["state/lists/partial", "cache/archives/partial"]:
        (directory / part).mkdir(parents=True, exist_ok=True)
    release = dict(
        line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line
    )["VERSION_CODENAME"].strip('"')
    keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"
    mirror = os.environ.get("NYALA_TEST_DEBIAN_MIRROR", "http://deb.debian.org/debian")
    (directory / "sources.list").write_text(f"deb-src [signed-by={keyring}] {mirror} {release} main\n")
    options = []
    for key, value in {
        "Dir::Etc::sourcelist": directory / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State": directory / "state",
        "Dir::Cache": directory / "cache",
        "APT::Sandbox::User": "",
    }.items():
        options += ["-o", f"{key}={value}"]
    subprocess.run(["apt-get", "-q", *options, "update"], check=True, cwd=directory)
    subprocess.run(["apt-get", "-q", *options, "source", "--download-only", "postgresql-15"], check=True, cwd=directory)
    (archive,) = directory.glob("postgresql-15_*.orig.tar.bz2")
    subprocess.run(["tar", "xjf", archive, "--wildcards", "*/src/test/regress/*"], check=True, cwd=directory)
    return next(directory.glob("*/src/test/regress"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """A PostgreSQL 15 of its own; `fresh()` is a connection to a new database."""

    def __init__(self, directory):
        self.directory, self.port, self.databases = directory / "postgres", free_port(), 0
        self.directory.mkdir()
        if os.getuid() == 0:
            shutil.chown(self.directory, "postgres")
        self._tool("initdb", "-D", self.directory / "data", "--encoding=UTF8", "--locale=C", "--auth=trust", "--username=postgres", "--no-sync")
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._tool("pg_ctl", "-D", self.directory / "data", "-o", options, "-l", self.directory / "log", "-w", "start")

    def _tool(self, name, *arguments):
        command = [POSTGRES / name, *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # pg_ctl leaves a server behind that keeps its pipes open.
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def fresh(self):
        name = f"regress{self.databases}"
        self.databases += 1
        admin = Connection("127.0.0.1", self.port)
        admin.query(f"CREATE DATABASE {name} TEMPLATE template0")
        admin.close()
        return Connection("127.0.0.1", self.port, settings={"database": name, **SETTINGS})

    def stop(self):
        self._tool("pg_ctl", "-D", self.directory / "data", "-m", "immediate", "stop")


class Nyala:
    """A server on a fresh data directory."""

    # Settings that the server does not take, told once.
    refused = set()

    def __init__(self, program, directory, copy_root):
        self.process = subprocess.Popen(
            [program, "serve", "--data", directory, "--listen", "127.0.0.1:0", "--copy-root", copy_root],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )
        for line in self.process.stdout:
            if "listening on" in line:
                self.host, port = line.split("listening on ")[1].strip().rsplit(":", 1)
                self.port = int(port)
                return
        raise SystemExit("the server did not start")

    def connect(self):
        connection = Connection(self.host, self.port)
        for name, value in SETTINGS.items():
            (answer,) = connection.query(f"SET {name} = '{value}'")
            if answer.error and (name, value) not in self.refused:
                self.refused.add((name, value))
                print(f"SET {name} = '{value}': {answer.error['C']} {answer.error['M']}")
        return connection

    def stop(self):
        self.process.kill()
        self.process.wait()


def run_file(name, regress, postgres, program, directory):
    """Runs `test_setup`, then the script. Gives its comparison."""
    data = directory / f"nyala-{name}"
    nyala = Nyala(program, data, regress)
    try:
        environment = {"PG_ABS_SRCDIR": str(regress), "PG_LIBDIR": "/nowhere", "PG_DLSUFFIX": ".so", "PG_ABS_BUILDDIR": str(directory)}
        comparison = Comparison(postgres.fresh(), nyala.connect(), nyala.connect)
        for part in ["test_setup", name]:
            comparison.counts.clear()
            comparison.details.clear()
            script = Script((regress / "sql" / f"{part}.sql").read_text(), environment)
            for statement in script:
                if statement.startswith("\\"):
                    comparison.counts[LEFT_OUT] += 1
                else:
                    comparison.run(statement, script.block)
        comparison.postgres.close()
        comparison.nyala.close()
        return comparison
    finally:
        nyala.stop()
        shutil.rmtree(data, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the server's binary")
    parser.add_argument("--cache", type=pathlib.Path, required=True, help="directory kept between runs")
    parser.add_argument("--details", type=pathlib.Path, help="file for what is refused or different")
    parser.add_argument("files", nargs="*", help=f"default: all of {' '.join(TYPES + OTHERS)}")
    arguments = parser.parse_args()
    regress = sources(arguments.cache)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-regress-"))
    directory.chmod(0o755)
    # Where the user of PostgreSQL can read its data files.
    regress = shutil.copytree(regress, directory / "regress")
    postgres = Postgres(directory)
    total = {"types": {}, "others": {}}
    details = open(arguments.details, "w") if arguments.details else None
    try:
        print("| file | equal | refused | different | left out | equal of the rest |\n|---|---|---|---|---|---|")
        for name in arguments.files or TYPES + OTHERS:
            comparison = run_file(name, regress, postgres, arguments.program, directory)
            counts = comparison.counts
            kind = total["types" if name in TYPES else "others"]
            for verdict, count in counts.items():
                kind[verdict] = kind.get(verdict, 0) + count
            print(line(name, counts), flush=True)
            for verdict, sql, theirs, ours in comparison.details if details else []:
                details.write(f"==== {name}: {verdict}\n{sql}\n---- PostgreSQL\n{theirs}\n---- Nyala\n{ours}\n")
        for kind, counts in total.items():
            print(line(f"**{kind}**", counts))
    finally:
        postgres.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 1 if any(counts.get(DIFFERENT) for counts in total.values()) else 0


def line(name, counts):
    equal, refused, different = (counts.get(v, 0) for v in (EQUAL, REFUSED, DIFFERENT))
    counted = max(equal + refused + different, 1)
    return f"| {name} | {equal} | {refused} | {different} | {counts.get(LEFT_OUT, 0)} | {100 * equal / counted:.1f} % |"


if __name__ == "__main__":
    sys.exit(main())
