//! lock_timeout was accepted, shown and ignored: a statement that met a row, a table or the catalog of another transaction
//! waited for it without end. Here each kind of wait ends with 55P03 while the other transaction stays open, and none of
//! the other outcomes becomes that: statement_timeout stays 57014, a block that does not wait stays 40001, a wait that is
//! allowed to be long ends with the other transaction.

use sql_tests::wire::TestServer;
use tokio_postgres::Client;

async fn code_and_message(client: &Client, sql: &str) -> (String, String) {
    let error = client.batch_execute(sql).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    (error.code().code().to_owned(), error.message().to_owned())
}

async fn run(client: &Client, statements: &[&str]) {
    for sql in statements {
        client.batch_execute(sql).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wait_for_a_lock_ends_at_its_timeout() {
    let server = TestServer::start().await.unwrap();
    let (holder, waiter) = (server.client().await.unwrap(), server.client().await.unwrap());
    run(&holder, &["CREATE TABLE t (k int PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 1), (2, 2)"]).await;
    let timed_out = ("55P03".to_owned(), "canceling statement due to lock timeout".to_owned());

    let held = [
        // A row, a key that is not there yet, a table.
        ("UPDATE t SET v = 5 WHERE k = 1", "UPDATE t SET v = 6 WHERE k = 1"),
        ("UPDATE t SET v = 5 WHERE k = 1", "DELETE FROM t"),
        ("INSERT INTO t VALUES (7, 7)", "INSERT INTO t VALUES (7, 8) ON CONFLICT DO NOTHING"),
        ("UPDATE t SET v = 5 WHERE k = 1", "ALTER TABLE t ADD COLUMN w int DEFAULT 3"),
        ("ALTER TABLE t ADD COLUMN w int", "INSERT INTO t VALUES (9, 9)"),
        // The catalog.
        ("CREATE TABLE u (k int)", "CREATE TABLE other (k int)"),
        ("CREATE TABLE u (k int)", "ANALYZE t"),
        ("CREATE TABLE u (k int)", "VACUUM ANALYZE t"),
    ];
    for (holding, waiting) in held {
        run(&holder, &["BEGIN", holding]).await;
        run(&waiter, &["SET lock_timeout = '50ms'"]).await;
        assert_eq!(code_and_message(&waiter, waiting).await, timed_out, "{waiting} behind {holding}");

        // No limit of that kind, and another one that comes first.
        for lock_timeout in ["0", "'1h'"] {
            run(&waiter, &[&format!("SET lock_timeout = {lock_timeout}"), "SET statement_timeout = '50ms'"])
                .await;
            let (code, _) = code_and_message(&waiter, waiting).await;
            assert_eq!(code, "57014", "{waiting} behind {holding}");
            run(&waiter, &["SET statement_timeout = 0"]).await;
        }
        run(&holder, &["ROLLBACK"]).await;
    }

    // A block does not wait.
    run(&holder, &["BEGIN", held[0].0]).await;
    run(&waiter, &["SET lock_timeout = '1h'", "BEGIN"]).await;
    assert_eq!(code_and_message(&waiter, held[0].1).await.0, "40001");
    run(&waiter, &["ROLLBACK"]).await;

    // A wait within the limit.
    let waits = tokio::spawn(async move { waiter.batch_execute("UPDATE t SET v = v + 1 WHERE k = 1").await });
    run(&holder, &["COMMIT"]).await;
    waits.await.unwrap().unwrap();
    let sum: i32 = holder.query_one("SELECT v FROM t WHERE k = 1", &[]).await.unwrap().get(0);
    assert_eq!(sum, 6);
}
