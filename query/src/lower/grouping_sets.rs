//! GROUPING SETS as one GROUP BY: every row once per set, with the place of the set as a key and the keys that are not
//! of the set null. DataFusion's own grouping sets are not used: they have no row for an empty set over no rows.
//!
//! Invariant: the groups of one set are those of GROUP BY its keys.

use crate::lower::expressions::boolean;
use crate::lower::first_rows::int8;
use crate::lower::scope::Lowering;
use crate::lower::subqueries::of_no_rows;
use base::id::Oid;
use sql::bound::{AggregateCall, ColRef, Expr, JoinKind, Rel, TypedCol};
use types::Datum;

/// pg_proc OID of the equality of bigints.
const INT8_EQUAL: Oid = Oid(467);

impl Lowering<'_> {
    /// The relation of grouping sets, told by others.
    pub(crate) fn one_grouping(
        &mut self,
        input: &Rel,
        set: ColRef,
        sets: &[Vec<usize>],
        group: &[(Expr, ColRef)],
        aggregates: &[(AggregateCall, ColRef)],
    ) -> Rel {
        let (numbers, number) = self.numbers((0..sets.len()).collect());
        let kept = |place: usize| -> Vec<usize> {
            let of_set = sets.iter().enumerate().filter(|(_, set)| set.contains(&place));
            of_set.map(|(number, _)| number).collect()
        };
        let empty: Vec<usize> =
            sets.iter().enumerate().filter(|(_, set)| set.is_empty()).map(|(n, _)| n).collect();
        let found = if empty.is_empty() { set } else { self.fresh() };
        let mut keys = vec![(Expr::Column(number.clone()), found)];
        for (place, (expr, col)) in group.iter().enumerate() {
            let kept = kept(place);
            let key = match kept.len() == sets.len() {
                true => expr.clone(),
                false => only_in(expr, &number, &kept),
            };
            keys.push((key, *col));
        }
        let input = cross(input.clone(), numbers);
        if empty.is_empty() {
            return Rel::Aggregate { input: Box::new(input), group: keys, aggregates: aggregates.to_vec() };
        }
        self.with_empty_sets(input, TypedCol { col: found, ty: int8() }, set, empty, keys, aggregates)
    }

    /// The groups, and a row for each set without keys where there is none because there are no rows.
    fn with_empty_sets(
        &mut self,
        input: Rel,
        found: TypedCol,
        set: ColRef,
        empty: Vec<usize>,
        keys: Vec<(Expr, ColRef)>,
        aggregates: &[(AggregateCall, ColRef)],
    ) -> Rel {
        let (wanted, want) = self.numbers(empty);
        let either = Expr::Coalesce {
            args: vec![Expr::Column(found.clone()), Expr::Column(want.clone())],
            ty: int8(),
        };
        let mut items = vec![(either, set)];
        for (expr, col) in keys.iter().skip(1) {
            items.push((Expr::Column(TypedCol { col: *col, ty: expr.ty() }), *col));
        }
        let mut calls = Vec::with_capacity(aggregates.len());
        for (call, col) in aggregates {
            let result = TypedCol { col: self.fresh(), ty: call.ty.clone() };
            let value = Expr::Column(result.clone());
            let value = match of_no_rows(call) {
                Some(nothing) => {
                    let nothing = Expr::Const(nothing, call.ty.clone());
                    Expr::Coalesce { args: vec![value, nothing], ty: call.ty.clone() }
                }
                None => value,
            };
            items.push((value, *col));
            calls.push((call.clone(), result.col));
        }
        let grouped = Rel::Aggregate { input: Box::new(input), group: keys, aggregates: calls };
        let args = vec![Expr::Column(found), Expr::Column(want)];
        let joined = Rel::Join {
            kind: JoinKind::Full,
            left: Box::new(grouped),
            right: Box::new(wanted),
            on: Some(Expr::Call { proc: INT8_EQUAL, args, ty: boolean() }),
            lateral: false,
        };
        Rel::Project { input: Box::new(joined), items }
    }

    /// A relation of numbers and its column.
    fn numbers(&mut self, numbers: Vec<usize>) -> (Rel, TypedCol) {
        let column = TypedCol { col: self.fresh(), ty: int8() };
        let rows = numbers.into_iter().map(|number| vec![constant(number)]).collect();
        (Rel::Values { rows, columns: vec![column.clone()] }, column)
    }
}

fn constant(number: usize) -> Expr {
    Expr::Const(Datum::Int64(i64::try_from(number).unwrap_or(i64::MAX)), int8())
}

/// An expression in the rows of some sets, null in all others.
fn only_in(expr: &Expr, number: &TypedCol, sets: &[usize]) -> Expr {
    let is_one = Expr::InList {
        equal: INT8_EQUAL,
        arg: Box::new(Expr::Column(number.clone())),
        list: sets.iter().map(|set| constant(*set)).collect(),
        negated: false,
    };
    match sets.is_empty() {
        true => Expr::Const(Datum::Null, expr.ty()),
        false => Expr::Case { whens: vec![(is_one, expr.clone())], otherwise: None, ty: expr.ty() },
    }
}

fn cross(left: Rel, right: Rel) -> Rel {
    Rel::Join {
        kind: JoinKind::Inner,
        left: Box::new(left),
        right: Box::new(right),
        on: None,
        lateral: false,
    }
}
