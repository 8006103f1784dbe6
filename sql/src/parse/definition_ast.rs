//! Syntax trees of what defines sequences, views and parts of tables. Queries and expressions inside are sqlparser's.
//!
//! Must not know what names mean.
//! Invariants: those of `ast`.

use super::ast::{AlterAction, ColumnConstraint, ExecuteSpec, TableOption};
use super::function_ast::FunctionName;
use crate::bound::OnCommit;
use catalog::{CheckOption, ForeignKeyAction, Neighbour};
use sqlparser::ast::{DataType, Expr, Ident, ObjectName, Query};

/// An expression that is kept as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub expr: Box<Expr>,
    pub text: String,
    /// Where the text begins.
    pub at: usize,
}

/// CREATE SEQUENCE.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceSpec {
    pub name: ObjectName,
    pub if_not_exists: bool,
    pub options: Vec<SequenceOption>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SequenceOption {
    pub at: usize,
    pub kind: SequenceOptionKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SequenceOptionKind {
    Type(DataType),
    Increment(i64),
    /// None: NO MINVALUE.
    Min(Option<i64>),
    Max(Option<i64>),
    Start(i64),
    Restart(Option<i64>),
    Cache(i64),
    Cycle(bool),
    /// Table and column; None: NONE.
    OwnedBy(Option<ObjectName>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct AlterSequenceSpec {
    pub name: ObjectName,
    pub if_exists: bool,
    pub change: SequenceChange,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SequenceChange {
    Options(Vec<SequenceOption>),
    Rename(Ident),
    SetSchema(Ident),
}

/// ALTER [MATERIALIZED] VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterViewSpec {
    pub name: ObjectName,
    pub materialized: bool,
    pub if_exists: bool,
    /// Another name, schema or name of a column.
    pub action: AlterAction,
}

/// CREATE [OR REPLACE] VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct ViewSpec {
    pub name: ObjectName,
    pub or_replace: bool,
    /// Names for the first columns.
    pub columns: Vec<Ident>,
    pub query: Box<Query>,
    pub text: String,
    /// Where the text begins.
    pub at: usize,
    pub check: Option<CheckOption>,
}

/// `[CONSTRAINT name] FOREIGN KEY (columns) REFERENCES table ..`, or what a column says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ForeignKeySpec {
    pub name: Option<Ident>,
    pub at: usize,
    pub columns: Vec<Ident>,
    pub table: ObjectName,
    /// Empty: its primary key.
    pub referenced: Vec<Ident>,
    pub on_delete: ForeignKeyAction,
    pub on_update: ForeignKeyAction,
    /// What ON DELETE SET sets; empty: all columns.
    pub set_columns: Vec<Ident>,
    /// MATCH FULL.
    pub full: bool,
}

/// `[CONSTRAINT name] CHECK (condition)`.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckSpec {
    pub name: Option<Ident>,
    pub at: usize,
    pub condition: Written,
}

/// `LIKE table [INCLUDING ..]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LikeSpec {
    /// How many columns stand before it.
    pub behind: usize,
    pub table: ObjectName,
    pub including: Including,
}

/// What a table takes over beside names, types and NOT NULL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Including {
    pub defaults: bool,
    pub constraints: bool,
    pub generated: bool,
    pub identity: bool,
    pub indexes: bool,
}

/// CREATE TABLE .. AS query.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateTableAsSpec {
    pub name: ObjectName,
    pub if_not_exists: bool,
    /// Names for the first columns.
    pub columns: Vec<Ident>,
    pub options: Vec<TableOption>,
    pub source: RowsSource,
    pub with_data: bool,
    pub temporary: Option<OnCommit>,
}

/// COMMENT ON .. IS ..; None: there is to be none.
#[derive(Clone, Debug, PartialEq)]
pub struct CommentSpec {
    pub target: CommentTarget,
    pub text: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum CommentTarget {
    Relation { kind: RelationKind, name: ObjectName },
    Column(Vec<Ident>),
    Schema(Ident),
    Database(Ident),
    Constraint { name: Ident, table: ObjectName },
    DomainConstraint { name: Ident, domain: ObjectName },
    Type(ObjectName),
    Function(Box<FunctionName>),
    Domain(ObjectName),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    Table,
    View,
    MaterializedView,
    Sequence,
    Index,
}

/// CREATE MATERIALIZED VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct MaterializedSpec {
    pub table: CreateTableAsSpec,
    /// Of the query.
    pub text: String,
    /// Where the text begins.
    pub at: usize,
}

/// REFRESH MATERIALIZED VIEW.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshSpec {
    pub name: ObjectName,
    pub concurrently: bool,
    pub with_data: bool,
}

/// CREATE TYPE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTypeSpec {
    pub name: ObjectName,
    pub shape: TypeSpec,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeSpec {
    /// Its labels.
    Enum(Vec<String>),
    Composite(Vec<AttributeSpec>),
}

/// An attribute of a composite type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeSpec {
    pub name: Ident,
    pub ty: DataType,
    pub type_at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeChange {
    Add(AttributeSpec),
    Drop { name: Ident, if_exists: bool },
    SetType(AttributeSpec),
}

/// ALTER TYPE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlterTypeSpec {
    pub name: ObjectName,
    pub change: TypeChange,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeChange {
    AddValue {
        label: String,
        if_not_exists: bool,
        place: Neighbour,
    },
    RenameValue {
        from: String,
        to: String,
    },
    RenameAttribute {
        from: Ident,
        to: Ident,
    },
    /// In the order in which they are made.
    Attributes(Vec<AttributeChange>),
    Rename(Ident),
    SetSchema(Ident),
}

/// CREATE DOMAIN.
#[derive(Clone, Debug, PartialEq)]
pub struct CreateDomainSpec {
    pub name: ObjectName,
    pub ty: DataType,
    pub type_at: usize,
    /// NULL, NOT NULL, DEFAULT and CHECK.
    pub constraints: Vec<ColumnConstraint>,
}

/// ALTER DOMAIN.
#[derive(Clone, Debug, PartialEq)]
pub struct AlterDomainSpec {
    pub name: ObjectName,
    pub change: DomainChange,
}

#[derive(Clone, Debug, PartialEq)]
pub enum DomainChange {
    /// SET or DROP DEFAULT.
    Default(Option<Written>),
    /// SET or DROP NOT NULL.
    NotNull(bool),
    AddCheck {
        check: CheckSpec,
        not_valid: bool,
    },
    DropConstraint {
        name: Ident,
        if_exists: bool,
    },
    RenameConstraint {
        from: Ident,
        to: Ident,
    },
    Validate(Ident),
    Rename(Ident),
    SetSchema(Ident),
}

/// Where the rows of a new table come from.
#[derive(Clone, Debug, PartialEq)]
pub enum RowsSource {
    Query(Box<Query>),
    Execute(ExecuteSpec),
}

/// `[CONSTRAINT name] PRIMARY KEY (columns)` or `UNIQUE (columns)`.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySpec {
    pub name: Option<Ident>,
    pub at: usize,
    pub columns: Vec<Ident>,
}

/// CREATE UNIQUE INDEX.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexSpec {
    pub name: Option<Ident>,
    pub if_not_exists: bool,
    pub table: ObjectName,
    pub at: usize,
    pub columns: Vec<Ident>,
}

/// CREATE TABLE .. CLONE.
#[derive(Clone, Debug, PartialEq)]
pub struct CloneSpec {
    pub name: ObjectName,
    pub if_not_exists: bool,
    pub source: ObjectName,
    /// AS OF.
    pub at: Option<Box<Expr>>,
    pub options: Vec<TableOption>,
}

/// DROP of one kind of object.
#[derive(Clone, Debug, PartialEq)]
pub struct DropSpec {
    pub names: Vec<ObjectName>,
    pub if_exists: bool,
    pub cascade: bool,
}
