//! SELECT DISTINCT and DISTINCT ON.
//!
//! Invariant: of the rows with equal ON expressions the first one by ORDER BY is kept.

use super::comparable::check_equality;
use super::names::located;
use super::order::{SortItem, is_literal, ordinal};
use super::output::Target;
use super::type_name::held;
use super::{Binder, Clause, Scope};
use crate::bound::{
    ColRef, Expr, FrameBound, FrameExclude, FrameUnit, Rel, SortKey, TypedCol, WindowCall, WindowFrame,
};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use types::Datum;
use types::sql_type::oid;

/// pg_proc OIDs of row_number and of the equality of bigints.
const ROW_NUMBER: Oid = Oid(3100);
const INT8_EQUAL: Oid = Oid(467);

/// What makes rows equal.
#[derive(Debug)]
pub(super) enum Distinct {
    No,
    All,
    On(Vec<OnItem>),
}

impl Distinct {
    pub(super) fn is_all(&self) -> bool {
        matches!(self, Distinct::All)
    }
}

/// An expression of DISTINCT ON.
#[derive(Debug)]
pub(super) struct OnItem {
    pub(super) place: OnPlace,
    at: usize,
}

#[derive(Debug)]
pub(super) enum OnPlace {
    /// An item of the select list.
    Target(usize),
    /// A key of ORDER BY that is not in the select list.
    Sort(usize),
    Hidden(Expr, Vec<(ColRef, usize)>),
}

impl Binder<'_> {
    /// Every result column must have an equality.
    pub(super) fn check_distinct(&mut self, targets: &mut [Target]) -> Result<()> {
        for target in targets {
            target.term = self.resolve_unknown(target.term.clone())?;
            check_equality(&target.term.expr.ty(), target.term.at)?;
        }
        Ok(())
    }

    /// The expressions of DISTINCT ON; those that ORDER BY has must be its first ones.
    pub(super) fn distinct_on(
        &mut self,
        exprs: &[ast::Expr],
        targets: &mut [Target],
        sort: &[SortItem],
        scope: &Scope<'_>,
    ) -> Result<Vec<OnItem>> {
        let mut items = Vec::with_capacity(exprs.len());
        for expr in exprs {
            items.push(self.on_item(expr, targets, sort, scope)?);
        }
        let holds = |index: usize, item: &SortItem| {
            items.iter().find(|on| match on.place {
                OnPlace::Target(target) => item.target == Some(target),
                OnPlace::Sort(key) => key == index,
                OnPlace::Hidden(_, _) => false,
            })
        };
        let refuse = |at: usize| {
            let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
            Err(located(Error::new(ErrorKind::InvalidColumnReference, message), at))
        };
        let mut passed = false;
        let mut matched: Vec<&OnItem> = Vec::new();
        for (index, item) in sort.iter().enumerate() {
            let repeats = sort.iter().take(index).any(|before| match (item.target, &item.hidden) {
                (Some(target), _) => before.target == Some(target),
                (None, Some((expr, _))) => before.hidden.as_ref().is_some_and(|(known, _)| known == expr),
                (None, None) => false,
            });
            match holds(index, item) {
                _ if repeats => {}
                Some(on) if passed => return refuse(on.at),
                Some(on) => matched.push(on),
                None => passed = true,
            }
        }
        // The same expression may be given twice.
        let is_same = |a: &OnItem, b: &OnItem| match (&a.place, &b.place) {
            (OnPlace::Target(a), OnPlace::Target(b)) | (OnPlace::Sort(a), OnPlace::Sort(b)) => a == b,
            _ => false,
        };
        match items.iter().find(|on| passed && !matched.iter().any(|known| is_same(known, on))) {
            Some(on) => refuse(on.at),
            None => Ok(items),
        }
    }

    fn on_item(
        &mut self,
        expr: &ast::Expr,
        targets: &mut [Target],
        sort: &[SortItem],
        scope: &Scope<'_>,
    ) -> Result<OnItem> {
        let by_target = match (ordinal(expr), expr) {
            (Some(n), _) => Some(self.target_at(n, expr, "DISTINCT ON", targets.len())?),
            (None, ast::Expr::Identifier(ident)) => self.target_named(ident, "DISTINCT ON", targets)?,
            _ => None,
        };
        let at = self.start(expr);
        if let Some(index) = by_target
            && let Some(target) = targets.get_mut(index)
        {
            target.term = self.resolve_unknown(target.term.clone())?;
            check_equality(&target.term.expr.ty(), at)?;
            return Ok(OnItem { place: OnPlace::Target(index), at });
        }
        self.take_uses();
        let term = self.in_clause(Clause::OrderBy, |b| b.expr(expr, scope))?;
        if is_literal(expr) {
            let message = "non-integer constant in DISTINCT ON";
            return Err(located(Error::new(ErrorKind::Syntax, message), term.at));
        }
        let term = self.resolve_unknown(term)?;
        let uses = self.take_uses();
        check_equality(&term.expr.ty(), at)?;
        let in_order = |item: &SortItem| item.hidden.as_ref().is_some_and(|(known, _)| *known == term.expr);
        let place = match targets.iter().position(|t| t.term.expr == term.expr) {
            Some(target) => OnPlace::Target(target),
            None => match sort.iter().position(in_order) {
                Some(key) => OnPlace::Sort(key),
                None => OnPlace::Hidden(term.expr, uses),
            },
        };
        Ok(OnItem { place, at })
    }

    /// The first row by `keys` of those that have equal `on`.
    pub(super) fn first_of_each(&mut self, input: Rel, on: Vec<TypedCol>, keys: &[SortKey]) -> Result<Rel> {
        let int8 = held(oid::INT8, -1)?;
        let number = TypedCol { col: self.new_col(), ty: int8.clone() };
        let call = WindowCall {
            proc: ROW_NUMBER,
            args: Vec::new(),
            filter: None,
            partition_by: on.into_iter().map(Expr::Column).collect(),
            order_by: keys.to_vec(),
            frame: WindowFrame {
                unit: FrameUnit::Rows,
                start: FrameBound::UnboundedPreceding,
                end: FrameBound::CurrentRow,
                exclude: FrameExclude::NoOthers,
            },
            ty: int8.clone(),
        };
        let input = Box::new(Rel::Window { input: Box::new(input), calls: vec![(call, number.col)] });
        let args = vec![Expr::Column(number), Expr::Const(Datum::Int64(1), int8)];
        let predicate = Expr::Call { proc: INT8_EQUAL, args, ty: super::expr::boolean() };
        Ok(Rel::Filter { input, predicate })
    }
}
