//! Edits: the only way to change the catalog, and what the log keeps of a change.

use crate::state::SchemaDef;
use crate::table::TableDef;
use base::id::{SchemaId, TableId};

/// One change of the catalog. Ids and OIDs inside were minted before, so applying is deterministic.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogEdit {
    CreateSchema(SchemaDef),
    DropSchema(SchemaId),
    CreateTable(Box<TableDef>),
    DropTable(TableId),
    /// Another definition of a table with the same id: partitions added or dropped, options, counts. Tablets that it
    /// lacks are detached.
    AlterTable(Box<TableDef>),
}
