//! ANALYZE: counts the different values of columns and keeps the counts with the table's definition.
//!
//! Invariants: a table is read once, as the statement sees it; columns not asked for keep their counts.

use super::sketch::Sketch;
use crate::api::Execution;
use crate::interrupt::Interrupt;
use crate::session::Core;
use crate::threads::QueryThreads;
use base::id::{ColumnId, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState, DistinctCount, TableDef};
use futures::StreamExt;
use sql::bound::Targets;
use std::sync::Arc;
use storage::{Database, ReadView, ScanSpec};
use types::Form;

/// How often the counts of VACUUM (ANALYZE) are stored anew when somebody else changes the catalog meanwhile.
const ATTEMPTS_MAX: u32 = 100;

/// ANALYZE, in the session's transaction.
pub(crate) async fn analyze(
    core: &mut Core,
    tables: &Targets,
    verbose: bool,
    interrupt: &Interrupt,
) -> Result<Execution> {
    let view = core.transaction.current()?.view();
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let threads = core.engine.shared.threads.clone();
    for (table, columns) in targets(&catalog, tables) {
        let Some(def) = catalog.table(table) else { continue };
        let counts = counted(&view, def, &columns, &threads, interrupt).await?;
        if verbose {
            let message = told(def, &counts);
            core.notice("INFO", "00000", message);
        }
        let transaction = core.transaction.current()?;
        let newest =
            transaction.catalog().table(table).map_or_else(|| def.as_ref().clone(), |d| d.as_ref().clone());
        let changed = with_counts(newest, &counts.distinct);
        tokio::task::block_in_place(|| transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(changed))))?;
    }
    Ok(Execution::Command("ANALYZE".to_owned()))
}

/// ANALYZE of one table in a transaction of its own. What it would have said is returned.
pub(super) async fn analyze_alone(
    database: &Database,
    table: TableId,
    columns: &[ColumnId],
    threads: &QueryThreads,
    interrupt: &Interrupt,
) -> Result<Option<String>> {
    let snapshot = database.snapshot_for("ANALYZE");
    let Some(def) = snapshot.catalog().table(table) else { return Ok(None) };
    let counts = counted(&snapshot.view(), def, columns, threads, interrupt).await?;
    let message = told(def, &counts);
    drop(snapshot);
    let mut attempt = 1;
    loop {
        interrupt.check()?;
        let stored = tokio::task::block_in_place(|| store(database, table, &counts.distinct, interrupt));
        match stored {
            Ok(()) => return Ok(Some(message)),
            Err(error) if error.kind() == ErrorKind::LostRace && attempt < ATTEMPTS_MAX => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// `LostRace` after a wait for the transaction that was in the way.
fn store(
    database: &Database,
    table: TableId,
    distinct: &[DistinctCount],
    interrupt: &Interrupt,
) -> Result<()> {
    let mut transaction = database.begin_for("ANALYZE");
    let Some(def) = transaction.catalog().table(table).cloned() else { return Ok(()) };
    let changed = with_counts(def.as_ref().clone(), distinct);
    let edited = transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(changed)));
    let blocker = transaction.blocked_by();
    match (edited, blocker) {
        (Ok(()), _) => transaction.commit().map(drop),
        (Err(lost), None) => Err(lost),
        (Err(lost), Some(blocker)) => {
            transaction.rollback();
            interrupt.wait_for_end(database, blocker)?;
            Err(lost)
        }
    }
}

/// Tables and columns; no columns means all.
pub(super) fn targets(catalog: &CatalogState, targets: &Targets) -> Vec<(TableId, Vec<ColumnId>)> {
    match targets {
        Targets::AllTables => catalog.tables().map(|t| (t.id, Vec::new())).collect(),
        Targets::Tables(tables) => tables.clone(),
    }
}

fn with_counts(mut def: TableDef, distinct: &[DistinctCount]) -> TableDef {
    def.distinct.retain(|old| !distinct.iter().any(|new| new.column == old.column));
    def.distinct.extend(distinct.iter().filter(|new| def.columns.iter().any(|c| c.id == new.column)));
    def.distinct.sort_by_key(|count| count.column);
    def
}

struct Counts {
    rows: u64,
    distinct: Vec<DistinctCount>,
}

fn told(def: &TableDef, counts: &Counts) -> String {
    format!(
        "\"{}\": read {} rows, counted the values of {} columns",
        def.name,
        counts.rows,
        counts.distinct.len()
    )
}

/// Reads the table and counts, among the operators of queries. Columns whose values have no key
/// are left out.
async fn counted(
    view: &ReadView,
    def: &TableDef,
    columns: &[ColumnId],
    threads: &QueryThreads,
    interrupt: &Interrupt,
) -> Result<Counts> {
    let wanted: Vec<(ColumnId, Form)> = def
        .columns
        .iter()
        .filter(|c| columns.is_empty() || columns.contains(&c.id))
        .filter(|c| types::key::can_be_key(&c.ty.form))
        .map(|c| (c.id, c.ty.form.clone()))
        .collect();
    let spec = ScanSpec {
        table: def.id,
        projection: wanted.iter().map(|(id, _)| *id).collect(),
        predicate: None,
        sieve: None,
        row_address: false,
    };
    let view = view.clone();
    let task = threads.spawn_operators(async move { count(&view, &spec, &wanted).await });
    interrupt.guard(async { task.join().await? }).await
}

async fn count(view: &ReadView, spec: &ScanSpec, wanted: &[(ColumnId, Form)]) -> Result<Counts> {
    let scan = view.scan(spec)?;
    let mut sketches: Vec<Sketch> = wanted.iter().map(|_| Sketch::default()).collect();
    let mut rows = 0_u64;
    for split in &scan.splits {
        let mut batches = split.stream();
        while let Some(batch) = batches.next().await {
            let batch = batch?;
            rows = rows.saturating_add(u64::try_from(batch.num_rows()).unwrap_or(u64::MAX));
            for ((array, (_, form)), sketch) in batch.columns().iter().zip(wanted).zip(&mut sketches) {
                let hashes = types::hash_rows(&[(form.clone(), Arc::clone(array))])?;
                for (row, hash) in hashes.into_iter().enumerate() {
                    if !array.is_null(row) {
                        sketch.add(hash);
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }
    if sketches.len() != wanted.len() {
        return Err(Error::internal("a column was not counted"));
    }
    let counts = wanted.iter().zip(&sketches);
    let distinct =
        counts.map(|((column, _), s)| DistinctCount { column: *column, values: s.count() }).collect();
    Ok(Counts { rows, distinct })
}
