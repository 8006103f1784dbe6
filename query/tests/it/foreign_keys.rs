//! Foreign keys between sessions: who comes first, and what older snapshots do not show.

use crate::harness::Server;
use base::ErrorKind;
use std::sync::Arc;

async fn family(action: &str) -> Arc<Server> {
    let server = Arc::new(Server::start());
    let mut client = server.session();
    client.run("CREATE TABLE p (id int PRIMARY KEY, note text)").await.unwrap();
    client
        .run(&format!(
            "CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p ON DELETE {action} ON UPDATE {action})"
        ))
        .await
        .unwrap();
    client.run("INSERT INTO p VALUES (1), (2)").await.unwrap();
    server
}

/// A row that a snapshot does not show is not orphaned: it forbids, or the transaction loses.
#[tokio::test]
async fn children_newer_than_a_snapshot_count() {
    for (action, expected) in [
        ("NO ACTION", ErrorKind::ForeignKeyViolation),
        ("CASCADE", ErrorKind::LostRace),
        ("SET NULL", ErrorKind::LostRace),
    ] {
        for statement in ["DELETE FROM p WHERE id = 1", "UPDATE p SET id = 5 WHERE id = 1"] {
            let server = family(action).await;
            let (mut one, mut two) = (server.session(), server.session());
            one.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
            assert_eq!(one.rows("SELECT count(*) FROM c").await, ["0"]);
            two.run("INSERT INTO c VALUES (1, 1)").await.unwrap();
            assert_eq!(one.error(statement).await.kind(), expected, "{action}: {statement}");
            one.run("ROLLBACK").await.unwrap();
            // With a fresh snapshot in each statement.
            one.run("BEGIN").await.unwrap();
            assert_eq!(one.rows("SELECT count(*) FROM c").await, ["1"]);
            two.run("INSERT INTO c VALUES (2, 1)").await.unwrap();
            if action == "NO ACTION" {
                assert_eq!(one.error(statement).await.kind(), expected);
                one.run("ROLLBACK").await.unwrap();
                continue;
            }
            one.run(statement).await.unwrap();
            one.run("COMMIT").await.unwrap();
            let left = two.rows("SELECT count(*), count(p) FROM c").await;
            let expected = match (action, statement.starts_with("DELETE")) {
                ("CASCADE", true) => "0|0",
                ("CASCADE", false) => "2|2",
                _ => "2|0",
            };
            assert_eq!(left, [expected], "{action}: {statement}");
        }
    }
}

/// What a statement waits for decides what it finds.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_second_sees_what_the_first_did() {
    let server = family("NO ACTION").await;
    let (mut one, mut two) = (server.session(), server.session());
    one.run("BEGIN").await.unwrap();
    one.run("DELETE FROM p WHERE id = 1").await.unwrap();
    let waiting = tokio::runtime::Handle::current().spawn(async move {
        let refused = two.error("INSERT INTO c VALUES (1, 1)").await.kind();
        (two, refused)
    });
    one.run("COMMIT").await.unwrap();
    let (mut two, refused) = waiting.await.unwrap();
    assert_eq!(refused, ErrorKind::ForeignKeyViolation);
    two.run("BEGIN").await.unwrap();
    two.run("INSERT INTO c VALUES (2, 2)").await.unwrap();
    let waiting = tokio::runtime::Handle::current().spawn(async move {
        let refused = one.error("DELETE FROM p WHERE id = 2").await.kind();
        (one, refused)
    });
    two.run("COMMIT").await.unwrap();
    let (_one, refused) = waiting.await.unwrap();
    assert_eq!(refused, ErrorKind::ForeignKeyViolation);
    assert_eq!(server.engine.database().locked_keys(), 0);
}
