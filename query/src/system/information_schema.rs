//! The views of information_schema over the tables of this database.
//!
//! Invariant: like PostgreSQL's views they show what the user owns, which is everything.

use crate::engine::DATABASE;
use crate::kernel::quoting::quote_ident;
use crate::system::builtin::SystemCatalog;
use crate::system::default_text::{default_text, in_parentheses};
use crate::system::relations::{OWNER_NAME, schema_name};
use crate::system::table::{SystemTable, Value, value, word};
use base::id::ColumnId;
use catalog::builtin::{system_relations, type_by_oid};
use catalog::{ColumnDef, ColumnKind, SequenceDef};
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
    let views = catalog.state.views().map(|v| (super::views::schema_of(catalog, v), v.name.clone(), "VIEW"));
    for (schema, name, kind) in system.chain(own).chain(views) {
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
                let id = ColumnId(0);
                let (name, kind) = (column.name.to_owned(), ColumnKind::Plain);
                let not_null = column.not_null;
                let column =
                    ColumnDef { id, name, ty, not_null, default: None, kind, missing: types::Datum::Null };
                self::column(catalog, out, &place, &column, None);
            }
        }
    }
    for view in catalog.state.views() {
        let schema = super::views::schema_of(catalog, view);
        for (number, c) in (1_i64..).zip(&view.columns) {
            let place = Place { schema: &schema, table: &view.name, number };
            let (id, name, ty) = (ColumnId(0), c.name.clone(), c.ty.clone());
            let def = ColumnDef {
                id,
                name,
                ty,
                not_null: false,
                default: None,
                kind: ColumnKind::Plain,
                missing: types::Datum::Null,
            };
            column(catalog, out, &place, &def, None);
        }
    }
    for table in catalog.state.tables() {
        let schema = schema_name(catalog, table);
        for c in &table.columns {
            let place = Place { schema: &schema, table: &table.name, number: i64::from(c.number()) };
            let mut own = catalog.state.owned_sequences(table.id);
            let own = own.find(|s| s.owner.is_some_and(|o| o.identity && o.column == c.id));
            column(catalog, out, &place, c, own.map(AsRef::as_ref));
        }
    }
}

struct Place<'a> {
    schema: &'a str,
    table: &'a str,
    number: i64,
}

/// `sequence` is that of an identity column.
fn column(
    catalog: &SystemCatalog,
    out: &mut SystemTable,
    place: &Place<'_>,
    def: &ColumnDef,
    sequence: Option<&SequenceDef>,
) {
    let ty = &def.ty;
    let text = default_text(def).map(|text| shown(catalog, &text));
    let (default, generated) = match def.kind {
        ColumnKind::Generated => (None, text),
        ColumnKind::Plain | ColumnKind::Identity { .. } => (text, None),
    };
    let identity = match def.kind {
        ColumnKind::Identity { always: true } => Some("ALWAYS"),
        ColumnKind::Identity { always: false } => Some("BY DEFAULT"),
        ColumnKind::Plain | ColumnKind::Generated => None,
    };
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
        ("column_name", value(&def.name)),
        ("ordinal_position", value(place.number)),
        ("column_default", default.and_then(value)),
        ("is_nullable", word(if def.not_null { "NO" } else { "YES" })),
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
        ("is_identity", word(if identity.is_some() { "YES" } else { "NO" })),
        ("identity_generation", identity.and_then(word)),
        ("identity_start", sequence.and_then(|s| value(s.start))),
        ("identity_increment", sequence.and_then(|s| value(s.increment))),
        ("identity_maximum", sequence.and_then(|s| value(s.max))),
        ("identity_minimum", sequence.and_then(|s| value(s.min))),
        ("identity_cycle", word(if sequence.is_some_and(|s| s.cycle) { "YES" } else { "NO" })),
        ("is_generated", word(if generated.is_some() { "ALWAYS" } else { "NEVER" })),
        ("generation_expression", generated.and_then(value)),
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

/// An expression with the names of relations; those outside of `public` with their schema.
fn shown(catalog: &SystemCatalog, text: &str) -> String {
    crate::kernel::describe::with_names(text, |id| {
        let sequence = catalog.state.sequences().find(|s| s.oid.0 == id).map(|s| (s.schema, &s.name));
        let table = || catalog.state.tables().find(|t| t.oid.0 == id).map(|t| (t.schema, &t.name));
        let (schema, name) = sequence.or_else(table)?;
        let schema = &catalog.state.schema(schema)?.name;
        let name = quote_ident(name);
        Some(if schema == "public" { name } else { format!("{}.{name}", quote_ident(schema)) })
    })
}

pub(super) fn check_constraints(catalog: &SystemCatalog, out: &mut SystemTable) {
    for table in catalog.state.tables() {
        for check in &table.checks {
            out.row(&[
                ("constraint_catalog", word(DATABASE)),
                ("constraint_schema", value(schema_name(catalog, table))),
                ("constraint_name", value(&check.name)),
                ("check_clause", value(format!("({})", shown(catalog, &in_parentheses(&check.text))))),
            ]);
        }
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
    for table in catalog.state.tables() {
        let schema = schema_name(catalog, table);
        let key = table.has_primary_key().then_some((&table.primary_key_name, "PRIMARY KEY"));
        let checks = table.checks.iter().map(|check| (&check.name, "CHECK"));
        for (name, kind) in key.into_iter().chain(checks) {
            out.row(&[
                ("constraint_catalog", word(DATABASE)),
                ("constraint_schema", value(&schema)),
                ("constraint_name", value(name)),
                ("table_catalog", word(DATABASE)),
                ("table_schema", value(&schema)),
                ("table_name", value(&table.name)),
                ("constraint_type", word(kind)),
                ("is_deferrable", word("NO")),
                ("initially_deferred", word("NO")),
                ("enforced", word("YES")),
            ]);
        }
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
