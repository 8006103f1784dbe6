//! Calls of functions that users make: which one is meant, and its arguments.
//!
//! Must not know what a body means (`inlined`). Invariant: functions are looked for along the search path, in the text of
//! the catalog by their OIDs; of two that take the same, the first along the path is meant.

use super::function::{Extras, cast_by_call, no_aggregate, no_function_at};
use super::inlined::ROWS_DIFFER;
use super::names::{Relation, located};
use super::resolve::{Callee, Refused, Signature, callee, resolved};
use super::result_shape::Shape;
use super::{Binder, Scope, Term};
use crate::bound::Expr;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, ProcKind};
use catalog::{FunctionDef, ParameterMode};
use sqlparser::ast;
use std::sync::Arc;
use types::sql_type::oid;
use types::{SqlType, user_type};

/// A call whose arguments are bound.
#[derive(Clone, Debug)]
pub(super) struct UserCall {
    pub(super) def: Arc<FunctionDef>,
    /// One for each input, of its type and in the form that the type is held in.
    pub(super) args: Vec<Expr>,
    pub(super) inputs: Vec<SqlType>,
    pub(super) result: Shape,
    /// The type of the rows that are returned, when it has a name.
    pub(super) row: Option<SqlType>,
    pub(super) at: usize,
}

/// What a name means for some arguments.
pub(super) enum Meant {
    /// No function that a user made.
    BuiltIn,
    User(Box<UserCallee>),
}

/// A function that a user made, chosen for arguments of some types.
pub(super) struct UserCallee {
    def: Arc<FunctionDef>,
    /// Types of the arguments that are given, as they are and as they are declared, without domains.
    actual: Vec<Oid>,
    declared: Vec<Oid>,
    /// As they are declared.
    wanted: Vec<Oid>,
    variadic_from: Option<usize>,
    places: Option<Vec<usize>>,
}

#[derive(Clone, Debug)]
enum Known {
    BuiltIn,
    User(Arc<FunctionDef>),
}

impl Binder<'_> {
    /// Functions that users made of a name, in the order in which they are found.
    pub(super) fn user_functions(&self, schema: Option<&str>, name: &str) -> Vec<Arc<FunctionDef>> {
        let catalog = self.context.catalog;
        if let Some(oid) = catalog::relation_of_name(name) {
            let kept = self.lines.are_none() || self.views > 0;
            return catalog.function(oid).filter(|_| kept).cloned().into_iter().collect();
        }
        if catalog.functions().next().is_none() {
            return Vec::new();
        }
        let within = |schema: &str| {
            let schema = catalog.schema_named(schema).map(|schema| schema.id);
            schema.into_iter().flat_map(move |schema| catalog.functions_named(schema, name)).cloned()
        };
        match schema {
            Some(schema) => within(schema).collect(),
            None => self.context.search_path.iter().flat_map(|schema| within(schema)).collect(),
        }
    }

    /// A call in an expression of a function that a user made; None when another one is meant.
    pub(super) fn user_function(
        &mut self,
        (schema, name, written): (Option<&str>, &str, &ast::ObjectName),
        exprs: &[&ast::Expr],
        names: &[String],
        extras: &Extras<'_>,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        if self.user_functions(schema, name).is_empty() {
            return Ok(None);
        }
        let kind = builtin::procs_named(name).map(|proc| proc.kind).next().filter(|_| schema.is_none());
        let special =
            extras.star || extras.distinct || !extras.order_by.is_empty() || !extras.within.is_empty();
        if special || extras.filter.is_some() || extras.over.is_some() {
            if kind.is_some() {
                return Ok(None);
            }
            return Err(located(
                Error::new(ErrorKind::WrongObjectType, no_aggregate(name, extras)),
                extras.at,
            ));
        }
        let uses = self.level().uses.clone();
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            terms.push(self.expr(expr, scope)?);
        }
        let actual: Vec<Oid> = terms.iter().map(|term| term.expr.ty().oid).collect();
        let at = extras.at;
        let callee = match self.meant(schema, name, &terms, names) {
            Ok(Meant::User(callee)) => *callee,
            Ok(Meant::BuiltIn) | Err(Refused::NotFound | Refused::Polymorphic)
                if matches!(kind, Some(ProcKind::Aggregate | ProcKind::Window)) =>
            {
                self.level().uses = uses;
                return Ok(None);
            }
            Ok(Meant::BuiltIn) => return self.call_named_terms(name, terms, names, at).map(Some),
            Err(Refused::NotFound) if kind.is_some() || self.is_cast(schema, name, &actual) => {
                return self.call_named_terms(name, terms, names, at).map(Some);
            }
            Err(why) => {
                let shown = schema.map_or_else(|| name.to_owned(), |schema| format!("{schema}.{name}"));
                return Err(no_function_at(&shown, &named_types(&terms), names, why, at));
            }
        };
        self.note_called(written, &callee.def);
        let plain = callee.places.is_none() && callee.variadic_from.is_none() && !callee.def.returns_set;
        let call = self.user_call(callee, terms, at)?;
        match &call.result {
            Shape::Value(ty) if plain && self.outlines.on => {
                let (proc, args, ty) = (call.def.oid, call.args.clone(), ty.clone());
                return Ok(Some(Term { expr: Expr::Call { proc, args, ty }, at }));
            }
            _ => self.lose_outline(),
        }
        let value = match call.def.returns_set {
            true => self.user_set(&call),
            false => self.inlined_value(&call).map(|expr| Term { expr, at }),
        };
        value.map(Some).map_err(|error| match error.message() {
            // PostgreSQL takes such a row as it is here.
            ROWS_DIFFER => self.unsupported("a row of other types than the function declares", at),
            _ => error,
        })
    }

    /// A call in FROM; None when no function that a user made is meant.
    pub(super) fn user_call_of(
        &mut self,
        schema: Option<&str>,
        written: &ast::ObjectName,
        terms: Vec<Term>,
        names: &[String],
        at: usize,
    ) -> Result<Option<UserCall>> {
        let (_, name, _) = self.qualified(written)?;
        match self.meant(schema, &name, &terms, names) {
            Ok(Meant::User(callee)) => {
                self.note_called(written, &callee.def);
                self.user_call(*callee, terms, at).map(Some)
            }
            Ok(Meant::BuiltIn) => Ok(None),
            Err(_) if schema.is_none() && builtin::procs_named(&name).next().is_some() => Ok(None),
            Err(why) => {
                let shown = schema.map_or_else(|| name.clone(), |schema| format!("{schema}.{name}"));
                Err(no_function_at(&shown, &named_types(&terms), names, why, at))
            }
        }
    }

    /// Whether a name that no function has for an argument casts it.
    fn is_cast(&self, schema: Option<&str>, name: &str, actual: &[Oid]) -> bool {
        matches!((schema, actual), (None, [source]) if cast_by_call(name, *source).is_some())
    }

    /// What a name means for arguments, the last of which are named.
    fn meant(
        &self,
        schema: Option<&str>,
        name: &str,
        terms: &[Term],
        names: &[String],
    ) -> Result<Meant, Refused> {
        let mut own = self.user_functions(schema, name);
        if own.is_empty() {
            return Ok(Meant::BuiltIn);
        }
        let actual: Vec<Oid> = terms.iter().map(|term| term.expr.ty().oid).collect();
        let actual = actual.as_slice();
        if own.iter().any(|def| def.inputs().any(|parameter| user_type::of_domain(parameter.ty))) {
            // Of two that take the same but for domains, the one that takes them as they are is meant.
            let as_it_is = |def: &Arc<FunctionDef>| {
                let given = named_types(terms).into_iter();
                def.inputs().zip(given).filter(|(parameter, given)| parameter.ty == *given).count()
            };
            own.sort_by_key(|def| std::cmp::Reverse(as_it_is(def)));
        }
        let types: Vec<Vec<Oid>> = own.iter().map(|def| self.computed_types(def)).collect();
        let mut all: Vec<(Known, Signature<'_>)> = own
            .iter()
            .zip(&types)
            .map(|(def, types)| (Known::User(Arc::clone(def)), signature(def, types)))
            .collect();
        if schema.is_none() {
            let path = self.context.search_path;
            let place = path.iter().position(|schema| schema == "pg_catalog");
            let before = place.and_then(|place| path.get(..place)).unwrap_or_default();
            let is_before = |def: &FunctionDef| {
                let schema = self.context.catalog.schema(def.schema);
                schema.is_some_and(|schema| before.contains(&schema.name))
            };
            let first = own.iter().take_while(|def| is_before(def)).count();
            let built_in = builtin::procs_named(name).map(|proc| (Known::BuiltIn, Signature::of(proc)));
            drop(all.splice(first..first, built_in));
        }
        let (declared, Callee { function, variadic_from, places }) = callee(&all, actual, names)?;
        let def = match function {
            Known::BuiltIn => return Ok(Meant::BuiltIn),
            Known::User(def) => def,
        };
        if places.is_some() && self.is_twice(&own, &def, &declared, actual.len(), names) {
            return Err(Refused::Ambiguous);
        }
        resolved(actual, &declared, def.result)?;
        // A domain is what a polymorphic type stands for, where that fits.
        let named = named_types(terms);
        let fits = resolved(&named, &declared, def.result).is_ok();
        let actual = if fits { named } else { actual.to_vec() };
        let wanted = wanted(&def, &declared, variadic_from, places.as_deref());
        Ok(Meant::User(Box::new(UserCallee { def, actual, declared, wanted, variadic_from, places })))
    }

    /// The types of the inputs, that which a domain is over in its place.
    fn computed_types(&self, def: &FunctionDef) -> Vec<Oid> {
        let computed = |ty: Oid| match user_type::of_domain(ty) {
            true => self.type_of(ty, -1).map_or(ty, |ty| ty.oid),
            false => ty,
        };
        def.inputs().map(|parameter| computed(parameter.ty)).collect()
    }

    /// Whether another function of the same schema takes the same arguments by its defaults.
    fn is_twice(
        &self,
        own: &[Arc<FunctionDef>],
        def: &FunctionDef,
        declared: &[Oid],
        given: usize,
        names: &[String],
    ) -> bool {
        own.iter().filter(|other| other.oid != def.oid && other.schema == def.schema).any(|other| {
            let types = self.computed_types(other);
            let alone = [((), signature(other, &types))];
            callee(&alone, declared, names).is_ok_and(|(found, callee)| {
                found == declared && callee.places.is_some() && types.len() > given
            })
        })
    }

    /// A call of the function that is meant.
    pub(super) fn user_call(&mut self, callee: UserCallee, terms: Vec<Term>, at: usize) -> Result<UserCall> {
        let UserCallee { def, actual, declared, wanted, variadic_from, places } = callee;
        let settled = |ty: Oid| match resolved(&actual, &declared, ty) {
            Ok((_, ty)) => Ok(ty),
            Err(_) => Err(Error::internal("a polymorphic type that nothing settles")),
        };
        let mut inputs = Vec::new();
        for parameter in def.inputs() {
            inputs.push(self.held_type(settled(parameter.ty)?).map_err(|e| located(e, at))?);
        }
        let mut given = Vec::with_capacity(terms.len());
        for (term, wanted) in terms.into_iter().zip(wanted) {
            let target = self.held_type(settled(wanted)?).map_err(|e| located(e, at))?;
            let term = self.coerce(term, &target, builtin::CastContext::Implicit)?;
            given.push(self.bare(term.expr, &target)?);
        }
        if let (Some(from), Some(array)) = (variadic_from, inputs.last()) {
            let elements = given.split_off(from.min(given.len()));
            given.push(Expr::Array { elements, ty: array.clone() });
        }
        let args = match places {
            None => given,
            Some(places) => self.with_defaults(&def, &inputs, &places, given)?,
        };
        let result = self.shape(&def, settled).map_err(|e| located(e, at))?;
        let row = self.row_type_of(&def);
        Ok(UserCall { def, args, inputs, result, row, at })
    }

    /// Binds the body of a function without polymorphic types as a call would.
    pub(crate) fn check_body(&mut self, def: &FunctionDef) -> Result<()> {
        let inputs: Vec<SqlType> = def.inputs().map(|p| self.held_type(p.ty)).collect::<Result<_>>()?;
        let result = self.shape(def, Ok)?;
        let args = inputs.iter().map(Binder::null).collect();
        let row = self.row_type_of(def);
        let call = UserCall { def: Arc::new(def.clone()), args, inputs, result, row, at: 0 };
        let before = self.named.replace(Vec::new());
        let body = self.body_of(&call);
        self.named = before;
        match body {
            // Told when it is called, as PostgreSQL does.
            Err(error) if error.message() == ROWS_DIFFER => Ok(()),
            body => body.map(|_| ()),
        }
    }

    /// The type of a parameter or of a result; one of values is one that this version holds.
    pub(crate) fn declared_type(&self, ty: &ast::DataType) -> Result<Oid> {
        let (oid, _) = self.type_and_modifier(ty)?;
        match builtin::type_by_oid(oid).is_some_and(|row| row.kind == 'p') {
            true => Ok(oid),
            false if user_type::is_array(oid) && user_type::table_of_row(oid).is_some() => {
                let message = "arrays of the rows of a relation in a function are not supported";
                Err(Error::unsupported(message).with_hint("Take the rows, or a set of them: RETURNS SETOF."))
            }
            false => self.held_type(oid).map(|ty| ty.named()),
        }
    }

    /// The type in the form that it is held in.
    pub(crate) fn held_type(&self, ty: Oid) -> Result<SqlType> {
        self.type_of(ty, -1)
    }

    /// The type of a column that a call defines; 0A000 for one with a modifier.
    pub(super) fn type_without_modifier(&self, ty: &ast::DataType) -> Result<SqlType> {
        let ty = self.sql_type(ty)?;
        if ty.named_typmod() == -1 {
            return Ok(ty);
        }
        let message = "a modifier of a type in a list of columns behind a call is not supported";
        Err(Error::unsupported(message).with_hint("Cast the column in the select list."))
    }

    pub(crate) fn coerce_argument_default(
        &mut self,
        term: Term,
        target: &SqlType,
        context: builtin::CastContext,
    ) -> Result<Expr> {
        let (actual, at) = (term.expr.ty(), term.at);
        if !super::coerce::can_coerce(actual.oid, target.oid, context) {
            let (wanted, actual) = (super::type_name(target.named()), super::type_name(actual.named()));
            let message = format!("argument of DEFAULT must be type {wanted}, not type {actual}");
            return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), at));
        }
        self.coerce(term, target, context).map(|term| term.expr)
    }

    /// The relation that a type's name means.
    pub(crate) fn rows_of_type(&self, ty: &ast::DataType) -> Option<Oid> {
        let ast::DataType::Custom(name, modifiers) = ty else { return None };
        let (schema, own, _) = self.qualified(name).ok()?;
        let schema = schema.as_deref();
        let is_type = self.user_type(schema, &own).is_some()
            || matches!(schema, None | Some("pg_catalog")) && builtin::type_named(&own).is_some();
        if is_type || !modifiers.is_empty() {
            return None;
        }
        match self.find_relation(schema, &own)? {
            Relation::Table(table) => Some(table.oid),
            Relation::View(view) => Some(view.oid),
            Relation::Sequence(_) | Relation::System(_) => None,
        }
    }

    /// `user_functions` for statements about them.
    pub(crate) fn functions_called(&self, schema: Option<&str>, name: &str) -> Vec<Arc<FunctionDef>> {
        self.user_functions(schema, name)
    }

    /// The name of a function's text is that of its OID, when it is kept.
    /// `row.name` where that is no field: a call of a function of that name, which a user made, with the row.
    pub(super) fn call_as_field(&mut self, row: &Term, name: &str) -> Result<Option<Term>> {
        if self.user_functions(None, name).is_empty() {
            return Ok(None);
        }
        let Ok(Meant::User(callee)) = self.meant(None, name, std::slice::from_ref(row), &[]) else {
            return Ok(None);
        };
        if self.views == 0 {
            self.called_as_field = Some(row.at);
        }
        self.lose_outline();
        let call = self.user_call(*callee, vec![row.clone()], row.at)?;
        match call.def.returns_set {
            true => self.user_set(&call).map(Some),
            false => self.inlined_value(&call).map(|expr| Some(Term { expr, at: row.at })),
        }
    }

    pub(super) fn note_called(&mut self, name: &ast::ObjectName, def: &FunctionDef) {
        if self.views == 0 {
            self.called.push((name.clone(), Arc::new(def.clone())));
        }
    }

    /// A value without a modifier, in the form of its type.
    pub(super) fn bare(&self, expr: Expr, target: &SqlType) -> Result<Expr> {
        let expr = self.in_form(expr, target)?;
        let ty = expr.ty();
        Ok(match ty.typmod {
            _ if target.domain.is_some() => expr,
            -1 => expr,
            _ => super::coerce::relabel(expr, &SqlType { typmod: -1, ..ty }),
        })
    }

    /// Arguments in the order of their declaration, defaults where none was given.
    fn with_defaults(
        &mut self,
        def: &FunctionDef,
        inputs: &[SqlType],
        places: &[usize],
        given: Vec<Expr>,
    ) -> Result<Vec<Expr>> {
        let mut given: Vec<(usize, Expr)> = places.iter().copied().zip(given).collect();
        let mut all = Vec::with_capacity(inputs.len());
        for (place, (parameter, ty)) in def.inputs().zip(inputs).enumerate() {
            if let Some(at) = given.iter().position(|(own, _)| *own == place) {
                all.push(given.swap_remove(at).1);
                continue;
            }
            let text = parameter.default.as_deref();
            let text = text.ok_or_else(|| Error::internal(format!("{} lacks a default", def.name)))?;
            let frame = self.frame.take();
            self.views += 1;
            let bound = self.stored(text, &def.name, |b, expr| {
                let term = b.bind_expr(expr, &Scope::empty(), super::Clause::Default)?;
                let term = b.coerce(term, ty, builtin::CastContext::Assignment)?;
                b.bare(term.expr, ty)
            });
            self.views -= 1;
            self.frame = frame;
            all.push(bound?);
        }
        Ok(all)
    }
}

/// Domains are told as what they are.
fn named_types(terms: &[Term]) -> Vec<Oid> {
    terms.iter().map(|term| term.expr.ty().named()).collect()
}

/// The types that a function declares for the arguments that are given; `declared` has them without domains.
fn wanted(
    def: &FunctionDef,
    declared: &[Oid],
    variadic_from: Option<usize>,
    places: Option<&[usize]>,
) -> Vec<Oid> {
    let own = def.input_types();
    let wanted = |given: usize, computed: Oid| match (places, variadic_from) {
        (Some(places), _) => places.get(given).and_then(|place| own.get(*place)).copied(),
        (None, Some(from)) if given >= from => {
            let element = own.last().and_then(|array| user_type::array_element(*array));
            element.or(Some(computed))
        }
        (None, _) => own.get(given).copied(),
    };
    declared.iter().enumerate().map(|(given, ty)| wanted(given, *ty).unwrap_or(*ty)).collect()
}

fn signature<'s>(def: &'s FunctionDef, types: &'s [Oid]) -> Signature<'s> {
    let last = def.inputs().last().filter(|parameter| parameter.mode == ParameterMode::Variadic);
    let variadic = last.and_then(|_| types.last()).map(|ty| match *ty {
        oid::ANYARRAY => oid::ANYELEMENT,
        ty => types::sql_type::array_element(ty).unwrap_or(ty),
    });
    let names = def.inputs().map(|parameter| parameter.name.as_str()).collect();
    Signature { args: types, names, defaults: def.defaults(), variadic }
}

/// A function with the types of its inputs.
pub(crate) fn signature_shown(def: &FunctionDef) -> String {
    let types: Vec<String> = def.inputs().map(|parameter| super::type_name(parameter.ty)).collect();
    format!("{}({})", def.name, types.join(", "))
}
