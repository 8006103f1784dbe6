//! Functions in FROM: one, or several side by side (ROWS FROM), with numbered rows (WITH ORDINALITY).
//!
//! Invariant: arguments name columns of the entries before as outer columns, and the entry is LATERAL then.

use super::function::no_function_with_names;
use super::join::Side;
use super::names::located;
use super::record::result_type;
use super::scope::Whole;
use super::type_name::held;
use super::{Binder, Clause, Scope, ScopeColumn};
use crate::bound::outline::{FromItem, FromSource, FunctionOutline};
use crate::bound::{ColRef, Expr, Rel, SetCall, TypedCol, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin::{self, ProcKind};
use catalog::has_domains;
use sqlparser::ast;
use types::Datum;
use types::sql_type::oid;
use types::{SqlType, user_type};

/// pg_proc OID of unnest.
const UNNEST: Oid = Oid(2331);

/// A function of FROM with its columns.
struct Called {
    call: SetCall,
    columns: Vec<ScopeColumn>,
    returns_set: bool,
    /// Its catalog row names its columns.
    named: bool,
    /// Its columns stand behind the alias.
    defined: bool,
    /// The value of a composite type that the columns are the fields of.
    row: Option<TypedCol>,
}

impl Called {
    fn outline(&self) -> FunctionOutline {
        let SetCall { proc, mut args, columns } = self.call.clone();
        let mut definitions = Vec::new();
        if self.defined {
            // Behind the arguments stand the names of the columns.
            args.truncate(args.len().saturating_sub(columns.len()));
            definitions = self.columns.iter().map(|c| (c.name.clone(), c.typed.ty.clone())).collect();
        }
        let ty = columns.first().map_or_else(super::expr::boolean, |column| column.ty.clone());
        FunctionOutline { call: Expr::Call { proc, args, ty }, definitions }
    }
}

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
                all.push(self.called(
                    schema.as_deref(),
                    &function,
                    std::slice::from_ref(arg),
                    None,
                    at,
                    scope,
                )?);
            }
        } else {
            all.push(self.called(schema.as_deref(), &function, args, definitions, at, scope)?);
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
        let only = all.len() == 1;
        let first = all.first().and_then(|called| called.columns.first()).map(|c| c.name.clone());
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
        let expanded = all.iter().any(|called| called.row.is_some());
        let rel = if expanded { self.with_fields(all, ordinality)? } else { relation(all, ordinality)? };
        let mut entry = self.aliased(columns, alias, name.clone(), "table")?;
        let source = || Some(FromSource::Functions { calls, ordinality: with_ordinality });
        let mut shown = self.leaf(source, &entry, alias, &name);
        if let Some(FromItem::Leaf(leaf)) = &mut shown {
            leaf.listed = true;
            leaf.alias.get_or_insert_with(|| name.clone());
        }
        if only && !with_ordinality && !takes_types && !expanded && entry.columns.len() == 1 {
            entry.whole = Whole::Value;
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
            return each.map(|arg| self.called(None, &name, arg, None, at, scope)).collect();
        }
        Ok(vec![self.called(schema.as_deref(), &name, &list.args, None, at, scope)?])
    }

    fn called(
        &mut self,
        schema: Option<&str>,
        function: &str,
        args: &[ast::FunctionArg],
        definitions: Option<&[ast::TableAliasColumnDef]>,
        at: usize,
        scope: &Scope<'_>,
    ) -> Result<Called> {
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
        let mut columns = Vec::new();
        for ast::TableAliasColumnDef { name, data_type } in definitions.ok_or_else(missing)? {
            let ty = self.sql_type(data_type.as_ref().ok_or_else(missing)?)?;
            if has_domains(&ty) {
                return Err(self.unsupported("rows of JSON with values of a domain", at));
            }
            let name = super::names::fold(name);
            args.push(Expr::Const(Datum::Text(name.clone()), held(oid::TEXT, -1)?));
            let typed = TypedCol { col: self.new_col(), ty };
            columns.push(ScopeColumn { name, typed, origin: (Oid(0), 0) });
        }
        let typed: Vec<TypedCol> = columns.iter().map(|c| c.typed.clone()).collect();
        let call = SetCall { proc: chosen.proc.oid, args, columns: typed };
        Ok(Called { call, columns, returns_set: true, named: true, defined: true, row: None })
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
            return Ok(self.called_for_rows(proc, args, ty));
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
            columns,
            returns_set: proc.returns_set,
            named: !proc.out_names.is_empty(),
            defined: false,
            row: None,
        })
    }

    /// The functions, with the fields of values of composite types in their places.
    fn with_fields(&mut self, mut all: Vec<Called>, ordinality: Option<ColRef>) -> Result<Rel> {
        let mut items = Vec::new();
        for called in &mut all {
            if let Some(row) = &called.row {
                let columns = called.columns.iter().map(|column| column.typed.clone());
                items.extend(columns.enumerate().map(|(index, TypedCol { col, ty })| {
                    (Expr::Field { row: Box::new(Expr::Column(row.clone())), index, ty }, col)
                }));
                continue;
            }
            for (own, column) in called.call.columns.iter_mut().zip(&called.columns) {
                own.col = self.new_col();
                items.push((Expr::Column(own.clone()), column.typed.col));
            }
        }
        let mut number = None;
        if let Some(ordinality) = ordinality {
            let typed = TypedCol { col: self.new_col(), ty: held(oid::INT8, -1)? };
            number = Some(typed.col);
            items.push((Expr::Column(typed), ordinality));
        }
        Ok(Rel::Project { input: Box::new(relation(all, number)?), items })
    }

    /// A function that returns values of a composite type: its columns are their fields.
    fn called_for_rows(&mut self, proc: &builtin::Proc, args: Vec<Expr>, ty: &SqlType) -> Called {
        let row = TypedCol { col: self.new_col(), ty: ty.clone() };
        let fields = ty.fields().into_iter().flat_map(|fields| fields.iter());
        let columns = fields.map(|field| {
            let typed = TypedCol { col: self.new_col(), ty: field.ty.clone() };
            ScopeColumn { name: field.name.clone(), typed, origin: (Oid(0), 0) }
        });
        let columns = columns.collect();
        let call = SetCall { proc: proc.oid, args, columns: vec![row.clone()] };
        Called { call, columns, returns_set: proc.returns_set, named: true, defined: false, row: Some(row) }
    }
}

/// The functions side by side.
fn relation(all: Vec<Called>, ordinality: Option<ColRef>) -> Result<Rel> {
    if let ([Called { call, returns_set, .. }], None) = (all.as_slice(), ordinality) {
        let SetCall { proc, args, columns } = call.clone();
        return Ok(match (returns_set, columns.as_slice()) {
            (false, [one]) => {
                let call = Expr::Call { proc, args, ty: one.ty.clone() };
                Rel::Project { input: Box::new(Rel::Unit), items: vec![(call, one.col)] }
            }
            _ => Rel::Function { proc, args, columns },
        });
    }
    if ordinality.is_none() && all.iter().all(|called| called.call.proc == UNNEST) {
        let (mut args, mut columns) = (Vec::new(), Vec::new());
        for called in all {
            args.extend(called.call.args);
            columns.extend(called.call.columns);
        }
        return Ok(Rel::Function { proc: UNNEST, args, columns });
    }
    let calls: Result<Vec<SetCall>> = all.into_iter().map(as_set).collect();
    Ok(Rel::ProjectSet { input: Box::new(Rel::Unit), calls: calls?, ordinality })
}

/// A function of one row as a set of one row.
fn as_set(called: Called) -> Result<SetCall> {
    let SetCall { proc, args, columns } = called.call;
    match columns.as_slice() {
        [one] if !called.returns_set => {
            let value = Expr::Call { proc, args, ty: one.ty.clone() };
            let ty = one
                .ty
                .array()
                .ok_or_else(|| Error::unsupported("a value of this type in ROWS FROM is not supported"))?;
            let elements = vec![value];
            Ok(SetCall { proc: UNNEST, args: vec![Expr::Array { elements, ty }], columns })
        }
        _ => Ok(SetCall { proc, args, columns }),
    }
}
