//! Functions that users made in words: their arguments, results, defaults and definitions.
//!
//! Invariant: what is no such function is left to `signatures`.

use crate::kernel::call::Call;
use crate::kernel::describe::named_relations;
use crate::kernel::quoting::quote_ident;
use crate::names::{relation, type_shown};
use crate::system::expression_text;
use base::id::Oid;
use catalog::{FunctionBody, FunctionDef, FunctionTraits, Parallel, Parameter, ParameterMode, Volatility};
use types::SqlType;
use types::sql_type::oid;

pub(super) fn function<'c>(call: &'c Call<'_>, id: u32) -> Option<&'c FunctionDef> {
    call.statement.catalog.function(Oid(id)).map(AsRef::as_ref)
}

fn shown_type(call: &Call<'_>, ty: Oid) -> String {
    type_shown(&call.statement.catalog, &call.statement.search_path, ty)
}

/// Arguments as CREATE FUNCTION names them.
pub(super) fn arguments(call: &Call<'_>, def: &FunctionDef, defaults: bool) -> String {
    let own = def.parameters.iter().filter(|parameter| parameter.mode != ParameterMode::Table);
    let shown = own.map(|parameter| {
        let mode = match parameter.mode {
            ParameterMode::In | ParameterMode::Table => "",
            ParameterMode::Out => "OUT ",
            ParameterMode::InOut => "INOUT ",
            ParameterMode::Variadic => "VARIADIC ",
        };
        let default = default(call, parameter).filter(|_| defaults);
        let default = default.map(|text| format!(" DEFAULT {text}")).unwrap_or_default();
        format!("{mode}{}{default}", column(call, parameter))
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A parameter's name, when it has one, and its type.
fn column(call: &Call<'_>, parameter: &Parameter) -> String {
    let ty = shown_type(call, parameter.ty);
    if parameter.name.is_empty() { ty } else { format!("{} {ty}", quote_ident(&parameter.name)) }
}

fn default(call: &Call<'_>, parameter: &Parameter) -> Option<String> {
    let written = parameter.default.as_deref()?;
    let text = match SqlType::of(parameter.ty) {
        Some(ty) => expression_text(written, &ty),
        None => written.to_owned(),
    };
    Some(named_relations(call, &text))
}

/// The default of a parameter, counted from 1; none for one without.
pub(super) fn numbered_default(call: &Call<'_>, def: &FunctionDef, number: i32) -> Option<String> {
    let place = usize::try_from(number).ok()?.checked_sub(1)?;
    def.parameters.get(place).and_then(|parameter| default(call, parameter))
}

pub(super) fn result(call: &Call<'_>, def: &FunctionDef) -> String {
    let columns: Vec<String> = def
        .parameters
        .iter()
        .filter(|parameter| parameter.mode == ParameterMode::Table)
        .map(|parameter| column(call, parameter))
        .collect();
    if !columns.is_empty() {
        return format!("TABLE({})", columns.join(", "));
    }
    let set = if def.returns_set { "SETOF " } else { "" };
    let (catalog, path) = (&call.statement.catalog, &call.statement.search_path);
    let rows = def.rows_of.and_then(|oid| relation(catalog, path, oid.0));
    format!("{set}{}", rows.unwrap_or_else(|| shown_type(call, def.result)))
}

/// A body that was bound when the function was made.
pub(super) fn sql_body(call: &Call<'_>, def: &FunctionDef) -> Option<String> {
    match &def.body {
        FunctionBody::Text(_) => None,
        FunctionBody::Return(text) => Some(format!("RETURN {}", named_relations(call, text))),
        FunctionBody::Atomic(text) if text.is_empty() => Some("BEGIN ATOMIC\nEND".to_owned()),
        FunctionBody::Atomic(text) => Some(format!("BEGIN ATOMIC\n {};\nEND", named_relations(call, text))),
    }
}

/// CREATE FUNCTION.
pub(super) fn creation(call: &Call<'_>, def: &FunctionDef) -> String {
    let schema = call.statement.catalog.schema(def.schema).map(|schema| quote_ident(&schema.name));
    let mut text = format!(
        "CREATE OR REPLACE FUNCTION {}.{}({})\n RETURNS {}\n LANGUAGE sql\n",
        schema.unwrap_or_default(),
        quote_ident(&def.name),
        arguments(call, def, true),
        result(call, def)
    );
    let words = traits(def);
    if !words.is_empty() {
        text.push_str(&format!(" {}\n", words.join(" ")));
    }
    match sql_body(call, def) {
        Some(body) => text.push_str(&(body + "\n")),
        None => {
            let mut quote = "$function".to_owned();
            while def.body.text().contains(&quote) {
                quote.push('x');
            }
            text.push_str(&format!("AS {quote}${}{quote}$\n", def.body.text()));
        }
    }
    text
}

/// What CREATE FUNCTION says where it is not the default.
fn traits(def: &FunctionDef) -> Vec<String> {
    let FunctionTraits { volatility, strict, leakproof, parallel, cost, rows } = &def.traits;
    let mut words: Vec<String> = Vec::new();
    match volatility {
        Volatility::Immutable => words.push("IMMUTABLE".to_owned()),
        Volatility::Stable => words.push("STABLE".to_owned()),
        Volatility::Volatile => {}
    }
    match parallel {
        Parallel::Safe => words.push("PARALLEL SAFE".to_owned()),
        Parallel::Restricted => words.push("PARALLEL RESTRICTED".to_owned()),
        Parallel::Unsafe => {}
    }
    if *strict {
        words.push("STRICT".to_owned());
    }
    if *leakproof {
        words.push("LEAKPROOF".to_owned());
    }
    if (*cost - 100.0).abs() > f32::EPSILON {
        words.push(format!("COST {cost}"));
    }
    if def.returns_set && (*rows - 1_000.0).abs() > f32::EPSILON && def.result != oid::VOID {
        words.push(format!("ROWS {rows}"));
    }
    words
}
