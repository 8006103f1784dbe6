//! ON CONFLICT: its target, the primary key or other unique columns, and what to do.
//!
//! Must not know how conflicts are found.

use super::row::{set_values, table_row};
use crate::binder::{Binder, Clause, Scope, Written};
use crate::bound::{Arbiter, ConflictUpdate, Expr, OnConflict};
use crate::parse::{ConflictAction, ConflictSpec, ConflictTarget};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use sqlparser::ast;
use std::collections::BTreeSet;

/// The name under which the proposed row is seen.
const EXCLUDED: &str = "excluded";

pub(super) fn bind(
    binder: &mut Binder<'_>,
    written: &Written,
    alias: Option<&ast::Ident>,
    spec: &ConflictSpec,
    outer: &Scope<'_>,
) -> Result<OnConflict> {
    let ConflictSpec { at, target, action } = spec;
    let table = written.seen.as_ref();
    let arbiter = match target {
        // What DO UPDATE says is looked at before what it is for.
        Some(target) => arbiter(binder, table, target),
        None if matches!(action, ConflictAction::Update { .. }) => {
            let message = "ON CONFLICT DO UPDATE requires inference specification or constraint name";
            return Err(Error::new(ErrorKind::Syntax, message)
                .at(*at)
                .with_hint("For example, ON CONFLICT (column_name)."));
        }
        None => Ok(Arbiter::All),
    };
    if let (Ok(Arbiter::Index(_)), ConflictAction::Update { .. }) = (&arbiter, action)
        && !table.has_primary_key()
    {
        let message = "ON CONFLICT DO UPDATE of a table without primary key is not supported";
        return Err(Error::unsupported(message)
            .at(*at)
            .with_hint("Use MERGE, or give the table a primary key."));
    }
    let (set, filter) = match action {
        ConflictAction::Nothing => return Ok(OnConflict::DoNothing(arbiter?)),
        ConflictAction::Replace => return arbiter.and_then(|_| replace(binder, table, *at)),
        ConflictAction::Update { set, filter } => (set, filter),
    };
    let existing = binder.written_row(written, alias)?;
    let mut excluded = binder.written_row(written, Some(&ast::Ident::new(EXCLUDED)))?;
    if existing.has_computed() {
        let message = "ON CONFLICT DO UPDATE through a view that computes columns is not supported";
        return Err(Error::unsupported(message).at(*at).with_hint("Write to the table that the view reads."));
    }
    let mut scope = outer.clone();
    scope.add(existing.entry.clone());
    // It is stored nowhere, and has no system columns.
    excluded.entry.columns.iter_mut().for_each(|column| column.origin = (Oid(0), 0));
    scope.add(excluded.entry.clone());
    let existing = existing.columns;
    let mut set = set_values(binder, written, set, &scope, &existing)?;
    let filter = match filter {
        Some(filter) => Some(binder.bind_condition(filter, &scope, Clause::Where)?),
        None => None,
    };
    let arbiter = arbiter?;
    let values = existing
        .iter()
        .enumerate()
        .map(|(index, column)| set.remove(&index).unwrap_or_else(|| Expr::Column(column.clone())))
        .collect();
    let excluded = excluded.columns;
    Ok(OnConflict::DoUpdate(ConflictUpdate { arbiter, existing, excluded, values, filter }))
}

/// DO UPDATE of every column to what was proposed.
fn replace(binder: &mut Binder<'_>, table: &TableDef, at: usize) -> Result<OnConflict> {
    if !table.has_primary_key() {
        let message = format!("UPSERT needs a primary key, which table \"{}\" does not have", table.name);
        return Err(Error::new(ErrorKind::InvalidColumnReference, message).at(at));
    }
    let (existing, _) = table_row(binder, table, None);
    let (excluded, _) = table_row(binder, table, None);
    let values = excluded.iter().map(|column| Expr::Column(column.clone())).collect();
    Ok(OnConflict::DoUpdate(ConflictUpdate {
        arbiter: Arbiter::Key,
        existing,
        excluded,
        values,
        filter: None,
    }))
}

/// The target must be the primary key or unique columns.
fn arbiter(binder: &Binder<'_>, table: &TableDef, target: &ConflictTarget) -> Result<Arbiter> {
    match target {
        ConflictTarget::Constraint(name) => {
            let folded = binder.fold(name);
            if table.has_primary_key() && folded == table.primary_key_name {
                return Ok(Arbiter::Key);
            }
            if let Some(unique) = table.unique.iter().find(|u| u.constraint && u.name == folded) {
                return Ok(Arbiter::Index(unique.index));
            }
            let message = format!("constraint \"{folded}\" for table \"{}\" does not exist", table.name);
            Err(Error::new(ErrorKind::UndefinedObject, message))
        }
        ConflictTarget::Columns { at, names } => {
            let mut columns = BTreeSet::new();
            for name in names {
                let folded = binder.fold(name);
                let column = table.column_named(&folded).ok_or_else(|| {
                    let message = format!("column \"{folded}\" does not exist");
                    Error::new(ErrorKind::UndefinedColumn, message).at(*at)
                })?;
                columns.insert(column.id);
            }
            if table.has_primary_key() && columns == table.primary_key.iter().copied().collect() {
                return Ok(Arbiter::Key);
            }
            if let Some(unique) = table.unique.iter().find(|u| columns == u.columns.iter().copied().collect())
            {
                return Ok(Arbiter::Index(unique.index));
            }
            let message = "there is no unique or exclusion constraint matching the ON CONFLICT specification";
            Err(Error::new(ErrorKind::InvalidColumnReference, message))
        }
    }
}
