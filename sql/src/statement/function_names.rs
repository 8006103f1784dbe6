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
    let built_in = schema.as_ref().is_none_or(|schema| schema == "pg_catalog")
        && builtin::procs_named(&own).any(|proc| proc.args == inputs);
    let own = known.iter().find(|def| def.input_types() == inputs);
    if let Some(def) = own.filter(|def| !built_in || is_before_built_in(binder, def)) {
        return Ok(Arc::clone(def));
    }
    let types: Vec<String> = inputs.iter().map(|ty| type_name(*ty)).collect();
    let shown = format!("{shown}({})", types.join(", "));
    if built_in {
        let message = format!("cannot drop function {shown} because it is required by the database system");
        return Err(Error::new(ErrorKind::DependentObjects, message));
    }
    Err(Error::new(ErrorKind::UndefinedFunction, format!("function {shown} does not exist")))
}

/// Whether the search path has the schema of a function before that of the built-in ones.
fn is_before_built_in(binder: &Binder<'_>, def: &FunctionDef) -> bool {
    let schema = binder.context.catalog.schema(def.schema);
    let mut before = binder.context.search_path.iter().take_while(|schema| *schema != "pg_catalog");
    let explicit = binder.context.search_path.iter().any(|schema| schema == "pg_catalog");
    explicit && schema.is_some_and(|schema| before.any(|name| *name == schema.name))
}

/// 0A000 for a table that a body reads which was bound when its function was made, unless the function goes, too.
pub(super) fn refuse_bodies(catalog: &CatalogState, table: &TableDef, gone: &[Oid]) -> Result<()> {
    let what = format!("changing or dropping a column of table \"{}\"", table.name);
    refuse_readers(catalog, table.oid, gone, &what)
}

/// 0A000 for what would change a relation that such a body reads.
pub(super) fn refuse_readers(catalog: &CatalogState, relation: Oid, gone: &[Oid], what: &str) -> Result<()> {
    let reads = |def: &&Arc<FunctionDef>| def.uses.contains(&relation) && !gone.contains(&def.oid);
    let Some(def) = catalog.functions().find(reads) else { return Ok(()) };
    let function = signature_shown(def);
    let message = format!("{what}, which the body of function {function} reads, is not supported");
    Err(Error::unsupported(message)
        .with_hint("Drop the function, change the relation, and make the function again."))
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
