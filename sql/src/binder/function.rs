//! Function calls and the syntaxes that stand for calls (EXTRACT, SUBSTRING, TRIM, CURRENT_DATE).
//!
//! Invariant: a call carries the OID of a row of pg_proc; whether that has a kernel is not decided here.

use super::names::located;
use super::resolve::{self, Refused};
use super::type_name::{held, type_name};
use super::{Binder, Scope, Term};
use crate::bound::Expr;
use crate::bound::outline::Spelling;
use crate::parse::VARIADIC;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, CastContext, ProcKind};
use sqlparser::ast;
use types::Datum;
use types::sql_type::oid;

const HINT_NONE: &str =
    "No function matches the given name and argument types. You might need to add explicit type casts.";
const HINT_CHOICE: &str =
    "Could not choose a best candidate function. You might need to add explicit type casts.";

/// The pg_proc OID of pg_typeof.
const PG_TYPEOF: Oid = Oid(1619);

/// The parts of a call that only aggregates and window functions have.
#[derive(Debug)]
pub(super) struct Extras<'e> {
    pub(super) star: bool,
    pub(super) distinct: bool,
    pub(super) order_by: &'e [ast::OrderByExpr],
    pub(super) filter: Option<&'e ast::Expr>,
    pub(super) over: Option<&'e ast::WindowType>,
    /// ORDER BY of WITHIN GROUP.
    pub(super) within: &'e [ast::OrderByExpr],
    pub(super) at: usize,
}

impl Binder<'_> {
    pub(super) fn function(&mut self, function: &ast::Function, scope: &Scope<'_>) -> Result<Term> {
        let ast::Function {
            name,
            uses_odbc_syntax,
            parameters,
            args,
            filter,
            null_treatment,
            over,
            within_group,
        } = function;
        let (schema, name, at) = self.function_name(name)?;
        if *uses_odbc_syntax || !matches!(parameters, ast::FunctionArguments::None) {
            return Err(self.unsupported("this call syntax", at));
        }
        if null_treatment.is_some() {
            return Err(self.unsupported("IGNORE NULLS", at));
        }
        let plain = filter.is_none() && over.is_none();
        let list = match args {
            ast::FunctionArguments::None if plain && schema.is_none() => {
                return self.value_function(&name, None, at);
            }
            ast::FunctionArguments::None => return Err(self.unsupported("this call syntax", at)),
            ast::FunctionArguments::Subquery(query) if name == "array" && plain => {
                return self.array_subquery(query, at, scope);
            }
            ast::FunctionArguments::Subquery(_) => return Err(self.unsupported("a query as argument", at)),
            ast::FunctionArguments::List(list) => list,
        };
        let ast::FunctionArgumentList { duplicate_treatment, args, clauses } = list;
        let mut order_by: &[ast::OrderByExpr] = &[];
        for clause in clauses {
            match clause {
                ast::FunctionArgumentClause::OrderBy(items) => order_by = items,
                _ => return Err(self.unsupported("this clause of a function's arguments", at)),
            }
        }
        if plain
            && schema.is_none()
            && let Some(row) = self.row_call(function, at, scope)?
        {
            return Ok(row);
        }
        let args = super::record::with_whole_rows(args);
        let (exprs, names, star) = self.given(&args, at)?;
        let distinct = matches!(duplicate_treatment, Some(ast::DuplicateTreatment::Distinct));
        if let Some((text, form)) = Self::normalize_form(&name, &exprs).filter(|_| plain && schema.is_none())
        {
            let term = self.with_form("normalize", text, &form, scope)?;
            return Ok(self.spelt(&Spelling::Syntax, term));
        }
        let (filter, over) = (filter.as_deref(), over.as_ref());
        let extras = Extras { star, distinct, order_by, filter, over, within: within_group, at };
        if schema.is_none() && names.is_empty() && !star && plain && !distinct && order_by.is_empty() {
            if let Some(term) = self.conditional_function(&name, &exprs, at, scope)? {
                return Ok(term);
            }
            if matches!(name.as_str(), "current_timestamp" | "localtimestamp" | "current_time" | "localtime")
            {
                return self.value_function(&name, exprs.first().copied(), at);
            }
        }
        let own_name = name;
        let called = (schema.as_deref(), own_name.as_str(), &function.name);
        if let Some(term) = self.user_function(called, &exprs, &names, &extras, scope)? {
            return Ok(term);
        }
        let name = called_name(schema.as_deref(), &own_name);
        if schema.is_some() && name.is_none() {
            let mut types = Vec::with_capacity(exprs.len());
            for expr in &exprs {
                types.push(self.expr(expr, scope)?.expr.ty().oid);
            }
            let shown = format!("{}.{}", schema.unwrap_or_default(), own_name);
            return Err(located(no_function(&shown, &types, Refused::NotFound), at));
        }
        self.resolved_call(&name.unwrap_or(own_name), &exprs, &names, &extras, scope)
    }

    fn function_name(&self, name: &ast::ObjectName) -> Result<(Option<String>, String, usize)> {
        let (schema, name, at) = self.qualified(name)?;
        Ok((schema, name, at))
    }

    /// The arguments of a call, the names of the last ones where these are named, and whether it is `(*)`.
    pub(super) fn given<'e>(
        &self,
        args: &'e [ast::FunctionArg],
        at: usize,
    ) -> Result<(Vec<&'e ast::Expr>, Vec<String>, bool)> {
        let syntax = |message: String, at| located(Error::new(ErrorKind::Syntax, message), at);
        let mut exprs = Vec::with_capacity(args.len());
        let mut names: Vec<String> = Vec::new();
        for arg in args {
            let (ident, arg, operator) = match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Prefixed {
                    prefix,
                    value,
                })) if prefix.value == VARIADIC => {
                    if exprs.len() + 1 < args.len() || !names.is_empty() {
                        let error = Error::new(ErrorKind::Syntax, "syntax error at or near \",\"");
                        return Err(located(error, self.start(value)));
                    }
                    names.push(resolve::VARIADIC.to_owned());
                    exprs.push(value.as_ref());
                    continue;
                }
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => {
                    if !names.is_empty() {
                        let message = "positional argument cannot follow named argument";
                        return Err(syntax(message.to_owned(), self.start(expr)));
                    }
                    exprs.push(expr);
                    continue;
                }
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard) if args.len() == 1 => {
                    return Ok((Vec::new(), Vec::new(), true));
                }
                ast::FunctionArg::Unnamed(_) => return Err(self.unsupported("a wildcard as argument", at)),
                ast::FunctionArg::Named { name, arg, operator } => (name, arg, operator),
                ast::FunctionArg::ExprNamed { name: ast::Expr::Identifier(name), arg, operator } => {
                    (name, arg, operator)
                }
                ast::FunctionArg::ExprNamed { .. } => {
                    return Err(self.unsupported("this kind of argument", at));
                }
            };
            let arrow = matches!(
                operator,
                ast::FunctionArgOperator::RightArrow | ast::FunctionArgOperator::Assignment
            );
            let (true, ast::FunctionArgExpr::Expr(expr)) = (arrow, arg) else {
                return Err(self.unsupported("this kind of argument", self.at(ident.span)));
            };
            let name = super::names::fold(ident);
            if names.contains(&name) {
                let message = format!("argument name \"{name}\" used more than once");
                return Err(syntax(message, self.at(ident.span)));
            }
            names.push(name);
            exprs.push(expr);
        }
        Ok((exprs, names, false))
    }

    fn resolved_call(
        &mut self,
        name: &str,
        exprs: &[&ast::Expr],
        names: &[String],
        extras: &Extras<'_>,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        // What kind of function it is decides in which context its arguments are bound.
        let kind = builtin::procs_named(name).map(|p| p.kind).next();
        let grouped = extras.over.is_some() || !extras.within.is_empty();
        let aggregate = kind == Some(ProcKind::Aggregate) || kind == Some(ProcKind::Window) || grouped;
        if aggregate && !names.is_empty() {
            return Err(self
                .unsupported("a named argument of an aggregate or window function", extras.at)
                .with_hint("Give the arguments by position."));
        }
        if aggregate {
            return self.aggregate_or_window(name, exprs, extras, scope);
        }
        if extras.star
            && let Err(why) = resolve::function(name, &[])
        {
            return Err(located(no_function(name, &[], why), extras.at));
        }
        if extras.star || extras.distinct || !extras.order_by.is_empty() || extras.filter.is_some() {
            let what = match (extras.star, extras.distinct, extras.order_by.is_empty()) {
                (true, _, _) => format!("{name}(*) specified, but {name} is not an aggregate function"),
                (_, true, _) => format!("DISTINCT specified, but {name} is not an aggregate function"),
                (_, _, false) => format!("ORDER BY specified, but {name} is not an aggregate function"),
                _ => format!("FILTER specified, but {name} is not an aggregate function"),
            };
            let kind = if kind.is_none() { ErrorKind::UndefinedFunction } else { ErrorKind::WrongObjectType };
            return Err(located(Error::new(kind, what), extras.at));
        }
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            terms.push(self.expr(expr, scope)?);
        }
        self.call_named_terms(name, terms, names, extras.at)
    }

    pub(super) fn call_named(&mut self, name: &str, args: &[&ast::Expr], scope: &Scope<'_>) -> Result<Term> {
        let mut terms = Vec::with_capacity(args.len());
        for arg in args {
            terms.push(self.expr(arg, scope)?);
        }
        let at = terms.iter().map(|t| t.at).filter(|a| *a > 0).min().unwrap_or(0);
        self.call_terms(name, terms, at)
    }

    /// A call of an ordinary function by name; a type's name called with one argument is a cast.
    pub(super) fn call_terms(&mut self, name: &str, terms: Vec<Term>, at: usize) -> Result<Term> {
        self.call_named_terms(name, terms, &[], at)
    }

    /// The same with the last arguments named.
    pub(super) fn call_named_terms(
        &mut self,
        name: &str,
        terms: Vec<Term>,
        names: &[String],
        at: usize,
    ) -> Result<Term> {
        let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
        let variadic = names.iter().any(|name| name == resolve::VARIADIC);
        let any = |proc: &builtin::Proc| proc.variadic == Some(oid::ANY);
        if variadic && builtin::procs_named(name).any(any) {
            self.lose_outline();
            return self.call_of_any(name, terms, at);
        }
        let found = resolve::function_with_names(name, &actual, names);
        let exact = found.as_ref().is_ok_and(|c| c.proc.args == actual);
        if !exact
            && names.is_empty()
            && let [source] = actual.as_slice()
            && let Some(target) = cast_by_call(name, *source)
        {
            let Some(term) = terms.into_iter().next() else {
                return Err(Error::internal("a call lost its argument"));
            };
            let mut term = self.coerce(term, &held(target, -1)?, CastContext::Explicit)?;
            term.at = at;
            return Ok(term);
        }
        if found.is_err()
            && names.is_empty()
            && let Some(field) = self.field_called(name, &terms)
        {
            return field;
        }
        let chosen = found.map_err(|why| no_function_at(name, &actual, names, why, at))?;
        match chosen.proc.kind {
            ProcKind::Function => {}
            ProcKind::Procedure => {
                let message = format!("{name}({}) is a procedure", shown_types(&actual));
                return Err(located(Error::new(ErrorKind::WrongObjectType, message), at)
                    .with_hint("To call a procedure, use CALL."));
            }
            ProcKind::Aggregate | ProcKind::Window => {
                return Err(Error::internal("an aggregate reached the binding of plain functions"));
            }
        }
        if self.outlines.on && chosen.places.is_some() && !chosen.proc.returns_set {
            return self.spelt_names(terms, &chosen, names, at);
        }
        if !names.is_empty() {
            self.lose_outline();
        }
        let args = self.coerce_arguments(terms, &chosen)?;
        super::comparable::check_searched(chosen.proc, &args, at)?;
        if chosen.proc.returns_set {
            let set = self.set_returning(&chosen, args, at)?;
            return Ok(Term { expr: self.with_checked_rows(chosen.proc, set.expr)?, at });
        }
        let made = self.call(chosen.proc.oid, args, chosen.result, at)?;
        let expr = self.with_checked_rows(chosen.proc, made)?;
        Ok(self.as_function(chosen.proc.oid, Term { expr, at }))
    }

    /// Arguments as the chosen function declares them; those of a variadic one packed into an array.
    pub(super) fn coerce_arguments(
        &mut self,
        terms: Vec<Term>,
        chosen: &resolve::Chosen,
    ) -> Result<Vec<Expr>> {
        let mut args = Vec::with_capacity(terms.len());
        for (term, declared) in terms.into_iter().zip(&chosen.args) {
            // What has no type yet has none to tell of.
            if chosen.proc.oid == PG_TYPEOF {
                args.push(term.expr);
                continue;
            }
            args.push(self.coerce_argument(term, *declared)?.expr);
        }
        if let Some(from) = chosen.variadic_from {
            let element = chosen.args.get(from).copied().unwrap_or(oid::TEXT);
            let array = types::sql_type::array_of(element).map(|a| self.type_of(a, -1)).transpose()?;
            let ty = array
                .ok_or_else(|| Error::unsupported("variadic arguments of this type are not supported"))?;
            let bare = self.type_of(element, -1)?;
            let packed = args.split_off(from.min(args.len()));
            let elements = packed.into_iter().map(|e| self.in_form(e, &bare)).collect::<Result<Vec<_>>>()?;
            args.push(Expr::Array { elements, ty });
        }
        match &chosen.places {
            Some(places) => self.in_places(chosen.proc, places, args),
            None => Ok(args),
        }
    }

    /// Arguments in the order of their declaration, defaults where none was given.
    fn in_places(&self, proc: &builtin::Proc, places: &[usize], args: Vec<Expr>) -> Result<Vec<Expr>> {
        self.lose_outline();
        let total = proc.args.len();
        let mut given: Vec<(usize, Expr)> = places.iter().copied().zip(args).collect();
        let mut all = Vec::with_capacity(total);
        for (place, ty) in proc.args.iter().enumerate() {
            if let Some(at) = given.iter().position(|(own, _)| *own == place) {
                all.push(given.swap_remove(at).1);
                continue;
            }
            let text = builtin::default_of(proc.oid, place, total)
                .ok_or_else(|| Error::internal(format!("{} lacks a default", proc.name)))?;
            let ty = held(*ty, -1)?;
            all.push(Expr::Const(types::parse_text(&ty, text, &self.context.io)?, ty));
        }
        Ok(all)
    }

    pub(super) fn extract(
        &mut self,
        field: &ast::DateTimeField,
        expr: &ast::Expr,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let name = match field {
            ast::DateTimeField::Custom(ident) | ast::DateTimeField::Week(Some(ident)) => {
                super::names::fold(ident)
            }
            other => other.to_string().to_ascii_lowercase(),
        };
        let term = self.expr(expr, scope)?;
        let at = term.at;
        let name = name.trim_matches('\'').to_owned();
        let field = Expr::Const(Datum::Text(name), held(oid::TEXT, -1)?);
        let term = self.call_terms("extract", vec![Term { expr: field, at }, term], at)?;
        Ok(self.spelt(&Spelling::Syntax, term))
    }

    pub(super) fn substring(
        &mut self,
        shorthand: bool,
        expr: &ast::Expr,
        from: Option<&ast::Expr>,
        length: Option<&ast::Expr>,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let mut terms = vec![self.expr(expr, scope)?];
        let at = terms.first().map_or(0, |t| t.at);
        match from {
            Some(from) => terms.push(self.expr(from, scope)?),
            None => {
                let one = Expr::Const(Datum::Int32(1), held(oid::INT4, -1)?);
                terms.push(Term { expr: one, at });
            }
        }
        if let Some(length) = length {
            terms.push(self.expr(length, scope)?);
        }
        let name = if shorthand { "substr" } else { "substring" };
        self.call_terms(name, terms, self.word_before(name, at))
    }

    pub(super) fn trim(
        &mut self,
        side: Option<ast::TrimWhereField>,
        what: Option<&ast::Expr>,
        expr: &ast::Expr,
        characters: Option<&[ast::Expr]>,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let name = match side {
            None | Some(ast::TrimWhereField::Both) => "btrim",
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
        };
        let mut args = vec![expr];
        args.extend(what);
        args.extend(characters.into_iter().flatten());
        let term = self.call_named(name, &args, scope)?;
        Ok(self.spelt(&Spelling::Syntax, term))
    }
}

/// The name under which a function is kept, those of information_schema behind the schema's; None for a schema that has
/// no functions.
pub(super) fn called_name(schema: Option<&str>, name: &str) -> Option<String> {
    match schema {
        None | Some("pg_catalog") => Some(name.to_owned()),
        Some("information_schema") => Some(format!("information_schema.{name}")),
        Some(_) => None,
    }
}

/// The type that a one-argument call of a type's name casts to.
pub(super) fn cast_by_call(name: &str, source: Oid) -> Option<Oid> {
    let target = builtin::type_named(name).filter(|t| t.kind == 'b')?.oid;
    if source == oid::UNKNOWN {
        return Some(target);
    }
    match super::coerce::path(source, target, CastContext::Explicit)? {
        super::coerce::Path::Relabel | super::coerce::Path::InOut => Some(target),
        super::coerce::Path::Function(_) => None,
    }
}

fn shown_types(types: &[Oid]) -> String {
    types.iter().map(|t| type_name(*t)).collect::<Vec<_>>().join(", ")
}

/// `no_function` with its position; PostgreSQL gives none for a polymorphic type that was not found.
pub(super) fn no_function_at(name: &str, args: &[Oid], names: &[String], why: Refused, at: usize) -> Error {
    let error = no_function_with_names(name, args, names, why);
    if why == Refused::Polymorphic { error } else { located(error, at) }
}

pub(super) fn no_function(name: &str, args: &[Oid], why: Refused) -> Error {
    no_function_with_names(name, args, &[], why)
}

/// The last arguments are named.
pub(super) fn no_function_with_names(name: &str, args: &[Oid], names: &[String], why: Refused) -> Error {
    let positional = args.len().saturating_sub(names.len());
    let shown = args.iter().enumerate().map(|(i, ty)| {
        let name = i.checked_sub(positional).and_then(|at| names.get(at));
        let name = name.filter(|name| *name != resolve::VARIADIC);
        name.map_or_else(|| type_name(*ty), |name| format!("{name} => {}", type_name(*ty)))
    });
    let shown = format!("{name}({})", shown.collect::<Vec<_>>().join(", "));
    match why {
        Refused::NotFound => {
            Error::new(ErrorKind::UndefinedFunction, format!("function {shown} does not exist"))
                .with_hint(HINT_NONE)
        }
        Refused::Polymorphic => {
            let message = "could not determine polymorphic type because input has type unknown";
            Error::new(ErrorKind::DatatypeMismatch, message)
        }
        Refused::Ambiguous => {
            Error::new(ErrorKind::AmbiguousFunction, format!("function {shown} is not unique"))
                .with_hint(HINT_CHOICE)
        }
    }
}

/// Why a function is no aggregate.
pub(super) fn no_aggregate(name: &str, extras: &Extras<'_>) -> String {
    let what = match () {
        () if extras.star => return format!("{name}(*) specified, but {name} is not an aggregate function"),
        () if extras.distinct => "DISTINCT",
        () if !extras.within.is_empty() => "WITHIN GROUP",
        () if !extras.order_by.is_empty() => "ORDER BY",
        () if extras.filter.is_some() => "FILTER",
        () => {
            return format!("OVER specified, but {name} is not a window function nor an aggregate function");
        }
    };
    format!("{what} specified, but {name} is not an aggregate function")
}
