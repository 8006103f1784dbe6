//! VACUUM: compaction now, outside of transactions, perhaps with ANALYZE behind it.
//!
//! Invariant: each table is done for itself; what was done stays when a later one fails or the statement is stopped.

use super::analyze::{analyze_alone, targets};
use crate::api::Execution;
use crate::interrupt::Interrupt;
use crate::session::{Block, Core, Prepared};
use base::id::TableId;
use base::{Error, ErrorKind, Result};
use sql::bound::{BoundStatement, Targets};
use std::sync::Arc;
use storage::Database;

/// `last` tells that the statement is the only one of its query string, or the last before Sync.
pub(crate) async fn vacuum(
    core: &mut Core,
    prepared: &Prepared,
    last: bool,
    interrupt: &Interrupt,
) -> Result<Execution> {
    if core.transaction.block() != Block::Idle || !last {
        return Err(Error::new(ErrorKind::ActiveTransaction, "VACUUM cannot run inside a transaction block"));
    }
    core.check_present("VACUUM")?;
    let database = core.engine.database().clone();
    let catalog = Arc::clone(database.snapshot().catalog());
    let (bound, _) = prepared.bound_with(core, &catalog, &[], core.transaction_us())?;
    let BoundStatement::Vacuum { full, verbose, analyze, tables } = bound.statement()? else {
        return Err(Error::internal("VACUUM was bound as another statement"));
    };
    let threads = core.engine.shared.threads.clone();
    for (table, columns) in targets(&catalog, tables) {
        let name = catalog.table(table).map_or_else(String::new, |t| t.name.clone());
        let stored: Vec<TableId> = catalog.table(table).into_iter().flat_map(|t| t.with_indexes()).collect();
        let before = Size::of(&database, &stored)?;
        let stopped = interrupt.clone();
        let stop = Arc::new(move || stopped.check().is_err());
        match tokio::task::block_in_place(|| database.compact(table, *full, stop)) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Cancelled => {
                interrupt.check()?;
                return Err(error);
            }
            Err(error) if error.kind() == ErrorKind::UndefinedTable && *tables == Targets::AllTables => {
                let message = format!("skipping vacuum of \"{name}\" --- relation no longer exists");
                core.notice("WARNING", "42P01", message);
                continue;
            }
            Err(error) => return Err(error),
        }
        if *verbose {
            let after = Size::of(&database, &stored)?;
            core.notice("INFO", "00000", format!("vacuumed \"{name}\": {}", before.told(&after)));
        }
        if *analyze {
            let message = analyze_alone(&database, table, &columns, &threads, interrupt).await?;
            if let Some(message) = message.filter(|_| *verbose) {
                core.notice("INFO", "00000", message);
            }
        }
    }
    core.variables.end_transaction(true);
    Ok(Execution::Command("VACUUM".to_owned()))
}

/// What a table takes, with the indexes that keep its columns unique.
struct Size {
    segments: u64,
    dead_rows: u64,
    bytes: u64,
}

impl Size {
    fn of(database: &Database, stored: &[TableId]) -> Result<Self> {
        let tablets = database.tablets()?.into_iter();
        let tablets = tablets.filter(|t| stored.contains(&t.table) && t.dropped.is_none());
        Ok(tablets.fold(Self { segments: 0, dead_rows: 0, bytes: 0 }, |sum, t| Self {
            segments: sum.segments + t.live_segments,
            dead_rows: sum.dead_rows + t.dead_rows,
            bytes: sum.bytes + t.live_segment_bytes,
        }))
    }

    fn told(&self, after: &Self) -> String {
        format!(
            "segments {} -> {}, dead rows in them {} -> {}, bytes {} -> {}",
            self.segments, after.segments, self.dead_rows, after.dead_rows, self.bytes, after.bytes
        )
    }
}
