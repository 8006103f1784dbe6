//! Tables as they were, what changed in them, and having them back.

use crate::harness::{Client, Server};
use base::ErrorKind;
use query::api::Execution;
use types::Datum;

/// The time between what was done before and what is done behind this, in microseconds since 1970.
pub(crate) async fn moment(client: &mut Client) -> i64 {
    let now = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let before: i64 = client.rows(now).await[0].parse().unwrap();
    // The next commit comes later than this.
    while client.rows(now).await[0].parse::<i64>().unwrap() <= before {}
    before
}

/// A table with three states; the times at which it had the first and the second.
async fn three_states(client: &mut Client) -> [i64; 2] {
    client.run("CREATE TABLE t (id bigint PRIMARY KEY, v text)").await.unwrap();
    client.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')").await.unwrap();
    let first = moment(client).await;
    client.run("UPDATE t SET v = 'A' WHERE id = 1").await.unwrap();
    client.run("INSERT INTO t VALUES (3, 'c')").await.unwrap();
    let second = moment(client).await;
    client.run("DELETE FROM t WHERE id = 2").await.unwrap();
    [first, second]
}

#[tokio::test]
async fn a_table_is_read_at_times_of_all_forms() {
    let server = Server::start();
    let mut client = server.session();
    let [first, second] = three_states(&mut client).await;
    let at = format!("SELECT id, v FROM t FOR SYSTEM_TIME AS OF {first} ORDER BY id");
    assert_eq!(client.rows(&at).await, ["1|a", "2|b"]);
    let at = format!("SELECT x.v FROM t AS OF SYSTEM TIME {second} AS x WHERE x.id <> 3 ORDER BY x.id");
    assert_eq!(client.rows(&at).await, ["A", "b"]);
    let at = format!("SELECT v FROM t AS OF SYSTEM TIME '{second}' x ORDER BY id");
    assert_eq!(client.rows(&at).await, ["A", "b", "c"]);
    let time = format!("timestamptz 'epoch' + {first} * interval '1 microsecond'");
    let at = format!("SELECT v FROM t FOR SYSTEM_TIME AS OF {time} WHERE id = 1");
    assert_eq!(client.rows(&at).await, ["a"]);
    let text = &client.rows(&format!("SELECT {time}")).await[0];
    let at = format!("SELECT v FROM public.t FOR SYSTEM_TIME AS OF '{text}' WHERE id = 1");
    assert_eq!(client.rows(&at).await, ["a"]);
    for now in ["now()", "'0 seconds'", "interval '0'", "current_timestamp - interval '0'"] {
        let at = format!("SELECT v FROM t FOR SYSTEM_TIME AS OF {now} ORDER BY id");
        assert_eq!(client.rows(&at).await, ["A", "c"], "{now}");
    }
    let both = format!(
        "SELECT old.id, old.v, new.v FROM t FOR SYSTEM_TIME AS OF {first} old FULL JOIN t AS OF SYSTEM TIME now() new \
         ON old.id = new.id ORDER BY coalesce(old.id, new.id)"
    );
    assert_eq!(client.rows(&both).await, ["1|a|A", "2|b|∅", "∅|∅|c"]);
    let back = format!("INSERT INTO t SELECT * FROM t FOR SYSTEM_TIME AS OF {first} WHERE id = 2");
    assert_eq!(client.tag(&back).await, "INSERT 0 1");
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["3"]);
}

#[tokio::test]
async fn a_time_can_be_a_parameter() {
    let server = Server::start();
    let mut client = server.session();
    let times = three_states(&mut client).await;
    let statement = "SELECT string_agg(v, '' ORDER BY id) FROM t FOR SYSTEM_TIME AS OF $1";
    let parsed = client.session.parse(statement).await.unwrap().remove(0);
    let prepared = client.session.prepare(&parsed, &[]).await.unwrap();
    assert_eq!(prepared.parameter_types[0].oid, types::sql_type::oid::TIMESTAMPTZ);
    for (time, expected) in times.into_iter().zip(["ab", "Abc"]) {
        let execution =
            client.session.execute(&prepared, vec![Datum::TimestampTz(time)], true).await.unwrap();
        assert!(matches!(execution, Execution::Rows { .. }));
        let answer = crate::harness::collect(execution).await.unwrap();
        assert_eq!(answer.rows, [expected]);
    }
    let error = client.session.execute(&prepared, vec![Datum::Null], true).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidParameterValue);
    client.session.fail().await;
    // Columns are those of the time, unless the client was told others before.
    client.run("DROP TABLE t").await.unwrap();
    client.run("CREATE TABLE t (other int)").await.unwrap();
    let parsed = client.session.parse("SELECT * FROM t FOR SYSTEM_TIME AS OF $1").await.unwrap().remove(0);
    let prepared = client.session.prepare(&parsed, &[]).await.unwrap();
    let then = [Datum::TimestampTz(times[0])];
    let valued = client.session.with_values(prepared.clone(), &then).await.unwrap();
    let names: Vec<String> = valued.output.iter().flatten().map(|column| column.name.clone()).collect();
    assert_eq!(names, ["id", "v"]);
    let execution = client.session.execute(&valued, then.to_vec(), true).await.unwrap();
    assert_eq!(crate::harness::collect(execution).await.unwrap().rows, ["1|a", "2|b"]);
    prepared.note_described();
    let error = client.session.with_values(prepared, &then).await.unwrap_err();
    assert_eq!(error.message(), "cached plan must not change result type");
}

/// Columns are added and dropped while nothing of the past changes: each time has those it had, flushed and compacted too.
#[tokio::test]
async fn columns_are_those_of_the_time() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (id int PRIMARY KEY, v text, n int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20)").await.unwrap();
    let at = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let mut times = Vec::new();
    for change in [
        "ALTER TABLE t ADD COLUMN w int DEFAULT 7",
        "UPDATE t SET w = 8, v = 'c' WHERE id = 1",
        "ALTER TABLE t DROP COLUMN v, DROP COLUMN n",
        "ALTER TABLE t ADD COLUMN v int DEFAULT 5, ALTER COLUMN w SET DEFAULT 1",
        "INSERT INTO t (id) VALUES (3)",
    ] {
        times.push(client.rows(at).await.remove(0));
        client.run(change).await.unwrap();
    }
    times.push(client.rows(at).await.remove(0));
    let expected: [&[&str]; 6] = [
        &["1|a|10", "2|b|20"],
        &["1|a|10|7", "2|b|20|7"],
        &["1|c|10|8", "2|b|20|7"],
        &["1|8", "2|7"],
        &["1|8|5", "2|7|5"],
        &["1|8|5", "2|7|5", "3|1|5"],
    ];
    for step in
        ["SELECT 1", "CHECKPOINT", "VACUUM (FULL) t", "INSERT INTO t VALUES (4, 4, 4)", "VACUUM (FULL) t"]
    {
        client.run(step).await.unwrap();
        for (time, expected) in times.iter().zip(expected) {
            let read = format!("SELECT * FROM t FOR SYSTEM_TIME AS OF {time} ORDER BY id");
            assert_eq!(client.rows(&read).await, expected, "{step}, {time}");
        }
    }
    let [first, .., last] = times.as_slice() else { unreachable!() };
    let changes =
        format!("SELECT operation, id, w, v FROM table_changes('t', {first}, {last}, old_images => true) c");
    let found = client.rows(&changes).await;
    assert_eq!(found, ["update_old|1|7|5", "update|1|8|5", "insert|3|1|5"]);
    let then = &times[2];
    client.run(&format!("CREATE TABLE copy CLONE t AS OF {then}")).await.unwrap();
    client.run("ALTER TABLE copy ADD COLUMN x text DEFAULT 'x'").await.unwrap();
    let copied = client.rows("SELECT * FROM copy ORDER BY id").await;
    assert_eq!(copied, ["1|c|10|8|x", "2|b|20|7|x"]);
}

#[tokio::test]
async fn a_session_reads_the_past_and_writes_nothing() {
    let server = Server::start();
    let mut client = server.session();
    let [first, second] = three_states(&mut client).await;
    client.run("CREATE TABLE later (a int)").await.unwrap();
    client.run(&format!("SET nyala.as_of = {first}")).await.unwrap();
    assert_eq!(client.rows("SHOW nyala.as_of").await, [first.to_string()]);
    assert_eq!(client.rows("SELECT v FROM t ORDER BY id").await, ["a", "b"]);
    let own = format!("SELECT v FROM t FOR SYSTEM_TIME AS OF {second} ORDER BY id");
    assert_eq!(client.rows(&own).await, ["A", "b", "c"]);
    let error = client.error("SELECT * FROM later").await;
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    assert_eq!(error.hint(), Some("It did not exist at the time that nyala.as_of names."));
    assert_eq!(client.error("SELECT * FROM never").await.hint(), None);
    for statement in [
        "INSERT INTO t VALUES (9, 'x')",
        "INSERT INTO later VALUES (9)",
        "ALTER TABLE later ADD COLUMN b int",
        "UPDATE t SET v = 'x'",
        "DELETE FROM t",
        "CREATE TABLE u (a int)",
        "DROP TABLE t",
        "TRUNCATE t",
        "ALTER TABLE t SET (compression = compact)",
        "CREATE TABLE u CLONE t",
        "ANALYZE t",
        "VACUUM t",
    ] {
        let error = client.error(statement).await;
        assert_eq!(error.kind(), ErrorKind::ReadOnlyTransaction, "{statement}: {error:?}");
        assert!(error.message().ends_with("while nyala.as_of is set"), "{error:?}");
    }
    client.run("BEGIN").await.unwrap();
    client.run("SET LOCAL nyala.as_of = '0 seconds'").await.unwrap();
    assert_eq!(client.rows("SELECT v FROM t ORDER BY id").await, ["A", "c"]);
    client.run("COMMIT").await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["2"]);
    client.run("RESET nyala.as_of").await.unwrap();
    client.run("INSERT INTO t VALUES (9, 'x')").await.unwrap();
    for bad in ["'soon'", "'2999-01-01'", "'infinity'", "9223372036854775807"] {
        let error = client.error(&format!("SET nyala.as_of = {bad}")).await;
        assert_eq!(error.kind(), ErrorKind::InvalidParameterValue, "{bad}");
    }
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["3"]);
}

#[tokio::test]
async fn times_that_cannot_be_read_are_refused() {
    let server = Server::start();
    let mut client = server.session();
    let before = moment(&mut client).await;
    client.run("CREATE TABLE t (a int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    let mut kind = async |time: &str| {
        client.error(&format!("SELECT * FROM t FOR SYSTEM_TIME AS OF {time}")).await.kind()
    };
    assert_eq!(kind("'2999-01-01'").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("now() + interval '1 day'").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("-1").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("NULL").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("'whenever'").await, ErrorKind::InvalidDatetime);
    assert_eq!(kind("1.5").await, ErrorKind::DatatypeMismatch);
    assert_eq!(kind("true").await, ErrorKind::DatatypeMismatch);
    assert_eq!(kind("a").await, ErrorKind::UndefinedColumn);
    assert_eq!(kind("(SELECT now())").await, ErrorKind::Unsupported);
    assert_eq!(kind(&before.to_string()).await, ErrorKind::UndefinedTable);
    let error = client.error("SELECT * FROM pg_class FOR SYSTEM_TIME AS OF now()").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = client.error("WITH w AS (SELECT 1) SELECT * FROM w FOR SYSTEM_TIME AS OF now()").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    // Words of the clause stay names elsewhere.
    assert_eq!(client.rows("SELECT at.a FROM t at, t AS of WHERE of.a = at.a").await, ["1"]);
    let names =
        "SELECT before.a FROM t AS OF SYSTEM TIME now() before, t at, t version WHERE at.a = version.a";
    assert_eq!(client.rows(names).await, ["1"]);
}

#[tokio::test]
async fn a_time_before_the_history_is_refused_with_the_oldest() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY) WITH (history_retention = 0)").await.unwrap();
    client.run("INSERT INTO t VALUES (1), (2)").await.unwrap();
    let then = moment(&mut client).await;
    client.run("DELETE FROM t WHERE a = 1").await.unwrap();
    client.run("CHECKPOINT").await.unwrap();
    client.run("VACUUM FULL t").await.unwrap();
    let error = client.error(&format!("SELECT * FROM t FOR SYSTEM_TIME AS OF {then}")).await;
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld);
    assert!(error.message().starts_with("table \"t\" cannot be read as of 20"), "{error:?}");
    assert!(error.detail().is_some_and(|d| d.starts_with("Its oldest readable time is 20")), "{error:?}");
    assert!(error.hint().is_some_and(|h| h.contains("history_retention")), "{error:?}");
}

/// A table whose definition of then had been collected was said not to have existed.
#[tokio::test]
async fn a_time_before_the_definitions_is_refused_with_the_oldest() {
    let server = Server::open_with(tempfile::tempdir().unwrap(), |s| s.history_retention_seconds = 0);
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    client.run("INSERT INTO t VALUES (1), (2)").await.unwrap();
    let then = moment(&mut client).await;
    client.run("ALTER TABLE t ADD COLUMN b int; CREATE TABLE later (a int PRIMARY KEY)").await.unwrap();
    client.run("CHECKPOINT").await.unwrap();
    client.run("VACUUM FULL t").await.unwrap();
    let of = |table: &str| format!("SELECT * FROM {table} FOR SYSTEM_TIME AS OF {then}");
    let error = client.error(&of("t")).await;
    assert_eq!(error.kind(), ErrorKind::SnapshotTooOld, "{error:?}");
    assert!(error.detail().is_some_and(|d| d.starts_with("Its oldest readable time is 20")), "{error:?}");
    assert_eq!(client.error(&of("later")).await.kind(), ErrorKind::UndefinedTable);
    client.run(&format!("SET nyala.as_of = {then}")).await.unwrap();
    assert_eq!(client.error("SELECT * FROM t").await.kind(), ErrorKind::SnapshotTooOld);
    assert_eq!(client.error("SELECT * FROM later").await.kind(), ErrorKind::UndefinedTable);
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_are_those_of_the_time() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1), (2)").await.unwrap();
    client
        .run("CREATE FUNCTION f(n int) RETURNS bigint LANGUAGE sql AS 'SELECT n + sum(a) FROM t'")
        .await
        .unwrap();
    client.run("CREATE FUNCTION kept() RETURNS bigint BEGIN ATOMIC SELECT sum(a) FROM t; END").await.unwrap();
    let first = moment(&mut client).await;
    client.run("INSERT INTO t VALUES (10); ALTER FUNCTION f RENAME TO g").await.unwrap();
    client
        .run("CREATE OR REPLACE FUNCTION kept() RETURNS bigint BEGIN ATOMIC SELECT max(a) FROM t; END")
        .await
        .unwrap();
    let second = moment(&mut client).await;
    client.run("DROP FUNCTION g, kept").await.unwrap();
    functions_of_then(&mut client, first, second).await;
    client.run("CHECKPOINT").await.unwrap();
    drop(client);
    let server = server.killed_and_reopened();
    functions_of_then(&mut server.session(), first, second).await;
}

async fn functions_of_then(client: &mut Client, first: i64, second: i64) {
    client.run(&format!("SET nyala.as_of = {first}")).await.unwrap();
    assert_eq!(client.rows("SELECT f(5), kept()").await, ["8|3"]);
    assert_eq!(client.error("SELECT g(5)").await.kind(), ErrorKind::UndefinedFunction);
    client.run(&format!("SET nyala.as_of = {second}")).await.unwrap();
    assert_eq!(client.rows("SELECT g(5), kept()").await, ["18|10"]);
    assert_eq!(client.error("SELECT f(5)").await.kind(), ErrorKind::UndefinedFunction);
    client.run("RESET nyala.as_of").await.unwrap();
    assert_eq!(client.error("SELECT kept()").await.kind(), ErrorKind::UndefinedFunction);
}

/// One table that could not be read any more made all of nyala.tables fail.
#[tokio::test]
async fn what_cannot_be_told_of_a_table_at_a_time_is_null() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE gone (a int PRIMARY KEY) WITH (history_retention = 0)").await.unwrap();
    client.run("CREATE TABLE kept (a int PRIMARY KEY)").await.unwrap();
    client.run("INSERT INTO gone VALUES (1), (2); INSERT INTO kept VALUES (1), (2), (3)").await.unwrap();
    let then = moment(&mut client).await;
    client.run("DELETE FROM gone; DELETE FROM kept WHERE a = 1").await.unwrap();
    client.run("CHECKPOINT").await.unwrap();
    client.run("VACUUM FULL gone").await.unwrap();
    client.run(&format!("SET nyala.as_of = {then}")).await.unwrap();
    let told = "SELECT table_name, row_count, fingerprint IS NULL FROM nyala.tables ORDER BY 1";
    assert_eq!(client.rows(told).await, ["gone|∅|t", "kept|3|f"]);
    assert_eq!(client.error("SELECT * FROM gone").await.kind(), ErrorKind::SnapshotTooOld);
}

/// UNDROP of a table that the transaction itself had dropped said that there was none, or brought back an older one.
#[tokio::test]
async fn a_drop_is_had_back_when_it_was_committed() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY); INSERT INTO t VALUES (1); DROP TABLE t").await.unwrap();
    client.run("CREATE TABLE t (b int)").await.unwrap();
    client.run("BEGIN; DROP TABLE t").await.unwrap();
    let error = client.error("UNDROP TABLE t").await;
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
    assert!(error.message().starts_with("table \"t\" was dropped by this transaction"), "{error:?}");
    client.run("ROLLBACK").await.unwrap();
    assert!(client.rows("SELECT b FROM t").await.is_empty());
    client.run("DROP TABLE t").await.unwrap();
    client.run("UNDROP TABLE t").await.unwrap();
    assert!(client.rows("SELECT b FROM t").await.is_empty());
    assert_eq!(client.error("UNDROP TABLE never").await.kind(), ErrorKind::UndefinedTable);
}

/// A table without key took rows in the transaction that made it a clone; one with a key did not.
#[tokio::test]
async fn a_clone_takes_no_rows_before_its_commit() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE keyed (a int PRIMARY KEY); CREATE TABLE bag (a int)").await.unwrap();
    for source in ["keyed", "bag"] {
        client.run(&format!("BEGIN; CREATE TABLE copy CLONE {source}")).await.unwrap();
        let error = client.error("INSERT INTO copy VALUES (1)").await;
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{source}: {error:?}");
        client.run("ROLLBACK").await.unwrap();
    }
    client.run("BEGIN; CREATE TABLE copy CLONE bag; COMMIT; INSERT INTO copy VALUES (1)").await.unwrap();
    assert_eq!(client.rows("SELECT a FROM copy").await, ["1"]);
}

#[tokio::test]
async fn names_are_those_of_the_time() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    let then = moment(&mut client).await;
    client.run("DROP TABLE t").await.unwrap();
    client.run("CREATE TABLE t (b text, c text)").await.unwrap();
    assert_eq!(client.rows(&format!("SELECT a FROM t FOR SYSTEM_TIME AS OF {then}")).await, ["1"]);
    assert!(client.rows("SELECT b, c FROM t").await.is_empty());
    let error = client.error(&format!("SELECT a FROM t x FOR SYSTEM_TIME AS OF {then}")).await;
    assert_eq!(error.kind(), ErrorKind::Syntax, "an alias stands behind the time");
}

#[tokio::test]
async fn plans_show_the_time() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    let plan = client.rows("EXPLAIN SELECT a FROM t FOR SYSTEM_TIME AS OF now() x WHERE a > 1").await;
    assert!(plan.iter().any(|line| line.contains("Scan on x as of 20")), "{plan:?}");
    assert!(plan.iter().any(|line| line.contains("pushed: x.a > 1")), "{plan:?}");
    client.run("SET nyala.as_of = '0 s'").await.unwrap();
    let plan = client.rows("EXPLAIN SELECT a FROM t").await;
    assert!(plan.iter().any(|line| line.contains("Scan on t as of 20")), "{plan:?}");
    let plan = client.rows("EXPLAIN SELECT a FROM table_changes('t', '1 day', now())").await;
    assert!(plan.iter().any(|line| line.contains("Changes of t from ")), "{plan:?}");
}

#[tokio::test]
async fn changes_are_net_and_in_order() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (id bigint PRIMARY KEY, v text)").await.unwrap();
    let start = moment(&mut client).await;
    client.run("INSERT INTO t VALUES (1, 'a'), (2, 'b')").await.unwrap();
    client
        .run("BEGIN; UPDATE t SET v = 'x' WHERE id = 1; UPDATE t SET v = 'y' WHERE id = 1; COMMIT")
        .await
        .unwrap();
    let middle = moment(&mut client).await;
    client.run("DELETE FROM t WHERE id = 2").await.unwrap();
    let all =
        format!("SELECT operation, id, v FROM table_changes('t', {start}, now()) ORDER BY commit_ts, id");
    let expected = ["insert|1|a", "insert|2|b", "update|1|y", "delete|2|b"];
    assert_eq!(client.rows(&all).await, expected);
    let tail = format!(
        "SELECT c.*, c.commit_ts > {middle} FROM public.t, table_changes('public.t', {middle}, '0 s') c"
    );
    let tail = client.rows(&tail).await;
    assert_eq!(tail.len(), 1);
    assert!(tail[0].starts_with("2|b|delete|") && tail[0].ends_with("|t"), "{tail:?}");
    let images = format!(
        "SELECT operation, v FROM table_changes('T', {start}, {middle}, old_images => true) WHERE id = 1 \
         ORDER BY commit_ts, operation DESC"
    );
    assert_eq!(client.rows(&images).await, ["insert|a", "update_old|a", "update|y"]);
    let counted =
        format!("SELECT operation, count(*) FROM table_changes('t', {start}, now()) GROUP BY 1 ORDER BY 1");
    assert_eq!(client.rows(&counted).await, ["delete|1", "insert|2", "update|1"]);
    assert_eq!(client.rows(&format!("SELECT count(*) FROM table_changes('t', {start}, now())")).await, ["4"]);
    assert!(client.rows(&format!("SELECT 1 FROM table_changes('t', {start}, {start})")).await.is_empty());
}

#[tokio::test]
async fn bad_calls_of_table_changes_are_refused() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    let mut kind =
        async |args: &str| client.error(&format!("SELECT * FROM table_changes({args})")).await.kind();
    assert_eq!(kind("'nope', '1 day', now()").await, ErrorKind::UndefinedTable);
    assert_eq!(kind("'t', now(), '1 day'").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("'t', now(), now() + interval '1 day'").await, ErrorKind::InvalidParameterValue);
    assert_eq!(kind("'t', now()").await, ErrorKind::UndefinedFunction);
    assert_eq!(kind("'t', now(), now(), new_images => true").await, ErrorKind::UndefinedFunction);
    assert_eq!(kind("'t', now(), now(), old_images => a").await, ErrorKind::UndefinedColumn);
    assert_eq!(kind("5, now(), now()").await, ErrorKind::Unsupported);
    assert_eq!(kind("'t', 'then', now()").await, ErrorKind::InvalidDatetime);
    assert_eq!(kind("'pg_class', now(), now()").await, ErrorKind::Unsupported);
    assert_eq!(kind("'a b c', now(), now()").await, ErrorKind::InvalidText);
}

#[tokio::test]
async fn a_truncated_table_has_its_past() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY); CREATE TABLE u (a int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1), (2)").await.unwrap();
    let start = moment(&mut client).await;
    client.run("BEGIN").await.unwrap();
    assert_eq!(client.tag("TRUNCATE TABLE t, ONLY u RESTART IDENTITY CASCADE").await, "TRUNCATE TABLE");
    assert!(client.rows("SELECT * FROM t").await.is_empty());
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(client.rows("SELECT * FROM t").await, ["1"]);
    client.run("ROLLBACK").await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["2"]);
    client.run("TRUNCATE t").await.unwrap();
    assert!(client.rows("SELECT * FROM t").await.is_empty());
    assert_eq!(client.rows(&format!("SELECT sum(a) FROM t FOR SYSTEM_TIME AS OF {start}")).await, ["3"]);
    let changes = format!("SELECT a, operation FROM table_changes('t', {start}, now()) ORDER BY a");
    assert_eq!(client.rows(&changes).await, ["1|delete", "2|delete"]);
}

#[tokio::test]
async fn a_dropped_table_comes_back() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    client.run("INSERT INTO t VALUES (1), (2)").await.unwrap();
    assert_eq!(client.error("UNDROP TABLE t").await.kind(), ErrorKind::DuplicateTable);
    assert_eq!(client.error("UNDROP TABLE nope").await.kind(), ErrorKind::UndefinedTable);
    client.run("DROP TABLE t").await.unwrap();
    client.run("CREATE TABLE t (b text)").await.unwrap();
    assert_eq!(client.error("UNDROP TABLE t").await.kind(), ErrorKind::DuplicateTable);
    client.run("DROP TABLE t").await.unwrap();
    assert_eq!(client.tag("UNDROP TABLE public.t").await, "UNDROP TABLE");
    assert!(client.rows("SELECT b FROM t").await.is_empty());
    assert_eq!(client.error("UNDROP TABLE nowhere.t").await.kind(), ErrorKind::UndefinedSchema);
}

/// UNDROP said that there was none, although CLONE .. AS OF could read it; nyala.tablets had no name for it.
#[tokio::test]
async fn a_table_comes_back_into_the_schema_that_was_made_again() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE SCHEMA s; CREATE TABLE s.t (a serial PRIMARY KEY, b int UNIQUE)").await.unwrap();
    client.run("INSERT INTO s.t (b) VALUES (7)").await.unwrap();
    client.run("DROP TABLE s.t").await.unwrap();
    let named = "SELECT schema_name, table_name FROM nyala.tablets WHERE dropped_at IS NOT NULL AND table_name = 't' AND index_name IS NULL";
    assert_eq!(client.rows(named).await, ["s|t"]);
    client.run("DROP SCHEMA s").await.unwrap();
    assert_eq!(client.rows(named).await, ["∅|t"]);
    client.run("CREATE SCHEMA other; CREATE SCHEMA s").await.unwrap();
    assert_eq!(client.error("UNDROP TABLE other.t").await.kind(), ErrorKind::UndefinedTable);
    client.run("UNDROP TABLE s.t").await.unwrap();
    client.run("INSERT INTO s.t (b) VALUES (8)").await.unwrap();
    assert_eq!(client.rows("SELECT a, b FROM s.t ORDER BY a").await, ["1|7", "2|8"]);
    let error = client.error("INSERT INTO s.t (b) VALUES (7)").await;
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(client.error("DROP SCHEMA s").await.kind(), ErrorKind::DependentObjects);
}

#[tokio::test]
async fn a_clone_lives_by_itself() {
    let server = Server::start();
    let mut client = server.session();
    let [first, _] = three_states(&mut client).await;
    assert_eq!(client.tag("CREATE TABLE now_t CLONE t").await, "CREATE TABLE");
    let past = format!("CREATE TABLE then_t CLONE t AS OF {first} WITH (history_retention = '1 day')");
    client.run(&past).await.unwrap();
    client.run(&format!("CREATE TABLE IF NOT EXISTS again CLONE t AS OF SYSTEM TIME {first}")).await.unwrap();
    client.run("CREATE TABLE IF NOT EXISTS again CLONE t").await.unwrap();
    assert_eq!(client.error("CREATE TABLE again CLONE t").await.kind(), ErrorKind::DuplicateTable);
    assert_eq!(client.error("CREATE TABLE other CLONE nope").await.kind(), ErrorKind::UndefinedTable);
    assert_eq!(client.rows("SELECT v FROM now_t ORDER BY id").await, ["A", "c"]);
    assert_eq!(client.rows("SELECT v FROM then_t ORDER BY id").await, ["a", "b"]);
    assert_eq!(client.rows("SELECT v FROM again ORDER BY id").await, ["a", "b"]);
    client.run("DELETE FROM then_t WHERE id = 1; INSERT INTO then_t VALUES (7, 'z')").await.unwrap();
    let error = client.error("INSERT INTO then_t VALUES (2, 'twice')").await;
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    client.run("DROP TABLE t").await.unwrap();
    assert_eq!(client.rows("SELECT v FROM then_t ORDER BY id").await, ["b", "z"]);
    assert_eq!(client.rows("SELECT v FROM now_t ORDER BY id").await, ["A", "c"]);
    let options = "SELECT reloptions FROM pg_class WHERE relname IN ('now_t', 'then_t') ORDER BY relname";
    assert_eq!(client.rows(options).await, ["∅", "{\"history_retention=1 day\"}"]);
}
