//! CREATE, ALTER and DROP FUNCTION.
//!
//! Must not know how the catalog is changed.
//! Invariant: a body that is kept has been bound, to what the function is declared to return, unless the types that it is
//! called with decide.

use super::alter_column::columns_of_types;
use super::function_names::{Purpose, named, with_users};
use super::kept::{refuse_names, with_objects};
use super::view::kept_query;
use crate::binder::{
    BindContext, Binder, Clause, Scope, is_polymorphic, is_temporary, signature_shown, type_name,
};
use crate::bound::{BoundStatement, FunctionStatement};
use crate::parse::{
    AlterFunctionSpec, BodySpec, CreateFunctionSpec, DropFunctionSpec, FunctionAst, FunctionChange,
    FunctionOptions, ParameterSpec, ReturnsSpec, StatementAst, parse,
};
use base::id::{Oid, SchemaId};
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, CastContext};
use catalog::{FunctionBody, FunctionDef, FunctionTraits, Parallel, Parameter, ParameterMode, Volatility};
use sqlparser::ast;
use types::sql_type::oid;

const COST: f32 = 100.0;
const ROWS: f32 = 1_000.0;

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidFunctionDefinition, message)
}

pub(super) fn bind(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &FunctionAst,
) -> Result<BoundStatement> {
    match spec {
        FunctionAst::Create(spec) => create(binder, context, spec),
        FunctionAst::Alter(spec) => alter(binder, spec),
        FunctionAst::Drop(spec) => drop(binder, context, spec),
    }
}

fn create(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &CreateFunctionSpec,
) -> Result<BoundStatement> {
    let CreateFunctionSpec { name, or_replace, parameters, returns, options, language, body } = spec;
    let within =
        name.0.iter().rev().nth(1).and_then(|part| part.as_ident()).map(|schema| binder.fold(schema));
    if within.is_some_and(|schema| schema == "pg_temp" || is_temporary(&schema)) {
        return Err(Error::unsupported("a function in a temporary schema is not supported"));
    }
    let (schema, name) = binder.creation_target(name)?;
    check_language(language.as_ref(), body.as_ref())?;
    let mut parameters = self::parameters(binder, parameters)?;
    if let Some(ReturnsSpec::Table(columns)) = returns {
        if parameters.iter().any(|parameter| parameter.mode.is_output()) {
            return Err(invalid("OUT and INOUT arguments aren't allowed in TABLE functions"));
        }
        parameters.extend(self::parameters(binder, columns)?);
    }
    check_names(&parameters)?;
    let (result, rows_of, returns_set) = self::result(binder, &parameters, returns.as_ref())?;
    check_polymorphic(&parameters, result)?;
    let mut def = FunctionDef {
        oid: Oid(0),
        schema: schema.id,
        name,
        parameters,
        result,
        rows_of,
        returns_set,
        traits: self::traits(options, returns_set)?,
        body: FunctionBody::Text(String::new()),
        uses: Vec::new(),
        unseen: Vec::new(),
    };
    let before = context.catalog.function_of(schema.id, &def.name, &def.input_types());
    if let Some(before) = before {
        if !or_replace {
            let message = format!("function \"{}\" already exists with same argument types", def.name);
            return Err(Error::new(ErrorKind::DuplicateFunction, message));
        }
        check_replaced(before, &def)?;
        def.oid = before.oid;
    }
    let body = body.as_ref().ok_or_else(|| invalid("no function body specified"))?;
    set_body(binder, context, &mut def, body)?;
    let replaces = before.map(|before| before.oid);
    Ok(BoundStatement::Function(Box::new(FunctionStatement::Create { def, replaces })))
}

/// 42P13, 42704 or 0A000 unless the body is SQL.
fn check_language(language: Option<&(String, usize)>, body: Option<&BodySpec>) -> Result<()> {
    let Some((language, at)) = language else {
        return match body {
            Some(BodySpec::Text { .. }) | None => Err(invalid("no language specified")),
            Some(BodySpec::Return(_) | BodySpec::Atomic(_)) => Ok(()),
        };
    };
    match language.to_ascii_lowercase().as_str() {
        "sql" => Ok(()),
        known @ ("plpgsql" | "c" | "internal") => {
            Err(Error::unsupported(format!("functions in language {known} are not supported"))
                .at(*at)
                .with_hint("Write the function in SQL: LANGUAGE sql, with a body of one SELECT."))
        }
        _ => {
            let message = format!("language \"{language}\" does not exist");
            Err(Error::new(ErrorKind::UndefinedObject, message))
        }
    }
}

fn parameters(binder: &mut Binder<'_>, specs: &[ParameterSpec]) -> Result<Vec<Parameter>> {
    let mut parameters: Vec<Parameter> = Vec::with_capacity(specs.len());
    for ParameterSpec { mode, name, ty, at, default } in specs {
        let mode = mode.unwrap_or(ParameterMode::In);
        if mode.is_input() && parameters.iter().any(|p| p.mode == ParameterMode::Variadic) {
            return Err(invalid("VARIADIC parameter must be the last input parameter"));
        }
        let ty = binder.declared_type(ty).map_err(|e| e.at(*at))?;
        let is_array = builtin::type_by_oid(ty).map_or_else(
            || types::user_type::array_element(ty).is_some(),
            |row| row.is_true_array || matches!(ty, oid::ANYARRAY | ANYCOMPATIBLEARRAY),
        );
        if mode == ParameterMode::Variadic && !is_array {
            return Err(invalid("VARIADIC parameter must be an array"));
        }
        let pseudo = builtin::type_by_oid(ty).is_some_and(|row| row.kind == 'p');
        if pseudo && (!is_polymorphic(ty) || ty == oid::ANY) && mode.is_input() {
            let message = format!("SQL functions cannot have arguments of type {}", type_name(ty));
            return Err(invalid(message));
        }
        let name = name.as_ref().map_or_else(String::new, |name| binder.fold(name));
        let default = match default {
            None if mode.is_input() && parameters.iter().any(|p| p.default.is_some()) => {
                return Err(invalid(
                    "input parameters after one with a default value must also have defaults",
                ));
            }
            None => None,
            Some(_) if !mode.is_input() => {
                return Err(invalid("only input parameters can have default values"));
            }
            Some(written) => {
                refuse_names(binder, &written.expr, "DEFAULT expression").map_err(no_tables)?;
                let term = binder.bind_expr(&written.expr, &Scope::empty(), Clause::Default)?;
                if !is_polymorphic(ty) {
                    let target = binder.held_type(ty)?;
                    binder.coerce_argument_default(term, &target, CastContext::Assignment)?;
                }
                Some(with_objects(binder, written)?)
            }
        };
        parameters.push(Parameter { mode, name, ty, default });
    }
    Ok(parameters)
}

const ANYCOMPATIBLEARRAY: Oid = Oid(5078);

/// 42P10 for a column in a default.
fn no_tables(error: Error) -> Error {
    if error.message().starts_with("cannot use column reference") {
        let message = "cannot use table references in parameter default value";
        return Error::new(ErrorKind::InvalidColumnReference, message);
    }
    error
}

/// 42P13 for a name that two parameters of one side have.
fn check_names(parameters: &[Parameter]) -> Result<()> {
    let one_sided = |a: &Parameter, b: &Parameter| {
        let apart = a.mode.is_input() && !a.mode.is_output() && !b.mode.is_input();
        let other = b.mode.is_input() && !b.mode.is_output() && !a.mode.is_input();
        let table = a.mode == ParameterMode::Table || b.mode == ParameterMode::Table;
        table || !(apart || other)
    };
    for (place, parameter) in parameters.iter().enumerate().filter(|(_, p)| !p.name.is_empty()) {
        let mut before = parameters.iter().take(place);
        if before.any(|other| other.name == parameter.name && one_sided(other, parameter)) {
            let message = format!("parameter name \"{}\" used more than once", parameter.name);
            return Err(invalid(message));
        }
    }
    Ok(())
}

/// pg_proc.prorettype, the relation whose rows are returned, and whether there are many.
fn result(
    binder: &Binder<'_>,
    parameters: &[Parameter],
    returns: Option<&ReturnsSpec>,
) -> Result<(Oid, Option<Oid>, bool)> {
    let outputs: Vec<Oid> = parameters.iter().filter(|p| p.mode.is_output()).map(|p| p.ty).collect();
    let required = match outputs.as_slice() {
        [] => None,
        [one] => Some(*one),
        _ => Some(oid::RECORD),
    };
    let (ty, set, at) = match (returns, required) {
        (None, None) => return Err(invalid("function result type must be specified")),
        (None, Some(required)) => return Ok((required, None, false)),
        (Some(ReturnsSpec::Table(_)), required) => return Ok((required.unwrap_or(oid::RECORD), None, true)),
        (Some(ReturnsSpec::Type { ty, set, at }), _) => (ty, *set, *at),
    };
    let rows_of = binder.rows_of_type(ty);
    let found = match rows_of {
        Some(_) => oid::RECORD,
        None => binder.declared_type(ty).map_err(|e| e.at(at))?,
    };
    if let Some(required) = required.filter(|required| *required != found || rows_of.is_some()) {
        let message =
            format!("function result type must be {} because of OUT parameters", type_name(required));
        return Err(invalid(message));
    }
    let pseudo = builtin::type_by_oid(found).is_some_and(|row| row.kind == 'p');
    if pseudo && found != oid::VOID && found != oid::RECORD && (!is_polymorphic(found) || found == oid::ANY) {
        return Err(invalid(format!("SQL functions cannot return type {}", type_name(found))));
    }
    Ok((found, rows_of, set))
}

/// 42P13 for a polymorphic result that no input settles.
fn check_polymorphic(parameters: &[Parameter], result: Oid) -> Result<()> {
    let family = |ty: Oid| is_polymorphic(ty).then(|| type_name(ty).contains("compatible"));
    let inputs: Vec<bool> =
        parameters.iter().filter(|p| p.mode.is_input()).filter_map(|p| family(p.ty)).collect();
    let outputs = parameters.iter().filter(|p| p.mode.is_output()).map(|p| p.ty).chain([result]);
    for ty in outputs.filter(|ty| *ty != oid::RECORD) {
        let Some(compatible) = family(ty).filter(|own| !inputs.contains(own)) else { continue };
        let shown = type_name(ty);
        let detail = match compatible {
            false => format!(
                "A result of type {shown} requires at least one input of type anyelement, anyarray, anynonarray, \
                 anyenum, anyrange, or anymultirange."
            ),
            true => format!(
                "A result of type {shown} requires at least one input of type anycompatible, anycompatiblearray, \
                 anycompatiblenonarray, anycompatiblerange, or anycompatiblemultirange."
            ),
        };
        return Err(invalid("cannot determine result data type").with_detail(detail));
    }
    Ok(())
}

fn traits(options: &FunctionOptions, returns_set: bool) -> Result<FunctionTraits> {
    let FunctionOptions { volatility, strict, leakproof, parallel, cost, rows } = *options;
    if rows.is_some() && !returns_set {
        return Err(no_rows());
    }
    Ok(FunctionTraits {
        volatility: volatility.unwrap_or(Volatility::Volatile),
        strict: strict.unwrap_or(false),
        leakproof: leakproof.unwrap_or(false),
        parallel: parallel.unwrap_or(Parallel::Unsafe),
        cost: cost.unwrap_or(COST),
        rows: rows.unwrap_or(if returns_set { ROWS } else { 0.0 }),
    })
}

fn no_rows() -> Error {
    let message = "ROWS is not applicable when function does not return a set";
    Error::new(ErrorKind::InvalidParameterValue, message)
}

/// 42P13 unless what calls a function can go on calling the other one.
fn check_replaced(before: &FunctionDef, def: &FunctionDef) -> Result<()> {
    let hint = format!("Use DROP FUNCTION {} first.", signature_shown(before));
    let other = |message: String| Err(invalid(message).with_hint(hint.clone()));
    let same_result =
        (before.result, before.rows_of, before.returns_set) == (def.result, def.rows_of, def.returns_set);
    if !same_result {
        return other("cannot change return type of existing function".to_owned());
    }
    let outputs =
        |def: &FunctionDef| -> Vec<(String, Oid)> { def.outputs().map(|p| (p.name.clone(), p.ty)).collect() };
    if def.result == oid::RECORD && outputs(before) != outputs(def) {
        return Err(invalid("cannot change return type of existing function")
            .with_detail("Row type defined by OUT parameters is different.")
            .with_hint(hint.clone()));
    }
    for (old, new) in before.inputs().zip(def.inputs()) {
        if !old.name.is_empty() && old.name != new.name {
            return other(format!("cannot change name of input parameter \"{}\"", old.name));
        }
    }
    if def.defaults() < before.defaults() {
        return other("cannot remove parameter defaults from existing function".to_owned());
    }
    Ok(())
}

/// Gives a function its body, bound to see that it is one.
fn set_body(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    def: &mut FunctionDef,
    body: &BodySpec,
) -> Result<()> {
    let polymorphic = def.inputs().any(|parameter| is_polymorphic(parameter.ty));
    match body {
        BodySpec::Text { text, at } => {
            if text.contains('\u{1}') {
                return Err(Error::unsupported("a body with a character of code 1 is not supported").at(*at));
            }
            def.body = FunctionBody::Text(text.clone());
        }
        BodySpec::Return(_) | BodySpec::Atomic(_) if polymorphic => {
            let message = "SQL function with unquoted function body cannot have polymorphic arguments";
            return Err(Error::unsupported(message));
        }
        BodySpec::Return(written) => {
            let text = kept_body(binder, context, def, &format!("{SELECT}{}", written.text))?;
            def.body = FunctionBody::Return(text.strip_prefix(SELECT).unwrap_or(&text).to_owned());
        }
        BodySpec::Atomic(queries) => {
            let text = match queries.as_slice() {
                [] => String::new(),
                [(_, text, _)] => kept_body(binder, context, def, text)?,
                [_, (_, _, at), ..] => {
                    return Err(Error::unsupported("a function of several statements is not supported")
                        .at(*at)
                        .with_hint("Write the body as one SELECT; WITH can hold several queries."));
                }
            };
            def.body = FunctionBody::Atomic(text);
        }
    }
    if polymorphic {
        return parse(def.body.text()).map(|_| ());
    }
    binder.check_body(def)
}

const SELECT: &str = "SELECT ";

/// The text of a query with what it names by OIDs, which the function then uses.
fn kept_body(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    def: &mut FunctionDef,
    text: &str,
) -> Result<String> {
    let statements = parse(text)?;
    let Some(StatementAst::Query(query)) = statements.first().map(|statement| statement.ast()) else {
        return Err(Error::internal("a body without a query"));
    };
    let mut own = context.clone();
    own.text = text;
    let mut inner = Binder::new(&own);
    if def.oid != Oid(0) {
        inner.calling.push(def.oid);
    }
    let types = def.inputs().map(|p| binder.held_type(p.ty)).collect::<Result<Vec<_>>>()?;
    let frame = inner.frame_of(def, &types);
    inner.frame = Some(frame);
    let (_, text, uses) = kept_query(&mut inner, &own, query, text, 1, "functions")?;
    def.uses = uses;
    Ok(text)
}

fn alter(binder: &Binder<'_>, spec: &AlterFunctionSpec) -> Result<BoundStatement> {
    let AlterFunctionSpec { function, change } = spec;
    let before = named(binder, function, Purpose::Alter)?;
    let mut def = before.as_ref().clone();
    match change {
        FunctionChange::Rename(name) => {
            def.name = binder.fold(name);
            check_free(binder, &def, def.schema)?;
        }
        FunctionChange::SetSchema(schema) => {
            let schema = binder.schema_named(&ast::ObjectName::from(vec![schema.clone()]))?;
            if schema.id != def.schema {
                check_free(binder, &def, schema.id)?;
            }
            def.schema = schema.id;
        }
        FunctionChange::Options(options) => {
            let FunctionOptions { volatility, strict, leakproof, parallel, cost, rows } = *options;
            if rows.is_some() && !def.returns_set {
                return Err(no_rows());
            }
            let traits = &mut def.traits;
            traits.volatility = volatility.unwrap_or(traits.volatility);
            traits.strict = strict.unwrap_or(traits.strict);
            traits.leakproof = leakproof.unwrap_or(traits.leakproof);
            traits.parallel = parallel.unwrap_or(traits.parallel);
            traits.cost = cost.unwrap_or(traits.cost);
            traits.rows = rows.unwrap_or(traits.rows);
        }
    }
    Ok(BoundStatement::Function(Box::new(FunctionStatement::Alter { def })))
}

/// 42723 when a schema has another function of the name and inputs.
fn check_free(binder: &Binder<'_>, def: &FunctionDef, schema: SchemaId) -> Result<()> {
    let catalog = binder.context.catalog;
    if catalog.function_of(schema, &def.name, &def.input_types()).is_none() {
        return Ok(());
    }
    let schema = catalog.schema(schema).map_or_else(String::new, |schema| schema.name.clone());
    let message = format!("function {} already exists in schema \"{schema}\"", signature_shown(def));
    Err(Error::new(ErrorKind::DuplicateFunction, message))
}

fn drop(
    binder: &mut Binder<'_>,
    context: &BindContext<'_>,
    spec: &DropFunctionSpec,
) -> Result<BoundStatement> {
    let DropFunctionSpec { functions: names, if_exists, cascade } = spec;
    let (mut functions, mut notices) = (Vec::new(), Vec::new());
    for name in names {
        match named(binder, name, Purpose::Drop) {
            Ok(def) => {
                if !functions.contains(&def.oid) {
                    functions.push(def.oid);
                }
            }
            Err(error) if *if_exists && missing(&error) => {
                let shown = match &name.parameters {
                    Some(_) => error.message().to_owned(),
                    None => {
                        let (_, own) = binder.split_name(&name.name)?;
                        format!("function {own}() does not exist")
                    }
                };
                notices.push(format!("{shown}, skipping"));
            }
            Err(error) => return Err(error),
        }
    }
    let all = with_users(context.catalog, &functions);
    if *cascade {
        super::user_type::refuse_named_in_domains(binder, &all)?;
    }
    let columns = columns_of_types(binder, context, &all, &[], *cascade)?;
    let drop = FunctionStatement::Drop { functions, columns, cascade: *cascade, notices };
    Ok(BoundStatement::Function(Box::new(drop)))
}

fn missing(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UndefinedFunction | ErrorKind::UndefinedSchema | ErrorKind::UndefinedObject
    )
}
