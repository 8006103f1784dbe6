//! FROM: tables, system relations, CTEs, subqueries and functions as relations with scope entries.
//!
//! Invariant: an entry sees entries before it only when it is LATERAL; it then names them as outer columns.

use super::join::Side;
use super::names::{Relation, fold, located};
use super::order::named;
use super::{Binder, Clause, Scope, ScopeColumn, ScopeTable};
use crate::bound::{ColRef, Expr, JoinKind, Rel, SystemScan, TypedCol, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{ProcKind, SystemRelation};
use sqlparser::ast;
use types::SqlType;
use types::sql_type::oid;

impl Binder<'_> {
    /// The cross join of FROM's items; their entries join `scope`.
    pub(super) fn from(&mut self, from: &[ast::TableWithJoins], scope: &mut Scope<'_>) -> Result<Rel> {
        let mut rel = Rel::Unit;
        for item in from {
            let side = self.joined(item, scope)?;
            self.check_aliases(&scope.tables, &side.tables)?;
            rel = match rel {
                Rel::Unit if scope.tables.is_empty() => side.rel,
                left => Rel::Join {
                    kind: JoinKind::Inner,
                    left: Box::new(left),
                    right: Box::new(side.rel),
                    on: None,
                    lateral: side.lateral,
                },
            };
            scope.tables.extend(side.tables);
        }
        Ok(rel)
    }

    pub(super) fn check_aliases(&self, left: &[ScopeTable], right: &[ScopeTable]) -> Result<()> {
        for table in right.iter().filter(|t| t.by_name) {
            let clash = left.iter().any(|t| {
                t.by_name
                    && t.name == table.name
                    && (t.schema == table.schema || t.schema.is_none() || table.schema.is_none())
            });
            if clash {
                let message = format!("table name \"{}\" specified more than once", table.name);
                return Err(Error::new(ErrorKind::DuplicateAlias, message));
            }
        }
        Ok(())
    }

    pub(super) fn factor(&mut self, factor: &ast::TableFactor, scope: &Scope<'_>) -> Result<Side> {
        match factor {
            ast::TableFactor::Table { .. } => self.named_factor(factor, scope),
            ast::TableFactor::Derived { lateral, subquery, alias, sample } => {
                if sample.is_some() {
                    let at = self.start_of(subquery);
                    return Err(self.unsupported("TABLESAMPLE", at));
                }
                self.derived(*lateral, subquery, alias.as_ref(), scope)
            }
            ast::TableFactor::Function { lateral: _, name, args, with_ordinality, alias } => {
                if *with_ordinality {
                    let at = self.parts(name)?.1;
                    return Err(self.unsupported("WITH ORDINALITY", at));
                }
                self.table_function(name, args, alias.as_ref(), scope)
            }
            ast::TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality: false,
            } => {
                let args: Vec<ast::FunctionArg> = array_exprs
                    .iter()
                    .map(|e| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e.clone())))
                    .collect();
                let name = ast::ObjectName::from(vec![ast::Ident::new("unnest")]);
                self.table_function(&name, &args, alias.as_ref(), scope)
            }
            ast::TableFactor::NestedJoin { table_with_joins, alias } => {
                let mut side = self.joined(table_with_joins, scope)?;
                if let Some(alias) = alias {
                    let columns = side
                        .tables
                        .iter()
                        .filter(|t| t.unqualified)
                        .flat_map(|t| t.columns.clone())
                        .collect();
                    side.tables = vec![self.aliased(columns, Some(alias), String::new(), "table")?];
                }
                Ok(side)
            }
            _ => Err(self.unsupported("this kind of FROM item", 0)),
        }
    }

    /// A table, a CTE or a function by name.
    fn named_factor(&mut self, factor: &ast::TableFactor, scope: &Scope<'_>) -> Result<Side> {
        let ast::TableFactor::Table {
            name,
            alias,
            args,
            with_hints,
            version,
            with_ordinality,
            partitions,
            json_path,
            sample,
            index_hints,
        } = factor
        else {
            return Err(Error::internal("a name in FROM that is no table"));
        };
        let at = self.parts(name)?.1;
        let refused = [
            (!with_hints.is_empty() || !index_hints.is_empty(), "a table hint"),
            (*with_ordinality, "WITH ORDINALITY"),
            (!partitions.is_empty(), "a partition in FROM"),
            (json_path.is_some(), "a path behind a table"),
            (sample.is_some(), "TABLESAMPLE"),
        ];
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(self.unsupported(what, at));
        }
        let time = match version {
            None => None,
            Some(ast::TableVersion::ForSystemTimeAsOf(time)) => Some(time),
            Some(_) => return Err(self.unsupported("this form of a table at an earlier time", at)),
        };
        match args {
            Some(_) if time.is_some() => Err(self.unsupported("AS OF of a function", at)),
            Some(ast::TableFunctionArgs { args, settings: None }) => {
                self.table_function(name, args, alias.as_ref(), scope)
            }
            Some(_) => Err(self.unsupported("SETTINGS", at)),
            None => {
                let mut own = Scope { parent: Some(scope), ..Scope::default() };
                let rel = match time {
                    Some(time) => self.past_relation(name, alias.as_ref(), time, &mut own)?,
                    None => self.named_relation(name, alias.as_ref(), &mut own)?,
                };
                Ok(Side { rel, tables: own.tables, lateral: false })
            }
        }
    }

    fn start_of(&self, query: &ast::Query) -> usize {
        self.at(ast::Spanned::span(query))
    }

    /// A scope entry for columns under an alias, or under `name`.
    pub(super) fn aliased(
        &mut self,
        mut columns: Vec<ScopeColumn>,
        alias: Option<&ast::TableAlias>,
        name: String,
        what: &str,
    ) -> Result<ScopeTable> {
        let Some(ast::TableAlias { explicit: _, name: own, columns: names, at }) = alias else {
            return Ok(ScopeTable { name, schema: None, columns, by_name: true, unqualified: true });
        };
        let folded = fold(own);
        let position = self.at(own.span);
        if at.is_some() {
            return Err(self.unsupported("AT behind an alias", position));
        }
        self.rename(&mut columns, names, &folded, 0, what)?;
        if !name.is_empty() {
            self.aliases.insert(folded.clone(), name);
        }
        Ok(ScopeTable { name: folded, schema: None, columns, by_name: true, unqualified: true })
    }

    /// A relation by name: CTE, table or system relation. Its entry joins `scope`.
    pub(super) fn named_relation(
        &mut self,
        name: &ast::ObjectName,
        alias: Option<&ast::TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<Rel> {
        let (schema, table, _) = self.qualified(name)?;
        if schema.is_none()
            && let Some(cte) = scope.cte(&table)
        {
            let id = cte.id;
            let columns: Vec<ScopeColumn> = cte
                .columns
                .clone()
                .into_iter()
                .map(|c| {
                    let typed = TypedCol { col: self.new_col(), ty: c.typed.ty };
                    ScopeColumn { typed, origin: (Oid(0), 0), ..c }
                })
                .collect();
            let typed = columns.iter().map(|c| c.typed.clone()).collect();
            let entry = self.aliased(columns, alias, table, "table")?;
            scope.add(entry);
            return Ok(Rel::CteRef { cte: id, columns: typed });
        }
        match self.relation(name)? {
            Relation::Sequence(_) => {
                let at = self.parts(name)?.1;
                Err(self
                    .unsupported("reading a sequence as a table", at)
                    .with_hint("See pg_sequences, or use pg_sequence_last_value()."))
            }
            Relation::View(def) => {
                self.note_named(name, def.oid, alias.is_some());
                self.view_in_from(&def, alias, scope)
            }
            Relation::Table(def) => {
                self.note_named(name, def.oid, alias.is_some());
                let (mut scan, entry) = self.scan_table(&def, alias.map(|a| &a.name), false);
                let mut entry = entry;
                if let Some(alias) = alias {
                    entry = self.aliased(entry.columns, Some(alias), def.name.clone(), "table")?;
                    scan.alias = entry.name.clone();
                }
                scope.add(entry);
                Ok(Rel::Scan(scan))
            }
            Relation::System(system) => {
                let (scan, columns) = self.scan_system(system);
                let mut entry = self.aliased(columns, alias, system.name.to_owned(), "table")?;
                if alias.is_none() {
                    entry.schema = Some(system.schema.to_owned());
                }
                scope.add(entry);
                Ok(Rel::System(scan))
            }
        }
    }

    fn scan_system(&mut self, system: &'static SystemRelation) -> (SystemScan, Vec<ScopeColumn>) {
        let mut columns = Vec::with_capacity(system.columns.len());
        for column in &system.columns {
            // Types without a stored form (anyarray, inet, pg_lsn) are shown by their text.
            let ty = SqlType::with_typmod(column.ty, column.typmod).unwrap_or(SqlType {
                oid: oid::TEXT,
                typmod: -1,
                form: types::Form::Text,
            });
            columns.push(ScopeColumn {
                name: column.name.to_owned(),
                typed: TypedCol { col: self.new_col(), ty },
                origin: (system.oid, column.attnum),
            });
        }
        let typed = columns.iter().enumerate().map(|(i, c)| (i, c.typed.clone())).collect();
        (SystemScan { schema: system.schema, name: system.name, columns: typed }, columns)
    }

    fn derived(
        &mut self,
        lateral: bool,
        query: &ast::Query,
        alias: Option<&ast::TableAlias>,
        scope: &Scope<'_>,
    ) -> Result<Side> {
        let Some(alias) = alias else {
            let (message, hint) = match query.body.as_ref() {
                ast::SetExpr::Values(_) => {
                    ("VALUES in FROM must have an alias", "For example, FROM (VALUES ...) [AS] foo.")
                }
                _ => ("subquery in FROM must have an alias", "For example, FROM (SELECT ...) [AS] foo."),
            };
            let at = self.start_of(query).saturating_sub(1);
            return Err(located(Error::new(ErrorKind::Syntax, message).with_hint(hint), at));
        };
        // Without LATERAL the siblings are not visible, but CTEs and enclosing queries are.
        let around = Scope { parent: scope.parent, tables: Vec::new(), ctes: scope.ctes.clone() };
        let seen = if lateral { scope } else { &around };
        let beside = if lateral { Vec::new() } else { scope.tables.iter().map(|t| t.name.clone()).collect() };
        self.siblings.push(beside);
        let bound = self.query(query, seen, true);
        self.siblings.pop();
        let bound = bound?;
        let entry = self.aliased(named(&bound.columns), Some(alias), String::new(), "table")?;
        Ok(Side { rel: bound.rel, tables: vec![entry], lateral })
    }

    fn table_function(
        &mut self,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        alias: Option<&ast::TableAlias>,
        scope: &Scope<'_>,
    ) -> Result<Side> {
        let (schema, function, at) = self.qualified(name)?;
        let ours = schema.as_deref().is_none_or(|s| matches!(s, "pg_catalog" | "nyala"));
        if ours && function == super::changes::NAME {
            return self.table_changes(args, alias, at);
        }
        let inner = Scope::inside(scope);
        let siblings: Vec<ColRef> =
            scope.tables.iter().flat_map(|t| &t.columns).map(|c| c.typed.col).collect();
        let ((chosen, args), _) = self.with_level(Clause::FromFunction, |b| {
            let mut terms = Vec::with_capacity(args.len());
            for arg in args {
                let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) = arg else {
                    return Err(b.unsupported("this kind of argument", at));
                };
                terms.push(b.expr(expr, &inner)?);
            }
            let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
            let known = schema.as_deref().is_none_or(|s| s == "pg_catalog");
            let chosen = if known {
                super::resolve::function(&function, &actual)
            } else {
                Err(super::resolve::Refused::NotFound)
            };
            let chosen =
                chosen.map_err(|why| located(super::function::no_function(&function, &actual, why), at))?;
            let args = b.coerce_arguments(terms, &chosen)?;
            Ok((chosen, args))
        })?;
        if chosen.proc.kind != ProcKind::Function {
            let message = format!("{function} is not a function that can stand in FROM");
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        let mut lateral = false;
        for arg in &args {
            walk::visit(arg, &mut |e| lateral |= matches!(e, Expr::Outer(c) if siblings.contains(&c.col)));
        }
        let (columns, rel) = self.function_relation(&chosen, args, &function, at)?;
        let renames_one = columns.len() == 1;
        let mut entry = self.aliased(columns, alias, function.clone(), "table")?;
        // A function of one column names it after the alias, unless the alias lists columns.
        if let (Some(alias), true, Some(column)) = (alias, renames_one, entry.columns.first_mut())
            && alias.columns.is_empty()
        {
            column.name.clone_from(&entry.name);
        }
        Ok(Side { rel, tables: vec![entry], lateral })
    }

    fn function_relation(
        &mut self,
        chosen: &super::resolve::Chosen,
        args: Vec<Expr>,
        name: &str,
        at: usize,
    ) -> Result<(Vec<ScopeColumn>, Rel)> {
        let proc = chosen.proc;
        let result = super::type_name::held(chosen.result, -1);
        let outputs: Vec<(String, Oid)> = match proc.out_types.as_slice() {
            [] => vec![(name.to_owned(), chosen.result)],
            types => proc.out_names.iter().cloned().zip(types.iter().copied()).collect(),
        };
        let (args, single) = match (proc.out_types.is_empty(), result) {
            (true, Ok(ty)) => {
                let (args, ty) = self.numeric_call(proc, args, ty)?;
                (args, Some(ty))
            }
            (true, Err(e)) => return Err(located(e, at)),
            (false, _) => (args, None),
        };
        let mut columns = Vec::with_capacity(outputs.len());
        for (name, ty) in outputs {
            let ty = match &single {
                Some(ty) => ty.clone(),
                None => super::type_name::held(ty, -1).map_err(|e| located(e, at))?,
            };
            let typed = TypedCol { col: self.new_col(), ty };
            columns.push(ScopeColumn { name, typed, origin: (Oid(0), 0) });
        }
        let typed: Vec<TypedCol> = columns.iter().map(|c| c.typed.clone()).collect();
        let rel = match (proc.returns_set, typed.as_slice()) {
            (false, [one]) => {
                let call = Expr::Call { proc: proc.oid, args, ty: one.ty.clone() };
                Rel::Project { input: Box::new(Rel::Unit), items: vec![(call, one.col)] }
            }
            _ => Rel::Function { proc: proc.oid, args, columns: typed },
        };
        Ok((columns, rel))
    }
}
