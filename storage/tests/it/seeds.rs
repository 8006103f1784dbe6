//! Which seeds a test runs, and whether it runs in its long form.
//!
//! `NYALA_SEED=n` replays one seed, `NYALA_SEEDS=n` runs that many, `NYALA_TEST_LONG=1` (`./test --long`) is the long form.

use std::ops::RangeInclusive;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

/// Whether everything is tried rather than a part that the seed chooses.
pub(crate) fn long() -> bool {
    std::env::var_os("NYALA_TEST_LONG").is_some_and(|v| !v.is_empty())
}

/// From 1, as many as are usual unless the environment says otherwise.
pub(crate) fn range(usual: u64) -> RangeInclusive<u64> {
    match (number("NYALA_SEED"), number("NYALA_SEEDS")) {
        (Some(seed), _) => seed..=seed,
        (None, Some(count)) => 1..=count,
        (None, None) => 1..=usual,
    }
}

/// The seed that chooses the part of a short form: another one every time.
pub(crate) fn any() -> u64 {
    let seed =
        number("NYALA_SEED").unwrap_or_else(|| base::random::Random::from_system().unwrap().below(1 << 32));
    println!("SEED={seed}");
    seed
}
