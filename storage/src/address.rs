//! Row addresses as 64-bit numbers, valid for one view.
//!
//! Layout from the top: 8 bits of the view's generation, 24 bits number of the part, 32 bits row within the part.
//! Parts of the transaction itself have the upper half of the part numbers.

use base::{Error, ErrorKind, Result};

const PART_BITS: u32 = 24;
const OWN: u32 = 1 << (PART_BITS - 1);

/// Which row of which part of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) part: PartNumber,
    pub(crate) row: u32,
}

/// A part of a view: committed ones in the order of tablets, own ones in order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum PartNumber {
    Committed(u32),
    Own(u32),
}

impl PartNumber {
    pub(crate) fn committed(index: usize) -> Result<Self> {
        number(index).map(PartNumber::Committed)
    }

    pub(crate) fn own(index: usize) -> Result<Self> {
        number(index).map(PartNumber::Own)
    }
}

fn number(index: usize) -> Result<u32> {
    u32::try_from(index)
        .ok()
        .filter(|i| *i < OWN)
        .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "a table has too many memtables and segments"))
}

impl Place {
    pub(crate) fn encode(self, generation: u8) -> u64 {
        let part = match self.part {
            PartNumber::Committed(n) => n,
            PartNumber::Own(n) => n | OWN,
        };
        (u64::from(generation) << 56) | (u64::from(part) << 32) | u64::from(self.row)
    }

    /// An address of another view is a bug of the caller.
    pub(crate) fn decode(address: u64, generation: u8) -> Result<Self> {
        let [of, a, b, c, row @ ..] = address.to_be_bytes();
        if of != generation {
            return Err(Error::internal("a row address of another view"));
        }
        let part = u32::from_be_bytes([0, a, b, c]);
        let part = if part & OWN == 0 { PartNumber::Committed(part) } else { PartNumber::Own(part & !OWN) };
        Ok(Place { part, row: u32::from_be_bytes(row) })
    }
}

#[cfg(test)]
mod tests {
    use super::{PartNumber, Place};

    #[test]
    fn addresses_come_back_and_belong_to_one_view() {
        for part in
            [PartNumber::Committed(0), PartNumber::Committed(77), PartNumber::Own(0), PartNumber::Own(9)]
        {
            let place = Place { part, row: 0xfedc_ba98 };
            assert_eq!(Place::decode(place.encode(3), 3).unwrap(), place);
            assert!(Place::decode(place.encode(3), 4).is_err());
        }
    }
}
