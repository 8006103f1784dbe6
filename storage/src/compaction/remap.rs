//! Where the rows of a compaction's inputs are in its outputs. Lives until the swap.
//!
//! Must not know what rows hold. One byte per row says which input it came from; as inputs are read in order of their
//! ordinals, the n-th survivor of an input is the n-th row with its byte.

use roaring::RoaringBitmap;
use std::sync::Arc;

/// Rows between two marks.
const MARK_ROWS: usize = 4_096;

#[derive(Debug)]
pub(crate) struct Remap {
    /// Ordinals of each input that were taken over.
    survivors: Vec<Arc<RoaringBitmap>>,
    /// Input of each row of the outputs, one output after the other.
    sources: Vec<u8>,
    /// Per mark, how many rows of each input stand before it.
    marks: Vec<Vec<u32>>,
    /// Rows of each output but the last.
    rows_max: usize,
}

impl Remap {
    pub(crate) fn new(survivors: Vec<Arc<RoaringBitmap>>, sources: Vec<u8>, rows_max: usize) -> Self {
        let mut counts = vec![0_u32; survivors.len()];
        let mut marks = Vec::with_capacity(sources.len() / MARK_ROWS + 1);
        for block in sources.chunks(MARK_ROWS) {
            marks.push(counts.clone());
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
        let before = |mark: &Vec<u32>| mark.get(input).is_some_and(|count| *count <= rank);
        let mark = self.marks.partition_point(before).checked_sub(1)?;
        let mut left = rank - self.marks.get(mark)?.get(input)?;
        let source = u8::try_from(input).ok()?;
        let start = mark * MARK_ROWS;
        for (offset, found) in self.sources.get(start..)?.iter().enumerate() {
            if *found == source {
                if left == 0 {
                    let row = start + offset;
                    return Some((row / self.rows_max, u32::try_from(row % self.rows_max).ok()?));
                }
                left -= 1;
            }
        }
        None
    }
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
