//! The state of one query level while its expressions are bound: clause, aggregates, window and set-returning calls.
//!
//! Invariant: such a call is in its level once, under the column that stands for it.

use super::set_call::LeveledSet;
use super::{Binder, Clause, Term};
use crate::bound::outline::FromItem;
use crate::bound::{AggregateCall, ColRef, WindowCall};
use base::Result;
use sqlparser::ast;

#[derive(Debug)]
pub(super) struct Level {
    pub(super) clause: Clause,
    pub(super) aggregates: Vec<(AggregateCall, ColRef)>,
    pub(super) calls: Vec<(WindowCall, ColRef)>,
    /// Set-returning calls, those in the arguments of others before them.
    pub(super) sets: Vec<LeveledSet>,
    /// Whether fields of records are used outside of the query.
    pub(super) keeps_records: bool,
    /// Its FROM names a recursive query that is being bound.
    pub(super) is_step: bool,
    /// Position of the first aggregate.
    pub(super) aggregate_at: Option<usize>,
    /// The columns of its FROM.
    pub(super) columns: Vec<ColRef>,
    /// Its FROM, when outlines are kept.
    pub(super) from: Vec<FromItem>,
    /// Positions of all uses of set-returning functions.
    pub(super) set_uses: Vec<usize>,
    /// Arguments of GROUPING.
    pub(super) groupings: Vec<(Vec<Term>, ColRef)>,
    /// WINDOW definitions by name.
    pub(super) windows: Vec<(String, ast::WindowSpec)>,
    /// Position of the aggregate whose arguments are being bound.
    pub(super) in_aggregate: bool,
    pub(super) in_window: bool,
    /// Columns used outside aggregates by the expression that is being bound, with positions.
    pub(super) uses: Vec<(ColRef, usize)>,
}

impl Level {
    pub(super) fn new(clause: Clause) -> Self {
        Self {
            clause,
            aggregates: Vec::new(),
            calls: Vec::new(),
            sets: Vec::new(),
            keeps_records: false,
            is_step: false,
            aggregate_at: None,
            columns: Vec::new(),
            from: Vec::new(),
            set_uses: Vec::new(),
            groupings: Vec::new(),
            windows: Vec::new(),
            in_aggregate: false,
            in_window: false,
            uses: Vec::new(),
        }
    }
}

impl Binder<'_> {
    /// Runs `body` with a new level and gives the level back.
    pub(super) fn with_level<T>(
        &mut self,
        clause: Clause,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<(T, Level)> {
        self.levels.push(Level::new(clause));
        let result = body(self);
        let level = self.levels.pop().unwrap_or_else(|| Level::new(clause));
        result.map(|value| (value, level))
    }

    pub(super) fn level(&mut self) -> &mut Level {
        if self.levels.is_empty() {
            self.levels.push(Level::new(Clause::Select));
        }
        let last = self.levels.len() - 1;
        self.levels.get_mut(last).expect("a level was pushed when there was none")
    }

    /// Runs `body` in another clause of the same level.
    pub(super) fn in_clause<T>(
        &mut self,
        clause: Clause,
        body: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let before = std::mem::replace(&mut self.level().clause, clause);
        let result = body(self);
        self.level().clause = before;
        result
    }

    pub(super) fn note_use(&mut self, col: ColRef, at: usize) {
        let level = self.level();
        if !level.in_aggregate {
            level.uses.push((col, at));
        }
    }

    pub(super) fn take_uses(&mut self) -> Vec<(ColRef, usize)> {
        std::mem::take(&mut self.level().uses)
    }
}
