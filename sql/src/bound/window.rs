//! Window functions: what is called over which rows.

use super::{Expr, SortKey};
use base::id::Oid;
use types::SqlType;

/// A window function or an aggregate used as one.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowCall {
    pub proc: Oid,
    pub args: Vec<Expr>,
    pub filter: Option<Box<Expr>>,
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<SortKey>,
    pub frame: WindowFrame,
    pub ty: SqlType,
}

#[derive(Clone, Debug, PartialEq)]
pub struct WindowFrame {
    pub unit: FrameUnit,
    pub start: FrameBound,
    pub end: FrameBound,
    pub exclude: FrameExclude,
}

/// Which rows of a frame are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameExclude {
    NoOthers,
    CurrentRow,
    /// The current row and its peers.
    Group,
    /// Its peers alone.
    Ties,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameUnit {
    Rows,
    Range,
    Groups,
}

#[derive(Clone, Debug, PartialEq)]
pub enum FrameBound {
    UnboundedPreceding,
    Preceding(Box<Expr>),
    CurrentRow,
    Following(Box<Expr>),
    UnboundedFollowing,
}
