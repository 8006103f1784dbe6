//! Randomness: one seeded generator (xoshiro256++, Blackman and Vigna 2019) and the seed from the system.
//!
//! Invariant: the same seed gives the same numbers on every machine.

use std::sync::Mutex;

/// A generator that may be shared between threads.
#[derive(Debug)]
pub struct Random {
    state: Mutex<[u64; 4]>,
}

impl Random {
    pub fn from_seed(seed: u64) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| split_mix(&mut x));
        Self { state: Mutex::new(state) }
    }

    /// Seeded by the operating system.
    pub fn from_system() -> crate::Result<Self> {
        let mut seed = [0_u8; 8];
        getrandom::fill(&mut seed).map_err(|e| {
            crate::Error::new(crate::ErrorKind::Io, format!("could not read the system's random source: {e}"))
        })?;
        Ok(Self::from_seed(u64::from_le_bytes(seed)))
    }

    pub fn next_u64(&self) -> u64 {
        let mut s = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let [s0, s1, s2, s3] = *s;
        let result = s0.wrapping_add(s3).rotate_left(23).wrapping_add(s0);
        let t = s1 << 17;
        let n2 = s2 ^ s0;
        let n3 = s3 ^ s1;
        *s = [s0 ^ n3, s1 ^ n2, n2 ^ t, n3.rotate_left(45)];
        result
    }

    pub fn next_u128(&self) -> u128 {
        (u128::from(self.next_u64()) << 64) | u128::from(self.next_u64())
    }

    /// Uniform enough in `0..bound`; 0 when `bound` is 0.
    pub fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }
}

fn split_mix(x: &mut u64) -> u64 {
    *x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *x;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn one_seed_gives_one_sequence() {
        let a = Random::from_seed(7);
        let b = Random::from_seed(7);
        assert_eq!((a.next_u64(), a.below(10)), (b.next_u64(), b.below(10)));
        assert!((0..1000).all(|_| a.below(3) < 3));
    }
}
