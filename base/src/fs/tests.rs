//! One set of tests for both file systems, then what only the simulated one does.

use super::{CallKind, Fault, FileSystem, LocalFileSystem, SimulatedFileSystem};
use crate::ErrorKind;

/// What every file system must do.
fn conforms(fs: &dyn FileSystem) {
    assert!(!fs.exists("a").unwrap());
    fs.create_directory("a/b").unwrap();
    fs.create_directory("a/b").unwrap();
    let file = fs.create("a/b/f").unwrap();
    assert_eq!(fs.create("a/b/f").unwrap_err().kind(), ErrorKind::Io);
    assert_eq!(fs.create("missing/f").unwrap_err().kind(), ErrorKind::FileMissing);
    assert_eq!(fs.open("a/b/g").unwrap_err().kind(), ErrorKind::FileMissing);
    file.write_at(3, b"xyz").unwrap();
    assert_eq!(file.len().unwrap(), 6);
    let mut buffer = [9; 6];
    file.read_at(0, &mut buffer).unwrap();
    assert_eq!(&buffer, b"\0\0\0xyz");
    assert_eq!(file.read_at(1, &mut buffer).unwrap_err().kind(), ErrorKind::Corruption);
    file.preallocate(4_096).unwrap();
    file.preallocate(10).unwrap();
    assert_eq!(file.len().unwrap(), 4_096);
    file.truncate(4).unwrap();
    file.preallocate(8).unwrap();
    let mut buffer = [9; 8];
    file.read_at(0, &mut buffer).unwrap();
    assert_eq!(&buffer, b"\0\0\0x\0\0\0\0");
    file.sync_data().unwrap();
    fs.create("a/b/g").unwrap().write_at(0, b"old").unwrap();
    fs.rename("a/b/f", "a/b/g").unwrap();
    fs.sync_directory("a/b").unwrap();
    fs.sync_directory("").unwrap();
    assert_eq!(fs.list("a/b").unwrap(), ["g"]);
    assert_eq!(fs.open("a/b/g").unwrap().len().unwrap(), 8);
    assert!(fs.list("missing").is_err());
    fs.remove("a/b/g").unwrap();
    assert_eq!(fs.remove("a/b/g").unwrap_err().kind(), ErrorKind::FileMissing);
    assert!(!fs.exists("a/b/g").unwrap());
    let lock = fs.lock("").unwrap();
    assert!(lock.is_some());
    assert!(fs.lock("").unwrap().is_none());
    drop(lock);
    assert!(fs.lock("").unwrap().is_some());
}

#[test]
fn the_simulated_file_system_conforms() {
    conforms(&SimulatedFileSystem::new(1));
    conforms(SimulatedFileSystem::new(1).process().as_ref());
}

#[test]
fn the_local_file_system_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let fs = LocalFileSystem::open(directory.path().join("new/data")).unwrap();
    conforms(&fs);
    assert_eq!(fs.open("../x").unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(fs.create("/etc/x").unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn errors_name_the_call_and_a_full_disk_has_its_own_kind() {
    let fs = SimulatedFileSystem::new(1);
    let file = fs.create("f").unwrap();
    fs.set_capacity(10);
    let error = file.preallocate(11).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DiskFull);
    assert!(error.message().starts_with("could not reserve space for file \"f\""), "{error}");
    file.write_at(0, &[1; 10]).unwrap();
    assert_eq!(file.write_at(5, &[1; 6]).unwrap_err().kind(), ErrorKind::DiskFull);
    fs.set_capacity(11);
    file.write_at(5, &[1; 6]).unwrap();
    assert_eq!(fs.used_bytes(), 11);
}

#[test]
fn a_power_cut_keeps_what_was_synced_and_any_subset_of_the_rest() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..200 {
        let fs = SimulatedFileSystem::new(seed);
        let file = fs.create("f").unwrap();
        file.write_at(0, &[1; 1_536]).unwrap();
        file.sync_data().unwrap();
        fs.sync_directory("").unwrap();
        file.write_at(0, &[2; 1_536]).unwrap();
        fs.create("unsynced").unwrap();
        fs.power_cut(seed);
        assert_eq!(file.len().unwrap_err().kind(), ErrorKind::Io, "the old handle is dead");
        let bytes = fs.contents("f").unwrap();
        assert_eq!(bytes.len(), 1_536);
        for block in bytes.chunks(512) {
            assert!(block.iter().all(|b| *b == block[0]), "seed {seed}: a block is torn");
        }
        seen.insert((bytes[0], bytes[512], bytes[1_024], fs.exists("unsynced").unwrap()));
    }
    assert_eq!(seen.len(), 16, "every combination of three blocks and a name");
}

#[test]
fn a_file_in_a_directory_that_was_never_synced_is_lost_at_times() {
    let mut survived = 0;
    for seed in 0..50 {
        let fs = SimulatedFileSystem::new(0);
        fs.create_directory("d").unwrap();
        fs.create("d/f").unwrap().sync_data().unwrap();
        fs.sync_directory("d").unwrap();
        fs.power_cut(seed);
        assert_eq!(fs.exists("d").unwrap(), fs.exists("d/f").unwrap());
        survived += u32::from(fs.exists("d/f").unwrap());
    }
    assert!((1..50).contains(&survived));
}

#[test]
fn a_kill_keeps_cached_bytes_and_a_later_power_cut_may_lose_them() {
    let mut lost = 0;
    for seed in 0..50 {
        let fs = SimulatedFileSystem::new(0);
        let process = fs.process();
        let lock = process.lock("").unwrap();
        let file = process.create("f").unwrap();
        fs.sync_directory("").unwrap();
        file.write_at(0, b"x").unwrap();
        fs.process_kill();
        assert!(process.exists("f").is_err());
        assert!(fs.lock("").unwrap().is_some(), "a dead process holds no lock");
        drop(lock);
        assert_eq!(fs.contents("f").unwrap(), b"x");
        fs.power_cut(seed);
        lost += u32::from(fs.contents("f").unwrap().is_empty());
    }
    assert!((1..50).contains(&lost));
}

#[test]
fn a_failed_sync_leaves_data_cached_that_no_later_sync_makes_durable() {
    for seed in 0..20 {
        let fs = SimulatedFileSystem::new(0);
        let file = fs.create("f").unwrap();
        file.write_at(0, b"aaaa").unwrap();
        file.sync_data().unwrap();
        fs.sync_directory("").unwrap();
        file.write_at(0, b"bbbb").unwrap();
        fs.fail_call(1, Some(CallKind::SyncData), Fault::Io);
        assert_eq!(file.sync_data().unwrap_err().kind(), ErrorKind::Io);
        file.sync_data().unwrap();
        assert_eq!(fs.contents("f").unwrap(), b"bbbb");
        fs.power_cut(seed);
        assert_eq!(fs.contents("f").unwrap(), b"aaaa");
    }
}

#[test]
fn planned_faults_strike_at_their_call_and_halting_is_for_good() {
    let fs = SimulatedFileSystem::new(0);
    let file = fs.create("f").unwrap();
    fs.fail_call(2, Some(CallKind::Write), Fault::NoSpace);
    file.write_at(0, b"x").unwrap();
    assert_eq!(file.write_at(0, b"x").unwrap_err().kind(), ErrorKind::DiskFull);
    file.write_at(0, b"x").unwrap();
    assert_eq!(fs.calls(Some(CallKind::Write)), 3);
    fs.fail_call(1, None, Fault::Halt);
    assert!(file.sync_data().is_err());
    assert!(file.len().is_err());
    fs.process_kill();
    assert!(fs.exists("f").unwrap());
    let before = fs.syncs();
    fs.sync_directory("").unwrap();
    assert_eq!(fs.syncs(), before + 1);
}

#[test]
fn bits_flip_once_on_a_read_or_for_good_on_the_disk() {
    let fs = SimulatedFileSystem::new(3);
    let file = fs.create("f").unwrap();
    file.write_at(0, &[0; 8]).unwrap();
    fs.corrupt_read(2);
    let ones = || {
        let mut buffer = [0; 8];
        file.read_at(0, &mut buffer).unwrap();
        buffer.iter().map(|b| b.count_ones()).sum::<u32>()
    };
    assert_eq!([ones(), ones(), ones()], [0, 1, 0]);
    assert!(fs.flip_bit("f", 9));
    assert_eq!(fs.duplicate(1).contents("f").unwrap(), [0, 2, 0, 0, 0, 0, 0, 0]);
    assert!(fs.replace_contents("f", b"n"));
    assert!(!fs.flip_bit("g", 0));
    assert_eq!(fs.contents("f").unwrap(), b"n");
}
