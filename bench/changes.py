"""What table_changes costs beside a full SELECT: TPC-H's lineitem of which some rows were updated at random.

Twice: rows with all columns delivered to this client in binary, and every column read into one aggregate, which leaves the
socket out; of the latter also the server's CPU time, as a SELECT works on all processors and the changes, which come in the
order of commits, on one. Three states: as the update left it, after CHECKPOINT (flush segments), and after VACUUM FULL.
Medians of interleaved rounds.
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
    parser.add_argument("--rounds", type=int, default=9, help="runs of each query (default 9; 3 at most where rows are delivered)")
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
            measure(server, connection, arguments)
    finally:
        server.stop()
        shutil.rmtree(directory)


def measure(server, connection, arguments):
    before = connection.execute("SELECT now()").fetchone()[0].isoformat()
    mixed = "(l_orderkey * 2654435761 + l_linenumber * 40503) % 1000"
    connection.execute(f"UPDATE lineitem SET l_comment = 'changed' WHERE {mixed} < {arguments.percent * 10}")
    sources = {
        "full SELECT": "lineitem",
        "changes": f"table_changes('lineitem', '{before}', now())",
        "with old images": f"table_changes('lineitem', '{before}', now(), old_images => true)",
    }
    results = []
    for state, statements in STATES.items():
        for statement in statements:
            connection.execute(statement)
        result = {}
        for kind, columns, rounds in [("delivered", "*", min(arguments.rounds, 3)), ("aggregated", COLUMNS, arguments.rounds)]:
            spent = {name: [] for name in sources}
            for number in range(rounds + 1):
                for name, source in sources.items():
                    measured = timed(server, connection, f"SELECT {columns} FROM {source}")
                    # The first round warms up.
                    if number > 0:
                        spent[name].append(measured)
            for name, measured in spent.items():
                result[kind, name, "ms"] = statistics.median(wall for wall, _ in measured)
                result[kind, name, "CPU ms"] = statistics.mean(cpu for _, cpu in measured)
        results.append((state, result))
    report(results, sources, arguments)


def timed(server, connection, sql):
    """Milliseconds until all rows are here in binary, and of the server's processors."""
    cpu, started = server.cpu_seconds(), time.perf_counter()
    result = connection.pgconn.exec_params(sql.encode(), None, result_format=1)
    spent = time.perf_counter() - started
    if result.error_message:
        raise SystemExit(result.error_message.decode())
    result.clear()
    return spent * 1e3, (server.cpu_seconds() - cpu) * 1e3


def report(results, sources, arguments):
    print(f"TPC-H scale {arguments.scale}, {arguments.rounds} rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}")
    print("\n| lineitem | | full SELECT | changes | part | with old images | part |\n|---|---|---|---|---|---|---|")
    rows = []
    for state, result in results:
        for kind, unit in [("delivered", "ms"), ("aggregated", "ms"), ("aggregated", "CPU ms")]:
            full, some, old = (result[kind, name, unit] for name in sources)
            print(f"| {state} | {kind}, {unit} | {full:.1f} | {some:.1f} | {some / full:.1%} | {old:.1f} | {old / full:.1%} |")
            rows.append(dict(state=state, kind=kind, unit=unit, full=full, changes=some, old_images=old))
    print(json.dumps(dict(bench="changes", percent=arguments.percent, results=rows)))


if __name__ == "__main__":
    main()
