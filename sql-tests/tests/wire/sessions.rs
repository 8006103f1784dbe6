//! Sessions as other sessions see and stop them: pg_stat_activity, pg_sleep, pg_cancel_backend, pg_terminate_backend.

use sql_tests::wire::TestServer;
use tokio_postgres::Client;

async fn process_id(client: &Client) -> i32 {
    client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0)
}

/// Looks until a session does what is waited for.
async fn seen(client: &Client, process_id: i32, state: &str) {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND state = $2";
    while client.query_one(sql, &[&process_id, &state]).await.unwrap().get::<_, i64>(0) == 0 {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_seen_and_stopped_by_others() {
    let server = TestServer::start().await.unwrap();
    let (own, other) = (server.client().await.unwrap(), server.client().await.unwrap());
    let id = process_id(&other).await;
    seen(&own, id, "idle").await;
    other.batch_execute("BEGIN").await.unwrap();
    seen(&own, id, "idle in transaction").await;
    other.batch_execute("SELECT missing").await.unwrap_err();
    seen(&own, id, "idle in transaction (aborted)").await;
    other.batch_execute("ROLLBACK; SET application_name = 'watched'").await.unwrap();
    let sql = "SELECT application_name, usename, datname, query, client_port IS NOT NULL, xact_start IS NULL, backend_type \
               FROM pg_stat_activity WHERE pid = $1";
    let row = own.query_one(sql, &[&id]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "watched");
    assert_eq!((row.get::<_, &str>(1), row.get::<_, &str>(2)), ("postgres", "postgres"));
    assert!(row.get::<_, &str>(3).ends_with("SET application_name = 'watched'"));
    assert!(row.get::<_, bool>(4) && row.get::<_, bool>(5));
    assert_eq!(row.get::<_, &str>(6), "client backend");

    let ports = "SELECT inet_server_port(), inet_client_port() = client_port, version() LIKE 'PostgreSQL ' || current_setting('server_version') || ' %' \
                 FROM pg_stat_activity WHERE pid = pg_backend_pid()";
    let row = own.query_one(ports, &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), i32::from(server.address.port()));
    assert!(row.get::<_, bool>(1) && row.get::<_, bool>(2));

    // One that waits holds nobody up, and is stopped at once.
    let waiting = tokio::spawn(async move {
        let error = other.batch_execute("SELECT pg_sleep(100000)").await.unwrap_err();
        (other, error)
    });
    seen(&own, id, "active").await;
    assert!(own.query_one("SELECT pg_cancel_backend($1)", &[&id]).await.unwrap().get::<_, bool>(0));
    let (other, error) = waiting.await.unwrap();
    let error = error.as_db_error().unwrap();
    assert_eq!((error.code().code(), error.message()), ("57014", "canceling statement due to user request"));
    other.batch_execute("SET statement_timeout = '20ms'").await.unwrap();
    let error = other.batch_execute("SELECT pg_sleep(100000)").await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014");

    assert!(own.query_one("SELECT pg_terminate_backend($1)", &[&id]).await.unwrap().get::<_, bool>(0));
    let mut ended = other.batch_execute("SELECT 1").await;
    while ended.is_ok() {
        ended = other.batch_execute("SELECT 1").await;
    }
    let listed = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1";
    while own.query_one(listed, &[&id]).await.unwrap().get::<_, i64>(0) > 0 {}
    assert!(!own.query_one("SELECT pg_terminate_backend($1)", &[&id]).await.unwrap().get::<_, bool>(0));
}
