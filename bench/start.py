"""How long a server takes from its start to the first answered query, with many tablets and segments.

Tables of hash tablets are filled so that every tablet gets a segment per load. As eight segments of about one size are
merged, the first loads are truncated: their segments stay, for the past. Then the server is started again and again:
after a clean end, and after SIGKILL with a log of 1,000-row commits that no checkpoint covers.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

from server import Server


def create(arguments, number):
    return (
        f"CREATE TABLE t{number} (k bigint PRIMARY KEY, a bigint, b text) "
        f"PARTITION BY HASH (k) PARTITIONS {arguments.tablets // arguments.tables}"
    )


def timed_start(server, query):
    started = time.perf_counter()
    server.start()
    with server.connect() as connection:
        connection.execute(query).fetchone()
    return time.perf_counter() - started


def idle_cpu_percent(server, seconds=20):
    """Once what the start left to do is done."""
    time.sleep(5)
    before = server.cpu_seconds()
    time.sleep(seconds)
    return round((server.cpu_seconds() - before) / seconds * 100, 2)


# Segments of one size that are not merged yet.
UNMERGED = 7


def fill(server, arguments):
    """Every load puts a segment into each tablet: a commit above the server's transaction buffer is staged as segments."""
    per_tablet = max(arguments.segments // arguments.tablets, 1)
    tablets = arguments.tablets // arguments.tables
    with server.connect() as connection:
        for number in range(arguments.tables):
            connection.execute(create(arguments, number))
        for load in range(per_tablet):
            for number in range(arguments.tables):
                if load > 0 and (per_tablet - load) % UNMERGED == 0:
                    connection.execute(f"TRUNCATE t{number}")
                rows = tablets * 4
                start = load * rows
                connection.execute(
                    f"INSERT INTO t{number} SELECT i, i * 7, 'row ' || i FROM generate_series({start}, {start + rows - 1}) s(i)"
                )


def write_log(server, arguments):
    """Commits of 1,000 rows until so many bytes were sent. Without a checkpoint they stay in the log."""
    sent = number = 0
    row = "x" * 180
    with server.connect() as connection:
        connection.execute("CREATE TABLE log (k bigint PRIMARY KEY, a bigint, b text)")
        while sent < arguments.log_bytes:
            start = number * 1000
            connection.execute(
                f"INSERT INTO log SELECT i, i * 7, '{row}' || i FROM generate_series({start}, {start + 999}) s(i)"
            )
            sent += 1000 * (len(row) + 32)
            number += 1
    return number


def main():
    parser = argparse.ArgumentParser(prog="bench/run start", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--tablets", type=int, default=10_000, help="hash tablets of all tables (default 10,000)")
    parser.add_argument("--tables", type=int, default=100, help="tables they are spread over (default 100)")
    parser.add_argument("--segments", type=int, default=100_000, help="segments of all tablets (default 100,000)")
    parser.add_argument("--log-bytes", type=int, default=1 << 30, help="log before SIGKILL (default 1 GiB)")
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind (default 5)")
    parser.add_argument("--directory", type=pathlib.Path, help="where the database goes (default: a temporary one)")
    arguments = parser.parse_args()
    if arguments.directory:
        arguments.directory.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-start-", dir=arguments.directory))
    result = dict(
        bench="start", tablets=arguments.tablets, segments=arguments.segments, log_bytes=arguments.log_bytes,
        cores=os.cpu_count(), load=round(os.getloadavg()[0], 2),
    )  # fmt: skip
    # Transactions are staged as segments; then one tablet's rows of a load are one segment.
    filling = Server(arguments.binaries, directory / "data", environment={"NYALA_TRANSACTION_BUFFER_BYTES": "1024"})
    kept = Server(
        arguments.binaries, directory / "data",
        environment={"NYALA_CHECKPOINT_LOG_BYTES": str(1 << 40), "NYALA_MEMTABLE_BYTES_MAX": str(8 << 30),
                     "NYALA_MEMTABLE_FLUSH_BYTES": str(8 << 30)},
    )  # fmt: skip
    running = filling
    try:
        filling.start()
        started = time.perf_counter()
        fill(filling, arguments)
        result["fill_s"] = round(time.perf_counter() - started, 1)
        filling.stop()
        result["files"] = len(os.listdir(directory / "data" / "segment"))
        query = "SELECT count(*) FROM t0 WHERE k < 100"
        running = kept
        clean, stops = [], []
        for _ in range(arguments.rounds):
            clean.append(timed_start(kept, query))
            if len(clean) == arguments.rounds:
                result["idle_cpu_percent"] = idle_cpu_percent(kept)
                result["idle_mib"] = round(kept.resident_bytes() / 2**20, 1)
            started = time.perf_counter()
            kept.stop()
            stops.append(time.perf_counter() - started)
        kept.start()
        commits = write_log(kept, arguments)
        kept.kill()
        killed = []
        for _ in range(arguments.rounds):
            killed.append(timed_start(kept, query))
            kept.kill()
        kept.start()
        with kept.connect() as connection:
            rows = connection.execute("SELECT count(*) FROM log").fetchone()[0]
        result["nothing_lost"] = rows == commits * 1000
        result["results"] = [
            dict(name="clean", seconds=round(statistics.median(clean), 3), slowest=round(max(clean), 3)),
            dict(name="after SIGKILL", seconds=round(statistics.median(killed), 3), slowest=round(max(killed), 3)),
            dict(name="stop", seconds=round(statistics.median(stops), 3), slowest=round(max(stops), 3)),
        ]
        print("\n| start | median (s) | slowest (s) |\n|---|---|---|")
        for line in result["results"]:
            print(f"| {line['name']} | {line['seconds']} | {line['slowest']} |")
        print(
            f"\nat rest: {result['idle_mib']} MiB resident, {result['idle_cpu_percent']} % of a processor "
            f"while idle; nothing lost: {result['nothing_lost']}"
        )
        print(json.dumps(result))
    finally:
        if running.process is not None and running.process.poll() is None:
            running.stop()
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
