//! The views of information_schema over the tables of this database.
//!
//! Invariant: like PostgreSQL's views they show what the user owns, which is everything.

use crate::engine::DATABASE;
use crate::system::builtin::SystemCatalog;
use crate::system::default_text::default_text;
use crate::system::relations::{OWNER_NAME, schema_name};
use crate::system::table::{SystemTable, Value, value, word};
use catalog::builtin::{system_relations, type_by_oid};
use types::SqlType;
use types::sql_type::oid;

pub(super) fn schemata(catalog: &SystemCatalog, out: &mut SystemTable) {
    let system = ["pg_catalog", "information_schema"].into_iter().map(str::to_owned);
    for name in system.chain(catalog.state.schemas().map(|s| s.name.clone())) {
        out.row(&[
            ("catalog_name", word(DATABASE)),
            ("schema_name", value(name)),
            ("schema_owner", word(OWNER_NAME)),
        ]);
    }
}

pub(super) fn tables(catalog: &SystemCatalog, out: &mut SystemTable) {
    let system = system_relations()
        .iter()
        .map(|r| (r.schema.to_owned(), r.name.to_owned(), if r.kind == 'v' { "VIEW" } else { "BASE TABLE" }));
    let own = catalog.state.tables().map(|t| (schema_name(catalog, t), t.name.clone(), "BASE TABLE"));
    for (schema, name, kind) in system.chain(own) {
        out.row(&[
            ("table_catalog", word(DATABASE)),
            ("table_schema", value(schema)),
            ("table_name", value(name)),
            ("table_type", word(kind)),
            ("is_insertable_into", word(if kind == "VIEW" { "NO" } else { "YES" })),
            ("is_typed", word("NO")),
        ]);
    }
}

pub(super) fn columns(catalog: &SystemCatalog, out: &mut SystemTable) {
    for relation in system_relations() {
        for column in &relation.columns {
            if let Some(ty) = SqlType::with_typmod(column.ty, column.typmod) {
                let place =
                    Place { schema: relation.schema, table: relation.name, number: i64::from(column.attnum) };
                self::column(out, &place, column.name, &ty, column.not_null, None);
            }
        }
    }
    for table in catalog.state.tables() {
        let schema = schema_name(catalog, table);
        for (number, c) in (1_i64..).zip(&table.columns) {
            let place = Place { schema: &schema, table: &table.name, number };
            column(out, &place, &c.name, &c.ty, c.not_null, default_text(c));
        }
    }
}

struct Place<'a> {
    schema: &'a str,
    table: &'a str,
    number: i64,
}

fn column(
    out: &mut SystemTable,
    place: &Place<'_>,
    name: &str,
    ty: &SqlType,
    not_null: bool,
    default: Option<String>,
) {
    let (precision, radix, scale) = numeric_shape(ty);
    let is_time = matches!(
        ty.oid,
        oid::DATE | oid::TIMESTAMP | oid::TIMESTAMPTZ | oid::TIME | oid::TIMETZ | oid::INTERVAL
    );
    let time_precision = match ty.oid {
        oid::DATE => Some(0),
        // An interval's modifier has its fields in the upper half.
        oid::INTERVAL if ty.typmod >= 0 => Some((ty.typmod & 0xffff).min(6)),
        _ => is_time.then_some(if ty.typmod < 0 { 6 } else { ty.typmod }),
    };
    let is_text = matches!(ty.oid, oid::TEXT | oid::VARCHAR | oid::BPCHAR);
    // One gigabyte of the longest characters, as PostgreSQL prints it for every text type.
    let octets = is_text.then(|| ty.length_max().map_or(1_073_741_824, |n| n.saturating_mul(4)));
    let type_name = type_by_oid(ty.oid).map_or("", |t| t.name);
    out.row(&[
        ("table_catalog", word(DATABASE)),
        ("table_schema", value(place.schema)),
        ("table_name", value(place.table)),
        ("column_name", value(name)),
        ("ordinal_position", value(place.number)),
        ("column_default", default.and_then(value)),
        ("is_nullable", word(if not_null { "NO" } else { "YES" })),
        ("data_type", word(standard_name(ty, type_name))),
        ("character_maximum_length", characters_max(ty).and_then(value)),
        ("character_octet_length", octets.and_then(value)),
        ("numeric_precision", precision.and_then(value)),
        ("numeric_precision_radix", radix.and_then(value)),
        ("numeric_scale", scale.and_then(value)),
        ("datetime_precision", time_precision.and_then(value)),
        ("udt_catalog", word(DATABASE)),
        ("udt_schema", word("pg_catalog")),
        ("udt_name", word(type_name)),
        ("dtd_identifier", value(place.number)),
        ("is_self_referencing", word("NO")),
        ("is_identity", word("NO")),
        ("identity_cycle", word("NO")),
        ("is_generated", word("NEVER")),
        ("is_updatable", word("YES")),
    ]);
}

/// Characters, or bits, at most.
fn characters_max(ty: &SqlType) -> Option<usize> {
    match ty.oid {
        oid::BIT | oid::VARBIT => usize::try_from(ty.typmod).ok(),
        _ => ty.length_max(),
    }
}

/// Precision, radix and scale of numeric_precision and its neighbours.
fn numeric_shape(ty: &SqlType) -> (Option<i64>, Option<i64>, Option<i64>) {
    match ty.oid {
        oid::INT2 => (Some(16), Some(2), Some(0)),
        oid::INT4 => (Some(32), Some(2), Some(0)),
        oid::INT8 => (Some(64), Some(2), Some(0)),
        oid::FLOAT4 => (Some(24), Some(2), None),
        oid::FLOAT8 => (Some(53), Some(2), None),
        oid::NUMERIC => match ty.numeric_precision_scale() {
            Some((precision, scale)) => (Some(i64::from(precision)), Some(10), Some(i64::from(scale))),
            None => (None, Some(10), None),
        },
        _ => (None, None, None),
    }
}

/// The type as the SQL standard names it.
fn standard_name(ty: &SqlType, name: &'static str) -> &'static str {
    match ty.oid {
        oid::BOOL => "boolean",
        oid::INT2 => "smallint",
        oid::INT4 => "integer",
        oid::INT8 => "bigint",
        oid::FLOAT4 => "real",
        oid::FLOAT8 => "double precision",
        oid::VARCHAR => "character varying",
        oid::BPCHAR => "character",
        oid::TIMESTAMP => "timestamp without time zone",
        oid::TIMESTAMPTZ => "timestamp with time zone",
        oid::TIME => "time without time zone",
        oid::TIMETZ => "time with time zone",
        oid::VARBIT => "bit varying",
        oid::CHAR => "\"char\"",
        other if types::sql_type::array_element(other).is_some() => "ARRAY",
        _ => name,
    }
}

pub(super) fn table_constraints(catalog: &SystemCatalog, out: &mut SystemTable) {
    for table in catalog.state.tables().filter(|t| t.has_primary_key()) {
        let schema = schema_name(catalog, table);
        out.row(&[
            ("constraint_catalog", word(DATABASE)),
            ("constraint_schema", value(&schema)),
            ("constraint_name", value(&table.primary_key_name)),
            ("table_catalog", word(DATABASE)),
            ("table_schema", value(&schema)),
            ("table_name", value(&table.name)),
            ("constraint_type", word("PRIMARY KEY")),
            ("is_deferrable", word("NO")),
            ("initially_deferred", word("NO")),
            ("enforced", word("YES")),
        ]);
    }
}

pub(super) fn key_column_usage(catalog: &SystemCatalog, out: &mut SystemTable) {
    for table in catalog.state.tables() {
        let schema = schema_name(catalog, table);
        for (number, column) in (1..).zip(table.primary_key.iter().filter_map(|id| table.column(*id))) {
            let number: Value = value(number);
            out.row(&[
                ("constraint_catalog", word(DATABASE)),
                ("constraint_schema", value(&schema)),
                ("constraint_name", value(&table.primary_key_name)),
                ("table_catalog", word(DATABASE)),
                ("table_schema", value(&schema)),
                ("table_name", value(&table.name)),
                ("column_name", value(&column.name)),
                ("ordinal_position", number),
            ]);
        }
    }
}
