//! The tree of a jsonpath.

use crate::pgnum::PgNum;

#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath {
    /// Whether arrays are unwrapped, other values wrapped, and what is not there is passed over.
    pub lax: bool,
    pub expr: Expr,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Null,
    Bool(bool),
    Number(PgNum),
    String(String),
    Variable(String),
    /// `$`
    Root,
    /// `@`
    Current,
    /// `last`
    Last,
    /// What steps lead to; there is at least one.
    Path {
        head: Box<Expr>,
        steps: Vec<Step>,
    },
    Arithmetic {
        op: Arithmetic,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    Sign {
        negative: bool,
        arg: Box<Expr>,
    },
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Compare {
        op: Comparison,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    StartsWith {
        value: Box<Expr>,
        start: Box<Expr>,
    },
    LikeRegex {
        value: Box<Expr>,
        pattern: String,
        flags: String,
    },
    IsUnknown(Box<Expr>),
    Exists(Box<Expr>),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// `.key`
    Key(String),
    /// `.*`
    AnyKey,
    /// `.**{first to last}`; None is the last level.
    Any {
        first: Option<u32>,
        last: Option<u32>,
    },
    /// `[*]`
    AnyElement,
    /// `[1, 3 to last]`
    Elements(Vec<(Expr, Option<Expr>)>),
    /// `?(..)`
    Filter(Expr),
    Method(Method),
    /// `.datetime(template)`
    Datetime(Option<String>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Type,
    Size,
    Abs,
    Floor,
    Ceiling,
    Double,
    KeyValue,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::Type => "type",
            Method::Size => "size",
            Method::Abs => "abs",
            Method::Floor => "floor",
            Method::Ceiling => "ceiling",
            Method::Double => "double",
            Method::KeyValue => "keyvalue",
        }
    }
}

impl Arithmetic {
    pub fn sign(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

impl Comparison {
    pub(super) fn sign(self) -> &'static str {
        match self {
            Comparison::Equal => "==",
            Comparison::NotEqual => "!=",
            Comparison::Less => "<",
            Comparison::LessOrEqual => "<=",
            Comparison::Greater => ">",
            Comparison::GreaterOrEqual => ">=",
        }
    }
}

impl Expr {
    /// Whether it is true, false or unknown, as filters ask for.
    pub fn is_predicate(&self) -> bool {
        matches!(
            self,
            Expr::And(..)
                | Expr::Or(..)
                | Expr::Not(_)
                | Expr::Compare { .. }
                | Expr::StartsWith { .. }
                | Expr::LikeRegex { .. }
                | Expr::IsUnknown(_)
                | Expr::Exists(_)
        )
    }
}
