//! Foreign keys: columns whose values, where none of them is null, are those of a row of another table or the same.
//!
//! Must not know how that is kept.
//! Invariant: the columns referred to are the primary key or a unique constraint of their table.

use crate::table::TableDef;
use base::id::{ColumnId, Oid, TableId};

/// A foreign key, kept with the table that refers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeyDef {
    /// What clients see as pg_constraint.oid.
    pub oid: Oid,
    pub name: String,
    /// In the order of the constraint.
    pub columns: Vec<ColumnId>,
    /// The table referred to.
    pub table: TableId,
    /// Its columns, one for each of `columns`.
    pub referenced: Vec<ColumnId>,
    pub on_delete: ForeignKeyAction,
    pub on_update: ForeignKeyAction,
    /// Of these columns ON DELETE SET NULL or SET DEFAULT changes the values; empty: of all.
    pub set_columns: Vec<ColumnId>,
    /// MATCH FULL: either all columns are null or none.
    pub full: bool,
}

/// What happens to rows that refer to a key that goes or changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ForeignKeyAction {
    /// There may be none at the end of the statement.
    #[default]
    NoAction,
    /// There may be none.
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

/// What keeps columns unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyOf {
    /// The table itself, for its primary key, or an index.
    pub table: TableId,
    /// What clients see as the index.
    pub index: Oid,
}

impl TableDef {
    /// What keeps some columns unique, in whatever order they are given.
    pub fn key_of(&self, columns: &[ColumnId]) -> Option<KeyOf> {
        let same = |key: &[ColumnId]| {
            !key.is_empty() && key.len() == columns.len() && key.iter().all(|id| columns.contains(id))
        };
        if same(&self.primary_key) {
            return Some(KeyOf { table: self.id, index: Oid(self.oid.0.saturating_add(1)) });
        }
        let unique = self.unique.iter().find(|unique| same(&unique.columns))?;
        Some(KeyOf { table: unique.index, index: unique.oid })
    }

    /// Columns of foreign keys, each once.
    pub fn referring_columns(&self) -> Vec<ColumnId> {
        let mut columns: Vec<ColumnId> = self.foreign_keys.iter().flat_map(|k| &k.columns).copied().collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }
}
