//! Which way an item of ORDER BY sorts: ASC, DESC, or what the operator of USING says.
//!
//! Invariant: all that is accepted sorts as `<` or `>` of the type does; text is ordered by its bytes, which is what the
//! pattern operators say, too.

use super::Binder;
use super::names::located;
use super::operator::no_operator;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;

/// What an item of ORDER BY is sorted by, and the operator of USING if there is one.
pub(super) fn sorted_by(item: &ast::OrderByExpr) -> (&ast::Expr, Option<&str>) {
    if let ast::Expr::Prefixed { prefix, value } = &item.expr
        && let Some(operator) = prefix.value.strip_prefix(crate::parse::USING)
    {
        return (value, Some(operator));
    }
    (&item.expr, None)
}

/// The collation that COLLATE gives an expression, and its name in the statement.
fn collation(expr: &ast::Expr) -> Option<&ast::ObjectName> {
    match expr {
        ast::Expr::Collate { expr: _, collation } => Some(collation),
        ast::Expr::Nested(inner) => collation(inner),
        _ => None,
    }
}

impl Binder<'_> {
    /// 42P21 when COLLATE gives two expressions that are compared different collations.
    pub(super) fn same_collation(&self, left: &ast::Expr, right: &ast::Expr) -> Result<()> {
        let (Some(left), Some(right)) = (collation(left), collation(right)) else { return Ok(()) };
        let ((_, left, _), (_, right, at)) = (self.qualified(left)?, self.qualified(right)?);
        if left == right {
            return Ok(());
        }
        let message = format!("collation mismatch between explicit collations \"{left}\" and \"{right}\"");
        Err(located(Error::new(ErrorKind::CollationMismatch, message), at))
    }

    /// Whether an item sorts values of a type downwards; 42883 and 42809 for an operator that orders nothing.
    pub(super) fn descends(&self, item: &ast::OrderByExpr, ty: Oid, at: usize) -> Result<bool> {
        let (_, Some(operator)) = sorted_by(item) else { return Ok(item.options.asc == Some(false)) };
        if let Some(ascends) = item.options.asc {
            let word = if ascends { "asc" } else { "desc" };
            let message = format!("syntax error at or near \"{word}\"");
            return Err(located(Error::new(ErrorKind::Syntax, message), at));
        }
        super::resolve::operator(operator, &[ty, ty])
            .map_err(|why| located(no_operator(operator, &[ty, ty], why), at))?;
        match operator {
            "<" | "~<~" => Ok(false),
            ">" | "~>~" => Ok(true),
            _ => {
                let message = format!("operator {operator} is not a valid ordering operator");
                let error = Error::new(ErrorKind::WrongObjectType, message);
                let hint = "Ordering operators must be \"<\" or \">\" members of btree operator families.";
                Err(located(error.with_hint(hint), at))
            }
        }
    }
}
