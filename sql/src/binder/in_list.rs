//! `x IN (list)`.
//!
//! Invariant: items are compared by the operator that PostgreSQL chooses for them, which depends on whether there are
//! several without columns.

use super::coerce::can_coerce;
use super::{Binder, Scope, Term, resolve};
use crate::bound::{Expr, walk};
use base::id::Oid;
use base::{Error, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::SqlType;
use types::sql_type::oid;

impl Binder<'_> {
    pub(super) fn in_list(
        &mut self,
        expr: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        if let Some(term) = self.row_in_list(expr, list, negated, scope)? {
            return Ok(term);
        }
        if self.outlines.on {
            return self.listed(expr, list, negated, scope);
        }
        let arg = self.expr(expr, scope)?;
        let (at, arg_type) = (arg.at, arg.expr.ty().oid);
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push(self.expr(item, scope)?);
        }
        let shared = shared_type(&arg, items.iter());
        let mut groups: Vec<InGroup> = Vec::new();
        let mut parts = Vec::with_capacity(items.len());
        for (item, written) in items.into_iter().zip(list) {
            let rows = is_constructed(&arg, expr) && is_constructed(&item, written);
            if rows && (shared.is_none() || reads_columns(&item.expr)) {
                let arg = self.expr(expr, scope)?;
                parts.push(self.fields_compared(if negated { "<>" } else { "=" }, &arg, &item)?);
                continue;
            }
            let ty = shared.filter(|_| !reads_columns(&item.expr)).unwrap_or_else(|| item.expr.ty().oid);
            if let Some(group) = groups.iter_mut().find(|group| group.ty == ty) {
                group.items.push(item);
                continue;
            }
            let resolved = resolve::operator("=", &[arg_type, ty]);
            let Some((equal, left, right)) =
                resolved.ok().and_then(|(operator, sides, _)| match sides.as_slice() {
                    [left, right] => Some((operator.proc, *left, *right)),
                    _ => None,
                })
            else {
                let name = if negated { "<>" } else { "=" };
                return self.operation(name, Some(arg), item, Some(expr));
            };
            groups.push(InGroup { ty, equal, left, right, items: vec![item] });
        }
        let mut arg = Some(arg);
        for group in groups {
            // Bound once per group: a subquery in it must not give its columns twice.
            let arg = arg.take().map_or_else(|| self.expr(expr, scope), Ok)?;
            parts.push(self.in_group(arg, group, negated)?);
        }
        let expr = match (parts.len(), negated) {
            (1, _) => parts.pop().ok_or_else(|| Error::internal("IN without a list"))?,
            (_, true) => Expr::And(parts),
            (_, false) => Expr::Or(parts),
        };
        Ok(Term { expr, at })
    }

    /// The same for its text: items without columns are one array, when there are several, the others compared one by one.
    fn listed(
        &mut self,
        expr: &ast::Expr,
        list: &[ast::Expr],
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let name = if negated { "<>" } else { "=" };
        let arg = self.expr(expr, scope)?;
        let at = arg.at;
        let mut items = Vec::with_capacity(list.len());
        for item in list {
            items.push((self.expr(item, scope)?, item));
        }
        let mut whole = None;
        if let Some(shared) = shared_type(&arg, items.iter().map(|(item, _)| item)) {
            let several;
            (items, several) = items.into_iter().partition(|(item, _)| reads_columns(&item.expr));
            let several = several.into_iter().map(|(item, _)| item).collect();
            let (elements, part) = self.unify(several, shared, "IN")?;
            let array = part.array().ok_or_else(|| self.unsupported("an array of this type", at))?;
            let array = Term { expr: Expr::Array { elements, ty: array }, at };
            whole = Some(self.compared_with_array(name, negated, arg, array, expr)?.expr);
        }
        for (item, written) in items {
            let arg = self.expr(expr, scope)?;
            let rows = is_constructed(&arg, expr) && is_constructed(&item, written);
            let next = match rows {
                true => {
                    self.lose_outline();
                    self.fields_compared(name, &arg, &item)?
                }
                false => self.operation(name, Some(arg), item, Some(expr))?.expr,
            };
            whole = Some(match whole {
                None => next,
                Some(before) if negated => Expr::And(vec![before, next]),
                Some(before) => Expr::Or(vec![before, next]),
            });
        }
        let expr = whole.ok_or_else(|| Error::internal("IN without a list"))?;
        Ok(Term { expr, at })
    }

    fn in_group(&mut self, arg: Term, group: InGroup, negated: bool) -> Result<Expr> {
        let InGroup { ty: _, equal, left, right, items } = group;
        let at = arg.at;
        let mut exprs = vec![self.coerce_argument(arg, left)?.expr];
        for item in items {
            exprs.push(self.coerce_argument(item, right)?.expr);
        }
        super::comparable::check_compared("=", &exprs, at)?;
        let types: Vec<SqlType> = exprs.iter().map(Expr::ty).filter(|t| t.oid == oid::NUMERIC).collect();
        if !types.is_empty() {
            let form = super::numeric::aligned(&types);
            let ty = SqlType { form, ..super::numeric::per_value() };
            exprs = exprs
                .into_iter()
                .map(|e| if e.ty().oid == oid::NUMERIC { self.in_form(e, &ty) } else { Ok(e) })
                .collect::<Result<_>>()?;
        }
        let mut exprs = exprs.into_iter();
        let Some(arg) = exprs.next() else { return Err(Error::internal("IN without an argument")) };
        Ok(Expr::InList { equal, arg: Box::new(arg), list: exprs.collect(), negated })
    }
}

/// Items of IN that are compared by one operator.
#[derive(Debug)]
struct InGroup {
    /// Of the items, as the operator was looked up for it.
    ty: Oid,
    equal: Oid,
    left: Oid,
    right: Oid,
    items: Vec<Term>,
}

/// The type that PostgreSQL gives the items without columns, when there are several: they become an array then. Other
/// items are compared with the argument one by one.
fn shared_type<'t>(arg: &'t Term, items: impl Iterator<Item = &'t Term>) -> Option<Oid> {
    let constants = items.filter(|item| !reads_columns(&item.expr));
    let types: Vec<(Oid, usize)> =
        std::iter::once(arg).chain(constants).map(|t| (t.expr.ty().oid, t.at)).collect();
    if types.len() < 3 {
        return None;
    }
    let common = super::coerce::common_oid(&types, "IN").ok()?;
    types.iter().all(|(ty, _)| can_coerce(*ty, common, CastContext::Implicit)).then_some(common)
}

/// Whether an item makes a row of its fields, be it cast: two such are compared field by field where they are not
/// elements of an array.
fn is_constructed(term: &Term, written: &ast::Expr) -> bool {
    let mut inner = written;
    while let ast::Expr::Nested(expr) | ast::Expr::Cast { expr, .. } = inner {
        inner = expr;
    }
    super::row::row_fields(inner).is_some() && matches!(term.expr, Expr::Row { .. })
}

/// Whether an expression depends on the row.
fn reads_columns(expr: &Expr) -> bool {
    let (mut columns, mut outer, mut subquery) = (false, false, false);
    walk::visit(expr, &mut |e| match e {
        Expr::Column(_) => columns = true,
        Expr::Outer(_) => outer = true,
        Expr::Subquery(_) => subquery = true,
        _ => {}
    });
    // Columns inside a subquery are its own, and what is outer to it may be ours.
    if subquery { outer } else { columns }
}
