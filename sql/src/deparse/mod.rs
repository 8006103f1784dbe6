//! The text of a view from what it means, as PostgreSQL shows it.
//!
//! Must not know the binder but for the outline of a query. Invariant: a text that is shown has been bound again, to the same
//! tree; where that is not so, or the outline does not tell enough, there is none.

mod calls;
mod casts;
mod constants;
mod expressions;
mod from;
mod layout;
mod queries;
mod renamed;
mod same;
mod simple;
mod windows;

pub use renamed::{RenamedColumn, renamed_text};

use crate::binder::{BindContext, Binder};
use crate::bound::outline::{BodyOutline, Outline, QueryOutline};
use base::id::{ColumnId, Oid};
use catalog::CatalogState;
use catalog::builtin::{KeywordClass, keyword};
use types::sql_type::array_element;
use types::user_type;

/// How a text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Parentheses only where they are needed.
    pub sparing: bool,
    /// The characters of a line; None: lists are not broken. With 0 each of their items has its line.
    pub line: Option<usize>,
}

/// Names of the catalog's objects as a text has them.
pub trait TextNames: std::fmt::Debug {
    /// A relation, with its schema where it is not visible; None when there is none.
    fn relation(&self, relation: Oid) -> Option<String>;
    /// A function that a user made, likewise.
    fn function(&self, function: Oid) -> Option<String>;
    /// A type with its modifier.
    fn type_name(&self, ty: Oid, typmod: i32) -> String;
}

/// A view whose text is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Viewed<'v> {
    /// Its query as it is kept.
    pub text: &'v str,
    pub unseen: &'v [(Oid, ColumnId)],
    /// The names of its columns.
    pub columns: &'v [String],
}

/// The text of a view's query, without a semicolon; None when it cannot be told from what the query means.
pub fn view_text(
    context: &BindContext<'_>,
    view: Viewed<'_>,
    style: Style,
    names: &dyn TextNames,
) -> Option<String> {
    let mut outline = Binder::new(context).outline(view.text, view.unseen).ok()??;
    if !rename(&mut outline.query, view.columns) {
        return None;
    }
    let again = text_of(context, &outline, style, &KeptNames { names, catalog: context.catalog }, true)?;
    let before = Binder::new(context).view_relation(view.text, view.unseen).ok()?;
    let after = Binder::new(context).view_relation(&again, view.unseen).ok()?;
    let same = same::means_the_same(before, after);
    same.then(|| text_of(context, &outline, style, names, false)).flatten()
}

fn text_of(
    context: &BindContext<'_>,
    outline: &Outline,
    style: Style,
    names: &dyn TextNames,
    kept: bool,
) -> Option<String> {
    let mut text = layout::Writer::new(context, outline, style, names, kept);
    text.query(&outline.query, true).ok()?;
    Some(text.finish())
}

/// Gives the result columns the names that the view has for them.
fn rename(query: &mut QueryOutline, columns: &[String]) -> bool {
    match &mut query.body {
        BodyOutline::Select(select) => {
            for (target, name) in select.targets.iter_mut().zip(columns) {
                target.1.clone_from(name);
            }
            select.targets.len() == columns.len()
        }
        // A list of rows has no place for names.
        BodyOutline::Values { .. } => {
            columns.iter().enumerate().all(|(index, name)| *name == format!("column{}", index + 1))
        }
        BodyOutline::SetOp { op: _, all: _, left, right } => rename(left, columns) && rename(right, columns),
    }
}

/// Names as kept queries have them: relations and the users' types by their OIDs.
#[derive(Debug)]
struct KeptNames<'n> {
    names: &'n dyn TextNames,
    catalog: &'n CatalogState,
}

impl TextNames for KeptNames<'_> {
    fn relation(&self, relation: Oid) -> Option<String> {
        match catalog::builtin::system_relation_by_oid(relation) {
            Some(system) => Some(format!("{}.{}", system.schema, quoted(system.name))),
            None => Some(catalog::relation_name(relation)),
        }
    }

    fn function(&self, function: Oid) -> Option<String> {
        let def = self.catalog.function(function)?;
        Some(catalog::function_name(function, &def.name))
    }

    fn type_name(&self, ty: Oid, typmod: i32) -> String {
        match array_element(ty) {
            _ if ty < user_type::FIRST => self.names.type_name(ty, typmod),
            Some(element) if user_type::is_array(ty) => format!("{}[]", catalog::relation_name(element)),
            _ => catalog::relation_name(ty),
        }
    }
}

/// A name, in quotes where it would be read as something else.
fn quoted(name: &str) -> String {
    let plain = name.bytes().enumerate().all(|(index, byte)| {
        byte == b'_' || byte.is_ascii_lowercase() || (index > 0 && byte.is_ascii_digit())
    });
    let reserved = || keyword(name).is_some_and(|k| k.class != KeywordClass::Unreserved);
    match plain && !name.is_empty() && !reserved() {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}
