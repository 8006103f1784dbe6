//! A disk that is full: writes are refused with 53100, reads go on, nothing is lost, and once there is space again
//! writes go on without a restart.

use base::random::Random;
use bytes::Bytes;
use futures::SinkExt;
use sql_tests::process::{self, Process, connect};
use sql_tests::volume::Volume;
use std::collections::BTreeMap;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, CopyInSink, Error};

/// A volume of some log files, and flushes and checkpoints that happen within the test.
const MEBIBYTES: u32 = 128;
const SETTINGS: [(&str, &str); 5] = [
    ("NYALA_MEMTABLE_FLUSH_BYTES", "2097152"),
    ("NYALA_CHECKPOINT_LOG_BYTES", "4194304"),
    ("NYALA_LOG_FILE_BYTES", "17825792"),
    ("NYALA_TRANSACTION_BUFFER_BYTES", "2097152"),
    // Takes time and is tested elsewhere.
    ("NYALA_SEGMENT_READ_BACK", "false"),
];

/// Rows of the table.
const KEYS: i64 = 20;

/// The table as it must be: by key, how often the row was changed and the length of its text.
///
/// Writes are updates, many and large, of few rows: only the newest versions remain to be flushed, so that the background
/// keeps up however slow the build is.
struct Rows(BTreeMap<i64, (i64, i64)>);

impl Rows {
    async fn create(client: &Client) -> Self {
        let create = "CREATE TABLE t (k bigint PRIMARY KEY, v bigint, pad text)";
        let insert = format!("INSERT INTO t SELECT g, 0, '' FROM generate_series(0, {KEYS} - 1) g");
        client.batch_execute(&format!("{create}; {insert}")).await.unwrap();
        Self((0..KEYS).map(|key| (key, (0, 0))).collect())
    }

    /// Changes the first rows by one statement; on success that is what must be there.
    async fn update(&mut self, client: &Client, rows: i64, bytes: i64) -> Result<(), Error> {
        let statement = format!(
            "UPDATE t SET v = v + 1, pad = repeat(chr(97 + (k % 26)::int), {bytes}) WHERE k < {rows}"
        );
        client.batch_execute(&statement).await?;
        for (changes, length) in self.0.range_mut(..rows).map(|(_, row)| row) {
            (*changes, *length) = (*changes + 1, bytes);
        }
        Ok(())
    }

    async fn check(&self, client: &Client) {
        let rows = client.query("SELECT k, v, length(pad)::bigint FROM t", &[]).await.unwrap();
        let found: BTreeMap<i64, (i64, i64)> =
            rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
        assert_eq!((rows.len(), &found), (self.0.len(), &self.0));
    }
}

fn assert_full(error: &Error, what: &str) {
    let error = error.as_db_error().unwrap_or_else(|| panic!("{what}: {error:?}"));
    assert_eq!(error.code(), &SqlState::DISK_FULL, "{what}: {error:?}");
    assert!(error.message().contains("No space left on device"), "{what}: {error:?}");
    assert_eq!(error.hint(), Some("Check free disk space."), "{what}");
}

/// Writes until nothing fits any more: the space that the log has reserved is used up first.
async fn write_until_full(client: &Client, rows: &mut Rows) {
    for (count, bytes) in [(1, 100_000), (1, 5_000), (1, 0)] {
        let mut left = 2_000;
        let error = loop {
            if let Err(error) = rows.update(client, count, bytes).await {
                break error;
            }
            left -= 1;
            assert!(left > 0, "the disk does not fill");
        };
        assert_full(&error, &format!("{count} rows of {bytes} bytes"));
    }
}

/// Whatever needs space is refused whole, and the session goes on.
async fn refuse_writes(client: &Client) {
    for statement in [
        "INSERT INTO t VALUES (-1, 0, 'x'), (-2, 0, 'y')",
        "UPDATE t SET pad = 'changed' WHERE k < 10",
        "DELETE FROM t WHERE k < 10",
        "CREATE TABLE other (a int)",
        "BEGIN; INSERT INTO t VALUES (-1, 0, 'x'); DELETE FROM t WHERE k = 5; COMMIT",
        // Beyond the transaction's buffer, so it is staged in files.
        "INSERT INTO t SELECT -g, g, repeat('x', 1000) FROM generate_series(1, 4000) g",
    ] {
        let error = client.batch_execute(statement).await.expect_err(statement);
        assert_full(&error, statement);
        // Ends the block of the one that had one; a warning for the others.
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_writes_and_nothing_else() {
    let volume = Volume::new(MEBIBYTES).unwrap();
    println!("{volume:?}");
    let data = volume.path().join("data");
    let mut server = Process::launch_on(&volume, &data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    let mut rows = Rows::create(&client).await;
    rows.update(&client, KEYS, 1_000).await.unwrap();
    volume.fill().unwrap();
    write_until_full(&client, &mut rows).await;
    rows.check(&client).await;
    refuse_writes(&client).await;
    rows.check(&client).await;
    volume.free().unwrap();

    // Without a restart writes go on, and so do flushes and checkpoints, which shorten the log.
    let log = data.join("log");
    let first = volume.list(&log).unwrap();
    let mut left = 2_000;
    while volume.list(&log).unwrap().first() == first.first() {
        rows.update(&client, 1, 50_000).await.unwrap();
        left -= 1;
        assert!(left > 0, "the log is never shortened");
    }
    rows.check(&client).await;

    // Killed while it is full: it says why it does not start, or it starts; nothing is lost either way.
    volume.fill().unwrap();
    write_until_full(&client, &mut rows).await;
    server.kill().unwrap();
    server.wait().unwrap();
    let mut server = Process::launch_on(&volume, &data, &SETTINGS).unwrap();
    match server.ready() {
        Ok(address) => rows.check(&connect(address).await.unwrap()).await,
        Err(_) => assert_eq!(server.wait().unwrap().code(), Some(2)),
    }
    drop(server);
    volume.free().unwrap();
    let report = process::check_on(&volume, &data).unwrap();
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(report.status.success() && text.trim_end().ends_with(" 0 problems"), "{text}");
    let mut server = Process::launch_on(&volume, &data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    rows.check(&client).await;
    rows.update(&client, KEYS, 10).await.unwrap();
    rows.check(&client).await;
}

/// What is done until it does not fit any more, each in turn: what is refused leaves nothing behind.
async fn one_write(client: &Client, rows: &mut Rows, fresh: &mut i64, random: &Random) -> Result<(), Error> {
    match random.below(5) {
        0 => {
            let key = *fresh;
            *fresh += 1;
            let bytes = i64::try_from(random.below(60_000)).unwrap();
            client.batch_execute(&format!("INSERT INTO t VALUES ({key}, 0, repeat('i', {bytes}))")).await?;
            rows.0.insert(key, (0, bytes));
        }
        // Beyond the transaction's buffer, so it is staged in files.
        1 => {
            let (first, count) = (*fresh, 40);
            *fresh += count;
            let copied = copy(client, first, count, random).await?;
            assert_eq!(copied, u64::try_from(count).unwrap());
            rows.0.extend((first..first + count).map(|key| (key, (0, COPIED_BYTES))));
            // The volume is small: what was copied goes again, once there are enough.
            if rows.0.len() > 150 {
                client.batch_execute(&format!("DELETE FROM t WHERE k >= {KEYS}")).await?;
                rows.0.retain(|key, _| *key < KEYS);
            }
        }
        2 => client.batch_execute("CHECKPOINT").await?,
        _ => rows.update(client, KEYS, i64::try_from(random.below(40_000)).unwrap()).await?,
    }
    Ok(())
}

/// Text that does not get smaller than half.
fn text(random: &Random, bytes: u64) -> String {
    (0..bytes.div_ceil(16)).map(|_| format!("{:016x}", random.next_u64())).collect()
}

/// Bytes of the text of a copied row.
const COPIED_BYTES: i64 = 60_000;

async fn copy(client: &Client, first: i64, count: i64, random: &Random) -> Result<u64, Error> {
    let sink: CopyInSink<Bytes> = client.copy_in("COPY t FROM STDIN").await?;
    let mut sink = Box::pin(sink);
    for key in first..first + count {
        let pad = text(random, COPIED_BYTES.unsigned_abs());
        sink.send(Bytes::from(format!("{key}\t0\t{pad}\n"))).await?;
    }
    sink.as_mut().finish().await
}

/// The disk fills within inserts, copies, updates, flushes or checkpoints, wherever that is: a random amount of space is left
/// each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_anywhere_loses_nothing() {
    let seed = std::env::var("NYALA_SEED").ok().and_then(|n| n.parse().ok());
    let seed = seed.unwrap_or_else(|| Random::from_system().unwrap().below(1 << 32));
    println!("SEED={seed}");
    let random = Random::from_seed(seed);
    let long = std::env::var_os("NYALA_TEST_LONG").is_some_and(|v| !v.is_empty());
    let volume = Volume::new(MEBIBYTES).unwrap();
    let data = volume.path().join("data");
    let mut server = Process::launch_on(&volume, &data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    let mut rows = Rows::create(&client).await;
    let mut fresh = 1_000;
    for round in 0..if long { 40 } else { 3 } {
        volume.fill_but(random.below(6 << 20)).unwrap();
        let mut left = 2_000;
        let error = loop {
            if let Err(error) = one_write(&client, &mut rows, &mut fresh, &random).await {
                break error;
            }
            left -= 1;
            assert!(left > 0, "the disk does not fill");
        };
        assert_full(&error, &format!("round {round}"));
        rows.check(&client).await;
        volume.free().unwrap();
        // At once, without a restart.
        rows.update(&client, KEYS, 10).await.unwrap();
        client.batch_execute(&format!("DELETE FROM t WHERE k >= {KEYS}")).await.unwrap();
        rows.0.retain(|key, _| *key < KEYS);
        client.batch_execute("CHECKPOINT").await.unwrap();
        rows.check(&client).await;
    }
    server.kill().unwrap();
    server.wait().unwrap();
    drop(server);
    let report = process::check_on(&volume, &data).unwrap();
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(report.status.success() && text.trim_end().ends_with(" 0 problems"), "{text}");
    let mut server = Process::launch_on(&volume, &data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    rows.check(&client).await;
}
