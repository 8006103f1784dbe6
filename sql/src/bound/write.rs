//! The bound forms of statements that write rows.
//!
//! Invariant: rows of a statement's source are complete: defaults are filled in and every value has its column's type.

use super::{BoundStatement, ColRef, CteId, Expr, OutputColumn, Rel, TypedCol};
use base::id::TableId;

/// INSERT. `source` yields one column per column of the table, in table order and of the columns' types,
/// defaults filled in; NOT NULL is checked by the write operator.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundInsert {
    pub table: TableId,
    pub source: Rel,
    pub source_columns: Vec<ColRef>,
    pub rules: Option<Box<RowRules>>,
    pub on_conflict: Option<OnConflict>,
    pub returning: Option<Returning>,
}

/// What holds of every row that a table is given, over its columns (`row`, in table order). Generated columns, by
/// position, are computed first, in place of what the source gave; then no condition may be false.
#[derive(Clone, Debug, PartialEq)]
pub struct RowRules {
    pub row: Vec<TypedCol>,
    pub generated: Vec<(usize, Expr)>,
    /// Those of views come behind those of the table.
    pub checks: Vec<(RowCheck, Expr)>,
}

/// What a condition on rows is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowCheck {
    /// A check constraint, by name.
    Constraint(String),
    /// That the view of this name shows the row.
    View(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum OnConflict {
    DoNothing(Arbiter),
    DoUpdate(ConflictUpdate),
}

/// Which conflicts are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arbiter {
    /// Any.
    All,
    /// Those of the primary key.
    Key,
    /// Those of an index.
    Index(TableId),
}

/// For each row that conflicts with the arbiter, the primary key or an index: `existing` and `excluded` name the columns of the
/// table (in table order) of the stored and of
/// the proposed row; a row is updated to `values` (all columns, in table order) when `filter` is true.
#[derive(Clone, Debug, PartialEq)]
pub struct ConflictUpdate {
    pub arbiter: Arbiter,
    pub existing: Vec<TypedCol>,
    pub excluded: Vec<TypedCol>,
    pub values: Vec<Expr>,
    pub filter: Option<Expr>,
}

/// UPDATE. `source` yields the row address, the old values and the new values of each row to change.
/// With FROM an address may come several times: one of its rows is taken, and which one is not specified.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundUpdate {
    pub table: TableId,
    pub source: Rel,
    pub row_address: ColRef,
    /// All columns of the table, in table order, after the update.
    pub new_columns: Vec<ColRef>,
    pub rules: Option<Box<RowRules>>,
    /// Columns of FROM's relations that RETURNING uses.
    pub joined_columns: Vec<ColRef>,
    pub returning: Option<Returning>,
}

/// DELETE. `source` yields the row address and, for RETURNING, all columns of the table.
/// With USING an address may come several times; the row is removed, counted and returned once.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundDelete {
    pub table: TableId,
    pub source: Rel,
    pub row_address: ColRef,
    /// All columns of the table in table order.
    pub old_columns: Vec<ColRef>,
    /// Columns of USING's relations that RETURNING uses.
    pub joined_columns: Vec<ColRef>,
    pub returning: Option<Returning>,
}

/// MERGE. `source` yields a row for each that something is done with: the address of the target's row (null for an
/// INSERT), the place of the action in `actions`, and the new values.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundMerge {
    pub table: TableId,
    pub source: Rel,
    pub row_address: ColRef,
    /// int4.
    pub action: ColRef,
    pub actions: Vec<MergeKind>,
    /// All columns of the table, in table order, as they are to be; null for a DELETE.
    pub new_columns: Vec<ColRef>,
    pub rules: Option<Box<RowRules>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergeKind {
    Nothing,
    Update,
    Delete,
    Insert,
}

/// A statement with others inside its WITH that write: all of them on one snapshot, each once and to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct BoundModifying {
    /// In the order of WITH.
    pub parts: Vec<WithPart>,
    /// Its uses of the parts are `CteRef`s that no `With` defines.
    pub main: BoundStatement,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WithPart {
    pub id: CteId,
    pub name: String,
    pub columns: Vec<TypedCol>,
    pub work: WithWork,
    /// Whether another part or the statement reads it.
    pub used: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum WithWork {
    /// The query's rows, computed once.
    Rows(Rel),
    /// INSERT, UPDATE or DELETE; with RETURNING `columns` are those.
    Write(BoundStatement),
}

/// RETURNING: expressions over the written row (`row`: all columns of the table, in table order, then those of joined
/// relations).
#[derive(Clone, Debug, PartialEq)]
pub struct Returning {
    pub row: Vec<TypedCol>,
    pub items: Vec<Expr>,
    pub output: Vec<OutputColumn>,
}
