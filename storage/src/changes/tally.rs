//! What each commit of a window did, as far as the lives of versions tell it without their keys.
//!
//! Must not know values or keys. A version says whether it took the place of another; when a commit ended as many versions
//! as say so of those it began, each death is one of these, and none a delete. So updates are told from inserts without
//! looking at what ended.

use super::window::{Life, Which, Window};
use crate::format::Origin;
use crate::view::View;
use base::Result;
use base::id::CommitTs;
use base::plant::{Flaw, planted};
use std::collections::HashMap;

/// How the changes of a commit are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing ended: what began are inserts.
    Inserts,
    /// Nothing began: what ended are deletes.
    Deletes,
    /// What began says whether it is an insert or an update, and nothing else happened.
    ByOrigin,
    /// Begins and ends have to be paired by their keys.
    ByKey,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    begun: u64,
    /// Of these, those that took the place of a version.
    replacing: u64,
    /// Of these, those that do not say.
    unknown: u64,
    ended: u64,
}

/// Counts of all commits in the window.
#[derive(Debug)]
pub(super) struct Tally {
    counts: HashMap<CommitTs, Count>,
    old_images: bool,
}

impl Tally {
    pub(super) fn of(window: &Window<'_>, view: &View) -> Result<Self> {
        let mut tally = Self { counts: HashMap::new(), old_images: window.spec.old_images };
        let (memtables, references) = window.parts(view);
        for chunk in memtables.iter().flat_map(|m| m.chunks()) {
            chunk.versions().for_each(|version| tally.count(window, &Life::from(version)));
        }
        for reference in references {
            let lives = reference.lives()?;
            if window.may_begin(&reference, &lives) || window.may_have_ended(&lives) {
                window.read(&reference, &[], Which::Lived, |rows| {
                    rows.lives.iter().for_each(|life| tally.count(window, life));
                    Ok(())
                })?;
            }
            if !lives.history {
                window.deaths(&reference).into_iter().for_each(|(ts, _)| tally.at(ts).ended += 1);
            }
        }
        Ok(tally)
    }

    fn at(&mut self, ts: CommitTs) -> &mut Count {
        self.counts.entry(ts).or_default()
    }

    fn count(&mut self, window: &Window<'_>, life: &Life) {
        if life.begin >= life.end {
            return;
        }
        if window.has(life.begin) {
            let count = self.at(life.begin);
            count.begun += 1;
            match life.origin {
                Origin::Unknown => count.unknown += 1,
                Origin::Replacing => count.replacing += 1,
                Origin::New => {}
            }
        }
        if window.has(life.end) {
            self.at(life.end).ended += 1;
        }
    }

    pub(super) fn told(&self, ts: CommitTs) -> Told {
        self.counts.get(&ts).map_or(Told::ByKey, |count| self.told_by(count))
    }

    fn told_by(&self, count: &Count) -> Told {
        match count {
            Count { ended: 0, .. } => Told::Inserts,
            Count { begun: 0, .. } => Told::Deletes,
            // The rows as they were have to be found for the rows as they are.
            _ if self.old_images => Told::ByKey,
            Count { unknown: 0, replacing, ended, .. }
                if replacing == ended || planted(Flaw::TrustOrigins) =>
            {
                Told::ByOrigin
            }
            _ => Told::ByKey,
        }
    }

    /// Whether keys are needed of some commit.
    pub(super) fn needs_keys(&self) -> bool {
        self.counts.values().any(|count| self.told_by(count) == Told::ByKey)
    }

    /// Whether something is needed of versions that ended.
    pub(super) fn needs_ends(&self) -> bool {
        self.counts.values().any(|count| matches!(self.told_by(count), Told::ByKey | Told::Deletes))
    }
}
