//! Chunks of segment files kept in memory up to a number of bytes: checked against their checksums, still encoded.
//!
//! Must not know what is in a chunk. Invariants: only verified bytes are kept; segment ids are never reused, so what is
//! kept never gets stale.

use ::vortex::buffer::ByteBuffer;
use base::id::SegmentId;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::fmt;

/// A size that most chunks do not fall below, from which the number of places is guessed.
const CHUNK_BYTES_TYPICAL: u64 = 64 << 10;

/// Which chunk of which segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChunkKey {
    pub(super) segment: SegmentId,
    /// Number of the chunk in its file.
    pub(super) chunk: u32,
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
}

impl fmt::Debug for ChunkCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.chunks.as_ref().map_or(0, Cache::weight);
        f.debug_struct("ChunkCache").field("bytes", &bytes).finish_non_exhaustive()
    }
}
