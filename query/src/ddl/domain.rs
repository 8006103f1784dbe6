//! CREATE DOMAIN and ALTER DOMAIN.
//!
//! Invariant: rows are looked at when nobody else can write any that the new definition forbids.

use super::alter::renewed;
use super::names::{constraint_exists, free_name};
use super::table::command;
use crate::api::Execution;
use crate::lower::{self, QueryContext};
use crate::session::Core;
use base::id::{Oid, SchemaId, SchemaVersion, TableId};
use base::{Error, ErrorKind, Result};
use catalog::{CatalogEdit, CatalogState, DomainDef, TypeShape, UserTypeDef};
use futures::StreamExt;
use sql::bound::{DomainEdit, DomainProbe};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::user_type::UserKind;

/// CREATE DOMAIN.
pub(crate) fn create_domain(
    core: &mut Core,
    schema: SchemaId,
    name: &str,
    domain: &DomainDef,
) -> Result<Execution> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let number = catalog.next_oid();
    let oid = UserKind::Domain
        .oid(number.0)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "there are no OIDs left for types"))?;
    let mut domain = domain.clone();
    let mut done = Vec::with_capacity(domain.checks.len());
    let mut next = number.0;
    for mut check in std::mem::take(&mut domain.checks) {
        next = next.saturating_add(1);
        check.oid = Oid(next);
        let taken = |name: &str| done.iter().any(|(known, _): &(String, _)| known == name);
        if check.name.is_empty() {
            check.name = free_check(&catalog, schema, name, taken)?;
        }
        done.push((check.name.clone(), check));
    }
    domain.checks = done.into_iter().map(|(_, check)| check).collect();
    let def = UserTypeDef { oid, schema, name: name.to_owned(), shape: TypeShape::Domain(domain) };
    core.transaction.current()?.edit_catalog(CatalogEdit::CreateType(Box::new(def)))?;
    Ok(command("CREATE DOMAIN"))
}

fn free_check(
    catalog: &CatalogState,
    schema: SchemaId,
    domain: &str,
    taken: impl Fn(&str) -> bool,
) -> Result<String> {
    free_name(domain, None, "check", |name| constraint_exists(catalog, schema, name) || taken(name))
}

/// ALTER DOMAIN.
pub(crate) async fn alter_domain(
    core: &mut Core,
    ty: Oid,
    edit: &DomainEdit,
    probes: &[DomainProbe],
    context: &QueryContext,
) -> Result<Execution> {
    let catalog = Arc::clone(core.transaction.current()?.catalog());
    let mut def =
        catalog.type_of(ty).ok_or_else(|| Error::internal("altering an unknown type"))?.as_ref().clone();
    match edit {
        DomainEdit::Notice(text) => core.notice("NOTICE", "00000", text.as_str()),
        DomainEdit::Name { schema, name } => {
            super::user_type::name_is_free(&catalog, &def, *schema, name)?;
            (def.schema, def.name) = (*schema, name.clone());
        }
        _ => changed(&catalog, &mut def, edit)?,
    }
    let before = catalog.type_of(ty).map(AsRef::as_ref);
    if before == Some(&def) {
        return Ok(command("ALTER DOMAIN"));
    }
    core.transaction.current()?.edit_catalog(CatalogEdit::AlterType(Box::new(def)))?;
    if !probes.is_empty() {
        let tables: BTreeSet<TableId> = probes.iter().map(|probe| probe.table).collect();
        for table in tables {
            take_new_rows(core, table)?;
        }
        let context = renewed(core, context)?;
        for found in probes {
            probe(core, found, edit, &context).await?;
        }
    }
    Ok(command("ALTER DOMAIN"))
}

fn changed(catalog: &CatalogState, def: &mut UserTypeDef, edit: &DomainEdit) -> Result<()> {
    let (schema, name) = (def.schema, def.name.clone());
    let TypeShape::Domain(domain) = &mut def.shape else {
        return Err(Error::internal("altering a domain that is none"));
    };
    match edit {
        DomainEdit::Default(default) => domain.default.clone_from(default),
        DomainEdit::NotNull(not_null) => domain.not_null = *not_null,
        DomainEdit::AddCheck(check) => {
            let mut check = check.clone();
            check.oid = catalog.next_oid();
            if check.name.is_empty() {
                check.name = free_check(catalog, schema, &name, |_| false)?;
            }
            domain.checks.push(check);
        }
        DomainEdit::DropCheck(name) => domain.checks.retain(|check| check.name != *name),
        DomainEdit::RenameCheck { from, to } => {
            domain
                .checks
                .iter_mut()
                .filter(|check| check.name == *from)
                .for_each(|check| check.name.clone_from(to));
        }
        DomainEdit::Validate(name) => {
            domain
                .checks
                .iter_mut()
                .filter(|check| check.name == *name)
                .for_each(|check| check.validated = true);
        }
        DomainEdit::Name { .. } | DomainEdit::Notice(_) => {}
    }
    Ok(())
}

/// Another version of a table: whoever was about to write to it by what the domain asked before has to look again.
fn take_new_rows(core: &mut Core, table: TableId) -> Result<()> {
    let transaction = core.transaction.current()?;
    let def = transaction.catalog().table(table);
    let mut def = def.ok_or_else(|| Error::internal("altering an unknown table"))?.as_ref().clone();
    def.schema_version = SchemaVersion(def.schema_version.0.saturating_add(1));
    tokio::task::block_in_place(|| transaction.edit_catalog(CatalogEdit::AlterTable(Box::new(def))))
}

/// Fails when a row is in the way.
async fn probe(core: &Core, probe: &DomainProbe, edit: &DomainEdit, context: &QueryContext) -> Result<()> {
    let DomainProbe { table, column, rel, col } = probe;
    let threads = core.engine.shared.threads.clone();
    let planned = lower::execute(context, rel, std::slice::from_ref(col));
    let mut rows = threads.starting_operators(planned).await?;
    while let Some(batch) = rows.next().await {
        if batch?.num_rows() == 0 {
            continue;
        }
        let def = context.statement.catalog.table(*table);
        let def = def.ok_or_else(|| Error::internal("looking into an unknown table"))?;
        let of = format!("column \"{column}\" of table \"{}\"", def.name);
        let error = match edit {
            DomainEdit::NotNull(_) => {
                Error::new(ErrorKind::NotNullViolation, format!("{of} contains null values"))
            }
            _ => {
                let message = format!("{of} contains values that violate the new constraint");
                Error::new(ErrorKind::CheckViolation, message)
            }
        };
        return Err(error.about(def.subject(Some(column), None)));
    }
    Ok(())
}
