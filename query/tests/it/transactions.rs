//! Blocks, implicit transactions, failed blocks, races, cancelling.

use crate::harness::Server;
use base::ErrorKind;
use query::api::TransactionStatus;

#[tokio::test]
async fn a_block_commits_or_rolls_back_as_one() {
    let server = Server::start();
    let mut client = server.session();
    let mut other = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    assert_eq!(client.tag("BEGIN").await, "BEGIN");
    assert_eq!(client.session.status(), TransactionStatus::InBlock);
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(client.rows("SELECT a FROM t").await, ["1"]);
    assert!(other.rows("SELECT a FROM t").await.is_empty());
    assert_eq!(client.tag("COMMIT").await, "COMMIT");
    assert_eq!(other.rows("SELECT a FROM t").await, ["1"]);
    client.run("BEGIN").await.unwrap();
    client.run("DELETE FROM t").await.unwrap();
    assert_eq!(client.tag("ROLLBACK").await, "ROLLBACK");
    assert_eq!(client.rows("SELECT a FROM t").await, ["1"]);
}

#[tokio::test]
async fn definitions_are_rolled_back_too() {
    let server = Server::start();
    let mut client = server.session();
    client.run("BEGIN").await.unwrap();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(client.rows("SELECT a FROM t").await, ["1"]);
    client.run("ROLLBACK").await.unwrap();
    assert_eq!(client.error("SELECT a FROM t").await.kind(), ErrorKind::UndefinedTable);
}

#[tokio::test]
async fn a_failed_block_takes_nothing_but_its_end() {
    let server = Server::start();
    let mut client = server.session();
    client.run("BEGIN").await.unwrap();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    client.error("SELECT nothing").await;
    assert_eq!(client.session.status(), TransactionStatus::Failed);
    let error = client.error("SELECT 1").await;
    assert_eq!(error.kind(), ErrorKind::FailedTransaction);
    assert_eq!(client.tag("COMMIT").await, "ROLLBACK");
    assert_eq!(client.session.status(), TransactionStatus::Idle);
    assert_eq!(client.error("SELECT a FROM t").await.kind(), ErrorKind::UndefinedTable);
}

#[tokio::test]
async fn a_string_of_statements_is_one_transaction() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY)").await.unwrap();
    let error = client.error("INSERT INTO t VALUES (1); INSERT INTO t VALUES (1)").await;
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert!(client.rows("SELECT a FROM t").await.is_empty());
    client.run("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)").await.unwrap();
    assert_eq!(client.rows("SELECT a FROM t ORDER BY a").await, ["1", "2"]);
    assert_eq!(client.session.status(), TransactionStatus::Idle);
}

#[tokio::test]
async fn warnings_tell_of_blocks_that_are_there_or_not() {
    let server = Server::start();
    let mut client = server.session();
    client.run("COMMIT").await.unwrap();
    client.run("BEGIN").await.unwrap();
    client.run("BEGIN").await.unwrap();
    let notices = client.session.take_notices();
    let told: Vec<(&str, &str)> = notices.iter().map(|n| (n.code, n.message.as_str())).collect();
    assert_eq!(
        told,
        [
            ("25P01", "there is no transaction in progress"),
            ("25001", "there is already a transaction in progress")
        ]
    );
}

#[tokio::test]
async fn read_committed_sees_new_commits_and_repeatable_read_does_not() {
    let server = Server::start();
    let mut client = server.session();
    let mut other = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1, 0)").await.unwrap();
    client.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    assert_eq!(client.rows("SELECT b FROM t").await, ["0"]);
    other.run("UPDATE t SET b = 1").await.unwrap();
    assert_eq!(client.rows("SELECT b FROM t").await, ["0"]);
    let error = client.error("UPDATE t SET b = b + 1").await;
    assert_eq!(error.kind(), ErrorKind::LostRace);
    assert_eq!(error.message(), "could not serialize access due to concurrent update");
    client.run("ROLLBACK").await.unwrap();
    client.run("BEGIN").await.unwrap();
    client.rows("SELECT b FROM t").await;
    other.run("UPDATE t SET b = 2").await.unwrap();
    assert_eq!(client.rows("SELECT b FROM t").await, ["2"]);
    client.run("UPDATE t SET b = b + 1").await.unwrap();
    client.run("COMMIT").await.unwrap();
    assert_eq!(other.rows("SELECT b FROM t").await, ["3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn autocommit_statements_that_race_all_take_effect() {
    const CLIENTS: usize = 4;
    const TIMES: usize = 10;
    let server = Server::start();
    server.session().run("CREATE TABLE t (a int PRIMARY KEY, b int)").await.unwrap();
    server.session().run("INSERT INTO t VALUES (1, 0)").await.unwrap();
    let clients = (0..CLIENTS).map(|_| {
        let mut client = server.session();
        async move {
            let mut done = 0;
            while done < TIMES {
                match client.run("UPDATE t SET b = b + 1 WHERE a = 1").await {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::LostRace),
                }
            }
        }
    });
    futures::future::join_all(clients).await;
    assert_eq!(server.session().rows("SELECT b FROM t").await, [(CLIENTS * TIMES).to_string()]);
}

/// By a unique column: whoever comes second meets the row of the first, whose key it does not know.
#[tokio::test(flavor = "multi_thread")]
async fn upserts_by_a_unique_column_that_race_all_take_effect() {
    const CLIENTS: usize = 4;
    const TIMES: usize = 20;
    let server = Server::start();
    let table = "CREATE TABLE t (id serial PRIMARY KEY, name text UNIQUE, n int)";
    server.session().run(table).await.unwrap();
    let clients = (0..CLIENTS).map(|number| {
        let mut client = server.session();
        tokio::runtime::Handle::current().spawn(async move {
            let mut done = 0;
            while done < TIMES {
                let name = (done + number) % 3;
                let upsert = format!(
                    "INSERT INTO t (name, n) VALUES ('{name}', 1) ON CONFLICT (name) DO UPDATE SET n = t.n + 1, id = excluded.id"
                );
                match client.run(&upsert).await {
                    Ok(_) => done += 1,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::LostRace),
                }
            }
        })
    });
    for client in futures::future::join_all(clients).await {
        client.unwrap();
    }
    let told = "SELECT count(*), count(DISTINCT name), sum(n) FROM t";
    assert_eq!(server.session().rows(told).await, [format!("3|3|{}", CLIENTS * TIMES)]);
}

#[tokio::test]
async fn a_read_only_transaction_refuses_to_write() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    client.run("BEGIN READ ONLY").await.unwrap();
    let error = client.error("INSERT INTO t VALUES (1)").await;
    assert_eq!(error.kind(), ErrorKind::ReadOnlyTransaction);
    assert_eq!(error.message(), "cannot execute INSERT in a read-only transaction");
}

#[tokio::test]
async fn a_statement_stops_at_its_timeout() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    client.run("INSERT INTO t SELECT g FROM generate_series(1, 3000) AS g").await.unwrap();
    client.run("SET statement_timeout = '50ms'").await.unwrap();
    let error = client.error("SELECT count(*) FROM t a, t b, t c WHERE a.a + b.a + c.a = 7").await;
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Cancelled, "canceling statement due to statement timeout")
    );
    client.run("SET statement_timeout = 0").await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["3000"]);
}

#[tokio::test]
async fn a_prepared_statement_notices_a_changed_table() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    let parsed = client.session.parse("SELECT * FROM t").await.unwrap().remove(0);
    let prepared = client.session.prepare(&parsed, &[]).await.unwrap();
    client.run("CREATE TABLE other (a int)").await.unwrap();
    assert!(client.session.execute(&prepared, Vec::new(), true).await.is_ok());
    client.run("DROP TABLE t").await.unwrap();
    client.run("CREATE TABLE t (a int, b int)").await.unwrap();
    let error = client.session.execute(&prepared, Vec::new(), true).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unsupported, "cached plan must not change result type")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_statement_can_be_cancelled() {
    let server = Server::start();
    let mut client = server.session();
    let handle = client.session.cancel_handle();
    // Without a statement there is nothing to stop, and nothing is stopped later.
    handle.cancel();
    assert_eq!(client.rows("SELECT 1").await, ["1"]);
    let endless = "SELECT count(*) FROM generate_series(1, 5000) a, generate_series(1, 5000) b, \
                   generate_series(1, 5000) c WHERE a + b + c = -1";
    // Cancels again and again: the request may come before the statement runs.
    let mut run = Box::pin(client.run(endless));
    let outcome = loop {
        handle.cancel();
        if let std::task::Poll::Ready(outcome) = futures::poll!(run.as_mut()) {
            break outcome;
        }
        tokio::task::yield_now().await;
    };
    drop(run);
    let error = outcome.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Cancelled, "canceling statement due to user request")
    );
    assert_eq!(client.rows("SELECT 1").await, ["1"]);
}

/// A transaction that began before columns changed reads those it had, and must not write rows of the older definition.
#[tokio::test]
async fn a_writer_with_an_older_definition_loses() {
    let server = Server::start();
    let (mut one, mut two) = (server.session(), server.session());
    one.run("CREATE TABLE t (a int PRIMARY KEY, b int)").await.unwrap();
    one.run("INSERT INTO t VALUES (1, 10)").await.unwrap();
    for change in ["ADD COLUMN c int DEFAULT 1", "DROP COLUMN c"] {
        one.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
        let before = one.rows("SELECT * FROM t").await;
        two.run(&format!("ALTER TABLE t {change}")).await.unwrap();
        assert_ne!(two.rows("SELECT * FROM t").await, before);
        assert_eq!(one.rows("SELECT * FROM t").await, before);
        let error = one.error("UPDATE t SET b = 11").await;
        assert_eq!(error.kind(), ErrorKind::LostRace, "{change}");
        one.run("ROLLBACK").await.unwrap();
    }
    // Between two statements of READ COMMITTED they may change.
    one.run("BEGIN").await.unwrap();
    assert_eq!(one.rows("SELECT * FROM t").await, ["1|10"]);
    two.run("ALTER TABLE t ADD COLUMN c int DEFAULT 2").await.unwrap();
    one.run("UPDATE t SET c = c + 1").await.unwrap();
    one.run("COMMIT").await.unwrap();
    assert_eq!(two.rows("SELECT * FROM t").await, ["1|10|3"]);
}

#[tokio::test]
async fn prepared_statements_live_through_changes_of_columns() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int, b int)").await.unwrap();
    let mut prepared = Vec::new();
    for text in ["INSERT INTO t (a) VALUES (1)", "SELECT a FROM t", "SELECT * FROM t"] {
        let parsed = client.session.parse(text).await.unwrap().remove(0);
        prepared.push(client.session.prepare(&parsed, &[]).await.unwrap());
    }
    client.run("ALTER TABLE t ADD COLUMN c int DEFAULT 5, DROP COLUMN b").await.unwrap();
    let execution = client.session.execute(&prepared[0], Vec::new(), true).await.unwrap();
    crate::harness::collect(execution).await.unwrap();
    let execution = client.session.execute(&prepared[1], Vec::new(), true).await.unwrap();
    assert_eq!(crate::harness::collect(execution).await.unwrap().rows, ["1"]);
    let error = client.session.execute(&prepared[2], Vec::new(), true).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Unsupported, "cached plan must not change result type")
    );
    client.session.fail().await;
    assert_eq!(client.rows("SELECT * FROM t").await, ["1|5"]);
}
