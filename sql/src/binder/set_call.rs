//! Set-returning functions in the select list and in ORDER BY.
//!
//! Invariant: such a call stands in an expression as a column; the call itself is kept in the level. Calls are computed
//! after the window functions, those in the arguments of others before them, and those of one depth side by side.

use super::names::located;
use super::order::SortItem;
use super::record::result_type;
use super::resolve::Chosen;
use super::type_name::held;
use super::{Binder, Clause, Term};
use crate::bound::{ColRef, Expr, Rel, SetCall, TypedCol, walk};
use base::{Error, ErrorKind, Result};
use catalog::builtin;

const HINT: &str = "You might be able to move the set-returning function into a LATERAL FROM item.";

/// A call of a set-returning function in an expression.
#[derive(Debug)]
pub(super) struct LeveledSet {
    pub(super) call: SetCall,
    /// 1, or one more than the deepest call in its arguments.
    depth: usize,
}

impl Binder<'_> {
    pub(super) fn set_returning(&mut self, chosen: &Chosen, args: Vec<Expr>, at: usize) -> Result<Term> {
        self.check_set_place(at)?;
        if chosen.proc.out_types.len() > 1 {
            return self.record_set(chosen, args, at);
        }
        let ty = result_type(chosen.result, &args).map_err(|e| located(e, at))?;
        let (args, ty) = self.numeric_call(chosen.proc, args, ty)?;
        if self.level().sets.iter().any(|set| set.call.columns.len() > 1) {
            return Err(self.records_beside_sets(at));
        }
        let level = self.level();
        level.set_uses.push(at);
        let same = level.sets.iter().find(|s| s.call.proc == chosen.proc.oid && s.call.args == args);
        if let Some(column) = same.and_then(|s| s.call.columns.first())
            && !args.iter().any(is_volatile)
        {
            return Ok(Term { expr: Expr::Column(column.clone()), at });
        }
        let mut depth = 1;
        for arg in &args {
            walk::visit(arg, &mut |e| {
                if let Expr::Column(used) = e {
                    let inner = level.sets.iter().find(|s| s.call.columns.contains(used));
                    depth = depth.max(inner.map_or(1, |s| s.depth + 1));
                }
            });
        }
        let column = TypedCol { col: self.new_col(), ty };
        let call = SetCall { proc: chosen.proc.oid, args, columns: vec![column.clone()] };
        self.level().sets.push(LeveledSet { call, depth });
        Ok(Term { expr: Expr::Column(column), at })
    }

    /// Where another set goes on longer, a record would be null, and its fields do not tell that.
    fn records_beside_sets(&self, at: usize) -> Error {
        self.unsupported("a function that returns records beside another set-returning function", at)
            .with_hint("Call it in FROM.")
    }

    /// A call of several columns, whose rows are values.
    fn record_set(&mut self, chosen: &Chosen, args: Vec<Expr>, at: usize) -> Result<Term> {
        if !self.level().sets.is_empty() {
            return Err(self.records_beside_sets(at));
        }
        let types = chosen.proc.out_types.iter().map(|ty| held(*ty, -1).map_err(|e| located(e, at)));
        let types = types.collect::<Result<Vec<_>>>()?;
        let columns: Vec<TypedCol> =
            types.into_iter().map(|ty| TypedCol { col: self.new_col(), ty }).collect();
        let named = chosen.proc.out_names.iter().zip(&columns);
        let fields =
            named.map(|(name, column)| ((*name).to_owned(), Term { expr: Expr::Column(column.clone()), at }));
        let row = self.row_of(fields.collect(), at)?;
        self.level().set_uses.push(at);
        let call = SetCall { proc: chosen.proc.oid, args, columns };
        self.level().sets.push(LeveledSet { call, depth: 1 });
        Ok(row)
    }

    fn check_set_place(&mut self, at: usize) -> Result<()> {
        let level = self.level();
        let refuse = |message: String| Err(located(Error::unsupported(message), at));
        let hinted = |what: &str| {
            let message = format!("{what} calls cannot contain set-returning function calls");
            Err(located(Error::unsupported(message).with_hint(HINT), at))
        };
        match level.clause {
            Clause::Select | Clause::OrderBy if level.in_aggregate => hinted("aggregate function"),
            Clause::Select | Clause::OrderBy if level.in_window => hinted("window function"),
            Clause::Select | Clause::OrderBy => Ok(()),
            Clause::FromFunction => {
                refuse("set-returning functions must appear at top level of FROM".to_owned())
            }
            Clause::WindowFrame => {
                refuse("set-returning functions are not allowed in window definitions".to_owned())
            }
            // PostgreSQL computes these before it groups or sorts.
            Clause::WindowPartition | Clause::WindowOrder | Clause::GroupBy => {
                let what = format!("a set-returning function in {}", level.clause.phrase());
                Err(self.unsupported(&what, at).with_hint("Call it in a subquery in FROM."))
            }
            other => refuse(format!("set-returning functions are not allowed in {}", other.phrase())),
        }
    }

    /// Where the level is, for `refuse_sets_since`.
    pub(super) fn sets_so_far(&mut self) -> usize {
        self.level().set_uses.len()
    }

    /// CASE and COALESCE do not compute all their parts, so they can hold no set.
    pub(super) fn refuse_sets_since(&mut self, before: usize, what: &str) -> Result<()> {
        match self.level().set_uses.get(before) {
            None => Ok(()),
            Some(at) => {
                let message = format!("set-returning functions are not allowed in {what}");
                Err(located(Error::unsupported(message).with_hint(HINT), *at))
            }
        }
    }

    /// A condition must have one value.
    pub(super) fn refuse_set_in(&mut self, term: &Term, clause: &str) -> Result<()> {
        let sets = &self.level().sets;
        let mut found = false;
        if !sets.is_empty() {
            walk::visit(&term.expr, &mut |e| {
                found |= matches!(e, Expr::Column(c) if sets.iter().any(|s| s.call.columns.contains(c)));
            });
        }
        if !found {
            return Ok(());
        }
        let message = format!("argument of {clause} must not return a set");
        Err(located(Error::new(ErrorKind::DatatypeMismatch, message), term.at))
    }

    /// The relation with the sets beside its rows. In a sorted query each row's set keeps its order.
    pub(super) fn with_sets(
        &mut self,
        mut rel: Rel,
        sets: Vec<LeveledSet>,
        sort: &mut Vec<SortItem>,
        distinct: bool,
    ) -> Result<Rel> {
        let deepest = sets.iter().map(|s| s.depth).max().unwrap_or(0);
        let mut sets: Vec<Option<LeveledSet>> = sets.into_iter().map(Some).collect();
        let sorted = !sort.is_empty() && !distinct;
        for depth in 1..=deepest {
            let here = sets.iter_mut().filter(|s| s.as_ref().is_some_and(|s| s.depth == depth));
            let calls = here.filter_map(Option::take).map(|s| s.call).collect();
            let ordinality = sorted.then(|| self.new_col());
            if let Some(col) = ordinality {
                sort.push(by_number(col)?);
            }
            rel = Rel::ProjectSet { input: Box::new(rel), calls, ordinality };
        }
        Ok(rel)
    }
}

fn by_number(col: ColRef) -> Result<SortItem> {
    let number = TypedCol { col, ty: held(types::sql_type::oid::INT8, -1)? };
    let hidden = Some((Expr::Column(number), Vec::new()));
    Ok(SortItem { target: None, hidden, descending: false, nulls_first: false })
}

fn is_volatile(expr: &Expr) -> bool {
    let mut found = false;
    walk::visit(expr, &mut |e| {
        if let Expr::Call { proc, .. } = e {
            found |= builtin::proc(*proc).is_none_or(|row| row.volatility == 'v');
        }
    });
    found
}
