//! Types that users made: their rows in pg_type, pg_enum and pg_class.

use crate::kernel::describe::named_objects;
use crate::system::attributes::{collation, type_value};
use crate::system::builtin::SystemCatalog;
use crate::system::default_text::default_text;
use crate::system::relations::{OWNER, schema_oid};
use crate::system::table::{SystemTable, Value, flag, value, word};
use base::id::{ColumnId, Oid};
use catalog::{ColumnDef, ColumnKind, DomainDef, TypeShape, UserTypeDef, array_name, builtin};
use types::Datum;
use types::sql_type::array_element;
use types::user_type::{self, UserKind, array_of};

/// Each type and the type of its arrays.
pub(super) fn types(catalog: &SystemCatalog, out: &mut SystemTable) {
    for def in catalog.state.types() {
        let schema = catalog.state.schema(def.schema).map_or(Oid(0), |s| s.oid);
        let array = array_of(def.oid).unwrap_or(Oid(0));
        match &def.shape {
            TypeShape::Enum(_) => enum_type(def, schema, array, out),
            TypeShape::Domain(domain) => {
                // PostgreSQL keeps the text that it had when the domain was made; the path of then is not known.
                let path = ["public".to_owned()];
                let default = default(domain).map(|text| named_objects(&catalog.state, &path, &text));
                domain_type(def, domain, schema, array, default, out);
            }
            TypeShape::Composite(_) => {
                row_type(def.oid, &def.name, def.relation().unwrap_or(Oid(0)), schema, out);
            }
        }
        let delimiter = def.domain().and_then(|domain| type_value(domain.base.oid, "typdelim"));
        let base = def.domain().map_or(def.oid, |domain| domain.base.oid);
        let wide = type_value(base, "typalign").is_some_and(|a| a == "d");
        let collated = def.domain().map_or_else(|| "0".to_owned(), |d| collation(d.base.oid));
        array_type(def.oid, def.array_name(), schema, (delimiter, wide, collated), out);
    }
    for table in catalog.state.tables() {
        let Some(oid) = UserKind::TableRow.oid(table.oid.0) else { continue };
        let schema = schema_oid(catalog, table);
        row_type(oid, &table.name, table.oid, schema, out);
        array_type(oid, array_name(&table.name), schema, (None, true, "0".to_owned()), out);
    }
    for view in catalog.state.views() {
        let Some(oid) = UserKind::TableRow.oid(view.oid.0) else { continue };
        let schema = catalog.state.schema(view.schema).map_or(Oid(0), |s| s.oid);
        row_type(oid, &view.name, view.oid, schema, out);
        array_type(oid, array_name(&view.name), schema, (None, true, "0".to_owned()), out);
    }
}

/// The type of arrays over one; what of it depends on the elements.
fn array_type(
    element: Oid,
    name: String,
    schema: Oid,
    (delimiter, wide, collated): (Value, bool, String),
    out: &mut SystemTable,
) {
    out.row(&[
        ("oid", value(array_of(element).unwrap_or(Oid(0)))),
        ("typname", value(name)),
        ("typnamespace", value(schema)),
        ("typowner", value(OWNER)),
        ("typlen", word("-1")),
        ("typtype", word("b")),
        ("typcategory", word("A")),
        ("typisdefined", flag(true)),
        ("typdelim", delimiter.or_else(|| word(","))),
        ("typsubscript", function("array_subscript_handler")),
        ("typelem", value(element)),
        ("typinput", function("array_in")),
        ("typoutput", function("array_out")),
        ("typreceive", function("array_recv")),
        ("typsend", function("array_send")),
        ("typanalyze", function("array_typanalyze")),
        ("typalign", word(if wide { "d" } else { "i" })),
        ("typstorage", word("x")),
        ("typtypmod", word("-1")),
        ("typcollation", value(collated)),
    ]);
}

fn enum_type(def: &UserTypeDef, schema: Oid, array: Oid, out: &mut SystemTable) {
    out.row(&[
        ("oid", value(def.oid)),
        ("typname", value(&def.name)),
        ("typnamespace", value(schema)),
        ("typowner", value(OWNER)),
        ("typlen", word("4")),
        ("typbyval", flag(true)),
        ("typtype", word("e")),
        ("typcategory", word("E")),
        ("typisdefined", flag(true)),
        ("typdelim", word(",")),
        ("typarray", value(array)),
        ("typinput", function("enum_in")),
        ("typoutput", function("enum_out")),
        ("typreceive", function("enum_recv")),
        ("typsend", function("enum_send")),
        ("typalign", word("i")),
        ("typstorage", word("p")),
        ("typtypmod", word("-1")),
    ]);
}

/// The type of a composite type's rows, or of a table's.
fn row_type(oid: Oid, name: &str, relation: Oid, schema: Oid, out: &mut SystemTable) {
    out.row(&[
        ("oid", value(oid)),
        ("typname", value(name)),
        ("typnamespace", value(schema)),
        ("typowner", value(OWNER)),
        ("typlen", word("-1")),
        ("typtype", word("c")),
        ("typcategory", word("C")),
        ("typisdefined", flag(true)),
        ("typdelim", word(",")),
        ("typrelid", value(relation)),
        ("typarray", value(array_of(oid).unwrap_or(Oid(0)))),
        ("typinput", function("record_in")),
        ("typoutput", function("record_out")),
        ("typreceive", function("record_recv")),
        ("typsend", function("record_send")),
        ("typalign", word("d")),
        ("typstorage", word("x")),
        ("typtypmod", word("-1")),
    ]);
}

/// Composite types in pg_class.
pub(super) fn classes(catalog: &SystemCatalog, out: &mut SystemTable) {
    for def in catalog.state.types() {
        let (Some(relation), Some(composite)) = (def.relation(), def.composite()) else { continue };
        let schema = catalog.state.schema(def.schema).map_or(Oid(0), |s| s.oid);
        out.row(&[
            ("oid", value(relation)),
            ("relname", value(&def.name)),
            ("relnamespace", value(schema)),
            ("reltype", value(def.oid)),
            ("relowner", value(OWNER)),
            ("relkind", word("c")),
            ("relnatts", value(composite.next.0.saturating_sub(1))),
            ("relpersistence", word("p")),
            ("relispopulated", flag(true)),
            ("reltuples", word("-1")),
            ("relreplident", word("n")),
        ]);
    }
}

/// The text of a domain's default, as those of columns are kept.
fn default(domain: &DomainDef) -> Option<String> {
    default_text(&ColumnDef {
        id: ColumnId(0),
        name: String::new(),
        ty: domain.base.clone(),
        not_null: false,
        default: domain.default.clone(),
        kind: ColumnKind::Plain,
        missing: Datum::Null,
    })
}

fn domain_type(
    def: &UserTypeDef,
    domain: &DomainDef,
    schema: Oid,
    array: Oid,
    default: Option<String>,
    out: &mut SystemTable,
) {
    let base = &domain.base;
    let of_base = |column: &str| type_value(base.oid, column);
    out.row(&[
        ("oid", value(def.oid)),
        ("typname", value(&def.name)),
        ("typnamespace", value(schema)),
        ("typowner", value(OWNER)),
        ("typlen", of_base("typlen")),
        ("typbyval", of_base("typbyval")),
        ("typtype", word("d")),
        ("typcategory", if user_type::is_composite(base.oid) { word("C") } else { of_base("typcategory") }),
        ("typisdefined", flag(true)),
        ("typdelim", of_base("typdelim")),
        ("typarray", value(array)),
        ("typinput", function("domain_in")),
        ("typoutput", of_base("typoutput")),
        ("typreceive", function("domain_recv")),
        ("typsend", of_base("typsend")),
        ("typanalyze", of_base("typanalyze")),
        ("typalign", of_base("typalign")),
        ("typstorage", of_base("typstorage")),
        ("typnotnull", flag(domain.not_null)),
        ("typbasetype", value(base.named())),
        ("typtypmod", value(base.named_typmod())),
        ("typndims", value(i32::from(array_element(base.named()).is_some()))),
        ("typcollation", value(collation(base.oid))),
        ("typdefault", default.clone().map(Into::into)),
        ("typdefaultbin", default.map(Into::into)),
    ]);
}

/// Checks of domains.
pub(super) fn constraints(catalog: &SystemCatalog, out: &mut SystemTable) {
    for def in catalog.state.types() {
        let schema = catalog.state.schema(def.schema).map_or(Oid(0), |s| s.oid);
        for check in def.domain().into_iter().flat_map(|domain| &domain.checks) {
            out.row(&[
                ("oid", value(check.oid)),
                ("conname", value(&check.name)),
                ("connamespace", value(schema)),
                ("contype", word("c")),
                ("convalidated", flag(check.validated)),
                ("contypid", value(def.oid)),
                ("confupdtype", word(" ")),
                ("confdeltype", word(" ")),
                ("confmatchtype", word(" ")),
                ("conislocal", flag(true)),
                ("conbin", value(&check.text)),
            ]);
        }
    }
}

/// Labels of enums.
pub(super) fn labels(catalog: &SystemCatalog, out: &mut SystemTable) {
    for def in catalog.state.types() {
        for label in def.labels() {
            out.row(&[
                ("oid", value(label.oid)),
                ("enumtypid", value(def.oid)),
                ("enumsortorder", value(UserTypeDef::sort_order(label))),
                ("enumlabel", value(&label.name)),
            ]);
        }
    }
}

/// pg_proc.oid of a function that only one has the name of.
fn function(name: &str) -> Value {
    builtin::procs_named(name).next().map_or_else(|| word("0"), |row| value(row.oid))
}
