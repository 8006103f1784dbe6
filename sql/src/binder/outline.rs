//! Outlines of queries while they are bound for their text: what the bound tree does not keep.
//!
//! Must not know how a text looks. Invariant: nothing is kept unless somebody asked for it; what an outline cannot tell is
//! marked as lost, and there is no outline then.

use super::coerce::{can_coerce, is_unknown};
use super::distinct::Distinct;
use super::grouping_sets::GroupBy;
use super::level::Level;
use super::order::SortItem;
use super::output::Target;
use super::type_name::held;
use super::{Binder, Scope, ScopeTable, Term, numeric, resolve};
use crate::bound::outline::{
    BodyOutline, CallOutline, CteOutline, DistinctOutline, FromItem, FromLeaf, FromSource, GroupItem,
    OrderKey, Outline, OverOutline, QueryOutline, SelectOutline, Spelling, WindowOutline,
};
use crate::bound::{ColRef, CteId, Expr, SortKey};
use base::Result;
use base::id::{ColumnId, Oid};
use catalog::builtin::{self, CastContext};
use sqlparser::ast;
use std::cell::Cell;
use std::collections::HashMap;
use types::sql_type::oid;
use types::{Datum, SqlType};

/// What stands in a kept query between a relation and the name it had when nobody gave it another: two blanks, which tell
/// that name from an alias.
pub const OWN_NAME: &str = "  AS ";

/// What a binder keeps for outlines.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    /// Whether the query that is being bound is outlined.
    pub(super) on: bool,
    lost: Cell<bool>,
    own_names: Vec<OwnName>,
    queries: Vec<QueryOutline>,
    ctes: HashMap<CteId, CteOutline>,
    overs: HashMap<ColRef, OverOutline>,
}

/// A relation that stands under the name it had. Older texts have that name as if it were an alias: there it is its own as
/// long as it still has it.
#[derive(Debug, PartialEq, Eq)]
struct OwnName {
    relation: Oid,
    name: String,
    certain: bool,
}

/// The clauses of a SELECT.
pub(super) struct Clauses<'c> {
    pub(super) targets: &'c [Target],
    pub(super) sort: &'c [SortItem],
    pub(super) group: &'c GroupBy,
    pub(super) distinct: &'c Distinct,
    pub(super) filter: Option<Expr>,
    pub(super) having: Option<Expr>,
    pub(super) windows: Vec<(String, WindowOutline)>,
}

impl Binder<'_> {
    /// The outline of a view's query; None when it cannot be told.
    pub(crate) fn outline(&mut self, text: &str, unseen: &[(Oid, ColumnId)]) -> Result<Option<Outline>> {
        self.named = Some(Vec::new());
        self.outlines.on = true;
        self.outlines.own_names = own_names(text);
        let bound = self.view_query(text, unseen);
        self.outlines.on = false;
        let (query, subqueries) = (bound?.outline, std::mem::take(&mut self.outlines.queries));
        let told = query.filter(|_| !self.outlines.lost.get());
        Ok(told.map(|query| Outline { query: *query, subqueries }))
    }

    /// What is being bound has no outline.
    pub(super) fn lose_outline(&self) {
        self.outlines.lost.set(true);
    }

    /// The expression with how it was written, when that is kept.
    pub(super) fn spelt(&self, form: &Spelling, term: Term) -> Term {
        match self.outlines.on {
            true => {
                let ty = term.expr.ty();
                Term { expr: form.around(None, term.expr, ty), at: term.at }
            }
            false => term,
        }
    }

    /// A call as a function, when it could be taken for an operator.
    pub(super) fn as_function(&self, proc: Oid, term: Term) -> Term {
        let has_operator = || builtin::all_operators().any(|operator| operator.proc == proc);
        if self.outlines.on && has_operator() { self.spelt(&Spelling::Call, term) } else { term }
    }

    /// A call as it was written: the last arguments with their names, none for defaults.
    pub(super) fn spelt_names(
        &mut self,
        terms: Vec<Term>,
        chosen: &resolve::Chosen,
        names: &[String],
        at: usize,
    ) -> Result<Term> {
        let mut args = Vec::with_capacity(terms.len());
        for (term, declared) in terms.into_iter().zip(&chosen.args) {
            args.push(self.coerce_argument(term, *declared)?.expr);
        }
        let ty = super::record::result_type(chosen.result, &args)?;
        let call = Expr::Call { proc: chosen.proc.oid, args, ty: ty.clone() };
        let form = match chosen.proc.name {
            "normalize" => Spelling::Syntax,
            _ => Spelling::Named(names.to_vec()),
        };
        Ok(Term { expr: form.around(None, call, ty), at })
    }

    /// The row of a relation, one of whose columns is given.
    pub(super) fn spelt_row(&self, column: Option<Expr>, term: Term) -> Term {
        match self.outlines.on {
            true => {
                let ty = term.expr.ty();
                Term { expr: Spelling::WholeRow.around(column, term.expr, ty), at: term.at }
            }
            false => term,
        }
    }

    /// A subquery with its outline.
    pub(super) fn spelt_query(&mut self, outline: Option<Box<QueryOutline>>, expr: Expr) -> Expr {
        if !self.outlines.on {
            return expr;
        }
        let Some(outline) = outline else {
            self.lose_outline();
            return expr;
        };
        self.outlines.queries.push(*outline);
        let ty = expr.ty();
        Spelling::Query(self.outlines.queries.len() - 1).around(None, expr, ty)
    }

    /// An explicit cast as one node; a literal is read as the type at once.
    pub(super) fn spelt_cast(&mut self, expr: Expr, target: &SqlType, at: usize) -> Result<Term> {
        let bare = if target.typmod == -1 { target.clone() } else { held(target.oid, -1)? };
        let expr = match expr {
            Expr::Const(Datum::Text(text), ty) if ty.oid == oid::UNKNOWN => {
                let read_as = if target.oid == oid::INTERVAL { target } else { &bare };
                self.constant(&text, read_as, at)?
            }
            Expr::Const(Datum::Null, ty) if ty.oid == oid::UNKNOWN => Expr::Const(Datum::Null, bare),
            expr => expr,
        };
        let source = expr.ty();
        if is_unknown(&expr) {
            self.lose_outline();
            return Ok(Term { expr, at });
        }
        if source.oid == target.oid && source.typmod == target.typmod && source.domain == target.domain {
            return Ok(Term { expr, at });
        }
        if !can_coerce(source.oid, target.oid, CastContext::Explicit) {
            return Err(base::Error::internal("a cast that there is not"));
        }
        let bare = source.oid != target.oid && target.typmod == -1;
        let ty = if bare && target.domain.is_none() {
            numeric::cast_result(&source, target)
        } else {
            target.clone()
        };
        Ok(Term { expr: Spelling::Cast.around(None, expr, ty), at })
    }

    /// Keeps how the window of a call was told.
    pub(super) fn note_over(&mut self, column: &Expr, over: &ast::WindowType) {
        let Expr::Column(column) = column else { return };
        if !self.outlines.on {
            return;
        }
        let told = match over {
            ast::WindowType::NamedWindow(name) => OverOutline::Named(super::fold(name)),
            ast::WindowType::WindowSpec(spec) => {
                if super::window::is_based(spec) {
                    self.lose_outline();
                }
                OverOutline::Spec(super::window::frame_form(spec))
            }
        };
        let known = self.outlines.overs.entry(column.col).or_insert_with(|| told.clone());
        if *known != told {
            self.lose_outline();
        }
    }

    /// The clauses of a SELECT and its calls, before they are told over groups.
    pub(super) fn select_outline(
        &mut self,
        clauses: Clauses<'_>,
        level: &Level,
    ) -> Option<Box<QueryOutline>> {
        if !self.outlines.on {
            return None;
        }
        let Clauses { targets, sort, group, distinct, filter, having, windows } = clauses;
        if targets.iter().any(|target| target.name.starts_with('\u{1}')) {
            self.lose_outline();
        }
        let expr_of = |place: usize| targets.get(place).map(|target| target.term.expr.clone());
        let key_of = |item: &SortItem| match (item.target.and_then(expr_of), &item.hidden) {
            (Some(expr), _) => Some(expr),
            (None, Some((expr, _))) => Some(expr.clone()),
            (None, None) => None,
        };
        let on = |place: &super::distinct::OnPlace| match place {
            super::distinct::OnPlace::Target(place) => expr_of(*place),
            super::distinct::OnPlace::Sort(place) => sort.get(*place).and_then(key_of),
            super::distinct::OnPlace::Hidden(expr, _) => Some(expr.clone()),
        };
        let distinct = match distinct {
            Distinct::No => DistinctOutline::No,
            Distinct::All => DistinctOutline::All,
            Distinct::On(items) => {
                DistinctOutline::On(items.iter().filter_map(|item| on(&item.place)).collect())
            }
        };
        let order_by = sort.iter().filter_map(|item| {
            let (descending, nulls_first) = (item.descending, item.nulls_first);
            Some(OrderKey { key: SortKey { expr: key_of(item)?, descending, nulls_first }, place: None })
        });
        let order_by = order_by.collect();
        let group_by = match group.sets {
            Some(_) => group.items.clone(),
            None => group.keys.iter().map(|key| GroupItem::Keys(vec![key.expr.clone()])).collect(),
        };
        let select = SelectOutline {
            distinct,
            targets: targets.iter().map(|t| (t.term.expr.clone(), t.name.clone())).collect(),
            from: level.from.clone(),
            filter,
            group_by,
            group_distinct: group.distinct,
            having,
            windows,
            calls: self.calls_of(level),
        };
        let body = BodyOutline::Select(Box::new(select));
        Some(Box::new(QueryOutline { order_by, ..QueryOutline::of(body) }))
    }

    fn calls_of(&self, level: &Level) -> Vec<(ColRef, CallOutline)> {
        let mut calls: Vec<(ColRef, CallOutline)> =
            level.aggregates.iter().map(|(call, col)| (*col, CallOutline::Aggregate(call.clone()))).collect();
        for (call, col) in &level.calls {
            match self.outlines.overs.get(col) {
                Some(over) => calls.push((*col, CallOutline::Window(call.clone(), over.clone()))),
                None => self.lose_outline(),
            }
        }
        for set in &level.sets {
            match set.call.columns.as_slice() {
                [one] => calls.push((one.col, CallOutline::Set(set.call.clone()))),
                _ => self.lose_outline(),
            }
        }
        for (args, col) in &level.groupings {
            let args = args.iter().map(|term| term.expr.clone()).collect();
            calls.push((*col, CallOutline::Grouping(args)));
        }
        calls
    }

    /// The windows that a SELECT names.
    pub(super) fn window_outlines(
        &mut self,
        definitions: &[ast::NamedWindowDefinition],
        scope: &Scope<'_>,
    ) -> Result<Vec<(String, WindowOutline)>> {
        let mut windows = Vec::new();
        if !self.outlines.on {
            return Ok(windows);
        }
        for ast::NamedWindowDefinition(name, definition) in definitions {
            if let ast::NamedWindowExpr::WindowSpec(spec) = definition {
                if super::window::is_based(spec) {
                    self.lose_outline();
                }
                let form = super::window::frame_form(spec);
                let over = ast::WindowType::NamedWindow(name.clone());
                let (partition_by, order_by, frame) = self.window(&over, 0, scope)?;
                windows.push((super::fold(name), WindowOutline { partition_by, order_by, frame, form }));
            }
        }
        Ok(windows)
    }

    /// A relation of FROM; None when no outline is wanted.
    pub(super) fn leaf(
        &self,
        source: impl FnOnce() -> Option<FromSource>,
        entry: &ScopeTable,
        alias: Option<&ast::TableAlias>,
        own_name: &str,
    ) -> Option<FromItem> {
        if !self.outlines.on {
            return None;
        }
        let Some(source) = source() else {
            self.lose_outline();
            return None;
        };
        if entry
            .columns
            .iter()
            .any(|c| c.name.starts_with('\u{1}') && c.name != super::scope::hidden_name("tableoid"))
        {
            self.lose_outline();
        }
        let columns = entry.columns.iter().filter(|column| !column.is_hidden());
        let columns = columns.map(|column| (column.typed.col, column.name.clone())).collect();
        let listed = alias.is_some_and(|alias| !alias.columns.is_empty());
        let is_own =
            |alias: &String| match &source {
                FromSource::Relation(oid) => self.outlines.own_names.iter().any(|own| {
                    own.relation == *oid && own.name == *alias && (own.certain || alias == own_name)
                }),
                _ => alias == own_name,
            };
        let alias = alias.map(|alias| super::fold(&alias.name)).filter(|alias| !is_own(alias));
        let name = own_name.to_owned();
        Some(FromItem::Leaf(Box::new(FromLeaf { source, lateral: false, alias, name, columns, listed })))
    }

    pub(super) fn note_cte(&mut self, id: CteId, cte: &ast::Cte, outline: Option<Box<QueryOutline>>) {
        if !self.outlines.on {
            return;
        }
        let Some(outline) = outline else { return self.lose_outline() };
        let materialized = match cte.materialized {
            None => None,
            Some(ast::CteAsMaterialized::Materialized) => Some(true),
            Some(ast::CteAsMaterialized::NotMaterialized) => Some(false),
        };
        let columns = cte.alias.columns.iter().map(|column| super::fold(&column.name)).collect();
        let name = super::fold(&cte.alias.name);
        self.outlines.ctes.insert(id, CteOutline { name, columns, materialized, query: *outline });
    }

    /// WITH around the outline of a query.
    pub(super) fn with_outlines(
        &mut self,
        outline: Option<Box<QueryOutline>>,
        recursive: bool,
        ctes: &[crate::bound::Cte],
    ) -> Option<Box<QueryOutline>> {
        let mut outline = outline?;
        if ctes.is_empty() {
            return Some(outline);
        }
        if !outline.with.is_empty() {
            self.lose_outline();
        }
        outline.recursive = recursive;
        for cte in ctes {
            match self.outlines.ctes.remove(&cte.id) {
                Some(cte) => outline.with.push(cte),
                None => self.lose_outline(),
            }
        }
        Some(outline)
    }
}

/// Relations of a kept query that stand under the names they had, with these.
fn own_names(text: &str) -> Vec<OwnName> {
    let mut names = Vec::new();
    let mut before = None;
    for (text, relation) in catalog::view_pieces(text) {
        let certain = text.starts_with(OWN_NAME);
        let name = text.strip_prefix(OWN_NAME).or_else(|| text.strip_prefix(" AS ")).map(first_name);
        names.extend(before.zip(name).map(|(relation, name)| OwnName { relation, name, certain }));
        before = relation;
    }
    names
}

/// The name that a text begins with.
fn first_name(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"') else {
        return text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    };
    let mut name = String::new();
    let mut rest = quoted.chars().peekable();
    while let Some(c) = rest.next() {
        // A quote in a name stands twice.
        if c == '"' && rest.next_if_eq(&'"').is_none() {
            break;
        }
        name.push(c);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::{OWN_NAME, OwnName, own_names};
    use base::id::Oid;

    #[test]
    fn names_that_nobody_gave_are_told_from_aliases() {
        let (a, b) = (catalog::relation_name(Oid(7)), catalog::relation_name(Oid(8)));
        let text = format!("SELECT * FROM {a}{OWN_NAME}t, {b}{OWN_NAME}\"a \"\"b\", {b} AS x, {b} y");
        let own = |relation, name: &str, certain| OwnName {
            relation: Oid(relation),
            name: name.to_owned(),
            certain,
        };
        assert_eq!(own_names(&text), [own(7, "t", true), own(8, "a \"b", true), own(8, "x", false)]);
    }
}
