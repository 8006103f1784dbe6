//! LIMIT and OFFSET per binding of outer columns: as a condition on a row number.
//!
//! Invariant: within each partition the rows kept are those that LIMIT and OFFSET keep of the partition's rows.

use crate::lower::expressions::boolean;
use crate::lower::scope::Lowering;
use base::Result;
use base::id::Oid;
use sql::bound::{Expr, FrameBound, FrameUnit, Rel, SortKey, TypedCol, WindowCall, WindowFrame};
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// pg_proc OIDs of what is added.
const ROW_NUMBER: Oid = Oid(3100);
const INT8_GREATER: Oid = Oid(470);
const INT8_LESS_OR_EQUAL: Oid = Oid(471);

impl Lowering<'_> {
    /// The rows of each partition that the limit lets through, in the order of `input`.
    pub(crate) fn first_rows(
        &mut self,
        input: Rel,
        partition_by: Vec<Expr>,
        count: Option<&Expr>,
        offset: Option<&Expr>,
    ) -> Result<Rel> {
        let (skip, fetch) = self.limits(count, offset)?;
        let (input, order_by) = without_order(input);
        let number = TypedCol { col: self.fresh(), ty: int8() };
        let frame = WindowFrame {
            unit: FrameUnit::Rows,
            start: FrameBound::UnboundedPreceding,
            end: FrameBound::CurrentRow,
        };
        let call = WindowCall {
            proc: ROW_NUMBER,
            args: Vec::new(),
            filter: None,
            partition_by,
            order_by,
            frame,
            ty: int8(),
        };
        let compared = |proc: Oid, rows: usize| Expr::Call {
            proc,
            args: vec![
                Expr::Column(number.clone()),
                Expr::Const(Datum::Int64(i64::try_from(rows).unwrap_or(i64::MAX)), int8()),
            ],
            ty: boolean(),
        };
        let mut within = Vec::new();
        if skip > 0 {
            within.push(compared(INT8_GREATER, skip));
        }
        if let Some(fetch) = fetch {
            within.push(compared(INT8_LESS_OR_EQUAL, skip.saturating_add(fetch)));
        }
        let window = Rel::Window { input: Box::new(input), calls: vec![(call, number.col)] };
        Ok(Rel::Filter { input: Box::new(window), predicate: Expr::And(within) })
    }
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
            let keys = crate::lower::subqueries::order_of(&other);
            (other, keys)
        }
    }
}

pub(crate) fn int8() -> SqlType {
    SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64 }
}
