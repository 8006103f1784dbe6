//! Functions that users made: their rows in pg_proc.

use crate::system::builtin::SystemCatalog;
use crate::system::relations::OWNER;
use crate::system::table::{SystemTable, array, flag, value, vector, word};
use base::id::Oid;
use catalog::{FunctionBody, FunctionDef, Parallel, ParameterMode, Volatility};
use types::sql_type::{array_element, oid};

/// pg_language.oid of sql.
const SQL: Oid = Oid(14);

pub(super) fn functions(catalog: &SystemCatalog, out: &mut SystemTable) {
    for def in catalog.state.functions() {
        let schema = catalog.state.schema(def.schema).map_or(Oid(0), |s| s.oid);
        let all_in = def.parameters.iter().all(|parameter| parameter.mode == ParameterMode::In);
        let named = def.parameters.iter().any(|parameter| !parameter.name.is_empty());
        let defaults = def.defaults();
        let (source, body) = match &def.body {
            FunctionBody::Text(text) => (text.as_str(), None),
            FunctionBody::Return(text) | FunctionBody::Atomic(text) => ("", Some(text)),
        };
        out.row(&[
            ("oid", value(def.oid)),
            ("proname", value(&def.name)),
            ("pronamespace", value(schema)),
            ("proowner", value(OWNER)),
            ("prolang", value(SQL)),
            ("procost", value(def.traits.cost)),
            ("prorows", value(def.traits.rows)),
            ("provariadic", value(variadic(def))),
            ("prosupport", word("-")),
            ("prokind", word("f")),
            ("prosecdef", flag(false)),
            ("proleakproof", flag(def.traits.leakproof)),
            ("proisstrict", flag(def.traits.strict)),
            ("proretset", flag(def.returns_set)),
            (
                "provolatile",
                word(match def.traits.volatility {
                    Volatility::Immutable => "i",
                    Volatility::Stable => "s",
                    Volatility::Volatile => "v",
                }),
            ),
            (
                "proparallel",
                word(match def.traits.parallel {
                    Parallel::Unsafe => "u",
                    Parallel::Restricted => "r",
                    Parallel::Safe => "s",
                }),
            ),
            ("pronargs", value(def.inputs().count())),
            ("pronargdefaults", value(defaults)),
            ("prorettype", value(def.row_type().unwrap_or(def.result))),
            ("proargtypes", vector(def.input_types())),
            ("proallargtypes", if all_in { None } else { array(def.parameters.iter().map(|p| p.ty)) }),
            ("proargmodes", if all_in { None } else { array(def.parameters.iter().map(|p| mode(p.mode))) }),
            ("proargnames", if named { array(def.parameters.iter().map(|p| quoted(&p.name))) } else { None }),
            ("proargdefaults", if defaults > 0 { value(default_texts(def)) } else { None }),
            ("prosrc", value(source)),
            ("prosqlbody", body.and_then(|text| value(text.as_str()))),
        ]);
    }
}

fn variadic(def: &FunctionDef) -> Oid {
    let last = def.inputs().last().filter(|parameter| parameter.mode == ParameterMode::Variadic);
    last.map_or(Oid(0), |parameter| match parameter.ty {
        oid::ANYARRAY => oid::ANYELEMENT,
        ty => array_element(ty).unwrap_or(Oid(0)),
    })
}

fn mode(mode: ParameterMode) -> &'static str {
    match mode {
        ParameterMode::In => "i",
        ParameterMode::Out => "o",
        ParameterMode::InOut => "b",
        ParameterMode::Variadic => "v",
        ParameterMode::Table => "t",
    }
}

/// An element of an array of texts.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn default_texts(def: &FunctionDef) -> String {
    def.inputs().filter_map(|parameter| parameter.default.clone()).collect::<Vec<_>>().join(", ")
}
