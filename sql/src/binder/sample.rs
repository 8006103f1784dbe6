//! TABLESAMPLE: BERNOULLI and SYSTEM as a condition on each row.
//!
//! Invariant: each row is there with the probability that was asked for, by itself; with REPEATABLE it depends on the
//! seed and the row's key (without a key, on its values) alone.

use super::names::located;
use super::type_name::held;
use super::{Binder, Scope};
use crate::bound::{Expr, IS_SAMPLED, Rel, TableScan};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use sqlparser::ast;
use types::sql_type::oid;
use types::{Datum, Form};

/// pg_proc OIDs of random and of the order of float8.
const RANDOM: Oid = Oid(1598);
const FLOAT8_LESS: Oid = Oid(295);

impl Binder<'_> {
    /// A part of a table's rows.
    pub(super) fn sampled(&mut self, rel: Rel, sample: &ast::TableSampleKind, at: usize) -> Result<Rel> {
        let (ast::TableSampleKind::AfterTableAlias(sample) | ast::TableSampleKind::BeforeTableAlias(sample)) =
            sample;
        let ast::TableSample { modifier: _, name, quantity, seed, bucket, offset } = sample.as_ref();
        let Rel::Scan(scan) = rel else {
            let message = "TABLESAMPLE clause can only be applied to tables and materialized views";
            return Err(located(Error::unsupported(message), at));
        };
        let percent = match (name, quantity, bucket, offset) {
            (Some(ast::TableSampleMethod::System), Some(quantity), None, None) if quantity.unit.is_none() => {
                &quantity.value
            }
            (None, Some(quantity), None, None) if quantity.unit.is_none() => {
                self.method_argument(&quantity.value)?
            }
            _ => return Err(self.unsupported("this form of TABLESAMPLE", at)),
        };
        let part = self.part(percent)?;
        let float8 = held(oid::FLOAT8, -1)?;
        let part = Expr::Const(Datum::Float64(part), float8.clone());
        let boolean = super::expr::boolean();
        let predicate = match seed {
            None => {
                let random = Expr::Call { proc: RANDOM, args: Vec::new(), ty: float8 };
                Expr::Call { proc: FLOAT8_LESS, args: vec![random, part], ty: boolean }
            }
            Some(ast::TableSampleSeed { modifier: _, value }) => {
                let seed = self.value(value)?;
                let seed = self.coerce(seed, &float8, CastContext::Implicit)?.expr;
                let args = [part, seed].into_iter().chain(self.identity(&scan)).collect();
                Expr::Call { proc: IS_SAMPLED, args, ty: boolean }
            }
        };
        Ok(Rel::Filter { input: Box::new(Rel::Scan(scan)), predicate })
    }

    /// The argument of a method that is called by its name.
    fn method_argument<'e>(&self, call: &'e ast::Expr) -> Result<&'e ast::Expr> {
        let at = self.start(call);
        let refuse = || self.unsupported("this form of TABLESAMPLE", at);
        let ast::Expr::Function(ast::Function { name, args: ast::FunctionArguments::List(list), .. }) = call
        else {
            return Err(refuse());
        };
        let (schema, method, at) = self.qualified(name)?;
        if schema.is_some() || !matches!(method.as_str(), "bernoulli" | "system") {
            let message = format!("tablesample method {method} does not exist");
            return Err(located(Error::new(ErrorKind::UndefinedObject, message), at));
        }
        match list.args.as_slice() {
            [ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(percent))] => Ok(percent),
            others => {
                let message =
                    format!("tablesample method {method} requires 1 argument, not {}", others.len());
                Err(located(Error::new(ErrorKind::InvalidSample, message), at))
            }
        }
    }

    /// The part of the rows that a percentage stands for.
    fn part(&mut self, percent: &ast::Expr) -> Result<f64> {
        let (term, _) = self.with_level(super::Clause::FromFunction, |b| b.expr(percent, &Scope::empty()))?;
        let at = term.at;
        let percent = self.coerce(term, &held(oid::FLOAT8, -1)?, CastContext::Implicit)?.expr;
        let inner = match &percent {
            Expr::Cast { arg, .. } => arg.as_ref(),
            other => other,
        };
        #[expect(clippy::cast_precision_loss, reason = "percentages are small")]
        let value = match inner {
            Expr::Const(Datum::Null, _) => {
                let message = "TABLESAMPLE parameter cannot be null";
                return Err(Error::new(ErrorKind::InvalidSample, message));
            }
            Expr::Const(Datum::Int16(v), _) => f64::from(*v),
            Expr::Const(Datum::Int32(v), _) => f64::from(*v),
            Expr::Const(Datum::Int64(v), _) => *v as f64,
            Expr::Const(Datum::Float64(v), _) => *v,
            Expr::Const(Datum::Decimal128(v), ty) => match ty.form {
                Form::Decimal128 { scale } => *v as f64 / 10_f64.powi(i32::from(scale)),
                _ => return Err(self.unsupported("this percentage of TABLESAMPLE", at)),
            },
            _ => {
                return Err(self
                    .unsupported("a percentage of TABLESAMPLE that is no constant", at)
                    .with_hint("Filter by random() instead."));
            }
        };
        if !(0.0..=100.0).contains(&value) {
            let message = "sample percentage must be between 0 and 100";
            return Err(Error::new(ErrorKind::InvalidSample, message));
        }
        Ok(value / 100.0)
    }

    /// What tells the rows of a table apart.
    fn identity(&self, scan: &TableScan) -> Vec<Expr> {
        let key = self.context.catalog.table(scan.table).map(|t| t.primary_key.clone()).unwrap_or_default();
        let columns = scan
            .columns
            .iter()
            .filter(|(id, c)| key.contains(id) || (key.is_empty() && !matches!(c.ty.form, Form::Array(_))));
        columns.map(|(_, c)| Expr::Column(c.clone())).collect()
    }
}
