//! `value op ANY (..)` and ALL, over arrays and queries.

use super::names::located;
use super::operator::no_operator;
use super::{Binder, Scope, Term, resolve};
use crate::bound::Expr;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast::{self, BinaryOperator};
use types::sql_type::oid;

impl Binder<'_> {
    pub(super) fn quantified(
        &mut self,
        left: &ast::Expr,
        op: &BinaryOperator,
        right: &ast::Expr,
        all: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let mut inner = right;
        while let ast::Expr::Nested(nested) = inner {
            inner = nested;
        }
        let name = self.operator_name(op, left)?;
        if let ast::Expr::Subquery(query) = inner {
            return self.quantified_subquery(left, &name, query, all, scope);
        }
        let arg = self.expr(left, scope)?;
        let array = self.expr(inner, scope)?;
        self.compared_with_array(&name, all, arg, array, left)
    }

    /// `arg op ANY (array)` or ALL; `left` is the syntax of the argument.
    pub(super) fn compared_with_array(
        &mut self,
        name: &str,
        all: bool,
        arg: Term,
        array: Term,
        left: &ast::Expr,
    ) -> Result<Term> {
        let at = arg.at;
        let array_type = array.expr.ty().oid;
        let element = match array_type {
            oid::UNKNOWN => oid::UNKNOWN,
            other => types::sql_type::array_element(other).ok_or_else(|| {
                let position = self.operator_position(left).unwrap_or(0);
                let message = "op ANY/ALL (array) requires array on right side";
                located(Error::new(ErrorKind::WrongObjectType, message), position)
            })?,
        };
        let (operator, sides, result) =
            resolve::operator(name, &[arg.expr.ty().oid, element]).map_err(|why| {
                let position = self.operator_position(left).unwrap_or(0);
                located(no_operator(name, &[arg.expr.ty().oid, element], why), position)
            })?;
        if result != oid::BOOL {
            let message = "op ANY/ALL (array) requires operator to yield boolean";
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        let [arg_type, element_type] =
            <[Oid; 2]>::try_from(sides).map_err(|_| Error::internal("a comparison without two operands"))?;
        let arg = self.coerce_argument(arg, arg_type)?.expr;
        // A list of numerics has a scale per value.
        let arg =
            if arg_type == oid::NUMERIC { self.in_form(arg, &super::numeric::per_value())? } else { arg };
        let array_target = match element == element_type {
            true => array_type,
            false => types::sql_type::array_of(element_type)
                .ok_or_else(|| self.unsupported("an array of this type", array.at))?,
        };
        let array = self.coerce_argument(array, array_target)?.expr;
        let (arg, array) = (Box::new(arg), Box::new(array));
        Ok(Term { expr: Expr::ArrayCompare { proc: operator.proc, all, arg, array }, at })
    }
}
