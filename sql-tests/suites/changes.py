"""Random tables, views and statements that change rows.

A statement has one outcome whatever the plan is: each row is changed by at most one other row, and no new key is one that the
statement takes from another row.
"""

from expressions import constant
from statements import Queries, Table, outputs
from tree import Node, joined
from values import LABELS, VALUES

_BIG_ROWS = 12_000
# Columns that refer, are unique, are generated.
SPECIAL = ("r", "u", "g")


class Changes(Queries):
    def __init__(self, seed):
        super().__init__(seed)
        # The first key that no row ever had.
        self.next_key = 1_000
        self.stored_tables = []

    # Tables. Statements are pairs: PostgreSQL's, Nyala's.

    def schema(self, big):
        self.big = big
        self.tables, self.stored_tables = [], []
        labels = ", ".join(f"'{label}'" for label in LABELS)
        yield same(f"CREATE TYPE mood AS ENUM ({labels})")
        for number in range(2 if big else self.random.randint(2, 3)):
            yield from self.big_table(number) if big else self.table(number)
        if not big:
            for number in range(self.random.choice([0, 0, 1, 2])):
                yield same(self.view(f"v{number}"))

    def table(self, number):
        types = [self.type() for _ in range(self.random.randint(2, 5))]
        columns = [("k", "int"), *((f"c{at}", ty) for at, ty in enumerate(types))]
        keyed = self.some(0.7)
        required = {name for name, _ in columns[1:] if self.some(0.06)}
        definitions = [f"k int{' PRIMARY KEY' if keyed else ''}"]
        definitions += [f"{name} {ty}{self.constraint(ty)}{' NOT NULL' if name in required else ''}" for name, ty in columns[1:]]
        name, special = f"t{number}", self.special(columns) if keyed else []
        made = f"CREATE TABLE {name} ({', '.join(definitions + [f'{n} int {how}' for n, how in special])})"
        yield made, made + self.divided() if keyed and not special else made
        table = Table(name, [*columns, *((n, "int") for n, _ in special)], keyed)
        self.tables.append(table)
        self.stored_tables.append(table)
        rows = []
        for at in range(self.random.choice([0, 1, 3, 6, 9, 12])):
            key = str(at) if keyed else self.random.choice(["1", "2", "3", "NULL"])
            rest = [self.stored(ty, column in required) for column, ty in columns[1:]]
            rest += [{"r": "NULL", "u": str(100 + at), "g": "DEFAULT"}[n] for n, _ in special]
            rows.append(f"({', '.join([key, *rest])})")
        for some in (rows[: len(rows) // 2], rows[len(rows) // 2 :]):
            if some:
                yield same(f"INSERT INTO {name} VALUES {', '.join(some)}")

    def special(self, columns):
        """Columns that refer to another table, are unique or generated."""
        parents = [table for table in self.stored_tables if table.keyed]
        special = []
        if parents and self.some(0.2):
            action = self.random.choice(["", " ON DELETE CASCADE", " ON DELETE SET NULL"])
            special.append(("r", f"REFERENCES {self.random.choice(parents).name}{action}"))
        if self.some(0.2):
            special.append(("u", "UNIQUE"))
        if self.some(0.15):
            texts = [f"length({name})" for name, ty in columns if ty == "text"]
            numbers = [f"abs({name} % 10)" for name, ty in columns if ty == "int"]
            special.append(("g", f"GENERATED ALWAYS AS ({self.random.choice(['k * 2', *texts, *numbers])}) STORED"))
        return special

    def constraint(self, ty):
        return f" DEFAULT {self.random.choice(VALUES[ty][:4])}" if self.some(0.12) else ""

    def divided(self):
        """How Nyala divides the rows; PostgreSQL has another syntax, and no answer depends on it."""
        choice = self.random.random()
        if choice < 0.25:
            return f" PARTITION BY HASH (k) PARTITIONS {self.random.randint(2, 4)}"
        if choice < 0.4:
            low = "PARTITION low VALUES FROM (MINVALUE) TO (3)"
            return f" PARTITION BY RANGE (k) ({low}, PARTITION middle VALUES FROM (3) TO (9), PARTITION high VALUES FROM (9) TO (MAXVALUE))"
        return ""

    def big_table(self, number):
        """Made of a series, so that both have the same rows; nulls and few values by the remainder of the key."""
        types = [self.type() for _ in range(self.random.randint(3, 5))]
        columns = [("k", "int"), *((f"c{at}", ty) for at, ty in enumerate(types))]
        definitions = ", ".join(f"{n} {t}" for n, t in columns[1:])
        made = f"CREATE TABLE t{number} (k int PRIMARY KEY, {definitions})"
        yield made, made + self.divided()
        self.tables.append(Table(f"t{number}", columns, True, big=True))
        values = []
        for ty in types:
            if ty in ("int", "bigint") and self.some(0.5):
                values.append(f"(g * 7919 % {self.random.choice([100, 5_000, 100_000])})::{ty}")
            elif ty == "text" and self.some(0.5):
                values.append(f"md5((g % {self.random.choice([50, 5_000, 100_000])})::text)")
            else:
                few = self.random.sample(VALUES[ty], min(len(VALUES[ty]), 4))
                values.append(f"(CASE g * {self.random.choice([1, 3, 11])} % 5 " + " ".join(f"WHEN {at} THEN {constant(v, ty)}" for at, v in enumerate(few)) + " END)")
        rows = self.random.choice([3_000, 9_000, _BIG_ROWS])
        yield same(f"INSERT INTO t{number} SELECT g, {', '.join(values)} FROM generate_series(1, {rows}) AS g")
        self.stored_tables.append(self.tables[-1])

    def view(self, name):
        body, types = self.union([], self.random.choice([1, 2]))
        # Few rows, since all that reads it multiplies them.
        order = ", ".join(str(at + 1) for at in range(len(types)))
        self.tables.append(Table(name, outputs(name, types, plain=True), False))
        return f"CREATE VIEW {name} AS {body} ORDER BY {order} LIMIT 8"

    def stored(self, ty, required=False):
        if not required and self.some(0.2):
            return "NULL"
        # Few values, so that they meet.
        return self.random.choice(VALUES[ty] if self.some(0.3) else VALUES[ty][:4])

    # Changes.

    def change(self):
        """A statement that changes rows, and the table."""
        table = self.random.choice(self.stored_tables)
        forms = [self.update, self.update, self.delete, self.insert, self.insert_query]
        if table.keyed and not table.big:
            forms += [self.upsert, self.update_from, self.delete_using, self.merge, self.moved]
        return self.random.choice(forms)(table), table

    def new_keys(self, count=1):
        self.next_key += count
        return self.next_key - count

    def row(self, table, key=None):
        if key is None:
            key = str(self.new_keys()) if table.keyed else self.random.choice(["1", "2", "NULL"])
        rest = [self.new(name, ty, []) if name in SPECIAL or self.some(0.9) else "DEFAULT" for name, ty in table.columns[1:]]
        return Node("(", key, ", ", joined(", ", rest), ")")

    def new(self, name, ty, scope):
        """What a new row has in a column."""
        if name == "u":
            return self.random.choice([str(self.new_keys()), str(self.new_keys()), "NULL", "101", "103"])
        if name in SPECIAL:
            return {"r": self.random.choice(["NULL", "NULL", "1", "2"]), "g": "DEFAULT"}[name]
        return self.value(scope, ty, 1)

    def returning(self, scope, share=0.4):
        if not self.some(share):
            return ""
        if self.some(0.2):
            return self.optional(" RETURNING *")
        items = [self.value(scope, self.type(), 1) for _ in range(self.random.randint(1, 3))]
        return self.optional(Node(" RETURNING ", joined(", ", items)))

    def insert(self, table):
        rows = [self.row(table) for _ in range(self.random.randint(1, 3))]
        # A key that is there.
        if table.keyed and self.some(0.15):
            rows.append(self.row(table, str(self.random.randint(0, 5))))
        return Node(f"INSERT INTO {table.name} VALUES ", joined(", ", rows), self.returning(own(table)))

    def insert_query(self, table):
        if not table.keyed:
            body, _ = self.union([], 2, [ty for _, ty in table.columns])
            return Node(f"INSERT INTO {table.name} ", body, self.returning(own(table)))
        # As many new keys as the other table has rows.
        source = self.random.choice([other for other in self.stored_tables if other.keyed])
        first = self.new_keys(100_000 if self.big else 10_000)
        scope = own(source)
        columns = plain(table)
        items = [self.value(scope, ty, 1) for _, ty in columns]
        where = self.optional(Node(" WHERE ", self.boolean(scope, 1)))
        numbered = f"row_number() OVER (ORDER BY {source.name}.k) + {first}"
        target = f"{table.name} (k, {', '.join(name for name, _ in columns)})"
        return Node(f"INSERT INTO {target} SELECT {numbered}, ", joined(", ", items), f" FROM {source.name}", where)

    def upsert(self, table):
        keys = self.random.sample(range(12), self.random.randint(1, 3))
        rows = joined(", ", [self.row(table, str(key)) for key in keys])
        name, ty = self.random.choice(plain(table))
        before = [(f"{table.name}.{column}", other) for column, other in table.columns]
        scope = before + [(f"excluded.{column}", other) for column, other in table.columns]
        where = self.optional(Node(" WHERE ", self.boolean(scope, 1))) if self.some(0.3) else ""
        what = Node("UPDATE SET ", name, " = ", self.value(scope, ty, 1), where) if self.some(0.75) else "NOTHING"
        keys = [" (k)"] + [" (u)" for column, _ in table.columns if column == "u"]
        target = "" if what == "NOTHING" and self.some(0.3) else self.random.choice(keys)
        return Node(f"INSERT INTO {table.name} VALUES ", rows, f" ON CONFLICT{target} DO ", what, self.returning(before))

    def assigned(self, table, scope):
        """What SET says of some columns."""
        columns = plain(table)
        some = self.random.sample(columns, min(len(columns), self.random.choice([1, 1, 2])))
        if len(some) == 2 and self.some(0.3):
            (a, ta), (b, tb) = some
            return Node(f"({a}, {b}) = (", self.value(scope, ta, 1), ", ", self.value(scope, tb, 1), ")")
        return joined(", ", [Node(f"{name} = ", self.value(scope, ty, 1 if self.big else 2)) for name, ty in some])

    def update(self, table):
        scope = own(table)
        where = self.optional(Node(" WHERE ", self.boolean(scope, 2)))
        return Node(f"UPDATE {table.name} SET ", self.assigned(table, scope), where, self.returning(scope, 0.0 if self.big else 0.4))

    def delete(self, table):
        scope = own(table)
        # Not too many of them.
        few = f"{table.name}.k % {self.random.randint(2, 5)} = 0"
        return Node(f"DELETE FROM {table.name} WHERE {few} AND ", self.boolean(scope, 2), self.returning(scope))

    def other(self, table):
        """A keyed table beside it, so that a row finds one at most."""
        others = [other for other in self.stored_tables if other.keyed]
        alias = self.alias()
        other = self.random.choice(others)
        return f"{other.name} AS {alias}", [(f"{alias}.{name}", ty) for name, ty in other.columns], alias

    def update_from(self, table):
        other, columns, alias = self.other(table)
        scope = own(table) + columns
        more = self.optional(Node(" AND ", self.boolean(scope, 1)))
        where = f" WHERE {alias}.k = {table.name}.k"
        return Node(f"UPDATE {table.name} SET ", self.assigned(table, scope), f" FROM {other}{where}", more, self.returning(scope))

    def delete_using(self, table):
        other, columns, alias = self.other(table)
        more = Node(" AND ", self.boolean(own(table) + columns, 1))
        return Node(f"DELETE FROM {table.name} USING {other} WHERE {alias}.k = {table.name}.k", more, self.returning(own(table)))

    def merge(self, table):
        other, columns, alias = self.other(table)
        target = own(table)
        first = self.new_keys(100_000)
        condition = lambda scope: Node(" AND ", self.boolean(scope, 1))
        clauses = []
        for last in self.random.choice([[True], [False], [False, True], [False, False]]):
            does = self.random.choice([Node("UPDATE SET ", self.assigned(table, target + columns)), "DELETE", "DO NOTHING"])
            clauses.append(Node(" WHEN MATCHED", "" if last else condition(target + columns), " THEN ", does))
        if self.some(0.7):
            values = ["NULL" if name in ("r", "u") else self.new(name, ty, columns) for name, ty in table.columns[1:]]
            does = Node(f"INSERT VALUES ({alias}.k + {first}, ", joined(", ", values), ")")
            clauses.append(Node(" WHEN NOT MATCHED", condition(columns) if self.some(0.5) else "", " THEN ", does))
        shift = self.random.randint(0, 3)
        return Node(f"MERGE INTO {table.name} USING {other} ON {table.name}.k = {alias}.k + {shift}", clauses[0], *map(self.optional, clauses[1:]))

    def moved(self, table):
        """Rows of WITH that are deleted or changed, read by the statement."""
        scope = own(table)
        name = self.alias()
        change = self.random.choice([
            lambda: Node(f"DELETE FROM {table.name} WHERE {table.name}.k % 4 = 1 AND ", self.boolean(scope, 1)),
            lambda: Node(f"UPDATE {table.name} SET ", self.assigned(table, scope), " WHERE ", self.boolean(scope, 1)),
        ])()
        columns = [(f"{name}.{column}", ty) for column, ty in table.columns]
        items = [self.value(columns, self.type(), 1) for _ in range(2)]
        other, more, alias = self.other(table)
        join = self.random.choice(["", f" LEFT JOIN {other} ON {alias}.k = {name}.k"])
        return Node(f"WITH {name} AS (", change, " RETURNING *) SELECT ", joined(", ", items), f" FROM {name}{join}")


def plain(table):
    """Columns that a statement may give any value."""
    return [(name, ty) for name, ty in table.columns[1:] if name not in SPECIAL]


def own(table):
    return [(f"{table.name}.{name}", ty) for name, ty in table.columns]


def same(sql):
    return sql, sql
