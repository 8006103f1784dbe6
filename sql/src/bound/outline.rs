//! Outlines of queries: clauses, names and forms as they were analysed, before they became relations.
//!
//! Invariant: outlines are made only by a binder whose tree is for its text alone; that tree is never executed. A `ColRef` in
//! an outline is a column of one of its relations, or stands for one of its calls.

use super::{AggregateCall, ColRef, Expr, JoinKind, SetCall, SetOp, SortKey, WindowCall};
use base::id::Oid;
use types::sql_type::oid;
use types::{Datum, Form, SqlType};

/// A query, and the subqueries in its expressions by their numbers.
#[derive(Clone, Debug)]
pub struct Outline {
    pub query: QueryOutline,
    pub subqueries: Vec<QueryOutline>,
}

#[derive(Clone, Debug)]
pub struct QueryOutline {
    pub recursive: bool,
    pub with: Vec<CteOutline>,
    pub body: BodyOutline,
    pub order_by: Vec<OrderKey>,
    pub limit: Option<Expr>,
    pub offset: Option<Expr>,
    pub ties: bool,
}

impl QueryOutline {
    pub fn of(body: BodyOutline) -> Self {
        let (with, order_by) = (Vec::new(), Vec::new());
        Self { recursive: false, with, body, order_by, limit: None, offset: None, ties: false }
    }

    /// Whether nothing stands around the body.
    pub fn is_bare(&self) -> bool {
        self.with.is_empty() && self.order_by.is_empty() && self.limit.is_none() && self.offset.is_none()
    }
}

#[derive(Clone, Debug)]
pub enum BodyOutline {
    Select(Box<SelectOutline>),
    Values { rows: Vec<Vec<Expr>> },
    SetOp { op: SetOp, all: bool, left: Box<QueryOutline>, right: Box<QueryOutline> },
}

#[derive(Clone, Debug)]
pub struct CteOutline {
    pub name: String,
    /// The names behind it.
    pub columns: Vec<String>,
    /// [NOT] MATERIALIZED.
    pub materialized: Option<bool>,
    pub query: QueryOutline,
}

/// A key of ORDER BY; `place` counts result columns from 1, where only these can be named.
#[derive(Clone, Debug)]
pub struct OrderKey {
    pub key: SortKey,
    pub place: Option<usize>,
}

#[derive(Clone, Debug)]
pub struct SelectOutline {
    pub distinct: DistinctOutline,
    pub targets: Vec<(Expr, String)>,
    pub from: Vec<FromItem>,
    pub filter: Option<Expr>,
    pub group_by: Vec<GroupItem>,
    pub group_distinct: bool,
    pub having: Option<Expr>,
    /// WINDOW.
    pub windows: Vec<(String, WindowOutline)>,
    /// What columns of its expressions stand for.
    pub calls: Vec<(ColRef, CallOutline)>,
}

/// An item of GROUP BY.
#[derive(Clone, Debug)]
pub enum GroupItem {
    /// Keys that belong together.
    Keys(Vec<Expr>),
    Rollup(Vec<GroupItem>),
    Cube(Vec<GroupItem>),
    Sets(Vec<GroupItem>),
}

#[derive(Clone, Debug)]
pub enum DistinctOutline {
    No,
    All,
    On(Vec<Expr>),
}

#[derive(Clone, Debug)]
pub enum CallOutline {
    Aggregate(AggregateCall),
    Window(WindowCall, OverOutline),
    Set(SetCall),
    Grouping(Vec<Expr>),
}

/// How a window is told.
#[derive(Clone, Debug, PartialEq)]
pub enum OverOutline {
    Named(String),
    Spec(FrameForm),
}

/// How a frame was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameForm {
    Default,
    /// Its end is the current row.
    Start,
    Between,
}

#[derive(Clone, Debug)]
pub struct WindowOutline {
    pub partition_by: Vec<Expr>,
    pub order_by: Vec<SortKey>,
    pub frame: super::WindowFrame,
    pub form: FrameForm,
}

#[derive(Clone, Debug)]
pub enum FromItem {
    Leaf(Box<FromLeaf>),
    Join(Box<FromJoin>),
}

#[derive(Clone, Debug)]
pub struct FromLeaf {
    pub source: FromSource,
    pub lateral: bool,
    /// The alias, unless it is the relation's own name.
    pub alias: Option<String>,
    /// What names its columns when there is no alias.
    pub name: String,
    pub columns: Vec<(ColRef, String)>,
    /// The alias names columns.
    pub listed: bool,
}

#[derive(Clone, Debug)]
pub enum FromSource {
    Relation(Oid),
    Cte(String),
    Query(Box<QueryOutline>),
    Functions { calls: Vec<FunctionOutline>, ordinality: bool },
}

/// A function of FROM; `definitions` are the columns that are defined behind it.
#[derive(Clone, Debug)]
pub struct FunctionOutline {
    pub call: Expr,
    pub definitions: Vec<(String, SqlType)>,
}

#[derive(Clone, Debug)]
pub struct FromJoin {
    pub kind: JoinKind,
    pub left: FromItem,
    pub right: FromItem,
    pub on: Option<Expr>,
    pub using: Vec<String>,
    /// What the columns of USING are called together.
    pub using_alias: Option<String>,
    pub alias: Option<JoinAlias>,
    /// Columns of USING that are none of either side.
    pub merged: Vec<(ColRef, String)>,
    /// Columns above it, and what they are below.
    pub renamed: Vec<(ColRef, ColRef)>,
}

/// A name for a whole join, behind which its relations cannot be seen.
#[derive(Clone, Debug)]
pub struct JoinAlias {
    pub name: String,
    pub columns: Vec<(ColRef, String)>,
    /// It names columns.
    pub listed: bool,
}

/// Stands in `Expr::Call` for how an expression was written: the first argument tells the form, the last one is the
/// expression.
pub const SPELT: Oid = Oid(4);

/// How an expression was written, where the expression does not tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As a cast to the type of the whole.
    Cast,
    /// As a call of a function that an operator has, too.
    Call,
    /// In words of SQL: EXTRACT (.. FROM ..).
    Syntax,
    /// With names before the last arguments.
    Named(Vec<String>),
    /// As a comparison of rows, the first of which is the second argument.
    Rows(String),
    /// As a word: CURRENT_DATE.
    Word(String),
    /// As CASE with an operand, which is the second argument.
    SimpleCase,
    /// As the row of a relation, a column of which is the second argument.
    WholeRow,
    Collate(String),
    /// As a subquery with that outline.
    Query(usize),
}

impl Spelling {
    /// The expression with its form.
    pub fn around(&self, beside: Option<Expr>, expr: Expr, ty: SqlType) -> Expr {
        let form = match self {
            Spelling::Cast => "cast".to_owned(),
            Spelling::Call => "call".to_owned(),
            Spelling::Syntax => "syntax".to_owned(),
            Spelling::SimpleCase => "case".to_owned(),
            Spelling::WholeRow => "row".to_owned(),
            Spelling::Named(names) => format!("named {}", names.join(" ")),
            Spelling::Rows(operator) => format!("rows {operator}"),
            Spelling::Word(word) => format!("word {word}"),
            Spelling::Collate(name) => format!("collate {name}"),
            Spelling::Query(number) => format!("query {number}"),
        };
        let text = SqlType { oid: oid::TEXT, typmod: -1, form: Form::Text, domain: None };
        let first = Expr::Const(Datum::Text(form), text);
        Expr::Call { proc: SPELT, args: [first].into_iter().chain(beside).chain([expr]).collect(), ty }
    }

    /// The form of an expression that has one, what stands beside it, and the expression.
    pub fn within(expr: &Expr) -> Option<(Spelling, Option<&Expr>, &Expr)> {
        let Expr::Call { proc: SPELT, args, ty: _ } = expr else { return None };
        let (first, rest) = args.split_first()?;
        let (inner, beside) = rest.split_last()?;
        let Expr::Const(Datum::Text(form), _) = first else { return None };
        let spelling = match form.split_once(' ').unwrap_or((form.as_str(), "")) {
            ("cast", _) => Spelling::Cast,
            ("call", _) => Spelling::Call,
            ("syntax", _) => Spelling::Syntax,
            ("case", _) => Spelling::SimpleCase,
            ("row", _) => Spelling::WholeRow,
            ("named", names) => Spelling::Named(names.split_whitespace().map(str::to_owned).collect()),
            ("rows", operator) => Spelling::Rows(operator.to_owned()),
            ("word", word) => Spelling::Word(word.to_owned()),
            ("collate", name) => Spelling::Collate(name.to_owned()),
            ("query", number) => Spelling::Query(number.parse().ok()?),
            _ => return None,
        };
        Some((spelling, beside.first(), inner))
    }
}
