"""The same statements to PostgreSQL and to Nyala, and what became of each: equal, refused, different or left out.

The rule, the same for every script:
- equal: same column names, type OIDs, rows and copied lines as far as the statement orders them (order.py says how),
  command tags; or errors of the same SQLSTATE. OIDs of types that a script made are not compared.
- refused: Nyala answers 0A000 and PostgreSQL does not.
- left out: EXPLAIN; procedural languages, triggers, inheritance; statements that name an object which a refused or left out
  statement made or changed (or a sequence, index or constraint named after such a table), or that stand in a transaction which
  such a statement ended or should have begun, or that lack a right of a role which could not be made; SHOW of a setting
  whose SET was refused, and while that is standard_conforming_strings, statements with a backslash or `U&`; commands of psql;
  answers that differ only where the statement leaves them open, as order.py says.
- different: everything else.
"""

import collections
import re

from order import agrees_where_decided, same_rows
from protocol import Answer, Gone

EQUAL, REFUSED, DIFFERENT, LEFT_OUT = "equal", "refused", "different", "left out"

_LEFT_OUT = re.compile(
    r"\bexplain\b|\blanguage\s+'?(plpgsql|c|internal|plperl|plpython)\b|\b(trigger|inherits|inherit)\b|^\s*(do|load)\b", re.I
)
_NAME = r'(?:"[^"]+"|[A-Za-z_]\w*)(?:\.(?:"[^"]+"|[A-Za-z_]\w*))*'
# What a statement makes or changes.
_OBJECTS = [
    re.compile(
        r"\b(?:create|alter|drop)\s+(?:or\s+replace\s+)?(?:global\s+|local\s+)?(?:temp\s+|temporary\s+|unlogged\s+|recursive\s+|unique\s+|foreign\s+|materialized\s+)*"
        r"(?:table|view|sequence|type|domain|function|procedure|aggregate|index|operator\s+class|operator|cast|schema|role|user|rule|policy|collation|cast)\s+"
        rf"(?:concurrently\s+)?(?:if\s+(?:not\s+)?exists\s+)?(?:only\s+)?({_NAME})",
        re.I,
    ),
    re.compile(rf"\binsert\s+into\s+({_NAME})", re.I),
    re.compile(rf"\bupdate\s+(?:only\s+)?({_NAME})", re.I),
    re.compile(rf"\bdelete\s+from\s+(?:only\s+)?({_NAME})", re.I),
    re.compile(rf"\bmerge\s+into\s+(?:only\s+)?({_NAME})", re.I),
    re.compile(rf"\btruncate\s+(?:table\s+)?(?:only\s+)?({_NAME})", re.I),
    re.compile(rf"^\s*copy\s+({_NAME})[^;]*?\bfrom\b", re.I),
    re.compile(rf"\binto\s+(?:temp\s+|temporary\s+|table\s+)*({_NAME})", re.I),
    re.compile(rf"\b(?:nextval|setval)\s*\(\s*'({_NAME})'", re.I),
    re.compile(rf"\bprepare\s+({_NAME})", re.I),
    re.compile(rf"\bdeclare\s+({_NAME})", re.I),
    re.compile(rf"\brefresh\s+materialized\s+view\s+(?:concurrently\s+)?({_NAME})", re.I),
    re.compile(rf"\brename\s+to\s+({_NAME})", re.I),
    re.compile(rf"\bcreate\s+(?:unique\s+)?index\b[^;]*?\bon\s+(?:only\s+)?({_NAME})", re.I),
    re.compile(rf"\binherits\s*\(\s*({_NAME})", re.I),
    re.compile(rf"\bpartition\s+of\s+({_NAME})", re.I),
    re.compile(rf"\b(?:trigger|policy)\b[^;]*?\bon\s+({_NAME})", re.I),
    re.compile(rf"\brule\b[^;]*?\bon\s+\w+\s+to\s+({_NAME})", re.I),
    re.compile(rf"\battach\s+partition\s+({_NAME})", re.I),
]
_CREATED = re.compile(r"^\s*(explain\b[^;]*\banalyze\b[^;]*\bcreate|create|alter|drop|insert|update|delete|merge|truncate|copy|with|select|refresh|prepare|declare|comment)", re.I)
_WORD = re.compile(r'"([^"]+)"|([A-Za-z_]\w*)')
_SETTING = re.compile(r"\s*set\s+(?:session\s+|local\s+)?(\w+)\s*(?:=|\bto\b)", re.I)
_SET_ROLE = re.compile(r"\s*(re)?set\s+(?:session\s+authorization|role)\b", re.I)
_SHOW = re.compile(r"\s*show\s+(\w+)", re.I)
_SUFFIXES = {"seq", "pkey", "key", "idx", "fkey", "check"}
_FIRST_USER_OID = 16_384


def objects(sql):
    """Names that a statement makes or changes, without schemas, in lower case."""
    found = set()
    for pattern in _OBJECTS:
        for match in pattern.finditer(sql):
            name = match.group(1)
            if name:
                found.add(name.split(".")[-1].strip('"').lower())
    return found - {"select", "values", "table", "only", "set", "stdout", "default"}


def words(sql):
    return {(quoted or plain).lower() for quoted, plain in _WORD.findall(sql)}


def shown(answers):
    """Answers as short text."""
    lines = []
    for answer in answers:
        if answer.error:
            lines.append(f"{answer.error.get('C')}: {answer.error.get('M')}")
            continue
        if answer.columns is not None:
            lines.append(" | ".join(f"{name}:{oid}" for name, oid in answer.columns))
            lines.extend(" | ".join("NULL" if v is None else v for v in row) for row in answer.rows[:12])
            if len(answer.rows) > 12:
                lines.append(f".. {len(answer.rows)} rows")
        lines.extend(line.rstrip("\n") for line in answer.copied[:12])
        lines.append(answer.tag)
    return "\n".join(lines)


def _same(sql, ours, theirs, agree=same_rows):
    if len(ours) != len(theirs):
        return False
    for mine, other in zip(ours, theirs):
        if (mine.error or other.error) and (mine.error or {}).get("C") != (other.error or {}).get("C"):
            return False
        if mine.error:
            continue
        if _columns(mine) != _columns(other) or mine.tag != other.tag:
            return False
        names = [name for name, _ in mine.columns] if mine.columns is not None else None
        if not agree(sql, names, mine.rows or mine.copied, other.rows or other.copied):
            return False
    return True


def _columns(answer):
    if answer.columns is None:
        return None
    return [(name, min(oid, _FIRST_USER_OID)) for name, oid in answer.columns]


class Comparison:
    """Runs one script's statements on both sides and keeps what became of them."""

    def __init__(self, postgres, nyala, reconnect):
        self.postgres, self.nyala, self.reconnect = postgres, nyala, reconnect
        # Names of objects that differ because something was refused.
        self.tainted = set()
        # Objects changed in the transaction that is open.
        self.touched = set()
        self.broken_transaction = False
        # Settings that are not what the script set them to.
        self.settings = set()
        self.other_role = False
        self.counts = collections.Counter()
        self.details = []

    def run(self, sql, block):
        blocks = []

        def next_block():
            blocks.append(block())
            return blocks[-1]

        theirs = self.postgres.query(sql, next_block)
        replay = iter(blocks)
        try:
            ours = self.nyala.query(sql, lambda: next(replay, None))
        except Gone as gone:
            ours = [Answer(error={"C": "GONE", "M": str(gone)})]
            self.nyala = self.reconnect()
        self._judge(sql, ours, theirs)

    def _judge(self, sql, ours, theirs):
        made = objects(sql)
        in_block = self.postgres.status != "I"
        self.touched |= made
        verdict = self._verdict(sql, ours, theirs)
        if verdict in (REFUSED, LEFT_OUT) and any(a.error for a in ours) or verdict == LEFT_OUT and not all(a.error for a in theirs):
            if _CREATED.match(sql) and not _same(sql, ours, theirs):
                self.tainted |= made
        # Ended by a statement, or never begun.
        if (self.nyala.status, self.postgres.status) in (("E", "T"), ("I", "T"), ("I", "E")):
            self.broken_transaction = True
        if not in_block:
            if self.broken_transaction:
                self.tainted |= self.touched
                if self.nyala.status != "I":
                    self.nyala.query("ROLLBACK")
            self.broken_transaction = False
            self.touched = set()
        setting = _SETTING.match(sql)
        if setting and verdict in (EQUAL, REFUSED):
            name = setting.group(1).lower()
            self.settings = self.settings | {name} if verdict == REFUSED else self.settings - {name}
        role = _SET_ROLE.match(sql)
        if role and not any(a.error for a in theirs):
            self.other_role = any(a.error for a in ours)
        self.counts[verdict] += 1
        if verdict in (DIFFERENT, REFUSED):
            self.details.append((verdict, sql, shown(theirs), shown(ours)))

    def _named_after(self, sql):
        """Whether it names a sequence, index or constraint whose name PostgreSQL makes of a table that differs."""
        for word in words(sql):
            parts = word.split("_")
            if parts[-1] in _SUFFIXES and any("_".join(parts[:end]) in self.tainted for end in range(1, len(parts))):
                return True
        return False

    def _reads_otherwise(self, sql):
        shown = _SHOW.match(sql)
        if shown and shown.group(1).lower() in self.settings:
            return True
        # A string is read otherwise without it.
        if "standard_conforming_strings" not in self.settings or _SETTING.match(sql):
            return False
        return re.search(r"\\|\bu&['\"]", sql, re.I) is not None

    def _verdict(self, sql, ours, theirs):
        if _LEFT_OUT.search(sql):
            return LEFT_OUT
        if self.broken_transaction:
            return LEFT_OUT
        if words(sql) & self.tainted or self._named_after(sql):
            return LEFT_OUT
        if self.other_role and any(a.error and a.error.get("C") == "42501" for a in theirs):
            return LEFT_OUT
        if self._reads_otherwise(sql):
            return LEFT_OUT
        if _same(sql, ours, theirs):
            return EQUAL
        if any(a.error and a.error.get("C") == "0A000" for a in ours):
            return REFUSED
        if _same(sql, ours, theirs, agrees_where_decided):
            return LEFT_OUT
        return DIFFERENT
