//! Domains where it takes more than one session or a look at what a client is told: descriptions, COPY, restarts, and writers
//! that were there before a domain asked more.

use crate::harness::{Client, Server};
use base::ErrorKind;
use query::api::Execution;
use types::sql_type::oid;

async fn with_domains(client: &mut Client) {
    client.run("CREATE DOMAIN code varchar(4) CHECK (VALUE <> 'bad')").await.unwrap();
    client.run("CREATE DOMAIN posint integer NOT NULL CHECK (VALUE > 0)").await.unwrap();
    client.run("CREATE TABLE t (a posint, b code, c posint[])").await.unwrap();
}

/// A client is told of the type that a domain is over, as PostgreSQL tells it.
#[tokio::test(flavor = "multi_thread")]
async fn results_are_described_by_the_type_below() {
    let server = Server::start();
    let mut client = server.session();
    with_domains(&mut client).await;
    let statement = client.session.parse("SELECT a, b, c, c[1], '5'::posint FROM t").await.unwrap().remove(0);
    let prepared = client.session.prepare(&statement, &[]).await.unwrap();
    let Execution::Rows { columns, .. } = client.session.execute(&prepared, Vec::new(), true).await.unwrap()
    else {
        panic!("a query has rows");
    };
    let told: Vec<_> = columns.iter().map(|c| (c.ty.oid, c.ty.typmod)).collect();
    let integer = (oid::INT4, -1);
    assert_eq!(told, [integer, (oid::VARCHAR, 8), (oid::INT4_ARRAY, -1), integer, integer]);
}

#[tokio::test(flavor = "multi_thread")]
async fn copy_tells_the_line_that_a_domain_does_not_take() {
    let server = Server::start();
    let mut client = server.session();
    with_domains(&mut client).await;
    let copied = client.copy_in("COPY t FROM STDIN", "1\tx\t{1}\n2\t\\N\t\\N\n", 5).await;
    assert_eq!(copied.unwrap(), "COPY 2");
    let cases = [
        ("3\tx\t{1}\n-4\ty\t{1}\n", ErrorKind::CheckViolation, "COPY t, line 2, column a: \"-4\""),
        ("3\tx\t{1}\n\\N\ty\t{1}\n", ErrorKind::NotNullViolation, "COPY t, line 2, column a: null input"),
        ("3\tbad\t{1}\n4\ty\t{0}\n", ErrorKind::CheckViolation, "COPY t, line 1, column b: \"bad\""),
        ("3\tx\t{1,0}\n", ErrorKind::CheckViolation, "COPY t, line 1, column c: \"{1,0}\""),
    ];
    for (data, kind, place) in cases {
        let error = client.copy_in("COPY t FROM STDIN", data, 64).await.unwrap_err();
        assert_eq!((error.kind(), error.context()), (kind, Some(place)));
    }
    assert_eq!(client.rows("SELECT a, b, c FROM t ORDER BY a").await, ["1|x|{1}", "2|∅|∅"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_outlive_a_crash_and_a_checkpoint() {
    let server = Server::start();
    let mut client = server.session();
    with_domains(&mut client).await;
    client.run("INSERT INTO t VALUES (1, 'x', '{1}')").await.unwrap();
    drop(client);
    let server = server.killed_and_reopened();
    let mut client = server.session();
    client.run("ALTER DOMAIN code ADD CONSTRAINT longer CHECK (length(VALUE) > 0)").await.unwrap();
    client.run("CHECKPOINT").await.unwrap();
    drop(client);
    let server = server.killed_and_reopened();
    let mut client = server.session();
    let error = client.error("INSERT INTO t VALUES (1, '')").await;
    assert_eq!(error.message(), "value for domain code violates check constraint \"longer\"");
    assert_eq!(client.rows("SELECT pg_typeof(b)::text, b FROM t").await, ["code|x"]);
}

/// A statement that was bound by what a domain asked before is bound anew.
#[tokio::test(flavor = "multi_thread")]
async fn writers_look_again_when_a_domain_asks_more() {
    let server = Server::start();
    let (mut writer, mut other) = (server.session(), server.session());
    with_domains(&mut other).await;
    // What arrays over a domain hold cannot be asked more.
    other.run("ALTER TABLE t DROP COLUMN c").await.unwrap();
    let statement = writer.session.parse("INSERT INTO t VALUES (5)").await.unwrap().remove(0);
    let prepared = writer.session.prepare(&statement, &[]).await.unwrap();
    other.run("ALTER DOMAIN posint ADD CONSTRAINT few CHECK (VALUE < 5)").await.unwrap();
    let error = writer.session.execute(&prepared, Vec::new(), true).await.unwrap_err();
    assert_eq!(error.message(), "value for domain posint violates check constraint \"few\"");
    writer.session.fail().await;
    // In a transaction that had its view before, the rows would be written by what it saw.
    writer.run("BEGIN ISOLATION LEVEL REPEATABLE READ").await.unwrap();
    assert_eq!(writer.rows("SELECT count(*) FROM t").await, ["0"]);
    other.run("ALTER DOMAIN posint ADD CONSTRAINT fewer CHECK (VALUE < 4)").await.unwrap();
    assert_eq!(writer.error("INSERT INTO t VALUES (4)").await.kind(), ErrorKind::LostRace);
    writer.run("ROLLBACK").await.unwrap();
}
