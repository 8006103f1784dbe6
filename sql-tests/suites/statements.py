"""Random queries, as trees of text whose parts can be left out or made simpler.

Every query has one answer whatever the plan is: rows that are cut off or numbered stand in an order that only equal rows share.
"""

from expressions import Expressions
from tree import Node, joined
from values import INTEGERS, TYPES

_SERIES_TYPES = [("int", "int[]"), ("text", "text[]")]


class Table:
    """What FROM can name. `big`: it has too many rows for queries that look at it once per row of another."""

    def __init__(self, name, columns, keyed, big=False):
        self.name, self.columns, self.keyed, self.big = name, columns, keyed, big


class Queries(Expressions):
    def __init__(self, seed):
        super().__init__(seed)
        self.tables = []
        self.aliases = 0
        # Set while all tables are big: no row of one may be asked for by each row of another.
        self.big = False

    def alias(self):
        self.aliases += 1
        return f"a{self.aliases}"

    def query(self):
        """A query, and its ORDER BY."""
        stored = self.tables
        common = "" if self.big else self.common()
        depth = self.random.choice([1, 1, 2, 2, 2, 2, 3])
        body, types = self.union([], depth, named=self.some(0.5))
        self.tables = stored
        body = Node(self.optional(common), body)
        order = self.optional(self.ordered(types)) if self.some(0.5) else ""
        return Node(body, order), order

    def ordered(self, types):
        # By all columns or none: it stays whole while a statement is made smaller.
        order = " ORDER BY " + ", ".join(self.direction(str(at + 1)) for at in range(len(types)))
        cut = Node(f" LIMIT {self.random.randint(0, 12)}", self.optional(Node(f" OFFSET {self.random.randint(0, 4)}")))
        return Node(order, self.optional(cut) if self.some(0.5) else "")

    def common(self):
        """Common table expressions, which are tables from then on."""
        choice = self.random.random()
        if choice > 0.22:
            return ""
        name = self.alias()
        if choice < 0.06:
            return self.recursive(name)
        inner, types = self.union([], 2)
        self.tables = [*self.tables, Table(name, outputs(name, types, plain=True), False)]
        how = self.random.choice(["", "MATERIALIZED ", "NOT MATERIALIZED "])
        return Node(f"WITH {name} AS {how}(", inner, ") ")

    def recursive(self, name):
        """Each step counts up, so it ends."""
        ty = self.random.choice(["int", "bigint", "text", "date", "bool", "int[]"])
        source, scope = self.source([], 1)
        where = self.optional(Node(" WHERE ", self.boolean(scope, 1)))
        base = Node("SELECT 0, ", self.value(scope, ty, 1), source, where)
        own = [(f"{name}.n", "int"), (f"{name}.x", ty)]
        with_table = ""
        if self.some(0.5):
            table = self.random.choice(self.tables)
            if any(column == "k" for column, _ in table.columns):
                alias = self.alias()
                own += [(f"{alias}.{column}", other) for column, other in table.columns]
                with_table = f" {self.random.choice(['JOIN', 'LEFT JOIN'])} {table.name} AS {alias} ON {alias}.k = {name}.n"
        step = Node(f"SELECT {name}.n + 1, ", self.value(own, ty, 2), f" FROM {name}{with_table} WHERE {name}.n < {self.random.randint(1, 3)}")
        self.tables = [*self.tables, Table(name, [("n", "int"), ("x", ty)], False)]
        return Node(f"WITH RECURSIVE {name} (n, x) AS (", base, self.random.choice([" UNION ", " UNION ALL "]), step, ") ")

    def union(self, outer, depth, types=None, named=True):
        left, types = self.select(outer, depth, types, named)
        if depth < 2 or self.some(0.8):
            return left, types
        right, _ = self.union(outer, depth - 1, types)
        operator = self.random.choice(["UNION", "INTERSECT", "EXCEPT"]) + self.random.choice(["", " ALL"])
        return Node("(", left, f") {operator} (", right, ")", simpler=[left, right]), types

    def select(self, outer, depth, types=None, named=True):
        source, scope = self.source(outer, depth)
        every = scope + outer
        where = self.optional(Node(" WHERE ", self.boolean(every, depth)))
        if types is None:
            types = [self.type() for _ in range(self.random.randint(1, 4))]
        label = lambda at: f" AS o{at}" if named else ""
        kind = self.random.random()
        if kind < 0.35:
            return self.grouped(source, scope, outer, where, types, depth, label), types
        distinct = "DISTINCT " if self.some(0.15) else ""
        on = not distinct and self.some(0.08)
        items = [self.value(every, ty, depth) for ty in types]
        if kind > 0.75 and not distinct and not on:
            # One: of two, which value of one equal rows have beside which of the other is left open.
            at = self.random.randrange(len(types))
            call = self.window(scope, types[at], depth)
            items[at] = Node(call, simpler=[items[at]]) if call else items[at]
        items = [Node(item, label(at)) for at, item in enumerate(items)]
        if on:
            order = ", ".join(str(at + 1) for at in range(len(types)))
            first = Node("SELECT DISTINCT ON (1) ", joined(", ", items), source, where, f" ORDER BY {order}")
            return Node("SELECT * FROM (", first, f") AS {self.alias()}"), types
        return Node("SELECT ", distinct, joined(", ", items), source, where), types

    def grouped(self, source, scope, outer, where, types, depth, label):
        keys = [self.random.choice(scope) for _ in range(self.random.choice([0, 1, 1, 2, 3]))]
        names = list(dict.fromkeys(name for name, _ in keys))
        plain = [(name, ty) for name, ty in scope if name in names]
        sets = self.some(0.2) and len(names) > 0
        items = [Node(self.aggregated(scope, plain, ty, depth, names if sets else []), label(at)) for at, ty in enumerate(types)]
        having = ""
        if self.some(0.25):
            having = self.optional(Node(" HAVING ", self.comparison(plain + outer, "bigint", 1, self.aggregate(scope, "bigint"))))
        group = ""
        if names:
            listed = ", ".join(names)
            group = self.optional(" GROUP BY " + (self.sets(names) if sets else listed))
        return Node("SELECT ", joined(", ", items), source, where, group, having)

    def sets(self, names):
        listed = ", ".join(names)
        forms = [f"ROLLUP ({listed})", f"CUBE ({listed})", f"GROUPING SETS (({listed}), ())"]
        forms += [f"GROUPING SETS ({listed}, ())", f"{names[0]}, ROLLUP ({listed})", f"GROUPING SETS (({listed}), ({names[0]}), ({names[0]}))"]
        return self.random.choice(forms)

    def aggregated(self, scope, plain, ty, depth, grouped):
        if ty == "int" and grouped and self.some(0.5):
            return Node(f"grouping({', '.join(grouped)})")
        if plain and self.some(0.4):
            return self.value(plain, ty, min(depth, 1))
        return self.aggregate(scope, ty)

    # FROM.

    def source(self, outer, depth):
        parts, scope = [], []
        for at in range(self.random.choice([1, 1, 1, 2, 2, 2, 3]) if depth > 1 else 1):
            item, columns = self.relation(depth)
            if at == 0:
                parts.append(item)
            elif not self.big and depth > 1 and self.some(0.2):
                item, columns = self.lateral(scope + outer, depth)
                parts.append(self.optional(item))
            elif not self.big and self.some(0.1):
                # A comma binds less than JOIN, so nothing may follow that needs what stands before it.
                return Node(" FROM ", *parts, self.optional(Node(", ", item))), scope + columns
            else:
                parts.append(self.optional(self.join(scope, item, columns)))
            scope = scope + columns
        return Node(" FROM ", *parts), scope

    def join(self, scope, item, columns):
        kind = self.random.choice(["JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"])
        pair = self.pair(scope, columns)
        if pair is None:
            return Node(" CROSS JOIN ", item)
        # One column of that name on each side.
        if all([name for name, _ in side if name.endswith(".k")] == [side[0][0]] for side in (scope, columns)) and self.some(0.2):
            return Node(f" {kind} ", item, " USING (k)")
        more = ""
        if kind != "FULL JOIN" and self.some(0.4):
            more = self.optional(Node(" AND ", self.boolean(scope + columns, 1)))
        return Node(f" {kind} ", item, f" ON {pair}", more)

    def lateral(self, visible, depth):
        """What sees what stands before it: a subquery, or elements of arrays and documents."""
        alias = self.alias()
        join, condition = self.random.choice([(" CROSS JOIN LATERAL ", ""), (" LEFT JOIN LATERAL ", " ON true")])
        if self.some(0.4):
            item, columns = self.elements(visible, alias)
            return Node(join, item, condition), columns
        inner, types = self.select(visible, depth - 1)
        if self.some(0.3):
            inner = Node("(", inner, ")", self.ordered(types))
        return Node(join, "(", inner, f") AS {alias}", condition), outputs(alias, types)

    def elements(self, visible, alias):
        choice = self.random.random()
        if choice < 0.3:
            return Node("generate_series(1, ", self.value(visible, "int", 0), f" % 4) AS {alias}(o0)"), [(f"{alias}.o0", "int")]
        ty, array = self.random.choice(_SERIES_TYPES)
        if choice < 0.6:
            call = Node("unnest(", self.value(visible, array, 1), f") WITH ORDINALITY AS {alias}(o0, o1)")
            return call, [(f"{alias}.o0", ty), (f"{alias}.o1", "bigint")]
        if choice < 0.8:
            return Node("jsonb_each(jsonb_build_object('a', ", self.value(visible, ty, 1), f", 'b', 2)) AS {alias}(o0, o1)"), [
                (f"{alias}.o0", "text"),
                (f"{alias}.o1", "jsonb"),
            ]
        return Node("jsonb_array_elements(jsonb_build_array(", self.value(visible, ty, 1), f", 1)) AS {alias}(o0)"), [(f"{alias}.o0", "jsonb")]

    def pair(self, left, right):
        """An equality between columns of two relations."""
        same = [(a, b) for a, ta in left for b, tb in right if ta == tb or {ta, tb} <= set(INTEGERS)]
        if self.big:
            same = [(a, b) for a, b in same if a.endswith(".k") and b.endswith(".k")]
        if not same:
            return "false" if self.big else None
        a, b = self.random.choice(same)
        return f"{a} = {b}"

    def relation(self, depth):
        alias = self.alias()
        if depth > 1 and self.some(0.25):
            inner, types = self.union([], depth - 1)
            if self.some(0.25):
                inner = Node("(", inner, ")", self.ordered(types))
            return Node("(", inner, f") AS {alias}"), outputs(alias, types)
        if self.some(0.06):
            types = [self.type() for _ in range(self.random.randint(1, 3))]
            rows = joined(", ", [f"({', '.join(self.literal(ty) for ty in types)})" for _ in range(self.random.randint(1, 4))])
            names = ", ".join(f"o{at}" for at in range(len(types)))
            return Node("(VALUES ", rows, f") AS {alias} ({names})"), outputs(alias, types)
        if not self.big and self.some(0.04):
            return self.elements([], alias)
        table = self.random.choice(self.tables)
        return f"{table.name} AS {alias}", [(f"{alias}.{name}", ty) for name, ty in table.columns]

    # Subqueries in expressions.

    def scalar(self, scope, ty, depth):
        """A subquery of one row."""
        if self.big:
            return self.value(scope, ty, 0)
        source, own = self.source([], min(depth, 1))
        where = self.optional(Node(" WHERE ", self.boolean(own + scope, depth)))
        if self.some(0.2) and ty.endswith("[]"):
            return Node("ARRAY(SELECT ", self.value(own + scope, ty[:-2], 1), source, where, " ORDER BY 1)", simpler=[f"NULL::{ty}"])
        if self.some(0.2):
            order = self.random.choice(["1", "1 DESC", "1 NULLS FIRST"])
            return Node("(SELECT ", self.value(own + scope, ty, 1), source, where, f" ORDER BY {order} LIMIT 1)", simpler=[f"NULL::{ty}"])
        return Node("(SELECT ", self.aggregate(own, ty), source, where, ")", simpler=[f"NULL::{ty}"])

    def tested(self, scope, ty, depth):
        """EXISTS, IN, ANY or ALL of a subquery that may ask for columns of the outside."""
        if self.big:
            return self.comparison(scope, ty, 1)
        source, own = self.source([], 1)
        where = self.optional(Node(" WHERE ", self.boolean(own + scope, depth - 1)))
        choice = self.random.random()
        if choice < 0.4:
            return Node(self.random.choice(["EXISTS", "NOT EXISTS"]), " (SELECT 1", source, where, ")")
        if choice < 0.55:
            other = self.random.choice(TYPES)
            rows = Node("(SELECT ", self.value(own, ty, 1), ", ", self.value(own, other, 1), source, where, ")")
            test = self.random.choice([") IN ", ") NOT IN ", ") = ANY "])
            return Node("(", self.value(scope, ty, 0), ", ", self.value(scope, other, 0), test, rows)
        rows = Node("(SELECT ", self.value(own, ty, 1), source, where, ")")
        test = self.random.choice([" IN ", " NOT IN ", " = ANY ", " < ALL ", " >= ANY ", " <> ALL "])
        return Node(self.value(scope, ty, 0), test, rows)

    # Errors.

    def failing(self):
        """An expression of one table's rows that may raise errors; None when none is of its types."""
        table = self.random.choice(self.tables)
        # One, so that all its errors are of one kind.
        item = self.risky(table.columns)
        return item and Node("SELECT ", item, f" FROM {table.name}")


def outputs(alias, types, plain=False):
    return [(f"o{at}" if plain else f"{alias}.o{at}", ty) for at, ty in enumerate(types)]
