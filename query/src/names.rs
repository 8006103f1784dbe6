//! Names of the catalog's objects: what values of the reg* types are written as and read from.
//!
//! Must not know rows. Invariant: a name is written with its schema where the search path does not find the object.

use crate::kernel::quoting::quote_ident;
use crate::kernel::system::{FIRST_USER_OID, format_type};
use base::id::{Oid, SchemaId};
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use catalog::{CatalogState, EnumLabel, FunctionDef, UserTypeDef};
use sql::binder::{BindContext, is_temporary, object_named};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::sql_type::oid;
use types::text::ObjectNames;
use types::user_type;

/// pg_namespace.oid of pg_catalog.
const PG_CATALOG: Oid = Oid(11);

/// The objects of one catalog as a session sees them.
#[derive(Debug)]
pub(crate) struct Names {
    catalog: Arc<CatalogState>,
    /// Existing schemas, in order.
    search_path: Vec<String>,
    user: String,
    /// Labels that the transaction added to enums.
    added_labels: BTreeSet<Oid>,
}

impl Names {
    pub(crate) fn new(
        catalog: Arc<CatalogState>,
        search_path: Vec<String>,
        user: &str,
        added_labels: BTreeSet<Oid>,
    ) -> Self {
        Self { catalog, search_path, user: user.to_owned(), added_labels }
    }

    /// A function by its name alone where the search path finds no other of it.
    fn function_alone(&self, def: &FunctionDef) -> String {
        let path = self.search_path.iter().filter_map(|schema| self.catalog.schema_named(schema));
        let known = path.flat_map(|schema| self.catalog.functions_named(schema.id, &def.name)).count();
        let alone = known == 1 && builtin::procs_named(&def.name).next().is_none();
        let path = if alone { self.search_path.as_slice() } else { &[] };
        user_function(&self.catalog, path, def)
    }

    fn enum_of(&self, ty: Oid) -> Result<&UserTypeDef> {
        let def = self.catalog.type_of(ty);
        def.map(AsRef::as_ref).ok_or_else(|| Error::internal(format!("cache lookup failed for type {ty}")))
    }

    /// 55P04 for a label that this transaction added.
    fn check_committed(&self, def: &UserTypeDef, label: &EnumLabel) -> Result<()> {
        if !self.added_labels.contains(&label.oid) {
            return Ok(());
        }
        let name = user_type(&self.catalog, &self.search_path, def.oid).unwrap_or_default();
        let message = format!("unsafe use of new value \"{}\" of enum type {name}", label.name);
        Err(Error::new(ErrorKind::UnsafeNewEnumValue, message)
            .with_hint("New enum values must be committed before they can be used."))
    }
}

impl ObjectNames for Names {
    fn name(&self, ty: Oid, object: Oid) -> Option<String> {
        let id = object.0;
        match ty {
            oid::REGTYPE if object >= user_type::FIRST => user_type(&self.catalog, &self.search_path, object),
            oid::REGTYPE => builtin::type_by_oid(object).map(|_| format_type(id, None)),
            oid::REGCLASS => relation(&self.catalog, &self.search_path, id),
            oid::REGNAMESPACE => schema(&self.catalog, id),
            oid::REGPROC => match self.catalog.function(object) {
                Some(def) => Some(self.function_alone(def)),
                None => function(object),
            },
            oid::REGPROCEDURE => match self.catalog.function(object) {
                Some(def) => Some(function_signature(&self.catalog, &self.search_path, def, ",")),
                None => signature(object),
            },
            oid::REGOPER => operator(object),
            oid::REGOPERATOR => operator_signature(object),
            oid::REGROLE if object == builtin::OWNER => Some(quote_ident(&self.user)),
            oid::REGROLE => builtin::role_name(object).map(quote_ident),
            _ => None,
        }
    }

    fn object(&self, ty: Oid, text: &str) -> Result<Oid> {
        let context = BindContext::new(text, &self.catalog)
            .with_search_path(&self.search_path)
            .with_temporary(self.search_path.iter().map(String::as_str).find(|name| is_temporary(name)))
            .with_session(crate::engine::DATABASE, &self.user);
        object_named(&context, ty, text)
    }

    fn enum_label(&self, ty: Oid, position: i64) -> Option<String> {
        self.catalog.type_of(ty)?.label_at(position).map(|label| label.name.clone())
    }

    fn enum_position(&self, ty: Oid, label: &str) -> Result<i64> {
        let def = self.enum_of(ty)?;
        let Some(label) = def.label_named(label) else {
            let name = user_type(&self.catalog, &self.search_path, ty).unwrap_or_default();
            let message = format!("invalid input value for enum {name}: \"{label}\"");
            return Err(Error::new(ErrorKind::InvalidText, message));
        };
        self.check_committed(def, label)?;
        Ok(label.position)
    }

    fn check_label(&self, ty: Oid, position: i64) -> Result<()> {
        let def = self.enum_of(ty)?;
        def.label_at(position).map_or(Ok(()), |label| self.check_committed(def, label))
    }
}

/// Visible without its schema: the first relation of its name along the search path. Built-in relations are.
pub(crate) fn is_visible(catalog: &CatalogState, search_path: &[String], id: u32) -> Option<bool> {
    if id < FIRST_USER_OID {
        return system_name(id).map(|(schema, _)| schema == "pg_catalog");
    }
    let (schema, name) = relation_of(catalog, id)?;
    let mut path = search_path.iter().filter_map(|name| catalog.schema_named(name));
    let first = path.find(|s| {
        catalog.table_named(s.id, &name).is_some()
            || catalog.sequence_named(s.id, &name).is_some()
            || catalog.view_named(s.id, &name).is_some()
            || catalog.composite_named(s.id, &name).is_some()
            || catalog.tables_of(s.id).any(|t| t.has_primary_key() && t.primary_key_name == name)
            || catalog.index_named(s.id, &name).is_some()
    });
    Some(first.is_some_and(|s| s.id == schema))
}

/// A type that a user made, or the type of its arrays, as SQL text would name it.
pub(crate) fn user_type(catalog: &CatalogState, search_path: &[String], ty: Oid) -> Option<String> {
    if let Some(element) = user_type::array_element(ty) {
        return user_type(catalog, search_path, element).map(|name| format!("{name}[]"));
    }
    if let Some(table) = user_type::table_of_row(ty) {
        return relation(catalog, search_path, table.0);
    }
    let def = catalog.type_of(ty)?;
    let visible = user_type_is_visible(catalog, search_path, ty)?;
    let name = quote_ident(&def.name);
    match catalog.schema(def.schema) {
        Some(schema) if !visible => Some(format!("{}.{name}", quote_ident(&schema.name))),
        _ => Some(name),
    }
}

/// Visible without its schema: the first type of its name along the search path. Those of pg_catalog come before.
pub(crate) fn user_type_is_visible(catalog: &CatalogState, search_path: &[String], ty: Oid) -> Option<bool> {
    if let Some(table) = user_type::table_of_row(ty) {
        return is_visible(catalog, search_path, table.0);
    }
    let def = catalog.type_of(user_type::array_element(ty).unwrap_or(ty))?;
    let mut path = search_path.iter().filter_map(|schema| catalog.schema_named(schema));
    let found = path.find_map(|schema| catalog.type_named(schema.id, &def.name));
    Some(found.is_some_and(|found| found.oid == def.oid) && builtin::type_named(&def.name).is_none())
}

/// A function that a user made as SQL text would name it: with its schema where the search path does not find it.
pub(crate) fn user_function(catalog: &CatalogState, search_path: &[String], def: &FunctionDef) -> String {
    let name = quote_ident(&def.name);
    match catalog.schema(def.schema) {
        Some(schema) if !user_function_is_visible(catalog, search_path, def) => {
            format!("{}.{name}", quote_ident(&schema.name))
        }
        _ => name,
    }
}

/// The same with the types of its inputs.
pub(crate) fn function_signature(
    catalog: &CatalogState,
    search_path: &[String],
    def: &FunctionDef,
    comma: &str,
) -> String {
    let name = user_function(catalog, search_path, def);
    let types: Vec<String> = def.inputs().map(|p| type_shown(catalog, search_path, p.ty)).collect();
    format!("{name}({})", types.join(comma))
}

/// A type as SQL text would name it.
pub(crate) fn type_shown(catalog: &CatalogState, search_path: &[String], ty: Oid) -> String {
    let own = (ty >= user_type::FIRST).then(|| user_type(catalog, search_path, ty)).flatten();
    own.unwrap_or_else(|| format_type(ty.0, None))
}

/// Whether the search path finds a function without its schema.
pub(crate) fn user_function_is_visible(
    catalog: &CatalogState,
    search_path: &[String],
    def: &FunctionDef,
) -> bool {
    let inputs = def.input_types();
    let mut path = search_path.iter().filter_map(|schema| catalog.schema_named(schema));
    let found = path.find_map(|schema| catalog.function_of(schema.id, &def.name, &inputs));
    found.is_some_and(|found| found.oid == def.oid)
        && !builtin::procs_named(&def.name).any(|proc| proc.args == inputs)
}

/// A relation as SQL text would name it.
pub(crate) fn relation(catalog: &CatalogState, search_path: &[String], id: u32) -> Option<String> {
    let visible = is_visible(catalog, search_path, id)?;
    let (schema, name) = if id < FIRST_USER_OID {
        let (schema, name) = system_name(id)?;
        (schema.to_owned(), name.to_owned())
    } else {
        let (schema, name) = relation_of(catalog, id)?;
        (catalog.schema(schema)?.name.clone(), name)
    };
    let name = quote_ident(&name);
    Some(if visible { name } else { format!("{}.{name}", quote_ident(&schema)) })
}

/// Schema and name of a built-in relation or index.
fn system_name(id: u32) -> Option<(&'static str, &'static str)> {
    if let Some(relation) = builtin::system_relation_by_oid(Oid(id)) {
        return Some((relation.schema, relation.name));
    }
    let mut indexes = builtin::system_indexes().iter();
    indexes.find(|(_, _, oid)| oid.0 == id).map(|(schema, name, _)| (*schema, *name))
}

/// Schema and name of a relation of the user: a table, a sequence, a view, a composite type or the index of a key.
fn relation_of(catalog: &CatalogState, id: u32) -> Option<(SchemaId, String)> {
    let table = catalog.table_of_relation(Oid(id)).map(|t| (t.schema, t.name.clone()));
    let sequence = || catalog.sequences().find(|s| s.oid == Oid(id)).map(|s| (s.schema, s.name.clone()));
    let view = || catalog.view_of_relation(Oid(id)).map(|v| (v.schema, v.name.clone()));
    let composite = || catalog.composite_of_relation(Oid(id)).map(|def| (def.schema, def.name.clone()));
    table.or_else(sequence).or_else(view).or_else(composite).or_else(|| {
        // The index of a primary key has the OID behind its table's.
        let mut keyed = catalog.tables().filter(|t| t.has_primary_key());
        let def = keyed.find(|t| t.oid.0.saturating_add(1) == id);
        let key = def.map(|def| (def.schema, def.primary_key_name.clone()));
        key.or_else(|| {
            let mut unique = catalog.tables().flat_map(|t| t.unique.iter().map(move |u| (t.schema, u)));
            unique.find(|(_, unique)| unique.oid == Oid(id)).map(|(schema, u)| (schema, u.name.clone()))
        })
    })
}

fn schema(catalog: &CatalogState, id: u32) -> Option<String> {
    if let Some(schema) = catalog.schemas().find(|s| s.oid == Oid(id)) {
        return Some(quote_ident(&schema.name));
    }
    let relation = builtin::relation("pg_namespace")?;
    let (oid, name) = (relation.column("oid")?, relation.column("nspname")?);
    let wanted = id.to_string();
    let row = relation.rows.iter().find(|row| row.get(oid).is_some_and(|v| v.as_deref() == Some(&wanted)))?;
    row.get(name)?.as_deref().map(quote_ident)
}

/// A function by its name alone where no other has it.
fn function(id: Oid) -> Option<String> {
    let row = builtin::proc(id)?;
    if let Some(schema) = other_schema(row) {
        return Some(format!("{schema}.{}", quote_ident(row.name)));
    }
    let single = builtin::procs_named(row.name).count() == 1;
    Some(if single { quote_ident(row.name) } else { format!("pg_catalog.{}", quote_ident(row.name)) })
}

fn signature(id: Oid) -> Option<String> {
    let row = builtin::proc(id)?;
    let args: Vec<String> = row.args.iter().map(|arg| format_type(arg.0, None)).collect();
    let schema = other_schema(row).map(|schema| format!("{schema}.")).unwrap_or_default();
    Some(format!("{schema}{}({})", quote_ident(row.name), args.join(",")))
}

/// The schema of a function that is not found without it.
fn other_schema(row: &builtin::Proc) -> Option<&'static str> {
    (row.namespace != PG_CATALOG).then_some("information_schema")
}

/// An operator by its name alone where no other has it.
fn operator(id: Oid) -> Option<String> {
    let row = builtin::all_operators().find(|o| o.oid == id)?;
    let single = builtin::operators(row.name).len() == 1;
    Some(if single { row.name.to_owned() } else { format!("pg_catalog.{}", row.name) })
}

fn operator_signature(id: Oid) -> Option<String> {
    let row = builtin::all_operators().find(|o| o.oid == id)?;
    let operand = |ty: Oid| if ty == Oid(0) { "NONE".to_owned() } else { format_type(ty.0, None) };
    Some(format!("{}({},{})", row.name, operand(row.left), operand(row.right)))
}
