//! Which calls of a simulated file system fail, and how many there were.
//!
//! Invariant: the same calls in the same order give the same failures.

use std::collections::BTreeMap;

/// The calls of the seam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallKind {
    Create,
    Open,
    Exists,
    Rename,
    Remove,
    CreateDirectory,
    SyncDirectory,
    List,
    Lock,
    Len,
    Read,
    Write,
    Preallocate,
    Truncate,
    SyncData,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// EIO.
    Io,
    /// ENOSPC.
    NoSpace,
    /// The machine stops at this call: it and every later one fail until the power cut or the kill.
    Halt,
}

#[derive(Clone, Debug)]
struct Planned {
    /// `None`: calls of all kinds count.
    kind: Option<CallKind>,
    /// Calls until it strikes; 1 is the next.
    left: u64,
    fault: Fault,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    planned: Vec<Planned>,
    halted: bool,
    counts: BTreeMap<CallKind, u64>,
}

impl Faults {
    pub(super) fn plan(&mut self, n: u64, kind: Option<CallKind>, fault: Fault) {
        self.planned.push(Planned { kind, left: n, fault });
    }

    pub(super) fn clear(&mut self) {
        self.planned.clear();
        self.halted = false;
    }

    pub(super) fn count(&self, kind: Option<CallKind>) -> u64 {
        match kind {
            Some(kind) => self.counts.get(&kind).copied().unwrap_or(0),
            None => self.counts.values().sum(),
        }
    }

    /// Counts a call and says whether it fails.
    pub(super) fn strike(&mut self, kind: CallKind) -> Option<Fault> {
        if self.halted {
            return Some(Fault::Halt);
        }
        *self.counts.entry(kind).or_default() += 1;
        let mut struck = None;
        self.planned.retain_mut(|planned| {
            if planned.kind.is_some_and(|k| k != kind) {
                return true;
            }
            planned.left = planned.left.saturating_sub(1);
            if planned.left == 0 {
                struck = Some(planned.fault);
            }
            planned.left > 0
        });
        self.halted = struck == Some(Fault::Halt);
        struck
    }
}
