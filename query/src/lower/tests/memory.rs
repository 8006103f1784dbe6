//! Tables in memory in place of storage, and a way to run SQL text over them.

use crate::lower::{
    Parameters, QueryContext, Sequences, StatementContext, SystemRelations, TableSizes, execute,
};
use crate::optimizer::{QueryLimits, QueryRuntime};
use crate::scan::{OpenedScan, Split, TableReader};
use arrow::array::{ArrayRef, UInt64Array};
use arrow::datatypes::{Field, Schema};
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use base::clock::ManualClock;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, SequenceId, TableId, TabletId};
use base::random::Random;
use base::{Error, Result};
use catalog::{
    CatalogEdit, CatalogState, ColumnDef, ColumnKind, Partitioning, Position, SequenceDef, TableDef,
    TabletDef,
};
use futures::{StreamExt, TryStreamExt};
use sql::binder::BindContext;
use sql::bound::{BoundQuery, BoundStatement};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use storage::{CompareOp, Predicate, ScanMetrics, ScanSpec};
use types::{Datum, IoSettings, SqlType};

const LIMITS: QueryLimits =
    QueryLimits { memory_bytes_max: 256 << 20, partitions: 2, batch_rows: 8_192, spill: None };

/// A database of tables in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    catalog: CatalogState,
    rows: BTreeMap<TableId, Vec<Vec<Datum>>>,
    runtime: Arc<QueryRuntime>,
    threads: tokio::runtime::Runtime,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let threads = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_stack_size(base::limits::STACK_BYTES)
            .enable_time()
            .build()
            .unwrap();
        let runtime = Arc::new(QueryRuntime::new(LIMITS).unwrap());
        Self { catalog: CatalogState::initial(), rows: BTreeMap::new(), runtime, threads }
    }

    /// The same tables under a runtime without our own optimiser rules.
    pub(crate) fn plainly_optimised(self) -> Self {
        Self { runtime: Arc::new(QueryRuntime::plain(LIMITS).unwrap()), ..self }
    }

    /// Adds a table: columns as name and type in SQL, rows as one text per value.
    pub(crate) fn table(&mut self, name: &str, columns: &[(&str, SqlType)], rows: &[&[Option<&str>]]) {
        let id = TableId(self.catalog.next_id());
        let defs: Vec<ColumnDef> = columns
            .iter()
            .enumerate()
            .map(|(index, (name, ty))| ColumnDef {
                id: ColumnId(u32::try_from(index + 1).unwrap()),
                name: (*name).to_owned(),
                ty: ty.clone(),
                not_null: false,
                default: None,
                kind: ColumnKind::Plain,
                missing: Datum::Null,
            })
            .collect();
        let io = IoSettings::default();
        let data = rows
            .iter()
            .map(|row| {
                row.iter()
                    .zip(columns)
                    .map(|(text, (_, ty))| {
                        text.map_or(Datum::Null, |t| types::parse_text(ty, t, &io).unwrap())
                    })
                    .collect()
            })
            .collect();
        self.rows.insert(id, data);
        let def = TableDef {
            id,
            oid: self.catalog.next_oid(),
            schema: SchemaId(1),
            name: name.to_owned(),
            schema_version: SchemaVersion(1),
            next_column: ColumnId(u32::try_from(columns.len() + 1).unwrap()),
            columns: defs,
            primary_key: Vec::new(),
            primary_key_name: String::new(),
            partitioning: Partitioning::default(),
            tablets: vec![TabletDef { id: TabletId(id.0 + 1), buckets: Vec::new(), range: None }],
            options: catalog::TableOptions::default(),
            distinct: Vec::new(),
            checks: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        };
        self.catalog.apply(&CatalogEdit::CreateTable(Box::new(def))).unwrap();
    }

    pub(crate) fn context(&self) -> QueryContext {
        let catalog = Arc::new(self.catalog.clone());
        QueryContext {
            with: crate::lower::WithRows::default(),
            plans: None,
            view: Arc::new(Reader { catalog: Arc::clone(&catalog), rows: self.rows.clone() }),
            statement: Arc::new(StatementContext {
                transaction_us: 1_700_000_000_000_000,
                statement_us: 1_700_000_000_000_001,
                clock: Arc::new(ManualClock::new(1_700_000_000_000_002)),
                random: Arc::new(Random::from_seed(1)),
                user: "postgres".to_owned(),
                database: "postgres".to_owned(),
                search_path: vec!["public".to_owned()],
                io: IoSettings::default(),
                process_id: 7,
                parameters: Arc::new(NoRelations),
                sessions: Arc::default(),
                interrupt: crate::interrupt::Interrupt::default(),
                server_started_us: 0,
                catalog,
                sizes: Arc::new(NoRelations),
                sequences: Arc::new(NoRelations),
            }),
            parameters: Arc::default(),
            system: Arc::new(NoRelations),
            past: Arc::default(),
            read_at: None,
            runtime: Arc::clone(&self.runtime),
        }
    }

    pub(crate) fn bind(&self, text: &str) -> Result<BoundQuery> {
        let path = ["public".to_owned()];
        let context = BindContext::new(text, &self.catalog).with_search_path(&path);
        let statements = sql::parse::parse(text)?;
        let statement = statements.first().ok_or_else(|| Error::internal("no statement"))?;
        match sql::statement::bind_statement(&context, statement)?.statement {
            BoundStatement::Query(query) => Ok(query),
            _ => Err(Error::internal("not a query")),
        }
    }

    /// The rows of a query as text, null as `None`.
    pub(crate) fn try_rows(&self, text: &str) -> Result<Vec<Vec<Option<String>>>> {
        let query = self.bind(text)?;
        let context = self.context();
        let columns: Vec<_> = query.output.iter().map(|c| c.col).collect();
        let batches: Vec<RecordBatch> = self
            .threads
            .block_on(async { execute(&context, &query.rel, &columns).await?.try_collect().await })?;
        let mut rows = Vec::new();
        for batch in &batches {
            for row in 0..batch.num_rows() {
                let mut texts = Vec::new();
                for (column, output) in batch.columns().iter().zip(&query.output) {
                    let datum = types::array::get(&output.ty.form, column, row)?;
                    texts.push(text_of(&output.ty, &datum)?);
                }
                rows.push(texts);
            }
        }
        Ok(rows)
    }

    /// The rows of a query, each as `a|b|c` with `-` for null.
    pub(crate) fn rows(&self, text: &str) -> Vec<String> {
        let rows = self.try_rows(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        let show = |row: Vec<Option<String>>| {
            row.into_iter().map(|v| v.unwrap_or_else(|| "-".to_owned())).collect::<Vec<_>>().join("|")
        };
        rows.into_iter().map(show).collect()
    }

    /// As `rows`, sorted: for queries without ORDER BY.
    pub(crate) fn sorted(&self, text: &str) -> Vec<String> {
        let mut rows = self.rows(text);
        rows.sort();
        rows
    }

    pub(crate) fn explain(&self, text: &str) -> Vec<String> {
        let query = self.bind(text).unwrap();
        let columns: Vec<_> = query.output.iter().map(|c| c.col).collect();
        let context = self.context();
        let shown = crate::explain::Shown { actual_rows: true, estimates: false };
        self.threads.block_on(async {
            let logical = crate::lower::plan_query(&context, &query.rel, &columns).unwrap();
            let plan = crate::lower::physical_plan(&context, &logical).await.unwrap();
            let mut rows = crate::lower::run(&context, Arc::clone(&plan), &columns).unwrap();
            while rows.try_next().await.unwrap().is_some() {}
            let mut lines = Vec::new();
            crate::explain::described(&context, &query.rel, &plan, shown).unwrap().lines(0, &mut lines);
            lines
        })
    }
}

pub(crate) fn text_of(ty: &SqlType, datum: &Datum) -> Result<Option<String>> {
    if datum.is_null() {
        return Ok(None);
    }
    let mut out = String::new();
    types::format_text(ty, datum, &IoSettings::default(), &mut out)?;
    Ok(Some(out))
}

#[derive(Debug)]
struct NoRelations;

impl SystemRelations for NoRelations {
    fn rows(&self, schema: &str, name: &str, _wanted: &[usize]) -> Result<RecordBatch> {
        Err(Error::internal(format!("no rows of {schema}.{name}")))
    }

    fn function_rows(&self, function: Oid, _args: &[Datum]) -> Result<RecordBatch> {
        Err(Error::internal(format!("no rows of {function}")))
    }
}

impl Parameters for NoRelations {
    fn set(&self, _: &str, _: Option<&str>, _: bool) -> Result<String> {
        Err(Error::internal("no parameters here"))
    }

    fn show(&self, _: &str) -> Option<String> {
        None
    }
}

impl Sequences for NoRelations {
    fn next(&self, _: &SequenceDef, _: usize) -> Result<Vec<i64>> {
        Err(Error::internal("no sequences here"))
    }

    fn set(&self, _: &SequenceDef, _: Position) -> Result<()> {
        Err(Error::internal("no sequences here"))
    }

    fn position(&self, _: &SequenceDef) -> Result<Position> {
        Err(Error::internal("no sequences here"))
    }

    fn current(&self, _: SequenceId) -> Option<i64> {
        None
    }

    fn last(&self) -> Option<(SequenceId, i64)> {
        None
    }
}

impl TableSizes for NoRelations {
    fn bytes(&self, _table: TableId) -> Result<u64> {
        Ok(0)
    }

    fn rows(&self, _: TableId) -> Result<u64> {
        Err(Error::internal("no sizes here"))
    }
}

#[derive(Debug)]
struct Reader {
    catalog: Arc<CatalogState>,
    rows: BTreeMap<TableId, Vec<Vec<Datum>>>,
}

impl TableReader for Reader {
    fn changes(&self, _spec: &storage::ChangesSpec) -> Result<storage::Changes> {
        Err(Error::internal("a table in memory has no history"))
    }

    fn open(&self, spec: &ScanSpec) -> Result<OpenedScan> {
        let def = self.catalog.table(spec.table).unwrap();
        let all = self.rows.get(&spec.table).unwrap();
        let kept: Vec<(usize, &Vec<Datum>)> = all
            .iter()
            .enumerate()
            .filter(|(_, row)| spec.predicate.as_ref().is_none_or(|p| holds(p, def, row) == Some(true)))
            .collect();
        let rows: Vec<&Vec<Datum>> = kept.iter().map(|(_, row)| *row).collect();
        let (mut fields, mut arrays) = columns(def, &spec.projection, &rows)?;
        if spec.row_address {
            fields.push(Field::new("row_address", arrow::datatypes::DataType::UInt64, false));
            arrays.push(Arc::new(UInt64Array::from_iter_values(kept.iter().map(|(i, _)| *i as u64))));
        }
        let schema = Arc::new(Schema::new(fields));
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), arrays, &options).unwrap();
        let metrics = Arc::new(ScanMetrics::default());
        metrics.rows_read.store(all.len() as u64, std::sync::atomic::Ordering::Relaxed);
        metrics.rows_output.store(kept.len() as u64, std::sync::atomic::Ordering::Relaxed);
        // Two splits, so that plans have two partitions.
        let half = batch.num_rows() / 2;
        let ids = spec.sieve.as_ref().map(|sieve| sieve.columns()).unwrap_or_default();
        let (fields, arrays) = columns(def, ids, &rows)?;
        let options = RecordBatchOptions::new().with_row_count(Some(kept.len()));
        let read =
            RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options).unwrap();
        let splits = [(0, half), (half, batch.num_rows() - half)].map(|(start, rows)| {
            let (part, read) = (batch.slice(start, rows), read.slice(start, rows));
            let sieve = spec.sieve.clone();
            Split::new(move || {
                let kept = sieve.as_ref().map_or(Ok(None), |sieve| sieve.keep(&read));
                let part = kept.map(|kept| match kept {
                    Some(kept) => arrow::compute::filter_record_batch(&part, &kept).unwrap(),
                    None => part.clone(),
                });
                futures::stream::iter([part]).boxed()
            })
        });
        let splits = splits.into_iter().collect();
        Ok(OpenedScan { schema, splits, metrics, rows_estimate: all.len() as u64 })
    }

    fn live_rows(&self, table: TableId) -> Result<u64> {
        Ok(self.rows.get(&table).unwrap().len() as u64)
    }

    fn rough_bounds(&self, _table: TableId, _column: ColumnId) -> Result<Option<(Datum, Datum)>> {
        Ok(None)
    }
}

/// Columns of rows, named by their ids.
fn columns(def: &TableDef, ids: &[ColumnId], rows: &[&Vec<Datum>]) -> Result<(Vec<Field>, Vec<ArrayRef>)> {
    let mut fields = Vec::new();
    let mut arrays: Vec<ArrayRef> = Vec::new();
    for id in ids {
        let index = def.column_index(*id).unwrap();
        let form = &def.columns[index].ty.form;
        let data: Vec<Datum> = rows.iter().map(|row| row[index].clone()).collect();
        fields.push(Field::new(id.0.to_string(), form.arrow(), true));
        arrays.push(types::array::from_data(form, &data)?);
    }
    Ok((fields, arrays))
}

/// A predicate of storage's on a row, three-valued.
fn holds(predicate: &Predicate, def: &TableDef, row: &[Datum]) -> Option<bool> {
    let value = |column: ColumnId| &row[def.column_index(column).unwrap()];
    match predicate {
        Predicate::Compare { column, op, value: constant } => {
            let value = value(*column);
            if value.is_null() {
                return None;
            }
            let order = key(value).cmp(&key(constant));
            Some(match op {
                CompareOp::Equal => order == Ordering::Equal,
                CompareOp::NotEqual => order != Ordering::Equal,
                CompareOp::Less => order == Ordering::Less,
                CompareOp::LessOrEqual => order != Ordering::Greater,
                CompareOp::Greater => order == Ordering::Greater,
                CompareOp::GreaterOrEqual => order != Ordering::Less,
            })
        }
        Predicate::In { column, values } => {
            let value = value(*column);
            if value.is_null() { None } else { Some(values.iter().any(|v| key(v) == key(value))) }
        }
        Predicate::IsNull { column } => Some(value(*column).is_null()),
        Predicate::IsNotNull { column } => Some(!value(*column).is_null()),
        Predicate::And(parts) => {
            let all: Vec<_> = parts.iter().map(|p| holds(p, def, row)).collect();
            if all.contains(&Some(false)) {
                Some(false)
            } else if all.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Predicate::Or(parts) => {
            let all: Vec<_> = parts.iter().map(|p| holds(p, def, row)).collect();
            if all.contains(&Some(true)) {
                Some(true)
            } else if all.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        Predicate::Not(inner) => holds(inner, def, row).map(|v| !v),
    }
}

fn key(datum: &Datum) -> Vec<u8> {
    crate::kernel::list::key_bytes(std::slice::from_ref(datum))
}

/// A type by OID.
pub(crate) fn ty(oid: u32) -> SqlType {
    SqlType::of(Oid(oid)).unwrap()
}
