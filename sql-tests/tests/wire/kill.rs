//! SIGKILL at a random reply or a random sync, again and again over one data directory: what was acknowledged is there,
//! and every batch is there whole or not at all.
//!
//! A batch is one transaction: `ROWS` rows with its id in two tables, and the newest batch of its writer in a third.
//! Each thread of the server counts its syncs from its start: the first few are those of recovery, on one thread; later
//! ones belong to commits, flushes and checkpoints, whoever comes first.

use base::random::Random;
use sql_tests::process::{self, Process, SyncCall, connect};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

const WRITERS: i64 = 8;
const ROWS: i64 = 12;
/// Replies before the kill, at most.
const REPLIES_MAX: u64 = 60;
/// The calls that make bytes and names durable, and how many of one thread come before the kill, at most. Recovery
/// alone has about two of each.
const SYNCS: [(&str, u64); 2] = [("fdatasync", 14), ("fsync", 4)];
/// A server that is to die at a sync must have done so by then.
const REPLIES_WITHOUT_SYNC: i64 = 20_000;

/// Small, so that flushes and checkpoints happen within a round.
const SETTINGS: [(&str, &str); 3] = [
    ("NYALA_MEMTABLE_FLUSH_BYTES", "16384"),
    ("NYALA_CHECKPOINT_LOG_BYTES", "1048576"),
    ("NYALA_LOG_FILE_BYTES", "17825792"),
];

const TABLES: &str = "
    CREATE TABLE hashed (batch bigint, n bigint, pad text, PRIMARY KEY (batch, n))
        PARTITION BY HASH (batch) PARTITIONS 3;
    CREATE TABLE keyless (batch bigint, n bigint, pad text);
    CREATE TABLE newest (writer bigint PRIMARY KEY, batch bigint);
";

/// What the writers know, over all rounds.
#[derive(Default)]
struct Known {
    next_batch: i64,
    sent: BTreeSet<i64>,
    acknowledged: BTreeSet<i64>,
    newest_acknowledged: BTreeMap<i64, i64>,
}

/// The rows of a batch as VALUES.
fn rows(batch: i64) -> String {
    let pad = "x".repeat(usize::try_from(batch % 90).unwrap_or(0));
    let rows: Vec<String> = (0..ROWS).map(|n| format!("({batch}, {n}, '{pad}')")).collect();
    rows.join(", ")
}

/// Commits one batch, in one of the three ways that clients have.
async fn write(client: &mut Client, writer: i64, batch: i64) -> Result<(), tokio_postgres::Error> {
    let (hashed, keyless) = (
        format!("INSERT INTO hashed VALUES {}", rows(batch)),
        format!("INSERT INTO keyless VALUES {}", rows(batch)),
    );
    let newest = format!(
        "INSERT INTO newest VALUES ({writer}, {batch}) ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch"
    );
    match batch % 3 {
        0 => client.batch_execute(&[hashed, keyless, newest].join("; ")).await,
        1 => {
            client
                .batch_execute(&["BEGIN".to_owned(), newest, keyless, hashed, "COMMIT".to_owned()].join("; "))
                .await
        }
        _ => {
            let transaction = client.transaction().await?;
            transaction.execute(&keyless, &[]).await?;
            transaction.execute(&hashed, &[]).await?;
            transaction.execute(&newest, &[]).await?;
            transaction.commit().await
        }
    }
}

/// What one writer did until the server was gone.
struct Written {
    writer: i64,
    sent: Vec<i64>,
    acknowledged: Vec<i64>,
}

async fn write_until_killed(
    address: SocketAddr,
    writer: i64,
    first_batch: i64,
    server: Arc<Process>,
    replies_left: Arc<AtomicI64>,
) -> Written {
    let mut written = Written { writer, sent: Vec::new(), acknowledged: Vec::new() };
    let Ok(mut client) = connect(address).await else { return written };
    let mut batch = first_batch;
    loop {
        written.sent.push(batch);
        match write(&mut client, writer, batch).await {
            Ok(()) => {
                written.acknowledged.push(batch);
                if replies_left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    server.kill().unwrap();
                }
            }
            Err(error) => {
                // Only the kill may end a writer.
                assert!(error.as_db_error().is_none(), "batch {batch}: {error:?}");
                return written;
            }
        }
        batch += WRITERS;
    }
}

/// When a round's server dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    AtReply(u64),
    AtSync(SyncCall),
}

impl Death {
    fn at_a_reply(random: &Random) -> Self {
        Death::AtReply(1 + random.below(REPLIES_MAX))
    }

    fn at_a_sync(random: &Random) -> Self {
        let (call, max) = SYNCS[usize::from(random.below(3) == 0)];
        Death::AtSync(SyncCall { call, number: 1 + random.below(max) })
    }
}

/// How many servers died where.
#[derive(Debug, Default)]
struct Deaths {
    at_reply: u32,
    at_sync_of_start: u32,
    at_sync_of_work: u32,
}

const SIGKILL: i32 = 9;

fn assert_killed(status: ExitStatus, what: impl std::fmt::Debug) {
    assert_eq!(status.signal(), Some(SIGKILL), "{what:?}: the server ended by itself: {status}");
}

/// Starts a server, checks what it has, and lets all writers write until it, or the one after it, is killed.
async fn round(data: &Path, known: &mut Known, death: Death, deaths: &mut Deaths) {
    let mut server = Process::launch(data, &SETTINGS).unwrap();
    let address = server.ready().unwrap();
    check(address, known).await;
    match death {
        Death::AtReply(reply) => {
            deaths.at_reply += 1;
            write_all(address, known, server, i64::try_from(reply).unwrap()).await;
        }
        Death::AtSync(sync) => {
            server.kill().unwrap();
            server.wait().unwrap();
            let mut server = Process::launch_until_sync(data, &SETTINGS, sync).unwrap();
            match server.ready() {
                Ok(address) => {
                    deaths.at_sync_of_work += 1;
                    let replies_left = write_all(address, known, server, REPLIES_WITHOUT_SYNC).await;
                    assert!(replies_left > 0, "{death:?} did not come");
                }
                Err(_) => {
                    deaths.at_sync_of_start += 1;
                    assert_killed(server.wait().unwrap(), death);
                }
            }
        }
    }
}

/// All writers write until the server is gone; it is killed at a reply if nothing else does. Returns the replies left.
async fn write_all(address: SocketAddr, known: &mut Known, server: Process, replies: i64) -> i64 {
    let server = Arc::new(server);
    let replies_left = Arc::new(AtomicI64::new(replies));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let first = known.next_batch + writer;
            tokio::spawn(write_until_killed(address, writer, first, server.clone(), replies_left.clone()))
        })
        .collect();
    for writer in writers {
        let written = writer.await.unwrap();
        if let Some(newest) = written.acknowledged.last() {
            known.newest_acknowledged.insert(written.writer, *newest);
        }
        known.sent.extend(written.sent);
        known.acknowledged.extend(written.acknowledged);
    }
    known.next_batch = known.sent.last().map_or(0, |last| (last / WRITERS + 1) * WRITERS);
    assert_killed(server.wait().unwrap(), replies);
    replies_left.load(Ordering::Relaxed)
}

async fn batches(client: &Client, table: &str) -> BTreeSet<i64> {
    let query =
        format!("SELECT batch, count(*), count(DISTINCT n), min(n), max(n) FROM {table} GROUP BY batch");
    let rows = client.query(&query, &[]).await.unwrap_or_else(|e| panic!("{query}: {e:?}"));
    rows.iter()
        .map(|row| {
            let batch: i64 = row.get(0);
            let counts: [i64; 4] = [row.get(1), row.get(2), row.get(3), row.get(4)];
            assert_eq!(counts, [ROWS, ROWS, 0, ROWS - 1], "batch {batch} of {table}");
            batch
        })
        .collect()
}

/// No acknowledged batch lost, none in part, nothing that was never sent.
async fn check(address: SocketAddr, known: &Known) {
    let client = connect(address).await.unwrap();
    let (hashed, keyless) = (batches(&client, "hashed").await, batches(&client, "keyless").await);
    assert_eq!(hashed, keyless);
    let lost: Vec<&i64> = known.acknowledged.difference(&hashed).collect();
    assert!(lost.is_empty(), "acknowledged batches were lost: {lost:?}");
    let unknown: Vec<&i64> = hashed.difference(&known.sent).collect();
    assert!(unknown.is_empty(), "batches appeared that nobody sent: {unknown:?}");
    let newest = client.query("SELECT writer, batch FROM newest", &[]).await.unwrap();
    let newest: BTreeMap<i64, i64> = newest.iter().map(|row| (row.get(0), row.get(1))).collect();
    for (writer, batch) in &known.newest_acknowledged {
        assert!(
            newest.get(writer).is_some_and(|b| b >= batch),
            "writer {writer}: {newest:?}, acknowledged {batch}"
        );
    }
    for (writer, batch) in &newest {
        assert!(hashed.contains(batch), "writer {writer}: batch {batch} is the newest and not there");
        let later = hashed.iter().filter(|b| *b % WRITERS == *writer && *b > batch).count();
        assert_eq!(later, 0, "writer {writer}: batches behind its newest, {batch}");
    }
}

/// A number per table that tells its content.
async fn fingerprints(address: SocketAddr) -> Vec<String> {
    let client = connect(address).await.unwrap();
    let mut all = Vec::new();
    for (table, sums) in
        [("hashed", "sum(batch), sum(n)"), ("keyless", "sum(batch), sum(n)"), ("newest", "sum(batch)")]
    {
        let content = format!("SELECT count(*), {sums} FROM {table}");
        let fingerprint = format!("SELECT fingerprint FROM nyala.tables WHERE table_name = '{table}'");
        all.push(format!("{:?}", client.simple_query(&content).await.unwrap()));
        match client.simple_query(&fingerprint).await {
            Ok(messages) => all.push(format!("{messages:?}")),
            // The relation is not there yet: the content above has to do.
            Err(error) => assert_eq!(error.code(), Some(&SqlState::UNDEFINED_TABLE), "{error:?}"),
        }
    }
    all
}

/// Starts the server, asks for the fingerprints, kills it.
async fn fingerprints_after_restart(data: &Path) -> Vec<String> {
    let mut server = Process::launch(data, &SETTINGS).unwrap();
    let all = fingerprints(server.ready().unwrap()).await;
    server.kill().unwrap();
    server.wait().unwrap();
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_batches_survive_kills() {
    let long = std::env::var_os("NYALA_TEST_LONG").is_some_and(|v| !v.is_empty());
    let rounds = if long { 200 } else { 10 };
    let seed = match std::env::var("NYALA_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => Random::from_system().unwrap().next_u64(),
    };
    println!("NYALA_TEST_SEED={seed} repeats this run as far as the machine's timing allows");
    let random = Random::from_seed(seed);
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");

    let mut server = Process::launch(&data, &SETTINGS).unwrap();
    connect(server.ready().unwrap()).await.unwrap().batch_execute(TABLES).await.unwrap();
    server.kill().unwrap();
    server.wait().unwrap();

    let (mut known, mut deaths, mut at_reply) = (Known::default(), Deaths::default(), false);
    for number in 0..rounds {
        // Of every two rounds one of each, the seed says which first.
        if number % 2 == 0 {
            at_reply = random.below(2) == 0;
        } else {
            at_reply = !at_reply;
        }
        let death = if at_reply { Death::at_a_reply(&random) } else { Death::at_a_sync(&random) };
        round(&data, &mut known, death, &mut deaths).await;
        if number % 3 == 0 {
            // Killed at any instruction of its start; the next round recovers from that too.
            let starting = Process::launch(&data, &SETTINGS).unwrap();
            starting.kill().unwrap();
            starting.wait().unwrap();
        }
    }
    assert!(
        known.acknowledged.len() >= rounds,
        "only {} batches were acknowledged",
        known.acknowledged.len()
    );

    let first = fingerprints_after_restart(&data).await;
    assert_eq!(first, fingerprints_after_restart(&data).await);
    die_at_every_sync_of_a_start(&data, &mut deaths);
    assert_eq!(first, fingerprints_after_restart(&data).await);
    let report = process::check(&data).unwrap();
    let text = String::from_utf8_lossy(&report.stdout);
    assert!(report.status.success() && text.trim_end().ends_with(" 0 problems"), "{text}");
    assert_eq!(first, fingerprints_after_restart(&data).await);
    println!("{rounds} rounds, {} acknowledged batches, {deaths:?}", known.acknowledged.len());
    let at_sync = deaths.at_sync_of_start + deaths.at_sync_of_work;
    assert!(deaths.at_reply as usize == rounds / 2 && at_sync as usize > rounds / 2, "{deaths:?}");
}

/// Crash during recovery, at each of its syncs in turn.
fn die_at_every_sync_of_a_start(data: &Path, deaths: &mut Deaths) {
    for (call, max) in SYNCS {
        for number in 1.. {
            assert!(number <= max, "a start has more than {max} calls of {call}");
            let sync = SyncCall { call, number };
            let mut server = Process::launch_until_sync(data, &SETTINGS, sync).unwrap();
            if server.ready().is_ok() {
                assert!(number > 1, "recovery has no {call}");
                break;
            }
            assert_killed(server.wait().unwrap(), sync);
            deaths.at_sync_of_start += 1;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_ends_sessions_and_keeps_everything() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let mut server = Process::launch(&data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    client.batch_execute(TABLES).await.unwrap();
    client
        .batch_execute("INSERT INTO newest VALUES (1, 2); BEGIN; INSERT INTO newest VALUES (3, 4)")
        .await
        .unwrap();
    server.terminate().unwrap();
    assert!(server.wait().unwrap().success());
    assert!(client.batch_execute("COMMIT").await.is_err());
    let mut server = Process::launch(&data, &SETTINGS).unwrap();
    let client = connect(server.ready().unwrap()).await.unwrap();
    let rows = client.query("SELECT writer, batch FROM newest", &[]).await.unwrap();
    let rows: Vec<(i64, i64)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    // The first INSERT was in the same string as BEGIN and so in its block.
    assert_eq!(rows, []);
}
