//! Syntax trees of statements. Queries and expressions inside are sqlparser's.
//!
//! Must not know what names mean.
//! Invariants: `at` is a position in characters from 1 in the query string; every field was written by the user or
//! is the documented default of its absence.

use super::definition_ast::{
    AlterDomainSpec, AlterSequenceSpec, AlterTypeSpec, AlterViewSpec, CheckSpec, CloneSpec, CommentSpec,
    CreateDomainSpec, CreateTableAsSpec, CreateTypeSpec, DropSpec, ForeignKeySpec, IndexSpec, KeySpec,
    LikeSpec, MaterializedSpec, RefreshSpec, SequenceOption, SequenceSpec, ViewSpec, Written,
};
use super::function_ast::FunctionAst;
use super::literal_rows::LiteralRows;
use super::statement::ParsedStatement;
use super::target::TargetColumn;
use crate::bound::{ExplainOptions, Isolation, OnCommit};
use sqlparser::ast::{DataType, Expr, Ident, ObjectName, Query, SelectItem, TableWithJoins, With};
use std::sync::Arc;

/// Any statement that is understood.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementAst {
    Query(Box<Query>),
    Insert(Box<InsertSpec>),
    Update(Box<UpdateSpec>),
    Delete(Box<DeleteSpec>),
    Merge(Box<MergeSpec>),
    CreateTable(Box<CreateTableSpec>),
    CreateTableAs(Box<CreateTableAsSpec>),
    CreateSchema {
        name: Ident,
        if_not_exists: bool,
    },
    CreateSequence(Box<SequenceSpec>),
    AlterSequence(Box<AlterSequenceSpec>),
    DropSequence(DropSpec),
    CreateView(Box<ViewSpec>),
    AlterView(Box<AlterViewSpec>),
    DropView(DropSpec),
    CreateMaterialized(Box<MaterializedSpec>),
    DropMaterialized(DropSpec),
    Refresh(RefreshSpec),
    CreateType(Box<CreateTypeSpec>),
    AlterType(Box<AlterTypeSpec>),
    DropType(DropSpec),
    Function(Box<FunctionAst>),
    CreateDomain(Box<CreateDomainSpec>),
    AlterDomain(Box<AlterDomainSpec>),
    DropDomain(DropSpec),
    CreateIndex(Box<IndexSpec>),
    DropIndex(DropSpec),
    DropTable(DropSpec),
    DropSchema(DropSpec),
    Copy(Box<CopySpec>),
    Explain(Box<ExplainSpec>),
    Set(SetSpec),
    Show {
        name: Word,
    },
    ShowAll,
    Reset {
        name: Option<Word>,
    },
    Begin {
        /// Written as START TRANSACTION, which the command tag repeats.
        started: bool,
        read_only: Option<bool>,
        isolation: Option<Isolation>,
    },
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
    Checkpoint,
    Vacuum(VacuumSpec),
    Analyze(AnalyzeSpec),
    Truncate(TruncateSpec),
    AlterTable(Box<AlterTableSpec>),
    UndropTable {
        name: ObjectName,
    },
    CloneTable(Box<CloneSpec>),
    DiscardAll,
    DiscardTemp,
    DiscardSequences,
    Comment(Box<CommentSpec>),
    Prepare(Box<PrepareSpec>),
    Execute(ExecuteSpec),
    /// DEALLOCATE; None for ALL.
    Deallocate {
        name: Option<Ident>,
    },
}

/// A folded name of a setting or option and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    pub text: String,
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct InsertSpec {
    pub with: Option<With>,
    pub table: ObjectName,
    pub alias: Option<Ident>,
    /// Empty: all columns.
    pub columns: Vec<TargetColumn>,
    pub overriding: Option<Overriding>,
    pub source: InsertSource,
    pub on_conflict: Option<ConflictSpec>,
    pub returning: Option<Vec<SelectItem>>,
}

/// What OVERRIDING says of values given for identity columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overriding {
    /// They count, GENERATED ALWAYS or not.
    SystemValue,
    /// They do not count.
    UserValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum InsertSource {
    DefaultValues,
    /// VALUES of nothing but literals.
    Literals(LiteralRows),
    /// VALUES may hold DEFAULT, which the parser leaves as an identifier.
    Query(Box<Query>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct ConflictSpec {
    pub at: usize,
    pub target: Option<ConflictTarget>,
    pub action: ConflictAction,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConflictTarget {
    Columns { at: usize, names: Vec<Ident> },
    Constraint(Ident),
}

#[derive(Clone, Debug, PartialEq)]
pub enum ConflictAction {
    Nothing,
    Update {
        set: Vec<SetClause>,
        filter: Option<Box<Expr>>,
    },
    /// UPSERT: the proposed row takes the place of the one with its key.
    Replace,
}

/// `column = value` or `(column, ..) = value`.
#[derive(Clone, Debug, PartialEq)]
pub struct SetClause {
    pub columns: Vec<TargetColumn>,
    /// Whether the columns stand in parentheses: then the value is a row or a subquery.
    pub tuple: bool,
    pub value: Expr,
    pub value_at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct UpdateSpec {
    pub with: Option<With>,
    pub table: ObjectName,
    pub alias: Option<Ident>,
    pub set: Vec<SetClause>,
    pub from: Vec<TableWithJoins>,
    pub filter: Option<Expr>,
    pub returning: Option<Vec<SelectItem>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct DeleteSpec {
    pub with: Option<With>,
    pub table: ObjectName,
    pub alias: Option<Ident>,
    pub using: Vec<TableWithJoins>,
    pub filter: Option<Expr>,
    pub returning: Option<Vec<SelectItem>>,
}

/// MERGE.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeSpec {
    pub with: Option<With>,
    pub table: ObjectName,
    pub alias: Option<Ident>,
    pub source: TableWithJoins,
    pub on: Expr,
    /// At least one.
    pub whens: Vec<MergeWhen>,
}

/// `WHEN [NOT] MATCHED [AND condition] THEN action`.
#[derive(Clone, Debug, PartialEq)]
pub struct MergeWhen {
    pub matched: bool,
    pub condition: Option<Expr>,
    pub action: MergeAction,
}

#[derive(Clone, Debug, PartialEq)]
pub enum MergeAction {
    Nothing,
    Update(Vec<SetClause>),
    Delete,
    Insert(MergeInsert),
}

#[derive(Clone, Debug, PartialEq)]
pub struct MergeInsert {
    /// Empty: all columns.
    pub columns: Vec<TargetColumn>,
    pub overriding: Option<Overriding>,
    /// None: DEFAULT VALUES.
    pub values: Option<Vec<Expr>>,
}

/// PREPARE.
#[derive(Clone, Debug, PartialEq)]
pub struct PrepareSpec {
    pub name: Ident,
    /// Of the first parameters.
    pub types: Vec<DataType>,
    pub statement: Arc<ParsedStatement>,
}

/// EXECUTE.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecuteSpec {
    pub name: Ident,
    pub args: Vec<Expr>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CreateTableSpec {
    pub name: ObjectName,
    pub if_not_exists: bool,
    pub columns: Vec<ColumnSpec>,
    pub likes: Vec<LikeSpec>,
    /// Of the table, in order; more than one is an error of the binder's. Those at columns are with them.
    pub keys: Vec<KeySpec>,
    pub unique: Vec<KeySpec>,
    /// Those at columns are with them.
    pub foreign_keys: Vec<ForeignKeySpec>,
    pub checks: Vec<CheckSpec>,
    pub partitions: Vec<PartitionLevel>,
    pub options: Vec<TableOption>,
    pub temporary: Option<OnCommit>,
}

/// `name = value` of WITH, SET or RESET.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableOption {
    /// In lower case; with its namespace and a dot in front when it has one.
    pub name: String,
    pub at: usize,
    pub value: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct AlterTableSpec {
    pub name: ObjectName,
    pub if_exists: bool,
    pub actions: Vec<AlterAction>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AlterAction {
    AddRangePartition {
        if_not_exists: bool,
        partition: PartitionSpec,
    },
    DropRangePartition {
        at: usize,
        if_exists: bool,
        name: Ident,
    },
    SetOptions(Vec<TableOption>),
    ResetOptions(Vec<TableOption>),
    Rename(Ident),
    RenameColumn {
        from: Ident,
        to: Ident,
    },
    RenameConstraint {
        from: Ident,
        to: Ident,
    },
    SetSchema(Ident),
    /// None: DROP DEFAULT.
    SetDefault {
        column: Ident,
        value: Option<Written>,
    },
    SetNotNull {
        column: Ident,
        not_null: bool,
    },
    AddCheck(CheckSpec),
    AddUnique(KeySpec),
    AddForeignKey(ForeignKeySpec),
    AddColumn {
        at: usize,
        if_not_exists: bool,
        column: ColumnSpec,
    },
    DropColumn {
        at: usize,
        name: Ident,
        if_exists: bool,
        cascade: bool,
    },
    SetType {
        column: Ident,
        ty: DataType,
        type_at: usize,
    },
    DropConstraint {
        name: Ident,
        if_exists: bool,
        cascade: bool,
    },
}

/// VACUUM; no table means all.
#[derive(Clone, Debug, PartialEq)]
pub struct VacuumSpec {
    pub full: bool,
    pub verbose: bool,
    pub analyze: bool,
    pub tables: Vec<TableTarget>,
}

/// ANALYZE; no table means all.
#[derive(Clone, Debug, PartialEq)]
pub struct AnalyzeSpec {
    pub verbose: bool,
    pub tables: Vec<TableTarget>,
}

/// A table and perhaps some of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct TableTarget {
    pub name: ObjectName,
    pub columns: Vec<Ident>,
    pub columns_at: Option<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TruncateSpec {
    pub tables: Vec<ObjectName>,
    /// RESTART IDENTITY.
    pub restart: bool,
    pub cascade: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    pub name: Ident,
    pub ty: DataType,
    pub type_at: usize,
    pub constraints: Vec<ColumnConstraint>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ColumnConstraint {
    pub name: Option<Ident>,
    pub at: usize,
    pub kind: ColumnConstraintKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum ColumnConstraintKind {
    NotNull,
    Null,
    Default(Written),
    PrimaryKey,
    References(ForeignKeySpec),
    Unique,
    Identity {
        always: bool,
        options: Vec<SequenceOption>,
    },
    /// GENERATED ALWAYS AS (..) STORED.
    Generated(Written),
    Check(Written),
}

#[derive(Clone, Debug, PartialEq)]
pub enum PartitionLevel {
    Hash { at: usize, columns: Vec<Ident>, buckets: u64, buckets_at: usize },
    Range { at: usize, columns: Vec<Ident>, partitions: Vec<PartitionSpec> },
}

/// `PARTITION name VALUES FROM (..) TO (..)`.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionSpec {
    pub name: Ident,
    pub at: usize,
    pub lower: Vec<PartitionBound>,
    pub upper: Vec<PartitionBound>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PartitionBound {
    MinValue { at: usize },
    MaxValue { at: usize },
    Value(Box<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct CopySpec {
    pub source: CopySource,
    pub from: bool,
    /// `None`: the client.
    pub path: Option<String>,
    pub options: Vec<CopyOption>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopySource {
    /// Without columns: all of them.
    Table {
        name: ObjectName,
        columns: Vec<Ident>,
    },
    Query(Box<Query>),
}

/// One option of COPY, the old spellings brought into the new form.
#[derive(Clone, Debug, PartialEq)]
pub struct CopyOption {
    pub name: String,
    pub at: usize,
    pub value: CopyValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CopyValue {
    None,
    /// A word, number or string.
    Text(String),
    Columns(Vec<Ident>),
    /// `*`: all columns.
    AllColumns,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ExplainSpec {
    pub statement: StatementAst,
    pub options: ExplainOptions,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSpec {
    pub name: Word,
    pub local: bool,
    pub value: SetTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetTarget {
    Default,
    Values(Vec<String>),
}
