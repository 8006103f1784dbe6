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
//! - RETURNING: [`Binder::bind_returning`]; types of parameters at the end: [`Binder::parameter_types`].

mod context;
mod scope;

pub use context::{BindContext, Clause};
pub use scope::{Scope, ScopeColumn, ScopeTable};


use crate::bound::{BoundQuery, ColRef, CteId, Expr, OutputColumn, Rel, TableScan, TypedCol};
use base::id::ColumnId;
use base::{Error, Result};
use catalog::{ColumnDef, SchemaDef, TableDef};
use sqlparser::ast;
use std::sync::Arc;
use types::SqlType;

/// Binds one statement.
#[derive(Debug)]
pub struct Binder<'a> {
    pub(crate) context: BindContext<'a>,
    next_col: u32,
    next_cte: u32,
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
        Self { context: context.clone(), next_col: 0, next_cte: 0 }
    }

    /// Binds a whole query; unknown literals in its output become text.
    pub fn bind_query(&mut self, _query: &ast::Query) -> Result<BoundQuery> {
        Err(Error::unsupported("queries are not bound yet"))
    }

    /// Binds a query as the source of rows for columns: output column i is coerced to `targets[i]` by assignment.
    /// Fewer output columns than targets are fine (the caller fills in defaults), more are 42601.
    pub fn bind_query_assigned(
        &mut self,
        _query: &ast::Query,
        _scope: &Scope<'_>,
        _targets: &[&ColumnDef],
    ) -> Result<BoundQuery> {
        Err(Error::unsupported("queries are not bound yet"))
    }

    /// Binds the WITH clause of a statement: the CTEs join `scope`; wrap the statement's source into `Rel::With`.
    pub fn bind_with(&mut self, _with: &ast::With, _scope: &mut Scope<'_>) -> Result<Vec<crate::bound::Cte>> {
        Err(Error::unsupported("queries are not bound yet"))
    }

    /// Binds an expression; a literal or parameter alone stays of type unknown.
    pub fn bind_expr(&mut self, _expr: &ast::Expr, _scope: &Scope<'_>, _clause: Clause) -> Result<Term> {
        Err(Error::unsupported("expressions are not bound yet"))
    }

    /// Binds an expression that must be boolean; 42804 otherwise.
    pub fn bind_condition(&mut self, _expr: &ast::Expr, _scope: &Scope<'_>, _clause: Clause) -> Result<Expr> {
        Err(Error::unsupported("expressions are not bound yet"))
    }

    /// Coerces a bound value to a column's type by assignment rules; 42804 with PostgreSQL's text and hint otherwise.
    pub fn assign(&mut self, _term: Term, _column: &ColumnDef) -> Result<Expr> {
        Err(Error::unsupported("expressions are not bound yet"))
    }

    /// `bind_expr` and `assign` in one.
    pub fn bind_assignment(
        &mut self,
        expr: &ast::Expr,
        scope: &Scope<'_>,
        column: &ColumnDef,
        clause: Clause,
    ) -> Result<Expr> {
        let term = self.bind_expr(expr, scope, clause)?;
        self.assign(term, column)
    }

    /// The value of a column that is not given: its DEFAULT, bound from its text, or NULL, of the column's type.
    pub fn bind_default(&mut self, _column: &ColumnDef) -> Result<Expr> {
        Err(Error::unsupported("expressions are not bound yet"))
    }

    /// The user table of that name, by search_path; 42P01. System relations are 42809.
    pub fn table_named(&self, _name: &ast::ObjectName) -> Result<Arc<TableDef>> {
        Err(Error::unsupported("tables are not bound yet"))
    }

    /// The schema of that name; 3F000. pg_catalog and information_schema are not schemas of the user: 42501.
    pub fn schema_named(&self, _name: &ast::ObjectName) -> Result<Arc<SchemaDef>> {
        Err(Error::unsupported("schemas are not bound yet"))
    }

    /// Where CREATE TABLE `name` puts the table: the named or the first existing schema of search_path, and the name.
    pub fn creation_target(&self, _name: &ast::ObjectName) -> Result<(Arc<SchemaDef>, String)> {
        Err(Error::unsupported("schemas are not bound yet"))
    }

    /// A scan of all columns of `table` and the scope entry for it. `with_address` fills `TableScan::row_address`.
    pub fn scan_table(&mut self, table: &TableDef, alias: Option<&ast::Ident>, with_address: bool) -> (TableScan, ScopeTable) {
        let name = alias.map_or_else(|| table.name.clone(), |a| self.fold(a));
        let columns: Vec<(ColumnId, TypedCol)> =
            table.columns.iter().map(|c| (c.id, TypedCol { col: self.new_col(), ty: c.ty.clone() })).collect();
        let row_address = with_address.then(|| self.new_col());
        let entry = self.scope_table(table, name.clone(), &columns);
        (TableScan { table: table.id, columns, row_address, alias: name }, entry)
    }

    /// Binds `FROM` items (UPDATE .. FROM, DELETE .. USING): their cross join, with their entries added to `scope`.
    pub fn bind_from(&mut self, _from: &[ast::TableWithJoins], _scope: &mut Scope<'_>) -> Result<Rel> {
        Err(Error::unsupported("queries are not bound yet"))
    }

    /// RETURNING's list over `scope`, `*` expanded.
    pub fn bind_returning(
        &mut self,
        _items: &[ast::SelectItem],
        _scope: &Scope<'_>,
    ) -> Result<(Vec<Expr>, Vec<OutputColumn>)> {
        Err(Error::unsupported("queries are not bound yet"))
    }

    /// The type that a type name means; 42704 when there is none, 0A000 when this version does not hold it.
    pub fn sql_type(&self, _ty: &ast::DataType) -> Result<SqlType> {
        Err(Error::unsupported("types are not bound yet"))
    }

    /// An identifier as PostgreSQL folds it: lower case unless quoted, cut to 63 bytes.
    pub fn fold(&self, ident: &ast::Ident) -> String {
        let _ = ident;
        String::new()
    }

    /// Position of a place in the statement, in characters from 1.
    pub fn position(&self, _at: sqlparser::tokenizer::Location) -> usize {
        0
    }

    /// 0A000 at a place.
    pub fn unsupported(&self, what: &str, at: usize) -> Error {
        Error::unsupported(format!("{what} is not supported")).at(at.max(1))
    }

    /// Types of the parameters after binding, in order; 42P18 when one was never given a type.
    pub fn parameter_types(&self) -> Result<Vec<SqlType>> {
        Ok(Vec::new())
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

    /// The scope entry of a table whose columns are `columns`, found under `name`.
    pub fn scope_table(&self, table: &TableDef, name: String, columns: &[(ColumnId, TypedCol)]) -> ScopeTable {
        let schema = self.context.catalog.schema(table.schema).map(|s| s.name.clone());
        let columns = table
            .columns
            .iter()
            .zip(columns)
            .zip(1_i16..)
            .map(|((def, (_, typed)), attnum)| ScopeColumn {
                name: def.name.clone(),
                typed: typed.clone(),
                origin: (table.oid, attnum),
            })
            .collect();
        ScopeTable { schema: schema.filter(|_| name == table.name), name, columns, by_name: true, unqualified: true }
    }
}
