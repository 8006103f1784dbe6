//! A client library over the extended protocol: values in binary both ways, statements that are used again,
//! fields of errors, transactions, concurrent writers.

use bytes::BytesMut;
use sql_tests::postgres;
use sql_tests::wire::TestServer;
use tokio_postgres::error::{DbError, ErrorPosition};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Error};

fn db_error(error: &Error) -> &DbError {
    error.as_db_error().unwrap_or_else(|| panic!("not an error of the server: {error}"))
}

fn code(error: &Error) -> &str {
    db_error(error).code().code()
}

/// The bytes of a value in the binary format, whatever its type.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Binary(Vec<u8>);

impl<'a> FromSql<'a> for Binary {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl ToSql for Binary {
    fn to_sql(
        &self,
        _: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        out.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

/// Values by type, as literals; edges first.
const VALUES: [(&str, &[&str]); 31] = [
    ("boolean", &["true", "false"]),
    ("smallint", &["-32768", "32767", "0"]),
    ("integer", &["-2147483648", "2147483647", "7"]),
    ("bigint", &["-9223372036854775808", "9223372036854775807", "-1"]),
    ("real", &["3.4028235e+38", "1e-45", "-0", "NaN", "Infinity", "-Infinity", "0.1"]),
    ("double precision", &["1.7976931348623157e+308", "5e-324", "-0", "NaN", "Infinity", "-Infinity", "0.1"]),
    (
        "numeric",
        &[
            "0",
            "0.00",
            "-1",
            "12345678901234567890.0123456789",
            "NaN",
            "Infinity",
            "-Infinity",
            "1e-20",
            "10000",
            "0.0001",
        ],
    ),
    ("numeric(12,2)", &["0", "-9999999999.99", "9999999999.99", "0.05"]),
    ("numeric(50,10)", &["1234567890123456789012345678901234567890.0123456789", "-1"]),
    ("text", &["", "text", "päät", "\u{1f600}", "a\\b'c\"d"]),
    ("varchar(5)", &["", "five5", "äöüßé"]),
    ("bytea", &["\\x", "\\x00ff10", "\\xdeadbeef"]),
    ("date", &["2000-01-01", "1999-12-31", "2024-02-29", "4713-01-01 BC", "infinity", "-infinity"]),
    (
        "timestamp",
        &[
            "2000-01-01 00:00:00",
            "1999-12-31 23:59:59.999999",
            "infinity",
            "-infinity",
            "0001-01-01 00:00:00 BC",
        ],
    ),
    (
        "timestamptz",
        &[
            "2000-01-01 00:00:00+00",
            "1969-12-31 23:59:59.999999+00",
            "infinity",
            "9999-12-31 23:59:59.999999+00",
        ],
    ),
    ("uuid", &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("time", &["00:00:00", "24:00:00", "12:34:56.789012"]),
    ("timetz", &["00:00:00+00", "24:00:00-15:59:59", "12:34:56.789012+02"]),
    ("interval", &["00:00:00", "1 mon -2 days +03:04:05.6"]),
    ("json", &["null", "{\"b\" : 1,  \"a\": [1.50]}"]),
    ("jsonb", &["null", "{\"b\" : 1,  \"a\": [1.50, \"é\\n\"]}", "[]"]),
    ("bit(4)", &["0000", "1010"]),
    ("varbit", &["", "1", "101010101"]),
    ("time[]", &["{}", "{10:00:00,NULL}"]),
    ("timetz[]", &["{10:00:00+01}"]),
    ("interval[]", &["{\"1 mon\",NULL}"]),
    ("jsonb[]", &["{\"{\\\"a\\\": 1}\",NULL}"]),
    ("varbit[]", &["{1,01}"]),
    ("numeric(6,2)[]", &["{1.25,NULL}"]),
    ("regclass", &["pg_class"]),
    ("regtype", &["integer"]),
];

/// What a server makes of the values: per value its binary form and the text of the binary form sent back.
async fn round_trip(client: &Client, ty: &str, values: &[&str]) -> Vec<(String, Binary, String)> {
    let read =
        client.prepare(&format!("SELECT $1::text::{ty}")).await.unwrap_or_else(|e| panic!("{ty}: {e:?}"));
    let write =
        client.prepare(&format!("SELECT ($1::{ty})::text")).await.unwrap_or_else(|e| panic!("{ty}: {e:?}"));
    let mut answers = Vec::new();
    for value in values {
        let failed = |e: Error| panic!("{value}::{ty}: {e:?}");
        let bytes: Binary = client.query_one(&read, &[value]).await.unwrap_or_else(failed).get(0);
        let text: String = client.query_one(&write, &[&bytes]).await.unwrap_or_else(failed).get(0);
        answers.push(((*value).to_owned(), bytes, text));
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn binary_values_of_every_type_are_those_of_postgres() {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    let (ours, theirs) = (server.client().await.unwrap(), peer.client().await.unwrap());
    for (ty, values) in VALUES {
        assert_eq!(round_trip(&ours, ty, values).await, round_trip(&theirs, ty, values).await, "{ty}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_type_are_stored_and_read_back() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    for (number, (ty, values)) in VALUES.iter().enumerate() {
        let table = format!("t{number}");
        client.batch_execute(&format!("CREATE TABLE {table} (n integer PRIMARY KEY, v {ty})")).await.unwrap();
        let insert = client.prepare(&format!("INSERT INTO {table} VALUES ($1, $2)")).await.unwrap();
        let select = client.prepare(&format!("SELECT v, v IS NULL FROM {table} WHERE n = $1")).await.unwrap();
        for (n, (_, bytes, _)) in (0_i32..).zip(round_trip(&client, ty, values).await) {
            assert_eq!(client.execute(&insert, &[&n, &bytes]).await.unwrap(), 1, "{ty}");
            let row = client.query_one(&select, &[&n]).await.unwrap();
            assert_eq!((row.get::<_, Binary>(0), row.get::<_, bool>(1)), (bytes, false), "{ty}");
        }
        client.execute(&insert, &[&-1_i32, &None::<Binary>]).await.unwrap();
        let row = client.query_one(&select, &[&-1_i32]).await.unwrap();
        assert_eq!((row.get::<_, Option<Binary>>(0), row.get::<_, bool>(1)), (None, true), "{ty}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn types_of_the_client_library_round_trip() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    let row = client
        .query_one(
            "SELECT $1::bool, $2::int2, $3::int4, $4::int8, $5::float4, $6::float8, $7::text, $8::bytea, $9::varchar",
            &[&true, &-2_i16, &3_i32, &4_i64, &0.5_f32, &-0.25_f64, &"text", &&b"\0\xff"[..], &None::<String>],
        )
        .await
        .unwrap();
    assert!(row.get::<_, bool>(0));
    assert_eq!((row.get::<_, i16>(1), row.get::<_, i32>(2), row.get::<_, i64>(3)), (-2, 3, 4));
    assert_eq!((row.get::<_, f32>(4), row.get::<_, f64>(5)), (0.5, -0.25));
    assert_eq!((row.get::<_, &str>(6), row.get::<_, &[u8]>(7)), ("text", &b"\0\xff"[..]));
    assert_eq!(row.get::<_, Option<String>>(8), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_statements_survive_changes_of_the_catalog() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    client
        .batch_execute("CREATE TABLE t (a integer PRIMARY KEY, b text); INSERT INTO t VALUES (1, 'one')")
        .await
        .unwrap();
    let select = client.prepare("SELECT a, b FROM t WHERE a = $1").await.unwrap();
    assert_eq!(client.query_one(&select, &[&1]).await.unwrap().get::<_, &str>(1), "one");
    client.batch_execute("CREATE TABLE other (a integer)").await.unwrap();
    assert_eq!(client.query_one(&select, &[&1]).await.unwrap().get::<_, &str>(1), "one");
    client.batch_execute("DROP TABLE t").await.unwrap();
    let error = client.query(&select, &[&1]).await.unwrap_err();
    assert_eq!((code(&error), db_error(&error).message()), ("42P01", "relation \"t\" does not exist"));
    client
        .batch_execute("CREATE TABLE t (b text, a integer PRIMARY KEY); INSERT INTO t VALUES ('two', 1)")
        .await
        .unwrap();
    assert_eq!(client.query_one(&select, &[&1]).await.unwrap().get::<_, &str>(1), "two");
    client.batch_execute("DROP TABLE t; CREATE TABLE t (a integer PRIMARY KEY, b bigint)").await.unwrap();
    let error = client.query(&select, &[&1]).await.unwrap_err();
    assert_eq!(
        (code(&error), db_error(&error).message()),
        ("0A000", "cached plan must not change result type")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_have_their_fields() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    client
        .batch_execute(
            "CREATE TABLE t (a integer PRIMARY KEY, b text NOT NULL); INSERT INTO t VALUES (1, 'one')",
        )
        .await
        .unwrap();

    let error = client.prepare("SELECT ä, missing FROM t").await.unwrap_err();
    let fields = db_error(&error);
    assert_eq!((fields.code().code(), fields.message()), ("42703", "column \"ä\" does not exist"));
    assert_eq!(fields.position(), Some(&ErrorPosition::Original(8)));
    assert_eq!(fields.severity(), "ERROR");
    // Positions count characters.
    let error = client.prepare("SELECT 'ä', missing FROM t").await.unwrap_err();
    assert_eq!(db_error(&error).position(), Some(&ErrorPosition::Original(13)));

    let error = client.execute("INSERT INTO t VALUES ($1, $2)", &[&1_i32, &"again"]).await.unwrap_err();
    let fields = db_error(&error);
    assert_eq!(fields.code().code(), "23505");
    assert_eq!(fields.message(), "duplicate key value violates unique constraint \"t_pkey\"");
    assert_eq!(fields.detail(), Some("Key (a)=(1) already exists."));

    let error = client.execute("INSERT INTO t VALUES (2, NULL)", &[]).await.unwrap_err();
    let fields = db_error(&error);
    assert_eq!(fields.code().code(), "23502");
    assert_eq!(fields.message(), "null value in column \"b\" of relation \"t\" violates not-null constraint");
    assert_eq!(fields.detail(), Some("Failing row contains (2, null)."));

    let error = client.prepare("SELECT nosuch(1)").await.unwrap_err();
    let fields = db_error(&error);
    assert_eq!(
        (fields.code().code(), fields.message()),
        ("42883", "function nosuch(integer) does not exist")
    );
    assert!(
        fields.hint().is_some_and(|hint| hint.starts_with("No function matches the given name")),
        "{fields:?}"
    );

    let error = client.query("SELECT 10 / ($1::integer - 1)", &[&1_i32]).await.unwrap_err();
    assert_eq!((code(&error), db_error(&error).message()), ("22012", "division by zero"));
    assert_eq!(client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 1);
}

/// Storage, which knows no settings, wrote details of errors: an enum was `?` in them, and times were in UTC. Long values of a
/// failing row are cut, as PostgreSQL does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn details_are_written_in_the_settings_of_the_session() {
    let server = TestServer::start().await.unwrap();
    let client = server.client().await.unwrap();
    client
        .batch_execute(
            "CREATE TYPE mood AS ENUM ('sad', 'ok');
             CREATE TABLE p (m mood, at timestamptz, PRIMARY KEY (m, at));
             CREATE TABLE c (id integer PRIMARY KEY, m mood NOT NULL, at timestamptz, t text CHECK (t <> 'no'),
                 FOREIGN KEY (m, at) REFERENCES p);
             SET TimeZone = 'Asia/Tokyo';
             SET DateStyle = 'German';
             INSERT INTO p VALUES ('ok', '2026-01-02 03:04:05+00'), ('sad', '2026-01-02 03:04:05+00');
             INSERT INTO c VALUES (1, 'ok', '2026-01-02 03:04:05+00')",
        )
        .await
        .unwrap();
    let long = format!("Failing row contains (2, null, 02.01.2026 12:04:06 JST, {}...).", "ä".repeat(32));
    let at_05 = "Key (m, at)=(ok, 02.01.2026 12:04:05 JST)";
    let refused = [
        (
            "INSERT INTO p VALUES ('ok', '2026-01-02 03:04:05+00')",
            "23505",
            format!("{at_05} already exists."),
        ),
        (
            "INSERT INTO c VALUES (2, 'ok', '2026-01-02 03:04:06+00')",
            "23503",
            "Key (m, at)=(ok, 02.01.2026 12:04:06 JST) is not present in table \"p\".".to_owned(),
        ),
        ("DELETE FROM p", "23503", format!("{at_05} is still referenced from table \"c\".")),
        (
            "UPDATE p SET at = at + interval '1 day'",
            "23503",
            format!("{at_05} is still referenced from table \"c\"."),
        ),
        ("INSERT INTO c VALUES (2, NULL, '2026-01-02 03:04:06+00', repeat('ä', 32) || 'x')", "23502", long),
        (
            "INSERT INTO c VALUES (2, 'ok', '2026-01-02 03:04:05+00', 'no')",
            "23514",
            "Failing row contains (2, ok, 02.01.2026 12:04:05 JST, no).".to_owned(),
        ),
        (
            "BEGIN; INSERT INTO c VALUES (2, 'ok'); CREATE UNIQUE INDEX ON c (m)",
            "23505",
            "Key (m)=(ok) is duplicated.".to_owned(),
        ),
    ];
    for (sql, code, detail) in refused {
        let error = client.batch_execute(sql).await.unwrap_err();
        let fields = db_error(&error);
        assert_eq!((fields.code().code(), fields.detail()), (code, Some(detail.as_str())), "{sql}");
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn transactions_of_the_client_library() {
    let server = TestServer::start().await.unwrap();
    let (mut client, other) = (server.client().await.unwrap(), server.client().await.unwrap());
    client.batch_execute("CREATE TABLE t (a integer PRIMARY KEY, n integer)").await.unwrap();
    let count = "SELECT count(*) FROM t";

    let transaction = client.transaction().await.unwrap();
    let insert = transaction.prepare("INSERT INTO t VALUES ($1, 0)").await.unwrap();
    for a in 0..3_i32 {
        assert_eq!(transaction.execute(&insert, &[&a]).await.unwrap(), 1);
    }
    assert_eq!(transaction.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 3);
    assert_eq!(other.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
    transaction.commit().await.unwrap();
    assert_eq!(other.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 3);

    let transaction = client.transaction().await.unwrap();
    assert_eq!(transaction.execute("DELETE FROM t", &[]).await.unwrap(), 3);
    transaction.rollback().await.unwrap();
    // Dropped without commit: rolled back.
    let transaction = client.transaction().await.unwrap();
    assert_eq!(transaction.execute("UPDATE t SET n = 1", &[]).await.unwrap(), 3);
    drop(transaction);
    assert_eq!(client.query_one("SELECT sum(n), count(*) FROM t", &[]).await.unwrap().get::<_, i64>(0), 0);

    // A portal delivers rows in pieces.
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind("SELECT a FROM t ORDER BY a", &[]).await.unwrap();
    let mut pieces = Vec::new();
    for _ in 0..2 {
        let rows = transaction.query_portal(&portal, 2).await.unwrap();
        pieces.push(rows.iter().map(|row| row.get::<_, i32>(0)).collect::<Vec<_>>());
    }
    assert_eq!(pieces, [vec![0, 1], vec![2]]);
    transaction.commit().await.unwrap();
}

/// In a block a lost race is 40001, and the first writer stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_race_in_a_block_is_told() {
    let server = TestServer::start().await.unwrap();
    let (mut first, mut second) = (server.client().await.unwrap(), server.client().await.unwrap());
    first
        .batch_execute("CREATE TABLE t (a integer PRIMARY KEY, n integer); INSERT INTO t VALUES (1, 0)")
        .await
        .unwrap();
    let one = first.transaction().await.unwrap();
    let two = second.transaction().await.unwrap();
    assert_eq!(two.query_one("SELECT n FROM t", &[]).await.unwrap().get::<_, i32>(0), 0);
    let mut outcomes = Vec::new();
    for transaction in [one, two] {
        outcomes.push(match transaction.execute("UPDATE t SET n = n + 1 WHERE a = 1", &[]).await {
            Ok(_) => transaction.commit().await.map_err(|e| code(&e).to_owned()),
            Err(e) => Err(code(&e).to_owned()),
        });
    }
    // The second statement began behind the first commit and read what it left.
    assert_eq!(outcomes, [Ok(()), Ok(())]);
    let one = first.transaction().await.unwrap();
    let two = second.transaction().await.unwrap();
    assert_eq!(one.execute("UPDATE t SET n = n + 1 WHERE a = 1", &[]).await.unwrap(), 1);
    let late = match two.execute("UPDATE t SET n = n + 10 WHERE a = 1", &[]).await {
        // Both buffered their change: the second commit loses.
        Ok(_) => {
            one.commit().await.unwrap();
            two.commit().await.unwrap_err()
        }
        Err(error) => {
            one.commit().await.unwrap();
            error
        }
    };
    assert_eq!(code(&late), "40001");
    assert_eq!(first.query_one("SELECT n FROM t", &[]).await.unwrap().get::<_, i32>(0), 3);
}

const WRITERS: i64 = 8;
const UPDATES: i64 = 25;

async fn count_up(server: &TestServer, statement: &'static str) -> i64 {
    let setup = server.client().await.unwrap();
    setup
        .batch_execute(
            "CREATE TABLE counter (k integer PRIMARY KEY, n bigint); INSERT INTO counter VALUES (1, 0)",
        )
        .await
        .unwrap();
    let mut writers = Vec::new();
    for _ in 0..WRITERS {
        let client = server.client().await.unwrap();
        writers.push(tokio::spawn(async move {
            let update = client.prepare(statement).await.unwrap();
            for _ in 0..UPDATES {
                let changed = client.execute(&update, &[&1_i32]).await.unwrap_or_else(|e| panic!("{e:?}"));
                assert_eq!(changed, 1);
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    setup.query_one("SELECT n FROM counter WHERE k = 1", &[]).await.unwrap().get(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_updates_of_a_row_lose_nothing() {
    let server = TestServer::start().await.unwrap();
    let n = count_up(&server, "UPDATE counter SET n = n + 1 WHERE k = $1").await;
    assert_eq!(n, WRITERS * UPDATES);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_upserts_of_a_row_lose_nothing() {
    let server = TestServer::start().await.unwrap();
    let upsert = "INSERT INTO counter VALUES ($1, 1) ON CONFLICT (k) DO UPDATE SET n = counter.n + 1";
    let n = count_up(&server, upsert).await;
    assert_eq!(n, WRITERS * UPDATES);
}
