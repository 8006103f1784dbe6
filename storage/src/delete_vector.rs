//! Which rows of a segment reference are dead, and since when.
//!
//! A delete vector is a base set, dead for every reader that is still allowed, and a chain of later deletes in commit
//! order. Versions share everything but their newest link. Must not know segments or tablets.
//! Invariants: timestamps never decrease along the chain; an ordinal stands in the base or in one link, not in both.
//! Packs: many vectors in one file: header, then each vector as payload and CRC32C bound to database, pack and offset.

use crate::format::{Reader, Writer};
use base::fs::File;
use base::id::{CommitTs, DatabaseId};
use base::plant::{Flaw, planted};
use base::{Error, Result};
use roaring::RoaringBitmap;
use std::sync::{Arc, Mutex, PoisonError};

/// One version of a reference's dead rows. Immutable; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteVector {
    shared: Arc<Shared>,
    newest: Option<Arc<Link>>,
}

/// What all versions of one vector share.
#[derive(Debug, Default)]
struct Shared {
    base: Arc<RoaringBitmap>,
    /// Every row of the base died at or before this.
    base_ts: CommitTs,
    /// The union up to a link. Guards nothing else; a leaf in the order of locks.
    cache: Mutex<Option<(Arc<Link>, Arc<RoaringBitmap>)>>,
}

/// The deletes of one commit.
#[derive(Debug)]
struct Link {
    commit_ts: CommitTs,
    ordinals: RoaringBitmap,
    /// Dead rows up to and including this link.
    total: u64,
    before: Option<Arc<Link>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        // One by one: a long chain dropped recursively would overflow the stack.
        let mut before = self.before.take();
        while let Some(link) = before {
            before = Arc::into_inner(link).and_then(|mut link| link.before.take());
        }
    }
}

impl DeleteVector {
    /// A vector whose rows in `base` died at or before `base_ts`.
    pub(crate) fn new(base_ts: CommitTs, base: RoaringBitmap) -> Self {
        Self {
            shared: Arc::new(Shared { base: Arc::new(base), base_ts, cache: Mutex::default() }),
            newest: None,
        }
    }

    /// The vector with more rows dead since `commit_ts`. `Internal` when time runs backwards.
    /// Rows that are dead already keep their time.
    pub(crate) fn with_deletes(&self, commit_ts: CommitTs, ordinals: &RoaringBitmap) -> Result<Self> {
        if commit_ts < self.last_ts() {
            return Err(Error::internal(format!(
                "deletes at {commit_ts} follow deletes at {}",
                self.last_ts()
            )));
        }
        let fresh = ordinals - &*self.dead_newest();
        if fresh.is_empty() {
            return Ok(self.clone());
        }
        let link =
            Link { commit_ts, total: self.len() + fresh.len(), ordinals: fresh, before: self.newest.clone() };
        Ok(Self { shared: Arc::clone(&self.shared), newest: Some(Arc::new(link)) })
    }

    /// Time of the newest delete.
    pub(crate) fn last_ts(&self) -> CommitTs {
        self.newest.as_ref().map_or(self.shared.base_ts, |link| link.commit_ts)
    }

    /// Rows dead in the newest state.
    pub(crate) fn len(&self) -> u64 {
        self.newest.as_ref().map_or(self.shared.base.len(), |link| link.total)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Links, newest first.
    fn links(&self) -> impl Iterator<Item = &Arc<Link>> {
        std::iter::successors(self.newest.as_ref(), |link| link.before.as_ref())
    }

    /// Rows that a reader at `commit_ts` must not see. The newest state is kept for the next caller.
    pub(crate) fn dead_at(&self, commit_ts: CommitTs) -> Arc<RoaringBitmap> {
        let Some(last) = self.links().find(|link| link.commit_ts <= commit_ts) else {
            return Arc::clone(&self.shared.base);
        };
        let mut cache = self.shared.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, dead)) = cache.as_ref()
            && Arc::ptr_eq(held, last)
        {
            return Arc::clone(dead);
        }
        let mut steps = Vec::new();
        let mut start = None;
        for link in std::iter::successors(Some(last), |link| link.before.as_ref()) {
            if cache.as_ref().is_some_and(|(held, _)| Arc::ptr_eq(held, link)) {
                start = cache.take();
                break;
            }
            steps.push(link);
        }
        let mut dead = start.map_or_else(|| Arc::clone(&self.shared.base), |(_, dead)| dead);
        let set = Arc::make_mut(&mut dead);
        for link in steps {
            *set |= &link.ordinals;
        }
        // An older reader must not push out what the newest ones use.
        if cache.as_ref().is_none_or(|(held, _)| held.commit_ts <= last.commit_ts) {
            *cache = Some((Arc::clone(last), Arc::clone(&dead)));
        }
        dead
    }

    /// Rows dead in the newest state.
    pub(crate) fn dead_newest(&self) -> Arc<RoaringBitmap> {
        self.dead_at(CommitTs::MAX)
    }

    #[cfg_attr(not(test), expect(dead_code, reason = "compaction will read it"))]
    pub(crate) fn dead_count_at(&self, commit_ts: CommitTs) -> u64 {
        self.links()
            .find(|link| link.commit_ts <= commit_ts)
            .map_or(self.shared.base.len(), |link| link.total)
    }

    /// When a row died; the base's time for a row of the base, `None` for a live row.
    #[cfg_attr(not(test), expect(dead_code, reason = "compaction will read it"))]
    pub(crate) fn end_ts(&self, ordinal: u32) -> Option<CommitTs> {
        let link = self.links().find(|link| link.ordinals.contains(ordinal));
        link.map(|link| link.commit_ts)
            .or_else(|| self.shared.base.contains(ordinal).then_some(self.shared.base_ts))
    }

    /// Deletes with after < commit_ts <= until, oldest first.
    pub(crate) fn deletes_between(
        &self,
        after: CommitTs,
        until: CommitTs,
    ) -> Vec<(CommitTs, &RoaringBitmap)> {
        let links =
            self.links().skip_while(|link| link.commit_ts > until).take_while(|link| link.commit_ts > after);
        let mut deletes: Vec<_> = links.map(|link| (link.commit_ts, &link.ordinals)).collect();
        deletes.reverse();
        deletes
    }

    /// The vector without the times of deletes at or before `oldest_readable`, which no reader is below.
    pub(crate) fn compacted(&self, oldest_readable: CommitTs) -> Result<Self> {
        if oldest_readable <= self.shared.base_ts {
            return Ok(self.clone());
        }
        let base = RoaringBitmap::clone(&self.dead_at(oldest_readable));
        let mut vector = Self::new(oldest_readable, base);
        for (commit_ts, ordinals) in self.deletes_between(oldest_readable, CommitTs::MAX) {
            vector = vector.with_deletes(commit_ts, ordinals)?;
        }
        Ok(vector)
    }

    /// Version, base, links from the oldest.
    pub(crate) fn encode(&self) -> Result<Vec<u8>> {
        let mut out = Writer::new();
        out.u32(VECTOR_VERSION);
        out.u64(self.shared.base_ts.0);
        out.bytes(&encode_ordinals(&self.shared.base)?);
        let links = self.deletes_between(CommitTs::ZERO, CommitTs::MAX);
        out.count(links.len());
        for (commit_ts, ordinals) in links {
            out.u64(commit_ts.0);
            out.bytes(&encode_ordinals(ordinals)?);
        }
        Ok(out.into_bytes())
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        match reader.u32()? {
            VECTOR_VERSION => {}
            0 => return Err(reader.bad("a delete vector of version 0")),
            version => return Err(Error::newer_format("a delete vector", format_args!("format {version}"))),
        }
        let base_ts = CommitTs(reader.u64()?);
        let mut vector = Self::new(base_ts, decode_ordinals(reader.bytes()?)?);
        for _ in 0..reader.count(9)? {
            let commit_ts = CommitTs(reader.u64()?);
            let ordinals = decode_ordinals(reader.bytes()?)?;
            let before = vector.len();
            let backwards = |_| Error::corruption("a delete vector is not in order of time");
            vector = vector.with_deletes(commit_ts, &ordinals).map_err(backwards)?;
            if ordinals.is_empty() || vector.len() != before + ordinals.len() {
                return Err(Error::corruption("a delete vector holds a row twice"));
            }
        }
        reader.finish()?;
        Ok(vector)
    }
}

/// Two vectors are equal when every reader sees the same.
impl PartialEq for DeleteVector {
    fn eq(&self, other: &Self) -> bool {
        self.shared.base_ts == other.shared.base_ts
            && self.shared.base == other.shared.base
            && self.deletes_between(CommitTs::ZERO, CommitTs::MAX)
                == other.deletes_between(CommitTs::ZERO, CommitTs::MAX)
    }
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

const VECTOR_VERSION: u32 = 1;
const PACK_MAGIC: &[u8; 8] = b"NYDELETE";
const PACK_VERSION: u32 = 1;
const PACK_HEADER_BYTES: usize = 8 + 4 + 16 + 8 + 4;

/// Which pack of which database; part of every checksum in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PackIdentity {
    pub(crate) database: DatabaseId,
    pub(crate) pack: u64,
}

impl PackIdentity {
    fn checksum(&self, offset: u64, bytes: &[u8]) -> u32 {
        let mut seed = Writer::new();
        seed.u128(self.database.0);
        seed.u64(self.pack);
        seed.u64(offset);
        crc32c::crc32c_append(crc32c::crc32c(seed.as_slice()), bytes)
    }

    fn header(&self) -> Vec<u8> {
        let mut out = Writer::new();
        out.raw(PACK_MAGIC);
        out.u32(PACK_VERSION);
        out.u128(self.database.0);
        out.u64(self.pack);
        out.u32(self.checksum(0, out.as_slice()));
        out.into_bytes()
    }
}

/// Collects vectors for one pack file.
#[derive(Debug)]
pub(crate) struct PackWriter {
    identity: PackIdentity,
    bytes: Vec<u8>,
}

impl PackWriter {
    pub(crate) fn new(identity: PackIdentity) -> Self {
        Self { bytes: identity.header(), identity }
    }

    /// Adds a vector; returns its offset in the pack and its length there, in bytes.
    pub(crate) fn add(&mut self, vector: &DeleteVector) -> Result<(u64, u32)> {
        let offset = self.bytes.len() as u64;
        let payload = vector.encode()?;
        let too_large = |_| Error::internal("a delete vector of more than 4 GiB");
        let len = u32::try_from(payload.len() + 4).map_err(too_large)?;
        self.bytes.extend_from_slice(&payload);
        self.bytes.extend_from_slice(&self.identity.checksum(offset, &payload).to_le_bytes());
        Ok((offset, len))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.len() == PACK_HEADER_BYTES
    }

    /// Writes the pack into a new file and syncs its bytes; the caller syncs the directory.
    pub(crate) fn finish(self, file: &dyn File) -> Result<u64> {
        file.write_at(0, &self.bytes)?;
        if !planted(Flaw::SkipPackSync) {
            file.sync_data()?;
        }
        Ok(self.bytes.len() as u64)
    }
}

/// Checks the header of a pack file.
pub(crate) fn check_pack(file: &dyn File, identity: PackIdentity) -> Result<()> {
    let mut header = vec![0; PACK_HEADER_BYTES];
    file.read_at(0, &mut header)?;
    if header == identity.header() {
        return Ok(());
    }
    let mut reader = Reader::new(&header);
    let (magic, version) = (reader.raw(PACK_MAGIC.len())?, reader.u32()?);
    let (signed, checksum) = header.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
    let sound = identity.checksum(0, signed) == u32::from_le_bytes(*checksum);
    if sound && magic == PACK_MAGIC && version > PACK_VERSION {
        let pack = format_args!("delete vector pack {}", identity.pack);
        return Err(Error::newer_format(pack, format_args!("format {version}")));
    }
    Err(Error::corruption(format!(
        "delete vector pack {} does not begin as one of this database and version",
        identity.pack
    )))
}

/// Reads the vector at a place that `PackWriter::add` gave.
pub(crate) fn read_vector(
    file: &dyn File,
    identity: PackIdentity,
    offset: u64,
    len: u32,
) -> Result<DeleteVector> {
    let damaged = |why: &str| {
        Error::corruption(format!("delete vector pack {} is damaged at {offset}: {why}", identity.pack))
    };
    let inside = offset
        .checked_add(u64::from(len))
        .is_some_and(|end| file.len().is_ok_and(|file_len| end <= file_len));
    if !inside {
        return Err(damaged("it ends too early"));
    }
    let mut bytes = vec![0; usize::try_from(len).map_err(|_| damaged("it is too large"))?];
    file.read_at(offset, &mut bytes)?;
    let Some((payload, checksum)) = bytes.split_last_chunk::<4>() else {
        return Err(damaged("it is too short"));
    };
    let sound = u32::from_le_bytes(*checksum) == identity.checksum(offset, payload);
    if !sound && !planted(Flaw::IgnorePackChecksum) {
        return Err(damaged("a vector does not match its checksum"));
    }
    DeleteVector::decode(payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ErrorKind;
    use base::fs::{FileSystem, SimulatedFileSystem};
    use base::random::Random;
    use std::collections::BTreeMap;

    fn set(ordinals: &[u32]) -> RoaringBitmap {
        ordinals.iter().copied().collect()
    }

    fn vector() -> DeleteVector {
        let vector = DeleteVector::new(CommitTs(10), set(&[1]));
        let vector = vector.with_deletes(CommitTs(20), &set(&[5, 6])).unwrap();
        vector.with_deletes(CommitTs(30), &set(&[1, 6, u32::MAX])).unwrap()
    }

    #[test]
    fn each_reader_sees_its_time() {
        let vector = vector();
        for _ in 0..2 {
            assert_eq!(*vector.dead_at(CommitTs(30)), set(&[1, 5, 6, u32::MAX]));
            assert_eq!(*vector.dead_at(CommitTs(29)), set(&[1, 5, 6]));
            assert_eq!(*vector.dead_at(CommitTs(19)), set(&[1]));
        }
        assert_eq!(
            (vector.len(), vector.dead_count_at(CommitTs(25)), vector.last_ts()),
            (4, 3, CommitTs(30))
        );
        assert_eq!(
            [1, 6, u32::MAX, 7].map(|o| vector.end_ts(o).map(|t| t.0)),
            [Some(10), Some(20), Some(30), None]
        );
        let between = vector.deletes_between(CommitTs(20), CommitTs(30));
        assert_eq!(between, [(CommitTs(30), &set(&[u32::MAX]))]);
        assert!(DeleteVector::default().is_empty() && DeleteVector::default().dead_newest().is_empty());
    }

    #[test]
    fn golden_bytes_of_an_empty_vector() {
        let bytes = DeleteVector::new(CommitTs(9), RoaringBitmap::new()).encode().unwrap();
        assert_eq!(bytes, b"\x01\0\0\0\x09\0\0\0\0\0\0\0\x08\x3a\x30\0\0\0\0\0\0\0");
    }

    #[test]
    fn time_does_not_run_backwards() {
        let error = vector().with_deletes(CommitTs(29), &set(&[9])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }

    #[test]
    fn a_discarded_version_leaves_no_trace() {
        let vector = vector();
        let discarded = vector.with_deletes(CommitTs(40), &set(&[100])).unwrap();
        assert!(discarded.dead_newest().contains(100));
        drop(discarded);
        let next = vector.with_deletes(CommitTs(40), &set(&[200])).unwrap();
        assert_eq!(*next.dead_newest(), set(&[1, 5, 6, 200, u32::MAX]));
        assert_eq!(*vector.dead_newest(), set(&[1, 5, 6, u32::MAX]));
    }

    #[test]
    fn random_histories_agree_with_a_model() {
        let random = Random::from_seed(5);
        let mut model: BTreeMap<u32, CommitTs> = BTreeMap::new();
        let mut vector = DeleteVector::new(CommitTs(1), RoaringBitmap::new());
        let mut versions = vec![vector.clone()];
        for ts in (2..200).map(CommitTs) {
            let dead: RoaringBitmap =
                (0..random.below(5)).map(|_| random.below(400) as u32 * 1_000).collect();
            for ordinal in &dead {
                model.entry(ordinal).or_insert(ts);
            }
            vector = vector.with_deletes(ts, &dead).unwrap();
            versions.push(vector.clone());
            let at = CommitTs(random.below(ts.0 + 5));
            let version = &versions[random.below(versions.len() as u64) as usize];
            let seen = CommitTs(at.0.min(version.last_ts().0));
            let expected: RoaringBitmap =
                model.iter().filter(|(_, t)| **t <= seen).map(|(o, _)| *o).collect();
            assert_eq!(*version.dead_at(at), expected);
            assert_eq!(version.dead_count_at(at), expected.len());
        }
        let compacted = vector.compacted(CommitTs(100)).unwrap();
        for at in (100..210).map(CommitTs) {
            assert_eq!(compacted.dead_at(at), vector.dead_at(at));
        }
        assert_eq!(DeleteVector::decode(&vector.encode().unwrap()).unwrap(), vector);
    }

    #[test]
    fn a_long_chain_is_dropped_without_recursion() {
        let mut vector = DeleteVector::default();
        for ts in 0..30_000 {
            vector = vector.with_deletes(CommitTs(ts.into()), &set(&[ts])).unwrap();
        }
        assert_eq!(vector.len(), 30_000);
    }

    #[test]
    fn packs_come_back_and_damage_is_noticed() {
        let fs = SimulatedFileSystem::new(2);
        let identity = PackIdentity { database: DatabaseId(3), pack: 4 };
        let mut pack = PackWriter::new(identity);
        assert!(pack.is_empty());
        let first = pack.add(&vector()).unwrap();
        let second = pack.add(&DeleteVector::default()).unwrap();
        let file = fs.create("4").unwrap();
        pack.finish(file.as_ref()).unwrap();
        check_pack(file.as_ref(), identity).unwrap();
        assert_eq!(read_vector(file.as_ref(), identity, first.0, first.1).unwrap(), vector());
        assert!(read_vector(file.as_ref(), identity, second.0, second.1).unwrap().is_empty());
        let other = PackIdentity { database: DatabaseId(3), pack: 5 };
        assert_eq!(
            read_vector(file.as_ref(), other, first.0, first.1).unwrap_err().kind(),
            ErrorKind::Corruption
        );
        let bytes = fs.contents("4").unwrap();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert!(fs.replace_contents("4", &damaged));
            let header = check_pack(file.as_ref(), identity).is_err();
            let one = read_vector(file.as_ref(), identity, first.0, first.1).is_err();
            let two = read_vector(file.as_ref(), identity, second.0, second.1).is_err();
            assert!(header || one || two, "byte {at}");
        }
        assert_eq!(
            read_vector(file.as_ref(), identity, first.0, u32::MAX).unwrap_err().kind(),
            ErrorKind::Corruption
        );
    }
}
