//! LIMIT and OFFSET as a condition on a row number: per binding of outer columns, with ties, or for numbers of rows that
//! are known only when the query runs.
//!
//! Invariant: within each partition the rows kept are those that LIMIT and OFFSET keep of the partition's rows.

use crate::kernel::call::{Arg, Call, map1};
use crate::kernel::value::Int8;
use crate::lower::expressions::boolean;
use crate::lower::scope::Lowering;
use crate::lower::tree::any;
use arrow::array::ArrayRef;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sql::bound::{
    Expr, FrameBound, FrameExclude, FrameUnit, Rel, SortKey, TypedCol, WindowCall, WindowFrame,
};
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// pg_proc OIDs of what is added.
const ROW_NUMBER: Oid = Oid(3100);
const RANK: Oid = Oid(3101);
const INT8_GREATER: Oid = Oid(470);
const INT8_LESS_OR_EQUAL: Oid = Oid(471);
const INT8_MINUS: Oid = Oid(464);
/// Stand in `Expr::Call` for the checks of LIMIT and OFFSET, which SQL cannot name.
pub(crate) const LIMIT_ROWS: Oid = Oid(1);
pub(crate) const OFFSET_ROWS: Oid = Oid(2);

/// What LIMIT says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits<'l> {
    pub(crate) count: Option<&'l Expr>,
    pub(crate) offset: Option<&'l Expr>,
    /// The keys by which a row that equals the last one is kept, too.
    pub(crate) ties: &'l [SortKey],
}

impl Limits<'_> {
    /// Whether the numbers of rows are known before the query runs.
    pub(crate) fn are_constant(&self) -> bool {
        let mut open = |e: &Expr| matches!(e, Expr::Column(_) | Expr::Outer(_) | Expr::Subquery(_));
        !self.count.into_iter().chain(self.offset).any(|expr| any(expr, &mut open))
    }
}

impl Lowering<'_> {
    /// The rows of each partition that the limit lets through, in the order of `input`.
    pub(crate) fn first_rows(
        &mut self,
        input: Rel,
        partition_by: Vec<Expr>,
        limits: &Limits<'_>,
    ) -> Result<Rel> {
        let (input, order_by) = without_order(input);
        let number = TypedCol { col: self.fresh(), ty: int8() };
        let rank = TypedCol { col: self.fresh(), ty: int8() };
        let mut calls = vec![(numbering(ROW_NUMBER, &partition_by, &order_by), number.col)];
        let mut last = number.clone();
        if !limits.ties.is_empty() {
            calls.push((numbering(RANK, &partition_by, limits.ties), rank.col));
            last = rank;
        }
        let within = match limits.are_constant() {
            true => self.within_constants(limits, &number, &last)?,
            false => within(limits, number, last),
        };
        let window = Rel::Window { input: Box::new(input), calls };
        Ok(Rel::Filter { input: Box::new(window), predicate: Expr::And(within) })
    }

    fn within_constants(
        &mut self,
        limits: &Limits<'_>,
        number: &TypedCol,
        last: &TypedCol,
    ) -> Result<Vec<Expr>> {
        let (skip, fetch) = self.limits(limits.count, limits.offset)?;
        let compared = |column: &TypedCol, proc: Oid, rows: usize| {
            let rows = i64::try_from(rows).unwrap_or(i64::MAX);
            call(proc, Expr::Column(column.clone()), constant(rows), boolean())
        };
        let mut within = Vec::new();
        if skip > 0 {
            within.push(compared(number, INT8_GREATER, skip));
        }
        match fetch {
            // What equals the last row skipped is no tie.
            Some(0) => within.push(Expr::Const(Datum::Bool(false), boolean())),
            Some(fetch) => within.push(compared(last, INT8_LESS_OR_EQUAL, skip.saturating_add(fetch))),
            None => {}
        }
        Ok(within)
    }
}

/// The same for numbers of rows that are computed; null is no limit.
fn within(limits: &Limits<'_>, number: TypedCol, last: TypedCol) -> Vec<Expr> {
    let checked = |expr: &Expr, proc: Oid| Expr::Call { proc, args: vec![expr.clone()], ty: int8() };
    let mut within = Vec::new();
    let mut place = Expr::Column(last);
    if let Some(offset) = limits.offset {
        let args = vec![checked(offset, OFFSET_ROWS), constant(0)];
        let skip = Expr::Coalesce { args, ty: int8() };
        within.push(call(INT8_GREATER, Expr::Column(number), skip.clone(), boolean()));
        place = call(INT8_MINUS, place, skip, int8());
    }
    if let Some(count) = limits.count {
        let fetch = checked(count, LIMIT_ROWS);
        let unlimited = Expr::IsNull { arg: Box::new(fetch.clone()), negated: false };
        let some = call(INT8_GREATER, fetch.clone(), constant(0), boolean());
        let reached = call(INT8_LESS_OR_EQUAL, place, fetch, boolean());
        within.push(Expr::Or(vec![unlimited, Expr::And(vec![some, reached])]));
    }
    within
}

/// A number of rows, which must not be negative.
pub(crate) fn limit_rows(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    rows(call, args, ErrorKind::InvalidRowCountInLimit, "LIMIT")
}

pub(crate) fn offset_rows(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    rows(call, args, ErrorKind::InvalidRowCountInOffset, "OFFSET")
}

fn rows(call: &Call<'_>, args: &[Arg], kind: ErrorKind, what: &str) -> Result<ArrayRef> {
    map1::<Int8, Int8, _>(call, args, |rows| match rows {
        0.. => Ok(rows),
        _ => Err(Error::new(kind, format!("{what} must not be negative"))),
    })
}

fn numbering(proc: Oid, partition_by: &[Expr], order_by: &[SortKey]) -> WindowCall {
    let frame = WindowFrame {
        unit: FrameUnit::Rows,
        start: FrameBound::UnboundedPreceding,
        end: FrameBound::CurrentRow,
        exclude: FrameExclude::NoOthers,
    };
    WindowCall {
        proc,
        args: Vec::new(),
        filter: None,
        partition_by: partition_by.to_vec(),
        order_by: order_by.to_vec(),
        frame,
        ty: int8(),
    }
}

fn call(proc: Oid, left: Expr, right: Expr, ty: SqlType) -> Expr {
    Expr::Call { proc, args: vec![left, right], ty }
}

fn constant(value: i64) -> Expr {
    Expr::Const(Datum::Int64(value), int8())
}

/// A relation without the sort at its top, and the sort's keys.
fn without_order(rel: Rel) -> (Rel, Vec<SortKey>) {
    match rel {
        Rel::Sort { input, keys } => (*input, keys),
        Rel::With { ctes, body } => {
            let (body, keys) = without_order(*body);
            (Rel::With { ctes, body: Box::new(body) }, keys)
        }
        other => {
            let keys = crate::lower::kept_order::order_of(&other);
            (other, keys)
        }
    }
}

pub(crate) fn int8() -> SqlType {
    SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None }
}
