//! Which keys a segment surely does not hold: a few bits per key, all bits of one key in one line of the processor's cache.
//!
//! In memory only, made out of a key run when enough keys were looked for in vain. Must not know files or caches.
//! Invariant: a key that was added passes.

use xxhash_rust::xxh3::xxh3_64;

/// Bytes in which all bits of a key lie.
const LINE_BYTES: usize = 64;
/// Bits of the filter per key: about one absent key of a hundred passes.
const BITS_PER_KEY: usize = 12;
/// Bits set for each key.
const PROBES: u32 = 6;

/// Bytes of a filter for so many keys; a whole number of lines, at least one.
fn bytes_for(keys: usize) -> usize {
    keys.saturating_mul(BITS_PER_KEY).div_ceil(8).next_multiple_of(LINE_BYTES).max(LINE_BYTES)
}

/// Collects keys.
#[derive(Debug)]
pub(super) struct FilterBuilder {
    bytes: Vec<u8>,
}

impl FilterBuilder {
    pub(super) fn new(keys: usize) -> Self {
        Self { bytes: vec![0; bytes_for(keys)] }
    }

    pub(super) fn add(&mut self, key: &[u8]) {
        let (line, bits) = place(self.bytes.len(), key);
        if let Some(line) = self.bytes.as_chunks_mut::<LINE_BYTES>().0.get_mut(line) {
            for bit in bits {
                if let Some(byte) = line.get_mut(bit / 8) {
                    *byte |= 1 << (bit % 8);
                }
            }
        }
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// False when the filter's key set surely lacks `key`.
pub(super) fn passes(filter: &[u8], key: &[u8]) -> bool {
    let (line, mut bits) = place(filter.len(), key);
    let Some(line) = filter.as_chunks::<LINE_BYTES>().0.get(line) else { return true };
    bits.all(|bit| line.get(bit / 8).is_none_or(|byte| byte >> (bit % 8) & 1 == 1))
}

/// The line of a key and its bits there.
fn place(filter_bytes: usize, key: &[u8]) -> (usize, impl Iterator<Item = usize>) {
    let hash = xxh3_64(key);
    let lines = (filter_bytes / LINE_BYTES) as u64;
    let line = usize::try_from((hash >> 32).wrapping_mul(lines) >> 32).unwrap_or(0);
    // Nine bits for each probe, out of another mixture of the hash than the line.
    let mixed = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (line, (0..PROBES).map(move |probe| usize::try_from(mixed >> (10 + 9 * probe) & 511).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::{FilterBuilder, passes};

    #[test]
    fn added_keys_pass_and_few_others_do() {
        for keys in [0, 1, 7, 1_000, 100_000_u64] {
            let mut builder = FilterBuilder::new(usize::try_from(keys).unwrap());
            (0..keys).for_each(|key| builder.add(&key.to_be_bytes()));
            let filter = builder.finish();
            assert!((0..keys).all(|key| passes(&filter, &key.to_be_bytes())));
            let wrong = (keys..keys + 10_000).filter(|key| passes(&filter, &key.to_be_bytes())).count();
            assert!(wrong < 200, "{wrong} of 10000 beside {keys} keys");
        }
    }
}
