//! Which row of a memtable is the newest of each key.
//!
//! Must not know chunks: whoever asks says which key a row has. Keys are not kept here but hashed once, and of the hash 32
//! bits stand beside the row, so that growing reads nothing else and a key is looked at only when these bits are alike.
//! Invariant: one entry for each key.

use crate::layout::KeyHasher;
use hashbrown::HashTable;
use std::hash::BuildHasher;

#[derive(Clone, Copy, Debug)]
struct Newest {
    hash: u32,
    /// Append number.
    row: u32,
}

#[derive(Debug, Default)]
pub(super) struct NewestRows {
    table: HashTable<Newest>,
    hasher: KeyHasher,
}

impl NewestRows {
    /// Room for more rows.
    pub(super) fn reserve(&mut self, rows: usize) {
        self.table.reserve(rows, |newest| spread(newest.hash));
    }

    /// `key_of` gives the key of any row that was inserted.
    pub(super) fn get<'k>(&self, key: &[u8], key_of: impl Fn(u32) -> Option<&'k [u8]>) -> Option<u32> {
        let hash = self.hash(key);
        let found = self.table.find(spread(hash), |n| n.hash == hash && key_of(n.row) == Some(key));
        found.map(|newest| newest.row)
    }

    /// Makes `row` the newest of `key`; `key_of` gives the key of any row that was inserted before.
    pub(super) fn insert<'k>(&mut self, key: &[u8], row: u32, key_of: impl Fn(u32) -> Option<&'k [u8]>) {
        let hash = self.hash(key);
        let same = |n: &Newest| n.hash == hash && key_of(n.row) == Some(key);
        match self.table.find_mut(spread(hash), same) {
            Some(newest) => newest.row = row,
            None => {
                self.table.insert_unique(spread(hash), Newest { hash, row }, |n| spread(n.hash));
            }
        }
    }

    fn hash(&self, key: &[u8]) -> u32 {
        // The upper half: all bits of the hash are as good as each other.
        u32::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default()
    }
}

/// A hash for the table, which takes places from the lower bits and tags from the uppermost.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
