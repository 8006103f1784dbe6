//! What `nyala serve` and `nyala check` say of a data directory that is in use, of a newer format, or damaged: they refuse,
//! name the file, exit with a code of their own, and leave every byte as it was.
//!
//! Files are changed by what docs/format.md says of them, with checksums computed here.

use sql_tests::process::{self, Process, connect};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

const SETTINGS: [(&str, &str); 3] = [
    ("NYALA_TRANSACTION_BUFFER_BYTES", "1048576"),
    ("NYALA_LOG_FILE_BYTES", "17825792"),
    ("NYALA_CHECKPOINT_LOG_BYTES", "1048576"),
];

/// Path below the directory and bytes of every file.
type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(directory: &Path) -> Files {
    let mut found = Files::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                found.insert(path.strip_prefix(directory).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A closed directory with one of each: checkpoint, log with records, segment, pack of delete vectors.
async fn build(data: &Path) -> Files {
    let mut server = Process::launch(data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE t (k bigint PRIMARY KEY, pad text);
             INSERT INTO t SELECT g, repeat(md5(g::text), 10) FROM generate_series(1, 9000) g",
        )
        .await
        .unwrap();
    client.batch_execute("DELETE FROM t WHERE k % 100 = 0").await.unwrap();
    server.terminate().unwrap();
    assert!(server.wait().unwrap().success());
    let mut server = Process::launch(data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    for key in 10_000..10_003 {
        client.batch_execute(&format!("INSERT INTO t VALUES ({key}, 'x')")).await.unwrap();
    }
    server.kill().unwrap();
    server.wait().unwrap();
    files(data)
}

/// CRC32C, bit by bit.
fn crc32c(pieces: &[&[u8]]) -> u32 {
    let mut crc = u32::MAX;
    for byte in pieces.iter().flat_map(|piece| piece.iter()) {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    !crc
}

/// Puts the checksum of everything before `at`, behind `seed`, there.
fn seal(bytes: &mut [u8], from: usize, at: usize, seed: &[u8]) {
    let crc = crc32c(&[seed, &bytes[from..at]]);
    bytes[at..at + 4].copy_from_slice(&crc.to_le_bytes());
}

fn seal_header(bytes: &mut [u8]) {
    seal(bytes, 0, 60, &[]);
}

/// One file changed in one way.
struct Case {
    what: &'static str,
    /// Directory of the file, or the file.
    file: &'static str,
    change: fn(&mut Files, &Path),
    /// What is said beside the file's name.
    says: &'static str,
}

fn bytes_of<'f>(files: &'f mut Files, path: &Path) -> &'f mut Vec<u8> {
    files.get_mut(path).unwrap()
}

fn newer_header(files: &mut Files, path: &Path) {
    let bytes = bytes_of(files, path);
    bytes[8] += 1;
    seal_header(bytes);
}

/// The checkpoint's first byte behind the header; then its checksum, and what CURRENT says of it.
fn newer_keys_of_checkpoint(files: &mut Files, path: &Path) {
    let bytes = bytes_of(files, path);
    bytes[64] += 1;
    let end = bytes.len() - 4;
    seal(bytes, 0, end, &[]);
    let whole = crc32c(&[bytes]);
    let current = bytes_of(files, Path::new("CURRENT"));
    current[64..68].copy_from_slice(&whole.to_le_bytes());
    seal(current, 0, 68, &[]);
}

/// Offset of the last record of a log and the number of its file.
fn last_record(bytes: &[u8]) -> (usize, u64) {
    let mut at = 64;
    loop {
        let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let next = at + 64 + length;
        if bytes[next..next + 8] == [0; 8] {
            return (at, u64::from_le_bytes(bytes[32..40].try_into().unwrap()));
        }
        at = next;
    }
}

fn change_record(bytes: &mut [u8], change: impl FnOnce(&mut [u8])) {
    let (at, file) = last_record(bytes);
    let length = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    change(&mut bytes[at..]);
    let payload = crc32c(&[&bytes[at + 64..at + 64 + length]]);
    bytes[at + 36..at + 40].copy_from_slice(&payload.to_le_bytes());
    let seed = [file.to_le_bytes(), (at as u64).to_le_bytes()].concat();
    seal(bytes, at, at + 60, &seed);
}

fn newer_record(files: &mut Files, path: &Path) {
    change_record(bytes_of(files, path), |record| record[4] = 9);
}

fn newer_keys_of_record(files: &mut Files, path: &Path) {
    change_record(bytes_of(files, path), |record| record[64] += 1);
}

const TRAILER: usize = 116;
const BLOCK: usize = 64 << 10;

/// Puts all checksums of a segment right again.
fn seal_segment(bytes: &mut [u8]) {
    let trailer = bytes.len() - TRAILER;
    let identity = bytes[trailer + 12..trailer + 36].to_vec();
    let body = u64::from_le_bytes(bytes[trailer + 36..trailer + 44].try_into().unwrap()) as usize;
    let seed = |block: u64| [identity.as_slice(), &block.to_le_bytes()].concat();
    for (number, start) in (0..body).step_by(BLOCK).enumerate() {
        let block = &bytes[start..body.min(start + BLOCK)];
        let crc = crc32c(&[&seed(number as u64), block]);
        bytes[body + number * 4..body + number * 4 + 4].copy_from_slice(&crc.to_le_bytes());
    }
    let table = crc32c(&[&seed(u64::MAX), &bytes[body..trailer]]);
    bytes[trailer + TRAILER - 8..trailer + TRAILER - 4].copy_from_slice(&table.to_le_bytes());
    seal(bytes, trailer, trailer + TRAILER - 4, &seed(u64::MAX - 1));
}

fn newer_trailer(files: &mut Files, path: &Path) {
    let bytes = bytes_of(files, path);
    let trailer = bytes.len() - TRAILER;
    bytes[trailer + 8] += 1;
    seal_segment(bytes);
}

/// A segment without arrays says an older version than the newest that is known.
fn newer_header_of_segment(files: &mut Files, path: &Path) {
    let bytes = bytes_of(files, path);
    bytes[5] += 0x10;
    seal_segment(bytes);
}

/// Behind magic, version and format tag.
fn newer_keys_of_segment(files: &mut Files, path: &Path) {
    let bytes = bytes_of(files, path);
    let at = 10 + usize::from(bytes[9]);
    bytes[at] += 1;
    seal_segment(bytes);
}

fn newer_pack(files: &mut Files, path: &Path) {
    let bytes = bytes_of(files, path);
    bytes[8] += 1;
    let seed = [&bytes[12..36], &[0; 8]].concat();
    seal(bytes, 0, 36, &seed);
}

fn flip(files: &mut Files, path: &Path, at: fn(usize) -> usize) {
    let bytes = bytes_of(files, path);
    let at = at(bytes.len());
    bytes[at] ^= 0x10;
}

/// The first byte of the first record: later ones know that it was durable.
fn flip_first_record(files: &mut Files, path: &Path) {
    flip(files, path, |_| 64);
}

fn flip_middle(files: &mut Files, path: &Path) {
    flip(files, path, |len| len / 2);
}

fn flip_last(files: &mut Files, path: &Path) {
    flip(files, path, |len| len - 1);
}

fn remove(files: &mut Files, path: &Path) {
    files.remove(path);
}

const NEWER: &str = "written by a newer version of Nyala";

const CASES: [Case; 19] = [
    Case { what: "version", file: "CURRENT", change: newer_header, says: NEWER },
    Case { what: "version", file: "checkpoint", change: newer_header, says: NEWER },
    Case { what: "keys", file: "checkpoint", change: newer_keys_of_checkpoint, says: NEWER },
    Case { what: "version", file: "log", change: newer_header, says: NEWER },
    Case { what: "record", file: "log", change: newer_record, says: NEWER },
    Case { what: "keys", file: "log", change: newer_keys_of_record, says: NEWER },
    Case { what: "trailer", file: "segment", change: newer_trailer, says: NEWER },
    Case { what: "header", file: "segment", change: newer_header_of_segment, says: NEWER },
    Case { what: "keys", file: "segment", change: newer_keys_of_segment, says: NEWER },
    Case { what: "version", file: "delete", change: newer_pack, says: NEWER },
    Case { what: "damage", file: "CURRENT", change: flip_middle, says: "damaged" },
    Case { what: "damage", file: "checkpoint", change: flip_middle, says: "damaged" },
    Case { what: "damage", file: "log", change: flip_first_record, says: "damaged" },
    Case { what: "damage", file: "segment", change: flip_last, says: "damaged" },
    Case { what: "damage", file: "delete", change: flip_last, says: "damaged" },
    Case { what: "missing", file: "CURRENT", change: remove, says: "missing" },
    Case { what: "missing", file: "checkpoint", change: remove, says: "missing" },
    Case { what: "missing", file: "log", change: remove, says: "missing" },
    Case { what: "missing", file: "segment", change: remove, says: "missing" },
];

/// A directory with these files, and with those directories that one of our own has in any case.
fn write(directory: &Path, files: &Files) {
    for own in ["checkpoint", "delete", "log", "segment"] {
        fs::create_dir_all(directory.join(own)).unwrap();
    }
    for (path, bytes) in files {
        fs::write(directory.join(path), bytes).unwrap();
    }
}

/// The file that a case is about: the only one below its directory that has been written to the end.
fn victim(files: &Files, file: &str) -> PathBuf {
    files.keys().rfind(|path| path.starts_with(file)).unwrap_or_else(|| panic!("no {file}")).clone()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn directories_of_newer_versions_and_damaged_ones_are_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let sound = build(&directory.path().join("sound")).await;
    for (number, case) in CASES.iter().enumerate() {
        let path = victim(&sound, case.file);
        let mut files_then = sound.clone();
        (case.change)(&mut files_then, &path);
        let data = directory.path().join(number.to_string());
        write(&data, &files_then);
        let about = format!("{} of {}", case.what, path.display());
        let name = path.display().to_string();
        for (program, output, code) in
            [("serve", process::refusal(&data), 2), ("check", process::check(&data), 1)]
        {
            let output = output.unwrap_or_else(|e| panic!("{program}, {about}: {e}"));
            let text = said(&output);
            assert!(text.contains(&name) && text.contains(case.says), "{program}, {about}: {text}");
            assert_eq!(output.status.code(), Some(code), "{program}, {about}: {text}");
            if program == "serve"
                && (case.what == "damage" || case.what == "missing" && case.file == "segment")
            {
                assert!(text.contains("nyala check --data"), "{about}: {text}");
                let names_table = text.contains("The segment holds rows of table \"public.t\".");
                assert_eq!(names_table, case.file == "segment", "{about}: {text}");
            }
            assert!(files(&data) == files_then, "{program}, {about}: the directory changed");
        }
        fs::remove_dir_all(data).unwrap();
    }

    // Damage among rows, where a start does not look: the check finds it, and so does whoever reads them.
    let data = directory.path().join("rows");
    let path = victim(&sound, "segment");
    let mut damaged = sound.clone();
    flip_middle(&mut damaged, &path);
    write(&data, &damaged);
    let report = process::check(&data).unwrap();
    assert!(said(&report).contains(&path.display().to_string()), "{}", said(&report));
    assert_eq!(report.status.code(), Some(1));
    assert!(files(&data) == damaged);
    let mut server = Process::launch(&data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    let error = client.query("SELECT max(pad), max(k) FROM t", &[]).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.code().code(), "XX001", "{error:?}");
    assert!(error.message().contains(&path.display().to_string()), "{error:?}");
}

/// One server per directory; a second one says why it does not start, as does the check.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_in_use_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut server = Process::launch(&data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    client.batch_execute("CREATE TABLE t (k int PRIMARY KEY); INSERT INTO t VALUES (1)").await.unwrap();
    let before = files(&data);
    for output in [process::refusal(&data).unwrap(), process::check(&data).unwrap()] {
        assert_eq!(output.status.code(), Some(2));
        let text = said(&output);
        assert!(text.contains("in use") && text.contains(&data.display().to_string()), "{text}");
    }
    assert!(files(&data) == before);
    client.batch_execute("INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 2);
}
