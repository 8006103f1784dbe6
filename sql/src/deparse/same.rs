//! Whether two bound queries are the same but for the numbers of their columns and the names of their relations.
//!
//! Invariant: forms that PostgreSQL shows alike are one form here: IN with a list and = ANY with an array of it, NOT before a
//! comparison with a subquery, a numeric of any stored form.

use crate::bound::{CastHow, Expr, Quantifier, Rel, SubqueryKind, walk};
use base::id::Oid;
use catalog::builtin::all_operators;
use std::collections::HashMap;
use types::Datum;
use types::sql_type::oid;
use types::text::IoSettings;

pub(super) fn means_the_same(one: Rel, other: Rel) -> bool {
    let shown = |mut rel: Rel| {
        merge_projections(&mut rel);
        let plain = walk::rel_children_mut(&mut rel, &mut |expr| {
            plain(expr);
            Ok(())
        });
        plain.is_ok().then(|| numbered(&format!("{rel:?}")))
    };
    let (one, other) = (shown(one), shown(other));
    one.is_some() && one == other
}

/// The negation of a comparison.
fn negated(proc: Oid) -> Option<Oid> {
    let negator = all_operators().find(|operator| operator.proc == proc)?.negator;
    all_operators().find(|operator| operator.oid == negator).map(|operator| operator.proc)
}

fn plain(expr: &mut Expr) {
    let changed = walk::rewrite(expr, &mut |node| {
        without_forms(node);
        as_comparisons(node);
        if let Expr::Not(inner) = node
            && turned(inner)
        {
            *node = std::mem::replace(inner.as_mut(), nothing());
        }
        match node {
            Expr::And(args) => spliced(args, &|arg| match arg {
                Expr::And(inner) => Some(inner),
                _ => None,
            }),
            Expr::Or(args) => spliced(args, &|arg| match arg {
                Expr::Or(inner) => Some(inner),
                _ => None,
            }),
            Expr::Case { otherwise, .. } => {
                otherwise.take_if(|value| matches!(value.as_ref(), Expr::Const(Datum::Null, _)));
            }
            Expr::Subquery(subquery) => merge_projections(&mut subquery.rel),
            Expr::Const(datum, ty) if ty.oid == oid::NUMERIC && !datum.is_null() => {
                let mut text = String::new();
                types::text::format_text(ty, datum, &IoSettings::default(), &mut text)?;
                *datum = Datum::Text(text);
            }
            _ => {}
        }
        Ok(false)
    });
    debug_assert!(changed.is_ok(), "a numeric has a text");
}

fn nothing() -> Expr {
    Expr::And(Vec::new())
}

fn without_forms(node: &mut Expr) {
    while let Expr::Cast { how: CastHow::NumericForm, arg, ty: _ } = node {
        *node = std::mem::replace(arg.as_mut(), nothing());
    }
}

/// Puts what AND or OR has within its own kind beside the rest.
fn spliced(args: &mut Vec<Expr>, inner: &dyn Fn(Expr) -> Option<Vec<Expr>>) {
    let mut flat = Vec::with_capacity(args.len());
    for mut arg in args.drain(..) {
        without_forms(&mut arg);
        as_comparisons(&mut arg);
        match inner(arg.clone()) {
            Some(mut own) => {
                spliced(&mut own, inner);
                flat.extend(own);
            }
            None => flat.push(arg),
        }
    }
    *args = flat;
}

/// What stands behind NOT becomes its own negation, where PostgreSQL shows that as NOT.
fn turned(inner: &mut Expr) -> bool {
    without_forms(inner);
    match inner {
        Expr::IsDistinct { equal: _, left: _, right: _, negated } if !*negated => *negated = true,
        Expr::Subquery(subquery) => match &mut subquery.kind {
            SubqueryKind::Quantified { proc, all, arg: _ } if !*all => match negated(*proc) {
                Some(other) => (*proc, *all) = (other, true),
                None => return false,
            },
            SubqueryKind::Row {
                quantifier: quantifier @ Quantifier::Any,
                args: _,
                test: Expr::And(pairs),
            } => {
                let turned: Option<Vec<Expr>> = pairs.iter().map(turned_call).collect();
                let Some(turned) = turned else { return false };
                *quantifier = Quantifier::All;
                if let SubqueryKind::Row { test, .. } = &mut subquery.kind {
                    *test = Expr::Or(turned);
                }
            }
            _ => return false,
        },
        _ => return false,
    }
    true
}

fn turned_call(call: &Expr) -> Option<Expr> {
    let Expr::Call { proc, args, ty } = call else { return None };
    Some(Expr::Call { proc: negated(*proc)?, args: args.clone(), ty: ty.clone() })
}

/// A comparison with a list, one by one.
fn as_comparisons(node: &mut Expr) {
    as_list(node);
    let ty = node.ty();
    let Expr::InList { equal, arg: _, list: _, negated: is_negated } = node else { return };
    let Some(proc) = (if *is_negated { negated(*equal) } else { Some(*equal) }) else { return };
    let Expr::InList { equal: _, arg, list, negated: is_negated } = std::mem::replace(node, nothing()) else {
        return;
    };
    let compared = |item| Expr::Call { proc, args: vec![(*arg).clone(), item], ty: ty.clone() };
    let mut parts: Vec<Expr> = list.into_iter().map(compared).collect();
    *node = match (parts.len(), is_negated) {
        (1, _) => parts.pop().unwrap_or_else(nothing),
        (_, true) => Expr::And(parts),
        (_, false) => Expr::Or(parts),
    };
}

fn as_list(node: &mut Expr) {
    let Expr::ArrayCompare { proc, all, arg, array } = node else { return };
    let (elements, cast) = match array.as_ref() {
        Expr::Array { elements, ty: _ } => (elements, None),
        Expr::Cast { how: CastHow::Relabel, arg, ty } => match arg.as_ref() {
            Expr::Array { elements, ty: _ } => (elements, ty.element()),
            _ => return,
        },
        _ => return,
    };
    let Some(equal) = (if *all { negated(*proc) } else { Some(*proc) }) else { return };
    let name = all_operators().find(|operator| operator.proc == equal).map(|operator| operator.name);
    if name != Some("=") {
        return;
    }
    let element = |expr: &Expr| match (expr, &cast) {
        (Expr::Const(datum, _), Some(ty)) => Expr::Const(datum.clone(), ty.clone()),
        (other, Some(ty)) => {
            Expr::Cast { how: CastHow::Relabel, arg: Box::new(other.clone()), ty: ty.clone() }
        }
        (other, None) => other.clone(),
    };
    let list = elements.iter().map(element).collect();
    *node = Expr::InList { equal, arg: arg.clone(), list, negated: *all };
}

/// Merges projections that stand upon each other, and drops conditions that always hold.
fn merge_projections(rel: &mut Rel) {
    for input in inputs_mut(rel) {
        merge_projections(input);
    }
    if let Rel::Join { on, .. } = rel {
        on.take_if(|on| matches!(on, Expr::Const(Datum::Bool(true), _)));
    }
    let Rel::Project { input, items } = rel else { return };
    let Rel::Project { input: below, items: inner } = input.as_mut() else { return };
    let mut has_query = false;
    for (expr, _) in items.iter() {
        walk::visit(expr, &mut |e| has_query |= matches!(e, Expr::Subquery(_)));
    }
    if has_query {
        return;
    }
    for (expr, _) in items.iter_mut() {
        let merged = walk::rewrite(expr, &mut |node| {
            let Expr::Column(column) = node else { return Ok(false) };
            let found = inner.iter().find(|(_, col)| *col == column.col);
            if let Some((own, _)) = found {
                *node = own.clone();
            }
            Ok(found.is_some())
        });
        debug_assert!(merged.is_ok(), "putting an expression in place of a column does not fail");
    }
    let below = std::mem::replace(below.as_mut(), Rel::Unit);
    **input = below;
}

/// The relations that a relation reads.
fn inputs_mut(rel: &mut Rel) -> Vec<&mut Rel> {
    match rel {
        Rel::Unit
        | Rel::Empty { .. }
        | Rel::Scan(_)
        | Rel::System(_)
        | Rel::Changes(_)
        | Rel::Values { .. }
        | Rel::Constants { .. }
        | Rel::Function { .. }
        | Rel::CteRef { .. } => Vec::new(),
        Rel::Project { input, .. }
        | Rel::Filter { input, .. }
        | Rel::Aggregate { input, .. }
        | Rel::GroupingSets { input, .. }
        | Rel::ProjectSet { input, .. }
        | Rel::Window { input, .. }
        | Rel::Distinct { input }
        | Rel::Sort { input, .. }
        | Rel::Limit { input, .. } => vec![input],
        Rel::Join { left, right, .. } | Rel::SetOp { left, right, .. } => vec![left, right],
        Rel::Recursive { start, step, .. } => vec![start, step],
        Rel::With { ctes, body } => {
            let mut all: Vec<&mut Rel> = ctes.iter_mut().map(|cte| &mut cte.rel).collect();
            all.push(body);
            all
        }
    }
}

/// A tree's text with columns and queries of WITH by the order in which they are named, and without what only names or
/// stores: aliases, stored forms.
fn numbered(tree: &str) -> String {
    let mut known: HashMap<(&str, &str), usize> = HashMap::new();
    let mut text = String::with_capacity(tree.len());
    let mut rest = tree;
    while let Some(first) = rest.chars().next() {
        let kind = ["ColRef(", "CteId("].into_iter().find(|kind| rest.starts_with(kind));
        if let Some(kind) = kind
            && let Some((number, behind)) = rest.get(kind.len()..).and_then(|rest| rest.split_once(')'))
        {
            let next = known.len();
            let number = known.entry((kind, number)).or_insert(next);
            text.push_str(&format!("{kind}{number})"));
            rest = behind;
        } else if let Some(behind) = rest.strip_prefix("alias: ").or_else(|| rest.strip_prefix("form: ")) {
            rest = behind_value(behind);
        } else if first == '"' {
            let end = string_end(rest);
            text.push_str(rest.get(..end).unwrap_or(rest));
            rest = rest.get(end..).unwrap_or_default();
        } else {
            text.push(first);
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
        }
    }
    text
}

/// Where a string in quotes ends.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (index, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// What stands behind a value of a field.
fn behind_value(text: &str) -> &str {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..)
        && let Some(c) = rest.chars().next()
    {
        match c {
            '"' => {
                at += string_end(rest);
                continue;
            }
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => break,
            _ => {}
        }
        at += c.len_utf8();
    }
    text.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn trees_are_compared_without_numbers_and_names() {
        let one = "Scan { col: ColRef(7), alias: \"a, }\", ty: T { oid: 1, form: Row([F { name: \"x\" }]) }, of: ColRef(9), ColRef(7) }";
        let other =
            "Scan { col: ColRef(1), alias: \"b\", ty: T { oid: 1, form: Text }, of: ColRef(2), ColRef(1) }";
        assert_eq!(numbered(one), numbered(other));
        assert_ne!(numbered(one), numbered(&other.replace("oid: 1", "oid: 2")));
        assert_ne!(numbered("ColRef(1) ColRef(1)"), numbered("ColRef(1) ColRef(2)"));
    }
}
