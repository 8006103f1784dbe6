//! FROM: tables, system relations, CTEs, subqueries and functions as relations with scope entries.
//!
//! Invariant: an entry sees entries before it only when it is LATERAL; it then names them as outer columns.

use super::join::Side;
use super::names::{Relation, fold, located};
use super::order::named;
use super::scope::{Whole, hidden_name};
use super::{Binder, Scope, ScopeColumn, ScopeTable};
use crate::bound::outline::{FromItem, FromSource, JoinAlias};
use crate::bound::{JoinKind, Rel, SystemScan, TypedCol};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::CatalogState;
use catalog::builtin::{SystemRelation, view_query};
use sqlparser::ast;
use types::SqlType;
use types::sql_type::oid;

/// The outline of a name for a whole join.
fn join_alias(entry: &ScopeTable, alias: &ast::TableAlias) -> JoinAlias {
    let columns = entry.columns.iter().filter(|column| !column.is_hidden());
    let columns = columns.map(|column| (column.typed.col, column.name.clone())).collect();
    JoinAlias { name: entry.name.clone(), columns, listed: !alias.columns.is_empty() }
}

/// The type of a system relation's column: those without a stored form (anyarray, inet, pg_lsn) are shown by their text.
pub(super) fn shown_type(ty: Oid, typmod: i32) -> SqlType {
    let text = SqlType { oid: oid::TEXT, typmod: -1, form: types::Form::Text, domain: None };
    SqlType::with_typmod(ty, typmod).unwrap_or(text)
}

impl Binder<'_> {
    /// The cross join of FROM's items; their entries join `scope`.
    pub(super) fn from(&mut self, from: &[ast::TableWithJoins], scope: &mut Scope<'_>) -> Result<Rel> {
        let mut rel = Rel::Unit;
        for item in from {
            let mut side = self.joined(item, scope)?;
            self.level().from.extend(side.shown.take());
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
                self.table_function(name, args, *with_ordinality, alias.as_ref(), scope)
            }
            ast::TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => {
                let args: Vec<ast::FunctionArg> = array_exprs
                    .iter()
                    .map(|e| ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e.clone())))
                    .collect();
                let name = ast::ObjectName::from(vec![ast::Ident::new("unnest")]);
                self.table_function(&name, &args, *with_ordinality, alias.as_ref(), scope)
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
                    let entry = self.aliased(columns, Some(alias), String::new(), "table")?;
                    match &mut side.shown {
                        Some(FromItem::Join(join)) if join.alias.is_none() => {
                            join.alias = Some(join_alias(&entry, alias));
                        }
                        _ => self.lose_outline(),
                    }
                    side.tables = vec![entry];
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
            (*with_ordinality && args.is_none(), "WITH ORDINALITY of a table"),
            (!partitions.is_empty(), "a partition in FROM"),
            (json_path.is_some(), "a path behind a table"),
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
                self.table_function(name, args, *with_ordinality, alias.as_ref(), scope)
            }
            Some(_) => Err(self.unsupported("SETTINGS", at)),
            None => {
                let mut own = Scope { parent: Some(scope), ..Scope::default() };
                if time.is_some() || sample.is_some() {
                    self.lose_outline();
                }
                let rel = match time {
                    Some(time) => self.past_relation(name, alias.as_ref(), time, &mut own)?,
                    None => self.named_relation(name, alias.as_ref(), &mut own)?,
                };
                let rel = match sample {
                    Some(sample) => self.sampled(rel, sample, at)?,
                    None => rel,
                };
                let shown =
                    own.tables.first().and_then(|entry| self.named_leaf(name, entry, alias.as_ref(), scope));
                Ok(Side { rel, tables: own.tables, lateral: false, shown })
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
            return Ok(ScopeTable {
                name,
                schema: None,
                columns,
                by_name: true,
                unqualified: true,
                whole: Whole::Row,
            });
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
        Ok(ScopeTable {
            name: folded,
            schema: None,
            columns,
            by_name: true,
            unqualified: true,
            whole: Whole::Row,
        })
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
            let (id, status, name_at) = (cte.id, cte.status.clone(), self.parts(name)?.1);
            self.use_cte(&table, id, &status, name_at)?;
            let Some(cte) = scope.cte(&table) else { return Err(Error::internal("a CTE was lost")) };
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
                self.check_populated(self.context.catalog, &def)?;
                let (mut scan, entry) = self.scan_table(&def, alias.map(|a| &a.name), false);
                let mut entry = entry;
                if let Some(alias) = alias {
                    let whole = entry.whole;
                    entry = self.aliased(entry.columns, Some(alias), def.name.clone(), "table")?;
                    entry.whole = whole;
                    scan.alias = entry.name.clone();
                }
                scope.add(entry);
                Ok(Rel::Scan(scan))
            }
            Relation::System(system) => {
                if let Some(query) = view_query(system.schema, system.name) {
                    return self.system_view_in_from(system, &query, alias, scope);
                }
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

    /// 55000 for a materialized view without rows; one that is only named in a definition need have none.
    pub(crate) fn check_populated(&self, catalog: &CatalogState, def: &catalog::TableDef) -> Result<()> {
        let view = catalog.materialized_view(def.id);
        if self.named.is_some() || view.is_none_or(|view| view.populated) {
            return Ok(());
        }
        let message = format!("materialized view \"{}\" has not been populated", def.name);
        Err(Error::new(ErrorKind::WrongObjectState, message)
            .with_hint("Use the REFRESH MATERIALIZED VIEW command."))
    }

    /// The outline of a relation that is named.
    fn named_leaf(
        &mut self,
        name: &ast::ObjectName,
        entry: &ScopeTable,
        alias: Option<&ast::TableAlias>,
        scope: &Scope<'_>,
    ) -> Option<FromItem> {
        if !self.outlines.on {
            return None;
        }
        let (schema, table, _) = self.qualified(name).ok()?;
        if schema.is_none() && scope.cte(&table).is_some() {
            return self.leaf(|| Some(FromSource::Cte(table.clone())), entry, alias, &table);
        }
        let (oid, own) = match self.relation(name).ok()? {
            Relation::Sequence(_) => return None,
            Relation::View(def) => (def.oid, def.name.clone()),
            Relation::Table(def) => (def.oid, def.name.clone()),
            Relation::System(system) => (system.oid, system.name.to_owned()),
        };
        self.leaf(|| Some(FromSource::Relation(oid)), entry, alias, &own)
    }

    fn scan_system(&mut self, system: &'static SystemRelation) -> (SystemScan, Vec<ScopeColumn>) {
        let mut columns = Vec::with_capacity(system.columns.len());
        for column in &system.columns {
            let ty = shown_type(column.ty, column.typmod);
            columns.push(ScopeColumn {
                name: column.name.to_owned(),
                typed: TypedCol { col: self.new_col(), ty },
                origin: (system.oid, column.attnum),
            });
        }
        if system.schema != "nyala" {
            let ty = SqlType { oid: oid::OID, typmod: -1, form: types::Form::UInt32, domain: None };
            let typed = TypedCol { col: self.new_col(), ty };
            columns.push(ScopeColumn { name: hidden_name("tableoid"), typed, origin: (Oid(0), 0) });
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
        self.keeps_records = matches!(query.body.as_ref(), ast::SetExpr::Select(_)) && query.with.is_none();
        let barred = if lateral { None } else { self.barred.take() };
        let bound = self.query(query, seen, true);
        self.barred = self.barred.take().or(barred);
        self.keeps_records = false;
        self.siblings.pop();
        let bound = bound?;
        let entry = self.aliased(named(&bound.columns), Some(alias), String::new(), "table")?;
        let outline = bound.outline;
        let mut shown = self.leaf(|| outline.map(FromSource::Query), &entry, Some(alias), "");
        if let Some(FromItem::Leaf(leaf)) = &mut shown {
            leaf.lateral = lateral;
        }
        Ok(Side { rel: bound.rel, tables: vec![entry], lateral, shown })
    }
}
