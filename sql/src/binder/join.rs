//! Joins: kinds, ON, USING and NATURAL with their merged columns.
//!
//! Invariant: after USING the merged columns come first in `*`, then the rest of the left, then of the right side.

use super::names::located;
use super::scope::Whole;
use super::{Binder, Clause, Scope, ScopeColumn, ScopeTable, Term};
use crate::bound::outline::{FromItem, FromJoin};
use crate::bound::{Expr, JoinKind, Rel, TypedCol};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

/// One side of a join, or a whole item of FROM.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) rel: Rel,
    pub(super) tables: Vec<ScopeTable>,
    /// It names columns of entries before it.
    pub(super) lateral: bool,
    /// Its outline, when that is kept.
    pub(super) shown: Option<FromItem>,
}

impl Binder<'_> {
    /// A table and the joins behind it; `scope` holds the items of FROM before it.
    pub(super) fn joined(&mut self, item: &ast::TableWithJoins, scope: &Scope<'_>) -> Result<Side> {
        let ast::TableWithJoins { relation, joins } = item;
        let before = self.recursions.references;
        let mut left = self.factor(relation, scope)?;
        for ast::Join { relation, global, join_operator } in joins {
            if *global {
                return Err(self.unsupported("a GLOBAL join", 0));
            }
            let (kind, constraint) = self.join_kind(join_operator)?;
            let visible = scope.with(&left.tables);
            if matches!(kind, JoinKind::Right | JoinKind::Full) {
                self.refuse_recursion_since(before)?;
            }
            let right = match kind {
                JoinKind::Left | JoinKind::Full => {
                    self.without_recursion("an outer join", |b| b.factor(relation, &visible))?
                }
                JoinKind::Inner | JoinKind::Right => self.factor(relation, &visible)?,
            };
            self.check_aliases(&left.tables, &right.tables)?;
            if right.lateral && matches!(kind, JoinKind::Right | JoinKind::Full) {
                let error =
                    Error::new(ErrorKind::InvalidColumnReference, "invalid reference to FROM-clause entry")
                        .with_detail(
                            "The combining JOIN type must be INNER or LEFT for a LATERAL reference.",
                        );
                return Err(error);
            }
            let crosses = matches!(join_operator, ast::JoinOperator::CrossJoin(_));
            if matches!(constraint, ast::JoinConstraint::None) && !crosses {
                return Err(Error::new(ErrorKind::Syntax, "syntax error: JOIN without ON or USING")
                    .with_hint("Write CROSS JOIN for all pairs of rows."));
            }
            let (left_tables, right_tables) = (left.tables.len(), right.tables.len());
            left = self.join(kind, constraint, left, right, scope)?;
            let optional = |side: usize| match kind {
                JoinKind::Inner => false,
                JoinKind::Left => side >= left_tables,
                JoinKind::Right => side < left_tables,
                JoinKind::Full => true,
            };
            for (place, table) in left.tables.iter_mut().enumerate().take(left_tables + right_tables) {
                if optional(place) {
                    table.whole = table.whole.optional();
                }
            }
        }
        Ok(left)
    }

    fn join_kind<'j>(&self, operator: &'j ast::JoinOperator) -> Result<(JoinKind, &'j ast::JoinConstraint)> {
        use ast::JoinOperator as J;
        Ok(match operator {
            J::Join(c) | J::Inner(c) | J::CrossJoin(c) => (JoinKind::Inner, c),
            J::Left(c) | J::LeftOuter(c) => (JoinKind::Left, c),
            J::Right(c) | J::RightOuter(c) => (JoinKind::Right, c),
            J::FullOuter(c) => (JoinKind::Full, c),
            _ => return Err(self.unsupported("this kind of join", 0)),
        })
    }

    fn join(
        &mut self,
        kind: JoinKind,
        constraint: &ast::JoinConstraint,
        left: Side,
        right: Side,
        scope: &Scope<'_>,
    ) -> Result<Side> {
        let lateral = left.lateral;
        let mut join_alias = None;
        let (on, using) = match constraint {
            ast::JoinConstraint::None => (None, None),
            ast::JoinConstraint::On(condition) => {
                let mut both = left.tables.clone();
                both.extend(right.tables.iter().cloned());
                let visible = Scope { parent: scope.parent, tables: both, ctes: scope.ctes.clone() };
                let predicate = self.in_clause(Clause::JoinOn, |b| {
                    let term = b.expr(condition, &visible)?;
                    b.coerce_boolean(term, "JOIN/ON")
                })?;
                (Some(predicate), None)
            }
            ast::JoinConstraint::Using(names) => {
                let mut columns = Vec::with_capacity(names.len());
                for name in names {
                    let (parts, at) = self.parts(name)?;
                    let name = parts.into_iter().next_back().unwrap_or_default();
                    if let Some(own) = name.strip_prefix(crate::parse::JOIN_ALIAS) {
                        join_alias = Some(own.to_owned());
                        continue;
                    }
                    if columns.iter().any(|(n, _)| *n == name) {
                        let message =
                            format!("column name \"{name}\" appears more than once in USING clause");
                        return Err(located(Error::new(ErrorKind::DuplicateColumn, message), at));
                    }
                    columns.push((name, at));
                }
                (None, Some(columns))
            }
            ast::JoinConstraint::Natural => {
                let right_names: Vec<String> = shown(&right.tables).map(|c| c.name.clone()).collect();
                let common: Vec<(String, usize)> = shown(&left.tables)
                    .filter(|c| !c.is_hidden() && right_names.contains(&c.name))
                    .map(|c| (c.name.clone(), 0))
                    .collect();
                (None, Some(common))
            }
        };
        match using {
            None => {
                let mut tables = left.tables;
                tables.extend(right.tables);
                let (using, merged, renamed) = (Vec::new(), Vec::new(), Vec::new());
                let join = |(left, right)| FromJoin {
                    kind,
                    left,
                    right,
                    on: on.clone(),
                    using,
                    using_alias: None,
                    alias: None,
                    merged,
                    renamed,
                };
                let shown = left.shown.zip(right.shown).map(|sides| FromItem::Join(Box::new(join(sides))));
                let rel = Rel::Join {
                    kind,
                    left: Box::new(left.rel),
                    right: Box::new(right.rel),
                    on,
                    lateral: right.lateral,
                };
                Ok(Side { rel, tables, lateral, shown })
            }
            Some(columns) => {
                let mut side = self.join_using(kind, &columns, left, right)?;
                if let (Some(name), Some(merged)) = (join_alias, side.tables.last()) {
                    let columns = merged.columns.iter().take(columns.len()).cloned().collect();
                    if let Some(FromItem::Join(join)) = &mut side.shown {
                        join.using_alias = Some(name.clone());
                    }
                    let entry = ScopeTable {
                        name,
                        schema: None,
                        columns,
                        by_name: true,
                        unqualified: false,
                        whole: Whole::Row,
                    };
                    self.check_aliases(&side.tables, std::slice::from_ref(&entry))?;
                    side.tables.push(entry);
                }
                Ok(side)
            }
        }
    }

    fn join_using(
        &mut self,
        kind: JoinKind,
        names: &[(String, usize)],
        left: Side,
        right: Side,
    ) -> Result<Side> {
        let mut conditions = Vec::with_capacity(names.len());
        let mut merged = Vec::with_capacity(names.len());
        for (name, at) in names {
            let l = self.using_column(&left.tables, name, "left", *at)?;
            let r = self.using_column(&right.tables, name, "right", *at)?;
            let term = |c: &ScopeColumn| Term { expr: Expr::Column(c.typed.clone()), at: *at };
            let equal = self.operation("=", Some(term(&l)), term(&r), None).map_err(|e| located(e, *at))?;
            conditions.push(equal.expr);
            let terms = vec![term(&l), term(&r)];
            let common = self.common_type(&terms, "JOIN/USING")?;
            let (mut exprs, ty) = self.unify(terms, common, "JOIN/USING")?;
            let second = exprs.pop();
            let first = exprs.pop();
            let (Some(first), Some(second)) = (first, second) else {
                return Err(Error::internal("USING lost a side"));
            };
            let origin = if kind == JoinKind::Right { r.origin } else { l.origin };
            let value = match kind {
                // What has the common type as it is shows it.
                JoinKind::Inner if l.typed.ty.oid != common && r.typed.ty.oid == common => second,
                JoinKind::Inner | JoinKind::Left => first,
                JoinKind::Right => second,
                JoinKind::Full => Expr::Coalesce { args: vec![first, second], ty },
            };
            merged.push((name.clone(), value, origin));
        }
        let on = match conditions.len() {
            0 => None,
            1 => conditions.pop(),
            _ => Some(Expr::And(conditions)),
        };
        let lateral = left.lateral;
        let using = names.iter().map(|(name, _)| name.clone()).collect();
        let join = |(left, right)| FromJoin {
            kind,
            left,
            right,
            on: on.clone(),
            using,
            using_alias: None,
            alias: None,
            merged: Vec::new(),
            renamed: Vec::new(),
        };
        let shown = left.shown.zip(right.shown).map(join);
        let joined = Rel::Join {
            kind,
            left: Box::new(left.rel),
            right: Box::new(right.rel),
            on,
            lateral: right.lateral,
        };
        let mut tables = left.tables;
        tables.extend(right.tables);
        Ok(self.merge(joined, tables, merged, lateral, shown))
    }

    /// Puts the merged columns in front. Where one is computed, everything goes through a projection.
    fn merge(
        &mut self,
        joined: Rel,
        mut tables: Vec<ScopeTable>,
        merged: Vec<(String, Expr, (Oid, i16))>,
        lateral: bool,
        mut shown_join: Option<FromJoin>,
    ) -> Side {
        let mut rel = joined;
        let names: Vec<String> = merged.iter().map(|(n, _, _)| n.clone()).collect();
        let mut columns: Vec<ScopeColumn> = Vec::new();
        if merged.iter().all(|(_, e, _)| matches!(e, Expr::Column(_))) {
            for (name, expr, origin) in merged {
                if let Expr::Column(typed) = expr {
                    columns.push(ScopeColumn { name, typed, origin });
                }
            }
        } else {
            let mut items = Vec::new();
            for (name, expr, origin) in merged {
                let typed = TypedCol { col: self.new_col(), ty: expr.ty() };
                if let Some(join) = &mut shown_join {
                    match &expr {
                        Expr::Column(own) => join.renamed.push((typed.col, own.col)),
                        _ => join.merged.push((typed.col, name.clone())),
                    }
                }
                items.push((expr, typed.col));
                columns.push(ScopeColumn { name, typed, origin });
            }
            let mut renamed = std::collections::HashMap::new();
            for column in tables.iter_mut().flat_map(|t| &mut t.columns) {
                let old = column.typed.col;
                let new = *renamed.entry(old).or_insert_with(|| {
                    let new = self.new_col();
                    items.push((Expr::Column(column.typed.clone()), new));
                    new
                });
                column.typed.col = new;
            }
            if let Some(join) = &mut shown_join {
                join.renamed.extend(renamed.iter().map(|(old, new)| (*new, *old)));
            }
            rel = Rel::Project { input: Box::new(rel), items };
        }
        columns.extend(shown(&tables).filter(|c| !names.contains(&c.name)).cloned());
        for table in &mut tables {
            table.unqualified = false;
        }
        tables.push(ScopeTable {
            name: String::new(),
            schema: None,
            columns,
            by_name: false,
            unqualified: true,
            whole: Whole::Row,
        });
        let shown = shown_join.map(|join| FromItem::Join(Box::new(join)));
        Side { rel, tables, lateral, shown }
    }

    fn using_column(&self, tables: &[ScopeTable], name: &str, side: &str, at: usize) -> Result<ScopeColumn> {
        let mut found = shown(tables).filter(|c| c.name == name);
        let Some(column) = found.next() else {
            let message =
                format!("column \"{name}\" specified in USING clause does not exist in {side} table");
            return Err(Error::new(ErrorKind::UndefinedColumn, message));
        };
        if found.next().is_some() {
            let message = format!("common column name \"{name}\" appears more than once in {side} table");
            return Err(located(Error::new(ErrorKind::AmbiguousColumn, message), at));
        }
        Ok(column.clone())
    }
}

fn shown(tables: &[ScopeTable]) -> impl Iterator<Item = &ScopeColumn> {
    tables.iter().filter(|t| t.unqualified).flat_map(|t| &t.columns)
}
