//! Parts of segment files kept in memory up to a number of bytes: checked against their checksums, still encoded.
//!
//! Chunks of the rows, and blocks of the file for everything else. Must not know what is in them. Invariants: only verified bytes
//! are kept; segment ids are never reused, so what is
//! kept never gets stale.

use ::vortex::buffer::ByteBuffer;
use base::Result;
use base::id::SegmentId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::fmt;
use std::ops::Deref;

/// A size that most chunks do not fall below, from which the number of places is guessed.
const CHUNK_BYTES_TYPICAL: u64 = 64 << 10;

/// Which chunk of which segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChunkKey {
    pub(super) segment: SegmentId,
    /// Number of the chunk in its file.
    pub(super) chunk: u32,
}

/// Numbers of chunks from here on are those of blocks.
const FIRST_BLOCK: u32 = 1 << 31;
/// Stands for the filter of a segment's keys.
const FILTER: u32 = u32::MAX;

/// A block of a segment file.
#[derive(Clone)]
pub(crate) struct Block(ByteBuffer);

impl Deref for Block {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_slice()
    }
}

/// The chunks of all segments of a database.
pub(crate) struct ChunkCache {
    chunks: Option<Cache<ChunkKey, ByteBuffer, Bytes>>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<ChunkKey, ByteBuffer> for Bytes {
    fn weight(&self, _key: &ChunkKey, chunk: &ByteBuffer) -> u64 {
        // Never 0: such an entry would be kept for ever.
        chunk.len() as u64 + size_of::<ChunkKey>() as u64
    }
}

impl ChunkCache {
    /// Keeps at most `bytes_max` bytes; nothing when that is 0.
    pub(crate) fn new(bytes_max: u64) -> Self {
        let places = usize::try_from(bytes_max / CHUNK_BYTES_TYPICAL).unwrap_or(usize::MAX).max(1);
        Self { chunks: (bytes_max > 0).then(|| Cache::with_weighter(places, bytes_max, Bytes)) }
    }

    pub(super) fn get(&self, key: ChunkKey) -> Option<ByteBuffer> {
        self.chunks.as_ref()?.get(&key)
    }

    pub(super) fn keep(&self, key: ChunkKey, chunk: &ByteBuffer) {
        if let Some(chunks) = &self.chunks {
            chunks.insert(key, chunk.clone());
        }
    }

    /// A block of a segment's file by its number; `read` gives it, verified, when it is not kept.
    pub(crate) fn block(
        &self,
        segment: SegmentId,
        number: u64,
        read: impl FnOnce() -> Result<Vec<u8>>,
    ) -> Result<Block> {
        let place = u32::try_from(number).ok().filter(|n| *n < FILTER - FIRST_BLOCK);
        let (Some(chunks), Some(place)) = (&self.chunks, place) else {
            return Ok(Block(ByteBuffer::from(read()?)));
        };
        let key = ChunkKey { segment, chunk: FIRST_BLOCK + place };
        if let Some(held) = chunks.get(&key) {
            return Ok(Block(held));
        }
        let bytes = ByteBuffer::from(read()?);
        chunks.insert(key, bytes.clone());
        Ok(Block(bytes))
    }

    /// The filter of a segment's keys, if there is one.
    pub(crate) fn filter(&self, segment: SegmentId) -> Option<Block> {
        self.chunks.as_ref()?.get(&ChunkKey { segment, chunk: FILTER }).map(Block)
    }

    /// Keeps a filter as long as there is room.
    pub(crate) fn keep_filter(&self, segment: SegmentId, filter: Vec<u8>) {
        self.keep(ChunkKey { segment, chunk: FILTER }, &ByteBuffer::from(filter));
    }

    /// Whether anything is kept at all.
    pub(crate) fn keeps(&self) -> bool {
        self.chunks.is_some()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block").field("bytes", &self.0.len()).finish()
    }
}

impl fmt::Debug for ChunkCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.chunks.as_ref().map_or(0, Cache::weight);
        f.debug_struct("ChunkCache").field("bytes", &bytes).finish_non_exhaustive()
    }
}
