//! Rows as values: row constructors, whole rows of relations, their fields, and rows that become composite values.
//!
//! Must not know comparisons of row constructors, which go field by field (`row`). Invariants: fields of a row without a name
//! have no modifier, and numerics among fields the form of any numeric, so that rows of one shape have one form; a literal in
//! a row is open until the row becomes one of a composite type, though the row's form has it as text.

use super::coerce::{can_coerce, is_unknown};
use super::names::{fold, located};
use super::scope::{ScopeColumn, ScopeTable, Whole};
use super::type_name::{held, type_name};
use super::{Binder, Scope, Term};
use crate::bound::Expr;
use crate::parse::ROW_STAR;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{CastContext, Proc};
use sqlparser::ast;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use std::borrow::Cow;
use types::sql_type::{RowField, array_element, array_of, oid};
use types::user_type;
use types::{Datum, Form, SqlType};

/// Whether values are rows, or arrays of them: then the type does not follow from its OID.
pub(super) fn is_row(ty: Oid) -> bool {
    matches!(ty, oid::RECORD | oid::RECORD_ARRAY) || user_type::of_composite(ty)
}

/// The row of `(row).*`; None for every other expression.
pub(super) fn starred(expr: &ast::Expr) -> Option<ast::Expr> {
    let ast::Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let (last, before) = access_chain.split_last()?;
    let star = matches!(last, ast::AccessExpr::Dot(ast::Expr::Identifier(name)) if name.value == ROW_STAR);
    if !star || !matches!(root.as_ref(), ast::Expr::Nested(_)) {
        return None;
    }
    Some(match before {
        [] => root.as_ref().clone(),
        before => ast::Expr::CompoundFieldAccess { root: root.clone(), access_chain: before.to_vec() },
    })
}

/// Arguments in which `t.*`, the row of t, is an expression like any other.
pub(super) fn with_whole_rows(args: &[ast::FunctionArg]) -> Cow<'_, [ast::FunctionArg]> {
    let row = |arg: &ast::FunctionArg| match arg {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::QualifiedWildcard(name)) => Some(name.clone()),
        _ => None,
    };
    if !args.iter().any(|arg| row(arg).is_some()) {
        return Cow::Borrowed(args);
    }
    let expr = |name| ast::Expr::QualifiedWildcard(name, AttachedToken::empty());
    let made = args.iter().map(|arg| match row(arg) {
        Some(name) => ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr(name))),
        None => arg.clone(),
    });
    Cow::Owned(made.collect())
}

/// The type of a call's result: that of rows follows from the arguments.
pub(super) fn result_type(result: Oid, args: &[Expr]) -> Result<SqlType> {
    if !is_row(result) {
        return held(result, -1);
    }
    let mut found: Option<SqlType> = None;
    for ty in args.iter().map(Expr::ty) {
        let ty = match (ty.oid, result) {
            (own, result) if own == result => Some(ty),
            (own, result) if array_of(own) == Some(result) => ty.array(),
            (own, result) if array_element(own) == Some(result) => ty.element(),
            _ => None,
        };
        match (&found, ty) {
            (Some(known), Some(ty)) if known.form.arrow() != ty.form.arrow() => {
                return Err(Error::unsupported("rows of different types in one call are not supported")
                    .with_hint("Cast the fields to the same types."));
            }
            (None, Some(ty)) => found = Some(ty),
            _ => {}
        }
    }
    match found {
        Some(ty) => Ok(ty),
        None => held(result, -1),
    }
}

/// Whether rows of two types have fields of the same types.
fn has_fields_of(ty: &SqlType, other: &SqlType) -> bool {
    let of = |ty: &SqlType| ty.fields().map(|fields| fields.iter().map(|f| f.ty.oid).collect::<Vec<_>>());
    of(ty) == of(other) && ty.form.arrow() == other.form.arrow()
}

/// A row as one of a type. At another time the type may have had other fields, of which it does not tell.
pub(super) fn as_row_of(row: Expr, named: &SqlType) -> Expr {
    match row {
        Expr::Row { fields, ty } if has_fields_of(named, &ty) => Expr::Row { fields, ty: named.clone() },
        row => row,
    }
}

/// Operands of which null without a type is a row when the other one is: that says which.
pub(super) fn nulls_as_rows(mut terms: Vec<Term>) -> Vec<Term> {
    let row = terms.iter().map(|term| term.expr.ty()).find(|ty| matches!(ty.form, Form::Row(_)));
    let Some(row) = row else { return terms };
    for term in &mut terms {
        if matches!(&term.expr, Expr::Const(types::Datum::Null, ty) if ty.oid == oid::UNKNOWN) {
            term.expr = Expr::Const(types::Datum::Null, row.clone());
        }
    }
    terms
}

impl Binder<'_> {
    /// `(a, b)`: fields are f1, f2 and so on.
    pub(super) fn tuple(&mut self, items: &[ast::Expr], at: usize, scope: &Scope<'_>) -> Result<Term> {
        let mut terms = Vec::with_capacity(items.len());
        for item in items {
            terms.push(self.expr(item, scope)?);
        }
        self.numbered_row(terms, at)
    }

    /// `ROW(..)`, in which `t.*` stands for all columns of t; None for a call of something else.
    pub(super) fn row_call(
        &mut self,
        function: &ast::Function,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        let Some(args) = super::row::row_arguments(function) else { return Ok(None) };
        let mut terms = Vec::with_capacity(args.len());
        for arg in args {
            match arg {
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(expr)) => {
                    terms.push(self.expr(expr, scope)?);
                }
                ast::FunctionArg::Unnamed(ast::FunctionArgExpr::QualifiedWildcard(name)) => {
                    let (entry, depth, at) = self.entry_named(name, scope)?;
                    for column in entry.columns.iter().filter(|column| !column.is_hidden()) {
                        terms.push(self.use_value(column, depth, at)?);
                    }
                }
                _ => return Err(self.unsupported("this kind of field", at)),
            }
        }
        self.numbered_row(terms, at).map(Some)
    }

    fn numbered_row(&mut self, terms: Vec<Term>, at: usize) -> Result<Term> {
        let fields = (1..).zip(terms).map(|(number, term): (usize, Term)| (format!("f{number}"), term));
        self.row_of(fields.collect(), at)
    }

    /// A row of named fields.
    pub(super) fn row_of(&mut self, fields: Vec<(String, Term)>, at: usize) -> Result<Term> {
        let (mut exprs, mut shape) = (Vec::with_capacity(fields.len()), Vec::with_capacity(fields.len()));
        for (name, term) in fields {
            let expr = match term.expr.ty().oid {
                oid::NUMERIC => self.in_form(term.expr, &held(oid::NUMERIC, -1)?)?,
                _ => term.expr,
            };
            let ty = if is_unknown(&expr) { held(oid::TEXT, -1)? } else { expr.ty() };
            shape.push(RowField { name, ty: SqlType { typmod: -1, ..ty } });
            exprs.push(expr);
        }
        Ok(Term { expr: Expr::Row { fields: exprs, ty: SqlType::row(shape) }, at })
    }

    /// The row of a relation as a value.
    pub(super) fn whole_row(&mut self, entry: &ScopeTable, depth: usize, at: usize) -> Result<Term> {
        let row = self.row_of_entry(entry, depth, at)?;
        if !self.outlines.on || matches!((entry.whole, entry.columns.as_slice()), (Whole::Value, [_])) {
            return Ok(row);
        }
        let column = self.column_of_row(entry, depth, at);
        Ok(self.spelt_row(column, row))
    }

    fn row_of_entry(&mut self, entry: &ScopeTable, depth: usize, at: usize) -> Result<Term> {
        match (entry.whole, entry.columns.as_slice()) {
            (Whole::Value, [only]) => self.use_value(only, depth, at),
            (Whole::Maybe | Whole::MaybeNamed(_), columns) => {
                let certain = columns.iter().find(|column| self.is_never_null(column));
                let (Whole::MaybeNamed(ty), Some(certain)) = (entry.whole, certain) else {
                    let what = format!(
                        "the row of \"{}\", which an outer join may leave out, as a value",
                        entry.name
                    );
                    return Err(self.unsupported(&what, at).with_hint("Name its columns."));
                };
                let present = Box::new(self.use_column(certain, depth, at).expr);
                let row = self.named_row(ty, columns, depth, at)?.expr;
                let ty = row.ty();
                let whens = vec![(Expr::IsNull { arg: present, negated: true }, row)];
                Ok(Term { expr: Expr::Case { whens, otherwise: None, ty }, at })
            }
            (Whole::Named(ty), columns) => self.named_row(ty, columns, depth, at),
            (Whole::Row | Whole::Value, columns) => self.row_of_columns(columns, depth, at),
        }
    }

    /// The row of a relation, whose type has the relation's name and fields, whatever they are called here.
    fn named_row(&mut self, ty: Oid, columns: &[ScopeColumn], depth: usize, at: usize) -> Result<Term> {
        let Term { expr, at } = self.row_of_columns(columns, depth, at)?;
        let named = self.context.catalog.composite_type(ty);
        let expr = match named {
            Some(named) => as_row_of(expr, &named),
            None => expr,
        };
        Ok(Term { expr, at })
    }

    /// A column of a relation, which tells whose row is meant.
    fn column_of_row(&mut self, entry: &ScopeTable, depth: usize, at: usize) -> Option<Expr> {
        let first = entry.columns.iter().find(|column| !column.is_hidden())?.clone();
        Some(self.use_column(&first, depth, at).expr)
    }

    fn row_of_columns(&mut self, columns: &[ScopeColumn], depth: usize, at: usize) -> Result<Term> {
        let mut fields = Vec::with_capacity(columns.len());
        for column in columns.iter().filter(|column| !column.is_hidden()) {
            fields.push((column.name.clone(), self.use_value(column, depth, at)?));
        }
        self.row_of(fields, at)
    }

    /// Whether a column of a table is NOT NULL.
    fn is_never_null(&self, column: &ScopeColumn) -> bool {
        let (table, attnum) = column.origin;
        let table = self.context.catalog.table_of_relation(table);
        let def = table.and_then(|def| def.columns.iter().find(|def| def.number() == attnum));
        def.is_some_and(|def| def.not_null)
    }

    /// The entry of FROM that `name.*` means, and how many levels outwards it is.
    pub(super) fn entry_named(
        &self,
        name: &ast::ObjectName,
        scope: &Scope<'_>,
    ) -> Result<(ScopeTable, usize, usize)> {
        let (schema, table, at) = self.qualified(name)?;
        for (depth, level) in scope.levels().enumerate() {
            if let Some(entry) = level.table(schema.as_deref(), &table) {
                return Ok((entry.clone(), depth, at));
            }
        }
        Err(self.missing_table(schema.as_deref(), &table, at, scope))
    }

    /// `(row).name`
    pub(super) fn field(&mut self, row: Term, name: &ast::Ident) -> Result<Term> {
        let at = row.at;
        if name.value == ROW_STAR {
            let message = "row expansion via \"*\" is not supported here";
            return Err(located(Error::unsupported(message), at));
        }
        let row = self.resolve_unknown(row)?;
        let ty = row.expr.ty();
        let name = fold(name);
        let Form::Row(fields) = &ty.form else {
            let message = format!(
                "column notation .{name} applied to type {}, which is not a composite type",
                type_name(ty.oid)
            );
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        };
        let found = fields.iter().position(|field| field.name == name);
        if found.is_none()
            && let Some(called) = self.call_as_field(&row, &name)?
        {
            return Ok(called);
        }
        let index = found.ok_or_else(|| {
            let message = match user_type::is_composite(ty.oid) {
                true => format!("column \"{name}\" not found in data type {}", type_name(ty.oid)),
                false => format!("could not identify column \"{name}\" in record data type"),
            };
            located(Error::new(ErrorKind::UndefinedColumn, message), at)
        })?;
        self.field_at(&row.expr, index).map(|expr| Term { expr, at })
    }

    /// A field of a row by its place.
    pub(crate) fn field_at(&self, row: &Expr, index: usize) -> Result<Expr> {
        let missing = || Error::internal("a row without one of its fields");
        if let Expr::Row { fields, ty } = row {
            let field = fields.get(index).cloned().ok_or_else(missing)?;
            let shape = ty.fields().and_then(|fields| fields.get(index)).ok_or_else(missing)?;
            return Ok(match field {
                Expr::Const(datum, own) if own.oid == oid::UNKNOWN => Expr::Const(datum, shape.ty.clone()),
                field => field,
            });
        }
        let Form::Row(fields) = row.ty().form else { return Err(missing()) };
        let ty = fields.get(index).ok_or_else(missing)?.ty.clone();
        Ok(Expr::Field { row: Box::new(row.clone()), index, ty })
    }

    /// `name(row)`, where no function has the name: the field of the row.
    pub(super) fn field_called(&mut self, name: &str, terms: &[Term]) -> Option<Result<Term>> {
        let [row] = terms else { return None };
        let ty = row.expr.ty();
        ty.fields()?.iter().find(|field| field.name == name)?;
        self.lose_outline();
        Some(self.field(row.clone(), &ast::Ident::with_quote('"', name)))
    }

    /// What a call yields, rows of JSON with what domains ask of them and of their fields.
    pub(super) fn with_checked_rows(&mut self, proc: &Proc, made: Expr) -> Result<Expr> {
        let ty = made.ty();
        if self.outlines.on || !proc.source.contains("populate_record") {
            return Ok(made);
        }
        let of_base = match ty.domain {
            Some(_) => super::coerce::relabel(made, &self.base_type(&ty)),
            None => made,
        };
        self.with_checked_value(of_base, &ty)
    }

    /// A value of what a type is over as one of the type, with what domains ask of it and of its fields.
    pub(super) fn with_checked_value(&mut self, value: Expr, ty: &SqlType) -> Result<Expr> {
        let checked = Term { expr: self.with_checked_fields(value)?, at: 0 };
        Ok(self.coerce_to_domain(checked, ty, CastContext::Explicit)?.expr)
    }

    /// A row as it is: every one is a record.
    pub(super) fn as_record(&mut self, term: Term) -> Result<Term> {
        let ty = term.expr.ty();
        if is_unknown(&term.expr) {
            let message = "input of anonymous composite types is not implemented";
            return Err(located(Error::unsupported(message), term.at));
        }
        if ty.fields().is_none() {
            let message = format!("cannot cast type {} to record", type_name(ty.named()));
            return Err(located(Error::new(ErrorKind::CannotCoerce, message), term.at));
        }
        self.lose_outline();
        Ok(term)
    }

    /// A row as a value of a composite type, field by field as the context casts.
    pub(super) fn row_as_composite(
        &mut self,
        term: Term,
        target: &SqlType,
        context: CastContext,
    ) -> Result<Term> {
        let Term { expr, at } = term;
        let refused = |detail: Option<String>| {
            let message = format!("cannot cast type record to {}", type_name(target.oid));
            let error = located(Error::new(ErrorKind::CannotCoerce, message), at);
            match detail {
                Some(detail) => error.with_detail(detail),
                None => error,
            }
        };
        let values = match expr {
            Expr::Const(Datum::Null, _) => {
                return Ok(Term { expr: Expr::Const(Datum::Null, target.clone()), at });
            }
            Expr::Row { fields, ty: _ } => fields,
            // Only of these the fields are told.
            _ => return Err(refused(None)),
        };
        let fields = target.fields().ok_or_else(|| Error::internal("a composite type without fields"))?;
        let mut given = values.into_iter();
        let mut done = Vec::with_capacity(fields.len());
        for (number, field) in (1..).zip(fields.iter()) {
            let too_few = || refused(Some("Input has too few columns.".to_owned()));
            let value = given.next().ok_or_else(too_few)?;
            let source = value.ty();
            if !can_coerce(source.oid, field.ty.oid, context) {
                let (from, to) = (type_name(source.named()), type_name(field.ty.oid));
                return Err(refused(Some(format!("Cannot cast type {from} to {to} in column {number}."))));
            }
            let value = self.coerce(Term { expr: value, at }, &field.ty, context)?.expr;
            done.push(self.in_form(value, &field.ty)?);
        }
        if given.next().is_some() {
            return Err(refused(Some("Input has too many columns.".to_owned())));
        }
        Ok(Term { expr: Expr::Row { fields: done, ty: target.clone() }, at })
    }

    /// `row IS [NOT] NULL`: all fields are null, or none is.
    pub(super) fn record_is_null(&self, row: &Expr, count: usize, negated: bool) -> Result<Expr> {
        self.lose_outline();
        let mut tests = Vec::with_capacity(count);
        for index in 0..count {
            let field = self.field_at(row, index)?;
            tests.push(Expr::IsNull { arg: Box::new(field), negated });
        }
        match tests.len() {
            0 => Ok(Expr::Const(types::Datum::Bool(true), super::expr::boolean())),
            _ => Ok(Expr::And(tests)),
        }
    }
}
