//! Subqueries of any shape made independent of the enclosing query: the values that they take from it (the bindings)
//! become a relation, which is pushed down to where they are used. After Neumann and Kemper, "Unnesting Arbitrary
//! Queries".
//!
//! Invariant: the rows of the new relation that carry a binding's number are the rows of the old relation under that
//! binding, for every operator; a result over no rows (a count of 0) is there for bindings without rows, too.

use crate::lower::aggregates::FIRST;
use crate::lower::binding_columns::{BindingColumns, asks_any, is_volatile, uses_any};
use crate::lower::bindings::{Bindings, BindingsTable, NUMBER, Numbering, Side};
use crate::lower::columns;
use crate::lower::correlation::outer_columns_of;
use crate::lower::expressions::boolean;
use crate::lower::first_rows::{Limits, int8};
use crate::lower::inlined::inlined;
use crate::lower::scope::{Lowering, Scope, build};
use crate::lower::shared_rows::Computed;
use crate::lower::subqueries::of_no_rows;
use crate::lower::tree::{expressions, inputs, parts};
use base::id::Oid;
use base::{Error, Result};
use datafusion::common::Column;
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use sql::bound::{AggregateCall, ColRef, Cte, CteId, Expr, JoinKind, Rel, TypedCol};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use types::{Datum, SqlType};

/// pg_proc OID of the equality of numbers.
const INT8_EQUAL: Oid = Oid(467);

/// A subquery made independent of its scope.
#[derive(Debug)]
pub(crate) struct Unnested {
    /// Its rows under all bindings.
    pub(crate) rel: Rel,
    /// Where `rel` holds the binding.
    pub(crate) binding: BindingColumns,
    /// The number of the binding of a row of the scope.
    pub(crate) number: PlanExpr,
}

impl Lowering<'_> {
    /// Makes a relation, and aggregates over it, independent of the scope, whose rows are numbered from now on.
    pub(crate) fn unnest(
        &mut self,
        scope: &mut Scope,
        rel: &Rel,
        calls: &[AggregateCall],
    ) -> Result<Unnested> {
        let outer = outer_columns_of(rel, calls.iter().flat_map(parts));
        let plan = scope.take()?;
        let mut places = Vec::with_capacity(outer.len());
        for col in outer.keys() {
            let place = plan.schema().index_of_column_by_name(None, &columns::name(*col));
            places.push(place.ok_or_else(|| refused("a column that its enclosing query does not hold"))?);
        }
        let numbering = match is_volatile(rel, calls) {
            true => Numbering::EachRow,
            false => Numbering::Distinct,
        };
        let mut names: Vec<String> = plan.schema().fields().iter().map(|f| f.name().clone()).collect();
        let bindings = Bindings::new(plan, places, numbering);
        self.computed.push(Computed::Bindings(Arc::clone(&bindings)));
        let number = self.fresh();
        let rows = BindingsTable::new(Arc::clone(&bindings), Side::Rows)?;
        names.push(columns::name(number));
        scope.put(self.renamed(rows, names)?);
        let source = CteId(self.fresh().0);
        self.bindings.insert(source, bindings);
        let outer = outer.into_iter().map(|(col, ty)| TypedCol { col, ty }).collect();
        let mut unnesting = Unnesting { lowering: self, source, outer, ctes: HashMap::new() };
        let (rel, binding) = unnesting.rel(rel)?;
        Ok(Unnested { rel, binding, number: columns::reference(number) })
    }

    /// The values of bindings under the names of `columns`: the values, then the number.
    pub(crate) fn bindings(&mut self, bindings: &Arc<Bindings>, columns: &[TypedCol]) -> Result<LogicalPlan> {
        let table = BindingsTable::new(Arc::clone(bindings), Side::Values)?;
        self.renamed(table, columns.iter().map(|c| columns::name(c.col)).collect())
    }

    /// A table of bindings under the names of its columns in order.
    fn renamed(&mut self, table: BindingsTable, names: Vec<String>) -> Result<LogicalPlan> {
        let plan = self.provider(Arc::new(table))?;
        let fields = plan.schema().fields().iter().map(|f| f.name().clone());
        let exprs: Vec<PlanExpr> = fields
            .zip(names)
            .map(|(from, to)| PlanExpr::Column(Column::new_unqualified(from)).alias(to))
            .collect();
        debug_assert!(
            plan.schema().fields().last().is_some_and(|f| f.name() == NUMBER),
            "the number is last"
        );
        build(LogicalPlanBuilder::from(plan).project(exprs))
    }
}

/// The refusal of a correlated subquery.
pub(crate) fn refused(what: &str) -> Error {
    Error::unsupported(format!("a correlated subquery with {what} is not supported"))
        .with_hint("correlate it by conditions in WHERE, or write it as a join")
}

/// The rewriting of one subquery.
#[derive(Debug)]
pub(super) struct Unnesting<'l, 'c> {
    pub(super) lowering: &'l mut Lowering<'c>,
    /// Stands for the relation of the bindings.
    source: CteId,
    outer: Vec<TypedCol>,
    /// Common table expressions inside the subquery that are correlated, and what they have become.
    pub(super) ctes: HashMap<CteId, CteId>,
}

impl Unnesting<'_, '_> {
    pub(super) fn fresh(&mut self, ty: SqlType) -> TypedCol {
        TypedCol { col: self.lowering.fresh(), ty }
    }

    /// The bindings once more, under columns of their own.
    fn copy(&mut self) -> (Rel, BindingColumns) {
        let outer = self.outer.clone();
        let values: BTreeMap<ColRef, TypedCol> =
            outer.into_iter().map(|c| (c.col, self.fresh(c.ty))).collect();
        let binding = BindingColumns { number: self.fresh(int8()), values };
        (Rel::CteRef { cte: self.source, columns: binding.all() }, binding)
    }

    fn is_closed(&self, rel: &Rel) -> bool {
        let outer = outer_columns_of(rel, []);
        !self.outer.iter().any(|c| outer.contains_key(&c.col)) && !uses_any(rel, &self.ctes)
    }

    /// A relation under all bindings.
    pub(super) fn rel(&mut self, rel: &Rel) -> Result<(Rel, BindingColumns)> {
        if self.is_closed(rel) {
            let (copy, binding) = self.copy();
            return Ok(match rel {
                Rel::Unit => (copy, binding),
                _ => (joined(JoinKind::Inner, copy, rel.clone(), Vec::new()), binding),
            });
        }
        if expressions(rel).into_iter().any(|expr| asks_any(expr, &self.ctes)) {
            return Err(refused("a correlated WITH query inside another subquery"));
        }
        match rel {
            Rel::Filter { input, predicate } => {
                let (input, binding) = self.rel(input)?;
                let predicate = binding.here(predicate)?;
                Ok((Rel::Filter { input: Box::new(input), predicate }, binding))
            }
            Rel::Project { input, items } => {
                let (input, binding) = self.rel(input)?;
                let told: Result<Vec<_>> =
                    items.iter().map(|(expr, col)| Ok((binding.here(expr)?, *col))).collect();
                let items = told?.into_iter().chain(binding.items()).collect();
                Ok((Rel::Project { input: Box::new(input), items }, binding))
            }
            Rel::Sort { input, keys } => {
                let (input, binding) = self.rel(input)?;
                let keys = binding.keys(keys)?;
                Ok((Rel::Sort { input: Box::new(input), keys }, binding))
            }
            Rel::Distinct { input } => {
                let (input, binding) = self.rel(input)?;
                Ok((Rel::Distinct { input: Box::new(input) }, binding))
            }
            Rel::Limit { input, count, offset, ties } => {
                let limits = Limits { count: count.as_ref(), offset: offset.as_ref(), ties };
                self.limit(input, &limits)
            }
            Rel::GroupingSets { input, set, sets, group, aggregates } => {
                let rel = self.lowering.one_grouping(input, *set, sets, group, aggregates);
                self.rel(&rel)
            }
            Rel::ProjectSet { input, calls, ordinality } => self.sets(input, calls, *ordinality),
            Rel::Recursive { .. } => self.recursion(rel),
            Rel::Window { input, calls } => {
                let (input, binding) = self.rel(input)?;
                let mut told = Vec::with_capacity(calls.len());
                for (call, col) in calls {
                    let mut call = binding.window(call)?;
                    call.partition_by.push(Expr::Column(binding.number.clone()));
                    told.push((call, *col));
                }
                Ok((Rel::Window { input: Box::new(input), calls: told }, binding))
            }
            Rel::Join { kind, left, right, on, lateral: true } => {
                self.lateral(*kind, left, right, on.as_ref())
            }
            Rel::Join { kind, left, right, on, lateral: false } => self.join(*kind, left, right, on.as_ref()),
            Rel::Aggregate { input, group, aggregates } => self.aggregate(input, group, aggregates),
            Rel::SetOp { .. } => self.set_operation(rel),
            Rel::With { ctes, body } => self.with(ctes, body),
            Rel::CteRef { cte, columns } => {
                let known = self.ctes.get(cte).copied();
                let cte = known.ok_or_else(|| Error::internal("an independent CTE was taken for another"))?;
                let (_, binding) = self.copy();
                let columns = columns.iter().cloned().chain(binding.all()).collect();
                Ok((Rel::CteRef { cte, columns }, binding))
            }
            Rel::Values { rows, columns } => self.values(rows, columns),
            Rel::Function { .. } => {
                // Called once per binding, with its values.
                let (copy, binding) = self.copy();
                let right = Box::new(binding.inside(rel)?);
                let left = Box::new(copy);
                Ok((Rel::Join { kind: JoinKind::Inner, left, right, on: None, lateral: true }, binding))
            }
            Rel::Unit
            | Rel::Empty { .. }
            | Rel::Scan(_)
            | Rel::System(_)
            | Rel::Changes(_)
            | Rel::Constants { .. } => {
                Err(Error::internal("a relation without expressions refers to the outside"))
            }
        }
    }

    /// The right side of a lateral join sees the bindings beside the left side's columns.
    fn lateral(
        &mut self,
        kind: JoinKind,
        left: &Rel,
        right: &Rel,
        on: Option<&Expr>,
    ) -> Result<(Rel, BindingColumns)> {
        if uses_any(right, &self.ctes) {
            return Err(refused("a correlated WITH query inside LATERAL"));
        }
        let (left, binding) = self.rel(left)?;
        let right = Box::new(binding.inside(right)?);
        let on = on.map(|on| binding.here(on)).transpose()?;
        Ok((Rel::Join { kind, left: Box::new(left), right, on, lateral: true }, binding))
    }

    /// Sides that are independent stay so where the other side holds the binding of every row.
    fn join(
        &mut self,
        kind: JoinKind,
        left: &Rel,
        right: &Rel,
        on: Option<&Expr>,
    ) -> Result<(Rel, BindingColumns)> {
        let (left_closed, right_closed) = (self.is_closed(left), self.is_closed(right));
        let told = |binding: &BindingColumns| on.map(|on| binding.here(on)).transpose();
        match kind {
            JoinKind::Inner | JoinKind::Left if right_closed => {
                let (left, binding) = self.rel(left)?;
                Ok((joined(kind, left, right.clone(), told(&binding)?), binding))
            }
            JoinKind::Inner | JoinKind::Right if left_closed => {
                let (right, binding) = self.rel(right)?;
                Ok((joined(kind, left.clone(), right, told(&binding)?), binding))
            }
            JoinKind::Inner | JoinKind::Left | JoinKind::Right | JoinKind::Full => {
                let (left, from_left) = self.rel(left)?;
                let (right, from_right) = self.rel(right)?;
                let binding = if kind == JoinKind::Right { &from_right } else { &from_left };
                let same = equal(&from_left.number, &from_right.number);
                let on = std::iter::once(same).chain(told(binding)?);
                let rel = joined(kind, left, right, on);
                match kind {
                    JoinKind::Full => self.of_either(rel, &from_left, &from_right),
                    _ => Ok((rel, binding.clone())),
                }
            }
        }
    }

    /// Above a full join the binding is that of the side that is there.
    fn of_either(
        &mut self,
        rel: Rel,
        left: &BindingColumns,
        right: &BindingColumns,
    ) -> Result<(Rel, BindingColumns)> {
        let mut items: Vec<(Expr, ColRef)> = columns::of(&rel)?
            .into_iter()
            .map(|c| {
                let col = c.col;
                (Expr::Column(c), col)
            })
            .collect();
        let binding = left.mapped(|c| self.fresh(c.ty.clone()));
        let absent = Expr::IsNull { arg: Box::new(Expr::Column(left.number.clone())), negated: false };
        for ((l, r), here) in left.all().into_iter().zip(right.all()).zip(binding.all()) {
            let value = Expr::Case {
                whens: vec![(absent.clone(), Expr::Column(r))],
                otherwise: Some(Box::new(Expr::Column(l))),
                ty: here.ty,
            };
            items.push((value, here.col));
        }
        Ok((Rel::Project { input: Box::new(rel), items }, binding))
    }

    fn aggregate(
        &mut self,
        input: &Rel,
        group: &[(Expr, ColRef)],
        aggregates: &[(AggregateCall, ColRef)],
    ) -> Result<(Rel, BindingColumns)> {
        let (input, below) = self.rel(input)?;
        let mut keys = Vec::with_capacity(group.len().saturating_add(1));
        for (expr, col) in group {
            keys.push((below.here(expr)?, *col));
        }
        let mut calls = Vec::with_capacity(aggregates.len());
        for (call, col) in aggregates {
            calls.push((below.aggregate(call)?, *col));
        }
        if group.is_empty() {
            return self.one_row_each(input, &below, calls);
        }
        let binding = below.mapped(|c| self.fresh(c.ty.clone()));
        keys.push((Expr::Column(below.number.clone()), binding.number.col));
        for (from, to) in below.values.values().zip(binding.values.values()) {
            calls.push((first(from), to.col));
        }
        Ok((Rel::Aggregate { input: Box::new(input), group: keys, aggregates: calls }, binding))
    }

    /// Aggregates without groups have a row for every binding, rows or no rows.
    fn one_row_each(
        &mut self,
        input: Rel,
        below: &BindingColumns,
        calls: Vec<(AggregateCall, ColRef)>,
    ) -> Result<(Rel, BindingColumns)> {
        let key = self.fresh(int8());
        let mut items = Vec::with_capacity(calls.len());
        let mut renamed = Vec::with_capacity(calls.len());
        for (call, col) in calls {
            let result = self.fresh(call.ty.clone());
            let value = Expr::Column(result.clone());
            let value = match of_no_rows(&call) {
                Some(nothing) => {
                    let nothing = Expr::Const(nothing, call.ty.clone());
                    Expr::Coalesce { args: vec![value, nothing], ty: call.ty.clone() }
                }
                None => value,
            };
            items.push((value, col));
            renamed.push((call, result.col));
        }
        let group = vec![(Expr::Column(below.number.clone()), key.col)];
        let grouped = Rel::Aggregate { input: Box::new(input), group, aggregates: renamed };
        let (copy, binding) = self.copy();
        let rel = joined(JoinKind::Left, copy, grouped, [equal(&binding.number, &key)]);
        items.extend(binding.items());
        Ok((Rel::Project { input: Box::new(rel), items }, binding))
    }

    fn with(&mut self, ctes: &[Cte], body: &Rel) -> Result<(Rel, BindingColumns)> {
        let mut told = Vec::with_capacity(ctes.len());
        let mut body = body.clone();
        let mut rest = ctes.to_vec();
        while !rest.is_empty() {
            let cte = rest.remove(0);
            if self.is_closed(&cte.rel) {
                told.push(cte);
                continue;
            }
            let only = HashMap::from([(cte.id, cte.id)]);
            if asked_below(&body, &only) || rest.iter().any(|other| asked_below(&other.rel, &only)) {
                body = inlined(&body, &cte)?;
                for other in &mut rest {
                    other.rel = inlined(&other.rel, &cte)?;
                }
                continue;
            }
            let (rel, binding) = self.rel(&cte.rel)?;
            let id = CteId(self.lowering.fresh().0);
            let columns = cte.columns.iter().cloned().chain(binding.all()).collect();
            told.push(Cte { id, rel, columns, once: cte.once });
            self.ctes.insert(cte.id, id);
        }
        let (body, binding) = self.rel(&body)?;
        Ok((Rel::With { ctes: told, body: Box::new(body) }, binding))
    }
}

/// Whether some common table expressions are used in a subquery of a relation, or on the right of a LATERAL.
fn asked_below(rel: &Rel, ctes: &HashMap<CteId, CteId>) -> bool {
    let right = match rel {
        Rel::Join { right, lateral: true, .. } => uses_any(right, ctes),
        _ => false,
    };
    right
        || expressions(rel).into_iter().any(|expr| asks_any(expr, ctes))
        || inputs(rel).into_iter().any(|input| asked_below(input, ctes))
}

fn joined(kind: JoinKind, left: Rel, right: Rel, on: impl IntoIterator<Item = Expr>) -> Rel {
    let mut on: Vec<Expr> = on.into_iter().collect();
    let on = match (on.len(), kind) {
        (0, JoinKind::Inner) => None,
        (0, _) => Some(Expr::Const(Datum::Bool(true), boolean())),
        (1, _) => on.pop(),
        _ => Some(Expr::And(on)),
    };
    Rel::Join { kind, left: Box::new(left), right: Box::new(right), on, lateral: false }
}

fn equal(left: &TypedCol, right: &TypedCol) -> Expr {
    let args = vec![Expr::Column(left.clone()), Expr::Column(right.clone())];
    Expr::Call { proc: INT8_EQUAL, args, ty: boolean() }
}

/// The value of a column that is the same in all rows of a group.
fn first(column: &TypedCol) -> AggregateCall {
    AggregateCall {
        proc: FIRST,
        args: vec![Expr::Column(column.clone())],
        distinct: false,
        order_by: Vec::new(),
        filter: None,
        ty: column.ty.clone(),
    }
}
