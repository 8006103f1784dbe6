//! Sorts of long rows failed with 53200 where there were files to put them aside, or memory for many times as much.
//!
//! The sort of 13.5 MB of text, three rows to a batch, asked for 3.4 GB: each of its batches counted the buffers that all of
//! them shared. With batches of 8,192 rows and 64 MiB of memory a sort failed over its first batch, which was 24 MB long when
//! counted twice, and so did the merge of what had been put aside. Here are long rows, rows of which few are long, and long
//! keys, over few and many rows to a batch, with memory for all and for a part: the answers are the same ones.

use crate::harness::Server;
use tempfile::TempDir;

const FILL: [&str; 2] = [
    "CREATE TABLE o (k int PRIMARY KEY, v text, few text, a text[], g int)",
    "INSERT INTO o SELECT g, repeat('x', g % 3000), CASE WHEN g % 4000 = 17 THEN repeat(md5(g::text), 20000) END,
     CASE WHEN g % 3 = 0 THEN ARRAY[md5(g::text), NULL, repeat('y', g % 500)] END, g % 10 FROM generate_series(1, 9000) AS s(g)",
];

/// Each has an order that leaves nothing open.
const QUERIES: [&str; 7] = [
    "SELECT k, v, few, a FROM o ORDER BY -k",
    "SELECT k, v, few FROM o ORDER BY v DESC, k",
    "SELECT k, few, v FROM o ORDER BY few NULLS FIRST, a DESC, k",
    "SELECT k, v, few, a FROM o ORDER BY g, a, k DESC",
    "SELECT k, row_number() OVER (ORDER BY v, k), length(lag(v) OVER (ORDER BY v, k)) FROM o ORDER BY k",
    "SELECT g, k FROM o ORDER BY g DESC, k",
    "SELECT k, v, few FROM o ORDER BY v DESC, k LIMIT 12",
];

async fn answers(server: &Server) -> Vec<Vec<String>> {
    let mut client = server.session();
    let mut all = Vec::new();
    for query in QUERIES {
        all.push(client.run(query).await.unwrap_or_else(|error| panic!("{query}: {error:?}")).rows);
    }
    all
}

fn opened(directory: TempDir, memory_bytes: usize, partitions: usize, batch_rows: usize) -> Server {
    Server::open_with(directory, |settings| {
        settings.query_memory_bytes = memory_bytes;
        settings.query_threads = partitions;
        settings.query_batch_rows = batch_rows;
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sorts_of_long_rows_need_no_more_memory_than_there_is() {
    let server = Server::start();
    let mut client = server.session();
    for sql in FILL {
        client.tag(sql).await;
    }
    drop(client);
    let expected = answers(&server).await;
    assert_eq!(server.engine.spilled_bytes(), 0, "with enough memory nothing is put aside");
    let Server { engine, mut directory } = server;
    drop(engine);
    let settings = [(4 << 30, 2, 3), (20 << 20, 2, 8_192), (16 << 20, 1, 8_192), (24 << 20, 3, 700)];
    for (memory_bytes, partitions, batch_rows) in settings {
        let server = opened(directory, memory_bytes, partitions, batch_rows);
        let got = answers(&server).await;
        for ((query, expected), got) in QUERIES.iter().zip(&expected).zip(&got) {
            let place = expected.iter().zip(got).position(|(e, g)| e != g);
            let with = (memory_bytes, partitions, batch_rows);
            assert_eq!((expected.len(), place), (got.len(), None), "{query}\nwith {with:?}");
        }
        let enough = memory_bytes > 1 << 30;
        assert_eq!(server.engine.spilled_bytes() == 0, enough, "with {memory_bytes} bytes");
        directory = server.directory;
    }
}
