//! The text of a kept query when a column that it reads gets another name.
//!
//! Invariant: a text that is given means with the new name what the old one meant with the old name; where none does there is
//! none.

use super::same::means_the_same;
use super::{KeptNames, Style, TextNames, Viewed, rename, text_of};
use crate::binder::{BindContext, Binder};
use crate::bound::outline::{BodyOutline, FromItem, FromLeaf, FromSource, Outline, QueryOutline};
use base::id::Oid;

/// A column that gets another name.
#[derive(Clone, Copy, Debug)]
pub struct RenamedColumn<'r> {
    /// The relation that has it.
    pub relation: Oid,
    pub from: &'r str,
    pub to: &'r str,
}

/// What PostgreSQL does: the column is called by its new name, and where that cannot be told from another column the alias of
/// its relation lists the old names.
const WAYS: [fn(&mut FromLeaf, RenamedColumn<'_>); 2] = [
    |leaf, column| {
        let names = leaf.columns.iter_mut().map(|(_, name)| name).filter(|name| *name == column.from);
        names.for_each(|name| column.to.clone_into(name));
    },
    |leaf, _| leaf.listed = true,
];

/// The text to keep for a view. `after` has the new name.
pub fn renamed_text(
    before: &BindContext<'_>,
    after: &BindContext<'_>,
    view: Viewed<'_>,
    column: RenamedColumn<'_>,
    names: &dyn TextNames,
) -> Option<String> {
    let outline = Binder::new(before).outline(view.text, view.unseen).ok()??;
    let meant = Binder::new(before).view_relation(view.text, view.unseen).ok()?;
    WAYS.iter().find_map(|way| {
        let mut outline = outline.clone();
        rename(&mut outline.query, view.columns);
        leaves(&mut outline, &mut |leaf| match leaf.source {
            // Names in a list are the alias's own.
            FromSource::Relation(oid) if oid == column.relation && !leaf.listed => way(leaf, column),
            _ => {}
        });
        let style = Style { sparing: true, line: None };
        let text = text_of(after, &outline, style, &KeptNames { names, catalog: after.catalog }, true)?;
        let means = Binder::new(after).view_relation(&text, view.unseen).ok()?;
        means_the_same(meant.clone(), means).then_some(text)
    })
}

fn leaves(outline: &mut Outline, each: &mut dyn FnMut(&mut FromLeaf)) {
    of_query(&mut outline.query, each);
    outline.subqueries.iter_mut().for_each(|query| of_query(query, each));
}

fn of_query(query: &mut QueryOutline, each: &mut dyn FnMut(&mut FromLeaf)) {
    query.with.iter_mut().for_each(|cte| of_query(&mut cte.query, each));
    match &mut query.body {
        BodyOutline::Select(select) => select.from.iter_mut().for_each(|item| of_item(item, each)),
        BodyOutline::Values { rows: _ } => {}
        BodyOutline::SetOp { op: _, all: _, left, right } => {
            of_query(left, each);
            of_query(right, each);
        }
    }
}

fn of_item(item: &mut FromItem, each: &mut dyn FnMut(&mut FromLeaf)) {
    match item {
        FromItem::Leaf(leaf) => match &mut leaf.source {
            FromSource::Query(query) => of_query(query, each),
            FromSource::Relation(_) | FromSource::Cte(_) | FromSource::Functions { .. } => each(leaf),
        },
        FromItem::Join(join) => {
            of_item(&mut join.left, each);
            of_item(&mut join.right, each);
        }
    }
}
