"""The 99 queries of TPC-DS against Nyala and DuckDB: every answer must be equal.

Tables, rows and queries come from DuckDB's extension `tpcds`, which is installed from the package registry into a private
Python environment. DuckDB sorts nulls and divides integers as PostgreSQL does. Floats are equal within 1e-9; rows may
come in any order where the query does not say one, so they are compared sorted.
"""

import argparse
import decimal
import math
import pathlib
import shutil
import sys
import tempfile
import time

import duckdb
import duckdb_extension_tpcds

from protocol import Connection, Gone
from server import Nyala

TYPES = {"VARCHAR": "text", "DOUBLE": "double precision"}
# What DuckDB does otherwise than PostgreSQL unless told.
SETTINGS = ["SET default_null_order = 'nulls_last_on_asc_first_on_desc'", "SET integer_division = true"]


def peer(scale):
    package = pathlib.Path(duckdb_extension_tpcds.__file__).parent
    connection = duckdb.connect(config={"allow_unsigned_extensions": True, "threads": 2})
    connection.execute(f"LOAD '{next(package.rglob('*.duckdb_extension'))}'")
    for setting in SETTINGS:
        connection.execute(setting)
    connection.execute(f"CALL dsdgen(sf = {scale})")
    return connection


def load(connection, nyala, directory):
    for (table,) in connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY 1").fetchall():
        columns = connection.execute(f"SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = '{table}'").fetchall()
        listed = ", ".join(f"{name} {TYPES.get(kind, kind.lower())}" for name, kind in columns)
        connection.execute(f"COPY {table} TO '{directory}/{table}.parquet' (FORMAT parquet)")
        run(nyala, f"CREATE TABLE {table} ({listed})")
        run(nyala, f"COPY {table} FROM '{directory}/{table}.parquet' WITH (FORMAT parquet)")
        run(nyala, f"ANALYZE {table}")


def run(nyala, sql):
    answers = nyala.query(sql)
    for answer in answers:
        if answer.error:
            raise RuntimeError(f"{answer.error['C']}: {answer.error['M']}")
    return answers[-1].rows


def cell(value):
    if value is None:
        return None
    try:
        return decimal.Decimal(str(value))
    except decimal.InvalidOperation:
        return str(value)


def same(a, b):
    if isinstance(a, decimal.Decimal) and isinstance(b, decimal.Decimal):
        return math.isclose(float(a), float(b), rel_tol=1e-9, abs_tol=1e-9)
    return a == b


def key(row):
    return [(v is None, isinstance(v, str), f"{float(v):.6e}" if isinstance(v, decimal.Decimal) else str(v)) for v in row]


def difference(expected, got):
    expected, got = [sorted(([cell(v) for v in row] for row in rows), key=key) for rows in (expected, got)]
    if len(expected) != len(got):
        return f"{len(got)} rows instead of {len(expected)}"
    for want, have in zip(expected, got):
        if len(want) != len(have) or not all(map(same, want, have)):
            return f"{[str(v) for v in have]} instead of {[str(v) for v in want]}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the server's binary")
    parser.add_argument("--scale", type=float, default=0.01, help="of TPC-DS (default 0.01)")
    parser.add_argument("queries", nargs="*", type=int, help="numbers of queries; default: all 99")
    arguments = parser.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-tpcds-"))
    server = None
    equal = refused = different = 0
    try:
        connection = peer(arguments.scale)
        queries = dict(connection.execute("SELECT query_nr, query FROM tpcds_queries()").fetchall())
        server = Nyala(arguments.program, directory / "data", directory)
        nyala = Connection(server.host, server.port)
        load(connection, nyala, directory)
        for number in arguments.queries or sorted(queries):
            sql = queries[number].strip().rstrip(";")
            expected = connection.execute(sql).fetchall()
            started = time.perf_counter()
            try:
                wrong = difference(expected, run(nyala, sql))
            except RuntimeError as error:
                wrong = str(error)
            except Gone as gone:
                wrong = str(gone)
                nyala = Connection(server.host, server.port)
            seconds = time.perf_counter() - started
            if wrong is None:
                equal += 1
            elif wrong.startswith("0A000"):
                refused += 1
            else:
                different += 1
            print(f"{number}: {wrong or 'equal'}; {len(expected)} rows, {seconds:.2f} s", flush=True)
        print(f"{equal} equal, {refused} refused, {different} different")
    finally:
        if server:
            server.stop()
        shutil.rmtree(directory, ignore_errors=True)
    return 0 if refused == different == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
