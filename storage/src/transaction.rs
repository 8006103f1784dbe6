//! Transactions: a snapshot, private writes, key locks and the commit.
//!
//! Blocking calls: run them on threads that may block. Rows given are whole rows: all columns in table order.

use crate::scan::ReadView;
use arrow::record_batch::RecordBatch;
use base::Result;
use base::id::{CommitTs, TableId};
use catalog::{CatalogEdit, CatalogState};
use std::sync::Arc;

/// What an insert does when a key exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertMode {
    /// Fail with 23505 and the key.
    Error,
    /// Insert the rows without conflict, report the others.
    Report,
}

/// A proposed row whose key exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Row of the batch given.
    pub row: usize,
    /// Address of the existing row in the transaction's current `ReadView`; None when the key stands twice in
    /// the batch itself or was written by this very command.
    pub existing: Option<u64>,
}

#[derive(Clone, Debug, Default)]
pub struct InsertOutcome {
    pub inserted: u64,
    pub conflicts: Vec<Conflict>,
}

/// A transaction. Dropping it without `commit` rolls back.
#[derive(Debug)]
pub struct Transaction {}

impl Transaction {
    /// The catalog with this transaction's own edits.
    pub fn catalog(&self) -> &Arc<CatalogState> {
        todo!()
    }
    /// READ COMMITTED: the next command reads the newest committed state (own writes stay visible).
    pub fn refresh(&mut self) {
        todo!()
    }
    /// Starts a command: what earlier commands wrote becomes visible to `view`.
    pub fn begin_command(&mut self) {
        todo!()
    }
    /// What the current command reads: the snapshot and the writes of earlier commands.
    pub fn view(&self) -> ReadView {
        todo!()
    }
    pub fn edit_catalog(&mut self, _edit: CatalogEdit) -> Result<()> {
        todo!()
    }
    /// Inserts rows: 23502 for null in NOT NULL, 23514 outside every range, 23505 per `mode`,
    /// `LostRace` when another transaction holds or won a key.
    pub fn insert(&mut self, _table: TableId, _rows: &RecordBatch, _mode: InsertMode) -> Result<InsertOutcome> {
        todo!()
    }
    /// Replaces the rows at `addresses` (of the current view) by `rows`. A changed key moves the row.
    /// `InvalidParameterValue` never; a row addressed twice is `Cardinality`.
    pub fn update(&mut self, _table: TableId, _addresses: &[u64], _rows: &RecordBatch) -> Result<()> {
        todo!()
    }
    /// Deletes the rows at `addresses` (of the current view). Returns how many.
    pub fn delete(&mut self, _table: TableId, _addresses: &[u64]) -> Result<u64> {
        todo!()
    }
    /// Whole rows at `addresses` of the current view, in that order.
    pub fn fetch(&self, _table: TableId, _addresses: &[u64]) -> Result<RecordBatch> {
        todo!()
    }
    /// A place to undo to.
    pub fn has_writes(&self) -> bool {
        todo!()
    }
    /// Makes everything durable, then visible. `CommitUnknown` when a sync failed.
    pub fn commit(self) -> Result<CommitTs> {
        todo!()
    }
    pub fn rollback(self) {
        todo!()
    }
}
