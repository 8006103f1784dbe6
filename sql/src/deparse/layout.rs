//! The text while it is written: lines, indentation, and what columns are called in it.
//!
//! Invariant: names of relations are unique among those of a query and of the queries around it.

use super::{Style, TextNames, quoted};
use crate::binder::BindContext;
use crate::bound::ColRef;
use crate::bound::outline::{CallOutline, FromItem, FromSource, Outline};
use std::collections::HashMap;

/// A clause's column, and one of a line that is continued.
pub(super) const STEP: i32 = 8;
pub(super) const PART: i32 = 4;
/// Beyond that, indentation grows slowly.
const DEEP: i32 = 40;

/// What the outline does not tell.
#[derive(Debug)]
pub(super) struct Untold;

pub(super) type Told<T = ()> = std::result::Result<T, Untold>;

/// What a column is called.
#[derive(Clone, Debug)]
pub(super) enum Named {
    /// A column of a relation, which is called so.
    Column {
        relation: usize,
        name: String,
    },
    /// One of a join.
    Merged(String),
    Other(ColRef),
    Call(CallOutline),
}

/// A relation of FROM.
#[derive(Clone, Debug)]
pub(super) struct Relation {
    pub(super) shown: String,
    /// Its rows have a type of that name.
    pub(super) row_type: Option<String>,
}

pub(super) struct Writer<'w> {
    pub(super) context: &'w BindContext<'w>,
    pub(super) outline: &'w Outline,
    pub(super) style: Style,
    pub(super) names: &'w dyn TextNames,
    /// The text is one to be bound: relations have names that nobody gave them.
    pub(super) kept: bool,
    pub(super) text: String,
    pub(super) indent: i32,
    pub(super) columns: HashMap<ColRef, Named>,
    pub(super) relations: Vec<Relation>,
    /// What columns of a join with a name are called within it, by the place of its name in `relations`.
    pub(super) within: HashMap<usize, Vec<(ColRef, Named)>>,
    /// Names that are taken, with those of the queries around.
    taken: Vec<String>,
}

impl<'w> Writer<'w> {
    pub(super) fn new(
        context: &'w BindContext<'w>,
        outline: &'w Outline,
        style: Style,
        names: &'w dyn TextNames,
        kept: bool,
    ) -> Self {
        Self {
            context,
            outline,
            style,
            names,
            kept,
            text: String::new(),
            indent: 0,
            columns: HashMap::new(),
            relations: Vec::new(),
            within: HashMap::new(),
            taken: Vec::new(),
        }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn put(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Opens a parenthesis that a sparing text does without.
    pub(super) fn open(&mut self) {
        if !self.style.sparing {
            self.put("(");
        }
    }

    pub(super) fn close(&mut self) {
        if !self.style.sparing {
            self.put(")");
        }
    }

    /// A word on a new line: the indentation changes by `before`, the line has `more`, and it changes by `after`.
    pub(super) fn word(&mut self, word: &str, before: i32, after: i32, more: i32) {
        self.indent += before;
        self.trim();
        self.text.push('\n');
        let level = self.indent.max(0);
        let spaces = match self.indent < DEEP {
            true => level + more,
            false => (DEEP + (level - DEEP) / PART) % DEEP + more,
        };
        self.text.extend(std::iter::repeat_n(' ', usize::try_from(spaces).unwrap_or(0)));
        self.put(word);
        self.indent = (self.indent + after).max(0);
    }

    pub(super) fn trim(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
    }

    /// Characters of the line that is written.
    fn line(&self) -> usize {
        self.text.rsplit('\n').next().map_or(0, str::len)
    }

    /// What `write` writes, by itself.
    pub(super) fn aside(&mut self, write: impl FnOnce(&mut Self) -> Told) -> Told<String> {
        let before = std::mem::take(&mut self.text);
        let done = write(self);
        let own = std::mem::replace(&mut self.text, before);
        done.map(|()| own)
    }

    /// An item of a list, on a new line where it does not fit into this one, or `must`.
    pub(super) fn item(&mut self, item: &str, is_first: bool, must: bool) {
        if let Some(line) = self.style.line {
            if item.starts_with('\n') {
                self.trim();
            } else if !is_first && (must || self.line() + item.len() > line) {
                self.word("", -STEP, STEP, PART);
            }
        }
        self.put(item);
    }

    /// Names the relations of a FROM; gives back what is to be freed at its end.
    pub(super) fn enter(&mut self, from: &[FromItem]) -> usize {
        let before = self.taken.len();
        for item in from {
            self.enter_item(item);
        }
        before
    }

    pub(super) fn leave(&mut self, before: usize) {
        self.taken.truncate(before);
    }

    fn enter_item(&mut self, item: &FromItem) {
        match item {
            FromItem::Leaf(leaf) => {
                let wanted = leaf.alias.as_deref().unwrap_or(&leaf.name);
                let shown = self.unique(wanted);
                let row_type = match &leaf.source {
                    FromSource::Relation(oid) => self.names.relation(*oid),
                    _ => None,
                };
                let relation = self.relations.len();
                self.relations.push(Relation { shown, row_type });
                for (col, name) in &leaf.columns {
                    self.columns.insert(*col, Named::Column { relation, name: name.clone() });
                }
            }
            FromItem::Join(join) => {
                self.enter_item(&join.left);
                self.enter_item(&join.right);
                for (col, name) in &join.merged {
                    self.columns.insert(*col, Named::Merged(name.clone()));
                }
                for (col, own) in &join.renamed {
                    self.columns.insert(*col, Named::Other(*own));
                }
                if let Some(alias) = &join.alias {
                    let shown = self.unique(&alias.name);
                    let relation = self.relations.len();
                    self.relations.push(Relation { shown, row_type: None });
                    let mut within = Vec::new();
                    for (col, name) in &alias.columns {
                        let named = Named::Column { relation, name: name.clone() };
                        within.extend(self.columns.insert(*col, named).map(|before| (*col, before)));
                    }
                    self.within.insert(relation, within);
                }
            }
        }
    }

    fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 0;
        while !name.is_empty() && self.taken.contains(&name) {
            number += 1;
            name = format!("{wanted}_{number}");
        }
        self.taken.push(name.clone());
        name
    }

    /// What stands for a column.
    pub(super) fn named(&self, col: ColRef) -> Told<&Named> {
        let mut col = col;
        // Joins upon joins rename a column again.
        for _ in 0..self.columns.len().max(1) {
            match self.columns.get(&col).ok_or(Untold)? {
                Named::Other(own) => col = *own,
                named => return Ok(named),
            }
        }
        Err(Untold)
    }

    /// A column behind its relation.
    pub(super) fn column(&self, relation: usize, name: &str) -> Told<String> {
        let relation = self.relations.get(relation).ok_or(Untold)?;
        Ok(match relation.shown.is_empty() {
            true => quoted(name),
            false => format!("{}.{}", quoted(&relation.shown), quoted(name)),
        })
    }
}
