//! Foreign keys: what they refer to, and whether columns of such types can.
//!
//! Must not know how they are kept.
//! Invariant: the columns referred to are a key of their table, and each is of a type like the one that refers to it.

use crate::binder::{Binder, is_temporary, type_name};
use crate::bound::NewForeignKey;
use crate::parse::ForeignKeySpec;
use base::id::{ColumnId, Oid, SchemaId};
use base::{Error, ErrorKind, Result};
use catalog::{ColumnDef, ColumnKind, ForeignKeyAction, TableDef};
use sqlparser::ast;
use std::sync::Arc;
use types::sql_type::oid;
use types::{Form, SqlType};

/// Binds a foreign key of `child`. `itself`: whether a name means that table, which need not be there yet.
pub(super) fn bind(
    binder: &Binder<'_>,
    child: &TableDef,
    temporary: bool,
    itself: bool,
    spec: &ForeignKeySpec,
) -> Result<NewForeignKey> {
    let ForeignKeySpec { name, at, columns, table, referenced, on_delete, on_update, set_columns, full } =
        spec;
    let other = if itself { None } else { Some(referred_table(binder, table)?) };
    let parent = other.as_deref().unwrap_or(child);
    check_persistence(binder, parent, itself, temporary)?;
    let columns = named(binder, child, columns, *at)?;
    check_generated(&columns, *on_delete, *on_update)?;
    check_domains(&columns, *on_delete, *on_update, *at)?;
    let referenced = referenced_columns(binder, parent, referenced, *at)?;
    if columns.len() != referenced.len() {
        let message = "number of referencing and referenced columns for foreign key disagree";
        return Err(Error::new(ErrorKind::InvalidForeignKey, message));
    }
    if parent.partitioning.range.is_some() {
        return Err(Error::unsupported("a foreign key to a table partitioned by range is not supported")
            .at(*at)
            .with_hint("Partition the table that is referred to by HASH."));
    }
    let name = name.as_ref().map(|name| binder.fold(name));
    for (own, theirs) in columns.iter().zip(&referenced) {
        check_types(name.as_deref(), child, &columns, (own, theirs), *at)?;
    }
    let set = set_columns.iter().map(|wanted| {
        let folded = binder.fold(wanted);
        let found = columns.iter().find(|column| column.name == folded);
        found.map(|column| column.id).ok_or_else(|| match child.column_named(&folded) {
            None => no_column(&folded),
            Some(_) => Error::new(
                ErrorKind::InvalidColumnReference,
                format!("column \"{folded}\" referenced in ON DELETE SET action must be part of foreign key"),
            ),
        })
    });
    Ok(NewForeignKey {
        name,
        set_columns: set.collect::<Result<_>>()?,
        columns: columns.iter().map(|column| column.id).collect(),
        table: other.as_ref().map(|table| table.id),
        referenced: referenced.iter().map(|column| column.id).collect(),
        on_delete: *on_delete,
        on_update: *on_update,
        full: *full,
    })
}

/// The table behind REFERENCES.
fn referred_table(binder: &Binder<'_>, name: &ast::ObjectName) -> Result<Arc<TableDef>> {
    let not_a_table = |name: &str| {
        Error::new(ErrorKind::WrongObjectType, format!("referenced relation \"{name}\" is not a table"))
    };
    match binder.table_named(name) {
        Ok(table) => Ok(table),
        Err(error) => match error.kind() {
            ErrorKind::WrongObjectType | ErrorKind::Unsupported => {
                let name = binder.split_name(name).map(|(_, name)| name);
                Err(not_a_table(&name?))
            }
            _ => Err(error.without_position()),
        },
    }
}

fn check_persistence(binder: &Binder<'_>, parent: &TableDef, itself: bool, temporary: bool) -> Result<()> {
    let schema = binder.context.catalog.schema(parent.schema);
    let of_session = itself && temporary || schema.is_some_and(|schema| is_temporary(&schema.name));
    let message = match (temporary, of_session) {
        (true, false) => "constraints on temporary tables may reference only temporary tables",
        (false, true) => "constraints on permanent tables may reference only permanent tables",
        _ => return Ok(()),
    };
    Err(Error::new(ErrorKind::InvalidTableDefinition, message))
}

fn no_column(name: &str) -> Error {
    let message = format!("column \"{name}\" referenced in foreign key constraint does not exist");
    Error::new(ErrorKind::UndefinedColumn, message)
}

fn named<'t>(
    binder: &Binder<'_>,
    table: &'t TableDef,
    names: &[ast::Ident],
    at: usize,
) -> Result<Vec<&'t ColumnDef>> {
    let mut found: Vec<&ColumnDef> = Vec::with_capacity(names.len());
    for name in names {
        let folded = binder.fold(name);
        let column = table.column_named(&folded).ok_or_else(|| no_column(&folded))?;
        if found.iter().any(|other| other.id == column.id) {
            return Err(Error::unsupported("a column twice in one foreign key is not supported")
                .at(at)
                .with_hint("List each column once."));
        }
        found.push(column);
    }
    Ok(found)
}

/// 0A000 for what would give values to a column of a domain that nobody makes values of the domain.
fn check_domains(
    columns: &[&ColumnDef],
    on_delete: ForeignKeyAction,
    on_update: ForeignKeyAction,
    at: usize,
) -> Result<()> {
    let gives = on_delete == ForeignKeyAction::SetNull
        || matches!(on_update, ForeignKeyAction::SetNull | ForeignKeyAction::Cascade);
    if !gives || columns.iter().all(|column| column.ty.domain.is_none()) {
        return Ok(());
    }
    Err(Error::unsupported("a foreign key that sets columns of domains is not supported").at(at).with_hint(
        "Leave ON UPDATE and ON DELETE SET NULL out, or give the column the type that the domain is over.",
    ))
}

fn check_generated(
    columns: &[&ColumnDef],
    on_delete: ForeignKeyAction,
    on_update: ForeignKeyAction,
) -> Result<()> {
    if columns.iter().all(|column| column.kind != ColumnKind::Generated) {
        return Ok(());
    }
    let sets = |action| matches!(action, ForeignKeyAction::SetNull | ForeignKeyAction::SetDefault);
    let event = match () {
        () if sets(on_update) || on_update == ForeignKeyAction::Cascade => "UPDATE",
        () if sets(on_delete) => "DELETE",
        () => return Ok(()),
    };
    let message = format!("invalid ON {event} action for foreign key constraint containing generated column");
    Err(Error::new(ErrorKind::Syntax, message))
}

/// The columns listed, which must be a key of the table, else its primary key.
fn referenced_columns<'t>(
    binder: &Binder<'_>,
    table: &'t TableDef,
    names: &[ast::Ident],
    at: usize,
) -> Result<Vec<&'t ColumnDef>> {
    if names.is_empty() {
        if !table.has_primary_key() {
            let message = format!("there is no primary key for referenced table \"{}\"", table.name);
            return Err(Error::new(ErrorKind::UndefinedObject, message));
        }
        return Ok(table.primary_key.iter().filter_map(|id| table.column(*id)).collect());
    }
    let columns = named(binder, table, names, at).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => Error::new(
            ErrorKind::InvalidForeignKey,
            "foreign key referenced-columns list must not contain duplicates",
        ),
        _ => error,
    })?;
    let ids: Vec<ColumnId> = columns.iter().map(|column| column.id).collect();
    if table.key_of(&ids).is_none() {
        let message = format!(
            "there is no unique constraint matching given keys for referenced table \"{}\"",
            table.name
        );
        return Err(Error::new(ErrorKind::InvalidForeignKey, message));
    }
    Ok(columns)
}

/// 42804 for types that are not compared, 0A000 for those that are not the same but compared all the same.
fn check_types(
    name: Option<&str>,
    child: &TableDef,
    columns: &[&ColumnDef],
    (own, theirs): (&ColumnDef, &ColumnDef),
    at: usize,
) -> Result<()> {
    if alike(&own.ty, &theirs.ty) {
        return Ok(());
    }
    let (from, to) = (type_name(own.ty.oid), type_name(theirs.ty.oid));
    if comparable(own.ty.oid, theirs.ty.oid) {
        let message = format!("a foreign key from {from} to {to} is not supported");
        return Err(Error::unsupported(message).at(at).with_hint("Give both columns the same type."));
    }
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let made = || format!("{}_{}_fkey", child.name, names.join("_"));
    let name = name.map_or_else(made, str::to_owned);
    let message = format!("foreign key constraint \"{name}\" cannot be implemented");
    let detail = format!(
        "Key columns \"{}\" and \"{}\" are of incompatible types: {from} and {to}.",
        own.name, theirs.name
    );
    Err(Error::new(ErrorKind::DatatypeMismatch, message).with_detail(detail))
}

/// Whether equal values of two types have the same key, once integers have the same width.
fn alike(a: &SqlType, b: &SqlType) -> bool {
    let integer = |form: &Form| matches!(form, Form::Int16 | Form::Int32 | Form::Int64);
    let text = |ty: Oid| matches!(ty, oid::TEXT | oid::VARCHAR);
    let same_form = a.form == b.form && (a.oid == b.oid || text(a.oid) && text(b.oid));
    let is_number = |ty: Oid| matches!(ty, oid::INT2 | oid::INT4 | oid::INT8);
    same_form || integer(&a.form) && integer(&b.form) && is_number(a.oid) && is_number(b.oid)
}

/// Whether PostgreSQL compares values of a type that refers with those of another one by an index of the latter.
fn comparable(from: Oid, to: Oid) -> bool {
    const GROUPS: &[&[Oid]] = &[
        &[oid::DATE, oid::TIMESTAMP, oid::TIMESTAMPTZ],
        &[oid::FLOAT4, oid::FLOAT8],
        &[oid::TEXT, oid::VARCHAR, oid::BPCHAR, oid::NAME],
        &[oid::TIME, oid::TIMETZ, oid::INTERVAL],
    ];
    let wider: &[Oid] = match to {
        oid::NUMERIC => &[oid::INT2, oid::INT4, oid::INT8, oid::NUMERIC],
        oid::FLOAT4 | oid::FLOAT8 => &[oid::INT2, oid::INT4, oid::INT8, oid::NUMERIC],
        _ => &[],
    };
    from == to
        || wider.contains(&from)
        || GROUPS.iter().any(|group| group.contains(&from) && group.contains(&to))
}

/// Whether a name behind REFERENCES means a new table of that name in a schema.
pub(super) fn is_itself(
    binder: &Binder<'_>,
    spec: &ForeignKeySpec,
    schema: SchemaId,
    name: &str,
) -> Result<bool> {
    let (given, table) = binder.split_name(&spec.table)?;
    let of_schema =
        |given: String| binder.context.catalog.schema_named(&given).is_some_and(|s| s.id == schema);
    Ok(table == name && given.is_none_or(of_schema))
}
