"""Random expressions of a type over the columns in scope, with all that may stand in their place."""

import random
import re

from tree import Node, joined
from values import COMMON, CONDITIONS, EXPRESSIONS, NO_EXTREMES, RISKY, SHORT, TYPES, VALUES

_PLACE = re.compile(r"\{(" + "|".join(SHORT) + r")\}")


class Expressions:
    """Scopes are lists of pairs: the text that names a column, its type."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def some(self, share):
        return self.random.random() < share

    def type(self):
        return self.random.choice(COMMON if self.some(0.5) else TYPES)

    def optional(self, node):
        return Node(node, simpler=[""])

    def literal(self, ty):
        if self.some(0.1):
            return f"NULL::{ty}"
        return constant(self.random.choice(VALUES[ty] if self.some(0.1) else VALUES[ty][:4]), ty)

    def value(self, scope, ty, depth):
        columns = [name for name, other in scope if other == ty]
        simple = self.random.choice(columns) if columns and self.some(0.8) else self.literal(ty)
        if depth <= 0 or self.some(0.4):
            return Node(simple)
        return Node(self.compound(scope, ty, depth), simpler=[simple, self.literal(ty)])

    def compound(self, scope, ty, depth):
        if EXPRESSIONS[ty] and self.some(0.65):
            return self.filled(EXPRESSIONS[ty], scope, depth - 1)
        if ty == "bool" and self.some(0.7):
            return self.boolean(scope, depth)
        value = lambda: self.value(scope, ty, depth - 1)
        common = [
            lambda: Node("CASE WHEN ", self.boolean(scope, depth - 1), " THEN ", value(), " ELSE ", value(), " END"),
            lambda: Node("CASE WHEN ", self.boolean(scope, depth - 1), " THEN ", value(), " END"),
            lambda: Node("coalesce(", value(), ", ", value(), ")"),
            lambda: Node("nullif(", value(), ", ", value(), ")"),
            lambda: Node(self.random.choice(["greatest", "least"]), "(", value(), ", ", value(), ")"),
        ]
        if depth > 1:
            common += [lambda: self.scalar(scope, ty, depth - 1)] * 2
        made = self.random.choice(common)()
        # What becomes of a type's modifier is told by a cast.
        return Node("(", made, f")::{ty}") if "(" in ty else made

    def filled(self, templates, scope, depth):
        """A template with an expression at each of its places; rather one of columns than of constants."""
        there = {ty for _, ty in scope}
        some = [_PLACE.split(self.random.choice(templates)) for _ in range(3)]
        pieces = max(some, key=lambda pieces: sum(SHORT[place] in there for place in pieces[1::2]) / len(pieces))
        parts = [self.at_place(scope, SHORT[piece], depth) if at % 2 else piece for at, piece in enumerate(pieces)]
        return Node(*parts)

    def at_place(self, scope, ty, depth):
        if ty == "bool":
            return self.boolean(scope, depth)
        return self.value(scope, ty, depth)

    def boolean(self, scope, depth):
        return Node("(", self.condition(scope, depth), ")", simpler=["true", "false"])

    def condition(self, scope, depth):
        if self.some(0.3):
            return self.filled(CONDITIONS, scope, depth - 1)
        ty = self.random.choice([ty for _, ty in scope] or TYPES)
        value = lambda: self.value(scope, ty, depth - 1)
        simple = [
            lambda: self.comparison(scope, ty, depth),
            lambda: self.comparison(scope, ty, depth),
            lambda: Node(value(), self.random.choice([" IS NULL", " IS NOT NULL"])),
            lambda: Node(value(), self.random.choice([" IS DISTINCT FROM ", " IS NOT DISTINCT FROM "]), value()),
            lambda: Node(value(), self.random.choice([" BETWEEN ", " NOT BETWEEN "]), value(), " AND ", value()),
            lambda: Node(value(), self.random.choice([" IN (", " NOT IN ("]), value(), ", ", value(), ", ", value(), ")"),
        ]
        if depth <= 0:
            return self.random.choice(simple)()
        part = lambda: self.boolean(scope, depth - 1)
        compound = [
            lambda: self.connected(" AND ", part(), part()),
            lambda: self.connected(" OR ", part(), part()),
            lambda: Node("NOT ", part()),
            lambda: Node(part(), self.random.choice([" IS TRUE", " IS NOT FALSE", " IS UNKNOWN"])),
        ]
        if depth > 1:
            compound += [lambda: self.tested(scope, ty, depth)] * 3
        return self.random.choice(simple + compound)()

    def connected(self, word, left, right):
        return Node(left, word, right, simpler=[left, right])

    def comparison(self, scope, ty, depth, left=None):
        left = left or self.value(scope, ty, depth - 1)
        operator = self.random.choice(["=", "=", "<>", "<", "<=", ">", ">="])
        return Node(left, f" {operator} ", self.value(scope, ty, depth - 1))

    # Over many rows.

    def aggregate(self, scope, ty):
        filter_ = self.optional(Node(" FILTER (WHERE ", self.boolean(scope, 1), ")")) if self.some(0.3) else ""
        distinct = self.random.choice(["", "", "DISTINCT "])
        value = lambda other=ty, depth=1: self.value(scope, other, depth)
        call = lambda name, argument, all_=distinct: Node(f"{name}({all_}", argument, ")", filter_)
        own = {
            "bigint": [
                lambda: Node("count(*)", filter_),
                lambda: call("count", value(self.type())),
                lambda: call("sum", value(self.random.choice(["int", "smallint"]), 0)),
                lambda: call("regr_count", Node(value("float8"), ", ", value("float8")), ""),
            ],
            "numeric": [
                lambda: Node("trim_scale(", call(self.random.choice(["sum", "avg"]), value("numeric(8,2)")), ")"),
                lambda: Node("trim_scale(", call(self.random.choice(["sum", "avg"]), value("bigint")), ")"),
                lambda: Node("trim_scale(", call(self.random.choice(["avg", "stddev", "var_pop"]), value("int")), ")"),
                lambda: call("min", value()),
            ],
            "bool": [lambda: call(self.random.choice(["bool_and", "bool_or", "every"]), self.boolean(scope, 1), "")],
            "int": [
                lambda: call(self.random.choice(["bit_and", "bit_or", "bit_xor"]), value(), ""),
                lambda: call("max", value()),
                lambda: Node("mode() WITHIN GROUP (ORDER BY ", value(), ")", filter_),
            ],
            "text": [
                lambda: self.collected("string_agg(DISTINCT ", "text", ", ','", scope, ")", filter_),
                lambda: call("min", value()),
            ],
            "float8": [
                lambda: Node("sum((", value("int"), " % 100)::float8)", filter_),
                lambda: call("max", value()),
                lambda: Node("percentile_cont(0.25) WITHIN GROUP (ORDER BY (", value("int"), ")::float8)", filter_),
            ],
            "int[]": [lambda: self.collected(f"array_agg({distinct}", "int", "", scope, ")", filter_)],
            "text[]": [lambda: self.collected(f"array_agg({distinct}", "text", "", scope, ")", filter_)],
            "jsonb": [lambda: self.collected("jsonb_agg(", self.random.choice(["int", "text", "bool"]), "", scope, ")", filter_)],
        }
        if ty in own and self.some(0.7):
            return self.random.choice(own[ty])()
        if ty in NO_EXTREMES or (not ty.endswith("[]") and self.some(0.1)):
            first = self.collected("(array_agg(", ty, "", scope, ")", Node(filter_, ")[1]"))
            return Node("(", first, f")::{ty}") if "(" in ty else first
        if self.some(0.2):
            return Node("percentile_disc(0.5) WITHIN GROUP (ORDER BY ", value(), ")", filter_) if "(" not in ty else self.cast("max", ty, value())
        name = self.random.choice(["min", "max"])
        return self.cast(name, ty, value()) if "(" in ty else Node(f"{name}(", value(), ")", filter_)

    def cast(self, name, ty, value):
        return Node(f"{name}(", value, f")::{ty}")

    def collected(self, call, ty, more, scope, end, filter_):
        """An aggregate that collects values in their own order."""
        value = self.value(scope, ty, 1)
        return Node(call, value, f"{more} ORDER BY ", value, self.random.choice(["", " DESC", " NULLS FIRST"]), end, filter_)

    def window(self, scope, ty, depth):
        """A call over a window that is ordered by all columns, so that only equal rows are peers; with its type."""
        order = ", ".join(self.direction(name) for name, _ in scope)
        partition = f"PARTITION BY {self.random.choice(scope)[0]} " if self.some(0.5) else ""
        over = f" OVER ({partition}ORDER BY {order}"
        filter_ = self.optional(Node(" FILTER (WHERE ", self.boolean(scope, 1), ")")) if self.some(0.2) else ""
        plain = {
            "bigint": ["row_number()", "rank()", "dense_rank()"],
            "int": ["ntile(3)"],
            "float8": ["percent_rank()", "cume_dist()"],
        }
        choice = self.random.random()
        if ty in plain and choice < 0.3:
            return Node(self.random.choice(plain[ty]), over, ")")
        if choice < 0.6 and "(" not in ty:
            name = self.random.choice(["lag({})", "lead({}, 2)", "lag({}, 1, {})", "first_value({})", "last_value({})", "nth_value({}, 2)"])
            pieces = name.split("{}")
            parts = [pieces[0]]
            for piece in pieces[1:]:
                parts += [self.value(scope, ty, min(depth, 1)), piece]
            return Node(*parts, over, "" if name.startswith(("lag", "lead")) else self.frame(), ")")
        if ty == "bigint":
            return Node("count(*)", filter_, self.numbers(scope) if self.some(0.3) else Node(over, self.frame()), ")")
        if ty == "numeric":
            inner = self.value(scope, self.random.choice(["numeric(8,2)", "int", "smallint"]), 1)
            return Node("trim_scale(sum((", inner, ")::numeric)", filter_, over, self.frame(), "))")
        return None

    def frame(self):
        if self.some(0.5):
            return ""
        start = self.random.choice(["UNBOUNDED PRECEDING", "2 PRECEDING", "CURRENT ROW", "1 PRECEDING"])
        end = self.random.choice(["CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING", "2 FOLLOWING"])
        unit = self.random.choice(["ROWS", "GROUPS", "RANGE"])
        if unit == "RANGE":
            # A distance needs one number to go by.
            start, end = ("CURRENT ROW" if at[0] in "12" else at for at in (start, end))
        return f" {unit} BETWEEN {start} AND {end}" + self.random.choice(["", "", "", " EXCLUDE GROUP", " EXCLUDE CURRENT ROW", " EXCLUDE TIES"])

    def numbers(self, scope):
        """A window of the numbers around the one of a row."""
        names = [name for name, ty in scope if ty in ("int", "numeric(8,2)", "float8")]
        name = self.random.choice(names) if names else "1"
        start, end = self.random.choice([("1 PRECEDING", "1 FOLLOWING"), ("2 PRECEDING", "CURRENT ROW"), ("UNBOUNDED PRECEDING", "1 FOLLOWING")])
        return f" OVER (ORDER BY {name}{self.random.choice(['', ' DESC'])} RANGE BETWEEN {start} AND {end}"

    def direction(self, key):
        return key + self.random.choice(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"])

    # With errors.

    def risky(self, scope):
        """An expression over columns that may raise an error; None when no column is of its types."""
        for _ in range(20):
            pieces = _PLACE.split(self.random.choice(RISKY))
            columns = [[name for name, ty in scope if ty == SHORT[piece]] for piece in pieces[1::2]]
            if all(columns):
                parts = [self.random.choice(columns[at // 2]) if at % 2 else piece for at, piece in enumerate(pieces)]
                return Node(*parts)
        return None


def constant(value, ty):
    # A sign would be computed behind the cast.
    return f"'{value}'::{ty}" if value.startswith("-") else f"{value}::{ty}"
