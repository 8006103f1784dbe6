//! A set of dead rows as scans want it: which rows of a range live, as bits.
//!
//! Must not know when rows died. Walking the set takes longer than the rest of reading a dead row, so blocks with many
//! of them are kept as bits once they were asked for; they take at most twice the room of the set.
//! Invariant: kept bits are those of the set; a changed set has none.

use arrow::array::BooleanBufferBuilder;
use arrow::buffer::BooleanBuffer;
use roaring::RoaringBitmap;
use std::ops::{Deref, Range};
use std::sync::OnceLock;

/// Rows of a block.
const BLOCK_ROWS: u64 = 65_536;
/// Dead rows of a block from which its bits are kept.
const KEPT_FROM: u64 = 2_048;
/// Shorter ranges keep nothing: whoever reads one row must not pay for a block.
const KEPT_RANGE: u64 = 8_192;

#[derive(Debug, Default)]
pub(crate) struct DeadRows {
    set: RoaringBitmap,
    /// Per block, which of its rows live.
    blocks: OnceLock<Vec<OnceLock<BooleanBuffer>>>,
}

/// Without the bits: a copy is made to be changed.
impl Clone for DeadRows {
    fn clone(&self) -> Self {
        Self::from(self.set.clone())
    }
}

impl From<RoaringBitmap> for DeadRows {
    fn from(set: RoaringBitmap) -> Self {
        Self { set, blocks: OnceLock::new() }
    }
}

impl FromIterator<u32> for DeadRows {
    fn from_iter<T: IntoIterator<Item = u32>>(rows: T) -> Self {
        Self::from(RoaringBitmap::from_iter(rows))
    }
}

impl PartialEq for DeadRows {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set
    }
}

impl Deref for DeadRows {
    type Target = RoaringBitmap;

    fn deref(&self) -> &RoaringBitmap {
        &self.set
    }
}

impl DeadRows {
    pub(crate) fn set(&self) -> &RoaringBitmap {
        &self.set
    }

    pub(crate) fn extend(&mut self, rows: impl IntoIterator<Item = u32>) {
        self.blocks = OnceLock::new();
        self.set.extend(rows);
    }

    /// Whether each row of a range lives; None when all do. Rows end at 2^32.
    pub(crate) fn living(&self, rows: Range<u64>) -> Option<BooleanBuffer> {
        if self.dead_in(&rows) == 0 {
            return None;
        }
        let mut parts = Vec::new();
        let mut start = rows.start;
        while start < rows.end {
            let end = (start + 1).next_multiple_of(BLOCK_ROWS).min(rows.end);
            parts.push(self.part(start..end));
            start = end;
        }
        if parts.len() == 1 {
            return parts.pop();
        }
        let mut joined = BooleanBufferBuilder::new(0);
        parts.iter().for_each(|part| joined.append_buffer(part));
        Some(joined.finish())
    }

    /// Rows within one block.
    fn part(&self, rows: Range<u64>) -> BooleanBuffer {
        let block = rows.start / BLOCK_ROWS;
        let whole = block * BLOCK_ROWS..(block + 1) * BLOCK_ROWS;
        if rows.end - rows.start < KEPT_RANGE || self.dead_in(&whole) < KEPT_FROM {
            return self.bits(&rows);
        }
        let blocks = self.blocks.get_or_init(|| {
            let last = self.set.max().map_or(0, |row| u64::from(row) / BLOCK_ROWS);
            (0..=last).map(|_| OnceLock::new()).collect()
        });
        match usize::try_from(block).ok().and_then(|block| blocks.get(block)) {
            Some(kept) => kept
                .get_or_init(|| self.bits(&whole))
                .slice(position(rows.start - whole.start), position(rows.end - rows.start)),
            None => self.bits(&rows),
        }
    }

    fn bits(&self, rows: &Range<u64>) -> BooleanBuffer {
        let len = position(rows.end - rows.start);
        if self.dead_in(rows) == rows.end - rows.start {
            return BooleanBuffer::new_unset(len);
        }
        let mut bits = BooleanBufferBuilder::new(len);
        bits.append_n(len, true);
        for row in self.set.range(ordinals(rows)) {
            bits.set_bit(position(u64::from(row) - rows.start), false);
        }
        bits.finish()
    }

    fn dead_in(&self, rows: &Range<u64>) -> u64 {
        if rows.is_empty() { 0 } else { self.set.range_cardinality(ordinals(rows)) }
    }
}

/// Of a range that is not empty; the end is inclusive, as the last ordinal may be the largest there is.
fn ordinals(rows: &Range<u64>) -> std::ops::RangeInclusive<u32> {
    let clipped = |row: u64| u32::try_from(row).unwrap_or(u32::MAX);
    clipped(rows.start)..=clipped(rows.end.saturating_sub(1))
}

fn position(rows: u64) -> usize {
    usize::try_from(rows).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::random::Random;

    /// Sets of all densities, asked for ranges within blocks, over their edges, and of single rows, before and after a
    /// change.
    #[test]
    fn bits_are_those_of_the_set() {
        let random = Random::from_seed(31);
        for one_of in [1, 2, 10, 40, 500] {
            let rows = 3 * BLOCK_ROWS - 1_000;
            let chosen = |row: &u32| one_of == 1 && *row < 100_000 || one_of > 1 && random.below(one_of) == 0;
            let mut dead: DeadRows = (0..u32::try_from(rows).unwrap()).filter(chosen).collect();
            for round in 0..60 {
                let start = random.below(rows);
                let most = [1, 10, 9_000, 70_000, 200_000][usize::try_from(random.below(5)).unwrap()];
                let end = rows.min(start + 1 + random.below(most));
                let expected: Vec<bool> =
                    (start..end).map(|row| !dead.set.contains(u32::try_from(row).unwrap())).collect();
                match dead.living(start..end) {
                    Some(bits) => assert_eq!(bits.iter().collect::<Vec<_>>(), expected, "{start}..{end}"),
                    None => assert!(expected.iter().all(|lives| *lives), "{start}..{end}"),
                }
                if round % 20 == 19 {
                    dead.extend([u32::try_from(start).unwrap()]);
                }
            }
        }
        let last: DeadRows = [u32::MAX].into_iter().collect();
        let end = u64::from(u32::MAX) + 1;
        assert_eq!(last.living(end - 2..end).unwrap().iter().collect::<Vec<_>>(), [true, false]);
        assert!(last.living(5..5).is_none());
    }
}
