//! The binder's entry points for queries and for the statements built around them.

use super::level::Level;
use super::names::located;
use super::output::figure_name;
use super::scope::Whole;
use super::select::{Bound, OutColumn};
use super::type_name::{held, type_name};
use super::{Binder, Clause, Scope, ScopeColumn, ScopeTable, Term};
use crate::bound::{BoundQuery, CastHow, Cte, Expr, OutputColumn, Rel, TableScan, TypedCol, walk};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use catalog::{ColumnDef, ColumnKind, TableDef};
use sqlparser::ast;
use types::sql_type::oid;
use types::{Datum, SqlType};

/// Columns of one statement; lowering numbers its own from above it.
const FOREIGN_COLUMNS_MAX: u32 = 1 << 29;

impl Binder<'_> {
    /// Binds a whole query; unknown literals in its output become text.
    pub fn bind_query(&mut self, query: &ast::Query) -> Result<BoundQuery> {
        self.bind_query_in(query, &Scope::empty())
    }

    /// Binds a query that sees the CTEs of `scope`; columns of `scope` are outer columns in it.
    pub fn bind_query_in(&mut self, query: &ast::Query, scope: &Scope<'_>) -> Result<BoundQuery> {
        let Bound { mut rel, columns, outline: _ } = self.query(query, scope, true)?;
        self.settle_rel(&mut rel)?;
        let output = columns
            .into_iter()
            .map(|c| OutputColumn {
                name: c.name,
                ty: c.typed.ty,
                col: c.typed.col,
                table_oid: c.origin.0,
                attnum: c.origin.1,
            })
            .collect();
        Ok(BoundQuery { rel, output })
    }

    /// Gives parameters that stood where any type fits (`$1 IS NULL`) the type that another use gave them. Call it on
    /// finished expressions, once the whole statement is bound; `bind_query` has done so for its relations.
    pub fn settle(&self, expr: &mut Expr) -> Result<()> {
        walk::rewrite(expr, &mut |e| {
            if let Expr::Row { fields, ty } = e {
                self.check_open_fields(fields, ty)?;
            }
            if let Expr::Param { index, ty } = e
                && ty.oid == types::sql_type::oid::UNKNOWN
            {
                let known = index.checked_sub(1).and_then(|i| self.parameters.get(i)).cloned().flatten();
                *ty = known.ok_or_else(|| {
                    let message = format!("could not determine data type of parameter ${index}");
                    Error::new(ErrorKind::IndeterminateDatatype, message)
                })?;
            }
            Ok(false)
        })
    }

    /// 0A000 for a parameter in a row that another use makes one of another type than the row has it.
    fn check_open_fields(&self, fields: &[Expr], row: &types::SqlType) -> Result<()> {
        let shapes = row.fields().into_iter().flat_map(|fields| fields.iter());
        for (field, shape) in fields.iter().zip(shapes) {
            let Expr::Param { index, ty } = field else { continue };
            let known = index.checked_sub(1).and_then(|i| self.parameters.get(i)).and_then(Option::as_ref);
            if ty.oid == types::sql_type::oid::UNKNOWN && known.is_some_and(|ty| ty.form != shape.ty.form) {
                let message = format!("parameter ${index} in a row without a type is not supported");
                return Err(Error::unsupported(message).with_hint("Cast the parameter, or the row."));
            }
        }
        Ok(())
    }

    /// `settle` for every expression of a relation.
    pub fn settle_rel(&self, rel: &mut Rel) -> Result<()> {
        if self.parameters.is_empty() {
            return Ok(());
        }
        walk::rel_children_mut(rel, &mut |e| self.settle(e))
    }

    /// Binds a query as the source of rows for columns: output column i is coerced to `targets[i]` by assignment,
    /// open literals directly. Fewer output columns than targets are fine (the caller fills in defaults), more are
    /// 42601. For the rows of INSERT .. VALUES bind each expression with `bind_assignment` instead, as PostgreSQL does.
    pub fn bind_query_assigned(
        &mut self,
        query: &ast::Query,
        scope: &Scope<'_>,
        targets: &[&ColumnDef],
    ) -> Result<BoundQuery> {
        let Bound { rel, columns, outline: _ } = self.query(query, scope, false)?;
        if let Some(extra) = columns.get(targets.len()) {
            let error = Error::new(ErrorKind::Syntax, "INSERT has more expressions than target columns");
            return Err(located(error, extra.at));
        }
        self.assigned(rel, columns, targets)
    }

    /// The same for a query that is bound already.
    pub fn assigned_query(&mut self, query: BoundQuery, targets: &[&ColumnDef]) -> Result<BoundQuery> {
        let column = |c: OutputColumn| OutColumn {
            name: c.name,
            typed: TypedCol { col: c.col, ty: c.ty },
            origin: (Oid(0), 0),
            open: None,
            at: 0,
        };
        let columns = query.output.into_iter().map(column).collect();
        self.assigned(query.rel, columns, targets)
    }

    fn assigned(&mut self, rel: Rel, columns: Vec<OutColumn>, targets: &[&ColumnDef]) -> Result<BoundQuery> {
        let mut items = Vec::with_capacity(columns.len());
        let mut output = Vec::with_capacity(columns.len());
        for (column, target) in columns.into_iter().zip(targets) {
            let own = Term { expr: Expr::Column(column.typed), at: column.at };
            let expr = self.assign(column.open.unwrap_or(own), target)?;
            let col = self.new_col();
            let ty = expr.ty();
            output.push(OutputColumn { name: column.name, ty, col, table_oid: Oid(0), attnum: 0 });
            items.push((expr, col));
        }
        Ok(BoundQuery { rel: Rel::Project { input: Box::new(rel), items }, output })
    }

    /// Binds the WITH clause of a statement, if it has one: the CTEs join `scope`; wrap the statement's source into
    /// `Rel::With`. Queries inside of the statement are not its own.
    pub fn bind_with(&mut self, with: Option<&ast::With>, scope: &mut Scope<'_>) -> Result<Vec<Cte>> {
        let top = std::mem::take(&mut self.is_top);
        with.map_or_else(|| Ok(Vec::new()), |with| self.with_clause(with, scope, top))
    }

    /// Leaves the numbers of columns to a tree that is bound already.
    pub(crate) fn skip_columns(&mut self) {
        self.next_col = self.next_col.max(FOREIGN_COLUMNS_MAX);
    }

    /// Binds what must not see the relation `name`, unless `sees`: it stands beside that.
    pub(crate) fn beside<T>(
        &mut self,
        name: &str,
        sees: bool,
        bind: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        if sees {
            return bind(self);
        }
        self.siblings.push(vec![name.to_owned()]);
        let bound = bind(self);
        self.siblings.pop();
        bound
    }

    /// Binds an expression; a literal or parameter alone stays of type unknown.
    pub fn bind_expr(&mut self, expr: &ast::Expr, scope: &Scope<'_>, clause: Clause) -> Result<Term> {
        let (term, level): (Term, Level) = self.with_level(clause, |b| b.expr(expr, scope))?;
        if level.aggregates.is_empty() && level.calls.is_empty() {
            Ok(term)
        } else {
            Err(Error::internal(format!("an aggregate was bound in {}", clause.phrase())))
        }
    }

    /// Binds an expression that must be boolean; 42804 otherwise.
    pub fn bind_condition(&mut self, expr: &ast::Expr, scope: &Scope<'_>, clause: Clause) -> Result<Expr> {
        let term = self.bind_expr(expr, scope, clause)?;
        let phrase = match clause {
            Clause::Check => "CHECK",
            Clause::MergeWhen => "WHEN",
            Clause::JoinOn => "JOIN/ON",
            other => other.phrase(),
        };
        self.coerce_boolean(term, phrase)
    }

    /// Coerces a bound value to a column's type by assignment rules, up to the column's stored form; 42804 with
    /// PostgreSQL's text and hint otherwise.
    pub fn assign(&mut self, term: Term, column: &ColumnDef) -> Result<Expr> {
        let source = term.expr.ty().oid;
        if !super::coerce::can_coerce(source, column.ty.oid, CastContext::Assignment) {
            let message = format!(
                "column \"{}\" is of type {} but expression is of type {}",
                column.name,
                type_name(column.ty.named()),
                type_name(term.expr.ty().named())
            );
            let error = Error::new(ErrorKind::DatatypeMismatch, message)
                .with_hint("You will need to rewrite or cast the expression.");
            return Err(located(error, term.at));
        }
        let expr = self.coerce(term, &column.ty, CastContext::Assignment)?.expr;
        self.in_form(expr, &column.ty)
    }

    /// The value of an expression of a type when no function needs to be called for it; None when one does.
    pub fn constant_value(&self, expr: Expr, ty: &SqlType) -> Result<Option<Datum>> {
        match expr {
            Expr::Const(datum, own) if datum.is_null() || own.form == ty.form => Ok(Some(datum)),
            Expr::Cast { how: CastHow::Function(_), arg, ty: to } if to.form == ty.form => {
                match (*arg, to.oid) {
                    // PostgreSQL makes floats of numerics by their text, too.
                    (Expr::Const(datum, from), oid::FLOAT4 | oid::FLOAT8) if from.oid == oid::NUMERIC => {
                        let mut text = String::new();
                        types::text::format_text(&from, &datum, &self.context.io, &mut text)?;
                        types::text::parse_text(&to, &text, &self.context.io).map(Some)
                    }
                    _ => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// Coerces a bound value to any type by a cast's rules, up to the type's stored form: for values that are not
    /// of a column, such as partition bounds and COPY options.
    pub fn coerce_to(&mut self, term: Term, target: &SqlType, context: CastContext) -> Result<Expr> {
        let expr = self.coerce(term, target, context)?.expr;
        self.in_form(expr, target)
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

    /// The value of a column that is not given: its DEFAULT, bound from its text, or NULL, of the column's type;
    /// NULL too for a generated column, whose value comes when the row is written.
    pub fn bind_default(&mut self, column: &ColumnDef) -> Result<Expr> {
        if column.kind == ColumnKind::Generated {
            return Ok(Self::null(&column.ty));
        }
        let catalog = self.context.catalog;
        let Some(text) = column.default.as_deref().or_else(|| catalog.domain_default(&column.ty)) else {
            return match column.ty.domain {
                None => Ok(Self::null(&column.ty)),
                Some(_) => {
                    self.assign(Term { expr: Self::null(&super::literal::unknown_type()), at: 0 }, column)
                }
            };
        };
        self.stored(text, &column.name, |binder, expr| {
            binder.bind_assignment(expr, &Scope::empty(), column, Clause::Default)
        })
    }

    /// Binds an expression of the catalog, `owner`'s, from its text.
    pub fn stored(
        &mut self,
        text: &str,
        owner: &str,
        bind: impl FnOnce(&mut Self, &ast::Expr) -> Result<Expr>,
    ) -> Result<Expr> {
        let expr = crate::parse::parse_expression(text)
            .map_err(|e| Error::internal(format!("stored expression of \"{owner}\": {e}")))?;
        // Positions in the text mean nothing in the statement.
        let lines = std::mem::replace(&mut self.lines, super::names::Lines::none());
        let bound = bind(self, &expr);
        self.lines = lines;
        bound
    }

    /// A scan of all columns of `table` and the scope entry for it. `with_address` fills `TableScan::row_address`.
    pub fn scan_table(
        &mut self,
        table: &TableDef,
        alias: Option<&ast::Ident>,
        with_address: bool,
    ) -> (TableScan, ScopeTable) {
        let name = alias.map_or_else(|| table.name.clone(), |a| self.fold(a));
        if alias.is_some() {
            self.aliases.insert(name.clone(), table.name.clone());
        }
        let mut columns: Vec<(ColumnId, TypedCol)> = Vec::with_capacity(table.columns.len());
        for column in &table.columns {
            columns.push((column.id, TypedCol { col: self.new_col(), ty: column.ty.clone() }));
        }
        let row_address = with_address.then(|| self.new_col());
        let entry = self.scope_table(table, name.clone(), &columns);
        (TableScan { table: table.id, columns, row_address, alias: name, as_of: None }, entry)
    }

    /// The scope entry of a table whose columns are `columns` (in table order), found under `name`.
    pub fn scope_table(
        &self,
        table: &TableDef,
        name: String,
        columns: &[(ColumnId, TypedCol)],
    ) -> ScopeTable {
        let schema = self.context.catalog.schema(table.schema).map(|s| s.name.clone());
        let columns = table
            .columns
            .iter()
            .zip(columns)
            .map(|(def, (_, typed))| ScopeColumn {
                name: def.name.clone(),
                typed: typed.clone(),
                origin: (table.oid, def.number()),
            })
            .collect();
        ScopeTable {
            schema: schema.filter(|_| name == table.name),
            name,
            columns,
            by_name: true,
            unqualified: true,
            whole: Whole::of_relation(table.oid),
        }
    }

    /// Binds `FROM` items (UPDATE .. FROM, DELETE .. USING): their cross join, with their entries added to `scope`.
    /// The entry that is in `scope` already is the written table's, which they must not use.
    pub fn bind_from(&mut self, from: &[ast::TableWithJoins], scope: &mut Scope<'_>) -> Result<Rel> {
        let mut own = Scope { parent: scope.parent, tables: Vec::new(), ctes: scope.ctes.clone() };
        self.barred = scope.tables.last().cloned();
        let bound = self.with_level(Clause::JoinOn, |b| b.from(from, &mut own));
        self.barred = None;
        let (rel, _) = bound?;
        self.check_aliases(&scope.tables, &own.tables)?;
        scope.tables.append(&mut own.tables);
        Ok(rel)
    }

    /// RETURNING's list over `scope`, `*` expanded. The columns' `col` is new and belongs to no relation.
    pub fn bind_returning(
        &mut self,
        items: &[ast::SelectItem],
        scope: &Scope<'_>,
    ) -> Result<(Vec<Expr>, Vec<OutputColumn>)> {
        let (targets, _) = self.with_level(Clause::Returning, |b| b.targets(items, scope))?;
        let mut exprs = Vec::with_capacity(targets.len());
        let mut output = Vec::with_capacity(targets.len());
        for target in targets {
            let expr = self.resolve_unknown(target.term)?.expr;
            let (table_oid, attnum) = target.origin;
            output.push(OutputColumn {
                name: target.name,
                ty: expr.ty(),
                col: self.new_col(),
                table_oid,
                attnum,
            });
            exprs.push(expr);
        }
        Ok((exprs, output))
    }

    /// The name PostgreSQL gives a result column without alias.
    pub fn column_name(expr: &ast::Expr) -> String {
        figure_name(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
    }

    /// NULL of a type.
    pub fn null(ty: &SqlType) -> Expr {
        Expr::Const(Datum::Null, ty.clone())
    }

    /// CURRENT_ROLE and its like, where the parser took the word for a name.
    pub(super) fn value_word(&mut self, name: &str, at: usize) -> Result<Term> {
        let called = match name {
            "current_role" | "user" => "current_user",
            "current_catalog" => "current_database",
            other => other,
        };
        let mut term = self.call_terms(called, Vec::new(), at)?;
        debug_assert!(held(term.expr.ty().oid, -1).is_ok(), "a value function has a type that is held");
        term.at = at;
        Ok(term)
    }
}
