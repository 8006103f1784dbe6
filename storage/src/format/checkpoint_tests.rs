//! Checkpoints and CURRENT: round trips, golden bytes, damage, power cuts at every call.

use super::{
    CURRENT, CheckpointImage, CheckpointNumber, Current, advance_epoch, checkpoint_path, collect_checkpoints,
    is_of_older_format, read_checkpoint, read_current, write_checkpoint,
};
use crate::format::image::{
    DeletePlace, MemtableImage, MemtableRow, NextIds, PastImage, ReferenceImage, RetiredImage, TabletImage,
    encode_reference,
};
use crate::format::{Lives, Origin};
use crate::log::LogPosition;
use crate::recover;
use crate::settings::StorageSettings;
use base::clock::ManualClock;
use base::fs::{Fault, FileSystem, SimulatedFileSystem};
use base::id::{
    CommitTs, CounterId, DatabaseId, Epoch, LogSeq, MemtableId, Oid, ReferenceId, SchemaId, SchemaVersion,
    SegmentId, SequenceId, TableId, TabletId, ViewId,
};
use base::random::Random;
use base::{Error, ErrorKind, Result};
use catalog::{CatalogState, Position};
use std::sync::Arc;

fn reference(deletes: Option<DeletePlace>) -> ReferenceImage {
    ReferenceImage {
        reference: ReferenceId(1 << 33),
        segment: SegmentId(1 << 34),
        file_bytes: 123_456_789,
        rows: 4_000_000,
        content_hash: 99,
        attach_ts: CommitTs(5),
        detach_ts: CommitTs::MAX,
        lives: Some(Lives {
            history: true,
            begin_min: CommitTs(5),
            begin_max: CommitTs(6),
            end_min: CommitTs(7),
            end_max: CommitTs(8),
        }),
        deletes,
    }
}

fn past() -> PastImage {
    let state = crate::format::catalog::tests::state();
    let table = state.tables().next().unwrap().as_ref().clone();
    let schema = state.schemas().next().unwrap().as_ref().clone();
    let view = state.views().next().unwrap().as_ref().clone();
    let sequence = state.sequences().next().unwrap().as_ref().clone();
    PastImage {
        tables_since: vec![(TableId(9), CommitTs(40))],
        schemas_since: vec![(SchemaId(2), CommitTs(30))],
        tables: vec![RetiredImage { def: table, from: CommitTs(10), until: CommitTs(40) }],
        schemas: vec![RetiredImage { def: schema, from: CommitTs::ZERO, until: CommitTs(50) }],
        sequences_since: vec![(SequenceId(20), CommitTs(35))],
        sequences: vec![RetiredImage { def: sequence, from: CommitTs(20), until: CommitTs(35) }],
        views_since: vec![(ViewId(30), CommitTs(36))],
        views: vec![RetiredImage { def: view, from: CommitTs(21), until: CommitTs(36) }],
        materialized_since: vec![(TableId(300), CommitTs(37))],
        materialized: vec![RetiredImage {
            def: (TableId(300), crate::format::catalog::tests::materialized()),
            from: CommitTs(22),
            until: CommitTs(37),
        }],
        functions_since: vec![(Oid(16_700), CommitTs(38))],
        functions: vec![RetiredImage {
            def: crate::format::catalog::tests::function(),
            from: CommitTs(23),
            until: CommitTs(38),
        }],
        uptime_us: 1_000,
        samples: vec![(900, CommitTs(45))],
    }
}

/// A state that tells its number.
fn image(number: u64) -> CheckpointImage {
    let row = MemtableRow {
        schema_version: SchemaVersion(1),
        begin_ts: CommitTs(7),
        end_ts: CommitTs::MAX,
        key: vec![1, 2],
        row: vec![1, 0, 9].into(),
        origin: Origin::Replacing,
    };
    CheckpointImage {
        database: DatabaseId(42),
        epoch: Epoch(1),
        log: LogPosition { file: 3, next: LogSeq(number) },
        last_commit: CommitTs(1_000),
        next_ids: NextIds { segment: 1, reference: 2, memtable: 3, pack: 4 },
        catalog: crate::format::catalog::tests::state(),
        past: past(),
        counters: vec![(CounterId(21), Position { value: -9, called: true })],
        tablets: vec![TabletImage {
            table: TableId(9),
            tablet: TabletId(11),
            next_row_id: 5,
            oldest: CommitTs(4),
            dropped: CommitTs::MAX,
            references: vec![
                reference(None),
                reference(Some(DeletePlace { pack: 1, offset: 64, bytes: 20 })),
            ],
            memtables: vec![
                MemtableImage { memtable: MemtableId(6), rows: vec![row.clone(), row] },
                MemtableImage { memtable: MemtableId(7), rows: vec![] },
            ],
        }],
    }
}

/// A small state, for the tests that open it thousands of times.
fn small(number: u64) -> CheckpointImage {
    CheckpointImage {
        catalog: CatalogState::initial(),
        past: PastImage::default(),
        counters: vec![],
        tablets: vec![],
        ..image(number)
    }
}

fn first() -> CheckpointNumber {
    CheckpointNumber::new(Epoch(1), 1)
}

fn read(fs: &dyn FileSystem) -> Result<Option<(Current, CheckpointImage)>> {
    match read_current(fs)? {
        Some(current) => read_checkpoint(fs, &current).map(|image| Some((current, image))),
        None => Ok(None),
    }
}

#[test]
fn a_checkpoint_comes_back_and_the_next_one_replaces_it() {
    let fs = SimulatedFileSystem::new(1);
    assert_eq!(read(&fs).unwrap(), None);
    let current = write_checkpoint(&fs, first(), &image(1)).unwrap();
    assert_eq!(read(&fs).unwrap(), Some((current.clone(), image(1))));
    let claimed = advance_epoch(&fs, &current).unwrap();
    assert_eq!(claimed.epoch, Epoch(2));
    assert_eq!(read(&fs).unwrap(), Some((claimed, image(1))));
    let second = CheckpointNumber::new(Epoch(2), 1);
    let newer = CheckpointImage { epoch: Epoch(2), ..image(2) };
    let current = write_checkpoint(&fs, second, &newer).unwrap();
    assert!(fs.exists(&checkpoint_path(first())).unwrap());
    collect_checkpoints(&fs, Some(&current)).unwrap();
    assert!(!fs.exists(&checkpoint_path(first())).unwrap());
    assert_eq!(read(&fs).unwrap(), Some((current, newer)));
    assert!(write_checkpoint(&fs, second, &image(3)).is_err(), "a name is written once");
}

#[test]
fn golden_bytes_of_checkpoint_and_current() {
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &image(300)).unwrap();
    let bytes = fs.contents(&checkpoint_path(first())).unwrap();
    assert_eq!(&bytes[..12], b"NYCHECK\0\x0e\0\0\0");
    assert_eq!(&bytes[64..68], [1, 3, 0xac, 2]);
    // Without the checksum at the end: over that too, the checksum of any file is the same.
    let (covered, checksum) = bytes.split_last_chunk::<4>().unwrap();
    assert_eq!((bytes.len(), crc32c::crc32c(covered)), GOLDEN_CHECKPOINT);
    assert_eq!(u32::from_le_bytes(*checksum), GOLDEN_CHECKPOINT.1);
    let current = fs.contents(CURRENT).unwrap();
    assert_eq!(&current[..12], b"NYCURR\0\0\x01\0\0\0");
    assert_eq!(current[12..16], [1, 0, 0, 0]);
    assert_eq!(current[32..40], [1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(current[40..48], u64::try_from(bytes.len()).unwrap().to_le_bytes());
    assert_eq!(current[64..68], crc32c::crc32c(&bytes).to_le_bytes());
    assert_eq!(current[68..], crc32c::crc32c(&current[..68]).to_le_bytes());
    assert_eq!(current.len(), 72);
}

const GOLDEN_CHECKPOINT: (usize, u32) = (2_658, 3_513_807_233);

/// Bytes of an empty catalog's sequences, views, comments, materialized views, types and functions, an empty past, no counters.
const NOTHING: usize = 21;
/// The part of them that formats 10 and 11 had, formats 8 and 9, formats 6 and 7, format 5, formats 3 and 4, and format 2.
const NOTHING_OF_11: usize = 18;
const NOTHING_OF_9: usize = 16;
const NOTHING_OF_7: usize = 15;
const NOTHING_OF_5: usize = 14;
const NOTHING_OF_4: usize = 13;
const NOTHING_OF_2: usize = 6;

/// Format 1 had neither history nor options of tables, format 2 no sequences, formats before 5 no comments, format 5 no
/// materialized views, formats before 8 no types, format 9 and before no past of materialized views, format 10 no domains, format
/// 11
/// and before no functions, format 12 no check options; in formats 7 and 8 no table referred to another.
#[test]
fn checkpoints_of_older_formats_are_read() {
    older_is_read(1, 0);
    older_is_read(2, NOTHING_OF_2);
    older_is_read(3, NOTHING_OF_4);
    older_is_read(4, NOTHING_OF_4);
    older_is_read(5, NOTHING_OF_5);
    older_is_read(6, NOTHING_OF_7);
    older_is_read(7, NOTHING_OF_7);
    older_is_read(8, NOTHING_OF_9);
    older_is_read(9, NOTHING_OF_9);
    older_is_read(10, NOTHING_OF_11);
    older_is_read(11, NOTHING_OF_11);
    older_is_read(12, NOTHING);
}

/// `nothing` is how many bytes of a format say that there is no past.
fn older_is_read(version: u8, nothing: usize) {
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &small(300)).unwrap();
    let bytes = fs.contents(&checkpoint_path(first())).unwrap();
    let mut old = bytes[..bytes.len() - 4].to_vec();
    // The last byte is the empty list of tablets.
    assert_eq!(old.split_off(old.len() - NOTHING - 1), [0; NOTHING + 1]);
    old.resize(old.len() + nothing + 1, 0);
    replace_checkpoint(&fs, version, old);
    assert_eq!(read(&fs).unwrap().unwrap().1, small(300));
}

/// A program before took new kinds of edits, which an upgraded server had put into the log before its first checkpoint, for a
/// damaged log: opening a directory of an older format writes a checkpoint of this one.
#[test]
fn opening_an_older_format_makes_it_this_one() {
    let fs = SimulatedFileSystem::new(1);
    let settings = StorageSettings { background: false, ..StorageSettings::default() };
    let open = || {
        let (clock, random) = (Arc::new(ManualClock::new(1)), Random::from_seed(1));
        recover::open(fs.process(), clock, &random, settings.clone()).unwrap()
    };
    drop(open());
    let current = read_current(&fs).unwrap().unwrap();
    let bytes = fs.contents(&checkpoint_path(current.checkpoint)).unwrap();
    let mut old = bytes[..bytes.len() - 4].to_vec();
    // Five empty lists of functions, of what they were, and of what materialized views were, before those of counters and
    // of tablets.
    assert_eq!(old.split_off(old.len() - 7), [0; 7]);
    old.resize(old.len() + 2, 0);
    replace_checkpoint(&fs, 9, old);
    let current = read_current(&fs).unwrap().unwrap();
    assert!(is_of_older_format(&fs, &current).unwrap());
    drop(open());
    let current = read_current(&fs).unwrap().unwrap();
    assert!(!is_of_older_format(&fs, &current).unwrap());
    drop(open());
    assert_eq!(read_current(&fs).unwrap().unwrap().checkpoint, current.checkpoint);
}

/// Rows of memtables in format 2 did not say how they came about.
#[test]
fn rows_of_format_2_are_read() {
    let with_row = |origin| {
        let mut image = small(300);
        let [mut tablet] = <[TabletImage; 1]>::try_from(self::image(300).tablets).unwrap();
        tablet.memtables.truncate(1);
        tablet.memtables[0].rows.truncate(1);
        tablet.memtables[0].rows[0].origin = origin;
        image.tablets = vec![tablet];
        image
    };
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &small(300)).unwrap();
    let before_tablets = fs.contents(&checkpoint_path(first())).unwrap().len() - 5;
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &with_row(Origin::New)).unwrap();
    let bytes = fs.contents(&checkpoint_path(first())).unwrap();
    // It is the last byte of a row, and that row the last of all.
    let (newer, [origin, ..]) = bytes.split_last_chunk::<5>().unwrap();
    assert_eq!(*origin, 1);
    let mut old = newer[..before_tablets - NOTHING + NOTHING_OF_2].to_vec();
    old.extend_from_slice(&newer[before_tablets..]);
    replace_checkpoint(&fs, 2, old);
    assert_eq!(read(&fs).unwrap().unwrap().1, with_row(Origin::Unknown));
}

/// Makes `old`, without its checksum and in another version, the first checkpoint.
fn replace_checkpoint(fs: &SimulatedFileSystem, version: u8, mut old: Vec<u8>) {
    old[8] = version;
    let body = u64::try_from(old.len() - 64).unwrap();
    old[40..48].copy_from_slice(&body.to_le_bytes());
    let header = crc32c::crc32c(&old[..60]).to_le_bytes();
    old[60..64].copy_from_slice(&header);
    let checksum = crc32c::crc32c(&old).to_le_bytes();
    old.extend_from_slice(&checksum);
    assert!(fs.replace_contents(&checkpoint_path(first()), &old));
    let mut current = fs.contents(CURRENT).unwrap();
    current[40..48].copy_from_slice(&u64::try_from(old.len()).unwrap().to_le_bytes());
    let header = crc32c::crc32c(&current[..60]).to_le_bytes();
    current[60..64].copy_from_slice(&header);
    current[64..68].copy_from_slice(&crc32c::crc32c(&old).to_le_bytes());
    let checksum = crc32c::crc32c(&current[..68]).to_le_bytes();
    current[68..].copy_from_slice(&checksum);
    assert!(fs.replace_contents(CURRENT, &current));
}

#[test]
fn a_reference_takes_less_than_200_bytes() {
    let mut writer = super::Writer::new();
    let largest = ReferenceImage {
        reference: ReferenceId(u64::MAX),
        segment: SegmentId(u64::MAX),
        file_bytes: u64::MAX,
        rows: u32::MAX,
        deletes: Some(DeletePlace { pack: u64::MAX, offset: u64::MAX, bytes: u32::MAX }),
        ..reference(None)
    };
    encode_reference(&mut writer, &largest);
    assert!(writer.len() < 200, "{}", writer.len());
}

#[test]
fn every_flipped_bit_and_every_cut_is_corruption_with_a_name() {
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &small(1)).unwrap();
    for path in [CURRENT.to_owned(), checkpoint_path(first())] {
        let bytes = fs.contents(&path).unwrap();
        let refused = |damaged: &[u8], what: &str| {
            let fs = fs.duplicate(1);
            fs.replace_contents(&path, damaged);
            let error = read(&fs).expect_err(what);
            assert_eq!(error.kind(), ErrorKind::Corruption, "{what}: {error}");
            assert!(error.message().contains(&path), "{what}: {error}");
        };
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            refused(&flipped, &format!("{path} bit {bit}"));
        }
        for cut in 0..bytes.len() {
            refused(&bytes[..cut], &format!("{path} cut to {cut}"));
        }
        let mut longer = bytes.clone();
        longer.push(0);
        refused(&longer, "a byte too many");
    }
}

#[test]
fn a_missing_or_foreign_checkpoint_is_named() {
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &small(1)).unwrap();
    let second = CheckpointNumber::new(Epoch(1), 2);
    write_checkpoint(&fs, second, &small(2)).unwrap();
    let older = fs.contents(&checkpoint_path(first())).unwrap();
    let swapped = fs.duplicate(1);
    swapped.replace_contents(&checkpoint_path(second), &older);
    assert_eq!(read(&swapped).unwrap_err().kind(), ErrorKind::Corruption);
    let gone = fs.duplicate(1);
    gone.remove(&checkpoint_path(second)).unwrap();
    assert!(read(&gone).unwrap_err().message().contains(&checkpoint_path(second)));
    fs.remove(CURRENT).unwrap();
    let error = read(&fs).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
    assert!(error.message().contains("\"CURRENT\" is missing"));
}

#[test]
fn a_checkpoint_of_a_newer_version_is_told_from_damage() {
    let fs = SimulatedFileSystem::new(1);
    write_checkpoint(&fs, first(), &small(1)).unwrap();
    let path = checkpoint_path(first());
    let mut bytes = fs.contents(&path).unwrap();
    bytes[8] += 1;
    let crc = crc32c::crc32c(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    fs.replace_contents(&path, &bytes);
    let error = read(&fs).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains(&path) && error.message().contains("newer version of Nyala"));
}

#[test]
fn a_checkpoint_with_keys_of_a_newer_encoding_is_told_from_damage() {
    let mut bytes = super::encode_file(first(), &small(1));
    for (version, kind) in [(0, ErrorKind::Corruption), (2, ErrorKind::Unsupported)] {
        bytes[64] = version;
        let end = bytes.len() - 4;
        let crc = crc32c::crc32c(&bytes[..end]);
        bytes[end..].copy_from_slice(&crc.to_le_bytes());
        let current = Current {
            database: DatabaseId(42),
            epoch: Epoch(1),
            checkpoint: first(),
            checkpoint_bytes: u64::try_from(bytes.len()).unwrap(),
            checkpoint_crc: crc32c::crc32c(&bytes),
        };
        let error = super::decode_file(&current, &bytes, "checkpoint/1").unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains("checkpoint/1"), "{error}");
    }
}

/// Three checkpoints and two epochs; reports the newest state that was promised to be durable.
fn script(fs: &dyn FileSystem, promised: &mut u64) -> Result<()> {
    let mut current = write_checkpoint(fs, first(), &small(1))?;
    *promised = 1;
    for step in 2..4_u32 {
        current = advance_epoch(fs, &current)?;
        let image = CheckpointImage { epoch: current.epoch, ..small(u64::from(step)) };
        current = write_checkpoint(fs, CheckpointNumber::new(current.epoch, 1), &image)?;
        *promised = u64::from(step);
        collect_checkpoints(fs, Some(&current))?;
    }
    Ok(())
}

#[test]
fn a_power_cut_at_every_call_leaves_the_promised_state_or_the_next() {
    let total = {
        let fs = SimulatedFileSystem::new(0);
        script(&fs, &mut 0).unwrap();
        fs.calls(None)
    };
    for call in 1..=total {
        for seed in 0..20 {
            let seed = call * 100 + seed;
            let fs = SimulatedFileSystem::new(seed);
            fs.fail_call(call, None, Fault::Halt);
            let mut promised = 0;
            script(fs.process().as_ref(), &mut promised).unwrap_err();
            fs.power_cut(seed);
            let found = read(&fs).unwrap_or_else(|e: Error| panic!("SEED={seed}: {e}"));
            let number = found.as_ref().map_or(0, |(_, image)| image.log.next.0);
            assert!((promised..=promised + 1).contains(&number), "SEED={seed}: {number} after {promised}");
            // And on it goes: a new epoch, a new checkpoint, whatever was left lying around.
            let current = match found {
                Some((current, _)) => advance_epoch(&fs, &current).unwrap(),
                None => {
                    collect_checkpoints(&fs, None).unwrap();
                    write_checkpoint(&fs, first(), &small(1)).unwrap()
                }
            };
            let image = CheckpointImage { epoch: current.epoch, ..small(9) };
            write_checkpoint(&fs, CheckpointNumber::new(current.epoch, 7), &image).unwrap();
            assert_eq!(read(&fs).unwrap().unwrap().1, image);
        }
    }
}
