//! Set-returning functions in the select list and in ORDER BY.
//!
//! Invariant: such a call stands in an expression as a column; the call itself is kept in the level. Calls are computed
//! after the window functions, those in the arguments of others before them, and those of one depth side by side.

use super::names::located;
use super::order::SortItem;
use super::record::result_type;
use super::resolve::Chosen;
use super::result_shape::Shape;
use super::table_function::UNNEST;
use super::type_name::held;
use super::user_function::UserCall;
use super::volatility::is_volatile;
use super::{Binder, Clause, Scope, Term};
use crate::bound::{ColRef, Expr, Rel, SetCall, Subquery, SubqueryKind, TypedCol, array_of_values, walk};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use catalog::builtin;
use sqlparser::ast;
use types::SqlType;

const HINT: &str = "You might be able to move the set-returning function into a LATERAL FROM item.";

/// A call of a set-returning function in an expression.
#[derive(Debug)]
pub(super) struct LeveledSet {
    pub(super) call: SetCall,
    /// 1, or one more than the deepest call in its arguments.
    depth: usize,
    /// Its rows are values, not only their fields.
    is_record: bool,
}

impl Binder<'_> {
    pub(super) fn set_returning(&mut self, chosen: &Chosen, args: Vec<Expr>, at: usize) -> Result<Term> {
        self.check_set_place(at)?;
        if chosen.proc.out_types.len() > 1 {
            return self.record_set(chosen, args, at);
        }
        let ty = result_type(chosen.result, &args).map_err(|e| located(e, at))?;
        let (args, ty) = self.numeric_call(chosen.proc, args, ty)?;
        self.refuse_records_beside_sets(false, at)?;
        let columns = self.set_columns(chosen.proc.oid, args, vec![ty], at);
        let column = columns.into_iter().next().ok_or_else(|| Error::internal("a set without columns"))?;
        Ok(Term { expr: Expr::Column(column), at })
    }

    /// `(function(..)).field`: one column of a function that returns several; None when it is another function.
    pub(super) fn field_of_set(
        &mut self,
        function: &ast::Function,
        field: &ast::Ident,
        scope: &Scope<'_>,
    ) -> Result<Option<Term>> {
        let Some(fields) = self.fields_of_set(function, scope)? else { return Ok(None) };
        let field = super::names::fold(field);
        let at = self.qualified(&function.name)?.2;
        let found = fields.into_iter().find(|(name, _)| *name == field);
        found.map(|(_, term)| Some(term)).ok_or_else(|| {
            let message = format!("could not identify column \"{field}\" in record data type");
            located(Error::new(ErrorKind::UndefinedColumn, message), at)
        })
    }

    /// The columns of a call of a set-returning function that has several, by their names; None for another function.
    pub(super) fn fields_of_set(
        &mut self,
        function: &ast::Function,
        scope: &Scope<'_>,
    ) -> Result<Option<Vec<(String, Term)>>> {
        let (schema, name, at) = self.qualified(&function.name)?;
        if !self.user_functions(schema.as_deref(), &name).is_empty() {
            return Ok(None);
        }
        let Some(name) = super::function::called_name(schema.as_deref(), &name) else { return Ok(None) };
        let ast::FunctionArguments::List(list) = &function.args else { return Ok(None) };
        let plain = function.filter.is_none()
            && function.over.is_none()
            && function.null_treatment.is_none()
            && function.within_group.is_empty()
            && list.duplicate_treatment.is_none()
            && list.clauses.is_empty();
        let mut known = builtin::procs_named(&name).peekable();
        let has_fields = |proc: &builtin::Proc| proc.returns_set && proc.out_types.len() > 1;
        if !plain || known.peek().is_none() || !known.all(has_fields) {
            return Ok(None);
        }
        let (exprs, names, _) = self.given(&list.args, at)?;
        let mut terms = Vec::with_capacity(exprs.len());
        for expr in exprs {
            terms.push(self.expr(expr, scope)?);
        }
        let actual: Vec<Oid> = terms.iter().map(|t| t.expr.ty().oid).collect();
        let chosen = super::resolve::function_with_names(&name, &actual, &names).map_err(|why| {
            located(super::function::no_function_with_names(&name, &actual, &names, why), at)
        })?;
        let args = self.coerce_arguments(terms, &chosen)?;
        self.check_set_place(at)?;
        self.refuse_records_beside_sets(false, at)?;
        let types = super::resolve::outputs(&chosen).into_iter().map(|ty| super::from::shown_type(ty, -1));
        let columns = self.set_columns(chosen.proc.oid, args, types.collect(), at);
        let named = chosen.proc.out_names.iter().cloned().zip(columns);
        Ok(Some(named.map(|(name, column)| (name, Term { expr: Expr::Column(column), at })).collect()))
    }

    /// A call of a function that a user made, in the select list: its rows as an array, one by one.
    pub(super) fn user_set(&mut self, call: &UserCall) -> Result<Term> {
        let at = call.at;
        self.check_set_place(at)?;
        self.refuse_records_beside_sets(false, at)?;
        let (array, ty) = self.rows_as_array(call)?;
        let columns = self.set_columns(UNNEST, vec![array], vec![ty], at);
        let column = columns.into_iter().next().ok_or_else(|| Error::internal("a set without columns"))?;
        Ok(Term { expr: Expr::Column(column), at })
    }

    /// The rows of a call as an array of values or of records, and the type of these.
    pub(super) fn rows_as_array(&mut self, call: &UserCall) -> Result<(Expr, SqlType)> {
        if call.result == Shape::Open {
            return Err(self
                .unsupported("a call of a function that returns records of any columns", call.at)
                .with_hint("Call it in FROM, with its columns behind it: f(..) AS t(a int, b text)."));
        }
        let (rel, columns) = self.inlined_rows(call)?;
        let values = columns.into_iter().map(Expr::Column).collect();
        let (value, ty) = self.whole(call, values)?;
        let typed = TypedCol { col: self.new_col(), ty: ty.clone() };
        if array_of_values(&ty).oid == ty.oid {
            let what = format!("a set of values of type {}", super::type_name::type_name(ty.oid));
            return Err(self.unsupported(&what, call.at));
        }
        let rel = Rel::Project { input: Box::new(rel), items: vec![(value, typed.col)] };
        let subquery = Subquery { rel, column: Some(typed), kind: SubqueryKind::Array };
        Ok((Expr::Subquery(Box::new(subquery)), ty))
    }

    /// The columns of a call in the level; calls alike are one.
    fn set_columns(&mut self, proc: Oid, args: Vec<Expr>, types: Vec<SqlType>, at: usize) -> Vec<TypedCol> {
        let level = self.level();
        level.set_uses.push(at);
        let same = level.sets.iter().find(|s| s.call.proc == proc && s.call.args == args);
        if let Some(same) = same
            && !args.iter().any(is_volatile)
        {
            return same.call.columns.clone();
        }
        let mut depth = 1;
        for arg in &args {
            walk::visit(arg, &mut |e| {
                if let Expr::Column(used) = e {
                    let inner = level.sets.iter().find(|s| s.call.columns.contains(used));
                    depth = depth.max(inner.map_or(1, |s| s.depth + 1));
                }
            });
        }
        let columns: Vec<TypedCol> =
            types.into_iter().map(|ty| TypedCol { col: self.new_col(), ty }).collect();
        let call = SetCall { proc, args, columns: columns.clone() };
        self.level().sets.push(LeveledSet { call, depth, is_record: false });
        columns
    }

    /// Where another set goes on longer, a record would be null, and its fields do not tell that.
    fn refuse_records_beside_sets(&mut self, any: bool, at: usize) -> Result<()> {
        if !self.level().sets.iter().any(|set| any || set.is_record) {
            return Ok(());
        }
        let what = "a function that returns records beside another set-returning function";
        Err(self.unsupported(what, at).with_hint("Call it in FROM."))
    }

    /// A call of several columns, whose rows are values.
    fn record_set(&mut self, chosen: &Chosen, args: Vec<Expr>, at: usize) -> Result<Term> {
        self.refuse_records_beside_sets(true, at)?;
        let types = super::resolve::outputs(chosen).into_iter().map(|ty| super::from::shown_type(ty, -1));
        let columns = self.set_columns(chosen.proc.oid, args, types.collect(), at);
        for set in &mut self.level().sets {
            set.is_record = true;
        }
        let named = chosen.proc.out_names.iter().zip(columns);
        let fields =
            named.map(|(name, column)| ((*name).to_owned(), Term { expr: Expr::Column(column), at }));
        self.row_of(fields.collect(), at)
    }

    fn check_set_place(&mut self, at: usize) -> Result<()> {
        let level = self.level();
        let refuse = |message: String| Err(located(Error::unsupported(message), at));
        let hinted = |what: &str| {
            let message = format!("{what} calls cannot contain set-returning function calls");
            Err(located(Error::unsupported(message).with_hint(HINT), at))
        };
        match level.clause {
            Clause::Select | Clause::OrderBy if level.in_aggregate => hinted("aggregate function"),
            Clause::Select | Clause::OrderBy if level.in_window => hinted("window function"),
            Clause::Select | Clause::OrderBy => Ok(()),
            Clause::FromFunction => {
                refuse("set-returning functions must appear at top level of FROM".to_owned())
            }
            Clause::WindowFrame => {
                refuse("set-returning functions are not allowed in window definitions".to_owned())
            }
            // PostgreSQL computes these before it groups or sorts.
            Clause::WindowPartition | Clause::WindowOrder | Clause::GroupBy => {
                let what = format!("a set-returning function in {}", level.clause.phrase());
                Err(self.unsupported(&what, at).with_hint("Call it in a subquery in FROM."))
            }
            other => refuse(format!("set-returning functions are not allowed in {}", other.phrase())),
        }
    }

    /// Where the level is, for `refuse_sets_since`.
    pub(super) fn sets_so_far(&mut self) -> usize {
        self.level().set_uses.len()
    }

    /// CASE and COALESCE do not compute all their parts, so they can hold no set.
    pub(super) fn refuse_sets_since(&mut self, before: usize, what: &str) -> Result<()> {
        match self.level().set_uses.get(before) {
            None => Ok(()),
            Some(at) => {
                let message = format!("set-returning functions are not allowed in {what}");
                Err(located(Error::unsupported(message).with_hint(HINT), *at))
            }
        }
    }

    /// A condition must have one value.
    pub(super) fn refuse_set_in(&mut self, term: &Term, clause: &str) -> Result<()> {
        let sets = &self.level().sets;
        let mut found = false;
        if !sets.is_empty() {
            walk::visit(&term.expr, &mut |e| {
                found |= matches!(e, Expr::Column(c) if sets.iter().any(|s| s.call.columns.contains(c)));
            });
        }
        if !found {
            return Ok(());
        }
        let message = format!("argument of {clause} must not return a set");
        Err(located(Error::new(ErrorKind::DatatypeMismatch, message), term.at))
    }

    /// The relation with the sets beside its rows. In a sorted query each row's set keeps its order.
    pub(super) fn with_sets(
        &mut self,
        mut rel: Rel,
        sets: Vec<LeveledSet>,
        sort: &mut Vec<SortItem>,
        distinct: bool,
    ) -> Result<Rel> {
        let deepest = sets.iter().map(|s| s.depth).max().unwrap_or(0);
        let mut sets: Vec<Option<LeveledSet>> = sets.into_iter().map(Some).collect();
        let sorted = !sort.is_empty() && !distinct;
        for depth in 1..=deepest {
            let here = sets.iter_mut().filter(|s| s.as_ref().is_some_and(|s| s.depth == depth));
            let calls = here.filter_map(Option::take).map(|s| s.call).collect();
            let ordinality = sorted.then(|| self.new_col());
            if let Some(col) = ordinality {
                sort.push(by_number(col)?);
            }
            rel = Rel::ProjectSet { input: Box::new(rel), calls, ordinality };
        }
        Ok(rel)
    }
}

fn by_number(col: ColRef) -> Result<SortItem> {
    let number = TypedCol { col, ty: held(types::sql_type::oid::INT8, -1)? };
    let hidden = Some((Expr::Column(number), Vec::new()));
    Ok(SortItem { target: None, hidden, descending: false, nulls_first: false })
}
