//! Unique constraints and indexes: each is kept by an index, a table of its own whose key is the columns that are unique.
//!
//! Must not know how entries are written.
//! Invariants: an index follows from its table alone, so that nothing of it is defined twice; an index is called as its key
//! is, which no other table is.

use crate::partitions::tablets;
use crate::table::{ColumnDef, ColumnKind, Partitioning, TableDef};
use base::Result;
use base::id::{ColumnId, Oid, SchemaVersion, TableId};

/// Columns whose values together no two rows may have; rows with a null among them have no entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniqueDef {
    /// The index; its only tablet has the next id.
    pub index: TableId,
    /// What clients see as the index in pg_class; the constraint's is the next one.
    pub oid: Oid,
    pub name: String,
    /// In the order of the constraint.
    pub columns: Vec<ColumnId>,
    /// Whether it is a constraint, or an index alone.
    pub constraint: bool,
}

impl UniqueDef {
    /// What clients see as pg_constraint.oid, if it is a constraint.
    pub fn constraint_oid(&self) -> Oid {
        Oid(self.oid.0.saturating_add(1))
    }
}

impl TableDef {
    /// Whether it is an index, which no statement can name.
    pub fn is_index(&self) -> bool {
        self.has_primary_key() && self.primary_key_name == self.name
    }

    /// The table and the indexes that keep its columns unique.
    pub fn with_indexes(&self) -> impl Iterator<Item = TableId> {
        std::iter::once(self.id).chain(self.unique.iter().map(|unique| unique.index))
    }

    /// The last id that it or a part of it has.
    pub fn last_id(&self) -> u64 {
        let tablets = self.tablets.iter().map(|tablet| tablet.id.0);
        let indexes = self.unique.iter().map(|unique| unique.index.0.saturating_add(1));
        tablets.chain(indexes).fold(self.id.0, u64::max)
    }

    /// The last OID that it or a part of it has; its key has the two behind its own.
    pub fn last_oid(&self) -> Oid {
        let checks = self.checks.iter().map(|check| check.oid);
        let indexes = self.unique.iter().map(|unique| Oid(unique.oid.0.saturating_add(2)));
        let foreign = self.foreign_keys.iter().map(|key| key.oid);
        checks.chain(indexes).chain(foreign).fold(Oid(self.oid.0.saturating_add(2)), Oid::max)
    }

    /// The index that keeps columns unique: they are its key, and the table's own key says whose entry it is.
    pub fn index(&self, unique: &UniqueDef) -> Result<TableDef> {
        let others = self.primary_key.iter().filter(|id| !unique.columns.contains(id));
        let kept: Vec<ColumnId> = unique.columns.iter().chain(others).copied().collect();
        let last = kept.iter().copied().max().unwrap_or(ColumnId(0));
        let columns = self.columns.iter().filter(|column| kept.contains(&column.id));
        let columns = columns.map(|column| ColumnDef {
            not_null: true,
            default: None,
            kind: ColumnKind::Plain,
            ..column.clone()
        });
        Ok(TableDef {
            id: unique.index,
            oid: unique.oid,
            schema: self.schema,
            name: unique.name.clone(),
            schema_version: SchemaVersion(1),
            columns: columns.collect(),
            next_column: ColumnId(last.0.saturating_add(1)),
            primary_key: unique.columns.clone(),
            primary_key_name: unique.name.clone(),
            partitioning: Partitioning::default(),
            tablets: tablets(&Partitioning::default(), unique.index.0.saturating_add(1))?,
            options: self.options,
            distinct: Vec::new(),
            checks: Vec::new(),
            unique: Vec::new(),
            foreign_keys: Vec::new(),
        })
    }
}
