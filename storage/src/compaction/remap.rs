//! Where the rows of a compaction's inputs are in its outputs. Lives until the swap.
//!
//! Must not know what rows hold. One byte per row says which input it came from; as inputs are read in order of their
//! ordinals, the n-th survivor of an input is the n-th row with its byte.

use roaring::RoaringBitmap;
use std::sync::Arc;

/// Rows between two marks: what a place costs to find, against four bytes of each input per mark.
const MARK_ROWS: usize = 512;

/// Rows counted at once between two marks.
const COUNT_ROWS: usize = 32;

#[derive(Debug)]
pub(crate) struct Remap {
    /// Ordinals of each input that were taken over.
    survivors: Vec<Arc<RoaringBitmap>>,
    /// Input of each row of the outputs, one output after the other.
    sources: Vec<u8>,
    /// For each input, how many of its rows stand before each mark.
    marks: Vec<Vec<u32>>,
    /// Rows of each output but the last.
    rows_max: usize,
}

impl Remap {
    pub(crate) fn new(survivors: Vec<Arc<RoaringBitmap>>, sources: Vec<u8>, rows_max: usize) -> Self {
        let mut counts = vec![0_u32; survivors.len()];
        let mut marks = vec![Vec::with_capacity(sources.len() / MARK_ROWS + 1); survivors.len()];
        for block in sources.chunks(MARK_ROWS) {
            for (marks, count) in marks.iter_mut().zip(&counts) {
                marks.push(*count);
            }
            for source in block {
                if let Some(count) = counts.get_mut(usize::from(*source)) {
                    *count += 1;
                }
            }
        }
        Self { survivors, sources, marks, rows_max: rows_max.max(1) }
    }

    /// Output and ordinal there of a row of an input; None when it was not taken over.
    pub(crate) fn place(&self, input: usize, ordinal: u32) -> Option<(usize, u32)> {
        let survivors = self.survivors.get(input)?;
        if !survivors.contains(ordinal) {
            return None;
        }
        // How many survivors stand before it.
        let rank = u32::try_from(survivors.rank(ordinal).checked_sub(1)?).ok()?;
        let marks = self.marks.get(input)?;
        let mark = marks.partition_point(|before| *before <= rank).checked_sub(1)?;
        let left = usize::try_from(rank - marks.get(mark)?).ok()?;
        let start = mark * MARK_ROWS;
        let row = start + nth(self.sources.get(start..)?, u8::try_from(input).ok()?, left)?;
        Some((row / self.rows_max, u32::try_from(row % self.rows_max).ok()?))
    }
}

/// Where `wanted` stands with `before` others of it in front.
fn nth(sources: &[u8], wanted: u8, mut before: usize) -> Option<usize> {
    for (chunk, rows) in sources.chunks(COUNT_ROWS).enumerate() {
        let count = rows.iter().filter(|source| **source == wanted).count();
        if before < count {
            let mut found = rows.iter().enumerate().filter(|(_, source)| **source == wanted);
            return found.nth(before).map(|(offset, _)| chunk * COUNT_ROWS + offset);
        }
        before -= count;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::Remap;
    use base::random::Random;
    use roaring::RoaringBitmap;
    use std::sync::Arc;

    #[test]
    fn every_survivor_has_its_place() {
        let random = Random::from_seed(3);
        let inputs: u8 = 3;
        let survivors: Vec<RoaringBitmap> =
            (0..inputs).map(|_| (0..9_000_u32).filter(|_| random.below(3) > 0).collect()).collect();
        let mut left: Vec<Vec<u32>> = survivors.iter().map(|s| s.iter().rev().collect()).collect();
        let mut sources = Vec::new();
        let mut expected = Vec::new();
        while left.iter().any(|l| !l.is_empty()) {
            let input = random.below(u64::from(inputs)) as usize;
            if let Some(ordinal) = left[input].pop() {
                expected.push((input, ordinal, sources.len()));
                sources.push(input as u8);
            }
        }
        let remap = Remap::new(survivors.iter().cloned().map(Arc::new).collect(), sources, 1_000);
        for (input, ordinal, row) in expected {
            assert_eq!(remap.place(input, ordinal), Some((row / 1_000, (row % 1_000) as u32)));
        }
        for (input, survivors) in survivors.iter().enumerate() {
            let gone = (0..9_000).find(|o| !survivors.contains(*o)).unwrap();
            assert_eq!(remap.place(input, gone), None);
        }
        assert_eq!(remap.place(3, 0), None);
    }
}
