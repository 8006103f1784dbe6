"""How long single-row updates wait while VACUUM FULL rewrites their table, TPC-H's lineitem of which rows were updated.

One client updates rows one by one, each durable; a swap of segments holds the latch that commits need.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import tempfile
import threading
import time

from server import Server, sync_milliseconds
from tpch import printed, tpch_files


class Writer:
    """Updates random rows until it is stopped; remembers when each began and how long it took."""

    def __init__(self, server, keys, enough):
        self.waits, self.enough, self.reached, self.ended = [], enough, threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self.run, args=(server.connect(), keys))
        self.thread.start()

    def run(self, connection, keys):
        sql = "UPDATE lineitem SET l_quantity = l_quantity + 1 WHERE l_orderkey = %s AND l_linenumber = %s"
        chosen = random.Random(1)
        while not self.ended.is_set():
            key = chosen.choice(keys)
            started = time.perf_counter()
            connection.execute(sql, key)
            self.waits.append((started, (time.perf_counter() - started) * 1e3))
            if len(self.waits) == self.enough:
                self.reached.set()
        connection.close()

    def stop(self):
        self.ended.set()
        self.thread.join()

    def between(self, start, end):
        return sorted(wait for began, wait in self.waits if start <= began <= end)


def main():
    parser = argparse.ArgumentParser(prog="bench/run waits", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help="of TPC-H (default 1)")
    parser.add_argument("--updates", type=int, default=5000, help="updates before VACUUM FULL (default 5,000)")
    parser.add_argument("--directory", type=pathlib.Path, help="where the database goes (default: a temporary one)")
    arguments = parser.parse_args()
    files = tpch_files(arguments.binaries, arguments.cache, arguments.scale)
    create = printed(arguments.binaries, arguments.scale, "--tables")["lineitem"]
    if arguments.directory:
        arguments.directory.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-waits-", dir=arguments.directory))
    server = Server(arguments.binaries, directory / "data", files)
    server.start()
    try:
        with server.connect() as connection:
            connection.execute(create)
            connection.execute(f"COPY lineitem FROM '{files}/lineitem.parquet' WITH (FORMAT parquet)")
            measure(server, connection, directory, arguments.updates)
    finally:
        server.stop()
        shutil.rmtree(directory)


def measure(server, connection, directory, updates):
    mixed = "(l_orderkey * 2654435761 + l_linenumber * 40503) % 1000"
    connection.execute(f"UPDATE lineitem SET l_comment = 'changed' WHERE {mixed} < 100")
    keys = connection.execute("SELECT l_orderkey, l_linenumber FROM lineitem WHERE l_orderkey % 97 = 0").fetchall()
    sync = sync_milliseconds(directory)
    writer = Writer(server, keys, updates)
    try:
        started = time.perf_counter()
        writer.reached.wait()
        begun = time.perf_counter()
        connection.execute("VACUUM FULL lineitem")
        ended = time.perf_counter()
    finally:
        writer.stop()
    results = [line(name, writer.between(*window)) for name, window in
               {"before": (started, begun), "during VACUUM FULL": (begun, ended)}.items()]  # fmt: skip
    print(f"VACUUM FULL {ended - begun:.1f} s; a small durable write {sync:.2f} ms (median); load average {os.getloadavg()[0]:.2f}")
    print("\n| updates | number | median (ms) | 99 % (ms) | 99.9 % (ms) | longest (ms) | over 10 ms |\n|---|---|---|---|---|---|---|")
    for r in results:
        print("| " + " | ".join(str(value) for value in r.values()) + " |")
    print(json.dumps(dict(bench="waits", sync_ms=round(sync, 2), results=results)))


def line(name, waits):
    part = lambda share: round(waits[min(int(len(waits) * share), len(waits) - 1)], 2)
    return dict(
        name=name, number=len(waits), median=part(0.5), p99=part(0.99), p999=part(0.999), longest=round(waits[-1], 2),
        over_10=sum(wait > 10 for wait in waits),
    )  # fmt: skip


if __name__ == "__main__":
    main()
