//! What tables are made with beside their columns.

use super::{ColRef, Rel};
use base::id::{ColumnId, TableId};
use catalog::ForeignKeyAction;

/// A condition on the rows of a new table.
#[derive(Clone, Debug, PartialEq)]
pub struct NewCheck {
    pub name: Option<String>,
    pub text: String,
    /// Positions of the columns it names.
    pub columns: Vec<usize>,
}

/// Columns of a new table that are to be unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewUnique {
    pub name: Option<String>,
    /// Positions among the table's columns, in the order of the constraint.
    pub columns: Vec<usize>,
}

/// A foreign key of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewForeignKey {
    pub name: Option<String>,
    pub columns: Vec<ColumnId>,
    /// None: the table itself.
    pub table: Option<TableId>,
    pub referenced: Vec<ColumnId>,
    pub on_delete: ForeignKeyAction,
    pub on_update: ForeignKeyAction,
    pub set_columns: Vec<ColumnId>,
    pub full: bool,
}

/// What becomes of a temporary table when the transaction commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnCommit {
    PreserveRows,
    DeleteRows,
    Drop,
}

/// CREATE UNIQUE INDEX.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCreateIndex {
    pub table: TableId,
    pub if_not_exists: bool,
    pub added: AddedUnique,
}

/// Columns of a table that is there which become unique.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedUnique {
    pub name: Option<String>,
    pub columns: Vec<ColumnId>,
    /// Whether it is a constraint, or an index alone.
    pub constraint: bool,
    /// The table's rows.
    pub rows: Rel,
    /// What an entry has of a row: the unique columns and the primary key, in table order.
    pub entries: Vec<ColRef>,
}
