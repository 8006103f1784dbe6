//! Types that users made: their rows in pg_type and pg_enum.

use crate::system::builtin::SystemCatalog;
use crate::system::relations::OWNER;
use crate::system::table::{SystemTable, Value, flag, value, word};
use base::id::Oid;
use catalog::{UserTypeDef, builtin};
use types::user_type::array_of;

/// Each type and the type of its arrays.
pub(super) fn types(catalog: &SystemCatalog, out: &mut SystemTable) {
    for def in catalog.state.types() {
        let schema = catalog.state.schema(def.schema).map_or(Oid(0), |s| s.oid);
        let array = array_of(def.oid).unwrap_or(Oid(0));
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
        out.row(&[
            ("oid", value(array)),
            ("typname", value(def.array_name())),
            ("typnamespace", value(schema)),
            ("typowner", value(OWNER)),
            ("typlen", word("-1")),
            ("typtype", word("b")),
            ("typcategory", word("A")),
            ("typisdefined", flag(true)),
            ("typdelim", word(",")),
            ("typsubscript", function("array_subscript_handler")),
            ("typelem", value(def.oid)),
            ("typinput", function("array_in")),
            ("typoutput", function("array_out")),
            ("typreceive", function("array_recv")),
            ("typsend", function("array_send")),
            ("typanalyze", function("array_typanalyze")),
            ("typalign", word("i")),
            ("typstorage", word("x")),
            ("typtypmod", word("-1")),
        ]);
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
