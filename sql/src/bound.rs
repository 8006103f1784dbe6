//! The bound tree: what a statement means, with every name, type, function and cast resolved.
//!
//! Invariants: a `ColRef` is produced by exactly one place of a statement; an expression's type is
//! final (no node relies on a later coercion); an `Outer` column belongs to an enclosing query.

mod alter;
mod domain;
mod function;
mod new_table;
pub mod outline;
mod statement;
mod subquery;
mod user_type;
pub mod walk;
mod window;
mod write;

pub use alter::{AddedColumn, AlterTableAction, DroppedColumn, Fill, Probe, ProbeError};
pub use domain::{DomainEdit, DomainInput, DomainProbe, DomainRules};
pub use function::FunctionStatement;
pub use new_table::{AddedUnique, BoundCreateIndex, NewCheck, NewForeignKey, NewUnique, OnCommit};
pub use statement::{
    BoundAlterSequence, BoundAlterView, BoundClone, BoundCopy, BoundCreateMaterialized, BoundCreateSequence,
    BoundCreateTable, BoundCreateTableAs, BoundCreateView, BoundPrepare, BoundRefresh, BoundStatement,
    CopyDirection, CopyEnd, CopyFormat, CopyHeader, CopyText, ExplainOptions, Isolation, NewColumn,
    OptionChanges, ParquetCompression, SequenceShape, SettingValue, Targets,
};
pub use subquery::{Quantifier, Subquery, SubqueryKind};
pub use user_type::{NewType, TypeEdit};
pub use window::{FrameBound, FrameExclude, FrameUnit, WindowCall, WindowFrame};
pub use write::{
    Arbiter, BoundDelete, BoundInsert, BoundMerge, BoundModifying, BoundUpdate, ConflictUpdate, MergeKind,
    OnConflict, Returning, RowCheck, RowRules, WithPart, WithWork,
};

use base::id::{ColumnId, CommitTs, Oid, TableId};
use std::sync::Arc;
use types::array::Chunk;
use types::{Datum, SqlType};

/// A column of an intermediate result, unique within one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColRef(pub u32);

/// A common table expression of one statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CteId(pub u32);

/// A column of an intermediate result and its type.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedCol {
    pub col: ColRef,
    pub ty: SqlType,
}

/// A column of the final result as the client is told of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputColumn {
    pub name: String,
    pub ty: SqlType,
    pub col: ColRef,
    /// Table OID and attnum when the column is a plain column of a table; else (0, 0).
    pub table_oid: Oid,
    pub attnum: i16,
}

/// A statement that yields rows.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundQuery {
    pub rel: Rel,
    /// In order; names may repeat.
    pub output: Vec<OutputColumn>,
}

/// A relation.
#[derive(Clone, Debug, PartialEq)]
pub enum Rel {
    /// One row without columns.
    Unit,
    /// No rows; the columns are typed.
    Empty {
        columns: Vec<TypedCol>,
    },
    Scan(TableScan),
    System(SystemScan),
    Changes(ChangesScan),
    Values {
        rows: Vec<Vec<Expr>>,
        columns: Vec<TypedCol>,
    },
    /// Rows of constants, column by column.
    Constants {
        chunks: Vec<Chunk>,
        columns: Vec<TypedCol>,
    },
    /// A set-returning function in FROM; `proc` is its pg_proc OID. With several columns the function of each argument
    /// stands beside the others, and the shorter ones end in nulls.
    Function {
        proc: Oid,
        args: Vec<Expr>,
        columns: Vec<TypedCol>,
    },
    /// Yields exactly the items.
    Project {
        input: Box<Rel>,
        items: Vec<(Expr, ColRef)>,
    },
    Filter {
        input: Box<Rel>,
        predicate: Expr,
    },
    /// `on` is None for a cross join.
    Join {
        kind: JoinKind,
        left: Box<Rel>,
        right: Box<Rel>,
        on: Option<Expr>,
        lateral: bool,
    },
    /// Yields group columns, then aggregates. No group means one row.
    Aggregate {
        input: Box<Rel>,
        group: Vec<(Expr, ColRef)>,
        aggregates: Vec<(AggregateCall, ColRef)>,
    },
    /// The groups of several grouping sets, one after the other: `sets[i]` holds places in `group`; the keys that are
    /// not of a row's set are null. Yields `set` (the place of the row's set, int8), group columns, then aggregates.
    /// A set without keys has one row, whatever the input.
    GroupingSets {
        input: Box<Rel>,
        set: ColRef,
        sets: Vec<Vec<usize>>,
        group: Vec<(Expr, ColRef)>,
        aggregates: Vec<(AggregateCall, ColRef)>,
    },
    /// Set-returning functions side by side: each row of the input with each row that they have for it; the shorter
    /// ones are filled up with null. Yields the input's columns, those of the calls, then the number of the row among
    /// those of its input row, from 1.
    ProjectSet {
        input: Box<Rel>,
        calls: Vec<SetCall>,
        ordinality: Option<ColRef>,
    },
    /// Yields the input's columns, then the calls.
    Window {
        input: Box<Rel>,
        calls: Vec<(WindowCall, ColRef)>,
    },
    Distinct {
        input: Box<Rel>,
    },
    /// Both sides yield columns of the same types; `left_columns[i]` and `right_columns[i]` become `columns[i]`.
    SetOp {
        op: SetOp,
        all: bool,
        left: Box<Rel>,
        right: Box<Rel>,
        left_columns: Vec<ColRef>,
        right_columns: Vec<ColRef>,
        columns: Vec<TypedCol>,
    },
    Sort {
        input: Box<Rel>,
        keys: Vec<SortKey>,
    },
    /// Both are of type int8 and hold no columns; NULL means no limit. With `ties` (the keys that the input is sorted
    /// by) the rows that are equal to the last one by them are there, too.
    Limit {
        input: Box<Rel>,
        count: Option<Expr>,
        offset: Option<Expr>,
        ties: Vec<SortKey>,
    },
    With {
        ctes: Vec<Cte>,
        body: Box<Rel>,
    },
    /// A use of a CTE: `columns[i]` renames the CTE's i-th column.
    CteRef {
        cte: CteId,
        columns: Vec<TypedCol>,
    },
    /// The rows of `start`, then those that `step` has for the rows found last, until it has none. `step` uses the
    /// latter as the CTE `working`. Unless `all`, a row that was there before is not found again.
    Recursive {
        working: CteId,
        all: bool,
        start: Box<Rel>,
        step: Box<Rel>,
        start_columns: Vec<ColRef>,
        step_columns: Vec<ColRef>,
        columns: Vec<TypedCol>,
    },
}

/// A call of a set-returning function; `proc` is its pg_proc OID.
#[derive(Clone, Debug, PartialEq)]
pub struct SetCall {
    pub proc: Oid,
    pub args: Vec<Expr>,
    pub columns: Vec<TypedCol>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cte {
    pub id: CteId,
    pub rel: Rel,
    pub columns: Vec<TypedCol>,
    /// It is computed once, whoever uses it.
    pub once: bool,
}

/// A scan of a table of the user.
#[derive(Clone, Debug, PartialEq)]
pub struct TableScan {
    pub table: TableId,
    pub columns: Vec<(ColumnId, TypedCol)>,
    /// Filled for UPDATE and DELETE: the row's address, an unsigned 64-bit number opaque above storage.
    pub row_address: Option<ColRef>,
    /// Name in messages and EXPLAIN.
    pub alias: String,
    /// The time it is read at, when that is not the statement's.
    pub as_of: Option<CommitTs>,
}

/// What changed in a table between two times.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangesScan {
    pub table: TableId,
    /// Name in messages and EXPLAIN.
    pub alias: String,
    /// Commits after this one ..
    pub after: CommitTs,
    /// .. up to and with this one, whose catalog gives the columns.
    pub until: CommitTs,
    pub old_images: bool,
    pub columns: Vec<(ChangeColumn, TypedCol)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeColumn {
    Stored(ColumnId),
    Operation,
    CommitTs,
}

/// A scan of a relation of pg_catalog or information_schema.
#[derive(Clone, Debug, PartialEq)]
pub struct SystemScan {
    /// Schema and name, for example ("pg_catalog", "pg_class"). The column behind the relation's last one is its OID.
    pub schema: &'static str,
    pub name: &'static str,
    /// Position in the relation's column list.
    pub columns: Vec<(usize, TypedCol)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetOp {
    Union,
    Intersect,
    Except,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    pub expr: Expr,
    pub descending: bool,
    pub nulls_first: bool,
}

/// An aggregate, named by its pg_proc OID.
#[derive(Clone, Debug, PartialEq)]
pub struct AggregateCall {
    pub proc: Oid,
    /// Empty for count(*).
    pub args: Vec<Expr>,
    pub distinct: bool,
    pub order_by: Vec<SortKey>,
    pub filter: Option<Box<Expr>>,
    pub ty: SqlType,
}

/// Stands in `Expr::Call` for the condition of TABLESAMPLE .. REPEATABLE, which SQL cannot name: the part of the rows,
/// the seed (both float8), and what tells the rows apart.
pub const IS_SAMPLED: Oid = Oid(3);

/// A scalar expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Column(TypedCol),
    /// A column of an enclosing query.
    Outer(TypedCol),
    Const(Datum, SqlType),
    /// A parameter, counted from 1.
    Param {
        index: usize,
        ty: SqlType,
    },
    /// A function or operator, named by its pg_proc OID (for an operator: its oprcode). Strict or not as pg_proc says.
    Call {
        proc: Oid,
        args: Vec<Expr>,
        ty: SqlType,
    },
    /// A change of type or modifier.
    Cast {
        how: CastHow,
        arg: Box<Expr>,
        ty: SqlType,
    },
    /// All of them, three-valued.
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Not(Box<Expr>),
    IsNull {
        arg: Box<Expr>,
        negated: bool,
    },
    /// IS [NOT] TRUE, FALSE, UNKNOWN: `value` None is UNKNOWN.
    IsBool {
        arg: Box<Expr>,
        value: Option<bool>,
        negated: bool,
    },
    /// IS [NOT] DISTINCT FROM over `equal`, the pg_proc OID of the equality.
    IsDistinct {
        equal: Oid,
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    /// Searched CASE; a simple CASE was turned into comparisons.
    Case {
        whens: Vec<(Expr, Expr)>,
        otherwise: Option<Box<Expr>>,
        ty: SqlType,
    },
    Coalesce {
        args: Vec<Expr>,
        ty: SqlType,
    },
    NullIf {
        equal: Oid,
        left: Box<Expr>,
        right: Box<Expr>,
        ty: SqlType,
    },
    /// GREATEST or LEAST; `less` is the pg_proc OID of `<`.
    Extreme {
        greatest: bool,
        less: Oid,
        args: Vec<Expr>,
        ty: SqlType,
    },
    /// `arg = ANY (list)` for a list of expressions of one type; negated: `arg <> ALL`. `equal` is the pg_proc OID.
    InList {
        equal: Oid,
        arg: Box<Expr>,
        list: Vec<Expr>,
        negated: bool,
    },
    /// `arg op ANY (array)` or ALL; `proc` is the operator's pg_proc OID.
    ArrayCompare {
        proc: Oid,
        all: bool,
        arg: Box<Expr>,
        array: Box<Expr>,
    },
    Array {
        elements: Vec<Expr>,
        ty: SqlType,
    },
    /// A row of fields.
    Row {
        fields: Vec<Expr>,
        ty: SqlType,
    },
    /// A field of a row by its place.
    Field {
        row: Box<Expr>,
        index: usize,
        ty: SqlType,
    },
    /// A part of an array, or an array with a part changed: `args` are the array, the new value when there is one, and
    /// a subscript of each dimension, or its lower and upper bound; a bound that was left out is a null of type void.
    ArrayPart {
        part: ArrayPart,
        args: Vec<Expr>,
        ty: SqlType,
    },
    Subquery(Box<Subquery>),
    /// A value that becomes one of a domain, or an array whose elements do: it is unchanged, or that is an error.
    Domain {
        rules: Arc<DomainRules>,
        arg: Box<Expr>,
        ty: SqlType,
    },
}

/// What is done with a part of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayPart {
    Element,
    Slice,
    SetElement,
    SetSlice,
}

/// How a value changes its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastHow {
    /// Same representation (text to varchar, oid to regclass).
    Relabel,
    /// A function of pg_cast.
    Function(Oid),
    /// Out by the source's text, in by the target's.
    InOut,
    /// Apply the modifier of the target: varchar(n), numeric(p,s). True when written as a cast: cut silently.
    Typmod { explicit: bool },
    /// numeric from one stored form to another, value unchanged.
    NumericForm,
}

impl Expr {
    /// The type of the expression's value.
    pub fn ty(&self) -> SqlType {
        match self {
            Expr::Column(c) | Expr::Outer(c) => c.ty.clone(),
            Expr::Const(_, ty)
            | Expr::Param { ty, .. }
            | Expr::Call { ty, .. }
            | Expr::Cast { ty, .. }
            | Expr::Case { ty, .. }
            | Expr::Coalesce { ty, .. }
            | Expr::NullIf { ty, .. }
            | Expr::Extreme { ty, .. }
            | Expr::Array { ty, .. }
            | Expr::Row { ty, .. }
            | Expr::Field { ty, .. }
            | Expr::Domain { ty, .. }
            | Expr::ArrayPart { ty, .. } => ty.clone(),
            Expr::And(_)
            | Expr::Or(_)
            | Expr::Not(_)
            | Expr::IsNull { .. }
            | Expr::IsBool { .. }
            | Expr::IsDistinct { .. }
            | Expr::InList { .. }
            | Expr::ArrayCompare { .. } => boolean(),
            Expr::Subquery(s) => match (&s.kind, &s.column) {
                (SubqueryKind::Scalar, Some(c)) => c.ty.clone(),
                (SubqueryKind::Array, Some(c)) => array_of_values(&c.ty),
                (SubqueryKind::Exists | SubqueryKind::Quantified { .. } | SubqueryKind::Row { .. }, _)
                | (SubqueryKind::Scalar | SubqueryKind::Array, None) => boolean(),
            },
        }
    }
}

/// The type of an array of values: arrays become the parts of one with a dimension more.
pub fn array_of_values(ty: &SqlType) -> SqlType {
    ty.array().unwrap_or_else(|| ty.clone().as_domain(None))
}

fn boolean() -> SqlType {
    SqlType { oid: types::sql_type::oid::BOOL, typmod: -1, form: types::Form::Bool, domain: None }
}
