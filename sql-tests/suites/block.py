"""One block of the differential runner: random tables, then random statements over them, to PostgreSQL and to Nyala.

A block depends on its seed alone. What is compared of a statement: names and type OIDs of columns (those of types that the block
made only as such), rows, in their order where an ORDER BY names all columns, tag, SQLSTATE. The rule:
- equal: the same; of two errors of values (class 22, and 54000 for what is too long or no character) or of constraints
  (class 23), which one a statement of several rows or expressions meets first is left open: any two are the same;
- refused: Nyala answers 0A000 and PostgreSQL does not;
- both fail: with the same SQLSTATE;
- left out: one of the two took too long (57014), or Nyala had less memory on purpose and says so (53200);
- different: everything else.
"""

import collections
import re

from changes import Changes
from comparison import shown
from protocol import Answer, Connection, Gone
from tree import smaller

EQUAL, REFUSED, DIFFERENT, FAILED, LEFT_OUT = "equal", "refused", "different", "both fail", "left out"
STATEMENTS, BIG_STATEMENTS = 80, 12
_FIRST_USER_OID = 16_384
_TOO_SLOW, _NO_MEMORY, _REFUSED = "57014", "53200", "0A000"
# What a statement of a block's script makes or changes first.
_TARGET = re.compile(r"\b(?:TABLE|VIEW|INTO|UPDATE|FROM|FULL) (\w+)")
_WORD = re.compile(r"\w+")
_NO_INTEGER = re.compile(r"cannot convert (NaN|infinity) to \w+$")
# Time that each has for a statement.
_NYALA_MS, _POSTGRES_MS = 10_000, 2_000
# Attempts to make a statement over big tables smaller.
_BIG_ATTEMPTS = 60


class Sides:
    """A connection to each server; everything happens in a schema of the worker's own."""

    def __init__(self, nyala, postgres, schema):
        self.schema, self.ports = schema, (nyala, postgres)
        self.nyala, self.postgres = self._connect(nyala, _NYALA_MS), self._connect(postgres, _POSTGRES_MS)

    def _connect(self, port, timeout_ms):
        settings = {"TimeZone": "UTC", "search_path": self.schema, "statement_timeout": str(timeout_ms)}
        return Connection("127.0.0.1", port, timeout=300, settings=settings)

    def ask_nyala(self, sql):
        try:
            return self.nyala.query(sql)
        except (Gone, OSError) as gone:
            self.nyala = self._connect(self.ports[0], _NYALA_MS)
            return [Answer(error={"C": "GONE", "M": str(gone)})]

    def ask_postgres(self, sql):
        return self.postgres.query(sql)

    def both(self, sql):
        """Both work on it at once."""
        self.postgres.ask(sql)
        return self.ask_nyala(sql), self.postgres.answers()

    def close(self):
        self.nyala.close()
        self.postgres.close()


def code(answers):
    """The SQLSTATE; that of a NaN or an infinity which no integer is, 0A000 in PostgreSQL, is one of values like others."""
    error = next((answer.error for answer in answers if answer.error), None)
    if error and _NO_INTEGER.match(error.get("M", "")):
        return "22003"
    return error and error.get("C")


def content(answers, ordered):
    """What is compared of answers without errors."""
    keep = (lambda rows: rows) if ordered else (lambda rows: sorted(rows, key=repr))
    columns = lambda answer: answer.columns and [(name, min(oid, _FIRST_USER_OID)) for name, oid in answer.columns]
    return [(columns(answer), keep(answer.rows), answer.tag) for answer in answers]


def verdict(ours, theirs, ordered):
    mine, other = code(ours), code(theirs)
    if mine == _REFUSED and other != _REFUSED:
        return REFUSED
    if _TOO_SLOW in (mine, other) or mine == _NO_MEMORY:
        return LEFT_OUT
    if mine or other:
        alike = mine and other and (mine == other or _left_open(mine) and _left_open(mine) == _left_open(other))
        return FAILED if alike else DIFFERENT
    return EQUAL if content(ours, ordered) == content(theirs, ordered) else DIFFERENT


def _left_open(code):
    """Of which errors several rows can meet any first."""
    return "values" if code[:2] == "22" or code == "54000" else "constraints" if code[:2] == "23" else None


class Block:
    """`report(text)` takes what is different, `name` says how to run the block again."""

    def __init__(self, sides, seed, big, name, report):
        self.sides, self.big, self.name, self.report = sides, big, name, report
        self.statements = Changes(seed)
        self.random = self.statements.random
        self.counts = collections.Counter()
        self.script = []
        # Of queries that were equal: text, whether ordered, content.
        self.answers = []
        self.refusals = collections.Counter()

    def run(self):
        sides = self.sides
        sides.ask_nyala("ROLLBACK")
        sides.ask_postgres("ROLLBACK")
        sides.both(f"DROP SCHEMA IF EXISTS {sides.schema} CASCADE")
        sides.both(f"CREATE SCHEMA {sides.schema}")
        if not self.make_tables():
            return
        count = BIG_STATEMENTS if self.big else STATEMENTS
        for at in range(count):
            if at == count // 3:
                self.maintain("CHECKPOINT")
            if at == 2 * count // 3:
                for table in self.statements.stored_tables:
                    self.maintain(f"VACUUM FULL {table.name}")
            if not self.statement():
                return
        self.answers_stay()

    def make_tables(self):
        """Whether both have the same tables."""
        for theirs_sql, ours_sql in self.statements.schema(self.big):
            theirs, ours = self.sides.ask_postgres(theirs_sql), self.sides.ask_nyala(ours_sql)
            found = self.count(verdict(ours, theirs, True), ours_sql, ours)
            if found == DIFFERENT:
                self.different(ours_sql, ours, theirs)
            if ours_sql.startswith("CREATE VIEW"):
                if found != EQUAL:
                    name = self.statements.tables.pop().name
                    self.sides.both(f"DROP VIEW IF EXISTS {name}")
                    continue
            elif found != EQUAL:
                return False
            self.script.append(ours_sql)
        return True

    def maintain(self, sql):
        answers = self.sides.ask_nyala(sql)
        self.script.append(sql)
        if code(answers) and self.count(verdict(answers, [], True), sql, answers) == DIFFERENT:
            self.different(sql, answers, [])

    def statement(self):
        """Runs one; whether the block can go on."""
        choice = self.random.random()
        if choice < 0.2:
            return self.change()
        if choice < 0.25:
            self.partition()
            return True
        if choice < 0.32:
            node = self.statements.failing()
            if node:
                self.query(node, "")
            return True
        self.query(*self.statements.query())
        return True

    def query(self, node, order):
        sql = str(node)
        # Its rows come in an order as long as that is not left out.
        compared = lambda: verdict(*self.sides.both(str(node)), bool(str(order)))
        ours, theirs = self.sides.both(sql)
        ordered = bool(str(order))
        found = self.count(verdict(ours, theirs, ordered), sql, ours)
        if found == EQUAL:
            if self.random.random() < 0.2:
                self.answers.append((sql, ordered, content(ours, ordered)))
        elif found == DIFFERENT:
            if compared() != DIFFERENT:
                self.report(self.told(sql, f"---- not again\n{shown(theirs)}\n---- Nyala, once\n{shown(ours)}"))
                return
            smaller(node, lambda _: compared() == DIFFERENT, *([_BIG_ATTEMPTS] if self.big else []))
            self.different(str(node), *self.sides.both(str(node)))

    # Changes.

    def change(self):
        """Changes rows, by itself or in a transaction; whether both sides have the same rows then."""
        node, table = self.statements.change()
        self.answers.clear()
        if self.random.random() < 0.3:
            return self.alone(str(node), table)
        self.sides.both("BEGIN")
        found = self.tried(node, table)
        kept = self.count(found[0], str(node), found[1]) == EQUAL
        if kept:
            self.sides.both("COMMIT")
            self.script.append(str(node))
            return True
        self.sides.both("ROLLBACK")
        if found[0] == DIFFERENT:
            smaller(node, lambda node: self.within(node, table)[0] == DIFFERENT, _BIG_ATTEMPTS)
            self.different(str(node), *self.within(node, table)[1:])
        return True

    def tried(self, node, table):
        """What became of a statement and of the table, and the answers to that which tells it."""
        ours, theirs = self.sides.both(str(node))
        found = verdict(ours, theirs, False)
        if found != EQUAL:
            return found, ours, theirs
        more = self.sides.both(f"SELECT * FROM {table.name}")
        return verdict(*more, False), *((ours, theirs) if verdict(*more, False) == EQUAL else more)

    def within(self, node, table):
        self.sides.both("BEGIN")
        try:
            return self.tried(node, table)
        finally:
            self.sides.both("ROLLBACK")

    def alone(self, sql, table):
        """As one transaction of its own: what is different cannot be tried again."""
        ours = self.sides.ask_nyala(sql)
        if code(ours) in (_REFUSED, _NO_MEMORY, _TOO_SLOW):
            self.count(verdict(ours, [], False), sql, ours)
            return True
        theirs = self.sides.ask_postgres(sql)
        found = verdict(ours, theirs, False)
        if found == EQUAL:
            ours, theirs = self.sides.both(f"SELECT * FROM {table.name}")
            found = verdict(ours, theirs, False)
        if self.count(found, sql, ours) == DIFFERENT:
            self.different(sql, ours, theirs)
        if found == EQUAL:
            self.script.append(sql)
        return found in (EQUAL, FAILED)

    # Nyala alone.

    def answers_stay(self):
        """What was answered in memory is answered in segments, and rewritten."""
        for sql, ordered, before in self.answers:
            after = self.sides.ask_nyala(sql)
            if code(after) in (_TOO_SLOW, _NO_MEMORY):
                self.count(LEFT_OUT, sql, after)
                continue
            same = not code(after) and content(after, ordered) == before
            self.count(EQUAL if same else DIFFERENT, sql, after)
            if not same:
                self.report(self.told(sql, f"---- after CHECKPOINT and VACUUM FULL\n{shown(after)}\n---- before\n{before}"))

    def partition(self):
        """The rows for which a condition is true, false and unknown are all rows; as many are counted in the select list, where no
        storage prunes by it and no join is narrowed."""
        source, scope = self.statements.source([], 2)
        condition = self.statements.boolean(scope, 2)
        rows = lambda where: self.sides.ask_nyala(f"SELECT *{source}{where}")
        every = rows("")
        parts = [rows(f" WHERE {test}") for test in (condition, f"NOT {condition}", f"{condition} IS NULL")]
        counted = self.sides.ask_nyala(f"SELECT coalesce(sum(CASE WHEN {condition} THEN 1 ELSE 0 END), 0){source}")
        told = f"SELECT *{source} WHERE {condition}"
        codes = {code(answers) for answers in [every, *parts, counted]} - {None}
        if any(found.startswith("XX") for found in codes):
            self.count(DIFFERENT, told, every)
            self.report(self.told(told, f"---- all, true, false, unknown, counted\n{[shown(a) for a in [every, *parts, counted]]}"))
            return
        if codes:
            found = REFUSED if _REFUSED in codes else LEFT_OUT if codes <= {_TOO_SLOW, _NO_MEMORY} else FAILED
            failed = [answers for answers in [every, *parts, counted] if code(answers)]
            self.count(found, told, next((answers for answers in failed if code(answers) == _REFUSED), every))
            return
        together = sorted((row for (answer,) in parts for row in answer.rows), key=repr)
        same = together == sorted(every[0].rows, key=repr) and counted[0].rows == [[str(len(parts[0][0].rows))]]
        self.count(EQUAL if same else DIFFERENT, told, every)
        if not same:
            found = [len(answer[0].rows) for answer in [every, *parts]]
            self.report(self.told(told, f"---- all, true, false, unknown, counted\n{found} {counted[0].rows}"))

    # What is told.

    def count(self, found, sql, ours):
        self.counts[found] += 1
        if found == REFUSED:
            message = next((answer.error.get("M") for answer in ours if answer.error), "")
            self.refusals[message] += 1
        return found

    def different(self, sql, ours, theirs):
        self.report(self.told(sql, f"---- PostgreSQL\n{shown(theirs)}\n---- Nyala\n{shown(ours)}"))

    def told(self, sql, what):
        """The statements before it that it may depend on, itself and the answers."""
        known = {match.group(1) for s in self.script if (match := _TARGET.search(s))}
        needed, before = known & set(_WORD.findall(sql)), None
        while before != needed:
            before = set(needed)
            for statement in self.script:
                if self.target(statement) in needed:
                    needed |= known & set(_WORD.findall(statement))
        script = [s for s in self.script if self.target(s) in needed | {None}]
        return "\n".join([f"## {self.name}", *(s + ";" for s in script), f"==== {sql};", what, ""])

    def target(self, statement):
        match = _TARGET.search(statement)
        return match and match.group(1)
