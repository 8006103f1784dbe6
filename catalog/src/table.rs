//! Definitions of tables: columns, primary key, partitioning and the tablets that follow from it.
//!
//! Invariant: a tablet exists for each combination of hash buckets and range partition, and only those.

use crate::foreign_key::ForeignKeyDef;
use crate::unique::UniqueDef;
use base::error::Subject;
use base::id::{ColumnId, Oid, SchemaId, SchemaVersion, TableId, TabletId};
use types::{Datum, SqlType};

/// A table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableDef {
    pub id: TableId,
    /// What clients see as pg_class.oid.
    pub oid: Oid,
    pub schema: SchemaId,
    pub name: String,
    /// Grows with each change of the column list.
    pub schema_version: SchemaVersion,
    /// The columns there are, in order of their ids, which clients see as pg_attribute.attnum.
    pub columns: Vec<ColumnDef>,
    /// The next column's id; an id is not used again when its column is dropped.
    pub next_column: ColumnId,
    /// Columns of the primary key in key order; empty when rows are identified by a hidden row id.
    pub primary_key: Vec<ColumnId>,
    /// Name of the primary key's index and constraint; empty without a key.
    pub primary_key_name: String,
    pub partitioning: Partitioning,
    pub tablets: Vec<TabletDef>,
    pub options: TableOptions,
    /// Distinct values of columns, as ANALYZE counted them. For choosing plans, never for answers.
    pub distinct: Vec<DistinctCount>,
    pub checks: Vec<CheckDef>,
    /// Columns that are unique beside the primary key.
    pub unique: Vec<UniqueDef>,
    pub foreign_keys: Vec<ForeignKeyDef>,
}

/// What `CREATE TABLE .. WITH (..)` and `ALTER TABLE .. SET (..)` choose; None takes the server's setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TableOptions {
    /// How long dead rows stay readable, in microseconds of the server's running time; 0 keeps none.
    pub history_retention_us: Option<u64>,
    /// Bytes of dead rows above which the oldest go before their time.
    pub history_max_bytes: Option<u64>,
    /// Smaller segments for more work when they are written.
    pub compact: bool,
}

/// How many different values a column had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DistinctCount {
    pub column: ColumnId,
    pub values: u64,
}

impl TableDef {
    /// What an error about this table is about.
    pub fn subject(&self, column: Option<&str>, constraint: Option<&str>) -> Subject {
        Subject {
            schema: self.schema,
            table: self.name.clone(),
            column: column.map(str::to_owned),
            constraint: constraint.map(str::to_owned),
        }
    }

    pub fn column(&self, id: ColumnId) -> Option<&ColumnDef> {
        self.columns.iter().find(|c| c.id == id)
    }

    pub fn column_named(&self, name: &str) -> Option<&ColumnDef> {
        self.columns.iter().find(|c| c.name == name)
    }

    /// The table without a column, and without the counts and constraints that are of it.
    pub fn without_column(&self, id: ColumnId) -> Self {
        let mut def = self.clone();
        def.columns.retain(|column| column.id != id);
        def.distinct.retain(|count| count.column != id);
        def.checks.retain(|check| !check.columns.contains(&id));
        def.unique.retain(|unique| !unique.columns.contains(&id));
        let itself = def.id;
        def.foreign_keys.retain(|key| {
            !(key.columns.contains(&id) || key.table == itself && key.referenced.contains(&id))
        });
        def
    }

    /// Position of a column in `columns`.
    pub fn column_index(&self, id: ColumnId) -> Option<usize> {
        self.columns.iter().position(|c| c.id == id)
    }

    /// Whether rows that fit one of two definitions of a table fit the other, and go to the same tablets.
    pub fn takes_rows_of(&self, other: &TableDef) -> bool {
        let expression = |column: &ColumnDef| match column.kind {
            ColumnKind::Generated => column.default.clone(),
            ColumnKind::Plain | ColumnKind::Identity { .. } => None,
        };
        let same = |(a, b): (&ColumnDef, &ColumnDef)| {
            (a.id, a.not_null, a.kind == ColumnKind::Generated)
                == (b.id, b.not_null, b.kind == ColumnKind::Generated)
                && expression(a) == expression(b)
        };
        self.schema_version == other.schema_version
            && self.tablets == other.tablets
            && self.checks == other.checks
            && self.unique.iter().map(|u| u.index).eq(other.unique.iter().map(|u| u.index))
            && self.foreign_keys.iter().map(|k| k.oid).eq(other.foreign_keys.iter().map(|k| k.oid))
            && self.columns.len() == other.columns.len()
            && self.columns.iter().zip(&other.columns).all(same)
    }

    pub fn has_primary_key(&self) -> bool {
        !self.primary_key.is_empty()
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDef {
    pub id: ColumnId,
    pub name: String,
    pub ty: SqlType,
    pub not_null: bool,
    /// Source text of the DEFAULT expression, bound again where it is used; of a generated column its expression.
    /// Sequences stand in it by their OIDs.
    pub default: Option<String>,
    pub kind: ColumnKind,
    /// What rows have that were written before there was the column.
    pub missing: Datum,
}

impl ColumnDef {
    /// What clients see as pg_attribute.attnum.
    pub fn number(&self) -> i16 {
        i16::try_from(self.id.0).unwrap_or(i16::MAX)
    }
}

/// Where a column's values come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ColumnKind {
    /// From statements, else its default.
    #[default]
    Plain,
    /// Its default is the next value of a sequence that belongs to it.
    Identity { always: bool },
    /// Computed from the other columns when a row is written.
    Generated,
}

/// A condition that no row may make false.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDef {
    /// What clients see as pg_constraint.oid.
    pub oid: Oid,
    pub name: String,
    /// Source text of the condition.
    pub text: String,
    /// The columns it names.
    pub columns: Vec<ColumnId>,
}

/// How rows are split into tablets: hash levels times range partitions.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Partitioning {
    pub hash: Vec<HashLevel>,
    pub range: Option<RangeLevel>,
}

/// `HASH (columns) PARTITIONS buckets`.
#[derive(Clone, Debug, PartialEq)]
pub struct HashLevel {
    pub columns: Vec<ColumnId>,
    pub buckets: u32,
}

/// `RANGE (columns) (PARTITION ..)`. Partitions do not overlap and are kept in order of their lower bound.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeLevel {
    pub columns: Vec<ColumnId>,
    pub partitions: Vec<RangePartition>,
}

/// Rows with lower <= columns < upper. An empty bound is open: MINVALUE below, MAXVALUE above.
#[derive(Clone, Debug, PartialEq)]
pub struct RangePartition {
    pub name: String,
    pub lower: Vec<Datum>,
    pub upper: Vec<Datum>,
}

/// One tablet: which rows it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct TabletDef {
    pub id: TabletId,
    /// One bucket per hash level.
    pub buckets: Vec<u32>,
    /// Index into `RangeLevel::partitions`; `None` without a range level.
    pub range: Option<u32>,
}
