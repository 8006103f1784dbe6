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
        let b = outer.integer(self.below(2));
        match self.below(20) {
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
            13 => {
                let not = self.pick(&["", "NOT "]);
                format!("({a}, {b}) {not}IN (SELECT {x}, {y} FROM {from}{filter})")
            }
            14 => {
                let op = self.pick(&["=", "<>", "<", ">="]);
                let all = self.pick(&["ANY", "ALL"]);
                format!("({a}, {b}) {op} {all} (SELECT {x}, {y} FROM {from}{filter})")
            }
            15 => format!("({a}, {b}) <= (SELECT {x}, {y} FROM {from}{filter} ORDER BY {x}, {y} LIMIT 1)"),
            16 => {
                let sets = self.pick(&["ROLLUP (k)", "GROUPING SETS ((k), (), ())", "CUBE (k, m)"]);
                format!(
                    "(SELECT string_agg(concat(k, ':', c, ':', g), ',' ORDER BY k, c, g) FROM (SELECT k, count(m) AS c, \
                     grouping(k) AS g FROM (SELECT {x} AS k, {y} AS m FROM {from}{filter}) f GROUP BY {sets}) z)"
                )
            }
            17 => format!("array(SELECT DISTINCT ON ({x}) {y} FROM {from}{filter} ORDER BY {x}, {y} DESC)"),
            18 => format!(
                "array(SELECT generate_series(1, {a}) * 10 + unnest(ARRAY[{x}, {y}]) FROM {from}{filter} ORDER BY 1)"
            ),
            19 => {
                let ties =
                    self.pick(&["LIMIT abs({a})", "OFFSET abs({a})", "FETCH FIRST abs({a}) ROWS WITH TIES"]);
                let ties = ties.replace("abs({a})", &format!("(abs({a}))"));
                format!("array(SELECT {x} FROM {from}{filter} ORDER BY {x} {ties})")
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
        let table = 1 + self.below(2);
        let item = self.alias(table);
        let (name, [x, y], text, numeric) = TABLES[table];
        let alias = item.alias;
        let inner = self.alias(table);
        let inner_alias = inner.alias;
        let condition = self.correlation(scope, inner);
        let body = format!("FROM {name} r{inner_alias} WHERE {condition}");
        let columns = format!("{x}, {y}, {text}, {numeric}");
        match self.below(18) {
            0 => (format!("(SELECT * {body}) r{alias}"), item, 1),
            1 => (
                format!(
                    "(SELECT {x}, count(*)::int AS {y}, max({text}) AS {text}, sum({numeric}) AS {numeric} {body} \
                     GROUP BY {x}) r{alias}"
                ),
                item,
                1,
            ),
            2 => (
                format!(
                    "(SELECT max({x}) AS {x}, count(*)::int AS {y}, max({text}) AS {text}, \
                     sum({numeric}) AS {numeric} {body}) r{alias}"
                ),
                item,
                1,
            ),
            3 => {
                let op = self.pick(&["UNION", "UNION ALL", "INTERSECT", "EXCEPT", "EXCEPT ALL"]);
                (format!("(SELECT {columns} FROM {name} {op} SELECT {columns} {body}) r{alias}"), item, 1)
            }
            4 => (format!("(SELECT DISTINCT {columns} {body}) r{alias}"), item, 1),
            5 => (format!("(SELECT {columns} {body} ORDER BY {columns} LIMIT 2) r{alias}"), item, 1),
            6 => (
                format!(
                    "(SELECT {x}, row_number() OVER (ORDER BY {columns})::int AS {y}, {text}, {numeric} {body}) r{alias}"
                ),
                item,
                1,
            ),
            7 => {
                let other = self.alias(3 - table);
                let join = self.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
                let (other_name, ..) = TABLES[other.table];
                let equal = format!("{} = {}", item.integer(0), other.integer(0));
                let outer = scope[self.below(scope.len())];
                // A full join takes equalities only, of which one may be about the outside.
                let more = match join {
                    "FULL JOIN" => String::new(),
                    _ => format!(" AND {} < {}", other.integer(1), outer.integer(0)),
                };
                (format!("{name} r{alias} {join} {other_name} r{} ON {equal}{more}", other.alias), item, 0)
            }
            8 => {
                let other = self.alias(3 - table);
                let (other_name, ..) = TABLES[other.table];
                let theirs = self.correlation(scope, other);
                let join = self.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
                let other_alias = other.alias;
                (
                    format!(
                        "(SELECT * {body}) r{alias} {join} (SELECT * FROM {other_name} r{other_alias} WHERE {theirs}) \
                         q{other_alias} ON {} = q{other_alias}.{}",
                        item.integer(0),
                        TABLES[other.table].1[0]
                    ),
                    item,
                    1,
                )
            }
            9 => {
                let outer = scope[self.below(scope.len())];
                (
                    format!(
                        "(VALUES ({a}, {b}, {t}, {n}), (1, NULL, 'q', 1.0)) r{alias}({columns})",
                        a = outer.integer(0),
                        b = outer.integer(1),
                        t = outer.text(),
                        n = outer.numeric()
                    ),
                    item,
                    1,
                )
            }
            10 => (
                format!(
                    "(WITH w AS (SELECT {columns} {body}) SELECT p.* FROM w p, w q WHERE p.{x} = q.{y}) r{alias}"
                ),
                item,
                1,
            ),
            11 => {
                let outer = scope[self.below(scope.len())];
                (
                    format!(
                        "(SELECT g AS {x}, {b} AS {y}, 'p'::text AS {text}, 1.00 AS {numeric} \
                         FROM generate_series(0, {a}) g) r{alias}",
                        a = outer.integer(0),
                        b = outer.integer(1)
                    ),
                    item,
                    1,
                )
            }
            13 => (
                format!(
                    "(SELECT {x}, count(*)::int AS {y}, max({text}) AS {text}, sum({numeric}) AS {numeric} {body} \
                     GROUP BY ROLLUP ({x})) r{alias}"
                ),
                item,
                1,
            ),
            14 => {
                (format!("(SELECT DISTINCT ON ({x}) {columns} {body} ORDER BY {columns}) r{alias}"), item, 1)
            }
            15 => (
                format!(
                    "(SELECT generate_series(0, {y}) AS {x}, unnest(ARRAY[{x}, {y}]) AS {y}, {text}, {numeric} {body}) \
                     r{alias}"
                ),
                item,
                1,
            ),
            16 => (
                format!(
                    "(WITH w AS (SELECT {columns} {body}) SELECT {columns} FROM {name} z \
                     WHERE z.{x} IN (SELECT w.{x} FROM w)) r{alias}"
                ),
                item,
                1,
            ),
            12 if depth < DEPTH_MAX => {
                let nested: Vec<Item> = scope.iter().copied().chain([inner]).collect();
                let value = self.value(&nested, depth + 1);
                (
                    format!(
                        "(SELECT {x}, {y}, ({value})::text AS {text}, {numeric} FROM {name} r{inner_alias}) r{alias}"
                    ),
                    item,
                    0,
                )
            }
            _ => (format!("{name} r{alias}"), item, 0),
        }
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
        match self.below(13) {
            0..=3 => format!("{x} = {a}"),
            10 => format!("({}, {}) <= ({a}, 2)", item.integer(0), item.integer(1)),
            11 => format!("({}, {x}) = ({a}, {a})", item.integer(0)),
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
        match self.below(11) {
            8 => format!("({a}, 1) IN (SELECT {x}, {y} FROM {from}{filter})"),
            9 => format!("({a}, 1) NOT IN (SELECT {x}, {y} FROM {from}{filter})"),
            10 => format!("({a}, {a}) > ALL (SELECT {x}, {y} FROM {from}{filter})"),
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
