//! Columns: pg_attribute and pg_attrdef.
//!
//! Invariants: attnum of a table's column is its id; a column that was dropped has no row.

use crate::system::builtin::SystemCatalog;
use crate::system::default_text::default_text;
use crate::system::relations::{NYALA, index_oid};
use crate::system::table::{SystemTable, Value, flag, value, word};
use base::id::{ColumnId, Oid};
use catalog::builtin::{Relation, relation, system_relations};
use catalog::{ColumnDef, ColumnKind, TableDef, UserTypeDef};
use types::sql_type::oid;
use types::{Datum, SqlType, user_type};

pub(super) fn attributes(catalog: &SystemCatalog, out: &mut SystemTable) {
    // Columns of PostgreSQL's own relations are built-in rows.
    for relation in system_relations().iter().filter(|r| r.schema == NYALA) {
        for (number, column) in (1_usize..).zip(&relation.columns) {
            let Some(ty) = SqlType::with_typmod(column.ty, column.typmod) else { continue };
            let (name, id) = (column.name.to_owned(), ColumnId(0));
            let column = plain(id, name, ty);
            attribute(out, relation.oid, number, &column, false);
        }
    }
    for view in catalog.state.views() {
        for (number, column) in (1_usize..).zip(&view.columns) {
            let column = plain(ColumnId(0), column.name.clone(), column.ty.clone());
            attribute(out, view.oid, number, &column, false);
        }
    }
    for def in catalog.state.types() {
        let attributes = def.composite().into_iter().flat_map(|composite| &composite.attributes);
        for attribute in attributes {
            let number = usize::try_from(attribute.number.0).unwrap_or(0);
            let column = plain(attribute.number, attribute.name.clone(), attribute.ty.clone());
            attribute_of(out, def, number, &column);
        }
    }
    for sequence in catalog.state.sequences() {
        for (number, (name, ty)) in (1_usize..).zip(SEQUENCE_COLUMNS) {
            let Some(ty) = SqlType::of(*ty) else { continue };
            attribute(out, sequence.oid, number, &plain(ColumnId(0), (*name).to_owned(), ty), true);
        }
    }
    for table in catalog.state.tables() {
        for column in &table.columns {
            let number = usize::try_from(column.number()).unwrap_or(0);
            attribute(out, table.oid, number, column, column.not_null);
        }
        let key = table.primary_key.iter().filter_map(|id| table.column(*id));
        for (number, column) in (1_usize..).zip(key) {
            attribute(
                out,
                index_oid(table),
                number,
                &plain(column.id, column.name.clone(), column.ty.clone()),
                false,
            );
        }
    }
}

/// The columns of a sequence as a relation.
const SEQUENCE_COLUMNS: &[(&str, Oid)] =
    &[("last_value", oid::INT8), ("log_cnt", oid::INT8), ("is_called", oid::BOOL)];

fn plain(id: ColumnId, name: String, ty: SqlType) -> ColumnDef {
    ColumnDef { id, name, ty, not_null: false, default: None, kind: ColumnKind::Plain, missing: Datum::Null }
}

fn identity(column: &ColumnDef) -> &'static str {
    match column.kind {
        ColumnKind::Identity { always: true } => "a",
        ColumnKind::Identity { always: false } => "d",
        ColumnKind::Plain | ColumnKind::Generated => "",
    }
}

fn attribute_of(out: &mut SystemTable, def: &UserTypeDef, number: usize, column: &ColumnDef) {
    if let Some(relation) = def.relation() {
        attribute(out, relation, number, column, false);
    }
}

fn attribute(out: &mut SystemTable, relation: Oid, number: usize, column: &ColumnDef, not_null: bool) {
    let of_type = |name: &str| type_value(column.ty.oid, name);
    out.row(&[
        ("attrelid", value(relation)),
        ("attname", value(&column.name)),
        ("atttypid", value(column.ty.named())),
        ("attstattarget", word("-1")),
        ("attlen", of_type("typlen")),
        ("attnum", value(number)),
        ("attndims", value(i32::from(types::sql_type::array_element(column.ty.named()).is_some()))),
        ("attcacheoff", word("-1")),
        ("atttypmod", value(column.ty.named_typmod())),
        ("attbyval", of_type("typbyval")),
        ("attalign", of_type("typalign")),
        ("attstorage", of_type("typstorage")),
        ("attnotnull", flag(not_null)),
        ("atthasdef", flag(default_text(column).is_some())),
        ("atthasmissing", flag(!column.missing.is_null())),
        ("attidentity", word(identity(column))),
        ("attgenerated", word(if column.kind == ColumnKind::Generated { "s" } else { "" })),
        ("attislocal", flag(true)),
        ("attcollation", value(collation(column.ty.oid))),
    ]);
}

/// A value of the type's row in pg_type.
pub(super) fn type_value(ty: Oid, column: &str) -> Value {
    // What users make has what these have: enums four bytes, arrays and rows any length.
    let ty = match ty {
        own if user_type::is_enum(own) => oid::INT4,
        own if user_type::is_composite(own) => oid::RECORD,
        own if user_type::of_composite(own) => oid::RECORD_ARRAY,
        own if user_type::is_array(own) => oid::INT4_ARRAY,
        other => other,
    };
    let types: &'static Relation = relation("pg_type")?;
    let (oid, place) = (types.column("oid")?, types.column(column)?);
    let wanted = ty.to_string();
    let row =
        types.rows.iter().find(|row| row.get(oid).is_some_and(|v| v.as_deref() == Some(wanted.as_str())))?;
    row.get(place).cloned().flatten()
}

/// The collation of a column of a type, 0 for types without.
pub(super) fn collation(ty: Oid) -> String {
    type_value(ty, "typcollation").map_or_else(|| "0".to_owned(), |v| v.into_owned())
}

pub(super) fn defaults(catalog: &SystemCatalog, out: &mut SystemTable) {
    for table in catalog.state.tables() {
        for column in &table.columns {
            if let Some(text) = default_text(column) {
                out.row(&[
                    ("oid", value(default_oid(table, column.id.0))),
                    ("adrelid", value(table.oid)),
                    ("adnum", value(column.number())),
                    ("adbin", value(text)),
                ]);
            }
        }
    }
}

/// Defaults have no OID of their own; this one is unique among them and stays the same.
pub(super) fn default_oid(table: &TableDef, number: u32) -> u32 {
    table.oid.0.wrapping_mul(2_048).wrapping_add(number)
}
