"""How long planning takes: EXPLAIN of the 22 TPC-H queries over the wire, beside DuckDB's in this process.

A time has the parsing, binding and planning of the statement, the making of the plan's text, and for Nyala a round trip
over the socket, whose length the last line tells by SELECT 1. Medians of interleaved rounds; DuckDB has the same primary
keys.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import time

from tpch import DuckDB, Nyala, printed, tpch_files


def timed(engine, sql):
    started = time.perf_counter()
    engine.query(sql)
    return (time.perf_counter() - started) * 1e3


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=50)
    arguments = parser.parse_args()

    files = tpch_files(arguments.binaries, arguments.cache, arguments.scale)
    statements = {name: f"EXPLAIN {sql}" for name, sql in printed(arguments.binaries, arguments.scale).items()}
    statements["SELECT 1"] = "SELECT 1"
    creates = printed(arguments.binaries, arguments.scale, "--tables")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-bench-"))
    engines = [Nyala(arguments.binaries, directory, files, creates)]
    try:
        engines.append(DuckDB(directory, files, creates))
        for engine in engines:
            engine.load()
        measure(engines, statements, arguments)
    finally:
        for engine in engines:
            engine.close()
        shutil.rmtree(directory)


def measure(engines, statements, arguments):
    print(f"TPC-H scale {arguments.scale}, {arguments.rounds} rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}")
    times = {(engine.name, name): [] for engine in engines for name in statements}
    for round_number in range(arguments.rounds + 1):
        for name, sql in statements.items():
            for engine in engines:
                milliseconds = timed(engine, sql)
                # The first round warms up.
                if round_number > 0:
                    times[engine.name, name].append(milliseconds)
    print("\n| statement | nyala (ms) | duckdb (ms) | ratio |\n|---|---|---|---|")
    for name in statements:
        nyala, duckdb = (statistics.median(times[engine.name, name]) for engine in engines)
        print(f"| {name} | {nyala:.2f} | {duckdb:.2f} | {nyala / duckdb:.2f} |")


if __name__ == "__main__":
    main()
