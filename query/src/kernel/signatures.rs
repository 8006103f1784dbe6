//! Built-in functions in words: their arguments, results, defaults and definitions.
//!
//! Must not know which of them have a kernel. Invariant: null for what is no function.

use crate::kernel::call::{Run, map1, map2};
use crate::kernel::describe::cell;
use crate::kernel::quoting::quote_ident;
use crate::kernel::system::{PG_CATALOG, format_type};
use crate::kernel::user_functions;
use crate::kernel::value::{Id, Int4, Text};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use types::sql_type::oid;

/// A list in the text form of an array without quotes that matter here.
fn items(text: Option<&'static str>) -> Vec<&'static str> {
    let Some(text) = text else { return Vec::new() };
    let inner = text.trim_matches(|c| c == '{' || c == '}');
    if inner.is_empty() { Vec::new() } else { inner.split(',').map(|i| i.trim_matches('"')).collect() }
}

fn type_name(id: &str) -> String {
    format_type(id.parse().unwrap_or(0), None)
}

/// Arguments as CREATE FUNCTION names them.
fn arguments(id: u32) -> Result<Option<String>> {
    shown_arguments(id, true)
}

/// Arguments without their defaults.
fn identity_arguments(id: u32) -> Result<Option<String>> {
    shown_arguments(id, false)
}

fn shown_arguments(id: u32, defaults: bool) -> Result<Option<String>> {
    let Some(row) = builtin::proc(Oid(id)) else { return Ok(None) };
    let Some(procs) = builtin::relation("pg_proc") else { return Ok(None) };
    let names = items(cell(procs, id, "proargnames"));
    let modes = items(cell(procs, id, "proargmodes"));
    let all = items(cell(procs, id, "proallargtypes"));
    let own: Vec<String> = row.args.iter().map(ToString::to_string).collect();
    let types: Vec<&str> = if all.is_empty() { own.iter().map(String::as_str).collect() } else { all };
    let mut shown = Vec::with_capacity(types.len());
    let mut input = 0;
    for (index, ty) in types.into_iter().enumerate() {
        let mode = match modes.get(index).copied() {
            Some("t") => continue,
            Some("o") => "OUT ",
            Some("b") => "INOUT ",
            Some("v") => "VARIADIC ",
            _ => "",
        };
        let name = names.get(index).filter(|n| !n.is_empty()).map(|n| format!("{} ", quote_ident(n)));
        let mut text = format!("{mode}{}{}", name.unwrap_or_default(), type_name(ty));
        if mode != "OUT " {
            if let Some(default) = argument_default(row, input).filter(|_| defaults) {
                text.push_str(&format!(" DEFAULT {default}"));
            }
            input += 1;
        }
        shown.push(text);
    }
    // The arguments of an ordered-set aggregate are those before and those behind its ORDER BY.
    if let Some(aggregate) = builtin::aggregate(row.oid).filter(|a| a.kind != 'n') {
        let variadic = row.variadic.is_some() && aggregate.direct_args == shown.len();
        let sorted =
            if variadic { shown.clone() } else { shown.split_off(aggregate.direct_args.min(shown.len())) };
        let sorted = if variadic { sorted.last().cloned().into_iter().collect() } else { sorted };
        let direct = shown.join(", ");
        let gap = if direct.is_empty() { "" } else { " " };
        return Ok(Some(format!("{direct}{gap}ORDER BY {}", sorted.join(", "))));
    }
    Ok(Some(shown.join(", ")))
}

/// The default of an input argument, counted from 0, as SQL writes it.
fn argument_default(row: &builtin::Proc, place: usize) -> Option<String> {
    let text = builtin::default_of(row.oid, place, row.args.len())?;
    Some(match *row.args.get(place)? {
        oid::BOOL | oid::INT4 | oid::INT8 | oid::FLOAT8 => text.to_owned(),
        ty => format!("'{}'::{}", text.replace('\'', "''"), format_type(ty.0, None)),
    })
}

/// The default of an input argument, counted from 1 among all arguments; null for one without, and for no input.
fn numbered_default(id: u32, number: i32) -> Option<String> {
    let row = builtin::proc(Oid(id))?;
    let modes = items(cell(builtin::relation("pg_proc")?, id, "proargmodes"));
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    let is_output = |mode: &&str| matches!(*mode, "o" | "t");
    if modes.get(place).is_some_and(is_output) {
        return None;
    }
    let outputs = modes.iter().take(place).filter(|mode| is_output(mode)).count();
    argument_default(row, place - outputs)
}

fn result(id: u32) -> Result<Option<String>> {
    let Some(row) = builtin::proc(Oid(id)) else { return Ok(None) };
    if row.kind == builtin::ProcKind::Procedure {
        return Ok(None);
    }
    let modes = builtin::relation("pg_proc").map(|procs| items(cell(procs, id, "proargmodes")));
    if modes.is_some_and(|modes| modes.contains(&"t")) {
        let columns = row.out_names.iter().zip(&row.out_types);
        let columns = columns.map(|(name, ty)| format!("{} {}", quote_ident(name), format_type(ty.0, None)));
        return Ok(Some(format!("TABLE({})", columns.collect::<Vec<_>>().join(", "))));
    }
    let set = if row.returns_set { "SETOF " } else { "" };
    Ok(Some(format!("{set}{}", format_type(row.result.0, None))))
}

fn sql_body(id: u32) -> Result<Option<String>> {
    match builtin::proc(Oid(id)) {
        None => Ok(None),
        Some(_) if builtin::relation("pg_proc").and_then(|p| cell(p, id, "prosqlbody")).is_none() => Ok(None),
        Some(_) => Err(Error::unsupported("bodies of built-in functions in SQL are not shown")),
    }
}

/// CREATE FUNCTION of a built-in function that is not written in SQL's own form.
fn creation(id: u32) -> Result<Option<String>> {
    let (Some(row), Some(procs)) = (builtin::proc(Oid(id)), builtin::relation("pg_proc")) else {
        return Ok(None);
    };
    if row.kind == builtin::ProcKind::Aggregate {
        let message = format!("\"{}\" is an aggregate function", row.name);
        return Err(Error::new(ErrorKind::WrongObjectType, message));
    }
    let text = |column: &str| cell(procs, id, column).unwrap_or_default();
    let (Some(arguments), Some(returns)) = (arguments(id)?, result(id)?) else { return Ok(None) };
    if cell(procs, id, "prosqlbody").is_some() {
        return Err(Error::unsupported("bodies of built-in functions in SQL are not shown"));
    }
    let language = match text("prolang") {
        "12" => "internal",
        "13" => "c",
        _ => "sql",
    };
    let schema = if row.namespace == PG_CATALOG { "pg_catalog" } else { "information_schema" };
    let mut out = format!("CREATE OR REPLACE FUNCTION {schema}.{}({arguments})\n", quote_ident(row.name));
    out.push_str(&format!(" RETURNS {returns}\n LANGUAGE {language}\n"));
    let words = attributes(row, &text);
    if !words.is_empty() {
        out.push_str(&format!(" {}\n", words.join(" ")));
    }
    let library = cell(procs, id, "probin").map(|library| format!("'{library}', ")).unwrap_or_default();
    let quote = if row.source.contains("$function$") { "$function1$" } else { "$function$" };
    match language {
        "c" => out.push_str(&format!("AS {library}{quote}{}{quote}\n", row.source)),
        _ => out.push_str(&format!("AS {quote}{}{quote}\n", row.source)),
    }
    Ok(Some(out))
}

/// What CREATE FUNCTION says where it is not the default.
fn attributes(row: &builtin::Proc, text: &impl Fn(&str) -> &'static str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = |is_so: bool, word: &str| {
        if is_so {
            words.push(word.to_owned());
        }
    };
    word(row.kind == builtin::ProcKind::Window, "WINDOW");
    word(row.volatility == 'i', "IMMUTABLE");
    word(row.volatility == 's', "STABLE");
    word(text("proparallel") == "s", "PARALLEL SAFE");
    word(text("proparallel") == "r", "PARALLEL RESTRICTED");
    word(row.strict, "STRICT");
    word(text("prosecdef") == "t", "SECURITY DEFINER");
    word(text("proleakproof") == "t", "LEAKPROOF");
    let usual = if matches!(text("prolang"), "12" | "13") { "1" } else { "100" };
    let cost = text("procost");
    word(cost != usual, &format!("COST {cost}"));
    let rows = text("prorows");
    word(!matches!(rows, "0" | "1000"), &format!("ROWS {rows}"));
    let support = text("prosupport").parse().ok().and_then(|id| builtin::proc(Oid(id)));
    word(support.is_some(), &format!("SUPPORT {}", support.map_or("", |row| row.name)));
    words
}

/// By the name of PostgreSQL's implementation.
pub(crate) const KERNELS: &[(&str, Run)] = &[
    ("pg_get_functiondef", |c, a| {
        map1::<Id, Text, _>(c, a, |id| match user_functions::function(c, id) {
            Some(def) => Ok(Some(user_functions::creation(c, def))),
            None => creation(id),
        })
    }),
    ("pg_get_function_arg_default", |c, a| {
        map2::<Id, Int4, Text, _>(c, a, |id, number| {
            Ok(match user_functions::function(c, id) {
                Some(def) => user_functions::numbered_default(c, def, number),
                None => numbered_default(id, number),
            })
        })
    }),
    ("pg_get_function_arguments", |c, a| {
        map1::<Id, Text, _>(c, a, |id| match user_functions::function(c, id) {
            Some(def) => Ok(Some(user_functions::arguments(c, def, true))),
            None => arguments(id),
        })
    }),
    ("pg_get_function_identity_arguments", |c, a| {
        map1::<Id, Text, _>(c, a, |id| match user_functions::function(c, id) {
            Some(def) => Ok(Some(user_functions::arguments(c, def, false))),
            None => identity_arguments(id),
        })
    }),
    ("pg_get_function_result", |c, a| {
        map1::<Id, Text, _>(c, a, |id| match user_functions::function(c, id) {
            Some(def) => Ok(Some(user_functions::result(c, def))),
            None => result(id),
        })
    }),
    ("pg_get_function_sqlbody", |c, a| {
        map1::<Id, Text, _>(c, a, |id| match user_functions::function(c, id) {
            Some(def) => Ok(user_functions::sql_body(c, def)),
            None => sql_body(id),
        })
    }),
];
