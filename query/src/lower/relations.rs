//! Relations: scans, projections, filters, joins, sorts, limits, common table expressions.
//!
//! Invariant: a lowered relation yields at least its columns, under their names and without qualifier; the operators
//! that look at all columns of their input (DISTINCT, set operations) project to them first.

use crate::failure::from_datafusion;
use crate::lower::PastView;
use crate::lower::columns;
use crate::lower::comparisons::Typed;
use crate::lower::first_rows::Limits;
use crate::lower::literals;
use crate::lower::row_by_row::RowByRow;
use crate::lower::scope::{Lowering, Scope, build, keep};
use crate::lower::set_operations::Side;
use crate::scan::{ChangesColumn, ChangesTable, LazyRelation, MemoryTable, ScanColumn, StorageTable};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::id::CommitTs;
use base::{Error, ErrorKind, Result};
use datafusion::catalog::TableProvider;
use datafusion::common::{Column, DFSchema};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{
    EmptyRelation, Expr as PlanExpr, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, SortExpr,
};
use sql::bound::{
    ChangeColumn, ChangesScan, ColRef, Expr, JoinKind, Rel, SortKey, SystemScan, TableScan, TypedCol,
};
use sql::statement::depend_on_order;
use std::collections::BTreeSet;
use std::sync::Arc;
use storage::ChangesSpec;

impl Lowering<'_> {
    /// Lowers a relation that refers to nothing outside itself.
    pub(crate) fn rel(&mut self, rel: &Rel) -> Result<LogicalPlan> {
        match rel {
            Rel::Unit => build(Ok(LogicalPlanBuilder::empty(true))),
            Rel::Empty { columns } => empty(columns),
            Rel::Scan(scan) => self.scan(scan),
            Rel::System(scan) => self.system(scan),
            Rel::Changes(scan) => self.changes(scan),
            Rel::Values { rows, columns } => self.values(rows, columns),
            Rel::Function { proc, args, columns } if args.iter().any(contains_subquery) => {
                self.function_rows(*proc, args, columns)
            }
            Rel::Constants { chunks, columns } => self.constants(chunks, columns),
            Rel::Function { proc, args, columns } => self.table_function(*proc, args, columns),
            Rel::Project { input, items } => self.project(input, items),
            Rel::Filter { input, predicate } => self.filter(input, predicate),
            Rel::Join { kind, left, right, on, lateral } => match lateral {
                true => self.lateral_join(*kind, left, right, on.as_ref()),
                false => self.join(*kind, left, right, on.as_ref()),
            },
            Rel::Aggregate { input, group, aggregates } => self.aggregate(input, group, aggregates),
            Rel::GroupingSets { input, set, sets, group, aggregates } => {
                let rel = self.one_grouping(input, *set, sets, group, aggregates);
                self.rel(&rel)
            }
            Rel::ProjectSet { input, calls, ordinality } => self.project_set(input, calls, *ordinality),
            Rel::Window { input, calls } => self.window(input, calls),
            Rel::Distinct { input } => {
                let columns = columns::of(input)?;
                let plan = self.rel(input)?;
                self.distinct(plan, &columns)
            }
            Rel::SetOp { op, all, left, right, left_columns, right_columns, columns } => {
                let left = Side { rel: left, columns: left_columns };
                let right = Side { rel: right, columns: right_columns };
                self.set_operation(*op, *all, left, right, columns)
            }
            Rel::Sort { input, keys } => self.sort(input, keys),
            Rel::Limit { input, count, offset, ties } => {
                self.limit(input, &Limits { count: count.as_ref(), offset: offset.as_ref(), ties })
            }
            Rel::With { ctes, body } => {
                self.define(ctes, rel)?;
                self.rel(body)
            }
            Rel::CteRef { cte, columns } => self.cte_ref(*cte, columns),
            Rel::Recursive { .. } => self.recursive(rel),
        }
    }

    fn scan(&mut self, scan: &TableScan) -> Result<LogicalPlan> {
        let mut columns: Vec<(String, ScanColumn)> = scan
            .columns
            .iter()
            .map(|(id, c)| (columns::name(c.col), ScanColumn::Stored { id: *id, form: c.ty.form.clone() }))
            .collect();
        columns.extend(scan.row_address.map(|col| (columns::name(col), ScanColumn::RowAddress)));
        let (reader, catalog, time) = match scan.as_of {
            None => (&self.context.view, &self.context.statement.catalog, self.context.read_at.as_ref()),
            Some(ts) => {
                let past = self.past(ts)?;
                (&past.reader, &past.catalog, Some(&past.time))
            }
        };
        let title = match time {
            None => scan.alias.clone(),
            Some(time) => format!("{} as of {time}", scan.alias),
        };
        let def = catalog.table(scan.table).map(AsRef::as_ref);
        let table = StorageTable::new(Arc::clone(reader), scan.table, title, columns, def);
        self.provider(Arc::new(table))
    }

    fn past(&self, ts: CommitTs) -> Result<&PastView> {
        let found = self.context.past.get(&ts).map(AsRef::as_ref);
        found.ok_or_else(|| Error::internal(format!("no snapshot was taken at {ts}")))
    }

    fn changes(&mut self, scan: &ChangesScan) -> Result<LogicalPlan> {
        let columns = scan.columns.iter().map(|(what, c)| {
            let column = match what {
                ChangeColumn::Stored(id) => ChangesColumn::Stored { id: *id, form: c.ty.form.clone() },
                ChangeColumn::Operation => ChangesColumn::Operation,
                ChangeColumn::CommitTs => ChangesColumn::CommitTs,
            };
            (columns::name(c.col), column)
        });
        let past = self.past(scan.until)?;
        let spec = ChangesSpec {
            table: scan.table,
            projection: Vec::new(),
            after: scan.after,
            until: scan.until,
            old_images: scan.old_images,
        };
        let title = format!("Changes of {} from {} to {}", scan.alias, scan.after, past.time);
        let table = ChangesTable::new(Arc::clone(&past.reader), spec, title, columns.collect());
        self.provider(Arc::new(table))
    }

    fn system(&mut self, scan: &SystemScan) -> Result<LogicalPlan> {
        let wanted: Vec<usize> = scan.columns.iter().map(|(position, _)| *position).collect();
        if scan.schema == "nyala" {
            let field = |c: &TypedCol| Field::new(columns::name(c.col), c.ty.form.arrow(), true);
            let schema = Schema::new(scan.columns.iter().map(|(_, c)| field(c)).collect::<Vec<_>>());
            let relations = Arc::clone(&self.context.system);
            let table = LazyRelation::new(relations, (scan.schema, scan.name), wanted, schema);
            return self.provider(Arc::new(table));
        }
        let rows = self.context.system.rows(scan.schema, scan.name, &wanted)?;
        let mut fields = Vec::with_capacity(scan.columns.len());
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(scan.columns.len());
        let relation = catalog::builtin::system_relation(scan.schema, scan.name).map_or(0, |r| r.oid.0);
        for (position, c) in &scan.columns {
            if *position == rows.num_columns() {
                // The OID of the relation itself.
                fields.push(Field::new(columns::name(c.col), c.ty.form.arrow(), true));
                arrays.push(Arc::new(UInt32Array::from(vec![relation; rows.num_rows()])));
                continue;
            }
            let array = rows.columns().get(*position).ok_or_else(|| {
                Error::internal(format!("relation {}.{} has no column {position}", scan.schema, scan.name))
            })?;
            fields.push(Field::new(columns::name(c.col), c.ty.form.arrow(), true));
            arrays.push(Arc::clone(array));
        }
        self.in_memory(fields, arrays, rows.num_rows())
    }

    /// Arrays as a relation.
    pub(crate) fn in_memory(
        &mut self,
        fields: Vec<Field>,
        arrays: Vec<ArrayRef>,
        rows: usize,
    ) -> Result<LogicalPlan> {
        let schema = Arc::new(Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options)
            .map_err(crate::failure::from_arrow)?;
        self.provider(Arc::new(MemoryTable::new(schema, vec![batch])))
    }

    /// A table of DataFusion whose columns lose their qualifier at once.
    pub(crate) fn provider(&mut self, table: Arc<dyn TableProvider>) -> Result<LogicalPlan> {
        let qualifier = format!("t{}", self.fresh().0);
        let names: Vec<String> = table.schema().fields().iter().map(|f| f.name().clone()).collect();
        let scan = LogicalPlanBuilder::scan(qualifier.as_str(), provider_as_source(table), None);
        if names.is_empty() {
            return build(scan);
        }
        let exprs = names
            .into_iter()
            .map(|name| PlanExpr::Column(Column::new(Some(qualifier.as_str()), &name)).alias(name));
        build(scan.and_then(|scan| scan.project(exprs)))
    }

    /// Rows of expressions, computed now when they are constants.
    fn values(&mut self, rows: &[Vec<Expr>], columns: &[TypedCol]) -> Result<LogicalPlan> {
        let mut lowered = Vec::with_capacity(rows.len());
        let mut scope = Scope::of(build(Ok(LogicalPlanBuilder::empty(true)))?);
        for row in rows {
            lowered.push(self.exprs(&mut scope, row)?);
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let data: Option<Vec<_>> = lowered
                .iter()
                .map(|row| row.get(index).and_then(|e| literals::datum_of(e, &column.ty.form)))
                .collect();
            let Some(data) = data else { break };
            arrays.push(types::array::from_data(&column.ty.form, &data)?);
        }
        if arrays.len() == columns.len() {
            let fields =
                columns.iter().map(|c| Field::new(columns::name(c.col), c.ty.form.arrow(), true)).collect();
            return self.in_memory(fields, arrays, rows.len());
        }
        self.row_by_row(scope.finish()?, lowered, columns)
    }

    /// Lists of expressions over the rows of a plan, computed in order.
    fn row_by_row(
        &mut self,
        input: LogicalPlan,
        lists: Vec<Vec<PlanExpr>>,
        columns: &[TypedCol],
    ) -> Result<LogicalPlan> {
        let fields: Vec<Field> =
            columns.iter().map(|c| Field::new(columns::name(c.col), c.ty.form.arrow(), true)).collect();
        self.provider(Arc::new(RowByRow::new(input, lists, Arc::new(Schema::new(fields)))))
    }

    fn project(&mut self, input: &Rel, items: &[(Expr, ColRef)]) -> Result<LogicalPlan> {
        let mut scope = Scope::of(self.rel(input)?);
        if depend_on_order(items.iter().map(|(expr, _)| expr)) {
            let exprs = items.iter().map(|(expr, _)| expr.clone()).collect::<Vec<_>>();
            let list = self.exprs(&mut scope, &exprs)?;
            let typed = |(expr, col): &(Expr, ColRef)| TypedCol { col: *col, ty: expr.ty() };
            let columns: Vec<TypedCol> = items.iter().map(typed).collect();
            return self.row_by_row(scope.finish()?, vec![list], &columns);
        }
        let mut exprs = Vec::with_capacity(items.len());
        for (expr, col) in items {
            exprs.push(self.expr(&mut scope, expr)?.alias(columns::name(*col)));
        }
        build(LogicalPlanBuilder::from(scope.finish()?).project(exprs))
    }

    fn filter(&mut self, input: &Rel, predicate: &Expr) -> Result<LogicalPlan> {
        let columns = columns::of(input)?;
        let mut leaves = Vec::new();
        collect_leaves(input, &mut leaves)?;
        let plan = self.rel(input)?;
        self.filtered(plan, &columns, &leaves, predicate)
    }

    /// The rows for which the predicate is true, with only the columns given when subqueries added some. Conditions
    /// without subqueries come first: they are the cheap ones, and those that connect relations make joins of them, of
    /// whose rows there are fewer to number for a subquery.
    pub(crate) fn filtered(
        &mut self,
        plan: LogicalPlan,
        columns: &[TypedCol],
        leaves: &[BTreeSet<String>],
        predicate: &Expr,
    ) -> Result<LogicalPlan> {
        let (asking, plain): (Vec<&Expr>, Vec<&Expr>) =
            conjuncts(predicate).into_iter().partition(|part| contains_subquery(part));
        let plan = self.filtered_by(Scope::of(plan), leaves, plain)?;
        if asking.is_empty() {
            return Ok(plan);
        }
        let plan = self.filtered_by(Scope::of(plan), leaves, asking)?;
        keep(plan, columns.iter().map(|c| c.col))
    }

    fn filtered_by(
        &mut self,
        mut scope: Scope,
        leaves: &[BTreeSet<String>],
        conditions: Vec<&Expr>,
    ) -> Result<LogicalPlan> {
        let mut parts = Vec::new();
        let mut joins = Vec::new();
        for condition in conditions {
            if !self.semi_join(&mut scope, condition)? {
                let part = self.expr(&mut scope, condition)?;
                if connects(&part, leaves) { joins.push(part) } else { parts.push(part) }
            }
        }
        if !parts.is_empty() {
            joins.push(crate::lower::boolean::guarded(parts, Operator::And)?);
        }
        let plan = scope.finish()?;
        match crate::lower::boolean::balanced(joins, Operator::And) {
            Some(all) => build(LogicalPlanBuilder::from(plan).filter(all)),
            None => Ok(plan),
        }
    }

    fn join(&mut self, kind: JoinKind, left: &Rel, right: &Rel, on: Option<&Expr>) -> Result<LogicalPlan> {
        let (left_columns, right_columns) = (columns::of(left)?, columns::of(right)?);
        let names = |side: &[TypedCol]| side.iter().map(|c| columns::name(c.col)).collect::<BTreeSet<_>>();
        let leaves = [names(&left_columns), names(&right_columns)];
        let columns = [left_columns, right_columns].concat();
        let (left, right) = (self.rel(left)?, self.rel(right)?);
        let left = LogicalPlanBuilder::from(left);
        match (kind, on) {
            (JoinKind::Inner, None) => build(left.cross_join(right)),
            (JoinKind::Inner, Some(on)) if contains_subquery(on) => {
                let crossed = build(left.cross_join(right))?;
                self.filtered(crossed, &columns, &leaves, on)
            }
            (_, on) => {
                let mut scope = Scope::without_plan();
                let mut keys = Vec::new();
                let mut parts = Vec::new();
                for part in on.map(conjuncts).unwrap_or_default() {
                    let part = self.expr(&mut scope, part)?;
                    if connects(&part, &leaves) { keys.push(part) } else { parts.push(part) }
                }
                if !parts.is_empty() || keys.is_empty() {
                    keys.push(crate::lower::boolean::guarded(parts, Operator::And)?);
                }
                build(left.join_on(right, join_type(kind), keys))
            }
        }
    }

    /// DISTINCT over all columns.
    pub(crate) fn distinct(&mut self, plan: LogicalPlan, columns: &[TypedCol]) -> Result<LogicalPlan> {
        let group = columns.iter().map(|c| (Expr::Column(c.clone()), self.fresh())).collect::<Vec<_>>();
        let renamed: Vec<(ColRef, ColRef)> =
            group.iter().zip(columns).map(|((_, fresh), c)| (*fresh, c.col)).collect();
        let grouped = self.grouped(Scope::of(plan), &group, &[])?;
        let exprs = renamed.into_iter().map(|(from, to)| columns::reference(from).alias(columns::name(to)));
        build(LogicalPlanBuilder::from(grouped).project(exprs))
    }

    /// Sort keys of a plan.
    pub(crate) fn sort_keys(&mut self, scope: &mut Scope, keys: &[SortKey]) -> Result<Vec<SortExpr>> {
        let mut exprs = Vec::with_capacity(keys.len());
        for key in keys {
            let value = Typed { expr: self.expr(scope, &key.expr)?, ty: key.expr.ty() };
            exprs.push(SortExpr::new(self.key(value)?, !key.descending, key.nulls_first));
        }
        Ok(exprs)
    }

    fn sort(&mut self, input: &Rel, keys: &[SortKey]) -> Result<LogicalPlan> {
        let columns = columns::of(input)?;
        let mut scope = Scope::of(self.rel(input)?);
        let exprs = self.sort_keys(&mut scope, keys)?;
        let widened = keys.iter().any(|key| contains_subquery(&key.expr));
        let mut sorted = LogicalPlanBuilder::from(scope.finish()?);
        if !exprs.is_empty() {
            sorted = sorted.sort(exprs).map_err(from_datafusion)?;
        }
        let sorted = build(Ok(sorted))?;
        if widened { keep(sorted, columns.iter().map(|c| c.col)) } else { Ok(sorted) }
    }

    fn limit(&mut self, input: &Rel, limits: &Limits<'_>) -> Result<LogicalPlan> {
        if !limits.ties.is_empty() || !limits.are_constant() {
            let columns = columns::of(input)?;
            let keys = crate::lower::kept_order::order_of(input);
            let first = self.first_rows(input.clone(), Vec::new(), limits)?;
            let sorted = self.sort(&first, &keys)?;
            return keep(sorted, columns.iter().map(|c| c.col));
        }
        let plan = self.rel(input)?;
        let (skip, fetch) = self.limits(limits.count, limits.offset)?;
        build(LogicalPlanBuilder::from(plan).limit(skip, fetch))
    }

    /// Rows to skip and rows to yield.
    pub(crate) fn limits(
        &mut self,
        count: Option<&Expr>,
        offset: Option<&Expr>,
    ) -> Result<(usize, Option<usize>)> {
        let mut number = |expr: Option<&Expr>, kind: ErrorKind, what: &str| -> Result<Option<usize>> {
            let Some(expr) = expr else { return Ok(None) };
            let lowered = self.expr(&mut Scope::without_plan(), expr)?;
            match literals::int8_of(&lowered)? {
                None => Ok(None),
                Some(value) => usize::try_from(value)
                    .map(Some)
                    .map_err(|_| Error::new(kind, format!("{what} must not be negative"))),
            }
        };
        let fetch = number(count, ErrorKind::InvalidRowCountInLimit, "LIMIT")?;
        let skip = number(offset, ErrorKind::InvalidRowCountInOffset, "OFFSET")?;
        Ok((skip.unwrap_or(0), fetch))
    }
}

/// The columns of each relation that a tree of joins joins.
fn collect_leaves(rel: &Rel, leaves: &mut Vec<BTreeSet<String>>) -> Result<()> {
    match rel {
        Rel::Join { left, right, .. } => {
            collect_leaves(left, leaves)?;
            collect_leaves(right, leaves)
        }
        Rel::Filter { input, .. } => collect_leaves(input, leaves),
        other => {
            leaves.push(columns::of(other)?.iter().map(|c| columns::name(c.col)).collect());
            Ok(())
        }
    }
}

/// Whether a predicate is an equality between two of the joined relations. It is a join key then, and stays one even
/// when computing it can fail: PostgreSQL computes join keys for all rows of a side, too.
fn connects(predicate: &PlanExpr, leaves: &[BTreeSet<String>]) -> bool {
    let PlanExpr::BinaryExpr(equality) = predicate else { return false };
    let leaf_of = |side: &PlanExpr| {
        let used = side.column_refs();
        let inside = |leaf: &BTreeSet<String>| used.iter().all(|column| leaf.contains(&column.name));
        if used.is_empty() { None } else { leaves.iter().position(inside) }
    };
    equality.op == Operator::Eq
        && match (leaf_of(&equality.left), leaf_of(&equality.right)) {
            (Some(left), Some(right)) => left != right,
            _ => false,
        }
}

/// The plan's columns `from` under the names of `to`, and no others.
pub(crate) fn rename(plan: LogicalPlan, from: &[ColRef], to: &[TypedCol]) -> Result<LogicalPlan> {
    let exprs = from.iter().zip(to).map(|(from, to)| columns::reference(*from).alias(columns::name(to.col)));
    build(LogicalPlanBuilder::from(plan).project(exprs))
}

fn empty(columns: &[TypedCol]) -> Result<LogicalPlan> {
    let fields: Vec<Field> =
        columns.iter().map(|c| Field::new(columns::name(c.col), c.ty.form.arrow(), true)).collect();
    let schema = DFSchema::try_from(Schema::new(fields)).map_err(from_datafusion)?;
    Ok(LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(schema) }))
}

pub(crate) fn join_type(kind: JoinKind) -> JoinType {
    match kind {
        JoinKind::Inner => JoinType::Inner,
        JoinKind::Left => JoinType::Left,
        JoinKind::Right => JoinType::Right,
        JoinKind::Full => JoinType::Full,
    }
}

/// The parts of a conjunction.
pub(crate) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::And(parts) => parts.iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

pub(crate) fn contains_subquery(expr: &Expr) -> bool {
    crate::lower::tree::any(expr, &mut |e| matches!(e, Expr::Subquery(_)))
}
