//! Queries: clauses and their lines.

use super::layout::{Named, STEP, Told, Untold, Writer};
use super::quoted;
use crate::bound::outline::{
    BodyOutline, CallOutline, DistinctOutline, FromItem, GroupItem, OrderKey, QueryOutline, SelectOutline,
    Spelling,
};
use crate::bound::{Expr, SetOp, SortKey};
use types::Datum;

impl Writer<'_> {
    /// A query; with `names` its columns are named although nobody would miss that.
    pub(super) fn query(&mut self, query: &QueryOutline, names: bool) -> Told {
        let none: &[FromItem] = &[];
        let from = match &query.body {
            BodyOutline::Select(select) => select.from.as_slice(),
            BodyOutline::Values { .. } | BodyOutline::SetOp { .. } => none,
        };
        let before = self.enter(from);
        let indent = self.indent;
        self.with(query)?;
        match &query.body {
            BodyOutline::Select(select) => self.select(select, names)?,
            BodyOutline::Values { rows } => {
                self.indent += STEP;
                self.put(" ");
                self.values(rows)?;
            }
            BodyOutline::SetOp { op, all, left, right } => {
                self.set_operation(*op, *all, left, right, names)?
            }
        }
        if !query.order_by.is_empty() {
            self.word(" ORDER BY ", -STEP, STEP, 1);
            self.order_by(&query.order_by)?;
        }
        if let Some(offset) = &query.offset {
            self.word(" OFFSET ", -STEP, STEP, 0);
            self.expr(offset, false)?;
        }
        if let Some(limit) = &query.limit {
            self.limit(limit, query.ties)?;
        }
        self.indent = indent;
        self.leave(before);
        Ok(())
    }

    fn limit(&mut self, limit: &Expr, ties: bool) -> Told {
        if ties {
            self.word(" FETCH FIRST ", -STEP, STEP, 0);
            self.put("(");
            self.expr(limit, false)?;
            self.put(") ROWS WITH TIES");
            return Ok(());
        }
        self.word(" LIMIT ", -STEP, STEP, 0);
        match limit {
            Expr::Const(Datum::Null, _) => self.put("ALL"),
            // FETCH FIRST ROW says no number.
            Expr::Const(Datum::Int64(rows), _) => self.put(&rows.to_string()),
            limit => self.expr(limit, false)?,
        }
        Ok(())
    }

    fn with(&mut self, query: &QueryOutline) -> Told {
        if query.with.is_empty() {
            return Ok(());
        }
        self.indent += STEP;
        self.put(if query.recursive { " WITH RECURSIVE " } else { " WITH " });
        for (index, cte) in query.with.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            self.put(&quoted(&cte.name));
            if !cte.columns.is_empty() {
                let names: Vec<String> = cte.columns.iter().map(|name| quoted(name)).collect();
                self.put(&format!("({})", names.join(", ")));
            }
            self.put(match cte.materialized {
                None => " AS (",
                Some(true) => " AS MATERIALIZED (",
                Some(false) => " AS NOT MATERIALIZED (",
            });
            self.word("", 0, 0, 0);
            self.query(&cte.query, true)?;
            self.word("", 0, 0, 0);
            self.put(")");
        }
        self.indent -= STEP;
        self.word("", 0, 0, 0);
        Ok(())
    }

    fn select(&mut self, select: &SelectOutline, names: bool) -> Told {
        for (col, call) in &select.calls {
            self.columns.insert(*col, Named::Call(call.clone()));
        }
        self.indent += STEP;
        self.put(" SELECT");
        match &select.distinct {
            DistinctOutline::No => {}
            DistinctOutline::All => self.put(" DISTINCT"),
            DistinctOutline::On(on) => {
                self.put(" DISTINCT ON (");
                for (index, expr) in on.iter().enumerate() {
                    if index > 0 {
                        self.put(", ");
                    }
                    self.key(expr)?;
                }
                self.put(")");
            }
        }
        self.targets(&select.targets, names)?;
        self.from(&select.from)?;
        if let Some(filter) = &select.filter {
            self.word(" WHERE ", -STEP, STEP, 1);
            self.expr(filter, false)?;
        }
        if !select.group_by.is_empty() {
            self.word(" GROUP BY ", -STEP, STEP, 1);
            if select.group_distinct {
                self.put("DISTINCT ");
            }
            self.groups(&select.group_by, true)?;
        }
        if let Some(having) = &select.having {
            self.word(" HAVING ", -STEP, STEP, 0);
            self.expr(having, false)?;
        }
        self.windows(&select.windows)
    }

    fn targets(&mut self, targets: &[(Expr, String)], names: bool) -> Told {
        let mut was_long = false;
        for (index, (expr, name)) in targets.iter().enumerate() {
            self.put(if index == 0 { " " } else { ", " });
            let item = self.aside(|w| {
                let own = match w.column_name(expr)? {
                    Some(own) => {
                        w.top(expr, true)?;
                        Some(own)
                    }
                    None => {
                        w.top(expr, true)?;
                        (!names).then(|| "?column?".to_owned())
                    }
                };
                if own.as_ref() != Some(name) {
                    w.put(&format!(" AS {}", quoted(name)));
                }
                Ok(())
            })?;
            self.item(&item, index == 0, was_long);
            was_long = item.trim_start_matches('\n').contains('\n');
        }
        Ok(())
    }

    /// The name that a column of a relation brings with it.
    fn column_name(&self, expr: &Expr) -> Told<Option<String>> {
        let (Expr::Column(column) | Expr::Outer(column)) = expr else { return Ok(None) };
        Ok(match self.named(column.col)? {
            Named::Column { relation: _, name } | Named::Merged(name) => Some(name.clone()),
            Named::Other(_) | Named::Call(_) => None,
        })
    }

    pub(super) fn values(&mut self, rows: &[Vec<Expr>]) -> Told {
        self.put("VALUES ");
        for (index, row) in rows.iter().enumerate() {
            self.put(if index == 0 { "(" } else { ", (" });
            for (place, expr) in row.iter().enumerate() {
                if place > 0 {
                    self.put(",");
                }
                self.top(expr, false)?;
            }
            self.put(")");
        }
        Ok(())
    }

    /// Items of GROUP BY; `plain`: one key stands without parentheses.
    fn groups(&mut self, items: &[GroupItem], plain: bool) -> Told {
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            let (word, inner, plain_inside) = match item {
                GroupItem::Keys(keys) => {
                    let around = !plain || keys.len() != 1;
                    if around {
                        self.put("(");
                    }
                    for (place, key) in keys.iter().enumerate() {
                        if place > 0 {
                            self.put(", ");
                        }
                        self.key(key)?;
                    }
                    if around {
                        self.put(")");
                    }
                    continue;
                }
                GroupItem::Rollup(items) => ("ROLLUP(", items, true),
                GroupItem::Cube(items) => ("CUBE(", items, true),
                GroupItem::Sets(items) => ("GROUPING SETS (", items, false),
            };
            self.put(word);
            self.groups(inner, plain_inside)?;
            self.put(")");
        }
        Ok(())
    }

    /// An item of GROUP BY, ORDER BY and their like.
    pub(super) fn key(&mut self, expr: &Expr) -> Told {
        let shown = super::expressions::bare(expr);
        if let Expr::Const(datum, ty) = shown {
            return self.constant(datum, ty, super::constants::Label::Always);
        }
        let around = self.style.sparing && !self.is_column(shown) || self.is_call(shown);
        if around {
            self.put("(");
        }
        self.expr(shown, true)?;
        if around {
            self.put(")");
        }
        Ok(())
    }

    pub(super) fn order_by(&mut self, keys: &[OrderKey]) -> Told {
        for (index, OrderKey { key, place }) in keys.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            match place {
                Some(place) => self.put(&place.to_string()),
                None => self.key(&key.expr)?,
            }
            self.direction(key);
        }
        Ok(())
    }

    pub(super) fn sort_keys(&mut self, keys: &[SortKey]) -> Told {
        for (index, key) in keys.iter().enumerate() {
            if index > 0 {
                self.put(", ");
            }
            self.key(&key.expr)?;
            self.direction(key);
        }
        Ok(())
    }

    fn direction(&mut self, key: &SortKey) {
        self.put(match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        });
    }

    fn set_operation(
        &mut self,
        op: SetOp,
        all: bool,
        left: &QueryOutline,
        right: &QueryOutline,
        names: bool,
    ) -> Told {
        let inner = |query: &QueryOutline| match &query.body {
            BodyOutline::SetOp { op, all, left: _, right: _ } if query.is_bare() => Some((*op, *all)),
            _ => None,
        };
        let around = inner(left).is_some_and(|found| found != (op, all));
        let more = if around { STEP } else { 0 };
        if around {
            self.put("(");
            self.word("", more, 0, 0);
        }
        self.operand(left, names)?;
        match around {
            true => self.word(") ", -more, 0, 0),
            false => self.word("", 0, 0, 0),
        }
        self.put(match op {
            SetOp::Union => "UNION ",
            SetOp::Intersect => "INTERSECT ",
            SetOp::Except => "EXCEPT ",
        });
        if all {
            self.put("ALL ");
        }
        let around = inner(right).is_some();
        let more = if around { STEP } else { 0 };
        if around {
            self.put("(");
        }
        self.word("", more, 0, 0);
        self.operand(right, false)?;
        self.indent -= more;
        if around {
            self.word(")", 0, 0, 0);
        }
        Ok(())
    }

    fn operand(&mut self, query: &QueryOutline, names: bool) -> Told {
        if let (BodyOutline::SetOp { op, all, left, right }, true) = (&query.body, query.is_bare()) {
            return self.set_operation(*op, *all, left, right, names);
        }
        let around = !query.is_bare();
        if around {
            self.put("(");
        }
        self.query(query, names)?;
        if around {
            self.put(")");
        }
        Ok(())
    }

    /// A query of an expression.
    pub(super) fn subquery(&mut self, number: usize) -> Told {
        let query = self.outline.subqueries.get(number).ok_or(Untold)?.clone();
        self.query(&query, false)
    }

    pub(super) fn is_column(&self, expr: &Expr) -> bool {
        match expr {
            expr if matches!(Spelling::within(expr), Some((Spelling::WholeRow, _, _))) => true,
            Expr::Column(c) | Expr::Outer(c) => !matches!(self.named(c.col), Ok(Named::Call(_))),
            _ => false,
        }
    }

    pub(super) fn call_of(&self, expr: &Expr) -> Option<CallOutline> {
        let (Expr::Column(c) | Expr::Outer(c)) = expr else { return None };
        match self.named(c.col) {
            Ok(Named::Call(call)) => Some(call.clone()),
            _ => None,
        }
    }
}
