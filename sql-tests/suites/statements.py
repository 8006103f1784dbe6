"""Random tables and queries, as trees of text whose parts can be left out or made simpler.

Every query has one answer whatever the plan is: sums are exact, nothing can overflow or be divided by zero, and rows that
are cut off or numbered stand in an order that only equal rows share. No two values are equal and look different, such as 1 and
1.0, or a month and 30 days.
"""

import random

INTEGERS = ["smallint", "int", "bigint"]
NUMBERS = INTEGERS + ["numeric", "numeric(8,2)"]
TYPES = NUMBERS + ["float8", "text", "varchar(5)", "bool", "date", "timestamp", "interval"]
VALUES = {
    "smallint": ["0", "1", "2", "3", "-1", "7", "32767", "-32768"],
    "int": ["0", "1", "2", "3", "-1", "7", "2147483647", "-2147483648"],
    "bigint": ["0", "1", "2", "3", "-1", "7", "9223372036854775807", "-9223372036854775808"],
    "numeric": ["0", "1", "2.5", "-1", "3", "0.1", "12345678901234567890.5", "'NaN'"],
    "numeric(8,2)": ["0", "1", "2.50", "-1", "3", "0.1", "99999.99"],
    "float8": ["0", "1", "2.5", "-1", "3", "-1e-5", "1e10", "'NaN'", "'Infinity'"],
    "text": ["''", "'a'", "'ab'", "'b'", "'B'", "'a%'", "'é'", "'1'", "'a '"],
    "varchar(5)": ["''", "'a'", "'ab'", "'b'", "'B'", "'abcde'", "'a '"],
    "bool": ["true", "false"],
    "date": ["'2000-01-01'", "'2000-02-29'", "'1999-12-31'", "'infinity'", "'0001-01-01 BC'"],
    "timestamp": ["'2000-01-01'", "'2000-01-01 00:00:00.000001'", "'1999-12-31 23:59:59'", "'-infinity'", "'2000-02-29'"],
    "interval": ["'0'", "'1 mon'", "'30 days 1 sec'", "'719:00:00'", "'-1 day'", "'1 year 2 days 3.5 secs'"],
}


class Node:
    """Text of parts. `simpler` are nodes or texts that may stand in its place."""

    def __init__(self, *parts, simpler=()):
        self.parts, self.simpler = list(parts), list(simpler)

    def __str__(self):
        return "".join(str(part) for part in self.parts)

    def nodes(self):
        """This node and all below it, the larger ones first."""
        yield self
        for part in self.parts:
            if isinstance(part, Node):
                yield from part.nodes()


def joined(separator, items):
    parts = []
    for item in items:
        parts += [separator, item] if parts else [item]
    return Node(*parts)


class Table:
    def __init__(self, name, columns, keyed):
        self.name, self.columns, self.keyed = name, columns, keyed


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tables = []
        self.aliases = 0

    # Tables.

    def schema(self):
        """Statements that make and fill some tables."""
        made = []
        self.tables = []
        for number in range(self.random.randint(2, 3)):
            types = [self.random.choice(TYPES) for _ in range(self.random.randint(2, 5))]
            columns = [(f"c{at}", ty) for at, ty in enumerate(types)]
            keyed = self.random.random() < 0.7
            table = Table(f"t{number}", [("k", "int"), *columns], keyed)
            key = "k int PRIMARY KEY" if keyed else "k int"
            made.append(f"CREATE TABLE {table.name} ({key}, {', '.join(f'{n} {t}' for n, t in columns)})")
            rows = self.random.choice([0, 3, 8, 20, 20])
            for at in range(rows):
                key = str(at) if keyed else self.random.choice(["1", "2", "3", "NULL"])
                values = [key, *(self.stored(ty) for ty in types)]
                made.append(f"INSERT INTO {table.name} VALUES ({', '.join(values)})")
            self.tables.append(table)
        return made

    def stored(self, ty):
        if self.random.random() < 0.2:
            return "NULL"
        # Few values, so that they meet.
        few = VALUES[ty] if self.random.random() < 0.3 else VALUES[ty][:4]
        return self.random.choice(few)

    def change(self):
        """An UPDATE or DELETE of some rows of a table."""
        table = self.random.choice(self.tables)
        scope = [(f"{table.name}.{name}", ty) for name, ty in table.columns]
        where = self.optional(Node(" WHERE ", self.boolean(scope, 2)))
        name, ty = self.random.choice(table.columns[1:])
        if self.random.random() < 0.3:
            return Node("DELETE FROM ", table.name, where)
        return Node("UPDATE ", table.name, f" SET {name} = ", self.small(scope, ty), where)

    def small(self, scope, ty):
        """A value that a column of the type surely takes."""
        same = [name for name, other in scope if other == ty]
        return Node(self.random.choice([self.literal(ty), *same]))

    # Queries.

    def alias(self):
        self.aliases += 1
        return f"a{self.aliases}"

    def optional(self, node):
        return Node(node, simpler=[""])

    def query(self):
        """A query, and whether its rows come in an order."""
        stored = self.tables
        common = self.common() if self.random.random() < 0.15 else ""
        body, types = self.union([], 3)
        self.tables = stored
        body = Node(common, body)
        ordered = self.random.random() < 0.5
        if not ordered:
            return body, False
        order = " ORDER BY " + ", ".join(self.direction(str(at + 1)) for at in range(len(types)))
        cut = Node(f" LIMIT {self.random.randint(0, 12)}", self.optional(Node(f" OFFSET {self.random.randint(0, 4)}")))
        limit = self.optional(cut) if self.random.random() < 0.5 else ""
        return Node(body, order, limit), True

    def common(self):
        """A common table expression, which is a table from then on."""
        inner, types = self.union([], 2)
        name = self.alias()
        self.tables = [*self.tables, Table(name, [(f"o{at}", ty) for at, ty in enumerate(types)], False)]
        how = self.random.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "])
        return Node(f"WITH {name} AS {how}(", inner, ") ")

    def direction(self, key):
        return key + self.random.choice(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"])

    def union(self, outer, depth, types=None):
        left, types = self.select(outer, depth, types)
        if depth < 2 or self.random.random() < 0.8:
            return left, types
        right, _ = self.select(outer, depth - 1, types)
        operator = self.random.choice(["UNION", "INTERSECT", "EXCEPT"]) + self.random.choice(["", " ALL"])
        return Node("(", left, f") {operator} (", right, ")", simpler=[left, right]), types

    def select(self, outer, depth, types=None):
        source, scope = self.source(outer, depth)
        every = scope + outer
        where = self.optional(Node(" WHERE ", self.boolean(every, depth)))
        if types is None:
            types = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 4))]
        kind = self.random.random()
        if kind < 0.35:
            return self.grouped(source, scope, outer, where, types, depth), types
        distinct = "DISTINCT " if self.random.random() < 0.2 else ""
        items = []
        for at, ty in enumerate(types):
            item = self.value(every, ty, depth)
            if kind > 0.8 and not distinct and ty in ("bigint", "numeric"):
                item = Node(self.window(scope, outer, ty, depth), simpler=[item])
            items.append(Node(item, f" AS o{at}"))
        return Node("SELECT ", distinct, joined(", ", items), source, where), types

    def grouped(self, source, scope, outer, where, types, depth):
        keys = [self.random.choice(scope) for _ in range(self.random.randint(0, 2))]
        names = list(dict.fromkeys(name for name, _ in keys))
        plain = [(name, ty) for name, ty in scope if name in names]
        items = [Node(self.aggregated(scope, plain, outer, ty, depth), f" AS o{at}") for at, ty in enumerate(types)]
        having = self.optional(Node(" HAVING ", self.comparison(plain + outer, "bigint", 1, self.aggregate(scope, "bigint"))))
        group = ""
        if names:
            sets = self.random.random()
            listed = ", ".join(names)
            group = " GROUP BY " + (f"ROLLUP ({listed})" if sets < 0.1 else f"CUBE ({listed})" if sets < 0.2 else listed)
        return Node("SELECT ", joined(", ", items), source, where, group, having if self.random.random() < 0.4 else "")

    def aggregated(self, scope, plain, outer, ty, depth):
        aggregate = self.aggregate(scope, ty)
        if aggregate is None or (plain and self.random.random() < 0.4):
            return self.value(plain, ty, min(depth, 1))
        return aggregate

    def aggregate(self, scope, ty):
        filter_ = self.optional(Node(" FILTER (WHERE ", self.boolean(scope, 1), ")")) if self.random.random() < 0.3 else ""
        distinct = self.random.choice(["", "", "DISTINCT "])
        if ty == "bigint":
            choice = self.random.random()
            if choice < 0.3:
                return Node("count(*)", filter_)
            if choice < 0.6:
                return Node(f"count({distinct}", self.value(scope, self.random.choice(TYPES), 1), ")", filter_)
            return Node(f"sum({distinct}", self.value(scope, "int", 0), ")", filter_)
        if ty == "numeric" and self.random.random() < 0.5:
            name = self.random.choice(["sum", "avg"])
            return Node(f"trim_scale({name}({distinct}", self.value(scope, "numeric(8,2)", 1), ")", filter_, ")")
        if ty == "bool":
            name = self.random.choice(["bool_and", "bool_or"])
            return Node(f"{name}(", self.boolean(scope, 1), ")", filter_)
        if ty == "text" and self.random.random() < 0.3:
            value = self.value(scope, "text", 0)
            return Node("string_agg(DISTINCT ", value, ", ',' ORDER BY ", value, ")", filter_)
        if ty in ("varchar(5)", "smallint"):
            return None
        return Node(self.random.choice(["min", "max"]), "(", self.value(scope, ty, 1), ")", filter_)

    def window(self, scope, outer, ty, depth):
        """Ordered by all columns, so that only equal rows are peers."""
        order = ", ".join(self.direction(name) for name, _ in scope)
        partition = f"PARTITION BY {self.random.choice(scope)[0]} " if self.random.random() < 0.5 else ""
        frame = ""
        if self.random.random() < 0.4:
            start = self.random.choice(["UNBOUNDED PRECEDING", "2 PRECEDING", "CURRENT ROW"])
            end = self.random.choice(["CURRENT ROW", "1 FOLLOWING", "UNBOUNDED FOLLOWING"])
            unit = self.random.choice(["ROWS", "GROUPS", "RANGE"])
            if unit == "RANGE":
                start, end = start.replace("2 PRECEDING", "CURRENT ROW"), end.replace("1 FOLLOWING", "CURRENT ROW")
            frame = f" {unit} BETWEEN {start} AND {end}"
        over = f" OVER ({partition}ORDER BY {order}"
        if ty == "bigint":
            plain = self.random.choice(["row_number()", "rank()", "dense_rank()", "count(*)"])
            # Which of equal rows a frame of rows begins or ends with does not show in a count of all.
            return Node(plain, over, frame if plain == "count(*)" else "", ")")
        names = [name for name, other in scope if other in ("numeric(8,2)", "int", "smallint")]
        inner = self.random.choice(names) if names else "1"
        return Node(f"trim_scale(sum({inner}::numeric)", over, frame.replace("GROUPS", "ROWS"), "))")

    # FROM.

    def source(self, outer, depth):
        parts, scope = [], []
        for at in range(self.random.choice([1, 1, 2, 2, 3]) if depth > 1 else 1):
            item, columns = self.relation(outer, depth)
            if at > 0 and depth > 1 and self.random.random() < 0.15:
                item, columns = self.lateral(scope + outer, depth)
                parts.append(item)
            elif at == 0:
                parts.append(item)
            elif self.random.random() < 0.25:
                parts.append(Node(", ", item))
                # A comma binds less than JOIN: conditions behind it see only what is joined to it.
                scope_before, scope = scope, []
                return self.rest(parts, scope_before + columns)
            else:
                kind = self.random.choice(["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
                pair = self.pair(scope, columns)
                if pair is None:
                    parts.append(Node(" CROSS JOIN ", item))
                else:
                    more = ""
                    if kind not in ("FULL JOIN",) and self.random.random() < 0.4:
                        more = self.optional(Node(" AND ", self.boolean(scope + columns, 1)))
                    parts.append(Node(f" {kind} ", item, f" ON {pair}", more))
            scope = scope + columns
        return self.rest(parts, scope)

    def lateral(self, visible, depth):
        """A subquery that sees what stands before it."""
        alias = self.alias()
        inner, types = self.select(visible, depth - 1)
        columns = [(f"{alias}.o{at}", ty) for at, ty in enumerate(types)]
        if self.random.random() < 0.5:
            return Node(" CROSS JOIN LATERAL (", inner, f") AS {alias}"), columns
        return Node(" LEFT JOIN LATERAL (", inner, f") AS {alias} ON true"), columns

    def rest(self, parts, scope):
        return Node(" FROM ", *parts), scope

    def pair(self, left, right):
        """An equality between columns of two relations."""
        same = [(a, b) for a, ta in left for b, tb in right if ta == tb or {ta, tb} <= set(INTEGERS)]
        if not same:
            return None
        a, b = self.random.choice(same)
        return f"{a} = {b}"

    def relation(self, outer, depth):
        alias = self.alias()
        if depth > 1 and self.random.random() < 0.25:
            inner, types = self.union([], depth - 1)
            return Node("(", inner, f") AS {alias}"), [(f"{alias}.o{at}", ty) for at, ty in enumerate(types)]
        if self.random.random() < 0.08:
            types = [self.random.choice(TYPES) for _ in range(self.random.randint(1, 3))]
            rows = joined(", ", [f"({', '.join(self.literal(ty) for ty in types)})" for _ in range(self.random.randint(1, 4))])
            names = ", ".join(f"o{at}" for at in range(len(types)))
            return Node("(VALUES ", rows, f") AS {alias} ({names})"), [(f"{alias}.o{at}", ty) for at, ty in enumerate(types)]
        table = self.random.choice(self.tables)
        return f"{table.name} AS {alias}", [(f"{alias}.{name}", ty) for name, ty in table.columns]

    # Expressions.

    def literal(self, ty):
        if self.random.random() < 0.1:
            return f"NULL::{ty}"
        return f"{self.random.choice(VALUES[ty][:4])}::{ty}"

    def value(self, scope, ty, depth):
        columns = [name for name, other in scope if other == ty]
        simple = self.random.choice(columns) if columns and self.random.random() < 0.8 else self.literal(ty)
        if depth <= 0 or self.random.random() < 0.4:
            return Node(simple)
        return Node(self.compound(scope, ty, depth), simpler=[simple, self.literal(ty)])

    def compound(self, scope, ty, depth):
        value = lambda other=ty: self.value(scope, other, depth - 1)
        common = [
            lambda: Node("CASE WHEN ", self.boolean(scope, depth - 1), " THEN ", value(), " ELSE ", value(), " END"),
            lambda: Node("coalesce(", value(), ", ", value(), ")"),
            lambda: Node("nullif(", value(), ", ", value(), ")"),
            lambda: Node(self.random.choice(["greatest", "least"]), "(", value(), ", ", value(), ")"),
        ]
        if depth > 1:
            common.append(lambda: self.scalar(scope, ty, depth - 1))
        # What becomes of a type's modifier is told by a cast.
        common = [lambda make=make: Node("(", make(), f")::{ty}") for make in common] if "(" in ty else common
        own = {
            "int": [lambda: Node("length(", value("text"), ")"), lambda: Node("(", value("smallint"), ")::int")],
            "bigint": [lambda: Node("(", value("int"), ")::bigint"), lambda: Node("abs(", value("int"), " % 5)::bigint")],
            "numeric": [
                lambda: Node("trim_scale(", value("numeric(8,2)"), self.random.choice([" + ", " - ", " * "]), value("numeric(8,2)"), ")"),
                lambda: Node("(", value("int"), ")::numeric"),
                lambda: Node("trim_scale(round(", value("numeric"), ", 1))"),
            ],
            "text": [
                lambda: Node("upper(", value(), ")"),
                lambda: Node("(", value(), " || ", value("varchar(5)"), ")"),
                lambda: Node("(", value(self.random.choice(["int", "date", "bool", "numeric(8,2)", "interval"])), ")::text"),
                lambda: Node("substr(", value(), ", 2)"),
            ],
            "float8": [lambda: Node("(", value("int"), ")::float8"), lambda: Node("abs(", value(), ")")],
            "bool": [lambda: self.boolean(scope, depth)],
            "timestamp": [lambda: Node("(", value("date"), ")::timestamp")],
            "date": [lambda: Node("(", value("timestamp"), ")::date")],
        }
        return self.random.choice(common + 2 * own.get(ty, []))()

    def scalar(self, scope, ty, depth):
        """A subquery of one row."""
        source, own = self.source([], min(depth, 1))
        where = self.optional(Node(" WHERE ", self.boolean(own + scope, depth)))
        aggregate = self.aggregate(own, ty)
        if aggregate is None:
            aggregate = Node("max(", self.value(own, "int", 0), f")::{'int' if ty == 'smallint' else 'text'}")
            if ty == "smallint":
                return Node("(SELECT min(", self.value(own, ty, 0), ")", source, where, ")")
        return Node("(SELECT ", aggregate, source, where, ")", simpler=[f"NULL::{ty}"])

    def comparison(self, scope, ty, depth, left=None):
        left = left or self.value(scope, ty, depth - 1)
        operator = self.random.choice(["=", "=", "<>", "<", "<=", ">", ">="])
        return Node(left, f" {operator} ", self.value(scope, ty, depth - 1))

    def boolean(self, scope, depth):
        return Node("(", self.condition(scope, depth), ")", simpler=["true", "false"])

    def condition(self, scope, depth):
        ty = self.random.choice([ty for _, ty in scope] or TYPES)
        value = lambda: self.value(scope, ty, depth - 1)
        simple = [
            lambda: self.comparison(scope, ty, depth),
            lambda: self.comparison(scope, ty, depth),
            lambda: Node(value(), self.random.choice([" IS NULL", " IS NOT NULL"])),
            lambda: Node(value(), self.random.choice([" IS DISTINCT FROM ", " IS NOT DISTINCT FROM "]), value()),
            lambda: Node(value(), self.random.choice([" BETWEEN ", " NOT BETWEEN "]), value(), " AND ", value()),
            lambda: Node(value(), self.random.choice([" IN (", " NOT IN ("]), value(), ", ", value(), ", ", value(), ")"),
            lambda: Node(self.value(scope, "text", depth - 1), self.random.choice([" LIKE 'a%'", " ILIKE '%B'", " NOT LIKE '_'"])),
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

    def tested(self, scope, ty, depth):
        """EXISTS, IN, ANY or ALL of a subquery that may ask for columns of the outside."""
        source, own = self.source([], 1)
        where = self.optional(Node(" WHERE ", self.boolean(own + scope, depth - 1)))
        if self.random.random() < 0.4:
            return Node(self.random.choice(["EXISTS", "NOT EXISTS"]), " (SELECT 1", source, where, ")")
        rows = Node("(SELECT ", self.value(own, ty, 1), source, where, ")")
        test = self.random.choice([" IN ", " NOT IN ", " = ANY ", " < ALL ", " >= ANY ", " <> ALL "])
        return Node(self.value(scope, ty, 0), test, rows)
