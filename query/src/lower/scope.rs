//! The state of one lowering: fresh names, common table expressions, and the plan that subqueries widen.

use crate::lower::bindings::Bindings;
use crate::lower::columns;
use crate::lower::common_tables::CteTable;
use crate::lower::context::QueryContext;
use crate::lower::shared_rows::Computed;
use base::id::Oid;
use base::{Error, Result};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use sql::bound::{ColRef, Cte, CteId, Subquery};
use std::collections::HashMap;
use std::sync::Arc;
use types::SqlType;

/// Columns made while lowering are numbered from here; the binder counts up from 0.
const FRESH_FROM: u32 = 1 << 30;

/// Lowers one statement.
#[derive(Debug)]
pub(crate) struct Lowering<'c> {
    pub(crate) context: &'c QueryContext,
    pub(crate) ctes: HashMap<CteId, Arc<Cte>>,
    /// Relations of bindings, used as common table expressions are.
    pub(crate) bindings: HashMap<CteId, Arc<Bindings>>,
    /// Common table expressions that are computed once.
    pub(crate) tables: HashMap<CteId, CteTable>,
    /// What is computed once, in the order in which it was lowered.
    pub(crate) computed: Vec<Computed>,
    next: u32,
}

impl<'c> Lowering<'c> {
    pub(crate) fn new(context: &'c QueryContext) -> Self {
        Self {
            context,
            ctes: HashMap::new(),
            bindings: HashMap::new(),
            tables: HashMap::new(),
            computed: Vec::new(),
            next: FRESH_FROM,
        }
    }

    /// A column no one else has.
    pub(crate) fn fresh(&mut self) -> ColRef {
        let col = ColRef(self.next);
        self.next = self.next.saturating_add(1);
        col
    }
}

/// What expressions are lowered against: a plan to which subqueries join their results.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    plan: Option<LogicalPlan>,
    /// Subqueries that are part of the plan already; the binder repeats an expression where it means it twice.
    joined: Vec<(Subquery, PlanExpr)>,
}

impl Scope {
    /// A scope without a plan: subqueries are refused.
    pub(crate) fn without_plan() -> Self {
        Self::default()
    }

    pub(crate) fn of(plan: LogicalPlan) -> Self {
        Self { plan: Some(plan), joined: Vec::new() }
    }

    /// Takes the plan out to be widened; `put` must follow.
    pub(crate) fn take(&mut self) -> Result<LogicalPlan> {
        self.plan.take().ok_or_else(|| Error::unsupported("a subquery is not supported in this place"))
    }

    pub(crate) fn put(&mut self, plan: LogicalPlan) {
        self.plan = Some(plan);
    }

    pub(crate) fn finish(self) -> Result<LogicalPlan> {
        self.plan.ok_or_else(|| Error::internal("a scope lost its plan"))
    }

    pub(crate) fn known(&self, subquery: &Subquery) -> Option<PlanExpr> {
        self.joined.iter().find(|(known, _)| known == subquery).map(|(_, expr)| expr.clone())
    }

    pub(crate) fn remember(&mut self, subquery: &Subquery, expr: PlanExpr) {
        self.joined.push((subquery.clone(), expr));
    }
}

/// Projects a plan to some of its columns.
pub(crate) fn keep(plan: LogicalPlan, columns: impl IntoIterator<Item = ColRef>) -> Result<LogicalPlan> {
    let exprs: Vec<PlanExpr> = columns.into_iter().map(columns::reference).collect();
    build(LogicalPlanBuilder::from(plan).project(exprs))
}

pub(crate) fn build(builder: datafusion::common::Result<LogicalPlanBuilder>) -> Result<LogicalPlan> {
    builder.and_then(LogicalPlanBuilder::build).map_err(crate::failure::from_datafusion)
}

/// The refusal of a function that no kernel is attached to.
pub(crate) fn unsupported_function(proc: Oid, args: &[SqlType]) -> Error {
    let name = catalog::builtin::proc(proc).map_or("?", |p| p.name);
    let types: Vec<&str> =
        args.iter().map(|ty| catalog::builtin::type_by_oid(ty.oid).map_or("?", |row| row.name)).collect();
    Error::unsupported(format!("function {name}({}) is not supported yet", types.join(", ")))
        .with_hint("docs/functions.md lists the functions and operators that are supported")
}
