//! What was committed is there after a restart, whether the database was closed or not.

use crate::harness::Server;

#[tokio::test]
async fn committed_rows_survive_a_kill_and_others_do_not() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text)").await.unwrap();
    client.run("INSERT INTO t VALUES (1, 'one'), (2, 'two')").await.unwrap();
    client.run("CHECKPOINT").await.unwrap();
    client.run("UPDATE t SET b = 'zwei' WHERE a = 2").await.unwrap();
    client.run("BEGIN").await.unwrap();
    client.run("INSERT INTO t VALUES (3, 'three')").await.unwrap();
    drop(client);
    let server = server.killed_and_reopened();
    let mut client = server.session();
    assert_eq!(client.rows("SELECT * FROM t ORDER BY a").await, ["1|one", "2|zwei"]);
    client.run("INSERT INTO t VALUES (3, 'drei')").await.unwrap();
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["3"]);
}
