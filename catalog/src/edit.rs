//! Edits: the only way to change the catalog, and what the log keeps of a change.

use crate::comment::CommentKey;
use crate::function::FunctionDef;
use crate::materialized::MaterializedDef;
use crate::sequence::{Position, SequenceDef};
use crate::state::SchemaDef;
use crate::table::TableDef;
use crate::user_type::UserTypeDef;
use crate::view::ViewDef;
use base::id::{Oid, SchemaId, SequenceId, TableId, ViewId};

/// One change of the catalog. Ids and OIDs inside were minted before, so applying is deterministic.
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogEdit {
    CreateSchema(SchemaDef),
    DropSchema(SchemaId),
    CreateTable(Box<TableDef>),
    DropTable(TableId),
    /// Another definition of a table with the same id: columns, partitions, options, counts, its name. Tablets that it
    /// lacks are detached.
    AlterTable(Box<TableDef>),
    /// With where its counter, which is new or was kept, stands.
    CreateSequence(Box<SequenceDef>, Position),
    /// Another definition of a sequence with the same id; with where its counter stands when that is another one.
    AlterSequence(Box<SequenceDef>, Option<Position>),
    DropSequence(SequenceId),
    CreateView(Box<ViewDef>),
    /// Another definition of a view with the same id.
    AlterView(Box<ViewDef>),
    DropView(ViewId),
    /// Makes a table a materialized view, or says that it is another one.
    Materialize(TableId, Box<MaterializedDef>),
    CreateType(Box<UserTypeDef>),
    /// Another definition of a type with the same OID.
    AlterType(Box<UserTypeDef>),
    DropType(Oid),
    CreateFunction(Box<FunctionDef>),
    /// Another definition of a function with the same OID.
    AlterFunction(Box<FunctionDef>),
    DropFunction(Oid),
    /// Without a text there is no comment any more.
    Comment(CommentKey, Option<String>),
}
