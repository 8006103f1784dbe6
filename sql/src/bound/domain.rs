//! What a domain asks of its values, and what becomes of one.
//!
//! Invariant: the checks stand in the order in which they are made, those of what the domain is over before its own.

use super::{ColRef, Expr, Rel, TypedCol};
use base::id::{Oid, SchemaId, TableId};
use catalog::DomainCheck;

#[derive(Clone, Debug, PartialEq)]
pub struct DomainRules {
    /// What messages name, whichever domain below it asks.
    pub domain: Oid,
    pub not_null: bool,
    /// Names and conditions over `value`; one without name says that a field of it is not null.
    pub checks: Vec<(String, Expr)>,
    pub value: TypedCol,
}

/// What becomes of a domain.
#[derive(Clone, Debug, PartialEq)]
pub enum DomainEdit {
    Default(Option<String>),
    NotNull(bool),
    /// Still without OID; without name it gets a free one.
    AddCheck(DomainCheck),
    DropCheck(String),
    RenameCheck {
        from: String,
        to: String,
    },
    Validate(String),
    Name {
        schema: SchemaId,
        name: String,
    },
    /// Nothing but to tell so.
    Notice(String),
}

/// Rows of a table that are in the way of what a domain asks from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainProbe {
    pub table: TableId,
    pub column: String,
    pub rel: Rel,
    pub col: ColRef,
}

/// A column of COPY's input that becomes one of a domain.
#[derive(Clone, Debug, PartialEq)]
pub struct DomainInput {
    /// Its place among the columns of the input.
    pub place: usize,
    pub value: TypedCol,
    /// `value` as one of the domain.
    pub checked: Expr,
}
