"""Many upserts with readers that stay: sums are right at every time, memory stays within a bound.

One writer upserts rows of uniformly chosen keys, each batch one durable commit that also keeps the table's sum known. A
REPEATABLE READ reader is open all the time and reads the same sums again and again; another transaction begins, reads
once and is forgotten; now and then a random commit of the past is read and its sum compared. Ends with a check of the
directory. Fails on the first difference, and when more is resident than allowed.
"""

import argparse
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

from server import Server
from upsert import CREATE, Client, Values, batch_rows, generated

SUMS = "SELECT count(*), sum(a), sum(b), sum(c::bigint) FROM u"
# Positions of the columns that are summed.
SUMMED = (1, 2, 3)


def sums(cursor, suffix=""):
    return tuple(int(v) for v in cursor.execute(SUMS + suffix).fetchone())


class Model:
    """The summed columns of every key, and the sums after each remembered commit."""

    def __init__(self, rows):
        self.values = [
            [i * 7 % 1000003 for i in range(rows)],
            [i * 31 % 1000000007 for i in range(rows)],
            [i % 1000 for i in range(rows)],
        ]
        self.sums = [sum(v) for v in self.values]
        self.rows = rows

    def apply(self, batch):
        for row in batch:
            for n, values in enumerate(self.values, 1):
                self.sums[n - 1] += row[n] - values[row[0]]
                values[row[0]] = row[n]

    def now(self):
        return (self.rows, *self.sums)


def main():
    parser = argparse.ArgumentParser(prog="bench/run soak", description=__doc__)
    parser.add_argument("--binaries", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--cache", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=int, default=5_000_000, help="keys (default 5,000,000)")
    parser.add_argument("--upserts", type=int, default=50_000_000, help="default 50,000,000")
    parser.add_argument("--batch", type=int, default=5_000, help="rows of a commit, at most 6,553 (default 5,000)")
    parser.add_argument("--resident-mib", type=int, default=1536, help="most that may be resident (default 1536)")
    parser.add_argument("--memory-mib", type=int, default=256, help="of memtables, and of the segment cache (default 256)")
    parser.add_argument("--pool", type=int, default=300, help="different batches, sent again and again (default 300)")
    parser.add_argument("--seed", type=int, default=None, help="printed, so that a run can be repeated")
    parser.add_argument("--directory", type=pathlib.Path, help="where the database goes (default: a temporary one)")
    arguments = parser.parse_args()
    seed = arguments.seed if arguments.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"SEED={seed}", flush=True)
    rng = random.Random(seed)
    place = pathlib.Path(tempfile.mkdtemp(prefix="nyala-soak-", dir=arguments.directory))
    try:
        run(arguments, rng, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def run(arguments, rng, place):
    import duckdb

    file = place / "rows.parquet"
    generated(duckdb, arguments.rows, file)
    limit = str(arguments.memory_mib << 20)
    environment = {
        "NYALA_MEMTABLE_BYTES_MAX": limit,
        "NYALA_SEGMENT_CACHE_BYTES": limit,
        "NYALA_TRANSACTION_BUFFER_BYTES": limit,
    }
    server = Server(arguments.binaries, place / "data", place, environment).start()
    try:
        work(arguments, rng, server, file)
        server.stop()
        subprocess.run([arguments.binaries / "nyala", "check", "--data", place / "data"], check=True)
    finally:
        if server.process.poll() is None:
            server.kill()


def work(arguments, rng, server, file):
    writer = server.connect()
    writer.execute(CREATE)
    writer.execute(f"COPY u FROM '{file}' (FORMAT parquet)")
    model = Model(arguments.rows)
    first = model.now()
    reader, forgotten, past = server.connect(), server.connect(), server.connect()
    for session in (reader, forgotten):
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        equal(sums(session), first, "at the start")
    client = Client(server, Values(arguments.batch))
    pool = [batch_rows(rng, arguments.rows, arguments.batch) for _ in range(arguments.pool)]
    pool = [([(row[0], *(row[c] for c in SUMMED)) for row in rows], client.form.message(rows)) for rows in pool]
    moments, peak, done, started = [], 0, 0, time.perf_counter()
    commits = arguments.upserts // arguments.batch
    for number in range(1, commits + 1):
        rows, message = rng.choice(pool)
        client.send(message)
        model.apply(rows)
        done += len(rows)
        if number % max(1, commits // 400) == 0:
            moments.append((writer.execute("SELECT now()").fetchone()[0], model.now()))
            equal(sums(reader), first, f"the open reader after {done} upserts")
            moment, expected = rng.choice(moments)
            try:
                equal(sums(past, f" FOR SYSTEM_TIME AS OF '{moment.isoformat()}'"), expected, f"as of {moment}")
            except Exception as error:
                if getattr(error, "sqlstate", None) != "72000":
                    raise
            peak = max(peak, server.resident_bytes())
            if peak > arguments.resident_mib << 20:
                raise SystemExit(f"{peak >> 20} MiB are resident after {done} upserts")
        if number % max(1, commits // 40) == 0:
            rate = done / (time.perf_counter() - started)
            print(f"{done:,} upserts, {rate:,.0f}/s, {peak >> 20} MiB resident at most", flush=True)
    equal(sums(writer), model.now(), "at the end")
    equal(sums(forgotten), first, "the forgotten reader at the end")
    seconds = time.perf_counter() - started
    result = {"upserts": done, "seconds": round(seconds, 1), "resident_mib": peak >> 20, "moments": len(moments)}
    print(json.dumps(result), flush=True)


def equal(found, expected, what):
    if found != expected:
        raise SystemExit(f"{what}: {found} instead of {expected}")


if __name__ == "__main__":
    main()
