"""What table_changes costs beside a full SELECT: TPC-H's lineitem of which some rows were updated at random.

Both read every column of what they yield into one aggregate, so that no socket is measured. Three states: as the update
left it, after CHECKPOINT (flush segments), and after VACUUM FULL. Medians of interleaved rounds.
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
from tpch import printed, tpch_files

NUMBERS = ["l_orderkey", "l_partkey", "l_suppkey", "l_linenumber::bigint", "l_quantity", "l_extendedprice", "l_discount", "l_tax"]
OTHERS = [
    "l_returnflag", "l_linestatus", "l_shipdate", "l_commitdate", "l_receiptdate", "l_shipinstruct", "l_shipmode", "l_comment",
]  # fmt: skip
COLUMNS = ", ".join(["count(*)", *(f"sum({n})" for n in NUMBERS), *(f"max({o})" for o in OTHERS)])
STATES = {"as updated": [], "flush segments": ["CHECKPOINT"], "after VACUUM FULL": ["VACUUM FULL lineitem"]}


def main():
    parser = argparse.ArgumentParser(prog="bench/run changes", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help="of TPC-H (default 1)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each query (default 9)")
    parser.add_argument("--percent", type=int, default=1, help="of the rows that are updated (default 1)")
    parser.add_argument("--directory", type=pathlib.Path, help="where the database goes (default: a temporary one)")
    arguments = parser.parse_args()
    files = tpch_files(arguments.binaries, arguments.cache, arguments.scale)
    create = printed(arguments.binaries, arguments.scale, "--tables")["lineitem"]
    if arguments.directory:
        arguments.directory.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-changes-", dir=arguments.directory))
    server = Server(arguments.binaries, directory / "data", files)
    server.start()
    try:
        with server.connect() as connection:
            connection.execute(create)
            connection.execute(f"COPY lineitem FROM '{files}/lineitem.parquet' WITH (FORMAT parquet)")
            measure(connection, arguments)
    finally:
        server.stop()
        shutil.rmtree(directory)


def measure(connection, arguments):
    before = connection.execute("SELECT now()").fetchone()[0].isoformat()
    mixed = "(l_orderkey * 2654435761 + l_linenumber * 40503) % 1000"
    connection.execute(f"UPDATE lineitem SET l_comment = 'changed' WHERE {mixed} < {arguments.percent * 10}")
    queries = {
        "full SELECT": f"SELECT {COLUMNS} FROM lineitem",
        "changes": f"SELECT {COLUMNS} FROM table_changes('lineitem', '{before}', now())",
        "with old images": f"SELECT {COLUMNS} FROM table_changes('lineitem', '{before}', now(), old_images => true)",
    }
    results = []
    for state, statements in STATES.items():
        for statement in statements:
            connection.execute(statement)
        times, rows = {name: [] for name in queries}, {}
        for number in range(arguments.rounds + 1):
            for name, sql in queries.items():
                started = time.perf_counter()
                rows[name] = connection.execute(sql).fetchone()[0]
                # The first round warms up.
                if number > 0:
                    times[name].append((time.perf_counter() - started) * 1e3)
        medians = {name: statistics.median(spent) for name, spent in times.items()}
        results.append(dict(state=state, rows=rows, **{f"{name}_ms": round(ms, 2) for name, ms in medians.items()}))
    print(f"TPC-H scale {arguments.scale}, {arguments.rounds} rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}")
    print("\n| lineitem | full SELECT (ms) | changes (ms) | part | with old images (ms) | part |\n|---|---|---|---|---|---|")
    for r in results:
        full, some, old = (r[f"{name}_ms"] for name in queries)
        print(f"| {r['state']} | {full} | {some} | {some / full:.1%} | {old} | {old / full:.1%} |")
    print(json.dumps(dict(bench="changes", percent=arguments.percent, results=results)))


if __name__ == "__main__":
    main()
