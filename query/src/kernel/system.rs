//! Functions about the session and the catalog.
//!
//! Must not know sessions: everything comes from the statement's context.

use crate::kernel::call::{Arg, Call, Run, arg, map0, map1, map2};
use crate::kernel::list::each;
use crate::kernel::quoting::quote_ident;
use crate::kernel::value::{Bool, Bytes, Id, Input, Int4, Int8, Output, Text};
use crate::settings::{SERVER_VERSION, unrecognized};
use arrow::array::{ArrayRef, new_null_array};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::TableDef;
use sql::binder::is_temporary;
use std::sync::Arc;
use types::Datum;
use types::sql_type::oid;

/// OIDs below belong to what every database has.
pub(crate) const FIRST_USER_OID: u32 = 16_384;
/// pg_namespace.oid of pg_catalog.
pub(crate) const PG_CATALOG: Oid = Oid(11);
const UTF8: i32 = 6;

fn text(call: &Call<'_>, value: &str) -> Result<ArrayRef> {
    map0::<Text>(call, || Ok(value.to_owned()))
}

fn current_schema(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    match call.statement.search_path.iter().find(|name| !is_temporary(name)) {
        Some(schema) => text(call, schema),
        None => Ok(new_null_array(&call.ret.form.arrow(), call.rows)),
    }
}

fn current_schemas(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let implicit = arg(args, 0)?;
    let column = Bool::column(implicit.array.as_ref())?;
    let mut out = Vec::with_capacity(call.rows);
    for row in 0..call.rows {
        if implicit.is_null(row) {
            out.push(Datum::Null);
            continue;
        }
        let implicit = column.value(implicit.index(row));
        let path = &call.statement.search_path;
        let (temporary, named): (Vec<String>, Vec<String>) =
            path.iter().cloned().partition(|n| is_temporary(n));
        let first = temporary.into_iter().chain(["pg_catalog".to_owned()]).filter(|_| implicit);
        let names = first.chain(named);
        out.push(Datum::list(names.map(Datum::Text).collect()));
    }
    types::array::from_data(&call.ret.form, &out)
}

fn setting(call: &Call<'_>, name: &str, missing_ok: bool) -> Result<Option<String>> {
    match call.statement.parameters.show(name) {
        Some(value) => Ok(Some(value)),
        None => match unrecognized(name) {
            error if missing_ok && error.kind() == ErrorKind::UndefinedObject => Ok(None),
            error => Err(error),
        },
    }
}

/// The schema of the session's temporary tables, if it has any.
fn own_temporary(call: &Call<'_>) -> Option<Oid> {
    let name = call.statement.search_path.iter().find(|name| is_temporary(name))?;
    call.statement.catalog.schema_named(name).map(|schema| schema.oid)
}

fn is_other_temporary(call: &Call<'_>, id: Oid) -> bool {
    let mut others = call.statement.catalog.schemas().filter(|schema| schema.oid == id);
    others.any(|schema| is_temporary(&schema.name)) && own_temporary(call) != Some(id)
}

/// Changes a parameter of the session; the row says which, whatever is null is left out or the default.
fn set_config(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    each(call, args, |row| {
        let [name, value, local] = row.as_slice() else {
            return Err(Error::internal("set_config has three arguments"));
        };
        let Datum::Text(name) = name else {
            let message = "SET requires parameter name";
            return Err(Error::new(ErrorKind::NullNotAllowed, message));
        };
        let value = match value {
            Datum::Text(value) => Some(value.as_str()),
            _ => None,
        };
        let local = matches!(local, Datum::Bool(true));
        call.statement.parameters.set(name, value, local).map(Datum::Text)
    })
}

/// The table whose row in pg_class has an OID.
pub(crate) fn table<'c>(call: &Call<'c>, id: u32) -> Option<&'c Arc<TableDef>> {
    call.statement.catalog.table_of_relation(Oid(id))
}

/// Visible without its schema.
pub(crate) fn table_is_visible(call: &Call<'_>, id: u32) -> Option<bool> {
    crate::names::is_visible(&call.statement.catalog, &call.statement.search_path, id)
}

/// The SQL name of a type with its modifier.
pub(crate) fn format_type(id: u32, typmod: Option<i32>) -> String {
    if id == 0 {
        return "-".to_owned();
    }
    let array = catalog::builtin::type_by_oid(Oid(id)).filter(|ty| ty.is_true_array);
    if let Some(element) = array.map(|ty| ty.element)
        && !matches!(Oid(id), oid::INT2VECTOR | oid::OIDVECTOR)
    {
        return format!("{}[]", format_type(element.0, typmod));
    }
    let modifier = typmod.filter(|m| *m >= 0);
    let length = modifier.map(|m| format!("({})", m - 4)).unwrap_or_default();
    match Oid(id) {
        oid::BOOL => "boolean".to_owned(),
        oid::CHAR => "\"char\"".to_owned(),
        oid::INT2 => "smallint".to_owned(),
        oid::INT4 => "integer".to_owned(),
        oid::INT8 => "bigint".to_owned(),
        oid::FLOAT4 => "real".to_owned(),
        oid::FLOAT8 => "double precision".to_owned(),
        oid::VARCHAR => format!("character varying{length}"),
        // Without modifier the name must not be read as char(1).
        oid::BPCHAR if typmod.is_some() && modifier.is_none() => "bpchar".to_owned(),
        oid::BPCHAR => format!("character{length}"),
        oid::NUMERIC => match modifier {
            Some(m) if m >= 4 => {
                let scale = (m - 4) & 0x7ff;
                let scale = if scale > 1_023 { scale - 2_048 } else { scale };
                format!("numeric({},{scale})", (m - 4) >> 16)
            }
            _ => "numeric".to_owned(),
        },
        oid::TIME => format!("time{} without time zone", precision(modifier)),
        oid::TIMETZ => format!("time{} with time zone", precision(modifier)),
        oid::BIT => format!("bit{}", precision(modifier)),
        oid::VARBIT => format!("bit varying{}", precision(modifier)),
        oid::INTERVAL => format!("interval{}", modifier.map(interval_modifier).unwrap_or_default()),
        oid::TIMESTAMP => format!("timestamp{} without time zone", precision(modifier)),
        oid::TIMESTAMPTZ => format!("timestamp{} with time zone", precision(modifier)),
        other => match catalog::builtin::type_by_oid(other) {
            None => "???".to_owned(),
            Some(row) if row.namespace == PG_CATALOG => quote_ident(row.name),
            Some(row) => format!("information_schema.{}", quote_ident(row.name)),
        },
    }
}

/// Fields and precision of an interval's modifier, as they are declared.
fn interval_modifier(modifier: i32) -> String {
    const FIELDS: [(i32, &str); 6] = [
        (1 << 2, "year"),
        (1 << 1, "month"),
        (1 << 3, "day"),
        (1 << 10, "hour"),
        (1 << 11, "minute"),
        (1 << 12, "second"),
    ];
    let (range, digits) = ((modifier >> 16) & 0x7fff, modifier & 0xffff);
    let mut named =
        FIELDS.iter().filter(|(bit, _)| range != 0x7fff && range & bit != 0).map(|(_, name)| name);
    let fields = match (named.next(), named.next_back()) {
        (Some(first), Some(last)) => format!(" {first} to {last}"),
        (Some(only), None) => format!(" {only}"),
        _ => String::new(),
    };
    let digits = if digits == 0xffff { String::new() } else { format!("({digits})") };
    format!("{fields}{digits}")
}

fn precision(modifier: Option<i32>) -> String {
    modifier.map(|m| format!("({m})")).unwrap_or_default()
}

fn format_type_rows(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let (ids, modifiers) = (arg(args, 0)?, arg(args, 1)?);
    let id_column = Id::column(ids.array.as_ref())?;
    let modifier_column = Int4::column(modifiers.array.as_ref())?;
    let mut out = Text::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        if ids.is_null(row) {
            Text::append_null(&mut out);
            continue;
        }
        let modifier = (!modifiers.is_null(row)).then(|| modifier_column.value(modifiers.index(row)));
        let id = id_column.value(ids.index(row));
        let (catalog, path) = (&call.statement.catalog, &call.statement.search_path);
        let name = crate::names::user_type(catalog, path, Oid(id));
        Text::append(&mut out, name.unwrap_or_else(|| format_type(id, modifier)))?;
    }
    Text::finish(out)
}

fn size_pretty(bytes: i64) -> String {
    let mut size = i128::from(bytes);
    if size.abs() < 10 * 1024 {
        return format!("{size} bytes");
    }
    // Each unit but the first is reached with one bit more than it shows, which then rounds.
    size >>= 9;
    for unit in ["kB", "MB", "GB", "TB", "PB"] {
        if size.abs() < 20 * 1024 - 1 || unit == "PB" {
            let rounded = if size >= 0 { (size + 1) / 2 } else { (size - 1) / 2 };
            return format!("{rounded} {unit}");
        }
        size >>= 10;
    }
    format!("{size} PB")
}

/// A random (version 4) uuid.
fn random_uuid(call: &Call<'_>, _args: &[Arg]) -> Result<ArrayRef> {
    let source = &call.statement.random;
    map0::<Bytes>(call, || {
        let bits = source.next_u128();
        let versioned = (bits & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
        Ok(versioned.to_be_bytes().to_vec())
    })
}

/// The text without the parentheses that are around all of it.
fn without_parentheses(text: String) -> String {
    let Some(inner) = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')) else { return text };
    let mut depth = 0_i32;
    let mut quoted = false;
    for c in inner.chars() {
        match c {
            '\'' => quoted = !quoted,
            '(' if !quoted => depth += 1,
            ')' if !quoted => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inner.to_owned()
}

/// The text of an expression of the catalog, which is kept as text.
fn expression_text(call: &Call<'_>, args: &[Arg]) -> Result<ArrayRef> {
    let value = arg(args, 0)?;
    let column = Text::column(value.array.as_ref())?;
    let mut out = Text::builder(call.ret, call.rows)?;
    for row in 0..call.rows {
        match args.iter().any(|a| a.is_null(row)) {
            true => Text::append_null(&mut out),
            false => {
                let text = crate::kernel::describe::named_relations(call, column.value(value.index(row)));
                let pretty = match args.get(2) {
                    Some(flag) => Bool::column(flag.array.as_ref())?.value(flag.index(row)),
                    None => false,
                };
                Text::append(&mut out, if pretty { without_parentheses(text) } else { text })?;
            }
        }
    }
    Text::finish(out)
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("pgsql_version", |c, _| {
        text(c, &format!("PostgreSQL {SERVER_VERSION} (Nyala {})", env!("CARGO_PKG_VERSION")))
    }),
    ("current_database", |c, _| text(c, &c.statement.database)),
    ("current_schema", current_schema),
    ("current_schemas", current_schemas),
    ("current_user", |c, _| text(c, &c.statement.user)),
    ("session_user", |c, _| text(c, &c.statement.user)),
    ("pg_backend_pid", |c, _| map0::<Int4>(c, || Ok(c.statement.process_id))),
    ("pg_is_in_recovery", |c, _| map0::<Bool>(c, || Ok(false))),
    ("pg_client_encoding", |c, _| text(c, "UTF8")),
    ("getdatabaseencoding", |c, _| text(c, "UTF8")),
    ("pg_my_temp_schema", |c, _| map0::<Id>(c, || Ok(own_temporary(c).map_or(0, |id| id.0)))),
    ("pg_is_other_temp_schema", |c, a| map1::<Id, Bool, _>(c, a, |id| Ok(is_other_temporary(c, Oid(id))))),
    // There are no triggers.
    ("pg_trigger_depth", |c, _| map0::<Int4>(c, || Ok(0))),
    ("pg_jit_available", |c, _| map0::<Bool>(c, || Ok(false))),
    ("show_config_by_name", |c, a| map1::<Text, Text, _>(c, a, |name| setting(c, name, false))),
    ("show_config_by_name_missing_ok", |c, a| {
        map2::<Text, Bool, Text, _>(c, a, |name, ok| setting(c, name, ok))
    }),
    ("pg_get_userbyid", |c, a| {
        map1::<Id, Text, _>(c, a, |id| {
            let name = catalog::builtin::role_name(Oid(id));
            Ok(name.map_or_else(|| format!("unknown (OID={id})"), str::to_owned))
        })
    }),
    ("PG_encoding_to_char", |c, a| {
        map1::<Int4, Text, _>(c, a, |code| match code {
            UTF8 => Ok("UTF8".to_owned()),
            0..=41 => Err(Error::unsupported("the only encoding is UTF8")),
            _ => Ok(String::new()),
        })
    }),
    ("pg_table_is_visible", |c, a| map1::<Id, Bool, _>(c, a, |id| Ok(table_is_visible(c, id)))),
    ("pg_type_is_visible", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| {
            let own =
                crate::names::user_type_is_visible(&c.statement.catalog, &c.statement.search_path, Oid(id));
            if own.is_some() {
                return Ok(own);
            }
            Ok(catalog::builtin::type_by_oid(Oid(id)).map(|ty| ty.namespace == PG_CATALOG))
        })
    }),
    ("pg_function_is_visible", |c, a| {
        map1::<Id, Bool, _>(c, a, |id| {
            if let Some(def) = c.statement.catalog.function(Oid(id)) {
                let (catalog, path) = (&c.statement.catalog, &c.statement.search_path);
                return Ok(Some(crate::names::user_function_is_visible(catalog, path, def)));
            }
            Ok(catalog::builtin::proc(Oid(id)).map(|row| row.namespace == PG_CATALOG))
        })
    }),
    ("format_type", format_type_rows),
    ("pg_typeof", |c, _| {
        let ty = c.arg(0)?.named().0;
        map0::<Id>(c, || Ok(ty))
    }),
    ("set_config_by_name", set_config),
    ("pg_get_expr", expression_text),
    ("pg_get_expr_ext", expression_text),
    ("pg_size_pretty", |c, a| map1::<Int8, Text, _>(c, a, |bytes| Ok(size_pretty(bytes)))),
    ("gen_random_uuid", random_uuid),
];
