//! The bound forms of statements other than queries.
//!
//! Invariant: rows of a statement's source are complete: defaults are filled in and every value has its column's type.

use super::alter::{AlterTableAction, DroppedColumn};
use super::function::FunctionStatement;
use super::new_table::{BoundCreateIndex, NewCheck, NewForeignKey, NewUnique, OnCommit};
use super::write::{BoundDelete, BoundInsert, BoundMerge, BoundModifying, BoundUpdate, RowRules};
use super::{BoundQuery, ColRef, DomainEdit, DomainInput, DomainProbe, Expr, NewType, Rel, TypeEdit};
use crate::parse::ParsedStatement;
use base::id::{ColumnId, CommitTs, Oid, SchemaId, SequenceId, TableId, ViewId};
use catalog::{
    CheckOption, ColumnKind, CommentKey, DomainDef, SequenceDef, SequenceOwner, TableDef, TableOptions,
    ViewColumn, ViewDef,
};
use std::sync::Arc;
use types::SqlType;

/// Any statement.
#[derive(Clone, Debug, PartialEq)]
pub enum BoundStatement {
    Query(BoundQuery),
    Insert(Box<BoundInsert>),
    Update(Box<BoundUpdate>),
    Delete(Box<BoundDelete>),
    Merge(Box<BoundMerge>),
    Modifying(Box<BoundModifying>),
    CreateTable(Box<BoundCreateTable>),
    CreateTableAs(Box<BoundCreateTableAs>),
    CreateSequence(Box<BoundCreateSequence>),
    AlterSequence(Box<BoundAlterSequence>),
    DropSequences {
        sequences: Vec<SequenceId>,
        cascade: bool,
        notices: Vec<String>,
    },
    CreateView(Box<BoundCreateView>),
    AlterView(Box<BoundAlterView>),
    DropViews {
        views: Vec<ViewId>,
        cascade: bool,
        notices: Vec<String>,
    },
    CreateMaterialized(Box<BoundCreateMaterialized>),
    Refresh(Box<BoundRefresh>),
    DropMaterialized {
        tables: Vec<TableId>,
        cascade: bool,
        notices: Vec<String>,
    },
    CreateType {
        schema: SchemaId,
        name: String,
        shape: NewType,
    },
    AlterType {
        ty: Oid,
        edit: TypeEdit,
    },
    CreateDomain {
        schema: SchemaId,
        name: String,
        /// Its checks have no OIDs yet, and perhaps no names.
        domain: Box<DomainDef>,
    },
    AlterDomain {
        domain: Oid,
        edit: DomainEdit,
        probes: Vec<DomainProbe>,
    },
    DropTypes {
        /// What is dropped by name, then the domains that go with it, with what they are over.
        types: Vec<(Oid, Option<Oid>)>,
        /// DROP DOMAIN.
        domains: bool,
        /// What tables lose with them.
        columns: Vec<(TableId, DroppedColumn)>,
        cascade: bool,
        notices: Vec<String>,
    },
    Function(Box<FunctionStatement>),
    DropTables {
        tables: Vec<TableId>,
        cascade: bool,
        notices: Vec<String>,
    },
    CreateIndex(Box<BoundCreateIndex>),
    /// For each table what goes.
    DropIndexes {
        tables: Vec<(TableId, Vec<AlterTableAction>)>,
        notices: Vec<String>,
    },
    CreateSchema {
        name: String,
        if_not_exists: bool,
    },
    DropSchemas {
        /// Domains of other schemas that are over types of these, with what they are over.
        domains: Vec<(Oid, Option<Oid>)>,
        schemas: Vec<SchemaId>,
        /// What other tables lose with the types in them.
        columns: Vec<(TableId, DroppedColumn)>,
        cascade: bool,
        notices: Vec<String>,
    },
    Copy(Box<BoundCopy>),
    Explain {
        statement: Box<BoundStatement>,
        options: ExplainOptions,
    },
    Set {
        name: String,
        value: SettingValue,
        local: bool,
    },
    Show {
        name: String,
    },
    ShowAll,
    Reset {
        name: Option<String>,
    },
    Begin {
        /// Written as START TRANSACTION, which the command tag repeats.
        started: bool,
        read_only: Option<bool>,
        isolation: Option<Isolation>,
    },
    /// SET TRANSACTION for the running transaction; with `session`, SET SESSION CHARACTERISTICS for those to come.
    SetTransaction {
        read_only: Option<bool>,
        isolation: Option<Isolation>,
        session: bool,
    },
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    /// DISCARD ALL, CHECKPOINT and other statements without operands that the session carries out.
    Checkpoint,
    Vacuum {
        full: bool,
        verbose: bool,
        analyze: bool,
        tables: Targets,
    },
    Analyze {
        verbose: bool,
        tables: Targets,
    },
    Truncate {
        tables: Vec<TableId>,
        /// Sequences that belong to the tables begin again.
        restart: bool,
        cascade: bool,
    },
    /// The notices tell of a table that does not exist; then there is none.
    AlterTable {
        /// The words that it began with.
        command: &'static str,
        table: Option<TableId>,
        actions: Vec<AlterTableAction>,
        notices: Vec<String>,
    },
    /// The first of the schemas in which a table of that name can be had back.
    UndropTable {
        schemas: Vec<SchemaId>,
        name: String,
    },
    CloneTable(Box<BoundClone>),
    DiscardAll,
    DiscardTemp,
    DiscardSequences,
    /// Without a key there is nothing but to tell so.
    Comment {
        key: Option<CommentKey>,
        text: Option<String>,
        notice: Option<String>,
    },
    Prepare(Box<BoundPrepare>),
    /// A prepared statement with values for its parameters.
    Execute {
        name: String,
        args: Vec<Expr>,
    },
    /// A statement whose parameters are the values of expressions: what makes use of a prepared one.
    Given {
        args: Vec<Expr>,
        statement: Box<BoundStatement>,
    },
    /// One prepared statement by its name, or all.
    Deallocate {
        name: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SettingValue {
    Default,
    Values(Vec<String>),
}

/// PREPARE.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundPrepare {
    pub name: String,
    /// Of the first parameters.
    pub types: Vec<Oid>,
    pub statement: Arc<ParsedStatement>,
}

/// What EXPLAIN shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExplainOptions {
    pub analyze: bool,
    pub verbose: bool,
    /// None: not said.
    pub costs: Option<bool>,
    /// None: with ANALYZE.
    pub summary: Option<bool>,
    pub json: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct BoundCreateTable {
    pub schema: SchemaId,
    pub name: String,
    pub if_not_exists: bool,
    pub columns: Vec<NewColumn>,
    /// Positions in `columns`.
    pub primary_key: Vec<usize>,
    pub primary_key_name: Option<String>,
    pub hash: Vec<(Vec<usize>, u32)>,
    pub range: Option<(Vec<usize>, Vec<catalog::RangePartition>)>,
    pub options: OptionChanges,
    pub checks: Vec<NewCheck>,
    pub unique: Vec<NewUnique>,
    /// Columns of the table itself have the ids of their places, from 1.
    pub foreign_keys: Vec<NewForeignKey>,
    /// Of a temporary table, whose schema is the session's own.
    pub temporary: Option<OnCommit>,
}

/// CREATE TABLE .. AS: the table, and the rows that it is made with.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCreateTableAs {
    pub create: BoundCreateTable,
    pub source: Rel,
    pub source_columns: Vec<ColRef>,
    pub with_data: bool,
}

/// CREATE MATERIALIZED VIEW: its table, and the query that is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCreateMaterialized {
    pub table: BoundCreateTableAs,
    pub text: String,
    pub uses: Vec<Oid>,
}

/// REFRESH MATERIALIZED VIEW; without data it holds no rows and cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundRefresh {
    pub table: TableId,
    pub source: Rel,
    pub source_columns: Vec<ColRef>,
    pub with_data: bool,
}

/// CREATE TABLE .. CLONE.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundClone {
    pub schema: SchemaId,
    pub name: String,
    pub if_not_exists: bool,
    /// As it is defined at the time that is cloned.
    pub source: Arc<TableDef>,
    /// None: now.
    pub at: Option<CommitTs>,
    pub options: OptionChanges,
}

/// What VACUUM and ANALYZE are about.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    AllTables,
    /// Without columns: all of them.
    Tables(Vec<(TableId, Vec<ColumnId>)>),
}

/// Options that a statement sets or, with `Some(None)`, gives back to the server's settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct OptionChanges {
    pub history_retention_us: Option<Option<u64>>,
    pub history_max_bytes: Option<Option<u64>>,
    pub compact: Option<bool>,
}

impl OptionChanges {
    pub fn applied_to(self, options: TableOptions) -> TableOptions {
        TableOptions {
            history_retention_us: self.history_retention_us.unwrap_or(options.history_retention_us),
            history_max_bytes: self.history_max_bytes.unwrap_or(options.history_max_bytes),
            compact: self.compact.unwrap_or(options.compact),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct NewColumn {
    pub name: String,
    pub ty: SqlType,
    pub not_null: bool,
    /// Its own sequence, whose name is not yet known, is not in it.
    pub default: Option<String>,
    pub kind: ColumnKind,
    /// Of a serial or identity column.
    pub sequence: Option<SequenceShape>,
}

/// CREATE VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCreateView {
    pub schema: SchemaId,
    pub name: String,
    /// The view in whose place it comes.
    pub replaces: Option<ViewId>,
    pub columns: Vec<ViewColumn>,
    pub text: String,
    pub uses: Vec<Oid>,
    pub check: Option<CheckOption>,
}

/// ALTER VIEW: the new definition. Without a view there is nothing but to tell so.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundAlterView {
    pub notices: Vec<String>,
    pub def: Option<ViewDef>,
}

/// CREATE SEQUENCE.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundCreateSequence {
    pub schema: SchemaId,
    pub name: String,
    pub if_not_exists: bool,
    pub shape: SequenceShape,
    pub owner: Option<SequenceOwner>,
}

/// ALTER SEQUENCE: the new definition, and where to go on when that is said. Without a sequence there is nothing but
/// to tell so.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundAlterSequence {
    /// The words that it began with.
    pub command: &'static str,
    pub notices: Vec<String>,
    pub change: Option<(SequenceDef, Option<i64>)>,
}

/// What options decide of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SequenceShape {
    pub ty: Oid,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cache: i64,
    pub cycle: bool,
}

impl SequenceShape {
    pub fn of(def: &SequenceDef) -> Self {
        Self {
            ty: def.ty,
            start: def.start,
            increment: def.increment,
            min: def.min,
            max: def.max,
            cache: def.cache,
            cycle: def.cycle,
        }
    }

    /// Gives a sequence the shape.
    pub fn put(self, def: &mut SequenceDef) {
        let Self { ty, start, increment, min, max, cache, cycle } = self;
        (def.ty, def.start, def.increment) = (ty, start, increment);
        (def.min, def.max, def.cache, def.cycle) = (min, max, cache, cycle);
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct BoundCopy {
    pub direction: CopyDirection,
    pub format: CopyFormat,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyDirection {
    /// Columns of the table that the input holds, by position in the table.
    /// `defaults` has an expression for each column of the table that the input does not hold.
    From {
        table: TableId,
        columns: Vec<usize>,
        /// Those of them that are of domains.
        domains: Vec<DomainInput>,
        defaults: Vec<(usize, Expr)>,
        rules: Option<Box<RowRules>>,
        source: CopyEnd,
    },
    To {
        query: BoundQuery,
        target: CopyEnd,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyEnd {
    Client,
    Path(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyFormat {
    Text(CopyText),
    Csv(CopyText),
    Parquet { compression: ParquetCompression },
}

/// Options of the text and csv formats; single-byte characters as PostgreSQL demands.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyText {
    pub delimiter: u8,
    pub null: String,
    pub header: CopyHeader,
    pub quote: u8,
    pub escape: u8,
    /// Positions in the copied column list.
    pub force_quote: Vec<usize>,
    pub force_not_null: Vec<usize>,
    pub force_null: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyHeader {
    None,
    Skip,
    Match,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParquetCompression {
    Uncompressed,
    Snappy,
    Lz4,
    Zstd,
}
