//! VACUUM, ANALYZE, parameters and partitions of tables, and what operators see of them.

use crate::harness::Server;
use base::ErrorKind;
use std::sync::Arc;

#[tokio::test]
async fn vacuum_stands_outside_of_blocks() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text)").await.unwrap();
    client.run("INSERT INTO t SELECT i, 'x' FROM generate_series(1, 1000) i").await.unwrap();
    client.run("CHECKPOINT").await.unwrap();
    client.run("DELETE FROM t WHERE a % 2 = 0").await.unwrap();
    for statement in
        ["VACUUM", "VACUUM t", "VACUUM FULL t", "VACUUM (FULL, ANALYZE) t (a)", "VACUUM (FREEZE off) t, t"]
    {
        assert_eq!(client.tag(statement).await, "VACUUM", "{statement}");
    }
    assert_eq!(client.rows("SELECT count(*), sum(a) FROM t").await, ["500|250000"]);
    client.session.take_notices();
    client.run("VACUUM (VERBOSE, ANALYZE) t").await.unwrap();
    let told: Vec<String> = client.session.take_notices().into_iter().map(|n| n.message).collect();
    assert!(told[0].starts_with("vacuumed \"t\": segments "), "{told:?}");
    assert_eq!(told[1], "\"t\": read 500 rows, counted the values of 2 columns");
    assert_eq!(client.error("SELECT 1; VACUUM").await.kind(), ErrorKind::ActiveTransaction);
    client.run("BEGIN").await.unwrap();
    assert_eq!(client.error("VACUUM t").await.kind(), ErrorKind::ActiveTransaction);
    client.run("ROLLBACK").await.unwrap();
    assert_eq!(client.error("VACUUM nope").await.kind(), ErrorKind::UndefinedTable);
    assert_eq!(client.error("VACUUM (PARALLEL 2) t").await.kind(), ErrorKind::Unsupported);
    assert_eq!(client.error("VACUUM (NOPE) t").await.kind(), ErrorKind::Syntax);
    assert_eq!(client.error("VACUUM t (a)").await.kind(), ErrorKind::Unsupported);
}

/// VACUUM left the indexes of unique columns to the background: their dead entries stayed, and VERBOSE did not count them.
#[tokio::test]
async fn vacuum_rewrites_the_indexes_of_unique_columns() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b int UNIQUE, c int)").await.unwrap();
    client.run("CREATE UNIQUE INDEX t_c ON t (c)").await.unwrap();
    client.run("INSERT INTO t SELECT i, -i, i * 2 FROM generate_series(1, 1000) i").await.unwrap();
    client.run("VACUUM t").await.unwrap();
    client.run("DELETE FROM t WHERE a % 10 = 0").await.unwrap();
    let dead = "SELECT table_name, index_name, dead_rows FROM nyala.tablets ORDER BY index_name NULLS FIRST";
    assert_eq!(client.rows(dead).await, ["t|∅|100", "t|t_b_key|100", "t|t_c|100"]);
    client.session.take_notices();
    client.run("VACUUM (FULL, VERBOSE) t").await.unwrap();
    let told = client.session.take_notices().remove(0).message;
    assert!(
        told.starts_with("vacuumed \"t\": segments 3 -> 3, dead rows in them 300 -> 0, bytes "),
        "{told}"
    );
    assert_eq!(client.rows(dead).await, ["t|∅|0", "t|t_b_key|0", "t|t_c|0"]);
    assert_eq!(client.rows("SELECT count(*), sum(b), sum(c) FROM t").await, ["900|-450000|900000"]);
    assert_eq!(client.error("INSERT INTO t VALUES (0, -1, 0)").await.kind(), ErrorKind::UniqueViolation);
}

/// VACUUM waited for a compaction of another table without looking at its cancel, and nothing showed that it waited.
#[tokio::test]
async fn a_vacuum_that_waits_can_be_stopped_and_is_shown() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int PRIMARY KEY)").await.unwrap();
    client
        .run("INSERT INTO t SELECT i FROM generate_series(1, 1000) i; INSERT INTO u VALUES (1)")
        .await
        .unwrap();
    client.run("CHECKPOINT").await.unwrap();
    client.run("DELETE FROM t WHERE a % 2 = 0").await.unwrap();
    // A compaction of the other table that stays where it asks whether to go on.
    let (begun, has_begun) = std::sync::mpsc::channel();
    let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
    let may_go_on = std::sync::Mutex::new(may_go_on);
    let asked = Arc::new(move || {
        // Both fail once the test has gone on.
        let _ = begun.send(());
        let _ = may_go_on.lock().unwrap().recv();
        false
    });
    let database = server.engine.database().clone();
    let table = database.snapshot().catalog().tables().find(|t| t.name == "t").unwrap().id;
    let other = base::spawn::thread("other", move || database.compact(table, true, asked).unwrap()).unwrap();
    has_begun.recv().unwrap();

    client.run("SET statement_timeout = 100").await.unwrap();
    let error = client.error("VACUUM u").await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Cancelled, "canceling statement due to statement timeout")
    );
    client.run("RESET statement_timeout").await.unwrap();
    let mut waiting = server.session();
    let cancel = waiting.session.cancel_handle();
    let vacuum = tokio::runtime::Handle::current().spawn(async move { waiting.error("VACUUM FULL u").await });
    let jobs = "SELECT kind, table_name FROM nyala.jobs ORDER BY kind";
    while client.rows(jobs).await != ["compaction|t", "waiting|u"] {}
    cancel.cancel();
    let error = vacuum.await.unwrap();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Cancelled, "canceling statement due to user request")
    );
    drop(go_on);
    other.join().unwrap();
    client.run("VACUUM u").await.unwrap();
    assert!(client.rows(jobs).await.is_empty());
}

#[tokio::test]
async fn analyze_counts_values() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text, c float8, d interval, e numeric)").await.unwrap();
    let rows = "INSERT INTO t SELECT i, 'x' || i % 10, nullif(i % 3, 0), interval '1 day', i / 100 \
                FROM generate_series(1, 10000) i";
    client.run(rows).await.unwrap();
    let counts = "SELECT distinct_values FROM nyala.tables";
    assert_eq!(client.rows(counts).await, ["∅"]);
    assert_eq!(client.tag("ANALYZE t (b, c)").await, "ANALYZE");
    assert_eq!(client.rows(counts).await, ["b=10, c=2"]);
    client.run("BEGIN; DELETE FROM t WHERE b = 'x1'; ANALYZE t (b); ROLLBACK").await.unwrap();
    assert_eq!(client.rows(counts).await, ["b=10, c=2"]);
    client.run("BEGIN; DELETE FROM t WHERE b = 'x1'; ANALYZE t (b); COMMIT").await.unwrap();
    assert_eq!(client.rows(counts).await, ["b=9, c=2"]);
    client.run("ANALYZE VERBOSE").await.unwrap();
    let counted = &client.rows(counts).await[0];
    let (first, rest) = counted.split_once(", ").unwrap();
    let distinct: u64 = first.strip_prefix("a=").unwrap().parse().unwrap();
    assert!((8_700..9_300).contains(&distinct), "{counted}");
    assert_eq!(rest, "b=9, c=2, d=1, e=101");
    assert_eq!(client.error("ANALYZE t (nope)").await.kind(), ErrorKind::UndefinedColumn);
    assert_eq!(client.error("ANALYZE t (a, a)").await.kind(), ErrorKind::DuplicateColumn);
    assert_eq!(client.error("ANALYZE nope").await.kind(), ErrorKind::UndefinedTable);
}

#[tokio::test]
async fn parameters_of_tables_are_kept_and_shown() {
    let server = Server::start();
    let mut client = server.session();
    client
        .run("CREATE TABLE t (a int) WITH (history_retention = '7 days', history_max_bytes = '10 GB', compression = 'default')")
        .await
        .unwrap();
    let shown = "SELECT reloptions FROM pg_class WHERE relname = 't'";
    let all = "{\"history_retention=7 days\",history_max_bytes=10737418240}";
    assert_eq!(client.rows(shown).await, [all]);
    let server = {
        drop(client);
        server.killed_and_reopened()
    };
    let mut client = server.session();
    assert_eq!(client.rows(shown).await, [all]);
    assert_eq!(
        client.tag("ALTER TABLE t SET (history_retention = 0, compression = 'default')").await,
        "ALTER TABLE"
    );
    assert_eq!(client.rows(shown).await, ["{history_retention=0,history_max_bytes=10737418240}"]);
    client.run("ALTER TABLE IF EXISTS ONLY t RESET (history_retention, history_max_bytes)").await.unwrap();
    assert_eq!(client.rows(shown).await, ["∅"]);
    client.run("BEGIN; ALTER TABLE t SET (history_retention = '1 day'); ROLLBACK").await.unwrap();
    assert_eq!(client.rows(shown).await, ["∅"]);
    client.session.take_notices();
    client.run("ALTER TABLE IF EXISTS nope SET (compression = compact)").await.unwrap();
    let told: Vec<String> = client.session.take_notices().into_iter().map(|n| n.message).collect();
    assert_eq!(told, ["relation \"nope\" does not exist, skipping"]);
    let views = "SELECT history_retention, history_max_bytes, compression FROM nyala.tables";
    client.run("ALTER TABLE t SET (history_retention = '36 hours', history_max_bytes = 5)").await.unwrap();
    assert_eq!(client.rows(views).await, ["1 day 12:00:00|5|default"]);
    let mut kind = async |options: &str| client.error(&format!("ALTER TABLE t SET ({options})")).await.kind();
    assert_eq!(kind("nope = 1").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("history_retention = '1 month'").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("history_retention = '-1 day'").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("compression = zstd").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("fillfactor = 70").await, ErrorKind::Unsupported);
    client.run("ALTER TABLE t SET (compression = compact)").await.unwrap();
    assert_eq!(client.rows(views).await, ["1 day 12:00:00|5|compact"]);
}

#[tokio::test]
async fn retention_below_a_reader_is_told() {
    let server = Server::start();
    let mut client = server.session();
    let mut reader = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    client.run("ALTER TABLE t SET (history_retention = '1 day')").await.unwrap();
    assert!(client.session.take_notices().is_empty());
    reader.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    reader.run("SELECT * FROM t").await.unwrap();
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    client.run("ALTER TABLE t SET (history_retention = 0)").await.unwrap();
    let notices = client.session.take_notices();
    assert_eq!(notices.len(), 1, "{notices:?}");
    assert!(notices[0].message.starts_with("history of table \"t\" is kept back to 20"), "{notices:?}");
    assert!(reader.rows("SELECT * FROM t").await.is_empty());
    let pins = client.rows("SELECT count(*) > 0, min(reads_at) <= now() FROM nyala.pins").await;
    assert_eq!(pins, ["t|t"]);
}

#[tokio::test]
async fn partitions_come_and_go() {
    let server = Server::start();
    let mut client = server.session();
    client
        .run(
            "CREATE TABLE t (id bigint, d date, PRIMARY KEY (id, d)) PARTITION BY HASH (id) PARTITIONS 2, RANGE (d) ( \
             PARTITION y24 VALUES FROM ('2024-01-01') TO ('2025-01-01'), \
             PARTITION y26 VALUES FROM ('2026-01-01') TO ('2027-01-01'))",
        )
        .await
        .unwrap();
    client.run("INSERT INTO t VALUES (1, '2024-05-05'), (2, '2026-05-05'), (3, '2026-06-06')").await.unwrap();
    assert_eq!(
        client.error("INSERT INTO t VALUES (4, '2025-05-05')").await.kind(),
        ErrorKind::CheckViolation
    );
    let add = "ALTER TABLE t ADD RANGE PARTITION y25 VALUES FROM ('2025-01-01') TO ('2026-01-01')";
    assert_eq!(client.tag(add).await, "ALTER TABLE");
    client.run("INSERT INTO t VALUES (4, '2025-05-05'), (5, '2025-06-06')").await.unwrap();
    let by_year = "SELECT extract(year FROM d), count(*) FROM t GROUP BY 1 ORDER BY 1";
    assert_eq!(client.rows(by_year).await, ["2024|1", "2025|2", "2026|2"]);
    assert_eq!(client.error(add).await.kind(), ErrorKind::DuplicateObject);
    let again = add.replace("ADD", "ADD IF NOT EXISTS");
    client.run(&again).await.unwrap();
    let overlap = add.replace("y25", "y25b");
    let error = client.error(&overlap).await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::InvalidObjectDefinition, "partition \"y25b\" would overlap partition \"y25\"")
    );
    client.run("BEGIN; ALTER TABLE t DROP RANGE PARTITION y26").await.unwrap();
    assert_eq!(client.rows(by_year).await, ["2024|1", "2025|2"]);
    client.run("ROLLBACK").await.unwrap();
    assert_eq!(client.rows(by_year).await, ["2024|1", "2025|2", "2026|2"]);
    client
        .run(
            "ALTER TABLE t DROP RANGE PARTITION y24, DROP IF EXISTS RANGE PARTITION nope, \
             ADD RANGE PARTITION old VALUES FROM (MINVALUE) TO ('2025-01-01')",
        )
        .await
        .unwrap();
    assert_eq!(client.rows(by_year).await, ["2025|2", "2026|2"]);
    client.run("INSERT INTO t VALUES (1, '2024-05-05')").await.unwrap();
    client.run("UPDATE t SET d = d + 365 WHERE id = 4").await.unwrap();
    client.run("DELETE FROM t WHERE id = 3").await.unwrap();
    let rows = client.rows("SELECT id, d FROM t ORDER BY id").await;
    assert_eq!(rows, ["1|2024-05-05", "2|2026-05-05", "4|2026-05-05", "5|2025-06-06"]);
    drop(client);
    let server = server.killed_and_reopened();
    let mut client = server.session();
    assert_eq!(client.rows("SELECT id, d FROM t ORDER BY id").await, rows);
    assert_eq!(client.rows("SELECT d FROM t WHERE id = 2 AND d = '2026-05-05'").await, ["2026-05-05"]);
    let partitions =
        "SELECT partition, count(*) FROM nyala.tablets WHERE dropped_at IS NULL GROUP BY 1 ORDER BY 1";
    assert_eq!(client.rows(partitions).await, ["old|2", "y25|2", "y26|2"]);
    assert_eq!(
        client.error("ALTER TABLE t DROP RANGE PARTITION y24").await.kind(),
        ErrorKind::UndefinedObject
    );
    let empty = "ALTER TABLE t ADD RANGE PARTITION e VALUES FROM ('2030-01-01') TO ('2030-01-01')";
    assert_eq!(client.error(empty).await.kind(), ErrorKind::InvalidObjectDefinition);
    client.run("CREATE TABLE u (a int PRIMARY KEY)").await.unwrap();
    let plain = "ALTER TABLE u ADD RANGE PARTITION p VALUES FROM (1) TO (2)";
    assert_eq!(client.error(plain).await.kind(), ErrorKind::InvalidObjectDefinition);
}

#[tokio::test]
async fn operators_see_tablets_and_segments() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text)").await.unwrap();
    client.run("INSERT INTO t SELECT i, 'x' FROM generate_series(1, 1000) i").await.unwrap();
    let tablets = "SELECT schema_name, table_name, memtable_rows, live_segments, oldest_readable <= now() FROM nyala.tablets";
    assert_eq!(client.rows(tablets).await, ["public|t|1000|0|t"]);
    client.run("CHECKPOINT").await.unwrap();
    assert_eq!(client.rows(tablets).await, ["public|t|0|1|t"]);
    let segments =
        "SELECT table_name, kind, rows, dead_rows, file_bytes > 0, detached_at FROM nyala.segments";
    assert_eq!(client.rows(segments).await, ["t|live|1000|0|t|∅"]);
    client.run("DELETE FROM t WHERE a <= 10").await.unwrap();
    assert_eq!(client.rows(segments).await, ["t|live|1000|10|t|∅"]);
    let table =
        "SELECT row_count, oldest_readable <= now(), live_bytes > 0, history_bytes >= 0 FROM nyala.tables";
    assert_eq!(client.rows(table).await, ["990|t|t|t"]);
    assert!(client.rows("SELECT * FROM nyala.jobs").await.len() < 10);
    let views = "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = 'nyala' AND c.relkind = 'v' ORDER BY 1";
    assert_eq!(client.rows(views).await, ["jobs", "partitions", "pins", "segments", "tables", "tablets"]);
}
