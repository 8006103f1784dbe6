"""TPC-H side by side: Nyala over the wire, DuckDB and DataFusion warm in this process.

Every round runs every engine on every query, interleaved; answers are compared; medians and ratios are printed.
Two threads for each engine; DuckDB has the same primary keys. Loads are timed once each.
"""

import argparse
import decimal
import math
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


def sections(text):
    """Splits what nyala-tpch-queries prints at its `-- name` lines."""
    parts, name = {}, None
    for line in text.splitlines():
        if line.startswith("-- "):
            name = line[3:]
            parts[name] = ""
        else:
            parts[name] += line + "\n"
    return {name: sql.strip().rstrip(";") for name, sql in parts.items()}


def tpch_files(binaries, cache, scale):
    """The directory of the tables as Parquet files, made once."""
    files = cache / f"tpch-{scale}"
    if not (files / "complete").exists():
        shutil.rmtree(files, ignore_errors=True)
        subprocess.run([binaries / "nyala-tpch-data", "--scale", str(scale), "--output", files], check=True)
        (files / "complete").touch()
    return files


def printed(binaries, scale, *what):
    """The queries, or with "--tables" the tables, by name."""
    command = [binaries / "nyala-tpch-queries", "--scale", str(scale), *what]
    return sections(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


class Nyala:
    name = "nyala"

    def __init__(self, binaries, directory, files, creates):
        import psycopg

        self.server = subprocess.Popen(
            [binaries / "nyala", "serve", "--data", directory / "data", "--listen", "127.0.0.1:0", "--copy-root", files],
            stdout=subprocess.PIPE,
            text=True,
        )
        address = None
        for line in self.server.stdout:
            if "listening on" in line:
                address = line.split("listening on ")[1].strip()
                break
        if address is None:
            raise SystemExit("the server did not start")
        host, port = address.rsplit(":", 1)
        self.connection = psycopg.connect(
            host=host, port=port, user="postgres", dbname="postgres", autocommit=True, prepare_threshold=None
        )
        self.files, self.creates = files, creates

    def load(self):
        for table in TABLES:
            self.connection.execute(self.creates[table])
            self.connection.execute(f"COPY {table} FROM '{self.files}/{table}.parquet' WITH (FORMAT parquet)")

    def query(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()
        self.server.send_signal(signal.SIGTERM)
        self.server.wait()


class DuckDB:
    name = "duckdb"

    def __init__(self, directory, files, creates):
        import duckdb

        self.connection = duckdb.connect(str(directory / "duckdb.db"), config={"threads": 2})
        self.files, self.creates = files, creates

    def load(self):
        for table in TABLES:
            self.connection.execute(self.creates[table].split(" PARTITION BY HASH")[0])
            self.connection.execute(f"INSERT INTO {table} SELECT * FROM read_parquet('{self.files}/{table}.parquet')")
        self.connection.execute("CHECKPOINT")

    def query(self, sql):
        return self.connection.execute(sql).fetchall()

    def close(self):
        self.connection.close()


class DataFusion:
    name = "datafusion"

    def __init__(self, files):
        import datafusion

        config = datafusion.SessionConfig().with_target_partitions(2)
        self.context = datafusion.SessionContext(config)
        self.files = files

    def load(self):
        for table in TABLES:
            self.context.register_parquet(table, f"{self.files}/{table}.parquet")

    def query(self, sql):
        rows = []
        for batch in self.context.sql(sql).collect():
            columns = [column.to_pylist() for column in batch.columns]
            rows.extend(zip(*columns))
        return rows

    def close(self):
        pass


def same_cell(a, b):
    numbers = (int, float, decimal.Decimal)
    if isinstance(a, numbers) and isinstance(b, numbers):
        return math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-4)
    return str(a) == str(b)


def difference(expected, got):
    if len(expected) != len(got):
        return f"{len(got)} rows instead of {len(expected)}"
    for number, (want, have) in enumerate(zip(expected, got), 1):
        if len(want) != len(have) or not all(same_cell(a, b) for a, b in zip(want, have)):
            return f"row {number}: {have} instead of {want}"
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binaries", type=pathlib.Path, required=True)
    parser.add_argument("--cache", type=pathlib.Path, required=True)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--peers", default="duckdb,datafusion")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    files = tpch_files(arguments.binaries, arguments.cache, arguments.scale)
    queries = printed(arguments.binaries, arguments.scale)
    creates = printed(arguments.binaries, arguments.scale, "--tables")

    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-bench-"))
    engines = [Nyala(arguments.binaries, directory, files, creates)]
    try:
        for peer in filter(None, arguments.peers.split(",")):
            engines.append({"duckdb": lambda: DuckDB(directory, files, creates), "datafusion": lambda: DataFusion(files)}[peer]())
        measure(engines, queries, arguments)
    finally:
        for engine in engines:
            engine.close()
        shutil.rmtree(directory)


def measure(engines, queries, arguments):
    names = [engine.name for engine in engines]
    print(f"TPC-H scale {arguments.scale}, {arguments.rounds} rounds, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.2f}")
    loads = {}
    for engine in engines:
        started = time.perf_counter()
        engine.load()
        loads[engine.name] = time.perf_counter() - started
    print("load (s): " + ", ".join(f"{name} {seconds:.2f}" for name, seconds in loads.items()))

    times = {name: {query: [] for query in queries} for name in names}
    wrong = {}
    for round_number in range(arguments.rounds + 1):
        for query, sql in queries.items():
            answers = {}
            for engine in engines:
                started = time.perf_counter()
                answers[engine.name] = engine.query(sql)
                # The first round warms up.
                if round_number > 0:
                    times[engine.name][query].append(time.perf_counter() - started)
            reference = answers.get("duckdb", answers.get("datafusion"))
            if reference is not None:
                differs = difference(reference, answers["nyala"])
                if differs:
                    wrong[query] = differs
    report(names, queries, times, wrong, loads)


def report(names, queries, times, wrong, loads):
    medians = {name: {query: statistics.median(times[name][query]) for query in queries} for name in names}
    print("\n| query | " + " | ".join(f"{name} (ms)" for name in names) + " | " + " | ".join(f"nyala / {name}" for name in names[1:]) + " |")
    print("|---" * (2 * len(names)) + "|")
    for query in [*queries, "sum"]:
        value = {name: sum(medians[name].values()) if query == "sum" else medians[name][query] for name in names}
        cells = [f"{value[name] * 1e3:.1f}" for name in names] + [f"{value['nyala'] / value[name]:.2f}" for name in names[1:]]
        print(f"| {query} | " + " | ".join(cells) + " |")
    if "duckdb" in loads:
        print(f"\nload: {loads['nyala'] / loads['duckdb']:.2f} x DuckDB's time")
    print(f"answers: {len(queries) - len(wrong)} of {len(queries)} equal")
    for query, differs in wrong.items():
        print(f"  {query}: {differs}")


if __name__ == "__main__":
    main()
