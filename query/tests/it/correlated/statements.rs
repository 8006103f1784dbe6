//! A grammar of statements with correlated subqueries.
//!
//! Invariant: a statement has one answer: where order or a limit shows, rows are ordered by all their columns; what
//! could fail stands where every database evaluates it.

use base::random::Random;
use std::fmt::Write;

/// How deep subqueries go.
const DEPTH_MAX: usize = 3;

/// The tables: name, integer columns, a text column, a numeric column.
const TABLES: [(&str, [&str; 2], &str, &str); 3] =
    [("o", ["a", "b"], "t", "n"), ("i", ["x", "y"], "s", "d"), ("j", ["u", "v"], "w", "e")];

pub(crate) struct Statements<'r> {
    random: &'r Random,
    aliases: usize,
}

/// A relation in scope: its alias and the table it has the columns of.
#[derive(Clone, Copy)]
struct Item {
    alias: usize,
    table: usize,
}

impl Item {
    fn integer(self, which: usize) -> String {
        format!("r{}.{}", self.alias, TABLES[self.table].1[which])
    }

    fn text(self) -> String {
        format!("r{}.{}", self.alias, TABLES[self.table].2)
    }

    fn numeric(self) -> String {
        format!("r{}.{}", self.alias, TABLES[self.table].3)
    }
}

impl<'r> Statements<'r> {
    pub(crate) fn new(random: &'r Random) -> Self {
        Self { random, aliases: 0 }
    }

    fn below(&self, bound: usize) -> usize {
        usize::try_from(self.random.below(bound as u64)).unwrap()
    }

    fn chance(&self, one_in: usize) -> bool {
        self.below(one_in) == 0
    }

    fn pick<'a, T: ?Sized>(&self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }

    /// Statements that make the tables anew.
    pub(crate) fn tables(&mut self) -> Vec<String> {
        let mut out = Vec::new();
        for (name, [a, b], text, numeric) in TABLES {
            out.push(format!("DROP TABLE IF EXISTS {name}"));
            out.push(format!("CREATE TABLE {name} ({a} int, {b} int, {text} text, {numeric} numeric)"));
            let rows: Vec<String> = (0..3 + self.below(7)).map(|_| self.row()).collect();
            out.push(format!("INSERT INTO {name} VALUES {}", rows.join(", ")));
        }
        out
    }

    fn row(&self) -> String {
        let integer = || if self.chance(5) { "NULL".to_owned() } else { self.below(4).to_string() };
        let text = self.pick(&["'p'", "'q'", "''", "NULL"]);
        // Equal numbers that are shown differently.
        let numeric = self.pick(&["1.0", "1.00", "2", "2.5", "NULL"]);
        format!("({}, {}, {text}, {numeric})", integer(), integer())
    }

    pub(crate) fn next(&mut self) -> String {
        self.aliases = 0;
        let (from, item) = self.outer();
        let scope = [item];
        let mut items = vec![item.integer(0), item.integer(1), item.numeric()];
        for _ in 0..1 + self.below(2) {
            items.push(self.value(&scope, 1));
        }
        let mut sql = format!("SELECT {} FROM {from}", items.join(", "));
        if self.chance(2) {
            let predicate = self.predicate(&scope, 1);
            let _ = write!(sql, " WHERE {predicate}");
        } else if self.chance(3) {
            let (lateral, columns) = self.lateral(&scope);
            sql = format!("SELECT {}, {columns} FROM {from} {lateral}", items.join(", "));
        }
        sql
    }

    fn alias(&mut self, table: usize) -> Item {
        self.aliases += 1;
        Item { alias: self.aliases, table }
    }

    /// What the statement reads: the table, or a part of it.
    fn outer(&mut self) -> (String, Item) {
        let item = self.alias(0);
        let source = match self.below(4) {
            0 => "(SELECT a, max(b) AS b, min(t) AS t, sum(n) AS n FROM o GROUP BY a)".to_owned(),
            1 => "(SELECT a + 1 AS a, b, t, n FROM o WHERE b IS NOT NULL)".to_owned(),
            _ => "o".to_owned(),
        };
        (format!("{source} r{}", item.alias), item)
    }

    /// A LATERAL item behind FROM, and its columns.
    fn lateral(&mut self, scope: &[Item]) -> (String, String) {
        let outer = scope[0];
        match self.below(4) {
            0 => (format!(", generate_series(1, {}) g", outer.integer(0)), "g".to_owned()),
            1 => (
                format!(
                    "LEFT JOIN LATERAL generate_series(1, {}) g ON g > {}",
                    outer.integer(0),
                    outer.integer(1)
                ),
                "g".to_owned(),
            ),
            2 => {
                let (from, item, conditions) = self.relation(scope, 2);
                let filter = self.conditions(scope, item, conditions, 2);
                let join = self.pick(&["CROSS JOIN LATERAL", "LEFT JOIN LATERAL"]);
                let on = if join.starts_with("LEFT") { "ON true" } else { "" };
                (
                    format!("{join} (SELECT {} AS k FROM {from}{filter}) l {on}", item.integer(1)),
                    "l.k".to_owned(),
                )
            }
            _ => {
                let (from, item, conditions) = self.relation(scope, 2);
                let filter = self.conditions(scope, item, conditions, 2);
                let rows = format!(
                    "(SELECT {x}, {y} FROM {from}{filter} ORDER BY {x}, {y} LIMIT 2)",
                    x = item.integer(0),
                    y = item.integer(1)
                );
                (
                    format!("LEFT JOIN LATERAL {rows} l(k, m) ON l.k <> {}", outer.integer(0)),
                    "l.k, l.m".to_owned(),
                )
            }
        }
    }

    /// A scalar expression with a subquery in it.
    fn value(&mut self, scope: &[Item], depth: usize) -> String {
        let (from, item, conditions) = self.relation(scope, depth);
        let filter = self.conditions(scope, item, conditions, depth);
        let (x, y) = (item.integer(0), item.integer(1));
        let outer = scope[self.below(scope.len())];
        let a = outer.integer(self.below(2));
        match self.below(13) {
            0 => format!("(SELECT count(*) FROM {from}{filter})"),
            1 => format!("(SELECT count({y}) + {a} FROM {from}{filter})"),
            2 => format!("(SELECT sum({x} + {a}) FROM {from}{filter})"),
            3 => format!("(SELECT max({x}) - {a} FROM {from}{filter} HAVING count(*) > {a})"),
            4 => format!("(SELECT min({}) FROM {from}{filter})", item.text()),
            5 => format!("array(SELECT {x} FROM {from}{filter} ORDER BY {x} DESC, {y})"),
            6 => {
                let offset = self.pick(&["", " OFFSET 1"]);
                format!("(SELECT {x} + {a} FROM {from}{filter} ORDER BY {x}, {y} LIMIT 1{offset})")
            }
            7 => format!("(SELECT DISTINCT coalesce({x}, 0) * 0 + {a} FROM {from}{filter} LIMIT 1)"),
            8 => format!("EXISTS (SELECT 1 FROM {from}{filter})"),
            9 => format!("{a} IN (SELECT {x} FROM {from}{filter})"),
            10 => {
                let op = self.pick(&["=", "<>", "<", ">="]);
                let all = self.pick(&["ANY", "ALL"]);
                format!("{a} {op} {all} (SELECT {y} FROM {from}{filter})")
            }
            11 => {
                format!("(SELECT {}::text || {}::text FROM {from}{filter})", outer.numeric(), item.numeric())
            }
            _ => format!(
                "(SELECT string_agg({t}, ',' ORDER BY {t}) FROM {from}{filter})",
                t = format_args!("coalesce({}, {}, '-')", item.text(), outer.text())
            ),
        }
    }

    /// What a subquery reads, an item with its columns, and whether it is correlated already.
    fn relation(&mut self, scope: &[Item], depth: usize) -> (String, Item, usize) {
        let item = {
            let table = 1 + self.below(2);
            self.alias(table)
        };
        let inner = self.alias(item.table);
        let (name, [x, _], text, numeric) = TABLES[item.table];
        let (alias, inner_alias) = (item.alias, inner.alias);
        let body = format!("FROM {name} r{inner_alias} WHERE {}", self.correlation(scope, inner));
        match self.below(14) {
            kind @ 0..=6 | kind @ 10 => (self.subselect(kind, item, &body), item, 1),
            kind @ 7..=8 => {
                let joined = self.joined(kind == 7, scope, item, &body);
                (joined, item, kind - 7)
            }
            kind @ 9 | kind @ 11 => {
                let outer = scope[self.below(scope.len())];
                (made_of(kind == 9, outer, item), item, 1)
            }
            12 if depth < DEPTH_MAX => {
                let nested: Vec<Item> = scope.iter().copied().chain([inner]).collect();
                let value = self.value(&nested, depth + 1);
                let y = TABLES[item.table].1[1];
                let from = format!("FROM {name} r{inner_alias}) r{alias}");
                (format!("(SELECT {x}, {y}, ({value})::text AS {text}, {numeric} {from}"), item, 0)
            }
            _ => (format!("{name} r{alias}"), item, 0),
        }
    }

    /// A subquery with `body` in the place of a table.
    fn subselect(&self, kind: usize, item: Item, body: &str) -> String {
        let (name, [x, y], text, numeric) = TABLES[item.table];
        let columns = format!("{x}, {y}, {text}, {numeric}");
        let query = match kind {
            0 => format!("SELECT * {body}"),
            1 => format!(
                "SELECT {x}, count(*)::int AS {y}, max({text}) AS {text}, sum({numeric}) AS {numeric} {body} GROUP BY {x}"
            ),
            2 => format!(
                "SELECT max({x}) AS {x}, count(*)::int AS {y}, max({text}) AS {text}, sum({numeric}) AS {numeric} {body}"
            ),
            3 => {
                let op = self.pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"]);
                format!("SELECT {columns} FROM {name} {op} SELECT {columns} {body}")
            }
            4 => format!("SELECT DISTINCT {columns} {body}"),
            5 => format!("SELECT {columns} {body} ORDER BY {columns} LIMIT 2"),
            6 => {
                format!(
                    "SELECT {x}, row_number() OVER (ORDER BY {columns})::int AS {y}, {text}, {numeric} {body}"
                )
            }
            _ => format!("WITH w AS (SELECT {columns} {body}) SELECT p.* FROM w p, w q WHERE p.{x} = q.{y}"),
        };
        format!("({query}) r{}", item.alias)
    }

    /// A join with the other table: of the tables, with a condition about the outside, or of correlated subqueries.
    fn joined(&mut self, tables: bool, scope: &[Item], item: Item, body: &str) -> String {
        let alias = item.alias;
        let other = self.alias(3 - item.table);
        let (other_name, other_alias) = (TABLES[other.table].0, other.alias);
        let join = self.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        if !tables {
            let theirs = self.correlation(scope, other);
            let (mine, column) = (item.integer(0), TABLES[other.table].1[0]);
            return format!(
                "(SELECT * {body}) r{alias} {join} (SELECT * FROM {other_name} r{other_alias} WHERE {theirs}) \
                 q{other_alias} ON {mine} = q{other_alias}.{column}"
            );
        }
        let equal = format!("{} = {}", item.integer(0), other.integer(0));
        let outer = scope[self.below(scope.len())];
        // A full join takes equalities only, of which one may be about the outside.
        let more = match join {
            "FULL JOIN" => String::new(),
            _ => format!(" AND {} < {}", other.integer(1), outer.integer(0)),
        };
        let name = TABLES[item.table].0;
        format!("{name} r{alias} {join} {other_name} r{other_alias} ON {equal}{more}")
    }

    /// WHERE over a relation, correlated unless something else is.
    fn conditions(&mut self, scope: &[Item], item: Item, correlated: usize, depth: usize) -> String {
        let mut parts = Vec::new();
        for _ in 0..usize::from(correlated == 0) + self.below(2) {
            parts.push(self.correlation(scope, item));
        }
        if self.chance(4) {
            parts.push(format!("{} > 0", item.integer(1)));
        }
        if depth < DEPTH_MAX && self.chance(4) {
            let nested: Vec<Item> = scope.iter().copied().chain([item]).collect();
            parts.push(self.predicate(&nested, depth + 1));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(" WHERE {}", parts.join(" AND ")),
        }
    }

    /// A condition on an item and something outside.
    fn correlation(&mut self, scope: &[Item], item: Item) -> String {
        let outer = scope[self.below(scope.len())];
        let (x, a) = (item.integer(self.below(2)), outer.integer(self.below(2)));
        match self.below(11) {
            0..=3 => format!("{x} = {a}"),
            4 => format!("{x} < {a}"),
            5 => format!("{x} <> {a}"),
            // In parentheses, because the parser takes what follows for a part of the operand.
            6 => format!("({x} IS NOT DISTINCT FROM {a})"),
            7 => format!("{x} + {a} > 3"),
            8 => format!("({x} = {a} OR {} = {})", item.text(), outer.text()),
            9 => format!("{} = {}", item.numeric(), outer.numeric()),
            _ => format!("{a} IS NOT NULL"),
        }
    }

    /// A condition with a subquery in it.
    fn predicate(&mut self, scope: &[Item], depth: usize) -> String {
        let (from, item, conditions) = self.relation(scope, depth);
        let filter = self.conditions(scope, item, conditions, depth);
        let a = scope[scope.len() - 1].integer(self.below(2));
        let (x, y) = (item.integer(0), item.integer(1));
        match self.below(8) {
            0 => format!("EXISTS (SELECT 1 FROM {from}{filter})"),
            1 => format!("NOT EXISTS (SELECT {x} FROM {from}{filter})"),
            2 => format!("{a} IN (SELECT {x} FROM {from}{filter})"),
            3 => format!("{a} NOT IN (SELECT {y} FROM {from}{filter})"),
            4 => format!("{a} > ALL (SELECT {x} FROM {from}{filter})"),
            5 => format!("({a} = 1 OR {a} IN (SELECT {x} FROM {from}{filter}))"),
            6 => format!("(SELECT count(*) FROM {from}{filter}) > 1"),
            _ => format!("(SELECT max({x}) FROM {from}{filter}) >= {a}"),
        }
    }
}

/// Rows in the place of a table, made of values of another item: VALUES or a series.
fn made_of(values: bool, outer: Item, item: Item) -> String {
    let (_, [x, y], text, numeric) = TABLES[item.table];
    let (a, b, alias) = (outer.integer(0), outer.integer(1), item.alias);
    if values {
        let row = format!("{a}, {b}, {}, {}", outer.text(), outer.numeric());
        return format!("(VALUES ({row}), (1, NULL, 'q', 1.0)) r{alias}({x}, {y}, {text}, {numeric})");
    }
    format!(
        "(SELECT g AS {x}, {b} AS {y}, 'p'::text AS {text}, 1.00 AS {numeric} FROM generate_series(0, {a}) g) r{alias}"
    )
}
