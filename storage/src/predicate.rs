//! Predicates that a scan evaluates itself.
//!
//! Semantics are SQL's: three-valued; a scan keeps a row when the whole predicate is true.
//! Values have the form of the column they are compared with. Floats compare as PostgreSQL does (NaN above all).

use base::id::ColumnId;
use types::Datum;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Predicate {
    Compare {
        column: ColumnId,
        op: CompareOp,
        value: Datum,
    },
    /// Column equals one of the values, none of which is null.
    In {
        column: ColumnId,
        values: Vec<Datum>,
    },
    IsNull {
        column: ColumnId,
    },
    IsNotNull {
        column: ColumnId,
    },
    And(Vec<Predicate>),
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
}
