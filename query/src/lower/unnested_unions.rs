//! Unnesting of what puts rows together or takes some of them: set operations, recursions, VALUES, sets, limits.
//!
//! Invariant: as for all unnesting, each row carries the number of its binding; rows of different bindings are never
//! equal.

use crate::lower::binding_columns::BindingColumns;
use crate::lower::first_rows::Limits;
use crate::lower::kept_order::order_of;
use crate::lower::unnesting::Unnesting;
use base::{Error, Result};
use sql::bound::{ColRef, CteId, Expr, Rel, SetCall, SetOp, TypedCol};

/// Columns of a side with those of its binding.
fn with(columns: &[ColRef], binding: &BindingColumns) -> Vec<ColRef> {
    columns.iter().copied().chain(binding.all().iter().map(|c| c.col)).collect()
}

impl Unnesting<'_, '_> {
    pub(super) fn set_operation(&mut self, rel: &Rel) -> Result<(Rel, BindingColumns)> {
        let Rel::SetOp { op, all, left, right, left_columns, right_columns, columns } = rel else {
            return Err(Error::internal("a set operation that is none"));
        };
        let (left, from_left) = self.rel(left)?;
        let (right, from_right) = self.rel(right)?;
        let binding = from_left.mapped(|c| self.fresh(c.ty.clone()));
        let rel = Rel::SetOp {
            op: *op,
            all: *all,
            left_columns: with(left_columns, &from_left),
            right_columns: with(right_columns, &from_right),
            left: Box::new(left),
            right: Box::new(right),
            columns: columns.iter().cloned().chain(binding.all()).collect(),
        };
        Ok((rel, binding))
    }

    /// The recursions of all bindings go on side by side.
    pub(super) fn recursion(&mut self, rel: &Rel) -> Result<(Rel, BindingColumns)> {
        let Rel::Recursive { working, all, start, step, start_columns, step_columns, columns } = rel else {
            return Err(Error::internal("a recursion that is none"));
        };
        let (start, from_start) = self.rel(start)?;
        let told = CteId(self.lowering.fresh().0);
        self.ctes.insert(*working, told);
        let (step, from_step) = self.rel(step)?;
        let binding = from_start.mapped(|c| self.fresh(c.ty.clone()));
        let rel = Rel::Recursive {
            working: told,
            all: *all,
            start_columns: with(start_columns, &from_start),
            step_columns: with(step_columns, &from_step),
            start: Box::new(start),
            step: Box::new(step),
            columns: columns.iter().cloned().chain(binding.all()).collect(),
        };
        Ok((rel, binding))
    }

    pub(super) fn sets(
        &mut self,
        input: &Rel,
        calls: &[SetCall],
        ordinality: Option<ColRef>,
    ) -> Result<(Rel, BindingColumns)> {
        let (input, binding) = self.rel(input)?;
        let mut calls = calls.to_vec();
        for arg in calls.iter_mut().flat_map(|call| &mut call.args) {
            *arg = binding.here(arg)?;
        }
        Ok((Rel::ProjectSet { input: Box::new(input), calls, ordinality }, binding))
    }

    pub(super) fn limit(&mut self, input: &Rel, limits: &Limits<'_>) -> Result<(Rel, BindingColumns)> {
        // An input that is independent loses its order when the bindings join it.
        let keys = order_of(input);
        let (input, binding) = self.rel(input)?;
        let keys = binding.keys(&keys)?;
        let input = Rel::Sort { input: Box::new(input), keys };
        let partition = vec![Expr::Column(binding.number.clone())];
        let here = |e: Option<&Expr>| e.map(|e| binding.here(e)).transpose();
        let (count, offset) = (here(limits.count)?, here(limits.offset)?);
        let ties = binding.keys(limits.ties)?;
        let limits = Limits { count: count.as_ref(), offset: offset.as_ref(), ties: &ties };
        let first = self.lowering.first_rows(input, partition, &limits)?;
        Ok((first, binding))
    }

    /// Rows over outer columns: one projection of the bindings per row.
    pub(super) fn values(
        &mut self,
        rows: &[Vec<Expr>],
        columns: &[TypedCol],
    ) -> Result<(Rel, BindingColumns)> {
        let mut union: Option<(Rel, Vec<ColRef>)> = None;
        for row in rows {
            let items: Vec<(Expr, ColRef)> =
                row.iter().map(|expr| (expr.clone(), self.lowering.fresh())).collect();
            let names: Vec<ColRef> = items.iter().map(|(_, col)| *col).collect();
            let next = Rel::Project { input: Box::new(Rel::Unit), items };
            union = Some(match union {
                None => (next, names),
                Some((before, left_columns)) => {
                    let columns: Vec<TypedCol> = columns.iter().map(|c| self.fresh(c.ty.clone())).collect();
                    let made = columns.iter().map(|c| c.col).collect();
                    let rel = Rel::SetOp {
                        op: SetOp::Union,
                        all: true,
                        left: Box::new(before),
                        right: Box::new(next),
                        left_columns,
                        right_columns: names,
                        columns,
                    };
                    (rel, made)
                }
            });
        }
        let (rel, names) = union.ok_or_else(|| Error::internal("VALUES without rows"))?;
        let items = names
            .into_iter()
            .zip(columns)
            .map(|(from, to)| (Expr::Column(TypedCol { col: from, ty: to.ty.clone() }), to.col))
            .collect();
        self.rel(&Rel::Project { input: Box::new(rel), items })
    }
}
