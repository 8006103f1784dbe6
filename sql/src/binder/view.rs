//! Views in FROM: their stored queries bound in their place.
//!
//! Invariant: in a view's query relations of the user are named by OIDs, so that neither the search path nor later names
//! change what it means.

use super::names::{Lines, Relation};
use super::scope::Whole;
use super::select::Bound;
use super::{BindContext, Binder, Scope, ScopeColumn, ScopeTable};
use crate::bound::{BoundQuery, OutputColumn, Rel, TypedCol};
use crate::parse::{StatementAst, parse};
use base::id::{ColumnId, Oid};
use base::{Error, ErrorKind, Result};
use catalog::builtin::SystemRelation;
use catalog::{CatalogEdit, CatalogState, ColumnDef, MaterializedDef, TableDef, ViewColumn, ViewDef};
use sqlparser::ast;
use std::sync::Arc;

/// A name that no statement can give.
const HIDDEN: &str = "\u{1}";

/// Views within views.
const DEPTH_MAX: usize = 32;

/// A relation of the user in FROM.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) name: ast::ObjectName,
    pub(crate) oid: Oid,
    pub(crate) aliased: bool,
}

/// Whether a view's query names a column of a table, with `*` too: under a name that nobody can write it would be another
/// query, or none.
pub(crate) fn view_reads(
    context: &BindContext<'_>,
    text: &str,
    unseen: &[(Oid, ColumnId)],
    table: &TableDef,
    column: ColumnId,
) -> Result<bool> {
    let mut hidden = table.clone();
    if let Some(column) = hidden.columns.iter_mut().find(|c| c.id == column) {
        HIDDEN.clone_into(&mut column.name);
    }
    let mut without = context.catalog.clone();
    without.apply(&CatalogEdit::AlterTable(Box::new(hidden)))?;
    let bound = |catalog: &CatalogState| {
        let mut context = context.clone();
        context.catalog = catalog;
        let mut binder = Binder::new(&context);
        binder.named = Some(Vec::new());
        let Bound { rel, columns, outline: _ } = binder.view_query(text, unseen)?;
        let columns: Vec<_> = columns.into_iter().map(|c| (c.name, c.typed)).collect();
        Ok((rel, columns))
    };
    let with: Result<_> = bound(context.catalog);
    let with = with?;
    Ok(bound(&without).map_or(true, |without| without != with))
}

impl Binder<'_> {
    pub(super) fn note_named(&mut self, name: &ast::ObjectName, oid: Oid, aliased: bool) {
        if self.views == 0
            && let Some(named) = &mut self.named
        {
            named.push(Named { name: name.clone(), oid, aliased });
        }
    }

    /// The relation that a name in a view's query means.
    pub(super) fn relation_in_view(&self, name: &str) -> Option<Relation> {
        let oid = catalog::relation_of_name(name).filter(|_| self.views > 0)?;
        let catalog = self.context.catalog;
        let table = catalog.table_of_relation(oid).map(|t| Relation::Table(self.as_seen(t)));
        table.or_else(|| catalog.view_of_relation(oid).cloned().map(Relation::View))
    }

    /// A table as the view sees it whose query is being bound.
    pub(super) fn as_seen(&self, table: &Arc<TableDef>) -> Arc<TableDef> {
        let limit = self.unseen.iter().find(|(oid, _)| *oid == table.oid).map(|(_, first)| *first);
        match limit {
            Some(limit) if table.columns.iter().any(|column| column.id >= limit) => {
                let mut seen = table.as_ref().clone();
                seen.columns.retain(|column| column.id < limit);
                Arc::new(seen)
            }
            Some(_) | None => Arc::clone(table),
        }
    }

    /// A view in FROM; its entry joins `scope`.
    pub(super) fn view_in_from(
        &mut self,
        def: &Arc<ViewDef>,
        alias: Option<&ast::TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<Rel> {
        let Bound { rel, columns, outline: _ } = self.view_query(&def.text, &def.unseen)?;
        let changed = columns.len() < def.columns.len()
            || columns.iter().zip(&def.columns).any(|(c, d)| c.typed.ty.form != d.ty.form);
        if changed {
            return Err(Error::internal(format!("the query of view \"{}\" has changed", def.name)));
        }
        let columns = columns.into_iter().zip(&def.columns).zip(1_i16..);
        let columns = columns.map(|((column, ViewColumn { name, ty: _ }), attnum)| ScopeColumn {
            name: name.clone(),
            typed: TypedCol { col: column.typed.col, ty: column.typed.ty },
            origin: (def.oid, attnum),
        });
        let columns: Vec<ScopeColumn> = columns.collect();
        let mut entry: ScopeTable = self.aliased(columns, alias, def.name.clone(), "table")?;
        entry.whole = Whole::of_relation(def.oid);
        if alias.is_none() {
            entry.schema = self.context.catalog.schema(def.schema).map(|s| s.name.clone());
        }
        scope.add(entry);
        Ok(rel)
    }

    /// A view of PostgreSQL's own in FROM; its entry joins `scope`.
    pub(super) fn system_view_in_from(
        &mut self,
        system: &'static SystemRelation,
        query: &str,
        alias: Option<&ast::TableAlias>,
        scope: &mut Scope<'_>,
    ) -> Result<Rel> {
        let Bound { rel, columns, outline: _ } = self.view_query(query, &[])?;
        let mut shown = Vec::with_capacity(columns.len());
        for (column, declared) in columns.into_iter().zip(&system.columns) {
            let ty = super::from::shown_type(declared.ty, declared.typmod);
            let TypedCol { col, ty: own } = column.typed;
            if own.form != ty.form {
                let place = format!("{}.{}.{}", system.schema, system.name, declared.name);
                return Err(Error::internal(format!("{place} is of form {:?}, not {:?}", own.form, ty.form)));
            }
            let (name, origin) = (declared.name.to_owned(), (system.oid, declared.attnum));
            shown.push(ScopeColumn { name, typed: TypedCol { col, ty }, origin });
        }
        if shown.len() != system.columns.len() {
            let message = format!("the query of {}.{} yields too few columns", system.schema, system.name);
            return Err(Error::internal(message));
        }
        let mut entry = self.aliased(shown, alias, system.name.to_owned(), "table")?;
        if alias.is_none() {
            entry.schema = Some(system.schema.to_owned());
        }
        scope.add(entry);
        Ok(rel)
    }

    pub(super) fn view_query(&mut self, text: &str, unseen: &[(Oid, ColumnId)]) -> Result<Bound> {
        if self.views >= DEPTH_MAX {
            let message = format!("views are nested more than {DEPTH_MAX} deep");
            return Err(Error::new(ErrorKind::TooComplex, message));
        }
        let statements = parse(text).map_err(|e| Error::internal(format!("query of a view: {e}")))?;
        let Some(StatementAst::Query(query)) = statements.first().map(|s| s.ast()) else {
            return Err(Error::internal("a view has no query"));
        };
        // Positions in the text mean nothing in the statement.
        let lines = std::mem::replace(&mut self.lines, Lines::none());
        let unseen = std::mem::replace(&mut self.unseen, unseen.to_vec());
        // What stands in a function's body may name its parameters, a view in there not.
        let frame = if self.views > 0 { self.frame.take() } else { self.frame.clone() };
        // A view in another one's text is named there.
        let outlining = self.outlines.on;
        self.outlines.on &= self.views == 0;
        self.views += 1;
        let bound = self.query(query, &Scope::empty(), true);
        self.views -= 1;
        self.outlines.on = outlining;
        self.frame = frame;
        self.unseen = unseen;
        self.lines = lines;
        bound
    }

    /// The rows of a stored query for the columns of a table.
    pub(crate) fn stored_query(
        &mut self,
        def: &MaterializedDef,
        targets: &[&ColumnDef],
    ) -> Result<BoundQuery> {
        let bound = self.view_query(&def.text, &def.unseen)?;
        let output = bound.columns.into_iter().map(|c| OutputColumn {
            name: c.name,
            ty: c.typed.ty,
            col: c.typed.col,
            table_oid: Oid(0),
            attnum: 0,
        });
        self.assigned_query(BoundQuery { rel: bound.rel, output: output.collect() }, targets)
    }

    /// The relation of a view's text.
    pub(crate) fn view_relation(&mut self, text: &str, unseen: &[(Oid, ColumnId)]) -> Result<Rel> {
        self.named = Some(Vec::new());
        self.view_query(text, unseen).map(|bound| bound.rel)
    }

    /// The columns of a view's text.
    pub(crate) fn view_columns(&mut self, text: &str) -> Result<Vec<ViewColumn>> {
        let bound = self.view_query(text, &[])?;
        Ok(bound.columns.into_iter().map(|c| ViewColumn { name: c.name, ty: c.typed.ty }).collect())
    }
}
