//! Expressions: the dispatch over the syntax tree, and the plain kinds.
//!
//! Must not know queries except through `subquery`. Invariant: left-deep chains are bound in a loop, so their
//! length costs no stack here.

use super::names::{fold, located};
use super::type_name::held;
use super::{Binder, Scope, Term};
use crate::bound::Expr;
use crate::bound::outline::Spelling;
use crate::parse::ROW_STAR;
use base::{Error, ErrorKind, Result};
use sqlparser::ast::{self, Spanned};
use types::sql_type::oid;
use types::{Datum, SqlType};

pub(super) fn boolean() -> SqlType {
    SqlType { oid: oid::BOOL, typmod: -1, form: types::Form::Bool, domain: None }
}

impl Binder<'_> {
    /// Where an expression begins; walks it, so for errors only.
    pub(super) fn start(&self, expr: &ast::Expr) -> usize {
        self.at(expr.span())
    }

    pub(super) fn expr(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> Result<Term> {
        use ast::Expr as E;
        match expr {
            E::Identifier(ident) => self.column(std::slice::from_ref(ident), scope),
            E::CompoundIdentifier(parts) => self.column(parts, scope),
            E::CompoundFieldAccess { root, access_chain } => self.field_access(root, access_chain, scope),
            E::Value(value) => self.value(value),
            E::Nested(inner) => self.expr(inner, scope),
            E::BinaryOp { left: _, op: _, right: _ } => self.binary_chain(expr, scope),
            E::UnaryOp { op, expr } => self.unary(*op, expr, scope),
            E::IsFalse(e) => self.is_bool(e, Some(false), false, scope),
            E::IsNotFalse(e) => self.is_bool(e, Some(false), true, scope),
            E::IsTrue(e) => self.is_bool(e, Some(true), false, scope),
            E::IsNotTrue(e) => self.is_bool(e, Some(true), true, scope),
            E::IsUnknown(e) => self.is_bool(e, None, false, scope),
            E::IsNotUnknown(e) => self.is_bool(e, None, true, scope),
            E::IsNull(e) => self.is_null(e, false, scope),
            E::IsNotNull(e) => self.is_null(e, true, scope),
            E::IsDistinctFrom(l, r) => self.is_distinct(l, r, false, scope),
            E::IsNotDistinctFrom(l, r) => self.is_distinct(l, r, true, scope),
            E::InList { expr, list, negated } => self.in_list(expr, list, *negated, scope),
            E::InSubquery { expr, subquery, negated } => self.in_subquery(expr, subquery, *negated, scope),
            E::Between { expr, negated, low, high } => self.between(expr, *negated, low, high, scope),
            E::Like { negated, any: false, expr, pattern, escape_char } => self.like(
                if *negated { "!~~" } else { "~~" },
                "like_escape",
                expr,
                pattern,
                escape_char.as_ref(),
                scope,
            ),
            E::ILike { negated, any: false, expr, pattern, escape_char } => self.like(
                if *negated { "!~~*" } else { "~~*" },
                "like_escape",
                expr,
                pattern,
                escape_char.as_ref(),
                scope,
            ),
            E::SimilarTo { negated, expr, pattern, escape_char } => {
                self.similar(*negated, expr, pattern, escape_char.as_ref(), scope)
            }
            E::AnyOp { left, compare_op, right, is_some: _ } => {
                self.quantified(left, compare_op, right, false, scope)
            }
            E::AllOp { left, compare_op, right } => self.quantified(left, compare_op, right, true, scope),
            E::Cast { kind, expr: inner, data_type, array: false, format: None } => self.cast(
                *kind == ast::CastKind::DoubleColon || *kind == ast::CastKind::Cast,
                inner,
                data_type,
                scope,
            ),
            E::TypedString(ast::TypedString { data_type, value, uses_odbc_syntax: false }) => {
                self.typed_string(data_type, value)
            }
            E::Interval(interval) => self.interval(interval, scope),
            E::Collate { expr, collation } => self.collate(expr, collation, scope),
            E::Function(function) => self.function(function, scope),
            E::Case {
                case_token: ast::helpers::attached_token::AttachedToken(token),
                end_token: _,
                operand,
                conditions,
                else_result,
            } => {
                let at = self.at(token.span);
                self.case(operand.as_deref(), conditions, else_result.as_deref(), at, scope)
            }
            E::Exists { subquery, negated } => self.exists(subquery, *negated, scope),
            E::Subquery(query) => self.scalar_subquery(query, scope),
            E::Array(ast::Array { elem, named: _ }) => {
                let at = self.start(expr);
                self.array(elem, None, at, scope)
            }
            E::Tuple(items) => {
                let at = items.first().map_or(0, |i| self.start(i));
                self.tuple(items, at, scope)
            }
            E::QualifiedWildcard(name, _) => {
                let (entry, depth, at) = self.entry_named(name, scope)?;
                self.whole_row(&entry, depth, at)
            }
            other => self.call_syntax(other, scope),
        }
    }

    /// Syntaxes that stand for a call of a function, and what is refused.
    fn call_syntax(&mut self, expr: &ast::Expr, scope: &Scope<'_>) -> Result<Term> {
        use ast::Expr as E;
        match expr {
            E::AtTimeZone { timestamp, time_zone } => {
                let term = self.call_named("timezone", &[time_zone, timestamp], scope)?;
                Ok(self.spelt(&Spelling::Syntax, term))
            }
            E::Extract { field, syntax: _, expr } => self.extract(field, expr, scope),
            E::Ceil { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.call_named("ceil", &[expr], scope)
            }
            E::Floor { expr, field: ast::CeilFloorKind::DateTimeField(ast::DateTimeField::NoDateTime) } => {
                self.call_named("floor", &[expr], scope)
            }
            E::IsNormalized { expr, form, negated } => {
                let told = form.is_some();
                let form = form.as_ref().map_or_else(|| "NFC".to_owned(), ToString::to_string);
                let mut term = self.with_form("is_normalized", expr, &form, scope)?;
                if let Expr::Call { args, .. } = &mut term.expr
                    && self.outlines.on
                    && !told
                {
                    args.truncate(1);
                }
                let term = self.spelt(&Spelling::Syntax, term);
                let found = if *negated { Expr::Not(Box::new(term.expr)) } else { term.expr };
                Ok(Term { expr: found, at: term.at })
            }
            E::Position { expr, r#in } => {
                let term = self.call_named("position", &[r#in, expr], scope)?;
                Ok(self.spelt(&Spelling::Syntax, term))
            }
            E::Substring { expr, substring_from, substring_for, special, shorthand } => {
                let (from, length) = (substring_from.as_deref(), substring_for.as_deref());
                let term = self.substring(*shorthand, expr, from, length, scope)?;
                Ok(if *special { term } else { self.spelt(&Spelling::Syntax, term) })
            }
            E::Trim { trim_where, trim_what, expr, trim_characters } => {
                self.trim(*trim_where, trim_what.as_deref(), expr, trim_characters.as_deref(), scope)
            }
            E::Overlay { expr, overlay_what, overlay_from, overlay_for } => {
                let mut args: Vec<&ast::Expr> = vec![expr, overlay_what, overlay_from];
                args.extend(overlay_for.as_deref());
                let term = self.call_named("overlay", &args, scope)?;
                Ok(self.spelt(&Spelling::Syntax, term))
            }
            E::Prefixed { prefix, value } if prefix.value == crate::parse::VARIADIC => {
                let at = self.start(value);
                Err(located(Error::new(ErrorKind::Syntax, "syntax error at or near \"variadic\""), at))
            }
            other => {
                let at = self.start(other);
                Err(self.unsupported("this kind of expression", at))
            }
        }
    }

    fn is_bool(
        &mut self,
        expr: &ast::Expr,
        value: Option<bool>,
        negated: bool,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        let term = self.expr(expr, scope)?;
        let at = term.at;
        let clause = match (value, negated) {
            (Some(true), false) => "IS TRUE",
            (Some(true), true) => "IS NOT TRUE",
            (Some(false), false) => "IS FALSE",
            (Some(false), true) => "IS NOT FALSE",
            (None, false) => "IS UNKNOWN",
            (None, true) => "IS NOT UNKNOWN",
        };
        let arg = Box::new(self.coerce_boolean(term, clause)?);
        Ok(Term { expr: Expr::IsBool { arg, value, negated }, at })
    }

    pub(super) fn is_null(&mut self, expr: &ast::Expr, negated: bool, scope: &Scope<'_>) -> Result<Term> {
        if self.outlines.on {
            let term = self.expr(expr, scope)?;
            let term = self.resolve_unknown(term)?;
            return Ok(Term { expr: Expr::IsNull { arg: Box::new(term.expr), negated }, at: term.at });
        }
        if let Some(fields) = super::row::row_fields(expr) {
            let at = self.start(expr);
            return Ok(Term { expr: self.row_is_null(&fields, negated, scope)?, at });
        }
        let mut term = self.expr(expr, scope)?;
        if let types::Form::Row(fields) = &term.expr.ty().form {
            return Ok(Term { expr: self.record_is_null(&term.expr, fields.len(), negated)?, at: term.at });
        }
        // A parameter stays open here: another use may give it its type, see `settle`.
        if !matches!(term.expr, Expr::Param { index: _, ty: _ }) {
            term = self.resolve_unknown(term)?;
        }
        Ok(Term { expr: Expr::IsNull { arg: Box::new(term.expr), negated }, at: term.at })
    }

    fn field_access(
        &mut self,
        root: &ast::Expr,
        chain: &[ast::AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<Term> {
        // `table.column[1]` arrives as a chain of dots and subscripts.
        let mut parts: Vec<ast::Ident> = match root {
            ast::Expr::Identifier(ident) => vec![ident.clone()],
            ast::Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => Vec::new(),
        };
        let nested = parts.is_empty();
        let mut rest = chain.iter().peekable();
        if let (ast::Expr::Nested(inner), Some(ast::AccessExpr::Dot(ast::Expr::Identifier(field)))) =
            (root, chain.first())
            && let ast::Expr::Function(function) = inner.as_ref()
            && let Some(term) = self.field_of_set(function, field, scope)?
            && chain.len() == 1
        {
            return Ok(term);
        }
        if let (ast::Expr::Nested(inner), [ast::AccessExpr::Dot(ast::Expr::Identifier(field))]) =
            (root, chain)
            && let Some(term) = self.field_of_record(inner, field, scope)
        {
            return Ok(term);
        }
        if let (ast::Expr::Nested(inner), Some(ast::AccessExpr::Dot(ast::Expr::Identifier(field)))) =
            (root, chain.first())
            && let ast::Expr::Identifier(table) = inner.as_ref()
            && field.value != ROW_STAR
            && scope.is_named_row(&fold(table))
        {
            // The field of a relation's row goes by what the column is called here.
            parts = vec![table.clone(), field.clone()];
            rest.next();
        }
        while let Some(ast::AccessExpr::Dot(ast::Expr::Identifier(ident))) =
            rest.peek().filter(|_| !nested && !parts.is_empty())
        {
            parts.push(ident.clone());
            rest.next();
        }
        let mut term = if parts.is_empty() { self.expr(root, scope)? } else { self.column(&parts, scope)? };
        while let Some(access) = rest.next() {
            let first = match access {
                ast::AccessExpr::Subscript(first) => first,
                ast::AccessExpr::Dot(ast::Expr::Identifier(name)) => {
                    term = self.field(term, name)?;
                    continue;
                }
                ast::AccessExpr::Dot(_) => {
                    return Err(self.unsupported("this access to a field of a composite value", term.at));
                }
            };
            let mut subscripts = vec![first];
            while let Some(ast::AccessExpr::Subscript(next)) = rest.peek() {
                subscripts.push(next);
                rest.next();
            }
            term = self.subscripted(term, &subscripts, scope)?;
        }
        Ok(term)
    }

    /// `(column).field` of a column of records that a subquery in FROM has; None when it is none.
    fn field_of_record(&mut self, column: &ast::Expr, field: &ast::Ident, scope: &Scope<'_>) -> Option<Term> {
        let mut parts = match column {
            ast::Expr::Identifier(ident) => vec![ident.clone()],
            ast::Expr::CompoundIdentifier(idents) => idents.clone(),
            _ => return None,
        };
        let last = parts.pop()?;
        let name = super::scope::field_name(&super::names::fold(&last), &super::names::fold(field));
        parts.push(ast::Ident { value: name, quote_style: Some('"'), span: last.span });
        self.column(&parts, scope).ok()
    }

    fn collate(&mut self, expr: &ast::Expr, collation: &ast::ObjectName, scope: &Scope<'_>) -> Result<Term> {
        let (schema, name, name_at) = self.qualified(collation)?;
        let at = self.operator_position(expr).unwrap_or(name_at);
        let known = matches!(schema.as_deref(), None | Some("pg_catalog"));
        if !known || !matches!(name.as_str(), "C" | "POSIX" | "default" | "ucs_basic") {
            let message = format!("collation \"{name}\" for encoding \"UTF8\" does not exist");
            return Err(located(Error::new(ErrorKind::UndefinedObject, message), at)
                .with_hint("Every text is ordered by its bytes: use the collation \"C\"."));
        }
        let term = self.expr(expr, scope)?;
        let term = self.resolve_unknown(term)?;
        let ty = term.expr.ty().oid;
        if super::coerce::category(ty) != 'S' {
            let message = format!("collations are not supported by type {}", super::type_name::type_name(ty));
            return Err(located(Error::new(ErrorKind::DatatypeMismatch, message), at));
        }
        // All collations that are accepted order alike.
        Ok(self.spelt(&Spelling::Collate(name), term))
    }

    fn typed_string(&mut self, ty: &ast::DataType, value: &ast::ValueWithSpan) -> Result<Term> {
        use ast::DataType as T;
        let target = match ty {
            // Before a constant these have any length; elsewhere they have one of 1.
            T::Char(None) | T::Character(None) => held(oid::BPCHAR, -1)?,
            T::Bit(None) => held(oid::BIT, -1)?,
            ty => self.sql_type(ty)?,
        };
        let term = self.value(value)?;
        self.coerce(term, &target, catalog::builtin::CastContext::Explicit)
    }

    fn cast(
        &mut self,
        plain: bool,
        inner: &ast::Expr,
        ty: &ast::DataType,
        scope: &Scope<'_>,
    ) -> Result<Term> {
        if !plain {
            let at = self.start(inner);
            return Err(self.unsupported("TRY_CAST", at));
        }
        if let Ok((oid::RECORD, _)) = self.type_and_modifier(ty) {
            let term = self.expr(inner, scope)?;
            return self.as_record(term);
        }
        let target = self.sql_type(ty).map_err(|e| located(e, self.type_position(inner)))?;
        if let ast::Expr::Array(ast::Array { elem, named: _ }) = inner
            && types::sql_type::array_element(target.oid).is_some()
        {
            let at = self.start(inner);
            let array = self.array(elem, Some(target.oid), at, scope)?;
            return self.coerce(array, &target, catalog::builtin::CastContext::Explicit);
        }
        let term = self.expr(inner, scope)?;
        let source = term.expr.ty().oid;
        let explicit = catalog::builtin::CastContext::Explicit;
        let by_fields = source == oid::RECORD && source != target.oid;
        if by_fields || !super::coerce::can_coerce(source, target.oid, explicit) {
            let at = self.cast_position(inner);
            return self.coerce(Term { at, ..term }, &target, explicit);
        }
        self.coerce(term, &target, explicit)
    }

    /// Position of a cast: of `::`, or of the word CAST.
    fn cast_position(&self, inner: &ast::Expr) -> usize {
        match self.operator_position(inner) {
            Some(at) if self.text_at(at, "::") => at,
            _ => self.start(inner).saturating_sub("CAST(".len()),
        }
    }

    /// Position of a cast's type name: behind `::`.
    fn type_position(&self, inner: &ast::Expr) -> usize {
        self.operator_position(inner).map_or(0, |at| if self.text_at(at, "::") { at + 2 } else { 0 })
    }

    fn interval(&mut self, interval: &ast::Interval, scope: &Scope<'_>) -> Result<Term> {
        let ast::Interval {
            value,
            leading_field,
            leading_precision,
            last_field,
            fractional_seconds_precision,
        } = interval;
        let fields = match leading_field {
            None => None,
            Some(first) => Some(interval_fields(first, last_field.as_ref()).ok_or_else(|| {
                let at = self.start(value);
                located(Error::new(ErrorKind::Syntax, "syntax error in the fields of an interval"), at)
            })?),
        };
        let precision = leading_precision.or(*fractional_seconds_precision);
        let typmod = super::type_name::interval_modifier(fields.as_ref(), precision);
        let target = held(oid::INTERVAL, typmod)?;
        let term = self.expr(value, scope)?;
        if !matches!(term.expr, Expr::Const(Datum::Text(_), _)) {
            let error = Error::new(ErrorKind::Syntax, "an interval literal must be a string");
            return Err(
                located(error, term.at).with_hint("Multiply an interval instead: n * interval '1 day'.")
            );
        }
        self.coerce(term, &target, catalog::builtin::CastContext::Explicit)
    }
}

fn interval_fields(
    first: &ast::DateTimeField,
    last: Option<&ast::DateTimeField>,
) -> Option<ast::IntervalFields> {
    use ast::DateTimeField as D;
    use ast::IntervalFields as F;
    Some(match (first, last) {
        (D::Year, None) => F::Year,
        (D::Month, None) => F::Month,
        (D::Day, None) => F::Day,
        (D::Hour, None) => F::Hour,
        (D::Minute, None) => F::Minute,
        (D::Second, None) => F::Second,
        (D::Year, Some(D::Month)) => F::YearToMonth,
        (D::Day, Some(D::Hour)) => F::DayToHour,
        (D::Day, Some(D::Minute)) => F::DayToMinute,
        (D::Day, Some(D::Second)) => F::DayToSecond,
        (D::Hour, Some(D::Minute)) => F::HourToMinute,
        (D::Hour, Some(D::Second)) => F::HourToSecond,
        (D::Minute, Some(D::Second)) => F::MinuteToSecond,
        _ => return None,
    })
}
