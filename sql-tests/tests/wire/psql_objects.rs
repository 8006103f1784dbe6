//! psql's commands about objects, beside a PostgreSQL 15 with the same objects.
//!
//! Invariant: what the lists leave out is told by one rule: our own schema, relations for long values, and sizes.

use crate::clients::OBJECTS;
use crate::psql::{psql, shown};
use sql_tests::postgres;
use sql_tests::wire::TestServer;
use std::net::SocketAddr;

/// Without view definitions (view_text.slt has them), databases beside `postgres`, collations, conversions,
/// text search, extensions and parameters.
const COMMANDS: &str = r"\d
\d plain
\d keyed
\d made
\d shown
\d numbers
\d sales.codes
\d pair
\d+ pair
\d sales.pairs
\dT pair
\d+ plain
\d+ keyed
\d+ made
\d+ numbers
\d keyed_pkey
\d+ keyed_pkey
\d pg_class
\d pg_tables
\d+ pg_am
\d pg_class_oid_index
\d information_schema.tables
\d sales.*
\dt
\dt+
\dt *.*
\dt sales.*
\dv
\dv+
\dv sales.*
\dv pg_catalog.*
\dv information_schema.*
\di
\di *.*
\ds
\ds+
\ds *.*
\dT
\dT+
\dTS
\dTS+
\dT int*
\df
\df abs
\df+ abs
\dfS
\dfS+ lower
\df pg_catalog.*
\df information_schema.*
\dfa sum
\dfwS
\dn
\dnS
\dn+
\dn sales
\du
\du+
\dg
\dgS
\dp
\dp *.*
\z
\dC
\dC+
\dC int
\do
\doS
\doS+
\do+ ||
\do =
\da
\daS
\da+ sum
\dd
\ddS
\dD
\dDS
\dD+ information_schema.*
\db
\db+
\dA
\dA+
\dAc
\dAf
\dAo
\dAp
\dL
\dLS
\dL+
\ddp
\dE
\dE+
\dm
\dm+
\dl
\dRp
\dRs
\dy
\des
\deu
\dew
\det
\drds
\dP
\dX
\sf nosuch
\sf abs(integer)
\sf generate_series(integer, integer)
\df+ plus
\df sales.*
\dfn parts
\sf plus
\sf+ parts
\sf listed
\sf sales.of_region
\sf same(anyelement)
\dd sales.*
\dit
\dtvs
\dtS pg_a*
\diS pg_a*
\d nosuch
\dt nosuch
SELECT 1 AS a, now() AS t, 'x' AS b, array[1.5] AS c \gdesc";

/// Functions in strings; RETURN and BEGIN ATOMIC are shown as they were written.
const FUNCTIONS: &str = "
    CREATE FUNCTION plus(a integer, b integer DEFAULT 1) RETURNS integer IMMUTABLE STRICT LANGUAGE sql AS 'SELECT a + b';
    CREATE FUNCTION parts(a integer, OUT b integer, INOUT c text DEFAULT 'x') STABLE PARALLEL SAFE COST 5 LANGUAGE sql
        AS $$ SELECT a, c $$;
    CREATE FUNCTION listed(VARIADIC \"All\" integer[]) RETURNS TABLE (x integer, y text) ROWS 10 LANGUAGE sql
        AS 'SELECT n, n::text FROM unnest(\"All\") n';
    CREATE FUNCTION sales.of_region(text) RETURNS SETOF sales.orders LANGUAGE sql
        AS 'SELECT * FROM sales.orders WHERE region = $1';
    CREATE FUNCTION same(x anyelement) RETURNS anyelement LANGUAGE sql AS 'SELECT x';
    COMMENT ON FUNCTION sales.of_region(text) IS 'by region'
";

/// The rows of a list without what has no counterpart. Sizes are those of our own files.
fn normal(text: &str) -> Vec<String> {
    // The last came with 15.20.
    let without = ["nyala|", "pg_toast|", "pg_catalog|binary_upgrade_set_next_attribute_versions|"];
    let compared = |line: &&str| !without.iter().any(|begin| line.starts_with(begin));
    let cell = |cell: &str| {
        let size = cell.split_once(' ').filter(|(n, unit)| {
            n.bytes().all(|b| b.is_ascii_digit()) && matches!(*unit, "bytes" | "kB" | "MB")
        });
        if size.is_some() { "size".to_owned() } else { cell.to_owned() }
    };
    text.lines()
        .filter(compared)
        .map(|line| line.split('|').map(cell).collect::<Vec<_>>().join("|"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_show_what_they_show_of_postgres() {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    for address in [server.address, peer.address()] {
        shown(address, &["-q", "-v", "ON_ERROR_STOP=1", "-c", OBJECTS, "-c", FUNCTIONS]);
    }
    let ask = |address: SocketAddr, command: &str| {
        let output = psql(address, &["-At", "-c", command]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), normal(&text(output.stdout)), text(output.stderr))
    };
    let mut different = Vec::new();
    for command in COMMANDS.lines() {
        let (ours, theirs) = (ask(server.address, command), ask(peer.address(), command));
        if ours != theirs {
            let missing: Vec<_> = theirs.1.iter().filter(|line| !ours.1.contains(line)).take(3).collect();
            let extra: Vec<_> = ours.1.iter().filter(|line| !theirs.1.contains(line)).take(3).collect();
            different.push(format!("{command}: {missing:?} are missing, {extra:?} too much; {}", ours.2));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
