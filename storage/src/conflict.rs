//! What becomes of rows whose keys or unique columns are taken.
//!
//! Must not know how that is found out.

use base::id::TableId;
use base::{Error, ErrorKind, Result};

/// What an insert does when a key exists already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InsertMode {
    /// Fail with 23505 and the key.
    Error,
    /// Insert the rows without conflict, report the others.
    Report,
    /// Report conflicts with one table: the table itself, for its primary key, or an index. Others are errors.
    ReportOf(TableId),
}

impl InsertMode {
    /// Whether a conflict of keys in a table or an index is no error.
    pub(crate) fn reports(self, table: TableId) -> bool {
        match self {
            InsertMode::Error => false,
            InsertMode::Report => true,
            InsertMode::ReportOf(only) => only == table,
        }
    }
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

impl Conflict {
    /// Address of the existing row; `Cardinality` for one that the same command wrote.
    pub fn address(&self) -> Result<u64> {
        self.existing.ok_or_else(second_time)
    }
}

#[derive(Clone, Debug, Default)]
pub struct InsertOutcome {
    /// Rows whose keys were new.
    pub inserted: u64,
    pub conflicts: Vec<Conflict>,
}

/// 21000 in PostgreSQL's words.
pub(crate) fn second_time() -> Error {
    Error::new(ErrorKind::Cardinality, "ON CONFLICT DO UPDATE command cannot affect row a second time").with_hint(
        "Ensure that no rows proposed for insertion within the same command have duplicate constrained values.",
    )
}
