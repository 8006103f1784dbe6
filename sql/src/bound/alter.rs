//! What ALTER TABLE does to a table, action by action.
//!
//! Invariant: an action is bound against the table as those before it leave it.

use super::new_table::{AddedUnique, NewForeignKey};
use super::statement::{OptionChanges, SequenceShape};
use super::{ColRef, Expr, Rel};
use base::id::{ColumnId, Oid, SchemaId, TableId, ViewId};
use catalog::{CheckDef, ColumnDef, ForeignKeyDef, UniqueDef};

#[derive(Clone, Debug, PartialEq)]
pub enum AlterTableAction {
    AddRangePartition {
        at: usize,
        if_not_exists: bool,
        partition: catalog::RangePartition,
    },
    DropRangePartition {
        at: usize,
        if_exists: bool,
        name: String,
    },
    SetOptions(OptionChanges),
    Name {
        schema: SchemaId,
        name: String,
    },
    KeyName(String),
    /// The columns as they are from now on; the same ones.
    Columns(Vec<ColumnDef>),
    /// The checks as they are from now on; new ones have no OID yet, and those without a name none.
    Checks(Vec<CheckDef>),
    /// The unique columns that are left, by what names.
    Unique(Vec<UniqueDef>),
    AddUnique(Box<AddedUnique>),
    /// Unique columns, by their index, to which nothing may refer any more.
    DropKey {
        index: Oid,
        cascade: bool,
    },
    /// The foreign keys that are left, by what names.
    ForeignKeys(Vec<ForeignKeyDef>),
    AddForeignKey(Box<NewForeignKey>),
    /// Rows that are in the way of what was done so far; when there is one, that is the error.
    Probe(Box<Probe>),
    AddColumn(Box<AddedColumn>),
    DropColumn(Box<DroppedColumn>),
    /// With its SQLSTATE.
    Notice(&'static str, String),
}

/// A column that joins those of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct AddedColumn {
    /// With the id that it gets; its own sequence, whose name is not yet known, is not in its default.
    pub column: ColumnDef,
    pub sequence: Option<SequenceShape>,
    pub fill: Fill,
}

/// What the rows that there are get in a new column.
#[derive(Clone, Debug, PartialEq)]
pub enum Fill {
    /// One value, computed once.
    Value(Expr),
    /// Each its own: they are written anew.
    Each,
}

/// A column that leaves its table.
#[derive(Clone, Debug, PartialEq)]
pub struct DroppedColumn {
    pub column: ColumnId,
    /// Generated columns that are computed from it.
    pub generated: Vec<ColumnId>,
    /// Views that read one of them.
    pub views: Vec<(ViewId, ColumnId)>,
    /// Materialized views that do.
    pub materialized: Vec<(TableId, ColumnId)>,
    pub cascade: bool,
}

/// A relation that must yield no row.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    pub rel: Rel,
    pub column: ColRef,
    pub error: ProbeError,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ProbeError {
    /// 23502, for a column.
    Null(String),
    /// 23514, for a check; without a name the one that is made last.
    Check(Option<String>),
}
