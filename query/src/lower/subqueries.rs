//! Subqueries as joins: EXISTS and IN as semi and anti joins, scalar ones as a left join with their aggregate.
//!
//! Invariants: a scalar subquery that yields two rows for a row that needs it fails with 21000; IN is three-valued;
//! an aggregate over no rows has its value over no rows (count: 0).

use crate::kernel::{compare, rows};
use crate::lower::aggregates::FIRST;
use crate::lower::columns;
use crate::lower::comparisons::{Typed, binary};
use crate::lower::correlation::{
    equalities, from_inside, from_outside, has_outer, outer_columns, outer_columns_of,
};
use crate::lower::expressions::{boolean, plain_case};
use crate::lower::literals;
use crate::lower::scope::{Lowering, Scope, build, unsupported_function};
use crate::lower::tree::{any, parts, replaced};
use base::id::Oid;
use base::{Error, Result};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr as PlanExpr, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, lit};
use sql::bound::{
    AggregateCall, ColRef, Expr, Quantifier, Rel, Subquery, SubqueryKind, TypedCol, array_of_values,
};
use std::collections::HashMap;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// pg_proc OIDs of the aggregates used here.
const COUNT_ROWS: Oid = Oid(2803);
const COUNT: Oid = Oid(2147);
const REGR_COUNT: Oid = Oid(2818);
/// Of the row that stands in WITHIN GROUP.
const RANK: Oid = Oid(3986);
const PERCENT_RANK: Oid = Oid(3988);
const CUME_DIST: Oid = Oid(3990);
const DENSE_RANK: Oid = Oid(3992);
const ARRAY_AGG: Oid = Oid(2335);
const BOOL_AND: Oid = Oid(2517);
const BOOL_OR: Oid = Oid(2518);

impl Lowering<'_> {
    /// The number of rows of a subquery, and of those whose column is not null.
    pub(super) fn counts(
        &mut self,
        scope: &mut Scope,
        rel: &Rel,
        column: &TypedCol,
    ) -> Result<(PlanExpr, PlanExpr)> {
        let calls = [count_rows(), count_of(Expr::Column(column.clone()))];
        let mut results = self.scalar_aggregate(scope, existence(rel), &calls)?;
        match (results.pop(), results.pop()) {
            (Some(present), Some(rows)) => Ok((rows, present)),
            _ => Err(Error::internal("two aggregates gave fewer results")),
        }
    }

    /// The value of a subquery in an expression.
    pub(crate) fn subquery(&mut self, scope: &mut Scope, subquery: &Subquery) -> Result<PlanExpr> {
        if let Some(known) = scope.known(subquery) {
            return Ok(known);
        }
        let value = match &subquery.kind {
            SubqueryKind::Scalar => self.scalar(scope, &subquery.rel, column_of(subquery)?)?,
            SubqueryKind::Exists => self.exists(scope, &subquery.rel)?,
            SubqueryKind::Quantified { proc, all, arg } => match membership(*proc, *all) {
                Some(negated) => {
                    let found = self.in_subquery(scope, subquery, *proc, negated, arg)?;
                    if negated { PlanExpr::Not(Box::new(found)) } else { found }
                }
                None => {
                    let value = Expr::Column(column_of(subquery)?.clone());
                    let args = vec![from_inside(arg), value];
                    let compared = Expr::Call { proc: *proc, args, ty: boolean() };
                    self.compared(scope, &subquery.rel, compared, *all)?
                }
            },
            SubqueryKind::Row { quantifier, args, test } => {
                let test = told(test, args);
                match quantifier {
                    Quantifier::Any => self.compared(scope, &subquery.rel, test, false)?,
                    Quantifier::All => self.compared(scope, &subquery.rel, test, true)?,
                    Quantifier::One => {
                        let column = TypedCol { col: self.fresh(), ty: boolean() };
                        let items = vec![(test, column.col)];
                        let rel = Rel::Project { input: Box::new(subquery.rel.clone()), items };
                        self.scalar(scope, &rel, &column)?
                    }
                }
            }
            SubqueryKind::Array => self.array_of_rows(scope, &subquery.rel, column_of(subquery)?)?,
        };
        scope.remember(subquery, value.clone());
        Ok(value)
    }

    /// Whether a subquery has a row.
    fn exists(&mut self, scope: &mut Scope, rel: &Rel) -> Result<PlanExpr> {
        let rel = existence(rel);
        let int8 = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None };
        let first = match outer_columns(rel).is_empty() {
            true => Rel::Limit {
                input: Box::new(rel.clone()),
                count: Some(Expr::Const(Datum::Int64(1), int8)),
                offset: None,
                ties: Vec::new(),
            },
            false => rel.clone(),
        };
        let results = self.scalar_aggregate(scope, &first, &[count_rows()])?;
        let rows = results.into_iter().next().ok_or_else(|| Error::internal("count without result"))?;
        Ok(binary(rows, Operator::Gt, lit(0_i64)))
    }

    /// `arg IN (subquery)`, three-valued.
    fn in_subquery(
        &mut self,
        scope: &mut Scope,
        subquery: &Subquery,
        proc: Oid,
        negated: bool,
        arg: &Expr,
    ) -> Result<PlanExpr> {
        let column = column_of(subquery)?;
        let equal = match negated {
            true => {
                negator(proc).ok_or_else(|| unsupported_function(proc, &[arg.ty(), column.ty.clone()]))?
            }
            false => proc,
        };
        let same = Expr::Call {
            proc: equal,
            args: vec![from_inside(arg), Expr::Column(column.clone())],
            ty: boolean(),
        };
        let matching = Rel::Filter { input: Box::new(existence(&subquery.rel).clone()), predicate: same };
        let matched = self.exists(scope, &matching)?;
        let (rows, present) = self.counts(scope, &subquery.rel, column)?;
        let value = self.expr(scope, arg)?;
        let none = binary(rows.clone(), Operator::Eq, lit(0_i64));
        let unknown = PlanExpr::IsNull(Box::new(value)).or(binary(present, Operator::Lt, rows));
        let null = literals::null(&boolean())?;
        Ok(plain_case(vec![(matched, lit(true)), (none, lit(false)), (unknown, null)], lit(false)))
    }

    /// A comparison with ANY or ALL rows of a subquery, three-valued: decided by one row, or else unknown by one null.
    fn compared(&mut self, scope: &mut Scope, rel: &Rel, compared: Expr, all: bool) -> Result<PlanExpr> {
        let decision = AggregateCall {
            proc: if all { BOOL_AND } else { BOOL_OR },
            args: vec![compared.clone()],
            ty: boolean(),
            ..count_rows()
        };
        let calls = [decision, count_rows(), count_of(compared)];
        let results = self.scalar_aggregate(scope, existence(rel), &calls)?;
        let Ok([decision, rows, known]) = <[PlanExpr; 3]>::try_from(results) else {
            return Err(Error::internal("three aggregates gave another number of results"));
        };
        let decided = match all {
            true => PlanExpr::IsFalse(Box::new(decision)),
            false => PlanExpr::IsTrue(Box::new(decision)),
        };
        let unknown = binary(known, Operator::Lt, rows);
        let null = literals::null(&boolean())?;
        Ok(plain_case(vec![(decided, lit(!all)), (unknown, null)], lit(all)))
    }

    /// ARRAY(subquery); an empty array over no rows.
    fn array_of_rows(&mut self, scope: &mut Scope, rel: &Rel, column: &TypedCol) -> Result<PlanExpr> {
        let ty = array_of_values(&column.ty);
        let (rel, order_by) = self.with_order(rel);
        let call = AggregateCall {
            proc: ARRAY_AGG,
            args: vec![Expr::Column(column.clone())],
            distinct: false,
            order_by,
            filter: None,
            ty: ty.clone(),
        };
        let results = self.scalar_aggregate(scope, &rel, &[call])?;
        let array = results.into_iter().next().ok_or_else(|| Error::internal("array_agg without result"))?;
        let present = PlanExpr::IsNotNull(Box::new(array.clone()));
        Ok(plain_case(vec![(present, array)], literals::literal(&Datum::list(Vec::new()), &ty)?))
    }

    /// The one value of a subquery.
    fn scalar(&mut self, scope: &mut Scope, rel: &Rel, column: &TypedCol) -> Result<PlanExpr> {
        if let Some((input, aggregates, value)) = peeled(rel, column) {
            let calls: Vec<AggregateCall> = aggregates.iter().map(|(call, _)| call.clone()).collect();
            let results = self.scalar_aggregate(scope, input, &calls)?;
            let names: HashMap<String, PlanExpr> =
                aggregates.iter().map(|(_, col)| columns::name(*col)).zip(results).collect();
            let value = self.expr(scope, &from_outside(&value))?;
            return substituted(value, &names);
        }
        let first = AggregateCall {
            proc: FIRST,
            args: vec![Expr::Column(column.clone())],
            distinct: false,
            order_by: Vec::new(),
            filter: None,
            ty: column.ty.clone(),
        };
        let mut results = self.scalar_aggregate(scope, rel, &[first, count_rows()])?;
        let (Some(count), Some(value)) = (results.pop(), results.pop()) else {
            return Err(Error::internal("two aggregates gave fewer results"));
        };
        let kernel =
            self.kernel("single_row", rows::single, vec![column.ty.clone(), count_rows().ty], &column.ty);
        self.internal(kernel, vec![value, count])
    }

    /// Joins aggregates over all rows of a subquery to the scope, per binding of its outer columns.
    pub(crate) fn scalar_aggregate(
        &mut self,
        scope: &mut Scope,
        input: &Rel,
        calls: &[AggregateCall],
    ) -> Result<Vec<PlanExpr>> {
        let named: Vec<(AggregateCall, ColRef)> =
            calls.iter().map(|call| (call.clone(), self.fresh())).collect();
        let (right, on) = match self.grouped_by_equalities(input, &named)? {
            Some(grouped) => grouped,
            None => {
                let unnested = self.unnest(scope, input, calls)?;
                let key = self.fresh();
                let told: Result<Vec<_>> =
                    named.iter().map(|(call, col)| Ok((unnested.binding.aggregate(call)?, *col))).collect();
                let group = [(Expr::Column(unnested.binding.number), key)];
                let right = self.aggregate(&unnested.rel, &group, &told?)?;
                (right, vec![binary(unnested.number, Operator::Eq, columns::reference(key))])
            }
        };
        let plan = LogicalPlanBuilder::from(scope.take()?);
        scope.put(match on.is_empty() {
            true => build(plan.cross_join(right))?,
            false => build(plan.join_on(right, JoinType::Left, on))?,
        });
        Ok(named.iter().map(|(call, col)| over_no_rows(call, columns::reference(*col))).collect())
    }

    /// The aggregates of a relation grouped by what is compared with the outside, and the conditions of a join with
    /// it. None when the relation does more with the outside than comparing for equality.
    fn grouped_by_equalities(
        &mut self,
        input: &Rel,
        calls: &[(AggregateCall, ColRef)],
    ) -> Result<Option<(LogicalPlan, Vec<PlanExpr>)>> {
        let above = || calls.iter().flat_map(|(call, _)| parts(call));
        let asks = |expr: &Expr| any(expr, &mut |e| matches!(e, Expr::Outer(_) | Expr::Subquery(_)));
        if above().any(asks) && !outer_columns_of(input, above()).is_empty() {
            return Ok(None);
        }
        let Some((input, predicates)) = self.pull_up(input)? else { return Ok(None) };
        let Some(equalities) = equalities(&predicates) else { return Ok(None) };
        let mut group = Vec::with_capacity(equalities.len());
        let mut on = Vec::with_capacity(equalities.len());
        for found in equalities {
            let col = self.fresh();
            let key = Typed { expr: columns::reference(col), ty: found.inner.ty() };
            let outer = from_outside(&found.outer);
            let value = Typed { expr: self.expr(&mut Scope::without_plan(), &outer)?, ty: outer.ty() };
            on.push(self.comparison(value, Operator::Eq, key)?);
            group.push((found.inner, col));
        }
        Ok(Some((self.aggregate(&input, &group, calls)?, on)))
    }
}

/// The test of a row against those of a subquery, told inside of it.
pub(super) fn told(test: &Expr, args: &[(Expr, ColRef)]) -> Expr {
    replaced(test, &|e| match e {
        Expr::Outer(c) => args.iter().find(|(_, col)| *col == c.col).map(|(arg, _)| from_inside(arg)),
        _ => None,
    })
}

/// What a relation's rows are, as far as their existence goes: order and a limit of at least one row do not matter.
pub(super) fn existence(rel: &Rel) -> &Rel {
    match rel {
        Rel::Sort { input, .. } => existence(input),
        Rel::Limit { input, count: Some(Expr::Const(Datum::Int64(1..), _)), offset: None, .. } => {
            match outer_columns(input).is_empty() {
                true => rel,
                false => existence(input),
            }
        }
        other => other,
    }
}

/// Whether an operator with ANY or ALL is IN (false) or NOT IN (true).
pub(super) fn membership(proc: Oid, all: bool) -> Option<bool> {
    match (compare::operator_of(proc)?, all) {
        (Operator::Eq, false) => Some(false),
        (Operator::NotEq, true) => Some(true),
        _ => None,
    }
}

/// The function of the equality whose negation `proc` is.
fn negator(proc: Oid) -> Option<Oid> {
    let unequal = catalog::builtin::operators("<>").iter().find(|op| op.proc == proc)?;
    catalog::builtin::operators("=").iter().find(|op| op.oid == unequal.negator).map(|op| op.proc)
}

pub(super) fn column_of(subquery: &Subquery) -> Result<&TypedCol> {
    subquery.column.as_ref().ok_or_else(|| Error::internal("a subquery without a column"))
}

fn count_rows() -> AggregateCall {
    let ty = SqlType { oid: oid::INT8, typmod: -1, form: Form::Int64, domain: None };
    AggregateCall {
        proc: COUNT_ROWS,
        args: Vec::new(),
        distinct: false,
        order_by: Vec::new(),
        filter: None,
        ty,
    }
}

fn count_of(arg: Expr) -> AggregateCall {
    AggregateCall { proc: COUNT, args: vec![arg], ..count_rows() }
}

/// The result of an aggregate that was left-joined: a count is 0 where nothing was joined.
fn over_no_rows(call: &AggregateCall, value: PlanExpr) -> PlanExpr {
    let nothing = match of_no_rows(call) {
        Some(Datum::Int64(nothing)) => lit(nothing),
        Some(Datum::Float64(nothing)) => lit(nothing),
        _ => return value,
    };
    let present = PlanExpr::IsNotNull(Box::new(value.clone()));
    plain_case(vec![(present, value)], nothing)
}

/// The result of an aggregate over no rows; None for null, which it is for all others.
pub(crate) fn of_no_rows(call: &AggregateCall) -> Option<Datum> {
    match call.proc {
        COUNT | COUNT_ROWS | REGR_COUNT => Some(Datum::Int64(0)),
        RANK | DENSE_RANK => Some(Datum::Int64(1)),
        PERCENT_RANK => Some(Datum::Float64(0.0)),
        CUME_DIST => Some(Datum::Float64(1.0)),
        _ => None,
    }
}

/// A relation that is one row of aggregates, and an expression over them: its column's value. None when the relation
/// is not of this kind. Conditions above the aggregates (HAVING) make the value null.
pub(crate) type Peeled<'r> = (&'r Rel, &'r [(AggregateCall, ColRef)], Expr);

pub(crate) fn peeled<'r>(rel: &'r Rel, column: &TypedCol) -> Option<Peeled<'r>> {
    let mut value = Expr::Column(column.clone());
    let mut rel = rel;
    loop {
        match rel {
            Rel::Project { input, items } => {
                let nested = |expr: &Expr| any(expr, &mut |e| matches!(e, Expr::Subquery(_)));
                if nested(&value) || items.iter().any(|(expr, _)| nested(expr)) {
                    return None;
                }
                value = replaced(&value, &|e| match e {
                    Expr::Column(c) => {
                        items.iter().find(|(_, col)| *col == c.col).map(|(expr, _)| expr.clone())
                    }
                    _ => None,
                });
                rel = input;
            }
            Rel::Sort { input, keys } if keys.iter().all(|key| !has_outer(&key.expr)) => rel = input,
            Rel::Filter { input, predicate } => {
                if any(predicate, &mut |e| matches!(e, Expr::Subquery(_))) {
                    return None;
                }
                let ty = value.ty();
                value = Expr::Case { whens: vec![(predicate.clone(), value)], otherwise: None, ty };
                rel = input;
            }
            Rel::Aggregate { input, group, aggregates } if group.is_empty() => {
                return Some((input, aggregates, value));
            }
            _ => return None,
        }
    }
}

/// An expression with columns replaced by expressions.
pub(crate) fn substituted(expr: PlanExpr, names: &HashMap<String, PlanExpr>) -> Result<PlanExpr> {
    expr.transform_up(|node| {
        Ok(match &node {
            PlanExpr::Column(column) => match names.get(&column.name) {
                Some(replacement) => Transformed::yes(replacement.clone()),
                None => Transformed::no(node),
            },
            _ => Transformed::no(node),
        })
    })
    .map(|transformed| transformed.data)
    .map_err(crate::failure::from_datafusion)
}
