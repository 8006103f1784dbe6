//! WITH: its queries in the order in which they need each other, and the recursive ones among them.
//!
//! Invariant: a recursive query is a start and a step; only the step names it, once, where every row found last counts
//! by itself.

use super::names::{fold, located};
use super::order::named;
use super::record::is_row;
use super::scope::{CteStatus, ScopeCte};
use super::select::{Bound, OutColumn};
use super::type_name::{held, type_name};
use super::volatility::computes_volatile;
use super::{Binder, Scope, ScopeColumn};
use crate::bound::{Cte, CteId, Rel, SetOp, TypedCol};
use crate::parse::write_of;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use sqlparser::ast;
use std::collections::{HashMap, HashSet};
use types::SqlType;
use types::sql_type::oid;

/// Where references to recursive queries stand.
#[derive(Debug, Default)]
pub(super) struct Recursions {
    /// Uses of each common table expression.
    pub(super) uses: HashMap<CteId, usize>,
    /// NOT MATERIALIZED.
    inline: HashSet<CteId>,
    /// What the reference stands within, from the recursive term on.
    places: Vec<&'static str>,
    /// References to recursive queries up to now, and the position and name of the last one.
    pub(super) references: usize,
    last: (usize, String),
}

fn invalid(message: String, at: usize) -> Error {
    located(Error::new(ErrorKind::InvalidRecursion, message), at)
}

impl Binder<'_> {
    /// Binds WITH: the CTEs join `scope`.
    ///
    /// With `top` it is that of the statement itself, so that it may hold statements that write: all of it is then kept
    /// apart, and nothing returned.
    pub(super) fn with_clause(
        &mut self,
        with: &ast::With,
        scope: &mut Scope<'_>,
        top: bool,
    ) -> Result<Vec<Cte>> {
        let ast::With { with_token: _, recursive, cte_tables } = with;
        for (index, cte) in cte_tables.iter().enumerate() {
            let name = fold(&cte.alias.name);
            if cte_tables.iter().take(index).any(|before| fold(&before.alias.name) == name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                let at = self.at(cte.alias.name.span);
                return Err(located(Error::new(ErrorKind::DuplicateAlias, message), at));
            }
        }
        let order: Vec<&ast::Cte> =
            if *recursive { in_order_of_need(cte_tables) } else { cte_tables.iter().collect() };
        let known = scope.ctes.len();
        if *recursive {
            for cte in &order {
                let (name, id) = (fold(&cte.alias.name), self.new_cte());
                scope.ctes.push(ScopeCte { name, id, columns: Vec::new(), status: CteStatus::Later });
            }
        }
        if cte_tables.iter().any(|cte| write_of(&cte.query).is_some()) {
            self.modifying_with(&order, *recursive, top, scope)?;
            return Ok(Vec::new());
        }
        let mut ctes = Vec::with_capacity(order.len());
        for (index, cte) in order.into_iter().enumerate() {
            if *recursive {
                ctes.push(self.maybe_recursive(cte, scope, known + index)?);
            } else {
                let id = self.new_cte();
                let (cte, columns) = self.cte(cte, id, scope)?;
                let name = columns.0;
                scope.ctes.push(ScopeCte { name, id, columns: columns.1, status: CteStatus::Plain });
                ctes.push(cte);
            }
        }
        Ok(ctes)
    }

    /// A query of WITH that does not name itself, with its name and columns.
    pub(super) fn cte(
        &mut self,
        cte: &ast::Cte,
        id: CteId,
        scope: &Scope<'_>,
    ) -> Result<(Cte, (String, Vec<ScopeColumn>))> {
        let ast::Cte { alias, query, from, materialized, closing_paren_token: _ } = cte;
        let ast::TableAlias { explicit: _, name, columns, at: position } = alias;
        let at = self.at(name.span);
        if from.is_some() || position.is_some() {
            return Err(self.unsupported("this form of WITH", at));
        }
        let folded = fold(name);
        let mut bound = self.query(query, scope, true)?;
        self.note_cte(id, cte, bound.outline.take());
        let mut shown = named(&bound.columns);
        self.rename(&mut shown, columns, &folded, at, "WITH query")?;
        let typed = bound.columns.iter().map(|c| c.typed.clone()).collect();
        let once = *materialized == Some(ast::CteAsMaterialized::Materialized);
        if *materialized == Some(ast::CteAsMaterialized::NotMaterialized) {
            self.recursions.inline.insert(id);
        }
        Ok((Cte { id, rel: bound.rel, columns: typed, once }, (folded, shown)))
    }

    /// A query of WITH RECURSIVE; it is at `place` of the scope.
    pub(super) fn maybe_recursive(
        &mut self,
        cte: &ast::Cte,
        scope: &mut Scope<'_>,
        place: usize,
    ) -> Result<Cte> {
        let entry =
            |scope: &mut Scope<'_>, change: &mut dyn FnMut(&mut ScopeCte)| match scope.ctes.get_mut(place) {
                Some(entry) => {
                    change(entry);
                    Ok(entry.id)
                }
                None => Err(Error::internal("a WITH query lost its entry")),
            };
        let at = self.at(cte.alias.name.span);
        let (union, name) = (union_of(&cte.query), fold(&cte.alias.name));
        let status = if union.is_some() { CteStatus::Start } else { CteStatus::NoUnion(at) };
        let id = entry(scope, &mut |e| e.status = status.clone())?;
        let found = match union {
            Some((query, all, left, right)) if cte.from.is_none() && cte.alias.at.is_none() => {
                let outer = &*scope;
                let mut inner = Scope::inside(outer);
                let ctes = match &query.with {
                    None => Vec::new(),
                    Some(with) => self.with_clause(with, &mut inner, false)?,
                };
                let start = self.operand(left, &inner)?;
                let types = start_types(&start)?;
                let mut shown = named(&start.columns);
                for (column, ty) in shown.iter_mut().zip(&types) {
                    column.typed.ty = ty.clone();
                    column.origin = (Oid(0), 0);
                }
                self.rename(&mut shown, &cte.alias.columns, &name, at, "WITH query")?;
                let working = self.new_cte();
                let (ours, columns) = (name.clone(), shown.clone());
                let reference = ScopeCte { name: ours, id: working, columns, status: CteStatus::Recursive };
                inner.ctes.push(reference);
                let before = std::mem::take(&mut self.recursions.places);
                let step = self.operand(right, &inner);
                self.recursions.places = before;
                let step = step?;
                match self.recursions.uses.get(&working).copied().unwrap_or(0) {
                    0 => None,
                    _ => {
                        self.check_recursive_query(query)?;
                        let rel = self.recursion(working, all, (start, &types), step, &name)?;
                        let rel = match ctes.is_empty() {
                            true => rel,
                            false => Bound {
                                outline: self.with_outlines(rel.outline, false, &ctes),
                                rel: Rel::With { ctes, body: Box::new(rel.rel) },
                                columns: rel.columns,
                            },
                        };
                        Some((rel, shown))
                    }
                }
            }
            _ => None,
        };
        let (bound, columns) = match found {
            Some((mut bound, mut columns)) => {
                self.note_cte(id, cte, bound.outline.take());
                let typed: Vec<TypedCol> = bound.columns.iter().map(|c| c.typed.clone()).collect();
                for (column, typed) in columns.iter_mut().zip(&typed) {
                    column.typed = typed.clone();
                }
                (Cte { id, rel: bound.rel, columns: typed, once: true }, columns)
            }
            // It does not name itself.
            None => {
                let (cte, (_, columns)) = self.cte(cte, id, scope)?;
                (cte, columns)
            }
        };
        entry(scope, &mut |e| {
            e.status = CteStatus::Plain;
            e.columns.clone_from(&columns);
        })?;
        Ok(bound)
    }

    fn operand(&mut self, body: &ast::SetExpr, scope: &Scope<'_>) -> Result<Bound> {
        self.body(body, &[], scope, true)
    }

    fn check_recursive_query(&self, query: &ast::Query) -> Result<()> {
        let at = self.at(ast::Spanned::span(query));
        let refuse = |what: &str, at: usize| {
            Err(located(Error::unsupported(format!("{what} in a recursive query is not implemented")), at))
        };
        if let Some(ast::OrderBy { kind: ast::OrderByKind::Expressions(items), .. }) = &query.order_by {
            return refuse("ORDER BY", items.first().map_or(at, |item| self.start(&item.expr)));
        }
        match &query.limit_clause {
            Some(ast::LimitClause::LimitOffset { offset: Some(offset), .. }) => {
                return refuse("OFFSET", self.start(&offset.value));
            }
            Some(ast::LimitClause::LimitOffset { limit: Some(limit), .. }) => {
                return refuse("LIMIT", self.start(limit));
            }
            _ => {}
        }
        if let Some(fetch) = &query.fetch {
            return refuse("LIMIT", fetch.quantity.as_ref().map_or(at, |q| self.start(q)));
        }
        if !query.locks.is_empty() {
            return refuse("FOR UPDATE/SHARE", at);
        }
        Ok(())
    }

    fn recursion(
        &mut self,
        working: CteId,
        all: bool,
        (start, types): (Bound, &[SqlType]),
        step: Bound,
        name: &str,
    ) -> Result<Bound> {
        if start.columns.len() != step.columns.len() {
            let at = step.columns.first().map_or(0, |c| c.at);
            let message = "each UNION query must have the same number of columns";
            return Err(located(Error::new(ErrorKind::Syntax, message), at));
        }
        for (index, ((s, t), ty)) in start.columns.iter().zip(&step.columns).zip(types).enumerate() {
            let pair = [(ty.oid, s.at), (t.typed.ty.oid, t.at)];
            let common = super::coerce::common_oid(&pair, "UNION")?;
            let typmod = if ty.typmod == t.typed.ty.typmod { ty.typmod } else { -1 };
            if common != ty.oid || typmod != ty.typmod {
                let message = format!(
                    "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
                    index + 1,
                    shown(ty.oid, ty.typmod),
                    shown(common, typmod)
                );
                let error = Error::new(ErrorKind::DatatypeMismatch, message)
                    .with_hint("Cast the output of the non-recursive term to the correct type.");
                return Err(located(error, s.at));
            }
            if !all {
                super::comparable::check_equality(ty, t.at)?;
            }
        }
        let start = self.with_types(start, types)?;
        let step = self.with_types(step, types)?;
        let cols = |b: &Bound| b.columns.iter().map(|c| c.typed.col).collect::<Vec<_>>();
        let outline =
            super::query::set_outline(SetOp::Union, all, start.outline.clone(), step.outline.clone());
        let columns: Vec<OutColumn> = start
            .columns
            .iter()
            .zip(types)
            .map(|(c, ty)| {
                let typed = TypedCol { col: self.new_col(), ty: ty.clone() };
                OutColumn { name: c.name.clone(), typed, origin: (Oid(0), 0), open: None, at: c.at }
            })
            .collect();
        let rel = Rel::Recursive {
            working,
            all,
            start_columns: cols(&start),
            step_columns: cols(&step),
            start: Box::new(start.rel),
            step: Box::new(step.rel),
            columns: columns.iter().map(|c| c.typed.clone()).collect(),
        };
        Ok(Bound { rel, columns, outline })
    }

    /// Takes note of a use of a common table expression, and refuses it where it cannot be.
    pub(super) fn use_cte(&mut self, name: &str, id: CteId, status: &CteStatus, at: usize) -> Result<()> {
        match status {
            CteStatus::Plain => {
                *self.recursions.uses.entry(id).or_default() += 1;
                return Ok(());
            }
            CteStatus::Later => {
                let message = "mutual recursion between WITH items is not implemented";
                return Err(located(Error::unsupported(message), at));
            }
            CteStatus::NoUnion(name_at) => {
                let message = format!(
                    "recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] recursive-term"
                );
                return Err(invalid(message, *name_at));
            }
            CteStatus::Start => {
                let message = format!(
                    "recursive reference to query \"{name}\" must not appear within its non-recursive term"
                );
                return Err(invalid(message, at));
            }
            CteStatus::Writing(name_at) => {
                let message =
                    format!("recursive query \"{name}\" must not contain data-modifying statements");
                return Err(invalid(message, *name_at));
            }
            CteStatus::Silent => {
                let message = format!("WITH query \"{name}\" does not have a RETURNING clause");
                return Err(located(Error::unsupported(message), at));
            }
            CteStatus::Recursive => {}
        }
        if let Some(place) = self.recursions.places.last() {
            let message = format!("recursive reference to query \"{name}\" must not appear within {place}");
            return Err(invalid(message, at));
        }
        let uses = self.recursions.uses.entry(id).or_default();
        *uses += 1;
        if *uses > 1 {
            let message = format!("recursive reference to query \"{name}\" must not appear more than once");
            return Err(invalid(message, at));
        }
        self.recursions.references += 1;
        self.recursions.last = (at, name.to_owned());
        self.level().is_step = true;
        Ok(())
    }

    /// Runs `body` where no recursive query may be named.
    pub(super) fn without_recursion<T>(
        &mut self,
        place: &'static str,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.recursions.places.push(place);
        let result = body(self);
        self.recursions.places.pop();
        result
    }

    /// Refuses a recursive query that was named since, on what became the inner side of an outer join.
    pub(super) fn refuse_recursion_since(&self, references: usize) -> Result<()> {
        if self.recursions.references == references {
            return Ok(());
        }
        let (at, name) = &self.recursions.last;
        let message = format!("recursive reference to query \"{name}\" must not appear within an outer join");
        Err(invalid(message, *at))
    }

    /// Decides which queries of a WITH are computed once, when all uses are known.
    pub(super) fn settle_ctes(&self, ctes: &mut [Cte]) {
        for cte in ctes {
            let uses = self.recursions.uses.get(&cte.id).copied().unwrap_or(0);
            let worth = is_costly(&cte.rel) && !self.recursions.inline.contains(&cte.id);
            cte.once |= uses > 1 && (worth || computes_volatile(&cte.rel));
        }
    }
}

/// The types of a recursive query: those of its start, numerics without modifier in the form that holds them all.
fn start_types(start: &Bound) -> Result<Vec<SqlType>> {
    start
        .columns
        .iter()
        .map(|c| match &c.typed.ty.clone().as_domain(None) {
            ty if ty.oid == oid::NUMERIC && ty.typmod == -1 => Ok(super::numeric::per_value()),
            ty if is_row(ty.oid) => Ok(ty.clone()),
            ty => {
                let bare = held(ty.oid, ty.typmod)?;
                Ok(SqlType {
                    form: if ty.oid == oid::NUMERIC { ty.form.clone() } else { bare.form },
                    ..ty.clone()
                })
            }
        })
        .collect()
}

/// A type with its modifier, as messages name it.
fn shown(ty: Oid, typmod: i32) -> String {
    let name = type_name(ty);
    match (ty, typmod.checked_sub(4)) {
        (oid::NUMERIC, Some(modifier @ 0..)) => format!("{name}({},{})", modifier >> 16, modifier & 0xffff),
        (oid::VARCHAR | oid::BPCHAR, Some(length @ 0..)) => format!("{name}({length})"),
        _ => name,
    }
}

/// The parts of a query that is a union at its top.
fn union_of(query: &ast::Query) -> Option<(&ast::Query, bool, &ast::SetExpr, &ast::SetExpr)> {
    match query.body.as_ref() {
        ast::SetExpr::SetOperation { left, op: ast::SetOperator::Union, set_quantifier, right } => {
            let all = match set_quantifier {
                ast::SetQuantifier::All => true,
                ast::SetQuantifier::Distinct | ast::SetQuantifier::None => false,
                _ => return None,
            };
            Some((query, all, left, right))
        }
        ast::SetExpr::Query(inner) if query.with.is_none() && query.order_by.is_none() => union_of(inner),
        _ => None,
    }
}

/// The queries of a WITH RECURSIVE so that each stands behind those that it names, as far as words tell.
fn in_order_of_need(ctes: &[ast::Cte]) -> Vec<&ast::Cte> {
    let texts: Vec<String> = ctes.iter().map(|cte| cte.query.to_string().to_lowercase()).collect();
    let names: Vec<String> = ctes.iter().map(|cte| fold(&cte.alias.name).to_lowercase()).collect();
    let needs = |user: usize, name: usize| {
        user != name
            && texts.get(user).zip(names.get(name)).is_some_and(|(text, name)| {
                text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '$')))
                    .any(|word| word == name)
            })
    };
    let mut rest: Vec<usize> = (0..ctes.len()).collect();
    let mut order = Vec::with_capacity(ctes.len());
    while !rest.is_empty() {
        let free = rest.iter().position(|user| !rest.iter().any(|name| needs(*user, *name)));
        let next = rest.remove(free.unwrap_or(0));
        order.extend(ctes.get(next));
    }
    order
}

/// Whether a relation is worth keeping when it is used twice: more than rows read and filtered.
fn is_costly(rel: &Rel) -> bool {
    match rel {
        Rel::Unit
        | Rel::Empty { .. }
        | Rel::Scan(_)
        | Rel::System(_)
        | Rel::Changes(_)
        | Rel::Values { .. }
        | Rel::Constants { .. }
        | Rel::Function { .. }
        | Rel::CteRef { .. } => false,
        Rel::Project { input, .. } | Rel::Filter { input, .. } | Rel::Sort { input, .. } => is_costly(input),
        Rel::With { body, .. } => is_costly(body),
        Rel::Join { .. }
        | Rel::Aggregate { .. }
        | Rel::GroupingSets { .. }
        | Rel::ProjectSet { .. }
        | Rel::Window { .. }
        | Rel::Distinct { .. }
        | Rel::SetOp { .. }
        | Rel::Limit { .. }
        | Rel::Recursive { .. } => true,
    }
}
