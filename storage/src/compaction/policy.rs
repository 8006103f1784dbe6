//! Which segments of a tablet to rewrite together.
//!
//! A pure function of what is known of each reference; must not know how it is done.
//! Live segments: one is rewritten when more than a quarter of its rows are dead, together with the others of its size;
//! `FAN_IN` of about one size are merged into the next size, up to `segment_rows_max`. So every row is rewritten a
//! logarithmic number of times, and a key is looked for in few segments.
//! Segments of the past: `FAN_IN` of about one size are merged; one of which more than half has expired is rewritten.

use super::INPUTS_MAX;
use crate::tablet::TabletState;
use base::Result;
use base::id::{CommitTs, ReferenceId};
use std::collections::BTreeMap;

/// Segments of one size that are merged.
const FAN_IN: usize = 8;
/// Each size is so many times the one before.
const SIZE_STEP: u64 = 4;
/// Segments with fewer rows count as one size.
const SMALL_ROWS: u64 = 4_096;
/// Dead rows of a segment, in hundredths, above which it is rewritten.
const DEAD_PERCENT: u64 = 25;

/// What the policy knows of a reference.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) id: ReferenceId,
    pub(crate) history: bool,
    pub(crate) rows: u64,
    pub(crate) dead: u64,
    /// Whether most of its rows have expired; for segments of the past.
    pub(crate) stale: bool,
}

impl Candidate {
    /// The attached references of a tablet. Rows that ended at `unneeded` or before have expired.
    pub(crate) fn of(tablet: &TabletState, unneeded: CommitTs) -> Result<Vec<Self>> {
        let mut candidates = Vec::new();
        for reference in tablet.references() {
            let meta = reference.meta();
            if meta.detach_ts != CommitTs::MAX {
                continue;
            }
            let lives = reference.lives()?;
            let middle = lives.end_min.0 / 2 + lives.end_max.0 / 2;
            candidates.push(Self {
                id: meta.id,
                history: lives.history,
                rows: u64::from(meta.rows),
                dead: reference.dead_rows(),
                stale: lives.history && middle <= unneeded.0,
            });
        }
        Ok(candidates)
    }

    fn live_rows(&self) -> u64 {
        self.rows.saturating_sub(self.dead)
    }

    fn is_mostly_dead(&self) -> bool {
        !self.history && self.dead.saturating_mul(100) > self.rows.saturating_mul(DEAD_PERCENT)
    }

    /// Size class by rows that live.
    fn size(&self) -> u32 {
        (self.live_rows() / SMALL_ROWS + 1).ilog(SIZE_STEP)
    }
}

/// Groups of references to rewrite, each into new segments.
pub(crate) fn choose(candidates: &[Candidate], segment_rows_max: usize) -> Vec<Vec<ReferenceId>> {
    let full = u64::try_from(segment_rows_max).unwrap_or(u64::MAX) / 2;
    let mut groups = Vec::new();
    for history in [false, true] {
        let mut sizes: BTreeMap<u32, Vec<&Candidate>> = BTreeMap::new();
        for candidate in candidates.iter().filter(|c| c.history == history) {
            if candidate.live_rows() > full {
                // Nothing to gain but the place of its dead rows.
                if candidate.is_mostly_dead() || candidate.stale {
                    groups.push(vec![candidate.id]);
                }
                continue;
            }
            sizes.entry(candidate.size()).or_default().push(candidate);
        }
        for of_size in sizes.into_values() {
            let rewrite = of_size.iter().any(|c| c.is_mostly_dead() || c.stale);
            if rewrite || of_size.len() >= FAN_IN {
                groups.extend(of_size.chunks(INPUTS_MAX).map(|group| group.iter().map(|c| c.id).collect()));
            }
        }
    }
    groups
}

/// How much there is to gain; 0 when nothing is to be done.
pub(crate) fn urgency(candidates: &[Candidate], segment_rows_max: usize) -> usize {
    choose(candidates, segment_rows_max).iter().map(Vec::len).sum()
}

/// Everything: live segments together, those of the past together, unless there is one that is as it should be.
pub(crate) fn all(candidates: &[Candidate]) -> Vec<Vec<ReferenceId>> {
    let mut groups = Vec::new();
    for history in [false, true] {
        let of_kind: Vec<&Candidate> = candidates.iter().filter(|c| c.history == history).collect();
        let clean = of_kind.iter().all(|c| (c.history || c.dead == 0) && !c.stale);
        if of_kind.is_empty() || (of_kind.len() == 1 && clean) {
            continue;
        }
        groups.extend(of_kind.chunks(INPUTS_MAX).map(|group| group.iter().map(|c| c.id).collect()));
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::{Candidate, all, choose};
    use base::id::ReferenceId;

    fn live(id: u64, rows: u64, dead: u64) -> Candidate {
        Candidate { id: ReferenceId(id), history: false, rows, dead, stale: false }
    }

    fn past(id: u64, rows: u64, stale: bool) -> Candidate {
        Candidate { id: ReferenceId(id), history: true, rows, dead: 0, stale }
    }

    fn chosen(candidates: &[Candidate]) -> Vec<Vec<u64>> {
        choose(candidates, 1_000_000).into_iter().map(|g| g.into_iter().map(|id| id.0).collect()).collect()
    }

    #[test]
    fn few_and_full_segments_stay() {
        let seven: Vec<_> = (0..7).map(|id| live(id, 10_000, 100)).collect();
        assert!(chosen(&seven).is_empty());
        let full: Vec<_> = (0..20).map(|id| live(id, 900_000, 100_000)).collect();
        assert!(chosen(&full).is_empty());
        assert!(chosen(&[past(1, 900_000, false)]).is_empty());
    }

    #[test]
    fn eight_of_a_size_are_merged_and_no_others_with_them() {
        let mut candidates: Vec<_> = (0..8).map(|id| live(id, 10_000 + id, 0)).collect();
        candidates.push(live(8, 200_000, 0));
        candidates.extend((9..17).map(|id| past(id, 100, false)));
        assert_eq!(chosen(&candidates), [(0..8).collect::<Vec<_>>(), (9..17).collect()]);
    }

    #[test]
    fn dead_rows_make_a_segment_due() {
        assert_eq!(chosen(&[live(1, 900_000, 300_000), live(2, 900_000, 1)]), [[1]]);
        assert_eq!(chosen(&[live(1, 100_000, 30_000), live(2, 90_000, 1), live(3, 10, 0)]), [[1, 2]]);
        assert_eq!(chosen(&[past(1, 100, true), past(2, 900_000, true)]), [vec![2], vec![1]]);
    }

    #[test]
    fn everything_but_what_is_clean() {
        assert!(all(&[live(1, 10, 0)]).is_empty());
        assert_eq!(all(&[live(1, 10, 1)]), [[ReferenceId(1)]]);
        let ids = [ReferenceId(1), ReferenceId(2)];
        assert_eq!(all(&[live(1, 10, 0), live(2, 10, 0), past(3, 5, false)]), [ids]);
    }
}
