//! How a version of a row came about, as far as is known.
//!
//! Must not know where it is kept. Invariant: a version is `Replacing` only when the commit that it began by ended
//! another version of its key, one by one; so of each such version there is one death.

use base::{Error, Result};

/// Kept with the begin of each version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Whoever wrote it down did not say.
    #[default]
    Unknown,
    /// Its key had no version, or one that ended together with the whole table.
    New,
    /// It took the place of a version.
    Replacing,
}

impl Origin {
    /// As it is stored.
    pub(crate) fn code(self) -> u8 {
        match self {
            Origin::Unknown => 0,
            Origin::New => 1,
            Origin::Replacing => 2,
        }
    }

    /// `Corruption` for what is never stored.
    pub(crate) fn of(code: u8) -> Result<Self> {
        match code {
            0 => Ok(Origin::Unknown),
            1 => Ok(Origin::New),
            2 => Ok(Origin::Replacing),
            _ => Err(Error::corruption(format!("a row of origin {code}"))),
        }
    }

    pub(crate) fn replacing(replaces: bool) -> Self {
        if replaces { Origin::Replacing } else { Origin::New }
    }
}
