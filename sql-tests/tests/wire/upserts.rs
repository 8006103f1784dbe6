//! Several clients upsert overlapping keys in batches, while memtables become segments and these are compacted. What is
//! there at the end is what was acknowledged: a model of each kind of upsert says so.

use sql_tests::wire::TestServer;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::Client;

const WRITERS: i32 = 4;
const BATCHES: i32 = 20;
const KEYS: i32 = 120;
const BATCH_ROWS: i32 = 50;

/// Adds up, keeps what was proposed last, keeps the greatest.
const ADDED: &str = "INSERT INTO added SELECT k, 1, w FROM unnest($1::int[], $2::int[]) AS u (k, w) \
                     ON CONFLICT (k) DO UPDATE SET n = added.n + excluded.n, w = excluded.w";
const LAST: &str = "INSERT INTO last SELECT k, w, $3 FROM unnest($1::int[], $2::int[]) AS u (k, w) \
                    ON CONFLICT (k) DO UPDATE SET w = excluded.w, batch = excluded.batch";
const GREATEST: &str = "INSERT INTO greatest_of SELECT k, w * 1000 + $3 FROM unnest($1::int[], $2::int[]) AS u (k, w) \
                        ON CONFLICT (k) DO UPDATE SET n = excluded.n WHERE greatest_of.n < excluded.n";
const EACH: &str = "INSERT INTO added VALUES ($1, 1, $3), ($2, 1, $3) \
                    ON CONFLICT (k) DO UPDATE SET n = added.n + excluded.n";

/// What one writer had acknowledged.
#[derive(Debug, Default)]
struct Acknowledged {
    /// How often each key was added to.
    added: BTreeMap<i32, i64>,
    /// The last batch with each key.
    last: BTreeMap<i32, i32>,
    greatest: BTreeMap<i32, i32>,
}

/// Different keys: the steps have no divisor with the number of keys.
fn keys(writer: i32, batch: i32) -> Vec<i32> {
    let (first, step) = (writer * 31 + batch * 17, [7, 11, 13, 17][usize::try_from(batch).unwrap() % 4]);
    (0..BATCH_ROWS).map(|i| (first + i * step) % KEYS).collect()
}

async fn write(client: &Client, writer: i32) -> Acknowledged {
    let mut done = Acknowledged::default();
    let [added, last, greatest, each] = [
        client.prepare(ADDED).await.unwrap(),
        client.prepare(LAST).await.unwrap(),
        client.prepare(GREATEST).await.unwrap(),
        client.prepare(EACH).await.unwrap(),
    ];
    for batch in 0..BATCHES {
        let keys = keys(writer, batch);
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        let writers = vec![writer; keys.len()];
        let count = u64::try_from(keys.len()).unwrap();
        assert_eq!(client.execute(&added, &[&keys, &writers]).await.unwrap(), count);
        assert_eq!(client.execute(&last, &[&keys, &writers, &batch]).await.unwrap(), count);
        assert!(client.execute(&greatest, &[&keys, &writers, &batch]).await.unwrap() <= count);
        assert_eq!(client.execute(&each, &[&keys[0], &keys[1], &writer]).await.unwrap(), 2);
        for key in keys.iter().chain(&keys[..2]) {
            *done.added.entry(*key).or_default() += 1;
        }
        for key in keys {
            done.last.insert(key, batch);
            done.greatest.insert(key, writer * 1_000 + batch);
        }
    }
    done
}

/// Flushes and compacts until the writers are done.
async fn maintain(client: Client, mut ended: tokio::sync::oneshot::Receiver<()>) {
    while ended.try_recv().is_err() {
        client.batch_execute("CHECKPOINT").await.unwrap();
        client.batch_execute("VACUUM FULL added").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_several_writers_had_acknowledged_is_there() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE added (k int PRIMARY KEY, n bigint, w int) PARTITION BY HASH (k) PARTITIONS 3;
             CREATE TABLE last (k int PRIMARY KEY, w int, batch int);
             CREATE TABLE greatest_of (k int PRIMARY KEY, n int)",
        )
        .await
        .unwrap();
    let (end, ended) = tokio::sync::oneshot::channel();
    let maintenance = tokio::spawn(maintain(server.client().await.unwrap(), ended));
    let mut writers = Vec::new();
    for writer in 0..WRITERS {
        let client = server.client().await.unwrap();
        writers.push(tokio::spawn(async move { write(&client, writer).await }));
    }
    let mut done = Vec::new();
    for writer in writers {
        done.push(writer.await.unwrap());
    }
    end.send(()).unwrap();
    maintenance.await.unwrap();

    let mut added = BTreeMap::<i32, i64>::new();
    let mut greatest = BTreeMap::<i32, i32>::new();
    for writer in &done {
        writer.added.iter().for_each(|(key, times)| *added.entry(*key).or_default() += times);
        for (key, value) in &writer.greatest {
            let known = greatest.entry(*key).or_default();
            *known = (*known).max(*value);
        }
    }
    let rows = client.query("SELECT k, n FROM added", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.get(0), row.get(1))).collect::<BTreeMap<i32, i64>>(), added);
    let rows = client.query("SELECT k, n FROM greatest_of", &[]).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.get(0), row.get(1))).collect::<BTreeMap<i32, i32>>(), greatest);
    let rows = client.query("SELECT k, w, batch FROM last", &[]).await.unwrap();
    assert_eq!(rows.len(), added.len());
    for row in rows {
        let (key, writer, batch): (i32, i32, i32) = (row.get(0), row.get(1), row.get(2));
        // Of each writer only its last word can stand.
        assert_eq!(done[usize::try_from(writer).unwrap()].last.get(&key), Some(&batch), "key {key}");
    }
}

/// Arrays are written batch by batch; the shorter one ends within a batch and is padded from there on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_arrays_of_different_lengths() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    client.batch_execute("CREATE TABLE t (k int PRIMARY KEY, s text, d int DEFAULT 7)").await.unwrap();
    let insert = "INSERT INTO t (k, s) SELECT * FROM unnest($1::int[], $2::text[])";
    let keys: Vec<i32> = (0..20_000).collect();
    let texts: Vec<String> = (0..10_000).map(|n| format!("text {n}")).collect();
    assert_eq!(client.execute(insert, &[&keys, &texts]).await.unwrap(), 20_000);
    let told = "SELECT count(*), count(s), sum(d), max(k) FILTER (WHERE s = 'text ' || k) FROM t";
    let row = client.query_one(told, &[]).await.unwrap();
    let told: (i64, i64, i64, i32) = (row.get(0), row.get(1), row.get(2), row.get(3));
    assert_eq!(told, (20_000, 10_000, 140_000, 9_999));
    let more: Vec<String> = vec!["without a key".to_owned(); 3];
    let error = client.execute(insert, &[&vec![30_000_i32], &more]).await.unwrap_err();
    assert_eq!(error.as_db_error().map(|e| e.code().code()), Some("23502"));
    assert_eq!(client.execute(insert, &[&Vec::<i32>::new(), &None::<Vec<String>>]).await.unwrap(), 0);
}
