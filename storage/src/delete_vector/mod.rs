//! Which rows of a segment reference are dead, and since when.
//!
//! A delete vector is the set of dead rows, and in blocks the time of each death that a reader of the past may have to
//! tell; deaths without a time happened at or before `base_ts`. Clones share what is not changed later. Must not know
//! segments or tablets.
//! Invariants: times never decrease along the blocks; an ordinal has at most one time, and is in the set.

mod dead_rows;
mod pack;

pub(crate) use dead_rows::DeadRows;
pub(crate) use pack::{PackIdentity, PackWriter, check_pack, read_vector};

use crate::format::{Reader, Writer};
use base::id::CommitTs;
use base::{Error, Result};
use roaring::RoaringBitmap;
use std::sync::Arc;

/// Deaths in one block: what a change of a shared vector copies.
const BLOCK_DEATHS: usize = 1_024;

/// The dead rows of a reference. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteVector {
    /// Every dead row.
    dead: Arc<DeadRows>,
    /// Rows without a time died at or before this.
    base_ts: CommitTs,
    blocks: Vec<Arc<Block>>,
}

/// Deaths in order of time; those of one time in order of ordinals.
#[derive(Clone, Debug, Default)]
struct Block {
    times: Vec<CommitTs>,
    ordinals: Vec<u32>,
}

/// Two vectors are equal when every reader sees the same, however their deaths are cut into blocks.
impl PartialEq for DeleteVector {
    fn eq(&self, other: &Self) -> bool {
        self.base_ts == other.base_ts && self.dead == other.dead && self.deaths().eq(other.deaths())
    }
}

impl Block {
    fn deaths(&self) -> impl DoubleEndedIterator<Item = (CommitTs, u32)> + '_ {
        self.times.iter().copied().zip(self.ordinals.iter().copied())
    }

    fn push(&mut self, ts: CommitTs, ordinal: u32) {
        self.times.push(ts);
        self.ordinals.push(ordinal);
    }
}

impl DeleteVector {
    /// A vector whose rows in `base` died at or before `base_ts`.
    pub(crate) fn new(base_ts: CommitTs, base: RoaringBitmap) -> Self {
        Self { dead: Arc::new(DeadRows::from(base)), base_ts, blocks: Vec::new() }
    }

    /// Notes that rows died at `ts`. `Internal` when time runs backwards or a row is dead already; nothing is changed
    /// then.
    pub(crate) fn add(&mut self, ts: CommitTs, ordinals: &[u32]) -> Result<()> {
        if ts < self.last_ts() {
            return Err(Error::internal(format!("deletes at {ts} follow deletes at {}", self.last_ts())));
        }
        let mut sorted = ordinals.to_vec();
        sorted.sort_unstable();
        let twice = sorted.windows(2).any(|pair| pair.first() == pair.last());
        if twice || sorted.iter().any(|o| self.dead.contains(*o)) {
            return Err(Error::internal("a row dies twice"));
        }
        Arc::make_mut(&mut self.dead).extend(sorted.iter().copied());
        for ordinal in sorted {
            self.push(ts, ordinal);
        }
        Ok(())
    }

    /// Notes deaths in order of time; as `add` for each time.
    pub(crate) fn add_all(&mut self, deaths: &[(CommitTs, u32)]) -> Result<()> {
        for together in deaths.chunk_by(|a, b| a.0 == b.0) {
            if let Some((ts, _)) = together.first() {
                let ordinals: Vec<u32> = together.iter().map(|(_, ordinal)| *ordinal).collect();
                self.add(*ts, &ordinals)?;
            }
        }
        Ok(())
    }

    fn push(&mut self, ts: CommitTs, ordinal: u32) {
        match self.blocks.last_mut().filter(|b| b.times.len() < BLOCK_DEATHS) {
            Some(last) => Arc::make_mut(last).push(ts, ordinal),
            None => self.blocks.push(Arc::new(Block { times: vec![ts], ordinals: vec![ordinal] })),
        }
    }

    /// Time of the newest delete.
    pub(crate) fn last_ts(&self) -> CommitTs {
        self.blocks.last().and_then(|b| b.times.last()).copied().unwrap_or(self.base_ts)
    }

    /// What this says of times before it is not what was.
    pub(crate) fn base_ts(&self) -> CommitTs {
        self.base_ts
    }

    /// Rows dead in the newest state.
    pub(crate) fn len(&self) -> u64 {
        self.dead.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.dead.is_empty()
    }

    /// Deaths whose time is kept, oldest first.
    pub(crate) fn deaths(&self) -> impl DoubleEndedIterator<Item = (CommitTs, u32)> + '_ {
        self.blocks.iter().flat_map(|b| b.deaths())
    }

    /// Deaths with after < time <= until, oldest first.
    pub(crate) fn deaths_between(&self, after: CommitTs, until: CommitTs) -> Vec<(CommitTs, u32)> {
        let late = |b: &&Arc<Block>| b.times.last().is_some_and(|ts| *ts > after);
        let blocks = self.blocks.iter().skip(self.blocks.partition_point(|b| !late(&b)));
        let deaths = blocks.take_while(|b| b.times.first().is_some_and(|ts| *ts <= until));
        deaths.flat_map(|b| b.deaths()).filter(|(ts, _)| after < *ts && *ts <= until).collect()
    }

    /// Rows that a reader at `ts` must not see.
    pub(crate) fn dead_at(&self, ts: CommitTs) -> Arc<DeadRows> {
        if ts >= self.last_ts() {
            return Arc::clone(&self.dead);
        }
        let mut dead = self.dead.set().clone();
        let later = self.blocks.iter().rev().flat_map(|b| b.deaths().rev()).take_while(|(at, _)| *at > ts);
        for (_, ordinal) in later {
            dead.remove(ordinal);
        }
        Arc::new(DeadRows::from(dead))
    }

    /// Rows dead in the newest state.
    pub(crate) fn dead_newest(&self) -> &Arc<DeadRows> {
        &self.dead
    }

    /// Forgets the times of deaths at or before `ts`, which no reader is below.
    pub(crate) fn forget_before(&mut self, ts: CommitTs) {
        let whole = self.blocks.partition_point(|b| b.times.last().is_none_or(|last| *last <= ts));
        let last = |b: Arc<Block>| b.times.last().copied();
        let mut forgotten = self.blocks.drain(..whole).filter_map(last).next_back();
        if let Some(first) = self.blocks.first_mut() {
            let gone = first.times.partition_point(|at| *at <= ts);
            if gone > 0 {
                let block = Arc::make_mut(first);
                forgotten = block.times.drain(..gone).next_back();
                block.ordinals.drain(..gone);
            }
        }
        self.base_ts = forgotten.unwrap_or(self.base_ts);
    }

    /// Version, base, then per time its ordinals.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Writer::new();
        out.u32(VECTOR_VERSION);
        out.u64(self.base_ts.0);
        let mut base = self.dead.set().clone();
        self.deaths().for_each(|(_, ordinal)| {
            base.remove(ordinal);
        });
        out.bytes(&encode_ordinals(&base)?);
        let deaths: Vec<_> = self.deaths().collect();
        let groups: Vec<_> = deaths.chunk_by(|a, b| a.0 == b.0).collect();
        out.count(groups.len());
        let mut before = 0;
        for group in groups {
            let ts = group.first().map_or(0, |(ts, _)| ts.0);
            out.varint(ts.wrapping_sub(before));
            before = ts;
            out.count(group.len());
            let mut last = 0;
            for (_, ordinal) in group {
                out.varint(u64::from(ordinal.wrapping_sub(last)));
                last = *ordinal;
            }
        }
        Ok(out.into_bytes())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let version = reader.u32()?;
        if version > VECTOR_VERSION {
            return Err(Error::newer_format("a delete vector", format_args!("format {version}")));
        }
        let base_ts = CommitTs(reader.u64()?);
        let mut vector = Self::new(base_ts, decode_ordinals(reader.bytes()?)?);
        match version {
            VECTOR_VERSION => decode_groups(&mut reader, &mut vector)?,
            1 => decode_links(&mut reader, &mut vector)?,
            _ => return Err(reader.bad("a delete vector of version 0")),
        }
        reader.finish()?;
        Ok(vector)
    }
}

fn decode_groups(reader: &mut Reader<'_>, vector: &mut DeleteVector) -> Result<()> {
    let mut ts = 0_u64;
    for _ in 0..reader.count(2)? {
        ts = ts.checked_add(reader.varint()?).ok_or_else(|| reader.bad("a time is too large"))?;
        let mut last = 0_u32;
        let mut ordinals = Vec::new();
        for _ in 0..reader.count(1)? {
            let step = reader.small()?;
            last = last.checked_add(step).ok_or_else(|| reader.bad("an ordinal is too large"))?;
            ordinals.push(last);
        }
        add_decoded(vector, CommitTs(ts), &ordinals)?;
    }
    Ok(())
}

/// As version 1 has them: per time a Roaring bitmap.
fn decode_links(reader: &mut Reader<'_>, vector: &mut DeleteVector) -> Result<()> {
    for _ in 0..reader.count(9)? {
        let ts = CommitTs(reader.u64()?);
        let ordinals: Vec<u32> = decode_ordinals(reader.bytes()?)?.into_iter().collect();
        add_decoded(vector, ts, &ordinals)?;
    }
    Ok(())
}

fn add_decoded(vector: &mut DeleteVector, ts: CommitTs, ordinals: &[u32]) -> Result<()> {
    if ordinals.is_empty() {
        return Err(Error::corruption("a delete vector has a time at which nothing died"));
    }
    let wrong = |_| Error::corruption("a delete vector is not in order of time, or holds a row twice");
    vector.add(ts, ordinals).map_err(wrong)
}

/// A set of ordinals in Roaring's portable format.
pub(crate) fn encode_ordinals(ordinals: &RoaringBitmap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(ordinals.serialized_size());
    ordinals
        .serialize_into(&mut bytes)
        .map_err(|e| Error::internal(format!("could not encode ordinals: {e}")))?;
    Ok(bytes)
}

/// `Corruption` for bytes that `encode_ordinals` did not make.
pub(crate) fn decode_ordinals(bytes: &[u8]) -> Result<RoaringBitmap> {
    let mut rest = bytes;
    let damaged = |why: String| Error::corruption(format!("a set of ordinals is damaged: {why}"));
    let set = RoaringBitmap::deserialize_from(&mut rest).map_err(|e| damaged(e.to_string()))?;
    if rest.is_empty() { Ok(set) } else { Err(damaged("bytes are left over".to_owned())) }
}

const VECTOR_VERSION: u32 = 2;

#[cfg(test)]
mod tests;
