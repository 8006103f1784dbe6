//! CREATE VIEW, ALTER VIEW and DROP VIEW.
//!
//! Must not know how the catalog is changed.
//! Invariant: the text that is kept has been bound in the way it will be, to the same columns.

use super::kept::{Edit, as_written, edited, extent, object_edits};
use super::new_column::pseudo_name;
use super::schema;
use crate::binder::{BindContext, Binder, OWN_NAME, is_temporary};
use crate::bound::{BoundAlterView, BoundCreateView, BoundQuery, BoundStatement};
use crate::parse::{AlterAction, AlterViewSpec, DropSpec, ViewSpec};
use base::id::{Oid, ViewId};
use base::{Error, ErrorKind, Result};
use catalog::{ViewColumn, ViewDef};
use sqlparser::ast;
use std::sync::Arc;
use types::sql_type::oid;
use types::user_type::array_element;

pub(super) fn create(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &ViewSpec,
) -> Result<BoundStatement> {
    let ViewSpec { name, or_replace, columns: names, query, text, at, check } = spec;
    let (schema, name) = binder.creation_target(name)?;
    let (bound, text, uses) = kept_query(binder, context, query, text, *at, "views")?;
    let found = bound.output.into_iter().map(|c| ViewColumn { name: c.name, ty: c.ty }).collect();
    let columns = named_columns(binder, found, names)?;
    let is_record = |column: &&ViewColumn| matches!(column.ty.oid, oid::RECORD | oid::RECORD_ARRAY);
    if let Some(row) = columns.iter().find(is_record) {
        let message = format!("column \"{}\" has pseudo-type {}", row.name, pseudo_name(row.ty.oid));
        return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    }
    let before = context.catalog.view_named(schema.id, &name);
    let replaces = match before {
        Some(before) if *or_replace => {
            check_replaced(before, &columns)?;
            if columns.len() > before.columns.len() {
                let what = format!("adding columns to view \"{}\"", before.name);
                super::composite::refuse_held_rows(context.catalog, before.oid, &what)?;
            }
            Some(before.id)
        }
        Some(_) | None => {
            let other = *or_replace && binder.has_relation(&schema, &name);
            if other {
                return Err(Error::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a view")));
            }
            None
        }
    };
    if check.is_some() {
        let def = ViewDef {
            id: ViewId(0),
            oid: Oid(0),
            schema: schema.id,
            name: name.clone(),
            columns: columns.clone(),
            text: text.clone(),
            uses: uses.clone(),
            unseen: Vec::new(),
            check: *check,
        };
        binder.check_updatable(&Arc::new(def))?;
    }
    Ok(BoundStatement::CreateView(Box::new(BoundCreateView {
        schema: schema.id,
        name,
        replaces,
        columns,
        text,
        uses,
        check: *check,
    })))
}

/// A query that is kept: bound now, its text with relations by their OIDs, and those.
pub(super) fn kept_query(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    query: &ast::Query,
    text: &str,
    at: usize,
    kind: &str,
) -> Result<(BoundQuery, String, Vec<Oid>)> {
    binder.named = Some(Vec::new());
    let bound = binder.bind_query(query)?;
    let named = binder.named.take().unwrap_or_default();
    let temporary = |oid: Oid| {
        let table = context.catalog.table_of_relation(oid);
        let schema = table.and_then(|table| context.catalog.schema(table.schema));
        schema.is_some_and(|schema| is_temporary(&schema.name))
    };
    if named.iter().any(|relation| temporary(relation.oid)) {
        return Err(match kind {
            "views" => Error::unsupported("a view of a temporary table is not supported").at(at),
            "functions" => {
                Error::unsupported("a body of a temporary table that is no string is not supported").at(at)
            }
            _ => Error::unsupported("materialized views must not use temporary tables or views"),
        });
    }
    if !binder.modifying.is_empty() {
        let verb = if kind == "views" { "contain" } else { "use" };
        let message = format!("{kind} must not {verb} data-modifying statements in WITH");
        return Err(Error::unsupported(message));
    }
    if !binder.parameter_types()?.is_empty() {
        return Err(Error::new(ErrorKind::UndefinedParameter, "there is no parameter $1"));
    }
    if binder.names_time {
        return Err(Error::unsupported("a view of an earlier time is not supported")
            .at(at)
            .with_hint("Name the time where the view's tables are read."));
    }
    let mut edits = object_edits(binder, query, text, at)?;
    let mut uses: Vec<Oid> = edits.iter().filter_map(oid_of).collect();
    let functions = uses.iter().filter_map(|oid| context.catalog.function(*oid));
    uses.extend(functions.filter_map(|def| def.rows_of).collect::<Vec<_>>());
    whole_tables(binder, &query.body, text, at, &mut edits);
    for relation in &named {
        uses.push(relation.oid);
        edits.push(relation_edit(binder, relation, text, at)?);
    }
    uses.sort();
    uses.dedup();
    let text = edited(text, edits);
    // Still a definition: a materialized view in it need have no rows.
    binder.named = Some(Vec::new());
    let kept = binder.view_columns(&text);
    binder.named = None;
    let kept = kept.ok().filter(|kept| {
        kept.len() == bound.output.len() && kept.iter().zip(&bound.output).all(|(k, b)| k.ty == b.ty)
    });
    if kept.is_none() {
        return Err(Error::unsupported("this way to write the query of a view is not supported")
            .at(at)
            .with_hint("Write SELECT .. FROM with plain names of tables."));
    }
    Ok((bound, text, uses))
}

/// `TABLE t` as the query that it is, since no alias can stand behind it.
fn whole_tables(binder: &Binder<'_>, body: &ast::SetExpr, text: &str, at: usize, edits: &mut Vec<Edit>) {
    match body {
        ast::SetExpr::Select(select) => {
            let start = binder.position(select.select_token.0.span.start).checked_sub(at);
            let Some(start) = start else { return };
            let word: String = text.chars().skip(start).take(TABLE.len()).collect();
            if word.eq_ignore_ascii_case(TABLE) {
                let text = "SELECT * FROM".to_owned();
                edits.push(Edit { start, characters: TABLE.len(), text });
            }
        }
        ast::SetExpr::SetOperation { left, right, .. } => {
            whole_tables(binder, left, text, at, edits);
            whole_tables(binder, right, text, at, edits);
        }
        ast::SetExpr::Query(query) => whole_tables(binder, &query.body, text, at, edits),
        _ => {}
    }
}

const TABLE: &str = "table";

/// The OID in a constant, or in the name of a type, that an edit puts in.
fn oid_of(edit: &Edit) -> Option<Oid> {
    if let Some(name) = edit.text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return catalog::relation_of_name(name).map(|ty| array_element(ty).unwrap_or(ty));
    }
    edit.text.split('\'').nth(1)?.parse().ok().map(Oid)
}

/// What brings the OID of a relation in the place of its name; what refers to it by its name still finds it.
fn relation_edit(
    binder: &Binder<'_>,
    relation: &crate::binder::Named,
    text: &str,
    at: usize,
) -> Result<Edit> {
    let idents: Vec<&ast::Ident> = relation.name.0.iter().filter_map(|part| part.as_ident()).collect();
    let (Some(first), Some(last)) = (idents.first(), idents.last()) else {
        return Err(Error::internal("a relation without a name"));
    };
    let Some((start, characters)) = extent(binder, &relation.name, text, at) else {
        return Err(Error::unsupported("this way to write the name of a table in a view is not supported")
            .at(binder.position(first.span.start)));
    };
    let alias = match relation.aliased {
        true => String::new(),
        false => format!("{OWN_NAME}{}", as_written(&binder.fold(last))),
    };
    let text = format!("{}{alias}", catalog::relation_name(relation.oid));
    Ok(Edit { start, characters, text })
}

/// The columns with the names that are given for the first of them.
fn named_columns(
    binder: &Binder<'_>,
    mut columns: Vec<ViewColumn>,
    names: &[ast::Ident],
) -> Result<Vec<ViewColumn>> {
    if names.len() > columns.len() {
        let message = "CREATE VIEW specifies more column names than columns";
        return Err(Error::new(ErrorKind::Syntax, message));
    }
    if columns.is_empty() {
        let message = "view must have at least one column";
        return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
    }
    for (column, name) in columns.iter_mut().zip(names) {
        column.name = binder.fold(name);
    }
    for (index, column) in columns.iter().enumerate() {
        if columns.iter().take(index).any(|before| before.name == column.name) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::new(ErrorKind::DuplicateColumn, message));
        }
    }
    Ok(columns)
}

/// 42P16 unless the columns of a view stay and others come behind them.
fn check_replaced(before: &ViewDef, columns: &[ViewColumn]) -> Result<()> {
    if columns.len() < before.columns.len() {
        return Err(Error::new(ErrorKind::InvalidTableDefinition, "cannot drop columns from view"));
    }
    for (old, new) in before.columns.iter().zip(columns) {
        if old.name != new.name {
            let message = format!("cannot change name of view column \"{}\" to \"{}\"", old.name, new.name);
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message)
                .with_hint("Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead."));
        }
        if (old.ty.oid, old.ty.typmod) != (new.ty.oid, new.ty.typmod) {
            let (from, to) = (crate::binder::type_name(old.ty.oid), crate::binder::type_name(new.ty.oid));
            let message =
                format!("cannot change data type of view column \"{}\" from {from} to {to}", old.name);
            return Err(Error::new(ErrorKind::InvalidTableDefinition, message));
        }
    }
    Ok(())
}

pub(super) fn alter(binder: &Binder<'_>, spec: &AlterViewSpec) -> Result<BoundStatement> {
    let AlterViewSpec { name, materialized: _, if_exists, action } = spec;
    let view = match binder.view_named(name) {
        Ok(view) => view,
        Err(error) if error.kind() == ErrorKind::WrongObjectType => {
            return Err(Error::new(error.kind(), error.message()));
        }
        Err(error) => {
            return match schema::missing(binder, name, &error, "relation")? {
                Some(missing) if *if_exists => {
                    let notices = vec![format!("{}, skipping", missing.message())];
                    Ok(BoundStatement::AlterView(Box::new(BoundAlterView { notices, def: None })))
                }
                _ => Err(error),
            };
        }
    };
    let mut def = view.as_ref().clone();
    match action {
        AlterAction::Rename(name) => def.name = binder.fold(name),
        AlterAction::SetSchema(name) => {
            let schema = binder.schema_named(&ast::ObjectName::from(vec![name.clone()]))?;
            if schema.id != def.schema && binder.has_relation(&schema, &def.name) {
                let message =
                    format!("relation \"{}\" already exists in schema \"{}\"", def.name, schema.name);
                return Err(Error::new(ErrorKind::DuplicateTable, message));
            }
            def.schema = schema.id;
        }
        AlterAction::RenameColumn { from, to } => rename_column(binder, &mut def, from, to)?,
        _ => return Err(Error::internal("an action that views do not have")),
    }
    let altered = BoundAlterView { notices: Vec::new(), def: Some(def) };
    Ok(BoundStatement::AlterView(Box::new(altered)))
}

fn rename_column(binder: &Binder<'_>, def: &mut ViewDef, from: &ast::Ident, to: &ast::Ident) -> Result<()> {
    let (from, to) = (binder.fold(from), binder.fold(to));
    let Some(place) = def.columns.iter().position(|column| column.name == from) else {
        let message = format!("column \"{from}\" does not exist");
        return Err(Error::new(ErrorKind::UndefinedColumn, message));
    };
    if def.columns.iter().any(|column| column.name == to) {
        let message = format!("column \"{to}\" of relation \"{}\" already exists", def.name);
        return Err(Error::new(ErrorKind::DuplicateColumn, message));
    }
    let what = format!("renaming a column of view \"{}\"", def.name);
    super::function_names::refuse_readers(binder.context.catalog, def.oid, &[], &what)?;
    if let Some(column) = def.columns.get_mut(place) {
        column.name = to;
    }
    Ok(())
}

pub(super) fn drop(binder: &Binder<'_>, spec: &DropSpec) -> Result<BoundStatement> {
    let DropSpec { names, if_exists, cascade } = spec;
    let (mut views, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        match binder.view_named(name) {
            Ok(view) => {
                if !views.contains(&view.id) {
                    views.push(view.id);
                }
            }
            Err(error) => match schema::missing(binder, name, &error, "view")? {
                Some(missing) if *if_exists => notices.push(format!("{}, skipping", missing.message())),
                Some(missing) => return Err(missing),
                None => return Err(error),
            },
        }
    }
    Ok(BoundStatement::DropViews { views, cascade: *cascade, notices })
}
