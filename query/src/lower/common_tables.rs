//! WITH: common table expressions written into their uses, or computed once and read by them.
//!
//! Invariant: what is computed once is lowered where it is defined, so that a recursion clears only what is inside of it.

use crate::lower::columns;
use crate::lower::comparisons::Typed;
use crate::lower::literals;
use crate::lower::recursion::{Recursion, Working, WorkingTable};
use crate::lower::relations::rename;
use crate::lower::scope::{Lowering, build};
use crate::lower::shared_rows::{Computed, SharedRows, SharedTable, Source};
use crate::lower::tree::{any, expressions, inputs};
use arrow::datatypes::{Field, Schema};
use base::{Error, Result};
use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use sql::bound::{ColRef, Cte, CteId, Expr, Rel, TypedCol};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A common table expression as a table.
#[derive(Clone, Debug)]
pub(crate) struct CteTable {
    table: Arc<dyn TableProvider>,
    /// Which columns of the query it has, in order; None: all.
    places: Option<Vec<usize>>,
}

impl CteTable {
    fn whole(table: Arc<dyn TableProvider>) -> Self {
        Self { table, places: None }
    }
}

impl Lowering<'_> {
    /// Takes note of the queries of a WITH; `with` is all of it.
    pub(crate) fn define(&mut self, ctes: &[Cte], with: &Rel) -> Result<()> {
        let mut used = BTreeSet::new();
        if ctes.iter().any(|cte| cte.once) {
            mentioned(with, &mut used);
        }
        for cte in ctes {
            if !cte.once {
                self.ctes.insert(cte.id, Arc::new(cte.clone()));
                continue;
            }
            let table = match &cte.rel {
                Rel::Recursive { .. } => CteTable::whole(Arc::new(SharedTable(self.recursion(&cte.rel)?))),
                rel => {
                    let places = places_used(cte.id, with, &used);
                    let kept: Vec<TypedCol> =
                        places.iter().filter_map(|place| cte.columns.get(*place).cloned()).collect();
                    let from: Vec<ColRef> = kept.iter().map(|c| c.col).collect();
                    let plan = rename(self.rel(rel)?, &from, &kept)?;
                    let schema = Arc::clone(plan.schema().inner());
                    let table = Arc::new(SharedTable(self.shared(Source::Plan(plan), schema)));
                    CteTable { table, places: Some(places) }
                }
            };
            self.tables.insert(cte.id, table);
        }
        Ok(())
    }

    fn shared(&mut self, source: Source, schema: Arc<Schema>) -> Arc<SharedRows> {
        let rows = SharedRows::new(source, schema);
        self.computed.push(Computed::Rows(Arc::clone(&rows)));
        rows
    }

    /// A use of a common table expression, under the use's names.
    pub(crate) fn cte_ref(&mut self, id: CteId, columns: &[TypedCol]) -> Result<LogicalPlan> {
        if let Some(bindings) = self.bindings.get(&id).cloned() {
            return self.bindings(&bindings, columns);
        }
        if let Some(table) = self.tables.get(&id).cloned() {
            return self.table(table, columns);
        }
        if let Some(table) = self.context.with.rows.get(&id).cloned() {
            return self.table(CteTable::whole(table), columns);
        }
        let cte: Arc<Cte> = self
            .ctes
            .get(&id)
            .cloned()
            .ok_or_else(|| Error::unsupported("this WITH query is not supported in this place"))?;
        let plan = self.rel(&cte.rel)?;
        let from: Vec<ColRef> = cte.columns.iter().map(|c| c.col).collect();
        rename(plan, &from, columns)
    }

    /// A table under the names of its columns in order.
    fn table(&mut self, table: CteTable, columns: &[TypedCol]) -> Result<LogicalPlan> {
        let CteTable { table, places } = table;
        let names: Vec<String> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
        let plan = self.provider(table)?;
        let mut renamed = Vec::with_capacity(columns.len());
        for (place, to) in columns.iter().enumerate() {
            let held = match &places {
                None => Some(place),
                Some(places) => places.iter().position(|kept| *kept == place),
            };
            let value = match held.and_then(|held| names.get(held)) {
                Some(name) => PlanExpr::Column(Column::new_unqualified(name.clone())),
                // Nobody looks at it.
                None => literals::null(&to.ty)?,
            };
            renamed.push(value.alias(columns::name(to.col)));
        }
        build(LogicalPlanBuilder::from(plan).project(renamed))
    }

    /// A recursive relation that stands by itself.
    pub(crate) fn recursive(&mut self, rel: &Rel) -> Result<LogicalPlan> {
        let columns = columns::of(rel)?;
        let rows = self.recursion(rel)?;
        self.table(CteTable::whole(Arc::new(SharedTable(rows))), &columns)
    }

    fn recursion(&mut self, rel: &Rel) -> Result<Arc<SharedRows>> {
        let Rel::Recursive { working, all, start, step, start_columns, step_columns, columns } = rel else {
            return Err(Error::internal("a recursion that is none"));
        };
        let field = |c: &TypedCol| Field::new(columns::name(c.col), c.ty.form.arrow(), true);
        let schema = Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()));
        let rows = Working::new(Arc::clone(&schema));
        let table = CteTable::whole(Arc::new(WorkingTable(Arc::clone(&rows))));
        self.tables.insert(*working, table);
        let (start, keys) = self.with_keys(start, start_columns, columns, *all)?;
        let before = self.computed.len();
        let (step, _) = self.with_keys(step, step_columns, columns, *all)?;
        let inner = self.computed.get(before..).map(<[Computed]>::to_vec).unwrap_or_default();
        let recursion = Recursion { start, step, working: rows, keys, inner };
        Ok(self.shared(Source::Recursive(Box::new(recursion)), schema))
    }

    /// A side of a recursion under its names, with the columns by which rows are equal behind it unless all are kept.
    fn with_keys(
        &mut self,
        rel: &Rel,
        from: &[ColRef],
        columns: &[TypedCol],
        all: bool,
    ) -> Result<(LogicalPlan, Option<Vec<usize>>)> {
        let plan = self.rel(rel)?;
        let mut exprs: Vec<PlanExpr> = from
            .iter()
            .zip(columns)
            .map(|(from, to)| columns::reference(*from).alias(columns::name(to.col)))
            .collect();
        let mut places = Vec::with_capacity(columns.len());
        if !all {
            for (place, (from, to)) in from.iter().zip(columns).enumerate() {
                if Self::is_own_key(&to.ty) {
                    places.push(place);
                    continue;
                }
                let key = self.key(Typed { expr: columns::reference(*from), ty: to.ty.clone() })?;
                places.push(exprs.len());
                exprs.push(key.alias(columns::name(self.fresh())));
            }
        }
        let plan = build(LogicalPlanBuilder::from(plan).project(exprs))?;
        Ok((plan, (!all).then_some(places)))
    }
}

/// The columns that something in a relation, its subqueries included, looks at.
fn mentioned(rel: &Rel, used: &mut BTreeSet<ColRef>) {
    for expr in expressions(rel) {
        look_at(expr, used);
    }
    match rel {
        Rel::SetOp { left_columns, right_columns, .. } => {
            used.extend(left_columns.iter().chain(right_columns));
        }
        Rel::Recursive { start_columns, step_columns, .. } => {
            used.extend(start_columns.iter().chain(step_columns));
        }
        Rel::With { ctes, .. } => used.extend(ctes.iter().flat_map(|cte| &cte.columns).map(|c| c.col)),
        _ => {}
    }
    for input in inputs(rel) {
        mentioned(input, used);
    }
}

fn look_at(expr: &Expr, used: &mut BTreeSet<ColRef>) {
    any(expr, &mut |e| {
        match e {
            Expr::Column(c) | Expr::Outer(c) => {
                used.insert(c.col);
            }
            Expr::Subquery(subquery) => {
                used.extend(subquery.column.as_ref().map(|c| c.col));
                if let sql::bound::SubqueryKind::Row { test, .. } = &subquery.kind {
                    look_at(test, used);
                }
                mentioned(&subquery.rel, used);
            }
            _ => {}
        }
        false
    });
}

/// Which columns of a common table expression its uses look at.
fn places_used(id: CteId, rel: &Rel, used: &BTreeSet<ColRef>) -> Vec<usize> {
    let mut places = BTreeSet::new();
    uses(id, rel, &mut |columns| {
        places.extend(columns.iter().enumerate().filter(|(_, c)| used.contains(&c.col)).map(|(i, _)| i));
    });
    // Rows without columns would do where only their number counts, but a column is easier to carry.
    if places.is_empty() {
        places.insert(0);
    }
    places.into_iter().collect()
}

fn uses(id: CteId, rel: &Rel, found: &mut dyn FnMut(&[TypedCol])) {
    if let Rel::CteRef { cte, columns } = rel
        && *cte == id
    {
        found(columns);
    }
    for expr in expressions(rel) {
        any(expr, &mut |e| {
            if let Expr::Subquery(subquery) = e {
                uses(id, &subquery.rel, found);
            }
            false
        });
    }
    for input in inputs(rel) {
        uses(id, input, found);
    }
}
