//! How many different values there were, of hashes: exact for few, a HyperLogLog sketch for many (Flajolet et al., 2007,
//! with 64-bit hashes as in Heule et al., 2013, and linear counting while registers are empty).
//!
//! Invariants: the answer does not depend on the order of the hashes; a sketch takes at most 64 KiB.

use std::collections::HashSet;

/// Different hashes that are kept as they are.
const EXACT_MAX: usize = 4_096;
/// Bits of a hash that choose its register; the error is about 0.8 %.
const REGISTER_BITS: u32 = 14;
const REGISTERS: usize = 1 << REGISTER_BITS;

/// Counts different hashes.
#[derive(Debug)]
pub(super) enum Sketch {
    Exact(HashSet<u64>),
    Registers(Vec<u8>),
}

impl Default for Sketch {
    fn default() -> Self {
        Self::Exact(HashSet::new())
    }
}

impl Sketch {
    pub(super) fn add(&mut self, hash: u64) {
        match self {
            Self::Exact(hashes) => {
                hashes.insert(hash);
                if hashes.len() > EXACT_MAX {
                    let mut registers = vec![0; REGISTERS];
                    hashes.iter().for_each(|hash| note(&mut registers, *hash));
                    *self = Self::Registers(registers);
                }
            }
            Self::Registers(registers) => note(registers, hash),
        }
    }

    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Exact(hashes) => u64::try_from(hashes.len()).unwrap_or(u64::MAX),
            Self::Registers(registers) => estimate(registers),
        }
    }
}

fn note(registers: &mut [u8], hash: u64) {
    let place = usize::try_from(hash >> (64 - REGISTER_BITS)).unwrap_or(0);
    let rest = hash << REGISTER_BITS;
    let rank = u8::try_from(rest.leading_zeros().min(64 - REGISTER_BITS) + 1).unwrap_or(u8::MAX);
    if let Some(register) = registers.get_mut(place) {
        *register = (*register).max(rank);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive estimate far below 2^63"
)]
fn estimate(registers: &[u8]) -> u64 {
    let count = registers.len() as f64;
    let sum: f64 = registers.iter().map(|rank| 2_f64.powi(-i32::from(*rank))).sum();
    let raw = 0.7213 / (1.0 + 1.079 / count) * count * count / sum;
    let empty = registers.iter().filter(|rank| **rank == 0).count();
    let counted = if raw <= 2.5 * count && empty > 0 { count * (count / empty as f64).ln() } else { raw };
    counted.round() as u64
}

#[cfg(test)]
mod tests {
    use super::{EXACT_MAX, Sketch};

    /// Hashes as good ones are: splitmix64 of a counter.
    fn hash(n: u64) -> u64 {
        let mut z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn count(values: u64, repeats: u64) -> u64 {
        let mut sketch = Sketch::default();
        for _ in 0..repeats {
            (0..values).for_each(|n| sketch.add(hash(n)));
        }
        sketch.count()
    }

    #[test]
    fn few_are_counted_exactly() {
        assert_eq!(count(0, 1), 0);
        assert_eq!(count(1, 5), 1);
        assert_eq!(count(EXACT_MAX as u64, 2), EXACT_MAX as u64);
    }

    #[test]
    fn many_are_counted_to_three_percent() {
        for values in [5_000, 20_000, 40_000, 60_000, 300_000] {
            let counted = count(values, 2);
            assert!(counted.abs_diff(values) * 100 <= values * 3, "{counted} of {values}");
        }
    }
}
