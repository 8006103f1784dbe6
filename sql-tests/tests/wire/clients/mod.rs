//! What drivers and tools ask of the catalog, beside a PostgreSQL 15 with the same objects: as they ask it, with other
//! aliases, with their conditions the other way round, and inside a WITH.
//!
//! Invariant: rows are those of PostgreSQL, whatever the words; nothing depends on how a statement is written.

mod changed;

use sql_tests::postgres;
use sql_tests::wire::TestServer;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Statements between lines of four hyphens. What a client asks for by OID is asked for by name, as OIDs of tables differ.
const STATEMENTS: &str = include_str!("statements.sql");

/// Objects of every kind that there are.
pub(crate) const OBJECTS: &str = "
    CREATE SCHEMA sales;
    CREATE TABLE plain (a integer, b text);
    CREATE TABLE keyed (
        id bigint PRIMARY KEY, small smallint NOT NULL, price numeric(12,2) DEFAULT 0.00, at timestamp with time zone,
        day date, code varchar(10), raw bytea, ok boolean DEFAULT true, f real, d double precision, u uuid
    );
    CREATE TABLE sales.orders (region text, id integer, PRIMARY KEY (region, id));
    CREATE TABLE made (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n serial, q integer CHECK (q > 0),
        twice integer GENERATED ALWAYS AS (q * 2) STORED, t text DEFAULT 'x', tags text[], doc jsonb, c \"char\", nm name,
        b bit(3), iv interval
    );
    CREATE SEQUENCE numbers INCREMENT 5;
    CREATE SEQUENCE sales.codes AS smallint CYCLE;
    CREATE VIEW shown AS SELECT id, price FROM keyed;
    CREATE VIEW sales.mine AS SELECT region FROM sales.orders;
    INSERT INTO plain VALUES (1, 'one'), (2, NULL);
    CREATE TYPE pair AS (x integer, y numeric(8,2)[], z text);
    CREATE TABLE sales.pairs (p pair, ps pair[]);
";

/// The rows of a query as texts, sorted.
async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let messages = client.simple_query(sql).await.map_err(|e| format!("{e:?}"))?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let cell = |value: Option<&str>| value.unwrap_or("\\N").to_owned();
    let mut rows: Vec<Vec<String>> =
        rows.map(|row| (0..row.len()).map(|index| cell(row.get(index))).collect()).collect();
    rows.sort();
    Ok(rows)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_get_the_rows_of_postgres_in_any_words() {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    let (ours, theirs) = (server.client().await.unwrap(), peer.client().await.unwrap());
    for client in [&ours, &theirs] {
        client.batch_execute(OBJECTS).await.unwrap();
    }
    let mut different = Vec::new();
    let mut compared = 0;
    for statement in STATEMENTS.split("----").map(str::trim).filter(|s| !s.is_empty()) {
        let ways = [
            Some(statement.to_owned()),
            changed::with_other_aliases(statement),
            changed::with_conditions_reversed(statement),
            Some(changed::in_with(statement)),
        ];
        for sql in ways.into_iter().flatten() {
            let other = match rows(&theirs, &sql).await {
                Ok(rows) => rows,
                Err(error) => panic!("PostgreSQL refuses {sql}: {error}"),
            };
            compared += 1;
            let own = rows(&ours, &sql).await;
            if own.as_ref() != Ok(&other) {
                let own = own.map(|rows| {
                    rows.into_iter().filter(|row| !other.contains(row)).take(2).collect::<Vec<_>>()
                });
                different.push(format!("{sql}\n  ours {own:?}\n  of theirs {:?}", other.first()));
            }
        }
    }
    assert!(different.is_empty(), "{} of {compared}:\n{}", different.len(), different.join("\n"));
}
