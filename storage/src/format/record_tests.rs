//! Log record payloads: round trips, golden bytes, damage.

use super::{
    Attach, AttachedSegment, CommitRecord, DeletePlace, ForgetRecord, Lives, LogRecord, RowAddress,
    RowChange, RowOp, SegmentDeletes, SwapRecord, TabletChange,
};
use base::id::{CommitTs, CounterId, MemtableId, ReferenceId, SchemaVersion, SegmentId, TableId, TabletId};
use base::{ErrorKind, Result};
use bytes::Bytes;
use catalog::Position;

fn attached(attach: Attach) -> AttachedSegment {
    AttachedSegment {
        table: TableId(2),
        tablet: TabletId(3),
        reference: ReferenceId(4),
        segment: SegmentId(5),
        file_bytes: 1_000,
        rows: 6,
        attach,
        content_hash: 0x0807_0605_0403_0201,
        lives: Some(Lives {
            history: false,
            begin_min: CommitTs(1),
            begin_max: CommitTs(2),
            end_min: CommitTs::MAX,
            end_max: CommitTs::MAX,
        }),
    }
}

fn small_commit() -> LogRecord {
    let rows = vec![
        RowChange {
            op: RowOp::Update,
            key: vec![1].into(),
            dead: Some(RowAddress::Segment { reference: ReferenceId(300), ordinal: 9 }),
            row: Some(vec![7, 8].into()),
        },
        RowChange {
            op: RowOp::Delete,
            key: vec![].into(),
            dead: Some(RowAddress::Memtable { memtable: MemtableId(1), number: 2 }),
            row: None,
        },
    ];
    LogRecord::Commit(CommitRecord {
        catalog: vec![],
        truncated: vec![TabletId(3)],
        changes: vec![TabletChange {
            table: TableId(2),
            tablet: TabletId(3),
            schema_version: SchemaVersion(1),
            memtable: MemtableId(4),
            rows,
        }],
        attached: vec![attached(Attach::AtCommit)],
        deletes: vec![SegmentDeletes { reference: ReferenceId(4), place: None, dead: vec![0xaa] }],
    })
}

fn samples() -> Vec<LogRecord> {
    let insert =
        RowChange { op: RowOp::Insert, key: vec![3; 200].into(), dead: None, row: Some(Bytes::new()) };
    vec![
        small_commit(),
        LogRecord::Commit(CommitRecord::default()),
        LogRecord::Commit(CommitRecord {
            catalog: crate::format::catalog::tests::edits(),
            changes: vec![TabletChange {
                table: TableId(u64::MAX),
                tablet: TabletId(0),
                memtable: MemtableId(u64::MAX),
                schema_version: SchemaVersion(u32::MAX),
                rows: vec![insert; 3],
            }],
            ..CommitRecord::default()
        }),
        LogRecord::Swap(SwapRecord {
            table: TableId(2),
            tablet: TabletId(3),
            memtable: Some(MemtableId(8)),
            removed: vec![ReferenceId(300)],
            new_references: vec![attached(Attach::Since(CommitTs(77)))],
            deletes: vec![SegmentDeletes {
                reference: ReferenceId(4),
                place: Some(DeletePlace { pack: 7, offset: 40, bytes: 9 }),
                dead: vec![1, 2],
            }],
            oldest: CommitTs(70),
        }),
        LogRecord::Forget(ForgetRecord {
            tablets: vec![TabletId(3)],
            until: CommitTs(9),
            tables: vec![TableId(2)],
        }),
        LogRecord::Counters(vec![(CounterId(300), Position { value: -2, called: true })]),
    ]
}

fn read(record_type: u8, payload: &[u8]) -> Result<LogRecord> {
    LogRecord::decode(record_type, &Bytes::copy_from_slice(payload))
}

#[test]
fn records_round_trip() {
    for record in samples() {
        let bytes = record.encode();
        assert_eq!(read(record.record_type(), &bytes).unwrap(), record);
    }
}

#[test]
fn golden_bytes_of_a_commit_and_a_swap() {
    #[rustfmt::skip]
    let commit = [
        1, // version of the key encoding
        0, // catalog edits
        1, 3, // truncated tablets
        1, 2, 3, 1, 4, 2, // one tablet: table, tablet, schema version, memtable, rows
        0b1_10_01, 1, 1, 0xac, 2, 9, 2, 7, 8, // update of a row in a segment
        0b0_01_10, 0, 1, 2, // delete of a row in a memtable
        1, 2, 3, 4, 5, 0xe8, 7, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8, // attached
        1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, // its lives
        1, 4, 1, 0xaa, // deletes
    ];
    assert_eq!(small_commit().encode(), commit);
    #[rustfmt::skip]
    let swap = [
        2, 3, 1, 8, 1, 0xac, 2, // table, tablet, memtable, removed
        1, 2, 3, 4, 5, 0xe8, 7, 6, 1, 77, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, // attached
        1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, // its lives
        1, 4, 1, 7, 40, 9, 0, 0, 0, 2, 1, 2, // deletes
        70, 0, 0, 0, 0, 0, 0, 0, // oldest
    ];
    let record = &samples()[3];
    assert_eq!(record.encode(), swap);
    let forget = &samples()[4];
    assert_eq!(forget.encode(), [1, 3, 9, 0, 0, 0, 0, 0, 0, 0, 1, 2]);
    let counters = &samples()[5];
    assert_eq!(counters.encode(), [1, 0xac, 2, 254, 255, 255, 255, 255, 255, 255, 255, 1]);
    let types = [&small_commit(), record, forget, counters].map(LogRecord::record_type);
    assert_eq!(types, [3, 4, 5, 6]);
}

/// What format 1 wrote is read as it was meant.
#[test]
fn records_of_format_1_are_read() {
    #[rustfmt::skip]
    let commit = [
        1, 0,
        1, 2, 3, 1, 4, 2,
        0b1_10_01, 1, 1, 0xac, 2, 9, 2, 7, 8,
        0b0_01_10, 0, 1, 2,
        1, 2, 3, 4, 5, 0xe8, 7, 6, 0, 1, 2, 3, 4, 5, 6, 7, 8,
        1, 4, 1, 0xaa,
    ];
    let LogRecord::Commit(mut expected) = small_commit() else { panic!() };
    expected.truncated.clear();
    expected.attached[0].lives = None;
    assert_eq!(read(1, &commit).unwrap(), LogRecord::Commit(expected));
    #[rustfmt::skip]
    let swap = [
        2, 3, 8,
        1, 2, 3, 4, 5, 0xe8, 7, 6, 1, 77, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8,
        1, 4, 2, 1, 2,
    ];
    let LogRecord::Swap(mut expected) = samples().swap_remove(3) else { panic!() };
    expected.removed.clear();
    expected.new_references[0].lives = None;
    expected.oldest = CommitTs::MAX;
    expected.deletes[0].place = None;
    assert_eq!(read(2, &swap).unwrap(), LogRecord::Swap(expected));
}

#[test]
fn cut_flipped_and_unknown_records_never_panic() {
    for record in samples() {
        let bytes = record.encode();
        for cut in 0..bytes.len() {
            assert!(read(record.record_type(), &bytes[..cut]).is_err(), "cut to {cut}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(other) = read(record.record_type(), &flipped) {
                assert_ne!(other, record, "bit {bit}");
                assert_eq!(other.encode(), flipped, "bit {bit}: one value has one encoding");
            }
        }
        let mut longer = bytes;
        longer.push(0);
        assert!(read(record.record_type(), &longer).is_err());
    }
    assert_eq!(read(9, &[]).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn keys_of_a_newer_encoding_are_told_from_damage() {
    let record = small_commit();
    let mut bytes = record.encode();
    for (version, kind) in [(0, ErrorKind::Corruption), (2, ErrorKind::Unsupported)] {
        bytes[0] = version;
        assert_eq!(read(record.record_type(), &bytes).unwrap_err().kind(), kind);
    }
}
