//! Aggregates WITHIN GROUP.
//!
//! Invariant: their arguments are the direct ones, then the ordered ones, which are the sort keys too.

use super::aggregate::Parts;
use super::direction::sorted_by;
use super::function::{Extras, no_function};
use super::names::located;
use super::record::result_type;
use super::resolve;
use super::{Binder, Scope};
use crate::bound::{Expr, SortKey, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use sqlparser::ast;

impl Binder<'_> {
    pub(super) fn ordered_set_parts(
        &mut self,
        name: &str,
        exprs: &[&ast::Expr],
        extras: &Extras<'_>,
        scope: &Scope<'_>,
    ) -> Result<Parts> {
        let at = extras.at;
        let refuse = |kind, message: String| Err(located(Error::new(kind, message), at));
        if extras.distinct || extras.over.is_some() {
            let message = match extras.distinct {
                true => "cannot use DISTINCT with WITHIN GROUP".to_owned(),
                false => format!("OVER is not supported for ordered-set aggregate {name}"),
            };
            return refuse(ErrorKind::Unsupported, message);
        }
        if !extras.order_by.is_empty() {
            return refuse(
                ErrorKind::Syntax,
                "cannot use multiple ORDER BY clauses with WITHIN GROUP".to_owned(),
            );
        }
        let mut terms = Vec::with_capacity(exprs.len() + extras.within.len());
        for expr in exprs {
            terms.push(self.expr(expr, scope)?);
        }
        let mut sorts = Vec::with_capacity(extras.within.len());
        for item in extras.within {
            let term = self.expr(sorted_by(item).0, scope)?;
            let descending = self.descends(item, term.expr.ty().oid, term.at)?;
            terms.push(term);
            sorts.push((descending, item.options.nulls_first));
        }
        let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
        let found = resolve::function(name, &actual);
        let chosen = found.map_err(|why| located(no_function(name, &actual, why), at))?;
        let kind = builtin::aggregate(chosen.proc.oid).map_or('n', |a| a.kind);
        if kind == 'n' {
            let message = format!("{name} is not an ordered-set aggregate, so it cannot have WITHIN GROUP");
            return refuse(ErrorKind::WrongObjectType, message);
        }
        let direct = exprs.len();
        let args = if kind == 'h' {
            if direct != sorts.len() {
                let shown = no_function(name, &actual, resolve::Refused::NotFound);
                return Err(located(shown, at).with_hint(format!(
                    "To use the hypothetical-set aggregate {name}, the number of hypothetical direct arguments must match the number of ordering columns."
                )));
            }
            for (given, item) in exprs.iter().zip(extras.within) {
                self.same_collation(given, sorted_by(item).0)?;
            }
            // Each direct argument is compared with an ordered one.
            let ordered = terms.split_off(direct);
            let (mut first, mut second) = (Vec::with_capacity(direct), Vec::with_capacity(direct));
            for pair in terms.into_iter().zip(ordered) {
                let pair = vec![pair.0, pair.1];
                let common = self.common_type(&pair, "WITHIN GROUP")?;
                let mut both = self.unify(pair, common, "WITHIN GROUP")?.0.into_iter();
                first.extend(both.next());
                second.extend(both.next());
            }
            first.extend(second);
            first
        } else {
            let expected = builtin::aggregate(chosen.proc.oid).map_or(0, |a| a.direct_args);
            if direct != expected {
                return Err(located(no_function(name, &actual, resolve::Refused::NotFound), at));
            }
            self.coerce_arguments(terms, &chosen)?
        };
        let ty = result_type(chosen.result, &args).map_err(|e| located(e, at))?;
        let (args, ty) = self.numeric_call(chosen.proc, args, ty)?;
        let (given, ordered) = args.split_at(direct);
        let mut columns = false;
        for arg in given {
            walk::visit(arg, &mut |e| columns |= matches!(e, Expr::Column(_)));
        }
        if columns {
            return Err(self
                .unsupported("a column in front of WITHIN GROUP", at)
                .with_hint("Use a constant or a parameter there."));
        }
        let order_by = ordered.iter().zip(sorts).map(|(expr, (descending, nulls_first))| {
            let nulls_first = nulls_first.unwrap_or(descending);
            SortKey { expr: expr.clone(), descending, nulls_first }
        });
        let order_by = order_by.collect();
        let filter = self.aggregate_filter(extras, scope)?;
        Ok((chosen, args, ty, order_by, filter))
    }
}
