//! The syntax of what is assigned to: a column, or a part of one.
//!
//! Must not know what names mean.

use sqlparser::ast::{Ident, Subscript};

/// A column that is assigned to.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetColumn {
    pub name: Ident,
    /// A field or elements of it.
    pub part: Option<PartOfColumn>,
}

/// What stands behind a column's name where it is assigned to.
#[derive(Clone, Debug, PartialEq)]
pub struct PartOfColumn {
    pub at: usize,
    pub steps: Vec<PartStep>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum PartStep {
    Field(Ident),
    Subscript(Box<Subscript>),
}
