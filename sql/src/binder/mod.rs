//! The binder: sqlparser's tree to the bound tree, by PostgreSQL's documented rules.
//!
//! Owns names, types, functions, operators, casts, expressions and queries. Must not know how a tree is
//! executed. Invariants: the syntax tree is destructured without `..`, so nothing is dropped silently; every
//! error of a user carries the position PostgreSQL would give, where the syntax tree still knows it.
//!
//! For statements that are not queries:
//! - tables and schemas: [`Binder::table_named`], [`Binder::schema_named`]; types: [`Binder::sql_type`];
//! - rows of a table as input of UPDATE or DELETE: [`Binder::scan_table`] gives the scan and a [`Scope`];
//!   further relations (FROM, USING): [`Binder::bind_from`] with that scope;
//! - an expression against a scope: [`Binder::bind_expr`] (its type may be unknown), [`Binder::bind_condition`];
//! - a value for a column: [`Binder::bind_assignment`], or [`Binder::assign`] for a bound one;
//!   a column's default: [`Binder::bind_default`]; a query as source: [`Binder::bind_query_assigned`];
//! - RETURNING: [`Binder::bind_returning`]; at the end [`Binder::settle`] on expressions that are not of a query,
//!   and [`Binder::parameter_types`].

mod aggregate;
mod arguments;
mod array;
mod called;
mod changes;
mod coerce;
mod comparable;
mod conditional;
mod context;
mod direction;
mod distinct;
mod domain;
mod entry;
mod expr;
mod from;
mod function;
mod grouping;
mod grouping_sets;
mod in_list;
mod inlined;
mod join;
mod level;
mod literal;
mod modifying;
mod names;
mod normal_form;
mod numeric;
mod object_name;
mod operator;
mod order;
mod ordered_set;
mod outline;
mod output;
mod past;
mod polymorphic;
mod quantified;
mod query;
mod record;
mod recursive;
mod resolve;
mod result_shape;
mod row;
mod sample;
mod scope;
mod select;
mod sequences;
mod set_call;
mod subquery;
mod table_function;
#[cfg(test)]
mod tests;
mod type_name;
mod user_function;
mod value_function;
mod variadic;
mod view;
mod volatility;
mod window;
mod written;
mod written_view;

pub(crate) use array::{Subscripts, subscript_element};
pub(crate) use coerce::{Path, can_coerce, is_polymorphic, path};
pub(crate) use comparable::lacks_order;
pub use context::{BindContext, Clause, Now, Past, PreparedStatements};
pub use names::is_temporary;
pub(crate) use names::{Relation, fold};
pub use object_name::object_named;
pub use outline::OWN_NAME;
pub use scope::{Scope, ScopeColumn, ScopeTable};
pub(crate) use sequences::is_sequence_function;
pub(crate) use type_name::type_name;
pub(crate) use user_function::signature_shown;
pub(crate) use view::{Named, view_reads};
pub(crate) use volatility::{computes_volatile, is_volatile};
pub use written::written_columns;
pub(crate) use written::{Write, Written, WrittenRows, address_type};

use crate::bound::{ColRef, CteId, DomainRules, Expr, WithPart};
use crate::parse::StatementAst;
use crate::text::Text;
use base::id::{ColumnId, Oid};
use catalog::FunctionDef;
use sqlparser::ast;
use std::collections::HashMap;
use std::sync::Arc;
use types::SqlType;

/// Binds one statement.
#[derive(Debug)]
pub struct Binder<'a> {
    pub(crate) context: BindContext<'a>,
    lines: names::Lines,
    text: Text<'a>,
    next_col: u32,
    next_cte: u32,
    outlines: outline::Outlines,
    recursions: recursive::Recursions,
    /// Types of parameters as far as they are known.
    parameters: Vec<Option<SqlType>>,
    levels: Vec<level::Level>,
    /// Position and name of the first use of each column, for errors.
    uses: HashMap<ColRef, (usize, String)>,
    /// Aliases and the relations they hide, for hints.
    aliases: HashMap<String, String>,
    /// Names of FROM's entries that the subquery being bound stands beside and must not use, for hints.
    siblings: Vec<Vec<String>>,
    /// The table that is written, while the relations beside it are bound: they must not use it.
    barred: Option<ScopeTable>,
    /// Whether functions of sequences are called.
    pub(crate) calls_sequences: bool,
    /// How deep in views the binder is; there relations are named by their OIDs.
    views: usize,
    /// Tables of the innermost of them, each with the first column that it does not see.
    unseen: Vec<(Oid, ColumnId)>,
    /// Whether the query to bind next stands in FROM, where fields of records are used further on.
    keeps_records: bool,
    /// Relations as FROM names them, while somebody wants to know.
    pub(crate) named: Option<Vec<view::Named>>,
    /// Functions that users made, as the statement names them.
    pub(crate) called: Vec<(ast::ObjectName, Arc<FunctionDef>)>,
    /// Where the statement calls one as if it were a field.
    pub(crate) called_as_field: Option<usize>,
    /// The function whose body is being bound.
    pub(crate) frame: Option<inlined::Frame>,
    /// The functions whose bodies are being bound, outermost first.
    pub(crate) calling: Vec<Oid>,
    /// How many bodies were bound.
    inlined: usize,
    /// Whether another time than the statement's is named.
    pub(crate) names_time: bool,
    /// The statements that write inside WITH, as they were parsed.
    pub(crate) writes: &'a [StatementAst],
    /// Whether the next WITH is that of the statement itself.
    pub(crate) is_top: bool,
    /// The WITH of the statement, when something in it writes.
    pub(crate) modifying: Vec<WithPart>,
    /// What domains ask of their values, as far as they were met.
    domains: HashMap<Oid, Option<Arc<DomainRules>>>,
    /// The same of domains among the fields of composite types.
    field_rules: HashMap<Oid, Vec<Arc<DomainRules>>>,
    /// Domains whose checks are being bound.
    open_domains: Vec<Oid>,
}

/// A bound expression on its way to a place: its type may still be unknown.
#[derive(Clone, Debug)]
pub struct Term {
    pub expr: Expr,
    /// Position of its leftmost part in characters from 1; 0 when not known.
    pub at: usize,
}

impl<'a> Binder<'a> {
    pub fn new(context: &BindContext<'a>) -> Self {
        Self {
            lines: names::Lines::new(context.text),
            text: Text::new(context.text),
            context: context.clone(),
            next_col: 0,
            next_cte: 0,
            outlines: outline::Outlines::default(),
            recursions: recursive::Recursions::default(),
            parameters: Vec::new(),
            levels: Vec::new(),
            uses: HashMap::new(),
            aliases: HashMap::new(),
            siblings: Vec::new(),
            barred: None,
            calls_sequences: false,
            views: 0,
            unseen: Vec::new(),
            keeps_records: false,
            named: None,
            called: Vec::new(),
            called_as_field: None,
            frame: None,
            calling: Vec::new(),
            inlined: 0,
            names_time: false,
            writes: &[],
            is_top: true,
            modifying: Vec::new(),
            domains: HashMap::new(),
            field_rules: HashMap::new(),
            open_domains: Vec::new(),
        }
    }

    /// A column reference no other column of the statement has.
    pub fn new_col(&mut self) -> ColRef {
        self.next_col += 1;
        ColRef(self.next_col)
    }

    pub(crate) fn new_cte(&mut self) -> CteId {
        self.next_cte += 1;
        CteId(self.next_cte)
    }
}
