"""Bytes on disk of TPC-H beside DuckDB, with and without compression = 'compact', and what compact costs.

Sizes count segment files only (rows, keys, filters, checksums), after the background has merged them; DuckDB's is its
whole file after CHECKPOINT, with the same primary keys and without any. Times compare the compact tables with the
default ones in the same server.
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
from tpch import TABLES, printed, tpch_files

SCAN = "SELECT count(*), sum(l_quantity), sum(l_extendedprice), max(l_shipdate), max(l_comment) FROM {t}"


def main():
    parser = argparse.ArgumentParser(prog="bench/run size", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--scale", type=float, default=1.0, help="of TPC-H (default 1)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of the scan (default 5)")
    arguments = parser.parse_args()
    files = tpch_files(arguments.binaries, arguments.cache, arguments.scale)
    creates = printed(arguments.binaries, arguments.scale, "--tables")
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-size-"))
    server = Server(arguments.binaries, directory / "data", files)
    server.start()
    try:
        report(nyala(server, creates, files, arguments.rounds), duckdb_bytes(directory, creates, files), arguments.scale)
    finally:
        server.stop()
        shutil.rmtree(directory)


def nyala(server, creates, files, rounds):
    """Per compression: bytes of each table, seconds to load and to scan lineitem."""
    connection = server.connect()
    found = {}
    for kind in ["default", "compact"]:
        connection.execute(f"CREATE SCHEMA {kind}_size")
        connection.execute(f"SET search_path = {kind}_size")
        started = time.perf_counter()
        for table in TABLES:
            connection.execute(f"{creates[table]} WITH (compression = '{kind}')")
            connection.execute(f"COPY {table} FROM '{files}/{table}.parquet' WITH (FORMAT parquet)")
        loaded = time.perf_counter() - started
        for table in TABLES:
            connection.execute(f"VACUUM FULL {table}")
        sizes = connection.execute(
            "SELECT table_name, sum(file_bytes)::bigint FROM nyala.segments "
            "WHERE schema_name = current_schema() AND index_name IS NULL AND detached_at IS NULL GROUP BY 1"
        ).fetchall()
        found[kind] = dict(bytes=dict(sizes), load_s=loaded)
    times = {kind: [] for kind in found}
    for number in range(rounds + 1):
        for kind in found:
            started = time.perf_counter()
            connection.execute(SCAN.format(t=f"{kind}_size.lineitem")).fetchall()
            # The first round warms up.
            if number > 0:
                times[kind].append(time.perf_counter() - started)
    for kind in found:
        found[kind]["scan_s"] = statistics.median(times[kind])
    return found


def duckdb_bytes(directory, creates, files):
    """Bytes of a database file with the primary keys, and of one without any."""
    import duckdb

    sizes = {}
    for kind in ["keys", "no keys"]:
        path = directory / f"{kind}.db"
        connection = duckdb.connect(str(path), config={"threads": 2})
        for table in TABLES:
            source = f"read_parquet('{files}/{table}.parquet')"
            if kind == "keys":
                connection.execute(creates[table].split(" PARTITION BY HASH")[0])
                connection.execute(f"INSERT INTO {table} SELECT * FROM {source}")
            else:
                connection.execute(f"CREATE TABLE {table} AS SELECT * FROM {source}")
        connection.execute("CHECKPOINT")
        connection.close()
        sizes[kind] = path.stat().st_size
    return sizes


def report(found, duckdb, scale):
    total = {kind: sum(values["bytes"].values()) for kind, values in found.items()}
    print("| | MiB | DuckDB without keys | DuckDB with keys | load (s) | scan of lineitem (ms) |\n|---|---|---|---|---|---|")
    for kind, values in found.items():
        print(
            f"| {kind} | {total[kind] / 2**20:.1f} | {total[kind] / duckdb['no keys']:.3f}x | {total[kind] / duckdb['keys']:.3f}x "
            f"| {values['load_s']:.1f} | {values['scan_s'] * 1e3:.1f} |"
        )
    for kind, size in duckdb.items():
        print(f"| DuckDB, {kind} | {size / 2**20:.1f} | | | | |")
    print(json.dumps(dict(bench="size", scale=scale, cores=os.cpu_count(), nyala=found, duckdb=duckdb)))


if __name__ == "__main__":
    main()
