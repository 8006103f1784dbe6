//! Bodies of functions that users make, bound in the place of their calls.
//!
//! Must not know how a function is found (`user_function`). Invariants: parameters stand in a body as outer columns until
//! the arguments take their places (`arguments`); a function that calls itself is refused, so that no text is bound without
//! end.

use super::names::Lines;
use super::record::is_row;
use super::result_shape::Shape;
use super::select::Bound;
use super::type_name::type_name;
use super::user_function::UserCall;
use super::{Binder, Scope, Term};
use crate::bound::{ColRef, Expr, Rel, TypedCol};
use crate::parse::{StatementAst, parse};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::CastContext;
use catalog::{FunctionBody, FunctionDef};
use sqlparser::ast;
use types::sql_type::{RowField, oid};
use types::{Form, SqlType};

/// Bodies that one statement may take in.
const INLINED_MAX: usize = 1_000;
/// Functions within functions.
const DEPTH_MAX: usize = 32;

const HINT_ONE: &str = "Write the body as one SELECT; send other statements to the server one by one.";

/// The function whose body is being bound.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) name: String,
    /// Names of the inputs, empty for those without, and what stands for them.
    pub(crate) parameters: Vec<(String, TypedCol)>,
}

/// A body over its parameters.
#[derive(Debug)]
pub(super) struct Inlined {
    pub(super) rel: Rel,
    /// As the function declares them.
    pub(super) columns: Vec<TypedCol>,
    pub(super) parameters: Vec<TypedCol>,
}

impl Binder<'_> {
    /// `$n` in a body.
    pub(super) fn frame_parameter(&self, name: &str, at: usize) -> Option<Result<Term>> {
        let frame = self.frame.as_ref()?;
        let place =
            name.strip_prefix('$').and_then(|n| n.parse::<usize>().ok()).and_then(|n| n.checked_sub(1));
        let found = place.and_then(|place| frame.parameters.get(place));
        Some(found.map(|(_, typed)| Term { expr: Expr::Outer(typed.clone()), at }).ok_or_else(|| {
            let error = Error::new(ErrorKind::UndefinedParameter, format!("there is no parameter {name}"));
            super::names::located(error, at)
        }))
    }

    /// A parameter by its name.
    pub(super) fn frame_named(&self, function: Option<&str>, name: &str, at: usize) -> Option<Term> {
        let frame = self.frame.as_ref().filter(|frame| function.is_none_or(|f| f == frame.name))?;
        let (_, typed) = frame.parameters.iter().find(|(own, _)| own == name)?;
        Some(Term { expr: Expr::Outer(typed.clone()), at })
    }

    /// `function.parameter`, `parameter.field` or `function.parameter.field`.
    pub(super) fn frame_qualified(
        &mut self,
        first: Option<&str>,
        second: &str,
        name: &str,
        at: usize,
    ) -> Option<Result<Term>> {
        if let Some(parameter) = self.frame_named(Some(second), name, at).filter(|_| first.is_none()) {
            return Some(Ok(parameter));
        }
        let row = self.frame_row(first, second, at)?;
        let has =
            |ty: SqlType| ty.fields().is_some_and(|fields| fields.iter().any(|field| field.name == name));
        has(row.expr.ty()).then(|| self.field(row, &ast::Ident::with_quote('"', name)))
    }

    /// A parameter that is a row.
    pub(super) fn frame_row(&self, function: Option<&str>, name: &str, at: usize) -> Option<Term> {
        self.frame_named(function, name, at).filter(|row| is_row(row.expr.ty().oid))
    }

    /// The parameters of a function, for its body.
    pub(crate) fn frame_of(&mut self, def: &FunctionDef, types: &[SqlType]) -> Frame {
        let parameters = def.inputs().zip(types).map(|(parameter, ty)| {
            let typed = TypedCol { col: self.new_col(), ty: ty.clone() };
            (parameter.name.clone(), typed)
        });
        Frame { name: def.name.clone(), parameters: parameters.collect() }
    }

    /// The body of a function over its parameters, its columns as they are declared.
    pub(super) fn body_of(&mut self, call: &UserCall) -> Result<Inlined> {
        let UserCall { def, inputs, result, .. } = call;
        if self.calling.contains(&def.oid) {
            let message = format!("function \"{}\" calls itself, which is not supported", def.name);
            return Err(Error::unsupported(message).with_hint("WITH RECURSIVE computes step by step."));
        }
        self.inlined += 1;
        if self.calling.len() >= DEPTH_MAX || self.inlined > INLINED_MAX {
            let message = "functions call each other too often or too deep in one statement";
            return Err(Error::new(ErrorKind::TooComplex, message));
        }
        let frame = self.frame_of(def, inputs);
        let parameters = frame.parameters.iter().map(|(_, typed)| typed.clone()).collect();
        self.calling.push(def.oid);
        let bound = self.in_frame(frame, def, |b| {
            let bound = b.bound_body(&def.body)?;
            b.shaped(bound, result, def)
        });
        self.calling.pop();
        let (rel, columns) = bound?;
        Ok(Inlined { rel, columns, parameters })
    }

    /// Binds what belongs to a body.
    fn in_frame<T>(
        &mut self,
        frame: Frame,
        def: &FunctionDef,
        bind: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        // Positions in the text mean nothing in the statement.
        let lines = std::mem::replace(&mut self.lines, Lines::none());
        let unseen = std::mem::replace(&mut self.unseen, def.unseen.clone());
        let frame = self.frame.replace(frame);
        let siblings = std::mem::take(&mut self.siblings);
        let barred = self.barred.take();
        let keeps_records = std::mem::take(&mut self.keeps_records);
        let top = std::mem::take(&mut self.is_top);
        let outlining = std::mem::take(&mut self.outlines.on);
        self.views += 1;
        let bound = bind(self);
        self.views -= 1;
        self.outlines.on = outlining;
        self.is_top = top;
        self.keeps_records = keeps_records;
        self.barred = barred;
        self.siblings = siblings;
        self.frame = frame;
        self.unseen = unseen;
        self.lines = lines;
        bound
    }

    /// The last query of a body; None when it has none.
    fn bound_body(&mut self, body: &FunctionBody) -> Result<Option<Bound>> {
        let text = match body {
            FunctionBody::Text(text) | FunctionBody::Atomic(text) => text.clone(),
            FunctionBody::Return(text) => format!("SELECT {text}"),
        };
        let statements = parse(&text)?;
        let query = match statements.as_slice() {
            [] => return Ok(None),
            [one] => match one.ast() {
                StatementAst::Query(query) if one.writes().is_empty() => query,
                _ => return Err(several()),
            },
            _ => return Err(several()),
        };
        self.function_query(query).map(Some)
    }

    fn function_query(&mut self, query: &ast::Query) -> Result<Bound> {
        self.query(query, &Scope::empty(), true)
    }

    /// A body with its columns as the function declares them; 42P13 when it has others.
    fn shaped(
        &mut self,
        bound: Option<Bound>,
        result: &Shape,
        def: &FunctionDef,
    ) -> Result<(Rel, Vec<TypedCol>)> {
        let mismatch = |detail: String| {
            let declared = self.result_name(def);
            let message = format!("return type mismatch in function declared to return {declared}");
            Error::new(ErrorKind::InvalidFunctionDefinition, message).with_detail(detail)
        };
        let Some(Bound { rel, columns, outline: _ }) = bound else {
            return match result {
                Shape::Void => Ok((Rel::Unit, Vec::new())),
                _ => Err(mismatch(
                    "Function's final statement must be SELECT or INSERT/UPDATE/DELETE RETURNING.".to_owned(),
                )),
            };
        };
        let found: Vec<TypedCol> = columns.into_iter().map(|column| column.typed).collect();
        let declared: Vec<SqlType> = match result {
            Shape::Void | Shape::Open => return Ok((rel, found)),
            Shape::Value(ty) => vec![ty.clone()],
            Shape::Row(columns) => columns.iter().map(|(_, ty)| ty.clone()).collect(),
        };
        let mut values: Vec<Expr> =
            found.iter().map(|column| made_row(&rel, Expr::Column(column.clone()))).collect();
        if let (Shape::Row(_), [row]) = (result, values.as_slice())
            && let Form::Row(fields) = row.ty().form
        {
            let row = row.clone();
            if def.row_type().is_none() {
                check_fields(&fields, &declared)?;
            }
            if let Expr::Row { fields, ty: _ } = &row
                && fields.len() == declared.len()
            {
                values = fields.clone();
            } else if fields.len() == declared.len() {
                values =
                    (0..declared.len()).map(|place| self.field_at(&row, place)).collect::<Result<_>>()?;
            }
        }
        // A column that came later is one of the body's, too.
        if def.rows_of.is_some_and(|relation| self.sees_less(relation, declared.len(), values.len())) {
            values.truncate(declared.len());
        }
        let is_row = matches!(result, Shape::Row(_));
        if !is_row && values.len() != 1 {
            return Err(mismatch("Final statement must return exactly one column.".to_owned()));
        }
        if values.len() > declared.len() {
            return Err(mismatch("Final statement returns too many columns.".to_owned()));
        }
        for (place, (value, declared)) in values.iter().zip(&declared).enumerate() {
            let actual = value.ty();
            if !super::coerce::can_coerce(actual.oid, declared.oid, CastContext::Assignment) {
                let actual = type_name(actual.named());
                return Err(mismatch(match is_row {
                    false => format!("Actual return type is {actual}."),
                    true => {
                        let wanted = type_name(declared.named());
                        let column = place + 1;
                        format!("Final statement returns {actual} instead of {wanted} at column {column}.")
                    }
                }));
            }
        }
        if values.len() < declared.len() {
            return Err(mismatch("Final statement returns too few columns.".to_owned()));
        }
        let mut items = Vec::with_capacity(values.len());
        let mut columns = Vec::with_capacity(values.len());
        for (value, ty) in values.into_iter().zip(&declared) {
            let term = self.coerce(Term { expr: value, at: 0 }, ty, CastContext::Assignment)?;
            let value = match ty.typmod {
                -1 => self.bare(term.expr, ty)?,
                _ => self.in_form(term.expr, ty)?,
            };
            let typed = TypedCol { col: self.new_col(), ty: value.ty() };
            items.push((value, typed.col));
            columns.push(typed);
        }
        Ok((Rel::Project { input: Box::new(rel), items }, columns))
    }

    /// Whether a relation has so many columns, and those before the later ones are so many.
    fn sees_less(&self, relation: Oid, seen: usize, all: usize) -> bool {
        let table = self.context.catalog.table_of_relation(relation);
        seen < all && table.is_some_and(|table| table.columns.len() == all)
    }

    /// A function's result in words.
    fn result_name(&self, def: &FunctionDef) -> String {
        let relation = def.rows_of.and_then(|relation| {
            let catalog = self.context.catalog;
            let table = catalog.table_of_relation(relation).map(|t| t.name.clone());
            table.or_else(|| catalog.view_of_relation(relation).map(|v| v.name.clone()))
        });
        relation.unwrap_or_else(|| type_name(def.result))
    }
}

/// What a call says whose row has not the columns that the function declares.
pub(super) const ROWS_DIFFER: &str = "function return row and query-specified return row do not match";

/// 42804 unless a row has fields of the types that are declared: nothing casts them.
fn check_fields(fields: &[RowField], declared: &[SqlType]) -> Result<()> {
    let differ = |detail: String| {
        Err(Error::new(ErrorKind::DatatypeMismatch, ROWS_DIFFER.to_owned()).with_detail(detail))
    };
    let (found, wanted) = (fields.len(), declared.len());
    if found != wanted {
        let s = if found == 1 { "" } else { "s" };
        return differ(format!("Returned row contains {found} attribute{s}, but query expects {wanted}."));
    }
    for (place, (field, ty)) in (1..).zip(fields.iter().zip(declared)) {
        let (found, wanted) = (field.ty.named(), ty.named());
        if found != wanted {
            let (found, wanted) = (type_name(found), type_name(wanted));
            return differ(format!(
                "Returned type {found} at ordinal position {place}, but query expects {wanted}."
            ));
        }
    }
    Ok(())
}

/// A column of a body; a row that the body makes with its fields, of which literals are still open.
fn made_row(rel: &Rel, column: Expr) -> Expr {
    fn maker(rel: &Rel, col: ColRef) -> Option<&Expr> {
        match rel {
            Rel::Project { input, items } => match items.iter().find(|(_, own)| *own == col) {
                Some((Expr::Column(below), _)) => maker(input, below.col),
                Some((made, _)) => Some(made),
                None => None,
            },
            Rel::Sort { input, .. } | Rel::Limit { input, .. } | Rel::Filter { input, .. } => {
                maker(input, col)
            }
            Rel::With { ctes: _, body } => maker(body, col),
            _ => None,
        }
    }
    fn opened(value: Expr, made: &Expr) -> Expr {
        match made {
            Expr::Const(..) => made.clone(),
            Expr::Row { fields, ty } => {
                let shapes = ty.fields().into_iter().flat_map(|shapes| shapes.iter());
                let fields = fields.iter().zip(shapes).enumerate().map(|(index, (field, shape))| {
                    let row = Box::new(value.clone());
                    opened(Expr::Field { row, index, ty: shape.ty.clone() }, field)
                });
                Expr::Row { fields: fields.collect(), ty: ty.clone() }
            }
            _ => value,
        }
    }
    let Expr::Column(typed) = &column else { return column };
    match maker(rel, typed.col) {
        Some(made @ Expr::Row { ty, .. }) if ty.oid == oid::RECORD => opened(column, made),
        _ => column,
    }
}

fn several() -> Error {
    Error::unsupported("a function whose body is not one SELECT is not supported").with_hint(HINT_ONE)
}
