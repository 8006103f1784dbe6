//! CASE, COALESCE, NULLIF, GREATEST and LEAST.

use super::names::located;
use super::{Binder, Scope, Term, resolve};
use crate::bound::Expr;
use crate::bound::outline::Spelling;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::Datum;
use types::sql_type::oid;

impl Binder<'_> {
    pub(super) fn case(
        &mut self,
        operand: Option<&ast::Expr>,
        conditions: &[ast::CaseWhen],
        otherwise: Option<&ast::Expr>,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let before = self.sets_so_far();
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        let mut compared = None;
        for ast::CaseWhen { condition, result } in conditions {
            let test = match operand {
                None => self.expr(condition, scope)?,
                Some(operand) => {
                    // Bound once per WHEN: a subquery in it must not give its columns twice.
                    let left = self.expr(operand, scope)?;
                    let left = self.resolve_unknown(left)?;
                    if self.outlines.on {
                        compared.get_or_insert_with(|| left.expr.clone());
                    }
                    let right = self.expr(condition, scope)?;
                    self.operation("=", Some(left), right, Some(operand))?
                }
            };
            self.refuse_sets_since(before, "CASE")?;
            tests.push(self.coerce_boolean(test, "CASE/WHEN")?);
            results.push(self.expr(result, scope)?);
        }
        // PostgreSQL lets ELSE speak first when it looks for the common type.
        let last = match otherwise {
            Some(expr) => self.expr(expr, scope)?,
            None => Term { expr: Expr::Const(Datum::Null, super::literal::unknown_type()), at: 0 },
        };
        self.refuse_sets_since(before, "CASE")?;
        let mut terms = vec![last];
        terms.append(&mut results);
        let common = self.common_type(&terms, "CASE")?;
        let (mut exprs, ty) = self.unify(terms, common, "CASE")?;
        let results = exprs.split_off(1);
        let otherwise = otherwise.and_then(|_| exprs.pop()).map(Box::new);
        let whens = tests.into_iter().zip(results).collect();
        let case = Expr::Case { whens, otherwise, ty: ty.clone() };
        let expr = match compared {
            Some(operand) => Spelling::SimpleCase.around(Some(operand), case, ty),
            None => case,
        };
        Ok(Term { expr, at })
    }

    /// COALESCE, NULLIF, GREATEST, LEAST; `None` for every other name.
    pub(super) fn conditional_function(
        &mut self,
        name: &str,
        args: &[&ast::Expr],
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        if name == "grouping" {
            return self.grouping_call(args, at, scope).map(Some);
        }
        if !matches!(name, "coalesce" | "nullif" | "greatest" | "least") || args.is_empty() {
            return Ok(None);
        }
        let before = self.sets_so_far();
        let mut terms = Vec::with_capacity(args.len());
        for arg in args {
            terms.push(self.expr(arg, scope)?);
        }
        let expr = match name {
            "coalesce" => {
                self.refuse_sets_since(before, "COALESCE")?;
                let common = self.common_type(&terms, "COALESCE")?;
                let (args, ty) = self.unify(terms, common, "COALESCE")?;
                Expr::Coalesce { args, ty }
            }
            "nullif" => self.null_if(terms, at)?,
            _ => {
                let upper = name.to_ascii_uppercase();
                let common = self.common_type(&terms, &upper)?;
                let (args, ty) = self.unify(terms, common, &upper)?;
                super::comparable::check_compared_whole(&ty, at)?;
                let (operator, _, _) = resolve::operator("<", &[common, common])
                    .map_err(|_| Error::internal("values that compare have no operator"))?;
                Expr::Extreme { greatest: name == "greatest", less: operator.proc, args, ty }
            }
        };
        Ok(Some(Term { expr, at }))
    }

    fn null_if(&mut self, terms: Vec<Term>, at: usize) -> Result<Expr> {
        let [left, right] = <[Term; 2]>::try_from(terms)
            .map_err(|_| located(Error::new(ErrorKind::Syntax, "NULLIF takes two arguments"), at))?;
        let compared = self.comparison("=", left.clone(), right.clone(), None).map_err(|e| located(e, at))?;
        let (equal, left, right) =
            (compared.0, self.own_scale(left, compared.1)?, self.own_scale(right, compared.2)?);
        // A null is no value of a domain yet.
        let ty = left.ty().as_domain(None);
        Ok(Expr::NullIf { equal, left: Box::new(left), right: Box::new(right), ty })
    }

    /// A numeric as it was before it was brought to one scale with what it is compared with: NULLIF yields it.
    fn own_scale(&mut self, term: Term, compared: Expr) -> Result<Expr> {
        if compared.ty().oid != oid::NUMERIC {
            return Ok(compared);
        }
        let numeric = super::type_name::held(oid::NUMERIC, -1)?;
        Ok(self.coerce(term, &numeric, CastContext::Implicit)?.expr)
    }
}
