"""What updates and deletes do to scans: TPC-H's lineitem before and after, on tables of their own.

Times are medians over interleaved runs; ratios compare a table with the untouched one. Nothing is compared with
another engine here: the question is what merge on write costs. Per row: the time beyond that of the same statement over
a hundredth of the rows (its plan, its threads, the client), over the rows that are left beyond those, against the
untouched table's.
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

QUERIES = {
    "aggregate": "SELECT count(*), sum(l_quantity), sum(l_extendedprice * (1 - l_discount)), max(l_shipdate) FROM {t}",
    "predicate": "SELECT count(*), sum(l_extendedprice) FROM {t} WHERE l_shipdate >= DATE '1994-01-01' "
    "AND l_shipdate < DATE '1995-01-01'",
}

# The table with a hundredth of the rows.
FEW = "lineitem_few"


def changes(arguments):
    """Name, and what makes it out of a copy of lineitem. The keys are (l_orderkey, l_linenumber)."""
    mixed = "(l_orderkey * 2654435761 + l_linenumber * 40503) % 1000"
    yield "untouched", []
    yield "10 % updated at random", [f"UPDATE {{t}} SET l_comment = 'changed' WHERE {mixed} < 100"]
    for percent in arguments.deletes:
        yield f"{percent} % deleted at random", [f"DELETE FROM {{t}} WHERE {mixed} < {percent * 10}"]
        yield f"{percent} % deleted together", [
            f"DELETE FROM {{t}} WHERE l_orderkey <= (SELECT max(l_orderkey) * {percent} / 100 FROM lineitem)"
        ]
    if arguments.vacuum:
        yield "10 % updated, then VACUUM FULL", [
            f"UPDATE {{t}} SET l_comment = 'changed' WHERE {mixed} < 100",
            "VACUUM FULL {t}",
        ]


def main():
    parser = argparse.ArgumentParser(prog="bench/run scan", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help="of TPC-H (default 1)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each query (default 9)")
    parser.add_argument("--deletes", type=lambda v: [int(p) for p in v.split(",")], default=[1, 10, 50], help="percents")
    parser.add_argument("--no-vacuum", dest="vacuum", action="store_false", help="leave VACUUM FULL out")
    parser.add_argument("--directory", type=pathlib.Path, help="where the database goes (default: a temporary one)")
    arguments = parser.parse_args()
    files = tpch_files(arguments.binaries, arguments.cache, arguments.scale)
    create = printed(arguments.binaries, arguments.scale, "--tables")["lineitem"]
    if arguments.directory:
        arguments.directory.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-scan-", dir=arguments.directory))
    server = Server(arguments.binaries, directory / "data", files)
    server.start()
    try:
        run(server, create, files, arguments)
    finally:
        server.stop()
        shutil.rmtree(directory)


def run(server, create, files, arguments):
    connection = server.connect()
    tables, rows, setup = {}, {}, {}
    for number, (name, statements) in enumerate(changes(arguments)):
        table = "lineitem" if number == 0 else f"lineitem{number}"
        connection.execute(create.replace("lineitem", table, 1))
        connection.execute(f"COPY {table} FROM '{files}/lineitem.parquet' WITH (FORMAT parquet)")
        started = time.perf_counter()
        for statement in statements:
            connection.execute(statement.format(t=table))
        setup[name] = round(time.perf_counter() - started, 2)
        tables[name] = table
        rows[name] = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    connection.execute(create.replace("lineitem", FEW, 1))
    connection.execute(f"INSERT INTO {FEW} SELECT * FROM lineitem WHERE l_orderkey <= (SELECT max(l_orderkey) / 100 FROM lineitem)")
    connection.execute(f"VACUUM FULL {FEW}")
    tables[FEW] = FEW
    rows[FEW] = connection.execute(f"SELECT count(*) FROM {FEW}").fetchone()[0]
    times = {(name, query): [] for name in tables for query in QUERIES}
    for number in range(arguments.rounds + 2):
        for name, table in tables.items():
            for query, sql in QUERIES.items():
                started = time.perf_counter()
                connection.execute(sql.format(t=table)).fetchall()
                # The first rounds warm up.
                if number > 1:
                    times[name, query].append(time.perf_counter() - started)
    results = [line(name, rows, times) | dict(change_s=setup[name]) for name in setup]
    print("\n| lineitem | rows | change (s) | aggregate (ms) | ratio | per row | with a predicate (ms) | ratio | per row |")
    print("|---|---|---|---|---|---|---|---|---|")
    for r in results:
        queries = [f"{r[q + '_ms']} | {r[q + '_ratio']} | {r[q + '_per_row']}" for q in ("aggregate", "predicate")]
        print(f"| {r['name']} | {r['rows']:,} | {r['change_s']} | {' | '.join(queries)} |")
    few = ", ".join(f"{query} {statistics.median(times[FEW, query]) * 1e3:.2f} ms" for query in QUERIES)
    print(f"\na hundredth ({rows[FEW]:,} rows): {few}")
    print(json.dumps(dict(bench="scan", scale=arguments.scale, cores=os.cpu_count(), results=results)))


def line(name, rows, times):
    """The figures of one table."""

    def median(table, query):
        return statistics.median(times[table, query]) * 1e3

    def per_row(table, query):
        return (median(table, query) - median(FEW, query)) / (rows[table] - rows[FEW])

    found = dict(name=name, rows=rows[name])
    for query in QUERIES:
        found[f"{query}_ms"] = round(median(name, query), 2)
        found[f"{query}_ratio"] = round(median(name, query) / median("untouched", query), 3)
        found[f"{query}_per_row"] = round(per_row(name, query) / per_row("untouched", query), 3)
    return found


if __name__ == "__main__":
    main()
