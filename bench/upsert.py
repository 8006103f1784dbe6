"""Upserts of existing keys, chosen uniformly, against DuckDB in this process with the same keys.

Both engines load one table of ten columns with a primary key from one Parquet file. Then rounds of commits, the
engines taking turns on the same batches (DuckDB does a few of them by ON CONFLICT, which takes it seconds each in a
large table, and the others by DELETE and INSERT): every batch is one durable commit of INSERT .. ON CONFLICT DO UPDATE that
sets all other columns. At the end both tables must have equal sums. What is sent is prepared before the clock runs.
"""

import argparse
import datetime
import decimal
import json
import os
import pathlib
import random
import shutil
import statistics
import struct
import tempfile
import threading
import time

from server import Server, sync_milliseconds

# Name, type, OID of the type, how one value is packed.
COLUMNS = [
    ("k", "bigint", 20, "q"),
    ("a", "bigint", 20, "q"),
    ("b", "bigint", 20, "q"),
    ("c", "integer", 23, "i"),
    ("d", "integer", 23, "i"),
    ("e", "double precision", 701, "d"),
    ("f", "double precision", 701, "d"),
    ("g", "date", 1082, "i"),
    ("h", "boolean", 16, "?"),
    ("s", "text", 25, "s"),
]
NAMES = ", ".join(name for name, *_ in COLUMNS)
CREATE = f"CREATE TABLE u ({', '.join(f'{name} {ty}' for name, ty, *_ in COLUMNS)}, PRIMARY KEY (k))"
SET = "ON CONFLICT (k) DO UPDATE SET " + ", ".join(f"{n} = excluded.{n}" for n, *_ in COLUMNS[1:])
SOME = "ON CONFLICT (k) DO UPDATE SET a = excluded.a, s = excluded.s"
COMPUTED = "ON CONFLICT (k) DO UPDATE SET a = u.a + excluded.a, s = excluded.s WHERE u.b <> excluded.b"
SUMS = (
    "SELECT count(*), sum(k), sum(a), sum(b), sum(c::bigint), sum(d::bigint), sum(e), sum(f), min(g), max(g), "
    "sum(CASE WHEN h THEN 1 ELSE 0 END), sum(length(s)) FROM u"
)
DATE_ZERO = datetime.date(2000, 1, 1)
DAY_ZERO = 10957  # The same in days since 1970-01-01


def generated(duckdb, rows, path):
    """The table's rows; every value is exact in both engines."""
    duckdb.sql(
        f"""COPY (SELECT i AS k, i * 7 % 1000003 AS a, i * 31 % 1000000007 AS b, (i % 1000)::INTEGER AS c,
        (i * 13 % 100000)::INTEGER AS d, (i % 4096)::DOUBLE / 4 AS e, (i * 3 % 65536)::DOUBLE / 8 AS f,
        DATE '2000-01-01' + (i % 9000)::INTEGER AS g, i % 3 = 0 AS h, 'row ' || (i * 17 % 99991) AS s
        FROM range({rows}) t(i)) TO '{path}' (FORMAT parquet, COMPRESSION snappy, ROW_GROUP_SIZE 1000000)"""
    )


def batch_rows(rng, rows, size):
    keys = rng.sample(range(rows), size)
    r = rng.randrange
    return [
        (
            k, r(1 << 20), r(1 << 30), r(1000), r(100000), r(4096) / 4, r(65536) / 8, r(9000), r(2) == 1,
            f"new {r(99991)} of {k % 97}",
        )
        for k in keys
    ]  # fmt: skip


def packed(code, value):
    return value.encode() if code == "s" else struct.pack(f">{code}", value)


class Values:
    """Multi-row VALUES, prepared once, every value a parameter in binary."""

    name = "values"
    update = SET
    whole_rows = True

    def __init__(self, size):
        width = len(COLUMNS)
        row = lambda r: "(" + ", ".join(f"${r * width + c + 1}" for c in range(width)) + ")"  # noqa: E731
        self.sql = f"INSERT INTO u ({NAMES}) VALUES {', '.join(row(r) for r in range(size))} {self.update}"
        self.types = [oid for _, _, oid, _ in COLUMNS] * size

    def message(self, rows):
        return [packed(col[3], v) for row in rows for col, v in zip(COLUMNS, row)]


class Some(Values):
    """The same with two columns set."""

    name, update, whole_rows = "some", SOME, False


class Computed(Values):
    """The same with a column computed of the old and the new one, on a condition."""

    name, update, whole_rows = "computed", COMPUTED, False


class Arrays:
    """One array of each column in unnest, prepared once, in binary."""

    name = "arrays"
    whole_rows = True
    ARRAYS = {20: 1016, 23: 1007, 701: 1022, 1082: 1182, 16: 1000, 25: 1009}

    def __init__(self, size):
        arrays = ", ".join(f"${c + 1}" for c in range(len(COLUMNS)))
        self.sql = f"INSERT INTO u ({NAMES}) SELECT * FROM unnest({arrays}) {SET}"
        self.types = [self.ARRAYS[oid] for _, _, oid, _ in COLUMNS]

    def message(self, rows):
        def array(oid, code, values):
            items = b"".join(struct.pack(">i", len(item)) + item for item in (packed(code, v) for v in values))
            return struct.pack(">iiIii", 1, 0, oid, len(values), 1) + items

        return [array(col[2], col[3], column) for col, column in zip(COLUMNS, zip(*rows))]


class Pipeline:
    """A statement of one row, prepared once, executed for each row before one Sync: one commit."""

    name = "pipeline"
    whole_rows = True

    def __init__(self, size):
        self.sql = f"INSERT INTO u ({NAMES}) VALUES ({', '.join(f'${c + 1}' for c in range(len(COLUMNS)))}) {SET}"
        self.types = [oid for _, _, oid, _ in COLUMNS]

    def message(self, rows):
        return [[packed(col[3], v) for col, v in zip(COLUMNS, row)] for row in rows]


class Literals:
    """Multi-row VALUES written out as text, a new statement each time."""

    name = "literals"
    whole_rows = True
    sql = None

    def __init__(self, size):
        pass

    def message(self, rows):
        def literal(name, value):
            if name == "g":
                return f"'{DATE_ZERO + datetime.timedelta(days=value)}'"
            return f"'{value}'" if isinstance(value, str) else str(value).lower()

        text = ["(" + ", ".join(literal(name, v) for (name, *_), v in zip(COLUMNS, row)) + ")" for row in rows]
        return f"INSERT INTO u ({NAMES}) VALUES {', '.join(text)} {SET}".encode()


FORMS = {form.name: form for form in (Values, Some, Computed, Arrays, Pipeline, Literals)}


class Client:
    """One connection that sends what was prepared, through libpq."""

    def __init__(self, server, form):
        self.connection, self.form = server.connect(), form
        if form.sql is not None:
            self.check(self.connection.pgconn.prepare(b"p", form.sql.encode(), form.types))

    @staticmethod
    def check(result):
        if result.status not in (1, 2):
            raise SystemExit(result.error_message.decode())

    def send(self, message):
        pgconn = self.connection.pgconn
        if self.form.sql is None:
            self.check(pgconn.exec_(message))
        elif self.form.name == Pipeline.name:
            self.send_pipeline(pgconn, message)
        else:
            self.check(pgconn.exec_prepared(b"p", message, [1] * len(message), 1))

    def send_pipeline(self, pgconn, rows):
        pgconn.enter_pipeline_mode()
        for row in rows:
            pgconn.send_query_prepared(b"p", row, [1] * len(row), 1)
        pgconn.pipeline_sync()
        for _ in rows:
            self.check(pgconn.get_result())
            pgconn.get_result()
        pgconn.get_result()
        pgconn.exit_pipeline_mode()


class DuckDB:
    def __init__(self, directory, threads):
        import duckdb

        self.connection = duckdb.connect(str(directory / "duckdb.db"), config={"threads": threads})

    def load(self, path):
        self.connection.execute(CREATE)
        self.connection.execute(f"INSERT INTO u SELECT * FROM read_parquet('{path}')")
        self.connection.execute("CHECKPOINT")

    def on_conflict(self, batch):
        self.connection.register("batch", batch)
        self.connection.execute(f"INSERT INTO u SELECT * FROM batch {SET}")

    def delete_insert(self, batch):
        """What it does fastest, though only one writer may do it."""
        self.connection.register("batch", batch)
        self.connection.execute("BEGIN")
        self.connection.execute("DELETE FROM u USING batch WHERE u.k = batch.k")
        self.connection.execute("INSERT INTO u SELECT * FROM batch")
        self.connection.execute("COMMIT")


def arrow_batch(rows):
    import pyarrow

    types = [
        pyarrow.int64(), pyarrow.int64(), pyarrow.int64(), pyarrow.int32(), pyarrow.int32(), pyarrow.float64(),
        pyarrow.float64(), pyarrow.date32(), pyarrow.bool_(), pyarrow.string(),
    ]  # fmt: skip
    columns = [list(column) for column in zip(*rows)]
    columns[7] = [days + DAY_ZERO for days in columns[7]]
    arrays = [
        pyarrow.array(c, pyarrow.int32()).cast(t) if i == 7 else pyarrow.array(c, t)
        for i, (c, t) in enumerate(zip(columns, types))
    ]
    return pyarrow.table(arrays, names=[name for name, *_ in COLUMNS])


def run_clients(clients, messages):
    """Each client sends its share, one after the other."""

    def work(client, share):
        for message in share:
            client.send(message)

    threads = [
        threading.Thread(target=work, args=(client, messages[i :: len(clients)])) for i, client in enumerate(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(arguments, server, duck, setup):
    rng = random.Random(arguments.seed)
    forms = [FORMS[name](arguments.batch) for name in arguments.forms.split(",")]
    clients = {form.name: [Client(server, form) for _ in range(arguments.clients)] for form in forms}
    per_round = max(arguments.commits // arguments.rounds, 1)
    spent = {form.name: [] for form in forms}
    duck_spent = {"ON CONFLICT": [], "DELETE and INSERT": []}
    for number in range(arguments.rounds + 1):
        # The first round warms up.
        for form in forms:
            raw = [batch_rows(rng, arguments.rows, arguments.batch) for _ in range(per_round)]
            messages = [form.message(rows) for rows in raw]
            cpu, started = server.cpu_seconds(), time.perf_counter()
            run_clients(clients[form.name], messages)
            wall, cpu = time.perf_counter() - started, server.cpu_seconds() - cpu
            if number > 0:
                spent[form.name].append((per_round * arguments.batch, wall, cpu))
            if duck is not None:
                batches = [arrow_batch(rows) for rows in raw]
                first = min(arguments.peer_commits, len(batches))
                for name, upsert, share in [
                    ("ON CONFLICT", duck.on_conflict, batches[:first]),
                    ("DELETE and INSERT", duck.delete_insert, batches[first:]),
                ]:
                    cpu, started = time.process_time(), time.perf_counter()
                    for batch in share:
                        upsert(batch)
                    wall, cpu = time.perf_counter() - started, time.process_time() - cpu
                    if number > 0 and share:
                        duck_spent[name].append((len(share) * arguments.batch, wall, cpu))
    lines = [dict(name=f"nyala, {name}", **rates(pairs)) for name, pairs in spent.items()]
    if duck is not None:
        lines += [dict(name=f"duckdb, {name}", **rates(pairs)) for name, pairs in duck_spent.items() if pairs]
    return dict(setup, resident_mib=round(server.resident_bytes() / 2**20), results=lines)


def rates(runs):
    return dict(
        rows_per_second=round(statistics.median(rows / wall for rows, wall, _ in runs)),
        rows_per_cpu_second=round(sum(rows for rows, _, _ in runs) / max(sum(cpu for _, _, cpu in runs), 1e-9)),
        slowest=round(min(rows / wall for rows, wall, _ in runs)),
        fastest=round(max(rows / wall for rows, wall, _ in runs)),
    )


def report(result):
    peer = next((line for line in result["results"] if line["name"].startswith("duckdb")), None)
    print("\n| engine and form | rows/s (median) | slowest .. fastest round | rows per CPU-second | times DuckDB's ON CONFLICT |")
    print("|---|---|---|---|---|")
    for line in result["results"]:
        ratio = f"{line['rows_per_second'] / peer['rows_per_second']:.2f}" if peer else ""
        print(
            f"| {line['name']} | {line['rows_per_second']:,} | {line['slowest']:,} .. {line['fastest']:,} "
            f"| {line['rows_per_cpu_second']:,} | {ratio} |"
        )
    print(f"\nsums equal: {result.get('sums_equal')}; server resident: {result['resident_mib']} MiB")
    print(json.dumps(result))


def main():
    parser = argparse.ArgumentParser(prog="bench/run upsert", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=50_000_000, help="rows of the table (default 50,000,000)")
    parser.add_argument("--batch", type=int, default=1000, help="rows of one commit (default 1000)")
    parser.add_argument("--commits", type=int, default=1000, help="commits measured of each form (default 1000)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds the commits are spread over (default 5)")
    parser.add_argument("--clients", type=int, default=1, help="connections that send at once (default 1)")
    parser.add_argument("--forms", default="values", help=f"of {', '.join(FORMS)}; separated by commas")
    parser.add_argument("--peers", default="duckdb", help="duckdb, or nothing")
    parser.add_argument("--peer-commits", type=int, default=1, help="of each round by ON CONFLICT in DuckDB (default 1)")
    parser.add_argument("--threads", type=int, default=2, help="threads of DuckDB (default 2)")
    parser.add_argument("--seed", type=int, default=1, help="of the keys and values (default 1)")
    parser.add_argument("--directory", type=pathlib.Path, help="where the databases go (default: a temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep Nyala's data and use it if it is there already")
    arguments = parser.parse_args()
    unequal = [name for name in arguments.forms.split(",") if not FORMS[name].whole_rows]
    if arguments.peers and unequal:
        parser.error(f"{', '.join(unequal)}: DuckDB sets whole rows; use --peers ''")
    import duckdb

    parquet = arguments.cache / f"upsert-{arguments.rows}.parquet"
    if not parquet.exists():
        partial = parquet.with_suffix(".partial")
        generated(duckdb, arguments.rows, partial)
        partial.rename(parquet)
    if arguments.directory:
        arguments.directory.mkdir(parents=True, exist_ok=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-upsert-", dir=arguments.directory))
    kept = arguments.directory / f"data-{arguments.rows}" if arguments.keep and arguments.directory else None
    data = kept or directory / "data"
    loaded = kept is not None and (kept / "loaded").exists()
    server = Server(arguments.binaries, data / "nyala", arguments.cache)
    data.mkdir(parents=True, exist_ok=True)
    server.start()
    try:
        setup = dict(
            bench="upsert", rows=arguments.rows, batch=arguments.batch, clients=arguments.clients,
            commits=arguments.commits, cores=os.cpu_count(), load=round(os.getloadavg()[0], 2),
            sync_ms=round(sync_milliseconds(directory), 3),
        )  # fmt: skip
        connection = server.connect()
        if not loaded:
            started = time.perf_counter()
            connection.execute(CREATE)
            connection.execute(f"COPY u FROM '{parquet}' WITH (FORMAT parquet)")
            setup["load_s"] = round(time.perf_counter() - started, 1)
            if kept:
                (kept / "loaded").touch()
        settled(connection)
        duck = None
        if arguments.peers:
            duck = DuckDB(directory, arguments.threads)
            started = time.perf_counter()
            duck.load(parquet)
            setup["duckdb_load_s"] = round(time.perf_counter() - started, 1)
        print(json.dumps(setup), flush=True)
        result = measure(arguments, server, duck, setup)
        if duck is not None:
            ours, theirs = connection.execute(SUMS).fetchone(), duck.connection.execute(SUMS).fetchone()
            result["sums_equal"] = [str(float(v)) if isinstance(v, (int, float)) else str(v) for v in map(plain, ours)] == [
                str(float(v)) if isinstance(v, (int, float)) else str(v) for v in map(plain, theirs)
            ]
            if not result["sums_equal"]:
                print(f"nyala:  {ours}\nduckdb: {theirs}")
        report(result)
        connection.close()
    finally:
        server.stop()
        shutil.rmtree(directory)


def settled(connection):
    """Waits for what the load left to do: merging its segments is no part of an upsert."""
    quiet = 0
    while quiet < 5:
        busy = connection.execute("SELECT count(*) FROM nyala.jobs").fetchone()[0]
        quiet = 0 if int(busy) else quiet + 1
        time.sleep(0.5)


def plain(value):
    """Sums are numeric here and integers there."""
    return int(value) if isinstance(value, decimal.Decimal) and value == value.to_integral_value() else value


if __name__ == "__main__":
    main()
