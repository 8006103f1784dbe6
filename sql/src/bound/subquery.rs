//! Queries inside expressions.
//!
//! Invariant: what a subquery compares stands beside it, not in its relation.

use super::{ColRef, Expr, Rel, TypedCol};
use base::id::Oid;

#[derive(Clone, Debug, PartialEq)]
pub struct Subquery {
    pub rel: Rel,
    /// What it yields: one column, except for `Exists`.
    pub column: Option<TypedCol>,
    pub kind: SubqueryKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SubqueryKind {
    /// More than one row is 21000.
    Scalar,
    Exists,
    /// `arg op ANY (subquery)`; `arg IN` is = ANY, `arg NOT IN` is <> ALL.
    Quantified {
        proc: Oid,
        all: bool,
        arg: Expr,
    },
    /// ARRAY(subquery).
    Array,
    /// A row compared with the rows of the subquery. `test` is told over their columns and, as outer columns, over
    /// those that `args` have here.
    Row {
        quantifier: Quantifier,
        args: Vec<(Expr, ColRef)>,
        test: Expr,
    },
}

/// What a comparison with the rows of a subquery asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    Any,
    All,
    /// The only row; no row is null, more than one 21000.
    One,
}
