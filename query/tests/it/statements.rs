//! CREATE, INSERT, SELECT, UPDATE, DELETE, ON CONFLICT, RETURNING, settings.

use crate::harness::Server;
use base::ErrorKind;

#[tokio::test]
async fn rows_are_written_read_changed_and_deleted() {
    let server = Server::start();
    let mut client = server.session();
    assert_eq!(
        client.tag("CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(10,2))").await,
        "CREATE TABLE"
    );
    let tag = client.tag("INSERT INTO t VALUES (1, 'one', 1.5), (2, 'two', 2.25), (3, NULL, NULL)").await;
    assert_eq!(tag, "INSERT 0 3");
    assert_eq!(client.rows("SELECT * FROM t ORDER BY a").await, ["1|one|1.50", "2|two|2.25", "3|∅|∅"]);
    assert_eq!(client.tag("UPDATE t SET b = 'zwei' WHERE a = 2").await, "UPDATE 1");
    assert_eq!(client.tag("DELETE FROM t WHERE b IS NULL").await, "DELETE 1");
    assert_eq!(client.rows("SELECT a, b FROM t ORDER BY a").await, ["1|one", "2|zwei"]);
    assert_eq!(client.tag("DELETE FROM t").await, "DELETE 2");
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["0"]);
}

#[tokio::test]
async fn a_key_that_exists_is_refused_or_updated() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1, 10), (2, 20)").await.unwrap();
    let error = client.error("INSERT INTO t VALUES (3, 30), (1, 11)").await;
    assert_eq!(error.kind(), ErrorKind::UniqueViolation);
    assert_eq!(client.rows("SELECT count(*) FROM t").await, ["2"]);
    assert_eq!(client.tag("INSERT INTO t VALUES (1, 5), (3, 30) ON CONFLICT DO NOTHING").await, "INSERT 0 1");
    let upsert = "INSERT INTO t VALUES (2, 7), (4, 40) ON CONFLICT (a) DO UPDATE SET b = t.b + excluded.b RETURNING a, b";
    assert_eq!(client.rows(upsert).await, ["2|27", "4|40"]);
    let error = client
        .error("INSERT INTO t VALUES (9, 1), (9, 2) ON CONFLICT (a) DO UPDATE SET b = excluded.b")
        .await;
    assert_eq!(error.kind(), ErrorKind::Cardinality);
    assert_eq!(error.message(), "ON CONFLICT DO UPDATE command cannot affect row a second time");
    let error = client
        .error("INSERT INTO t VALUES (1, 1), (1, 2) ON CONFLICT (a) DO UPDATE SET b = excluded.b")
        .await;
    assert_eq!(error.kind(), ErrorKind::Cardinality);
    let filtered = "INSERT INTO t VALUES (1, 100), (2, 1) ON CONFLICT (a) DO UPDATE SET b = excluded.b WHERE excluded.b > t.b";
    assert_eq!(client.tag(filtered).await, "INSERT 0 1");
    assert_eq!(client.rows("SELECT * FROM t ORDER BY a").await, ["1|100", "2|27", "3|30", "4|40"]);
}

#[tokio::test]
async fn keys_can_be_exchanged_and_returned() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text)").await.unwrap();
    client.run("INSERT INTO t VALUES (1, 'x'), (2, 'y')").await.unwrap();
    assert_eq!(client.tag("UPDATE t SET a = 3 - a").await, "UPDATE 2");
    assert_eq!(client.rows("SELECT * FROM t ORDER BY a").await, ["1|y", "2|x"]);
    assert_eq!(client.rows("UPDATE t SET b = b || '!' WHERE a = 1 RETURNING *").await, ["1|y!"]);
    assert_eq!(client.rows("DELETE FROM t WHERE a = 2 RETURNING b").await, ["x"]);
}

#[tokio::test]
async fn an_insert_does_not_read_its_own_rows() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int)").await.unwrap();
    client.run("INSERT INTO t VALUES (1), (2)").await.unwrap();
    assert_eq!(client.tag("INSERT INTO t SELECT a + 10 FROM t").await, "INSERT 0 2");
    assert_eq!(client.rows("SELECT a FROM t ORDER BY a").await, ["1", "2", "11", "12"]);
}

#[tokio::test]
async fn partitions_make_tablets_and_refuse_what_lies_outside() {
    let server = Server::start();
    let mut client = server.session();
    client
        .run(
            "CREATE TABLE p (id bigint, d date, PRIMARY KEY (id, d)) PARTITION BY HASH (id) PARTITIONS 4, \
             RANGE (d) (PARTITION a VALUES FROM ('2024-01-01') TO ('2025-01-01'))",
        )
        .await
        .unwrap();
    client.run("INSERT INTO p VALUES (1, '2024-05-01'), (2, '2024-12-31')").await.unwrap();
    assert_eq!(client.rows("SELECT id, d FROM p ORDER BY id").await, ["1|2024-05-01", "2|2024-12-31"]);
    let error = client.error("INSERT INTO p VALUES (3, '2025-01-01')").await;
    assert_eq!(error.kind(), ErrorKind::CheckViolation);
}

#[tokio::test]
async fn definitions_exist_or_not_with_postgresqls_words() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE SCHEMA s").await.unwrap();
    client.run("CREATE TABLE s.t (a int)").await.unwrap();
    assert_eq!(client.error("CREATE TABLE s.t (a int)").await.message(), "relation \"t\" already exists");
    assert_eq!(client.tag("CREATE TABLE IF NOT EXISTS s.t (a int)").await, "CREATE TABLE");
    let notices = client.session.take_notices();
    assert_eq!(notices.len(), 1);
    assert_eq!(
        (notices[0].code, notices[0].message.as_str()),
        ("42P07", "relation \"t\" already exists, skipping")
    );
    let error = client.error("DROP SCHEMA s").await;
    assert_eq!(error.kind(), ErrorKind::DependentObjects);
    assert_eq!(error.message(), "cannot drop schema s because other objects depend on it");
    assert_eq!(error.detail(), Some("table s.t depends on schema s"));
    assert_eq!(client.tag("DROP SCHEMA s CASCADE").await, "DROP SCHEMA");
    assert_eq!(client.session.take_notices()[0].message, "drop cascades to table s.t");
    assert_eq!(client.error("SELECT * FROM s.t").await.kind(), ErrorKind::UndefinedTable);
}

#[tokio::test]
async fn settings_are_set_shown_and_told() {
    let server = Server::start();
    let mut client = server.session();
    assert_eq!(client.rows("SHOW server_version").await, ["15.18"]);
    assert_eq!(client.tag("SET application_name TO 'x'").await, "SET");
    assert_eq!(client.session.take_parameter_changes(), [("application_name".to_owned(), "x".to_owned())]);
    assert_eq!(
        client.error("SET nonsense = 1").await.message(),
        "unrecognized configuration parameter \"nonsense\""
    );
    client.run("BEGIN").await.unwrap();
    client.run("SET application_name TO 'y'").await.unwrap();
    client.run("ROLLBACK").await.unwrap();
    assert_eq!(client.rows("SHOW application_name").await, ["x"]);
    assert_eq!(client.tag("RESET ALL").await, "RESET");
    assert_eq!(client.rows("SHOW application_name").await, [""]);
}
