//! Materialized views as they were: at earlier times, and had back.

use crate::harness::{Client, Server};
use crate::history::moment;
use base::ErrorKind;

/// Moments at which the view m over t was not yet filled, had one row, two rows, was emptied again, and was gone.
async fn five_states(client: &mut Client) -> [i64; 5] {
    client.run("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await.unwrap();
    client.run("CREATE MATERIALIZED VIEW m AS SELECT a FROM t WITH NO DATA").await.unwrap();
    let made = moment(client).await;
    client.run("REFRESH MATERIALIZED VIEW m").await.unwrap();
    let filled = moment(client).await;
    client.run("INSERT INTO t VALUES (2); REFRESH MATERIALIZED VIEW m").await.unwrap();
    let fuller = moment(client).await;
    client.run("REFRESH MATERIALIZED VIEW m WITH NO DATA").await.unwrap();
    let emptied = moment(client).await;
    client.run("DROP MATERIALIZED VIEW m").await.unwrap();
    [made, filled, fuller, emptied, moment(client).await]
}

/// What every session sees of `five_states`.
async fn verify(client: &mut Client, [made, filled, fuller, emptied, gone]: [i64; 5]) {
    let told =
        "SELECT relkind, relispopulated, pg_get_viewdef(oid) IS NOT NULL FROM pg_class WHERE relname = 'm'";
    for (time, rows) in [(made, None), (filled, Some("1")), (fuller, Some("2")), (emptied, None)] {
        let at = format!("SELECT count(*) FROM m AS OF SYSTEM TIME {time}");
        match rows {
            Some(rows) => assert_eq!(client.rows(&at).await, [rows]),
            None => assert_eq!(client.error(&at).await.kind(), ErrorKind::WrongObjectState, "{at}"),
        }
        client.run(&format!("SET nyala.as_of = '{time}'")).await.unwrap();
        match rows {
            Some(rows) => assert_eq!(client.rows("SELECT count(*) FROM m").await, [rows]),
            None => assert_eq!(client.error("TABLE m").await.kind(), ErrorKind::WrongObjectState),
        }
        let populated = if rows.is_some() { "t" } else { "f" };
        assert_eq!(client.rows(told).await, [format!("m|{populated}|t")]);
        let listed = "SELECT matviewname, ispopulated FROM pg_matviews";
        assert_eq!(client.rows(listed).await, [format!("m|{populated}")]);
        for statement in ["REFRESH MATERIALIZED VIEW m", "DROP MATERIALIZED VIEW m"] {
            assert_eq!(client.error(statement).await.kind(), ErrorKind::ReadOnlyTransaction, "{statement}");
        }
        client.run("RESET nyala.as_of").await.unwrap();
    }
    let after = format!("SELECT * FROM m AS OF SYSTEM TIME {gone}");
    assert_eq!(client.error(&after).await.kind(), ErrorKind::UndefinedTable);
}

/// They were plain tables at earlier times, and one that had not been filled then read as empty.
#[tokio::test]
async fn materialized_views_are_what_they_were() {
    let server = Server::start();
    let mut client = server.session();
    let times = five_states(&mut client).await;
    verify(&mut client, times).await;
    drop(client);
    let server = server.killed_and_reopened();
    let mut client = server.session();
    verify(&mut client, times).await;
    client.run("CHECKPOINT").await.unwrap();
    drop(client);
    let server = server.killed_and_reopened();
    verify(&mut server.session(), times).await;
}

#[tokio::test]
async fn the_rows_of_a_materialized_view_can_be_cloned() {
    let server = Server::start();
    let mut client = server.session();
    let [made, _, fuller, ..] = five_states(&mut client).await;
    let unfilled = format!("CREATE TABLE c CLONE m AS OF {made}");
    assert_eq!(client.error(&unfilled).await.kind(), ErrorKind::WrongObjectState);
    client.run(&format!("CREATE TABLE c CLONE m AS OF {fuller}")).await.unwrap();
    client.run("INSERT INTO c VALUES (3)").await.unwrap();
    assert_eq!(client.rows("SELECT sum(a) FROM c").await, ["6"]);
    assert_eq!(client.rows("SELECT relkind FROM pg_class WHERE relname = 'c'").await, ["r"]);
    client.run("CREATE MATERIALIZED VIEW n AS TABLE c").await.unwrap();
    client.run("CREATE TABLE d CLONE n").await.unwrap();
    assert_eq!(client.rows("SELECT sum(a) FROM d").await, ["6"]);
}

/// One that had not been filled came back as an empty table.
#[tokio::test]
async fn a_dropped_materialized_view_comes_back_as_one() {
    let server = Server::start();
    let mut client = server.session();
    five_states(&mut client).await;
    client.run("UNDROP TABLE m").await.unwrap();
    assert_eq!(client.error("TABLE m").await.kind(), ErrorKind::WrongObjectState);
    client.run("REFRESH MATERIALIZED VIEW m").await.unwrap();
    client.run("DROP TABLE t CASCADE").await.unwrap();
    let error = client.error("UNDROP TABLE m").await;
    assert_eq!(error.kind(), ErrorKind::UndefinedTable);
    assert!(error.message().contains("reads a relation that is no longer there"), "{error:?}");
    client.run("UNDROP TABLE t; UNDROP TABLE m").await.unwrap();
    assert_eq!(client.rows("SELECT sum(a) FROM m").await, ["3"]);
    client.run("INSERT INTO t VALUES (4); REFRESH MATERIALIZED VIEW m").await.unwrap();
    assert_eq!(client.rows("SELECT sum(a) FROM m").await, ["7"]);
    assert_eq!(client.error("DROP TABLE t").await.kind(), ErrorKind::DependentObjects);
}
