//! Calls whose last argument is `VARIADIC array`: the array holds all the variadic arguments.
//!
//! Invariant: a function of VARIADIC "any" gets the elements as arguments of their own, so that its kernel has one way to
//! be called. The array must be known by its elements for that.

use super::function::no_function;
use super::names::located;
use super::resolve;
use super::type_name::held;
use super::{Binder, Term};
use crate::bound::Expr;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use types::Datum;
use types::sql_type::{array_element, oid};

/// pg_proc OID of format: its result does not hang on whether there are arguments.
const FORMAT: Oid = Oid(3539);

impl Binder<'_> {
    /// A call of a function of VARIADIC "any"; the last term is the array.
    pub(super) fn call_of_any(&mut self, name: &str, terms: Vec<Term>, at: usize) -> Result<Term> {
        let array_at = terms.last().map_or(at, |term| term.at);
        let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
        let chosen = resolve::function_with_names(name, &actual, &[resolve::VARIADIC.to_owned()])
            .map_err(|why| located(no_function(name, &actual, why), at))?;
        let mut args = self.coerce_arguments(terms, &chosen)?;
        let Some(array) = args.pop() else { return Err(Error::internal("a call lost its array")) };
        match self.array_elements(array, array_at)? {
            Some(elements) => args.extend(elements),
            None if chosen.proc.oid == FORMAT => {}
            None => {
                let ty = held(chosen.result, -1)?;
                return Ok(Term { expr: Expr::Const(Datum::Null, ty), at });
            }
        }
        let expr = self.call(chosen.proc.oid, args, chosen.result, at)?;
        Ok(Term { expr, at })
    }

    /// The elements of an array; None for null.
    fn array_elements(&self, array: Expr, at: usize) -> Result<Option<Vec<Expr>>> {
        let ty = array.ty().oid;
        if ty == oid::UNKNOWN && matches!(array, Expr::Const(Datum::Null, _)) {
            return Ok(None);
        }
        let Some(element) = array.ty().element() else {
            let error = Error::new(ErrorKind::DatatypeMismatch, "VARIADIC argument must be an array");
            return Err(located(error, at));
        };
        match array {
            // Of an array of arrays, the elements of all.
            Expr::Array { elements, .. } if elements.iter().any(|e| array_element(e.ty().oid).is_some()) => {
                let mut all = Vec::new();
                for inner in elements {
                    all.extend(self.array_elements(inner, at)?.unwrap_or_default());
                }
                Ok(Some(all))
            }
            Expr::Array { elements, .. } => Ok(Some(elements)),
            Expr::Const(Datum::Null, _) => Ok(None),
            Expr::Const(Datum::List(list), _) => Ok(Some(
                list.into_items().into_iter().map(|item| Expr::Const(item, element.clone())).collect(),
            )),
            _ => Err(self
                .unsupported("VARIADIC of an array that is not ARRAY[..] or a constant", at)
                .with_hint("Give the arguments one by one.")),
        }
    }
}
