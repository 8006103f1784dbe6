//! The keys of a segment in order, in small prefix-compressed blocks, and the fences that find a block.
//!
//! Keys are opaque bytes here; their order is that of bytes. The ordinal of a key is its position.
//! Block: for each key, varint of bytes shared with the key before it (0 for the first), varint of the rest's
//! length, the rest. Fences: u64 keys, u32 blocks; per block u64 offset in the run and the first key.
//! Invariant: keys never decrease; every block but the last holds `BLOCK_KEYS` keys.

use super::container::{BLOCK_BYTES, CheckedFile, Section, damaged};
use super::vortex::{Block, ChunkCache};
use crate::format::{Reader, Writer};
use base::Result;
use std::ops::Range;

/// Keys of one block.
const BLOCK_KEYS: u64 = 128;

/// Builds a run in memory; a few bytes per key.
#[derive(Debug, Default)]
pub(crate) struct KeyRunWriter {
    run: Writer,
    /// Offset and first key of each block.
    fences: Writer,
    blocks: u32,
    keys: u64,
    first: Vec<u8>,
    last: Vec<u8>,
}

impl KeyRunWriter {
    /// The key most recently given.
    pub(crate) fn last(&self) -> Option<&[u8]> {
        (self.keys > 0).then_some(self.last.as_slice())
    }

    pub(crate) fn first(&self) -> Option<&[u8]> {
        (self.keys > 0).then_some(self.first.as_slice())
    }

    /// Takes the next key, not below the one before it (the caller checks).
    pub(crate) fn push(&mut self, key: &[u8]) {
        let mut shared = 0;
        if self.keys == 0 {
            self.first = key.to_vec();
        }
        if self.keys.is_multiple_of(BLOCK_KEYS) {
            self.fences.u64(self.run.len() as u64);
            self.fences.bytes(key);
            self.blocks += 1;
        } else {
            shared = key.iter().zip(&self.last).take_while(|(a, b)| a == b).count();
        }
        let rest = key.get(shared..).unwrap_or_default();
        self.run.count(shared);
        self.run.bytes(rest);
        self.last.truncate(shared);
        self.last.extend_from_slice(rest);
        self.keys += 1;
    }

    /// The run and its fences.
    pub(crate) fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let mut fences = Writer::new();
        fences.u64(self.keys);
        fences.u32(self.blocks);
        fences.raw(self.fences.as_slice());
        (self.run.into_bytes(), fences.into_bytes())
    }
}

/// Fences of a run, held in memory.
#[derive(Debug)]
pub(crate) struct KeyRun {
    section: Section,
    keys: u64,
    /// Start of each block in the run, and the run's end.
    offsets: Vec<u64>,
    /// First keys of the blocks, one behind the other.
    first_keys: Vec<u8>,
    first_key_ends: Vec<u32>,
}

impl KeyRun {
    pub(crate) fn decode(section: Section, reader: &mut Reader<'_>) -> Result<Self> {
        let keys = reader.u64()?;
        let blocks = reader.u32()?;
        if keys.div_ceil(BLOCK_KEYS) != u64::from(blocks) {
            return Err(reader.bad("keys and blocks do not fit"));
        }
        let mut run =
            Self { section, keys, offsets: Vec::new(), first_keys: Vec::new(), first_key_ends: Vec::new() };
        for _ in 0..blocks {
            let offset = reader.u64()?;
            if offset > section.len || run.offsets.last().is_some_and(|last| *last >= offset) {
                return Err(reader.bad("a block lies outside of the run"));
            }
            run.offsets.push(offset);
            run.first_keys.extend_from_slice(reader.bytes()?);
            let end = u32::try_from(run.first_keys.len()).map_err(|_| reader.bad("fences are too large"))?;
            run.first_key_ends.push(end);
        }
        run.offsets.push(section.len);
        Ok(run)
    }

    pub(crate) fn len(&self) -> u64 {
        self.keys
    }

    pub(crate) fn blocks(&self) -> usize {
        self.first_key_ends.len()
    }

    fn fence(&self, block: usize) -> &[u8] {
        let start = block.checked_sub(1).and_then(|b| self.first_key_ends.get(b)).copied().unwrap_or(0);
        let end = self.first_key_ends.get(block).copied().unwrap_or(start);
        self.first_keys.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The last block whose first key is not above `key`.
    fn block_of(&self, key: &[u8], from: usize) -> Option<usize> {
        let (mut low, mut high) = (from, self.blocks());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.fence(middle) <= key { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }

    /// Ordinals of `wanted` keys, which must not decrease; `None` where a key is absent. When a key stands more
    /// than once the ordinal is that of its last row, the newest version.
    pub(crate) fn lookup(
        &self,
        file: &CheckedFile,
        cache: &ChunkCache,
        wanted: &[&[u8]],
    ) -> Result<Vec<Option<u32>>> {
        let mut found = Vec::with_capacity(wanted.len());
        let mut blocks = Blocks { file, cache, held: None, joined: Vec::new() };
        let mut from = 0;
        for key in wanted {
            let Some(number) = self.block_of(key, from) else {
                found.push(None);
                continue;
            };
            from = number;
            let (offset, len) = self.place(file, number)?;
            let base = u64::try_from(number).unwrap_or(u64::MAX).saturating_mul(BLOCK_KEYS);
            let keys = usize::try_from(self.keys.saturating_sub(base).min(BLOCK_KEYS)).unwrap_or(0);
            let position = last_position(blocks.bytes(offset, len)?, keys, key)?;
            let ordinal = position.map(|p| u32::try_from(base.saturating_add(p as u64)));
            found.push(ordinal.transpose().map_err(|_| damaged(file.segment(), "an ordinal is too large"))?);
        }
        Ok(found)
    }

    /// Gives every key to `take`, in order.
    pub(crate) fn each(
        &self,
        file: &CheckedFile,
        cache: &ChunkCache,
        mut take: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut blocks = Blocks { file, cache, held: None, joined: Vec::new() };
        for number in 0..self.blocks() {
            let (offset, len) = self.place(file, number)?;
            KeyBlock::decode(blocks.bytes(offset, len)?)?.iter().for_each(&mut take);
        }
        Ok(())
    }

    /// All keys of a range of ordinals, in order.
    pub(crate) fn keys(&self, file: &CheckedFile, ordinals: Range<u64>) -> Result<Vec<Vec<u8>>> {
        let end = ordinals.end.min(self.keys);
        let mut out = Vec::new();
        let mut number = ordinals.start / BLOCK_KEYS;
        while number * BLOCK_KEYS < end {
            let block = self.block(file, usize::try_from(number).unwrap_or(usize::MAX))?;
            for (ordinal, key) in (number * BLOCK_KEYS..end).zip(block.iter()) {
                if ordinal >= ordinals.start {
                    out.push(key.to_vec());
                }
            }
            number += 1;
        }
        Ok(out)
    }

    /// Where a block lies in the file.
    fn place(&self, file: &CheckedFile, number: usize) -> Result<(u64, u64)> {
        let missing = || damaged(file.segment(), "a key block is missing");
        let start = self.offsets.get(number).ok_or_else(missing)?;
        let end = self.offsets.get(number + 1).ok_or_else(missing)?;
        let offset = self.section.offset.checked_add(*start).ok_or_else(missing)?;
        Ok((offset, end.saturating_sub(*start)))
    }

    fn block(&self, file: &CheckedFile, number: usize) -> Result<KeyBlock> {
        let (offset, len) = self.place(file, number)?;
        let bytes = file.read(offset, len)?;
        let block = KeyBlock::decode(&bytes)?;
        let before = u64::try_from(number).unwrap_or(u64::MAX).saturating_mul(BLOCK_KEYS);
        if block.ends.len() as u64 != self.keys.saturating_sub(before).min(BLOCK_KEYS) {
            return Err(damaged(file.segment(), "a key block does not hold its keys"));
        }
        Ok(block)
    }
}

/// Reads parts of a file through the cache of its blocks.
struct Blocks<'a> {
    file: &'a CheckedFile,
    cache: &'a ChunkCache,
    /// The block of the file that was read last, and its number.
    held: Option<(u64, Block)>,
    /// Parts that lie in several blocks are put together here.
    joined: Vec<u8>,
}

impl Blocks<'_> {
    fn bytes(&mut self, offset: u64, len: u64) -> Result<&[u8]> {
        let missing = || damaged(self.file.segment(), "a key block is missing");
        let end = offset.checked_add(len).ok_or_else(missing)?;
        let (first, last) = (offset / BLOCK_BYTES, end.saturating_sub(1) / BLOCK_BYTES);
        let start = usize::try_from(offset % BLOCK_BYTES).map_err(|_| missing())?;
        let len = usize::try_from(len).map_err(|_| missing())?;
        if first == last {
            self.hold(first)?;
            let block = self.held.as_ref().and_then(|(_, block)| block.get(start..start.checked_add(len)?));
            return block.ok_or_else(missing);
        }
        self.joined.clear();
        for number in first..=last {
            self.hold(number)?;
            if let Some((_, block)) = &self.held {
                self.joined.extend_from_slice(block);
            }
        }
        self.joined.get(start..start.saturating_add(len)).ok_or_else(missing)
    }

    fn hold(&mut self, number: u64) -> Result<()> {
        if self.held.as_ref().is_none_or(|(held, _)| *held != number) {
            let block = self.cache.block(self.file.segment(), number, || self.file.block(number))?;
            self.held = Some((number, block));
        }
        Ok(())
    }
}

/// Bytes shared with the key before, and the others.
fn entry<'a>(reader: &mut Reader<'a>) -> Result<(usize, &'a [u8])> {
    // Short keys, told first: two bytes and the rest.
    if let [shared @ 0..0x80, len @ 0..0x80, ..] = reader.rest() {
        let (shared, len) = (usize::from(*shared), usize::from(*len));
        return Ok((shared, reader.raw(len + 2)?.get(2..).unwrap_or_default()));
    }
    Ok((reader.small()? as usize, reader.bytes()?))
}

/// Position of the last key equal to `wanted` in an encoded block of `keys` keys. Nothing is decoded: how much a key
/// shares with the one before it tells mostly how it compares.
fn last_position(block: &[u8], keys: usize, wanted: &[u8]) -> Result<Option<usize>> {
    let mut reader = Reader::new(block);
    let mut found = None;
    let mut before = 0;
    // Bytes of `wanted` with which the key before begins; that key is not above `wanted`.
    let mut matched = 0;
    for position in 0..keys {
        let (shared, rest) = entry(&mut reader)?;
        if shared > before {
            return Err(reader.bad("a key shares more than there is"));
        }
        before = shared + rest.len();
        if shared < matched {
            // It is above the key before at a place where that one is `wanted`.
            return Ok(found);
        }
        if shared > matched {
            // It differs from `wanted` where the key before does.
            continue;
        }
        let open = wanted.get(matched..).unwrap_or_default();
        let same = rest.iter().zip(open).take_while(|(a, b)| a == b).count();
        matched += same;
        match (rest.get(same), open.get(same)) {
            (None, None) => found = Some(position),
            (None, Some(_)) => {}
            (Some(a), Some(b)) if a < b => {}
            (Some(_), _) => return Ok(found),
        }
    }
    if reader.remaining() > 0 {
        return Err(reader.bad("a key block does not hold its keys"));
    }
    Ok(found)
}

/// A decoded block.
#[derive(Debug, Default)]
struct KeyBlock {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl KeyBlock {
    fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let mut block = Self::default();
        let mut last_start = 0;
        while reader.remaining() > 0 {
            let (shared, rest) = entry(&mut reader)?;
            let start = block.bytes.len();
            let shared_end = last_start + shared;
            if shared_end > start {
                return Err(reader.bad("a key shares more than there is"));
            }
            block.bytes.extend_from_within(last_start..shared_end);
            block.bytes.extend_from_slice(rest);
            block.ends.push(block.bytes.len());
            last_start = start;
        }
        Ok(block)
    }

    fn key(&self, position: usize) -> &[u8] {
        let start = position.checked_sub(1).and_then(|p| self.ends.get(p)).copied().unwrap_or(0);
        let end = self.ends.get(position).copied().unwrap_or(start);
        self.bytes.get(start..end).unwrap_or_default()
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|position| self.key(position))
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyBlock, KeyRunWriter, last_position};
    use base::random::Random;

    #[test]
    fn a_key_is_found_where_decoding_finds_it() {
        for seed in 1..=200 {
            let random = Random::from_seed(seed);
            let number = |below| usize::try_from(random.below(below)).unwrap();
            let key = || -> Vec<u8> { (0..number(5)).map(|_| b"ab"[number(2)]).collect() };
            let mut keys: Vec<Vec<u8>> = (0..=number(60)).map(|_| key()).collect();
            keys.sort_unstable();
            let mut writer = KeyRunWriter::default();
            keys.iter().for_each(|key| writer.push(key));
            let (block, _) = writer.finish();
            assert_eq!(KeyBlock::decode(&block).unwrap().iter().collect::<Vec<_>>(), keys);
            for wanted in keys.iter().cloned().chain((0..40).map(|_| key())) {
                let found = last_position(&block, keys.len(), &wanted).unwrap();
                assert_eq!(found, keys.iter().rposition(|key| *key == wanted), "seed {seed}");
            }
            let cut = &block[..block.len() - 1];
            assert!(last_position(cut, keys.len(), b"c").is_err(), "seed {seed}");
            assert!(last_position(&block, keys.len() - 1, b"c").is_err(), "seed {seed}");
        }
    }
}
