//! The log on a simulated file system: replay, rolling, damage, failures, power cuts at every call.

use super::replay::ReplayedRecord;
use super::{Appended, Log, LogEntry, LogPosition, LogSettings};
use base::fs::{CallKind, Fault, FileSystem, SimulatedFileSystem};
use base::id::{CommitTs, DatabaseId, Epoch, LogSeq};
use base::limits::LOG_RECORD_BYTES_MAX;
use base::random::Random;
use base::{Error, ErrorKind, Result};
use std::sync::{Arc, Barrier};

const DATABASE: DatabaseId = DatabaseId(0x1122_3344_5566_7788_99aa_bbcc_ddee_ff00);
const SETTINGS: LogSettings = LogSettings { log_file_bytes: 2_048 };
const FILE_1: &str = "log/000000000001.log";

/// The payload of record `seq`: recognisable, of varying length, at times empty.
fn payload(seq: u64) -> Vec<u8> {
    let len = usize::try_from(seq * 37 % 400).unwrap();
    (0..len).map(|i| u8::try_from((i + usize::try_from(seq).unwrap()) % 251).unwrap()).collect()
}

fn entry(seq: u64) -> LogEntry {
    LogEntry::new(u8::try_from(seq % 3 + 1).unwrap(), payload(seq)).unwrap()
}

fn append(log: &Log, seq: u64) -> Result<Appended> {
    let appended = log.append(entry(seq), |given| CommitTs(given.0 * 10))?;
    assert_eq!(appended, Appended { seq: LogSeq(seq), commit_ts: CommitTs(seq * 10) });
    Ok(appended)
}

fn commit(log: &Log, seq: u64) -> Result<()> {
    append(log, seq)?;
    log.sync_up_to(LogSeq(seq))
}

fn create(fs: &SimulatedFileSystem) -> Result<Log> {
    Log::create(fs.process(), DATABASE, Epoch(1), SETTINGS)
}

fn open_from(fs: &SimulatedFileSystem, from: LogPosition) -> Result<(Log, Vec<ReplayedRecord>)> {
    let (found, replay) = Log::read(fs.process(), DATABASE, from)?;
    let records = replay.collect::<Result<Vec<_>>>()?;
    Ok((Log::resume(found, Epoch(2), SETTINGS)?, records))
}

fn open(fs: &SimulatedFileSystem) -> Result<(Log, Vec<ReplayedRecord>)> {
    open_from(fs, LogPosition::START)
}

/// The records must be `first..=last`, whole.
fn assert_records(records: &[ReplayedRecord], first: u64, last: u64) {
    let seqs: Vec<u64> = records.iter().map(|r| r.seq.0).collect();
    assert_eq!(seqs, (first..=last).collect::<Vec<_>>());
    for record in records {
        let seq = record.seq.0;
        assert_eq!(record.payload, payload(seq));
        assert_eq!(u64::from(record.record_type), seq % 3 + 1);
        assert_eq!(record.commit_ts, CommitTs(seq * 10));
    }
}

/// A log of `records` records, each synced alone.
fn written(records: u64) -> SimulatedFileSystem {
    let fs = SimulatedFileSystem::new(1);
    let log = create(&fs).unwrap();
    for seq in 1..=records {
        commit(&log, seq).unwrap();
    }
    fs
}

#[test]
fn records_come_back_in_order_over_many_files_and_restarts() {
    let fs = written(50);
    assert!(fs.list("log").unwrap().len() > 5);
    let (log, records) = open(&fs).unwrap();
    assert_records(&records, 1, 50);
    assert!(records.iter().all(|r| r.epoch == Epoch(1)));
    commit(&log, 51).unwrap();
    assert_eq!((log.durable(), log.next_seq()), (LogSeq(51), LogSeq(52)));
    let (_, records) = open(&fs).unwrap();
    assert_records(&records, 1, 51);
    assert_eq!(records.last().unwrap().epoch, Epoch(2));
}

#[test]
fn replay_begins_at_a_checkpoint_and_older_files_go() {
    let fs = written(50);
    let (log, _) = open(&fs).unwrap();
    let files = fs.list("log").unwrap();
    for seq in [1, 2, 20, 49, 50, 51] {
        let position = log.position_of(LogSeq(seq));
        assert_eq!(position.next, LogSeq(seq));
        let (_, records) = open_from(&fs.duplicate(1), position).unwrap();
        assert_records(&records, seq, 50);
    }
    let position = log.position_of(LogSeq(30));
    log.truncate_before(LogSeq(30)).unwrap();
    let left = fs.list("log").unwrap();
    assert!(left.len() < files.len());
    assert_eq!(left.first().unwrap(), &format!("{:012}.log", position.file));
    assert_eq!(log.position_of(LogSeq(30)), position);
    assert_records(&open_from(&fs, position).unwrap().1, 30, 50);
    log.truncate_before(LogSeq(1_000)).unwrap();
    assert_eq!(fs.list("log").unwrap().len(), 1, "the file being written stays");
}

/// A checkpoint named the file that its next record was going to be the first of while that file was only reserved, and
/// the file before it was removed: a power cut then left a database that refused to open. Found by
/// `flushes_and_checkpoints_under_load_change_nothing`.
#[test]
fn a_checkpoint_does_not_lean_on_a_file_that_is_only_planned() {
    let fs = SimulatedFileSystem::new(1);
    let log = create(&fs).unwrap();
    let mut seq = 0;
    while log.planned_files() == 1 {
        seq += 1;
        append(&log, seq).unwrap();
        if log.planned_files() == 1 {
            log.sync_up_to(LogSeq(seq)).unwrap();
        }
    }
    // Record `seq` begins the second file, which has no name yet; all before it is durable.
    let position = log.position_of(LogSeq(seq));
    log.truncate_before(LogSeq(seq)).unwrap();
    let crashed = fs.duplicate(1);
    crashed.power_cut(1);
    let (_, records) = open_from(&crashed, position).unwrap();
    assert_eq!(records, []);

    log.sync_up_to(LogSeq(seq)).unwrap();
    log.truncate_before(LogSeq(seq)).unwrap();
    assert_records(&open_from(&fs, position).unwrap().1, seq, seq);
}

#[test]
fn files_that_a_crash_kept_from_being_removed_go_at_the_next_open() {
    let fs = written(50);
    let position = open(&fs).unwrap().0.position_of(LogSeq(30));
    fs.create("log/000000000099.new").unwrap();
    open_from(&fs, position).unwrap();
    let names = fs.list("log").unwrap();
    assert_eq!(names.first().unwrap(), &format!("{:012}.log", position.file));
    assert!(names.iter().all(|n| n.ends_with(".log")));
}

#[test]
fn golden_bytes_of_a_record() {
    let fs = SimulatedFileSystem::new(1);
    let log = create(&fs).unwrap();
    log.append(LogEntry::new(2, b"abc".to_vec()).unwrap(), |_| CommitTs(0x0506)).unwrap();
    log.sync_up_to(LogSeq(1)).unwrap();
    let file = fs.contents(FILE_1).unwrap();
    assert_eq!(file.len(), 2_048);
    let mut expected = vec![3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    expected.extend_from_slice(&DATABASE.0.to_le_bytes());
    expected.extend_from_slice(&[1, 0, 0, 0]);
    expected.extend_from_slice(&crc32c::crc32c(b"abc").to_le_bytes());
    expected.extend_from_slice(&[6, 5, 0, 0, 0, 0, 0, 0]);
    expected.extend_from_slice(&[0; 12]);
    let mut covered = 1_u64.to_le_bytes().to_vec();
    covered.extend_from_slice(&64_u64.to_le_bytes());
    covered.extend_from_slice(&expected);
    expected.extend_from_slice(&crc32c::crc32c(&covered).to_le_bytes());
    expected.extend_from_slice(b"abc");
    assert_eq!(&file[64..64 + 67], expected);
    assert!(file[64 + 67..].iter().all(|b| *b == 0));
    assert_eq!(&file[..8], b"NYLOG\0\0\0");
}

#[test]
fn a_record_over_the_limit_is_refused_and_one_larger_than_a_file_is_not() {
    let error = LogEntry::new(1, vec![0; LOG_RECORD_BYTES_MAX]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let fs = SimulatedFileSystem::new(1);
    let log = create(&fs).unwrap();
    commit(&log, 1).unwrap();
    let large = vec![7; LOG_RECORD_BYTES_MAX - 64];
    log.append(LogEntry::new(1, large.clone()).unwrap(), |_| CommitTs(20)).unwrap();
    log.sync_up_to(LogSeq(2)).unwrap();
    commit(&log, 3).unwrap();
    let (_, records) = open(&fs).unwrap();
    assert_eq!(records.len(), 3);
    assert_eq!(records[1].payload, large);
}

/// Opens a damaged log; the message must name a log file and an offset where it is damage behind a header.
fn assert_refused(fs: &SimulatedFileSystem, path: &str, what: &str) {
    let error = open(fs).err().unwrap_or_else(|| panic!("{what}: opened"));
    assert_eq!(error.kind(), ErrorKind::Corruption, "{what}: {error}");
    assert!(error.message().contains(path), "{what}: {error}");
}

#[test]
fn every_flipped_bit_is_refused_or_costs_at_most_the_last_record() {
    let fs = written(4);
    let image = fs.contents(FILE_1).unwrap();
    let last_record = 64 * 4 + (1..4).map(|s| payload(s).len()).sum::<usize>();
    let end = last_record + 64 + payload(4).len();
    for bit in 0..image.len() * 8 {
        let fs = fs.duplicate(1);
        fs.flip_bit(FILE_1, bit);
        match open(&fs) {
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::Corruption, "bit {bit}: {e}");
                assert!(e.message().contains(FILE_1), "bit {bit}: {e}");
                assert!(bit / 8 < last_record, "bit {bit}: {e}");
            }
            // Nothing behind the last record says that it was durable.
            Ok((_, records)) if (last_record..end).contains(&(bit / 8)) => assert_records(&records, 1, 3),
            Ok((_, records)) => {
                assert!(bit / 8 >= end, "bit {bit} was not noticed");
                assert_records(&records, 1, 4);
            }
        }
    }
}

/// A last file cut by hand opened as if its records had never been written, and acknowledged commits were gone: the
/// header knows how long the file was when it got its name, and no crash leaves a shorter one.
#[test]
fn a_log_cut_anywhere_is_refused_and_one_without_its_last_writes_gives_whole_records() {
    let fs = written(4);
    let image = fs.contents(FILE_1).unwrap();
    let all = 64 * 5 + (1..=4).map(|s| payload(s).len()).sum::<usize>();
    for len in 0..image.len() {
        let cut = fs.duplicate(1);
        cut.replace_contents(FILE_1, &image[..len]);
        assert_refused(&cut, FILE_1, &format!("cut to {len}"));
        if len < 64 {
            continue;
        }
        let mut unwritten = image.to_vec();
        unwritten[len..].fill(0);
        let fs = fs.duplicate(1);
        fs.replace_contents(FILE_1, &unwritten);
        let (_, records) = open(&fs.duplicate(1)).unwrap();
        assert_records(&records, 1, u64::try_from(records.len()).unwrap());
        // A checkpoint that knows of four records misses what is gone.
        let from = LogPosition { file: 1, next: LogSeq(5) };
        assert_eq!(open_from(&fs, from).is_ok(), records.len() == 4, "{len}");
        assert!(len < all || records.len() == 4, "{len}");
    }
}

#[test]
fn damage_before_the_last_file_is_refused_with_file_and_offset() {
    let fs = written(50);
    let names = fs.list("log").unwrap();
    for name in &names[..names.len() - 1] {
        let path = format!("log/{name}");
        for byte in [70, 130, 900] {
            let fs = fs.duplicate(1);
            fs.flip_bit(&path, byte * 8);
            assert_refused(&fs, &path, "flip");
            assert!(open(&fs).unwrap_err().message().contains("offset"));
        }
        let mut bytes = fs.contents(&path).unwrap();
        bytes[64..].fill(0);
        let emptied = fs.duplicate(1);
        emptied.replace_contents(&path, &bytes);
        assert!(open(&emptied).is_err(), "{path} emptied");
        let gone = fs.duplicate(1);
        gone.remove(&path).unwrap();
        assert_refused(&gone, &path, "removed");
    }
}

#[test]
fn swapped_files_and_files_of_another_database_are_refused() {
    let fs = written(50);
    let names = fs.list("log").unwrap();
    let (a, b) = (format!("log/{}", names[1]), format!("log/{}", names[2]));
    let bytes = (fs.contents(&a).unwrap(), fs.contents(&b).unwrap());
    fs.replace_contents(&a, &bytes.1);
    fs.replace_contents(&b, &bytes.0);
    assert!(open(&fs).unwrap_err().message().contains("holds the contents of number"));
    let fs = written(3);
    let other = Log::read(fs.process(), DatabaseId(5), LogPosition::START);
    let error = other.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption);
    assert!(error.message().contains("another database"));
    let error = Log::create(fs.process(), DATABASE, Epoch(1), SETTINGS).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption, "a log with records is not overwritten");
}

#[test]
fn a_torn_group_that_was_never_acknowledged_is_cut() {
    let fs = SimulatedFileSystem::new(1);
    let log = create(&fs).unwrap();
    commit(&log, 1).unwrap();
    let end = 64 + 64 + payload(1).len();
    for seq in 2..=5 {
        append(&log, seq).unwrap();
    }
    log.sync_up_to(LogSeq(5)).unwrap();
    // As if the power had gone during that sync: the group's first record is torn, a later one is whole.
    fs.flip_bit(FILE_1, (end + 70) * 8);
    let (log, records) = open(&fs).unwrap();
    assert_records(&records, 1, 1);
    commit(&log, 2).unwrap();
    assert_records(&open(&fs).unwrap().1, 1, 2);
}

#[test]
fn one_sync_serves_all_who_wait_and_timestamps_follow_the_log() {
    const THREADS: u64 = 8;
    const EACH: u64 = 40;
    let fs = SimulatedFileSystem::new(1);
    let log = Arc::new(
        Log::create(fs.process(), DATABASE, Epoch(1), LogSettings { log_file_bytes: 9_000 }).unwrap(),
    );
    let clock = Arc::new(std::sync::atomic::AtomicU64::new(1));
    let barrier = Arc::new(Barrier::new(8));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (log, clock, barrier) = (log.clone(), clock.clone(), barrier.clone());
            base::spawn::thread("appender", move || {
                barrier.wait();
                for i in 0..EACH {
                    let entry = LogEntry::new(1, (thread * EACH + i).to_le_bytes().to_vec()).unwrap();
                    let stamp = |_| CommitTs(clock.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
                    let appended = log.append(entry, stamp).unwrap();
                    log.sync_up_to(appended.seq).unwrap();
                    assert!(log.durable() >= appended.seq);
                }
            })
            .unwrap()
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let (_, replay) = Log::read(fs.process(), DATABASE, LogPosition::START).unwrap();
    let records = replay.collect::<Result<Vec<_>>>().unwrap();
    assert_eq!(u64::try_from(records.len()).unwrap(), THREADS * EACH);
    assert!(records.iter().all(|r| r.commit_ts.0 == r.seq.0));
    let mut values: Vec<_> = records.iter().map(|r| r.payload.to_vec()).collect();
    values.sort();
    values.dedup();
    assert_eq!(u64::try_from(values.len()).unwrap(), THREADS * EACH);
}

#[test]
fn a_group_costs_one_write_and_one_sync() {
    let fs = SimulatedFileSystem::new(1);
    let log = Log::create(fs.process(), DATABASE, Epoch(1), LogSettings { log_file_bytes: 1 << 20 }).unwrap();
    let before = (fs.calls(Some(CallKind::Write)), fs.syncs());
    for seq in 1..=100 {
        append(&log, seq).unwrap();
    }
    log.sync_up_to(LogSeq(3)).unwrap();
    log.sync_up_to(LogSeq(100)).unwrap();
    assert_eq!((fs.calls(Some(CallKind::Write)), fs.syncs()), (before.0 + 1, before.1 + 1));
    assert_eq!(log.sync_up_to(LogSeq(101)).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn a_failed_write_or_sync_poisons_the_log_until_a_restart() {
    for kind in [CallKind::Write, CallKind::SyncData] {
        let fs = SimulatedFileSystem::new(1);
        let log = create(&fs).unwrap();
        commit(&log, 1).unwrap();
        append(&log, 2).unwrap();
        append(&log, 3).unwrap();
        fs.fail_call(1, Some(kind), Fault::Io);
        let calls = |fs: &SimulatedFileSystem| (fs.calls(Some(CallKind::Write)), fs.syncs());
        let error = log.sync_up_to(LogSeq(3)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::CommitUnknown);
        assert!(error.hint().unwrap().contains("restart the server"));
        let before = calls(&fs);
        assert_eq!(log.sync_up_to(LogSeq(2)).unwrap_err().kind(), ErrorKind::CommitUnknown);
        let error = append(&log, 4).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.hint().unwrap().contains("restart the server"));
        log.sync_up_to(LogSeq(1)).unwrap();
        assert_eq!(calls(&fs), before, "nothing is tried again");
        fs.process_kill();
        let (log, records) = open(&fs).unwrap();
        let found = u64::try_from(records.len()).unwrap();
        assert_records(&records, 1, found);
        commit(&log, found + 1).unwrap();
        // What the restarted server showed survives, although the first sync of it had failed.
        fs.power_cut(9);
        assert_records(&open(&fs).unwrap().1, 1, found + 1);
    }
}

#[test]
fn a_full_disk_refuses_the_append_and_is_retried() {
    let fs = SimulatedFileSystem::new(1);
    let log = create(&fs).unwrap();
    fs.set_capacity(fs.used_bytes() + 1_000);
    let mut seq = 1;
    let error = loop {
        match commit(&log, seq) {
            Ok(()) => seq += 1,
            Err(e) => break e,
        }
    };
    assert!(seq > 5);
    assert_eq!(error.kind(), ErrorKind::DiskFull);
    assert_eq!(log.next_seq(), LogSeq(seq));
    assert_eq!(append(&log, seq).unwrap_err().kind(), ErrorKind::DiskFull);
    assert_eq!(fs.list("log").unwrap().len(), 1, "no remains");
    fs.set_capacity(u64::MAX);
    commit(&log, seq).unwrap();
    assert_records(&open(&fs).unwrap().1, 1, seq);
}

#[test]
fn a_full_disk_does_not_keep_a_log_from_opening() {
    let fs = written(3);
    let used = u64::try_from(64 * 4 + (1..=3).map(|s| payload(s).len()).sum::<usize>()).unwrap();
    fs.set_capacity(fs.used_bytes() + used);
    let (log, records) = open(&fs).unwrap();
    assert_records(&records, 1, 3);
    fs.set_capacity(fs.used_bytes());
    assert_eq!(append(&log, 4).unwrap_err().kind(), ErrorKind::DiskFull);
    fs.set_capacity(u64::MAX);
    commit(&log, 4).unwrap();
}

/// What a run knew when it ended.
#[derive(Debug, Default, Clone, Copy)]
struct Known {
    created: bool,
    acknowledged: u64,
    appended: u64,
}

/// Creates a log and commits in groups of one to three until something fails.
fn run(fs: &SimulatedFileSystem, known: &mut Known) -> Result<()> {
    let log = create(fs)?;
    known.created = true;
    write_groups(&log, 1, 24, known)
}

fn write_groups(log: &Log, from: u64, to: u64, known: &mut Known) -> Result<()> {
    let mut seq = from;
    while seq <= to {
        for _ in 0..=seq % 3 {
            append(log, seq)?;
            known.appended = seq;
            seq += 1;
        }
        log.sync_up_to(LogSeq(seq - 1))?;
        known.acknowledged = seq - 1;
    }
    Ok(())
}

/// Acknowledged records must be there, and nothing that was never appended.
fn check(fs: &SimulatedFileSystem, known: Known, context: &str) -> (Log, u64) {
    let (log, records) = open(fs).unwrap_or_else(|e: Error| panic!("{context}: {e}"));
    let found = u64::try_from(records.len()).unwrap();
    assert!((known.acknowledged..=known.appended).contains(&found), "{context}: {found} of {known:?}");
    assert_records(&records, 1, found);
    (log, found)
}

#[test]
fn power_cuts_at_every_call_of_writing_and_of_recovery_lose_nothing_acknowledged() {
    let total = {
        let fs = SimulatedFileSystem::new(0);
        run(&fs, &mut Known::default()).unwrap();
        fs.calls(None)
    };
    for call in 1..=total {
        for seed in 0..6 {
            let seed = call * 100 + seed;
            let random = Random::from_seed(seed);
            let context = format!("SEED={seed} call {call}");
            let fs = SimulatedFileSystem::new(seed);
            fs.fail_call(call, None, Fault::Halt);
            let mut known = Known::default();
            run(&fs, &mut known).unwrap_err();
            end(&fs, &random);
            if !known.created {
                // The database was not complete: making it again must work.
                create(&fs).unwrap_or_else(|e| panic!("{context}: {e}"));
                continue;
            }
            // Recovery is killed in its turn, twice.
            for _ in 0..2 {
                fs.fail_call(1 + random.below(12), None, Fault::Halt);
                if let Ok((_, records)) = open(&fs) {
                    // What a reader saw must not be lost again.
                    known.acknowledged = known.acknowledged.max(u64::try_from(records.len()).unwrap());
                }
                end(&fs, &random);
            }
            let (log, found) = check(&fs, known, &context);
            known = Known { created: true, acknowledged: found, appended: found };
            write_groups(&log, found + 1, found + 5, &mut known).unwrap();
            end(&fs, &random);
            check(&fs, known, &context);
        }
    }
}

/// The process dies, and in most cases the power with it.
fn end(fs: &SimulatedFileSystem, random: &Random) {
    if random.below(4) == 0 {
        fs.process_kill();
    } else {
        fs.power_cut(random.next_u64());
    }
}

#[test]
fn each_call_that_fails_once_loses_nothing_acknowledged() {
    let total = {
        let fs = SimulatedFileSystem::new(0);
        run(&fs, &mut Known::default()).unwrap();
        fs.calls(None)
    };
    for call in 1..=total {
        for fault in [Fault::Io, Fault::NoSpace] {
            let context = format!("SEED={call} {fault:?} at call {call}");
            let fs = SimulatedFileSystem::new(call);
            fs.fail_call(call, None, fault);
            let mut known = Known::default();
            let outcome = run(&fs, &mut known);
            fs.power_cut(call);
            if !known.created {
                create(&fs).unwrap_or_else(|e| panic!("{context}: {e}"));
                continue;
            }
            if let Err(e) = &outcome {
                let expected = [ErrorKind::CommitUnknown, ErrorKind::Io, ErrorKind::DiskFull];
                assert!(expected.contains(&e.kind()), "{context}: {e}");
            }
            check(&fs, known, &context);
        }
    }
}
