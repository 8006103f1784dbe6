//! Functions in FROM: one, or several side by side (ROWS FROM), with numbered rows (WITH ORDINALITY).
//!
//! Invariant: arguments name columns of the entries before as outer columns, and the entry is LATERAL then.

use super::called::{Called, OwnRows, relation};
use super::function::no_function_with_names;
use super::join::Side;
use super::names::located;
use super::record::result_type;
use super::result_shape::Shape;
use super::scope::Whole;
use super::type_name::held;
use super::user_function::UserCall;
use super::{Binder, Clause, Scope, ScopeColumn};
use crate::bound::outline::{FromItem, FromSource, FunctionOutline};
use crate::bound::{ColRef, Expr, Rel, SetCall, TypedCol, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, ProcKind};
use sqlparser::ast;
use types::sql_type::{RowField, oid};
use types::{Datum, SqlType, user_type};

/// pg_proc OID of unnest.
pub(super) const UNNEST: Oid = Oid(2331);

impl Binder<'_> {
    pub(super) fn table_function(
        &mut self,
        name: &ast::ObjectName,
        args: &[ast::FunctionArg],
        with_ordinality: bool,
        alias: Option<&ast::TableAlias>,
        scope: &Scope<'_>,
    ) -> Result<Side> {
        let (schema, function, at) = self.qualified(name)?;
        let ours = schema.as_deref().is_none_or(|s| matches!(s, "pg_catalog" | "nyala"));
        if ours && function == super::changes::NAME {
            if with_ordinality {
                return Err(self.unsupported("WITH ORDINALITY of table_changes", at));
            }
            return self.table_changes(args, alias, at);
        }
        // Types of columns belong to a function that returns records, not to the alias.
        let defined = alias.is_some_and(|a| a.columns.iter().any(|c| c.data_type.is_some()));
        let definitions = alias.filter(|_| defined).map(|a| a.columns.as_slice());
        let plain_alias = alias.map(|a| ast::TableAlias { columns: Vec::new(), ..a.clone() });
        let mut all = Vec::new();
        if function == crate::parse::ROWS_FROM {
            for arg in args {
                all.extend(self.listed_function(arg, at, scope)?);
            }
        } else if schema.is_none() && function == "unnest" && args.len() > 1 {
            // Several arrays: unnest of each, side by side.
            for arg in args {
                all.push(self.called(name, std::slice::from_ref(arg), None, false, at, scope)?);
            }
        } else {
            all.push(self.called(name, args, definitions, !with_ordinality, at, scope)?);
        }
        let takes_types = defined && all.iter().any(|called| called.defined);
        let alias = if takes_types { plain_alias.as_ref() } else { alias };
        if takes_types && with_ordinality {
            let message = "WITH ORDINALITY cannot be used with a column definition list";
            return Err(located(Error::new(ErrorKind::Syntax, message), at));
        }
        let siblings: Vec<ColRef> =
            scope.tables.iter().flat_map(|t| &t.columns).map(|c| c.typed.col).collect();
        let mut lateral = false;
        for arg in all.iter().flat_map(|called| &called.call.args) {
            walk::visit(arg, &mut |e| lateral |= matches!(e, Expr::Outer(c) if siblings.contains(&c.col)));
        }
        for own in all.iter().filter_map(|called| called.own.as_ref()) {
            self.lose_outline();
            if let Some(rel) = &own.rel {
                walk::visit_rel(rel, &mut |expr| {
                    walk::visit(expr, &mut |e| {
                        lateral |= matches!(e, Expr::Outer(c) if siblings.contains(&c.col));
                    });
                });
            }
        }
        let only = all.len() == 1;
        let first = all.first().and_then(|called| called.columns.first()).map(|c| c.name.clone());
        let function = catalog::called_as(&function).map(str::to_owned).unwrap_or(function);
        let name = if function == crate::parse::ROWS_FROM { first.unwrap_or_default() } else { function };
        let mut columns: Vec<ScopeColumn> = all.iter().flat_map(|called| called.columns.clone()).collect();
        let renames_one = only && columns.len() == 1 && !all.iter().any(|called| called.named);
        let ordinality = match with_ordinality {
            true => Some(self.ordinality(&mut columns)?),
            false => None,
        };
        // A function of one column names it after the alias, unless the alias lists columns or the column has a name.
        if let (Some(alias), true, Some(column)) = (alias, renames_one, columns.first_mut()) {
            column.name = super::names::fold(&alias.name);
        }
        let calls: Vec<FunctionOutline> = match self.outlines.on {
            true => all.iter().map(Called::outline).collect(),
            false => Vec::new(),
        };
        let row = match all.as_slice() {
            [only] if !with_ordinality => only.own.as_ref().and_then(|own| own.row),
            _ => None,
        };
        let of_fields = all.iter().any(|c| c.own.as_ref().is_some_and(|own| !own.fields.is_empty()));
        let rel = relation(all, ordinality)?;
        let mut entry = self.aliased(columns, alias, name.clone(), "table")?;
        let source = || Some(FromSource::Functions { calls, ordinality: with_ordinality });
        let mut shown = self.leaf(source, &entry, alias, &name);
        if let Some(FromItem::Leaf(leaf)) = &mut shown {
            leaf.listed = true;
            leaf.alias.get_or_insert_with(|| name.clone());
        }
        if only && !with_ordinality && !takes_types && !of_fields && entry.columns.len() == 1 {
            entry.whole = Whole::Value;
        } else if let Some(row) = row {
            entry.whole = Whole::Named(row);
        }
        Ok(Side { rel, tables: vec![entry], lateral, shown })
    }

    fn ordinality(&mut self, columns: &mut Vec<ScopeColumn>) -> Result<ColRef> {
        let typed = TypedCol { col: self.new_col(), ty: held(oid::INT8, -1)? };
        let col = typed.col;
        columns.push(ScopeColumn { name: "ordinality".to_owned(), typed, origin: (Oid(0), 0) });
        Ok(col)
    }

    /// A function of ROWS FROM; unnest of several arrays is one of each.
    fn listed_function(
        &mut self,
        arg: &ast::FunctionArg,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Vec<Called>> {
        let ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(ast::Expr::Function(function))) = arg else {
            return Err(self.unsupported("an item of ROWS FROM that is no plain call", at));
        };
        let ast::FunctionArguments::List(list) = &function.args else {
            return Err(self.unsupported("an item of ROWS FROM that is no plain call", at));
        };
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && list.duplicate_treatment.is_none()
            && list.clauses.is_empty();
        let (schema, name, at) = self.qualified(&function.name)?;
        if !plain {
            return Err(self.unsupported("an item of ROWS FROM that is no plain call", at));
        }
        if schema.is_none() && name == "unnest" && list.args.len() > 1 {
            let each = list.args.iter().map(std::slice::from_ref);
            return each.map(|arg| self.called(&function.name, arg, None, false, at, scope)).collect();
        }
        Ok(vec![self.called(&function.name, &list.args, None, false, at, scope)?])
    }

    fn called(
        &mut self,
        written: &ast::ObjectName,
        args: &[ast::FunctionArg],
        definitions: Option<&[ast::TableAliasColumnDef]>,
        alone: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Called> {
        let (schema, function, _) = self.qualified(written)?;
        let (schema, function) = (schema.as_deref(), function.as_str());
        if let Some(called) = self.user_function_in_from(written, args, definitions, alone, at, scope)? {
            return Ok(called);
        }
        let inner = Scope::inside(scope);
        let ((chosen, args), _) = self.with_level(Clause::FromFunction, |b| {
            let args = super::record::with_whole_rows(args);
            let (exprs, names, star) = b.given(&args, at)?;
            if star {
                return Err(b.unsupported("this kind of argument", at));
            }
            let mut terms = Vec::with_capacity(exprs.len());
            for expr in exprs {
                terms.push(b.expr(expr, &inner)?);
            }
            let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
            let chosen = match super::function::called_name(schema, function) {
                Some(name) => super::resolve::function_with_names(&name, &actual, &names),
                None => Err(super::resolve::Refused::NotFound),
            };
            let shown = schema.map_or_else(|| function.to_owned(), |s| format!("{s}.{function}"));
            let chosen =
                chosen.map_err(|why| located(no_function_with_names(&shown, &actual, &names, why), at))?;
            let args = b.coerce_arguments(terms, &chosen)?;
            Ok((chosen, args))
        })?;
        if chosen.proc.kind != ProcKind::Function {
            let message = format!("{function} is not a function that can stand in FROM");
            return Err(located(Error::new(ErrorKind::WrongObjectType, message), at));
        }
        if chosen.result == oid::RECORD && chosen.proc.out_types.is_empty() {
            if chosen.proc.result != oid::RECORD && definitions.is_some() {
                return Err(self.unsupported("a column definition list behind a polymorphic function", at));
            }
            return self.with_definitions(&chosen, args, definitions, at);
        }
        if definitions.is_some() && chosen.proc.out_types.len() > 1 {
            let message = "a column definition list is redundant for a function with OUT parameters";
            return Err(located(Error::new(ErrorKind::Syntax, message), at));
        }
        self.with_columns(&chosen, args, function, at)
    }

    /// A function that returns records of the columns that are defined behind it.
    fn with_definitions(
        &mut self,
        chosen: &super::resolve::Chosen,
        mut args: Vec<Expr>,
        definitions: Option<&[ast::TableAliasColumnDef]>,
        at: usize,
    ) -> Result<Called> {
        let missing = || {
            let message = "a column definition list is required for functions returning \"record\"";
            located(Error::new(ErrorKind::Syntax, message), at)
        };
        let (mut defined, mut made, mut checked) = (Vec::new(), Vec::new(), Vec::new());
        for ast::TableAliasColumnDef { name, data_type } in definitions.ok_or_else(missing)? {
            let ty = self.sql_type(data_type.as_ref().ok_or_else(missing)?)?;
            let name = super::names::fold(name);
            args.push(Expr::Const(Datum::Text(name.clone()), held(oid::TEXT, -1)?));
            let own = TypedCol { col: self.new_col(), ty: self.base_type(&ty) };
            checked.push(self.with_checked_value(Expr::Column(own.clone()), &ty)?);
            made.push(own);
            defined.push((name, ty));
        }
        let proc = chosen.proc.oid;
        // Without domains the columns are those that the function makes.
        let plain = checked.iter().all(|value| matches!(value, Expr::Column(_)));
        let column = |((name, ty), own): ((String, SqlType), &TypedCol)| {
            let col = if plain { own.col } else { self.new_col() };
            ScopeColumn { name, typed: TypedCol { col, ty }, origin: (Oid(0), 0) }
        };
        let columns: Vec<ScopeColumn> = defined.into_iter().zip(&made).map(column).collect();
        let own = (!plain).then(|| {
            let fields: Vec<_> = checked.into_iter().zip(columns.iter().map(|c| c.typed.col)).collect();
            let input = Rel::Function { proc, args: args.clone(), columns: made.clone() };
            let rel = Some(Rel::Project { input: Box::new(input), items: fields.clone() });
            OwnRows { rel, fields, row: None }
        });
        let call = SetCall { proc, args, columns: made };
        Ok(Called { call, own, columns, returns_set: true, named: true, defined: true })
    }

    /// A function that a user made; None when another one is meant.
    fn user_function_in_from(
        &mut self,
        written: &ast::ObjectName,
        args: &[ast::FunctionArg],
        definitions: Option<&[ast::TableAliasColumnDef]>,
        alone: bool,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Option<Called>> {
        let (schema, function, _) = self.qualified(written)?;
        let (schema, function) = (schema.as_deref(), function.as_str());
        if self.user_functions(schema, function).is_empty() {
            return Ok(None);
        }
        let inner = Scope::inside(scope);
        let (call, _) = self.with_level(Clause::FromFunction, |b| {
            let args = super::record::with_whole_rows(args);
            let (exprs, names, star) = b.given(&args, at)?;
            if star {
                return Err(b.unsupported("this kind of argument", at));
            }
            let mut terms = Vec::with_capacity(exprs.len());
            for expr in exprs {
                terms.push(b.expr(expr, &inner)?);
            }
            b.user_call_of(schema, written, terms, &names, at)
        })?;
        let Some(mut call) = call else { return Ok(None) };
        let mut defined = false;
        match (&call.result, definitions) {
            (Shape::Open, Some(definitions)) => {
                call.result = Shape::Row(self.defined_columns(definitions)?);
                defined = true;
            }
            (Shape::Open, None) => {
                let message = "a column definition list is required for functions returning \"record\"";
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
            (Shape::Row(_), Some(_)) if call.def.outputs().next().is_some() => {
                let message = "a column definition list is redundant for a function with OUT parameters";
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
            (Shape::Row(_), Some(_)) => {
                let message =
                    "a column definition list is redundant for a function returning a named composite type";
                return Err(located(Error::new(ErrorKind::Syntax, message), at));
            }
            _ => {}
        }
        self.own_rows(call, function, defined, alone).map(Some)
    }

    fn defined_columns(&self, definitions: &[ast::TableAliasColumnDef]) -> Result<Vec<(String, SqlType)>> {
        let mut columns = Vec::with_capacity(definitions.len());
        for ast::TableAliasColumnDef { name, data_type } in definitions {
            let Some(ty) = data_type else { return Err(Error::internal("a column without a type")) };
            columns.push((super::names::fold(name), self.type_without_modifier(ty)?));
        }
        Ok(columns)
    }

    /// The rows of a call, or the one row of a function that returns no set.
    fn own_rows(&mut self, call: UserCall, name: &str, defined: bool, alone: bool) -> Result<Called> {
        let set = call.def.returns_set;
        let only = call.def.outputs().next().map(|p| p.name.clone()).filter(|name| !name.is_empty());
        let by_columns = set && alone && matches!(call.result, Shape::Row(_));
        let (value, ty) = match (set, &call.result) {
            (true, Shape::Value(ty)) if alone => (Binder::null(ty), ty.clone()),
            (true, Shape::Row(columns)) if alone => {
                let fields = columns.iter().map(|(name, ty)| RowField { name: name.clone(), ty: ty.clone() });
                let ty = SqlType::row(fields.collect());
                (Binder::null(&ty), ty)
            }
            (true, _) => self.rows_as_array(&call)?,
            (false, _) => {
                let value = self.inlined_value(&call)?;
                let ty = value.ty();
                (value, ty)
            }
        };
        // A composite value and one of a domain over such are rows, too.
        let is_row = ty.fields().is_some();
        let named = only.is_some() || is_row;
        let shown: Vec<(String, SqlType)> = match &call.result {
            Shape::Row(columns) => columns.clone(),
            _ if is_row => super::result_shape::columns(&ty),
            _ => vec![(
                only.unwrap_or_else(|| catalog::called_as(name).unwrap_or(name).to_owned()),
                ty.clone(),
            )],
        };
        let whole = TypedCol { col: self.new_col(), ty };
        let mut columns = Vec::with_capacity(shown.len());
        let mut fields = Vec::new();
        for (index, (name, ty)) in shown.into_iter().enumerate() {
            let col = if is_row { self.new_col() } else { whole.col };
            let mut typed = TypedCol { col, ty };
            if is_row {
                let field = self.field_at(&Expr::Column(whole.clone()), index)?;
                if !by_columns {
                    typed.ty = field.ty();
                }
                fields.push((field, typed.col));
            }
            columns.push(ScopeColumn { name, typed, origin: (Oid(0), 0) });
        }
        let rel = match set {
            _ if !alone => None,
            true if by_columns || !is_row => Some(self.set_of_columns(&call, &columns)?),
            true => {
                let (rel, found) = self.inlined_rows(&call)?;
                let items = found.into_iter().map(Expr::Column).zip([whole.col]).collect();
                let rows = Rel::Project { input: Box::new(rel), items };
                Some(Rel::Project { input: Box::new(rows), items: fields.clone() })
            }
            false => {
                let one =
                    Rel::Project { input: Box::new(Rel::Unit), items: vec![(value.clone(), whole.col)] };
                Some(match fields.is_empty() {
                    true => one,
                    false => Rel::Project { input: Box::new(one), items: fields.clone() },
                })
            }
        };
        let args = match set {
            _ if alone => Vec::new(),
            true => vec![value],
            // One row is a set of one.
            false => {
                let array = whole.ty.array().ok_or_else(|| {
                    Error::unsupported("a value of this type in ROWS FROM is not supported")
                })?;
                vec![Expr::Array { elements: vec![value], ty: array }]
            }
        };
        let row = call.def.row_type().or(Some(whole.ty.oid).filter(|ty| user_type::is_composite(*ty)));
        let call = SetCall { proc: UNNEST, args, columns: vec![whole] };
        let own = Some(OwnRows { rel, fields, row });
        Ok(Called { call, own, columns, returns_set: true, named, defined })
    }

    /// The rows of a call under the columns of an entry of FROM.
    fn set_of_columns(&mut self, call: &UserCall, columns: &[ScopeColumn]) -> Result<Rel> {
        let (rel, found) = self.inlined_rows(call)?;
        let items = found.into_iter().map(Expr::Column).zip(columns.iter().map(|c| c.typed.col)).collect();
        Ok(Rel::Project { input: Box::new(rel), items })
    }

    fn with_columns(
        &mut self,
        chosen: &super::resolve::Chosen,
        args: Vec<Expr>,
        name: &str,
        at: usize,
    ) -> Result<Called> {
        let proc = chosen.proc;
        let result = result_type(chosen.result, &args);
        let outputs: Vec<(String, Oid)> = match proc.out_types.as_slice() {
            [] => vec![(name.to_owned(), chosen.result)],
            _ => proc.out_names.iter().cloned().zip(super::resolve::outputs(chosen)).collect(),
        };
        let (args, single) = match (proc.out_types.is_empty(), result) {
            (true, Ok(ty)) => {
                let (args, ty) = self.numeric_call(proc, args, ty)?;
                (args, Some(ty))
            }
            (true, Err(e)) => return Err(located(e, at)),
            (false, _) => (args, None),
        };
        if let Some(ty) = single.as_ref().filter(|ty| user_type::is_composite(ty.oid)) {
            return self.composite_rows(proc, args, ty);
        }
        let mut columns = Vec::with_capacity(outputs.len());
        for (name, ty) in outputs {
            let ty = match &single {
                Some(ty) => ty.clone(),
                None => super::from::shown_type(ty, -1),
            };
            let typed = TypedCol { col: self.new_col(), ty };
            columns.push(ScopeColumn { name, typed, origin: (Oid(0), 0) });
        }
        let typed: Vec<TypedCol> = columns.iter().map(|c| c.typed.clone()).collect();
        let call = SetCall { proc: proc.oid, args, columns: typed };
        Ok(Called {
            call,
            own: None,
            columns,
            returns_set: proc.returns_set,
            named: !proc.out_names.is_empty(),
            defined: false,
        })
    }

    /// A function that returns values of a composite type: its columns are their fields.
    fn composite_rows(&mut self, proc: &builtin::Proc, args: Vec<Expr>, ty: &SqlType) -> Result<Called> {
        let row = TypedCol { col: self.new_col(), ty: ty.clone() };
        let whole = self.with_checked_rows(proc, Expr::Column(row.clone()))?;
        let (mut columns, mut fields) = (Vec::new(), Vec::new());
        for (index, RowField { name, ty }) in ty.fields().into_iter().flat_map(|f| f.iter()).enumerate() {
            let typed = TypedCol { col: self.new_col(), ty: ty.clone() };
            fields.push((self.field_at(&whole, index)?, typed.col));
            columns.push(ScopeColumn { name: name.clone(), typed, origin: (Oid(0), 0) });
        }
        let returns_set = proc.returns_set;
        let call = SetCall { proc: proc.oid, args: args.clone(), columns: vec![row.clone()] };
        let input = match returns_set {
            true => Rel::Function { proc: proc.oid, args, columns: vec![row] },
            false => {
                let call = Expr::Call { proc: proc.oid, args, ty: ty.clone() };
                Rel::Project { input: Box::new(Rel::Unit), items: vec![(call, row.col)] }
            }
        };
        let rel = Some(Rel::Project { input: Box::new(input), items: fields.clone() });
        let own = Some(OwnRows { rel, fields, row: Some(ty.oid) });
        Ok(Called { call, own, columns, returns_set, named: true, defined: false })
    }
}
