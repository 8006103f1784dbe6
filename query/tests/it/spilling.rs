//! Queries that put rows aside: the answers of one with all the memory it wants, whatever the number of partitions.

use crate::harness::Server;
use base::ErrorKind;
use base::fs::{FileSystem, LocalFileSystem};
use tempfile::TempDir;

const ROWS: usize = 30_000;

const TABLE: &str =
    "CREATE TABLE s (id bigint PRIMARY KEY, g integer, t text, n numeric(12,2), u numeric, d date,
    z timestamptz, f double precision, a integer[], j jsonb, i interval, o timetz, b bytea, v varbit)";

/// Keys repeat twice or are null; the text makes rows long.
const FILL: &str = "INSERT INTO s SELECT k, k % 97, CASE k % 50 WHEN 7 THEN NULL ELSE repeat(md5((k / 2)::text), 8) END,
    (k % 1000) / 4.0, CASE k % 40 WHEN 0 THEN numeric 'NaN' WHEN 1 THEN 1e30 ELSE (k / 2) * 1.50 END, date '2020-01-01' + k % 5000,
    timestamptz '2024-02-28 12:00+00' + k * interval '1 minute', CASE k % 60 WHEN 3 THEN float8 'NaN' WHEN 4 THEN '-0' ELSE k / 2 END,
    ARRAY[k / 2, NULL, 3], jsonb_build_object('k', k / 2, 'x', 'y'), (k / 2) * interval '1 day 1 second',
    (time '00:00' + (k / 2) * interval '1 second')::timetz, decode(md5((k / 2)::text), 'hex'), (k / 2)::bit(20)::varbit
    FROM generate_series(1, 30000) AS s(k)";

/// Each has an order that leaves nothing open.
const QUERIES: [&str; 12] = [
    "SELECT * FROM s ORDER BY t DESC NULLS LAST, id",
    "SELECT f, o, v, id FROM s ORDER BY f, o DESC, v, t, id",
    "SELECT t, count(*), sum(n), sum(u), sum(g), avg(n), min(d), max(z), bool_and(g > 3), count(DISTINCT g), min(b::text), min(i),
        max(o), max(a), string_agg(g::text, ',' ORDER BY id), array_agg(id ORDER BY id DESC), max(j::text),
        bit_or(g), variance(g::numeric), sum(i), every(n > 5), count(t) FILTER (WHERE g > 40) FROM s GROUP BY t ORDER BY t",
    "SELECT u, f, count(*), min(t), max(t) FROM s GROUP BY u, f ORDER BY u, f",
    "SELECT j, a, i, o, b, v, count(*), min(t) FROM s GROUP BY j, a, i, o, b, v ORDER BY j, a, i, o, b, v",
    "SELECT DISTINCT t, u, d, b FROM s ORDER BY t, u, d, b",
    "SELECT DISTINCT ON (t) t, id, z FROM s ORDER BY t, id DESC",
    "SELECT id, row_number() OVER w, sum(n) OVER w, lag(t) OVER w FROM s WINDOW w AS (PARTITION BY g ORDER BY t, id) ORDER BY id",
    "SELECT t, id FROM s WHERE id % 3 = 0 UNION SELECT t, id FROM s WHERE id % 5 = 0 ORDER BY t, id",
    "SELECT t, g FROM s EXCEPT ALL SELECT t, g FROM s WHERE id % 7 = 0 ORDER BY t, g",
    "SELECT g, t, grouping(g, t), count(*), sum(n) FROM s GROUP BY ROLLUP (g, t) ORDER BY g, t, 3",
    "SELECT percentile_cont(0.3) WITHIN GROUP (ORDER BY f), mode() WITHIN GROUP (ORDER BY t), count(DISTINCT t) FROM s",
];

fn opened(directory: TempDir, memory_bytes: usize, partitions: usize) -> Server {
    Server::open_with(directory, |settings| {
        settings.query_memory_bytes = memory_bytes;
        settings.query_threads = partitions;
    })
}

fn closed(server: Server) -> TempDir {
    server.directory
}

/// A database with the table.
async fn filled() -> TempDir {
    let server = Server::start();
    let mut client = server.session();
    client.tag(TABLE).await;
    assert_eq!(client.tag(FILL).await, format!("INSERT 0 {ROWS}"));
    drop(client);
    closed(server)
}

/// Every answer, None for those that found too little memory, and what was put aside for them.
async fn answers(server: &Server) -> (Vec<Option<Vec<String>>>, u64) {
    let mut client = server.session();
    let mut all = Vec::new();
    for query in QUERIES {
        all.push(match client.run(query).await {
            Ok(answer) => Some(answer.rows),
            // Groups are held together at first, whatever was put aside before.
            Err(error) if error.kind() == ErrorKind::OutOfMemory => None,
            Err(error) => panic!("{query}: {error:?}"),
        });
    }
    drop(client);
    assert_eq!(files(server), 0, "files outlive their queries");
    (all, server.engine.spilled_bytes())
}

/// Files of rows put aside that are there now.
fn files(server: &Server) -> usize {
    LocalFileSystem::open(server.path().join("data").join("spill")).unwrap().list("").unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_do_not_depend_on_memory_or_partitions() {
    let server = opened(filled().await, 4 << 30, 2);
    let (expected, aside) = answers(&server).await;
    let mut directory = closed(server);
    assert_eq!(aside, 0, "with enough memory nothing is put aside");
    let expected: Vec<Vec<String>> = expected.into_iter().map(|rows| rows.expect("enough memory")).collect();
    assert_eq!(expected[0].len(), ROWS);
    for (memory_bytes, partitions) in [(32 << 20, 1), (48 << 20, 2), (4 << 30, 8), (120 << 20, 5)] {
        let server = opened(directory, memory_bytes, partitions);
        let (got, aside) = answers(&server).await;
        directory = closed(server);
        let enough = memory_bytes > 1 << 30;
        assert_eq!(aside == 0, enough, "{aside} bytes aside with {memory_bytes}");
        let answered = got.iter().flatten().count();
        let needed = if enough { QUERIES.len() } else { QUERIES.len() / 2 };
        assert!(answered >= needed, "only {answered} answers with {memory_bytes} bytes");
        for ((query, expected), got) in QUERIES.iter().zip(&expected).zip(got) {
            same(query, expected, got.as_ref().unwrap_or(expected), (memory_bytes, partitions));
        }
    }
}

fn same(query: &str, expected: &[String], got: &[String], (memory_bytes, partitions): (usize, usize)) {
    let first = expected.iter().zip(got).position(|(e, g)| e != g);
    assert!(
        expected.len() == got.len() && first.is_none(),
        "{query}\nwith {memory_bytes} bytes and {partitions} partitions: {} rows, not {}; row {first:?} differs: {:?} and {:?}",
        got.len(),
        expected.len(),
        first.map(|row| &expected[row]),
        first.map(|row| &got[row]),
    );
}

/// A budget that is used up ends the statement and nothing else; its files are gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_budget_of_files_that_is_used_up_ends_the_statement() {
    let server = Server::open_with(filled().await, |settings| {
        settings.query_memory_bytes = 24 << 20;
        settings.query_spill_bytes_max = 1 << 20;
    });
    let mut client = server.session();
    let error = client.error(QUERIES[0]).await;
    assert_eq!(error.kind(), ErrorKind::ConfigurationLimit, "{error:?}");
    assert_eq!(client.rows("SELECT count(*) FROM s").await, [ROWS.to_string()]);
    assert_eq!(files(&server), 0, "files outlive their queries");
}
