"""Random statements to Nyala and a PostgreSQL 15: the same names, types, rows, tags and SQLSTATEs.

Beside that, for Nyala alone: the rows for which a condition is true, false and unknown are all rows, and as many as it
counts in the select list; answers stay the same after CHECKPOINT and VACUUM FULL.

A statement that fails is made as small as it can be and still fail. Everything comes from the seed.
"""

import argparse
import collections
import pathlib
import random
import shutil
import sys
import tempfile

from comparison import shown
from protocol import Answer, Connection, Gone
from server import Nyala, Postgres
from statements import Generator, Node

EQUAL, REFUSED, DIFFERENT, FAILED = "equal", "refused", "different", "both fail"
SCHEMA_QUERIES = 40
# Attempts to make one failing statement smaller.
ATTEMPTS_MAX = 400


class Sides:
    """A connection to each server."""

    def __init__(self, program, directory):
        self.nyala_server = Nyala(program, directory / "data", directory)
        self.postgres_server = Postgres(directory)
        self.settings = {"TimeZone": "UTC"}
        self.postgres = self.postgres_server.fresh(self.settings)
        self.nyala = self.connect()

    def connect(self):
        return Connection(self.nyala_server.host, self.nyala_server.port, timeout=60, settings=self.settings)

    def ask_nyala(self, sql):
        try:
            return self.nyala.query(sql)
        except Gone as gone:
            self.nyala = self.connect()
            return [Answer(error={"C": "GONE", "M": str(gone)})]

    def both(self, sql):
        return self.ask_nyala(sql), self.postgres.query(sql)

    def stop(self):
        self.nyala_server.stop()
        self.postgres_server.stop()


def code(answers):
    return next((answer.error.get("C") for answer in answers if answer.error), None)


def content(answers, ordered):
    """What is compared of answers without errors."""
    keep = (lambda rows: rows) if ordered else (lambda rows: sorted(rows, key=repr))
    return [(answer.columns, keep(answer.rows), answer.tag) for answer in answers]


def verdict(ours, theirs, ordered):
    mine, other = code(ours), code(theirs)
    if mine == "0A000" and other != "0A000":
        return REFUSED
    if mine or other:
        return FAILED if mine == other else DIFFERENT
    return EQUAL if content(ours, ordered) == content(theirs, ordered) else DIFFERENT


def smaller(node, fails):
    """The smallest form of a statement that still fails."""
    attempts = 0
    changed = True
    while changed and attempts < ATTEMPTS_MAX:
        changed = False
        for part in list(node.nodes()):
            for simple in part.simpler:
                before = part.parts, part.simpler
                part.parts = [simple]
                # A node that took the place keeps what may stand in its own.
                part.simpler = []
                attempts += 1
                if attempts > ATTEMPTS_MAX:
                    part.parts, part.simpler = before
                    return node
                if fails(node):
                    changed = True
                    break
                part.parts, part.simpler = before
    return node


class Run:
    def __init__(self, sides, seed, out):
        self.sides, self.generator, self.out = sides, Generator(seed), out
        self.random = random.Random(seed)
        self.counts = collections.Counter()

    def schema(self):
        for table in self.generator.tables:
            self.sides.both(f"DROP TABLE {table.name}")
        self.script = self.generator.schema()
        for statement in self.script:
            self.statement(Node(statement), True, keep=False)

    def statement(self, node, ordered, keep=True):
        """Runs a statement on both sides. Gives Nyala's answer if it is PostgreSQL's."""
        sql = str(node)
        ours, theirs = self.sides.both(sql)
        found = verdict(ours, theirs, ordered)
        self.counts[found] += 1
        if found == DIFFERENT:
            if keep:
                smaller(node, lambda n: verdict(*self.sides.both(str(n)), ordered) == DIFFERENT)
            ours, theirs = self.sides.both(str(node)) if keep else (ours, theirs)
            self.report(str(node), f"---- PostgreSQL\n{shown(theirs)}\n---- Nyala\n{shown(ours)}")
        return ours if found == EQUAL else None

    def report(self, sql, what):
        print(*(s + ";" for s in self.script), f"==== {sql};", what, "", sep="\n", file=self.out, flush=True)

    def queries(self, count):
        """Queries over one schema, in memory, in segments, and rewritten."""
        self.schema()
        answers = []
        for at in range(count):
            if at == count // 3:
                self.sides.ask_nyala("CHECKPOINT")
            if at == 2 * count // 3:
                for table in self.generator.tables:
                    self.sides.ask_nyala(f"VACUUM FULL {table.name}")
            if self.random.random() < 0.1:
                change = self.generator.change()
                # What it changed is changed: it cannot be made smaller.
                self.statement(change, True, keep=False)
                self.script.append(str(change))
                answers.clear()
                continue
            if self.random.random() < 0.15:
                self.partition()
                continue
            node, ordered = self.generator.query()
            answer = self.statement(node, ordered)
            if answer:
                answers.append((str(node), ordered, content(answer, ordered)))
        for sql, ordered, before in answers:
            after = self.sides.ask_nyala(sql)
            same = not code(after) and content(after, ordered) == before
            self.counts[EQUAL if same else DIFFERENT] += 1
            if not same:
                self.report(sql, f"---- after CHECKPOINT and VACUUM FULL\n{shown(after)}\n---- before\n{before}")

    def partition(self):
        """One condition told in WHERE, in parts, and in the select list."""
        source, scope = self.generator.source([], 2)
        condition = self.generator.boolean(scope, 2)
        rows = lambda where: self.sides.ask_nyala(f"SELECT *{source}{where}")
        every = rows("")
        parts = [rows(f" WHERE {test}") for test in (condition, f"NOT {condition}", f"{condition} IS NULL")]
        counted = self.sides.ask_nyala(f"SELECT coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0){source}")
        if any(code(answers) for answers in [every, *parts, counted]):
            self.counts[REFUSED if "0A000" in map(code, [every, *parts, counted]) else FAILED] += 1
            return
        together = sorted((row for (answer,) in parts for row in answer.rows), key=repr)
        same = together == sorted(every[0].rows, key=repr) and counted[0].rows == [[str(len(parts[0][0].rows))]]
        self.counts[EQUAL if same else DIFFERENT] += 1
        if not same:
            found = [len(answer[0].rows) for answer in [every, *parts]]
            self.report(f"SELECT *{source} WHERE {condition}", f"---- all, true, false, unknown, counted\n{found} {counted[0].rows}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", type=pathlib.Path, required=True, help="the server's binary")
    parser.add_argument("--count", type=int, default=400, help="statements")
    parser.add_argument("--seed", type=int, help="default: a random one, which is printed")
    parser.add_argument("--details", type=argparse.FileType("w"), default=sys.stdout, help="file for what is different")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(1 << 32) if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    directory = pathlib.Path(tempfile.mkdtemp(prefix="nyala-differential-"))
    directory.chmod(0o755)
    sides = Sides(arguments.program, directory)
    run = Run(sides, seed, arguments.details)
    try:
        for _ in range(max(1, arguments.count // SCHEMA_QUERIES)):
            run.queries(min(SCHEMA_QUERIES, arguments.count))
    finally:
        sides.stop()
        shutil.rmtree(directory, ignore_errors=True)
    print(", ".join(f"{name} {count}" for name, count in sorted(run.counts.items())))
    return 1 if run.counts[DIFFERENT] else 0


if __name__ == "__main__":
    sys.exit(main())
