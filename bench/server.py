"""A Nyala server as a child process: started, measured from outside, stopped or killed."""

import os
import signal
import subprocess
import time


class Server:
    def __init__(self, binaries, data, copy_root=None, environment=None):
        self.command = [binaries / "nyala", "serve", "--data", data, "--listen", "127.0.0.1:0"]
        if copy_root is not None:
            self.command += ["--copy-root", copy_root]
        self.environment = {**os.environ, **(environment or {})}
        self.process = None

    def start(self):
        """Starts the program; returns when it says where it listens."""
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True, env=self.environment)
        for line in self.process.stdout:
            if "listening on" in line:
                self.host, self.port = line.split("listening on ")[1].strip().rsplit(":", 1)
                return self
        raise SystemExit("the server did not start")

    def connect(self):
        import psycopg

        return psycopg.connect(
            host=self.host, port=self.port, user="postgres", dbname="postgres", autocommit=True, prepare_threshold=None
        )

    def cpu_seconds(self):
        """User and system time of all threads since the start."""
        with open(f"/proc/{self.process.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def kill(self):
        self.process.kill()
        self.process.wait()


def sync_milliseconds(directory, times=20):
    """The median time of a small write made durable where the data is."""
    path = os.path.join(directory, "sync-probe")
    spent = []
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    try:
        for _ in range(times):
            started = time.perf_counter()
            os.pwrite(descriptor, b"x" * 4096, 0)
            os.fdatasync(descriptor)
            spent.append(time.perf_counter() - started)
    finally:
        os.close(descriptor)
        os.unlink(path)
    return sorted(spent)[times // 2] * 1e3
