//! Functions by the names that statements give them, and what is made with them.
//!
//! Must not know what becomes of them.

use crate::binder::{Binder, signature_shown, type_name};
use crate::parse::FunctionName;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, FunctionDef, ParameterMode, TableDef, builtin};
use sqlparser::ast;
use std::sync::Arc;

/// The function that a user made of that name; 42883 when there is none, 42725 when there are several.
pub(super) fn named(binder: &Binder<'_>, function: &FunctionName) -> Result<Arc<FunctionDef>> {
    let FunctionName { name, parameters } = function;
    let (schema, own) = binder.split_name(name)?;
    if let Some(schema) = schema.as_deref().filter(|schema| *schema != "pg_catalog") {
        binder.schema_named(&ast::ObjectName::from(vec![ast::Ident::with_quote('"', schema)]))?;
    }
    let known = binder.functions_called(schema.as_deref(), &own);
    let shown = schema.as_ref().map_or_else(|| own.clone(), |schema| format!("{schema}.{own}"));
    let Some(parameters) = parameters else {
        let first = known.first().ok_or_else(|| {
            let message = format!("could not find a function named \"{shown}\"");
            Error::new(ErrorKind::UndefinedFunction, message)
        })?;
        if known.iter().filter(|def| def.schema == first.schema).count() > 1 {
            let message = format!("function name \"{shown}\" is not unique");
            return Err(Error::new(ErrorKind::AmbiguousFunction, message)
                .with_hint("Specify the argument list to select the function unambiguously."));
        }
        return Ok(Arc::clone(first));
    };
    let mut inputs = Vec::with_capacity(parameters.len());
    for parameter in parameters.iter().filter(|p| p.mode.is_none_or(ParameterMode::is_input)) {
        inputs.push(binder.declared_type(&parameter.ty)?);
    }
    if let Some(def) = known.iter().find(|def| def.input_types() == inputs) {
        return Ok(Arc::clone(def));
    }
    let types: Vec<String> = inputs.iter().map(|ty| type_name(*ty)).collect();
    let shown = format!("{shown}({})", types.join(", "));
    let built_in = schema.is_none_or(|schema| schema == "pg_catalog")
        && builtin::procs_named(&own).any(|proc| proc.args == inputs);
    if built_in {
        let message = format!("function {shown} is required by the database system");
        return Err(Error::new(ErrorKind::DependentObjects, message));
    }
    Err(Error::new(ErrorKind::UndefinedFunction, format!("function {shown} does not exist")))
}

/// 0A000 for a table that a body reads which was bound when its function was made.
pub(super) fn refuse_bodies(catalog: &CatalogState, table: &TableDef) -> Result<()> {
    let Some(def) = catalog.functions().find(|def| def.uses.contains(&table.oid)) else { return Ok(()) };
    let message = format!(
        "changing or dropping a column of table \"{}\", which the body of function {} reads, is not supported",
        table.name,
        signature_shown(def)
    );
    Err(Error::unsupported(message).with_hint("Drop the function, change the table, and make it again."))
}

/// Types and functions, and the functions that are made with them.
pub(super) fn with_users(catalog: &CatalogState, objects: &[Oid]) -> Vec<Oid> {
    let mut all = objects.to_vec();
    loop {
        let uses =
            |def: &&Arc<FunctionDef>| !all.contains(&def.oid) && def.is_made_with(|oid| all.contains(&oid));
        let found: Vec<Oid> = catalog.functions().filter(uses).map(|def| def.oid).collect();
        if found.is_empty() {
            return all;
        }
        all.extend(found);
    }
}
