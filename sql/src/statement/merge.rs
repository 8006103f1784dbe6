//! MERGE: for each row of the source what is to be done, and the new row.
//!
//! Must not know how rows are written.
//! Invariants: conditions are tried in order, and what belongs to an action is computed for its rows only.

use super::insert::merged_row;
use super::row::{set_values, with_ctes};
use crate::binder::{Binder, Clause, Scope, Write, Written, address_type};
use crate::bound::{BoundMerge, ColRef, Expr, JoinKind, MergeKind, Rel, TypedCol, walk};
use crate::parse::{MergeAction, MergeSpec, MergeWhen};
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use types::sql_type::oid;
use types::{Datum, SqlType};

/// pg_proc's int4eq.
const INT4_EQUAL: Oid = Oid(65);

pub(super) fn bind(binder: &mut Binder<'_>, spec: &MergeSpec) -> Result<BoundMerge> {
    let MergeSpec { with, table: name, alias, source, on, whens } = spec;
    if with.as_ref().is_some_and(|with| with.recursive) {
        return Err(Error::new(ErrorKind::Syntax, "WITH RECURSIVE is not supported for MERGE statement"));
    }
    let above = Scope::empty();
    let mut scope = Scope::inside(&above);
    let ctes = binder.bind_with(with.as_ref(), &mut scope)?;
    check_reachable(whens)?;
    binder.check_merged(name)?;
    let table = binder.table_named(name)?;
    let written = Written::of_table(Arc::clone(&table), Write::Update);
    let (scan, entry) = binder.scan_table(&table, alias.as_ref(), true);
    let mut unmatched = scope.clone();
    let from = binder.bind_from(std::slice::from_ref(source), &mut unmatched)?;
    if unmatched.tables.iter().any(|other| other.by_name && other.name == entry.name) {
        let message = format!("name \"{}\" specified more than once", entry.name);
        return Err(Error::new(ErrorKind::DuplicateAlias, message)
            .with_detail("The name is used both as MERGE target table and data source."));
    }
    let target = entry.name.clone();
    let mut matched = scope.clone();
    matched.add(entry);
    unmatched.tables.iter().for_each(|entry| matched.add(entry.clone()));
    let on = binder.bind_condition(on, &matched, Clause::JoinOn)?;

    let address = scan.row_address.ok_or_else(|| Error::internal("a scan for a write has no row address"))?;
    let address = Expr::Column(TypedCol { col: address, ty: address_type()? });
    let old: Vec<TypedCol> = scan.columns.iter().map(|(_, typed)| typed.clone()).collect();
    let inserts = whens.iter().any(|when| !when.matched);
    let input = Rel::Join {
        kind: if inserts { JoinKind::Left } else { JoinKind::Inner },
        left: Box::new(from),
        right: Box::new(Rel::Scan(scan)),
        on: Some(on),
        lateral: false,
    };
    let mut choices = Choices { matched: Vec::new(), unmatched: Vec::new() };
    let mut actions = Vec::with_capacity(whens.len());
    let mut rows: Vec<(i32, Vec<Expr>)> = Vec::new();
    for (when, number) in whens.iter().zip(0_i32..) {
        let seen = if when.matched { &matched } else { &unmatched };
        let row = binder.beside(&target, when.matched, |binder| {
            choices.add(binder, when, number, seen)?;
            new_row(binder, &written, when, seen, &old)
        })?;
        let (kind, row) = row;
        actions.push(kind);
        rows.extend(row.map(|row| (number, row)));
    }
    let action = TypedCol { col: binder.new_col(), ty: int4()? };
    let seen = old.iter().chain(unmatched.tables.iter().flat_map(|entry| &entry.columns).map(|c| &c.typed));
    let plan = Plan { input, address, choices, action: action.clone(), rows, old: &old };
    let (source, row_address, new_columns) = plan.steps(binder, seen.cloned().collect())?;
    Ok(BoundMerge {
        table: table.id,
        source: with_ctes(ctes, source),
        row_address,
        action: action.col,
        actions,
        new_columns,
        rules: super::rules::of(binder, &table)?,
    })
}

fn int4() -> Result<SqlType> {
    SqlType::of(oid::INT4).ok_or_else(|| Error::internal("integer has no form"))
}

/// 42601 when nothing can come as far as a clause.
fn check_reachable(whens: &[MergeWhen]) -> Result<()> {
    let mut ended = [false, false];
    for when in whens {
        let Some(ended) = ended.get_mut(usize::from(when.matched)) else { continue };
        if *ended {
            let message = "unreachable WHEN clause specified after unconditional WHEN clause";
            return Err(Error::new(ErrorKind::Syntax, message));
        }
        *ended = when.condition.is_none();
    }
    Ok(())
}

/// Conditions and numbers of the clauses, in order.
struct Choices {
    matched: Vec<(Expr, Expr)>,
    unmatched: Vec<(Expr, Expr)>,
}

impl Choices {
    fn add(
        &mut self,
        binder: &mut Binder<'_>,
        when: &MergeWhen,
        number: i32,
        seen: &Scope<'_>,
    ) -> Result<()> {
        let condition = match &when.condition {
            Some(condition) => binder.bind_condition(condition, seen, Clause::MergeWhen)?,
            None => Expr::And(Vec::new()),
        };
        let list = if when.matched { &mut self.matched } else { &mut self.unmatched };
        list.push((condition, Expr::Const(Datum::Int32(number), int4()?)));
        Ok(())
    }

    /// The number of the first clause that holds; null for none.
    fn number(self, address: &Expr) -> Result<Expr> {
        let ty = int4()?;
        let one_side = |whens: Vec<(Expr, Expr)>| match first_of(whens) {
            (whens, None) if whens.is_empty() => Expr::Const(Datum::Null, ty.clone()),
            (whens, Some(otherwise)) if whens.is_empty() => otherwise,
            (whens, otherwise) => Expr::Case { whens, otherwise: otherwise.map(Box::new), ty: ty.clone() },
        };
        let is_new = Expr::IsNull { arg: Box::new(address.clone()), negated: false };
        let (matched, unmatched) = (one_side(self.matched), one_side(self.unmatched));
        Ok(Expr::Case { whens: vec![(is_new, unmatched)], otherwise: Some(Box::new(matched)), ty: int4()? })
    }
}

/// The clauses with conditions, and the result of the one without.
fn first_of(whens: Vec<(Expr, Expr)>) -> (Vec<(Expr, Expr)>, Option<Expr>) {
    let mut conditional = Vec::with_capacity(whens.len());
    for (condition, number) in whens {
        if matches!(&condition, Expr::And(parts) if parts.is_empty()) {
            return (conditional, Some(number));
        }
        conditional.push((condition, number));
    }
    (conditional, None)
}

/// What a clause does, and the row that it makes.
fn new_row(
    binder: &mut Binder<'_>,
    written: &Written,
    when: &MergeWhen,
    seen: &Scope<'_>,
    old: &[TypedCol],
) -> Result<(MergeKind, Option<Vec<Expr>>)> {
    Ok(match &when.action {
        MergeAction::Nothing => (MergeKind::Nothing, None),
        MergeAction::Delete => (MergeKind::Delete, None),
        MergeAction::Update(set) => {
            let mut set = set_values(binder, written, set, seen, old)?;
            let kept = |(index, column): (usize, &TypedCol)| {
                set.remove(&index).unwrap_or_else(|| Expr::Column(column.clone()))
            };
            (MergeKind::Update, Some(old.iter().enumerate().map(kept).collect()))
        }
        MergeAction::Insert(insert) => (MergeKind::Insert, Some(merged_row(binder, written, insert, seen)?)),
    })
}

/// What the source is made of.
struct Plan<'o> {
    input: Rel,
    address: Expr,
    choices: Choices,
    action: TypedCol,
    /// The rows of the clauses that make some, by their numbers.
    rows: Vec<(i32, Vec<Expr>)>,
    old: &'o [TypedCol],
}

impl Plan<'_> {
    /// First the number of the clause beside the columns (those of `seen` that a row looks at), then what it makes of
    /// them: the source, the address and the new columns.
    fn steps(self, binder: &mut Binder<'_>, seen: Vec<TypedCol>) -> Result<(Rel, ColRef, Vec<ColRef>)> {
        let Self { input, address, choices, action, rows, old } = self;
        let number = choices.number(&address)?;
        let mut used = BTreeSet::new();
        for expr in rows.iter().flat_map(|(_, row)| row).chain([&address]) {
            used.extend(walk::columns_of(expr).into_iter().map(|c| c.col));
        }
        let through = seen.into_iter().filter(|c| used.contains(&c.col));
        let mut items: Vec<(Expr, ColRef)> = through.map(|c| (Expr::Column(c.clone()), c.col)).collect();
        if let Expr::Column(column) = &address {
            items.push((address.clone(), column.col));
        }
        items.push((number, action.col));
        let numbered = Rel::Project { input: Box::new(input), items };
        let predicate = Expr::IsNull { arg: Box::new(Expr::Column(action.clone())), negated: true };
        let chosen = Rel::Filter { input: Box::new(numbered), predicate };

        let row_address = binder.new_col();
        let mut items = vec![(address, row_address), (Expr::Column(action.clone()), action.col)];
        let mut new_columns = Vec::with_capacity(old.len());
        for (place, column) in old.iter().enumerate() {
            let mut whens = Vec::new();
            for (number, row) in &rows {
                let Some(value) = row.get(place) else { continue };
                let number = Expr::Const(Datum::Int32(*number), int4()?);
                let args = vec![Expr::Column(action.clone()), number];
                let ty = SqlType::of(oid::BOOL).ok_or_else(|| Error::internal("boolean has no form"))?;
                whens.push((Expr::Call { proc: INT4_EQUAL, args, ty }, value.clone()));
            }
            let value = match whens.is_empty() {
                true => Expr::Const(Datum::Null, column.ty.clone()),
                false => Expr::Case { whens, otherwise: None, ty: column.ty.clone() },
            };
            let col = binder.new_col();
            new_columns.push(col);
            items.push((value, col));
        }
        Ok((Rel::Project { input: Box::new(chosen), items }, row_address, new_columns))
    }
}
