//! psql 15 as people use it. What it shows is compared with what it shows of a PostgreSQL 15 with the same objects.

use sql_tests::postgres;
use sql_tests::wire::TestServer;
use std::net::SocketAddr;
use std::process::{Command, Output};

pub(crate) fn psql(address: SocketAddr, arguments: &[&str]) -> Output {
    let connection = format!("host={} port={} user=postgres dbname=postgres", address.ip(), address.port());
    Command::new("psql")
        .args(["-X", "-d", &connection])
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("psql 15 is installed; ./test installs it")
}

/// What it printed; it must have had nothing to complain of.
pub(crate) fn shown(address: SocketAddr, arguments: &[&str]) -> String {
    let output = psql(address, arguments);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && errors.is_empty(), "psql {arguments:?}: {}\n{errors}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

const OBJECTS: &str = "
    CREATE SCHEMA sales;
    CREATE TABLE plain (a integer, b text);
    CREATE TABLE keyed (
        id bigint PRIMARY KEY, small smallint NOT NULL, price numeric(12,2) DEFAULT 0.00, at timestamp with time zone,
        day date, code varchar(10), raw bytea, ok boolean DEFAULT true, f real, d double precision, u uuid
    );
    CREATE TABLE sales.orders (region text, id integer, PRIMARY KEY (region, id));
    INSERT INTO plain VALUES (1, 'one'), (2, NULL);
";

/// Both servers with the same objects.
async fn both() -> (TestServer, postgres::Server) {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    for address in [server.address, peer.address()] {
        shown(address, &["-q", "-v", "ON_ERROR_STOP=1", "-c", OBJECTS]);
    }
    (server, peer)
}

/// What is printed, complaints included, is PostgreSQL's, and so is the exit code.
async fn same_as_postgres(commands: &[&str]) {
    let (server, peer) = both().await;
    let mut different = Vec::new();
    for command in commands {
        let [ours, theirs] = [server.address, peer.address()].map(|address| {
            let output = psql(address, &["-c", command]);
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        });
        if ours != theirs {
            different.push(format!("{command}\n  ours {ours:?}\n  PostgreSQL {theirs:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_listed_as_by_postgres() {
    same_as_postgres(&["\\dt", "\\dt plain", "\\dt sales.*", "\\dt *.orders", "\\dt k*", "\\d"]).await;
}

/// Our own schema has no counterpart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_are_listed_as_by_postgres() {
    let (server, peer) = both().await;
    for arguments in [["-At", "-c", "\\dn"], ["-At", "-c", "\\dn sales"]] {
        let theirs = shown(peer.address(), &arguments);
        let ours = shown(server.address, &arguments).replace("nyala|postgres\n", "");
        assert_eq!(ours, theirs);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn databases_are_listed() {
    let server = TestServer::start().await.unwrap();
    let list = shown(server.address, &["-At", "-c", "\\l"]);
    assert!(list.lines().any(|line| line.starts_with("postgres|postgres|UTF8|C|C|")), "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_are_described_as_by_postgres() {
    same_as_postgres(&[
        "\\d plain",
        "\\d keyed",
        "\\d sales.orders",
        "\\d+ keyed",
        "\\d keyed_pkey",
        "\\d nosuch",
    ])
    .await;
}

/// Lists, most of them empty, as nothing of their kind was made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_of_other_kinds_are_listed_as_by_postgres() {
    let kinds = [
        "\\di",
        "\\di sales.*",
        "\\dv",
        "\\dv+",
        "\\dm",
        "\\dm+",
        "\\ds",
        "\\dti",
        "\\du",
        "\\du+",
        "\\dg",
        "\\df",
        "\\df+",
        "\\dp",
        "\\dp sales.*",
        "\\z",
        "\\ddp",
        "\\dT",
        "\\dT+",
        "\\dD",
        "\\dE",
        "\\dE+",
        "\\db",
        "\\dl",
        "\\da",
        "\\do",
        "\\dA",
        "\\dFd nosuch",
        "\\dRp",
        "\\dRs",
        "\\dy",
        "\\des",
        "\\deu",
        "\\dew",
        "\\det",
        "\\drds",
        "\\dconfig TimeZone",
        "\\dP",
        "\\encoding",
        "\\d plain keyed",
        "\\d sales.*",
        "\\df abs",
        "\\dt pg_catalog.pg_am",
        "\\gdesc",
        "SELECT 1 AS a, now() AS t \\gdesc",
        "\\d+ plain",
        "\\d+ sales.orders",
        "\\d+ keyed_pkey",
        "\\sf nosuch",
    ];
    same_as_postgres(&kinds).await;
}

/// Sizes are those of our files, so that only the other columns are compared.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sizes_are_listed_beside_what_postgres_lists() {
    let (server, peer) = both().await;
    for command in ["\\d+", "\\dt+", "\\dt+ sales.*", "\\di+"] {
        let lists = [server.address, peer.address()].map(|address| {
            let list = shown(address, &["-At", "-c", command]);
            let lines = list.lines().map(|line| {
                let mut cells: Vec<&str> = line.split('|').collect();
                let size = cells.remove(cells.len() - 2);
                assert!(size.ends_with("bytes") || size.ends_with("kB"), "{line}");
                cells.join("|")
            });
            lines.collect::<Vec<String>>()
        });
        assert!(!lists[0].is_empty(), "{command}");
        assert_eq!(lists[0], lists[1], "{command}");
    }
    let schemas = shown(server.address, &["-At", "-c", "\\dn+"]);
    let public = "public|pg_database_owner|pg_database_owner=UC/pg_database_owner\n=U/pg_database_owner|standard public schema\n";
    assert_eq!(schemas, format!("nyala|postgres||\n{public}sales|postgres||\n"));
    // There are no extensions, not even the one that PostgreSQL begins with.
    assert_eq!(shown(server.address, &["-At", "-c", "\\dx"]), "");
    let list = shown(server.address, &["-At", "-c", "\\l+"]);
    assert!(list.ends_with("|pg_default|default administrative connection database\n"), "{list}");
}

/// The statements that psql sends when the tabulator key is pressed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_are_completed_as_by_postgres() {
    let relations = |kinds: &str, start: &str| {
        format!(
            "SELECT c.relname, NULL::pg_catalog.text FROM pg_catalog.pg_class c WHERE c.relkind IN ({kinds}) AND \
             (c.relname) LIKE '{start}%' AND pg_catalog.pg_table_is_visible(c.oid) AND c.relnamespace <> \
             (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'pg_catalog')\nUNION ALL\n\
             SELECT NULL::pg_catalog.text, n.nspname FROM pg_catalog.pg_namespace n \
             WHERE n.nspname LIKE '{start}%' AND n.nspname NOT LIKE E'pg\\\\_%'\nLIMIT 1000"
        )
    };
    let statements = [
        relations("'r', 'S', 'v', 'm', 'f', 'p'", "pl"),
        relations("'r', 'S', 'v', 'm', 'f', 'p'", "sa"),
        relations("'i', 'I'", "ke"),
        "SELECT a.attname, NULL::pg_catalog.text FROM pg_catalog.pg_attribute a, pg_catalog.pg_class c \
         WHERE c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped AND (a.attname) LIKE '%' \
         AND c.relname = 'keyed' AND pg_catalog.pg_table_is_visible(c.oid)"
            .to_owned(),
        "SELECT c.relname, n.nspname FROM pg_catalog.pg_class c, pg_catalog.pg_namespace n \
         WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p') \
         AND (c.relname) LIKE 'or%' AND n.nspname = 'sales'"
            .to_owned(),
        "SELECT nspname FROM pg_catalog.pg_namespace  WHERE nspname LIKE 'sa%'".to_owned(),
        "SELECT datname FROM pg_catalog.pg_database  WHERE datname LIKE 'po%'".to_owned(),
        " SELECT rolname    FROM pg_catalog.pg_roles   WHERE rolname LIKE 'po%'".to_owned(),
        "SELECT pg_catalog.lower(name) FROM pg_catalog.pg_settings  WHERE context IN ('user', 'superuser')    \
         AND pg_catalog.lower(name) LIKE pg_catalog.lower('datest%')"
            .to_owned(),
        "SELECT p.proname, NULL::pg_catalog.text FROM pg_catalog.pg_proc p WHERE p.prokind != 'p' \
         AND (p.proname) LIKE 'ab%' AND pg_catalog.pg_function_is_visible(p.oid)"
            .to_owned(),
        "SELECT t.typname, NULL::pg_catalog.text FROM pg_catalog.pg_type t WHERE (t.typrelid = 0  \
         OR (SELECT c.relkind = 'c'     FROM pg_catalog.pg_class c WHERE c.oid = t.typrelid)) \
         AND t.typname !~ '^_' AND (t.typname) LIKE 'int%' AND pg_catalog.pg_type_is_visible(t.oid)"
            .to_owned(),
    ];
    let (server, peer) = both().await;
    for statement in &statements {
        let [ours, theirs] = [server.address, peer.address()].map(|address| {
            let list = shown(address, &["-At", "-c", statement]);
            let mut lines: Vec<String> = list.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        });
        assert!(!theirs.is_empty(), "{statement}");
        assert_eq!(ours, theirs, "{statement}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_are_shown_as_by_postgres() {
    same_as_postgres(&[
        "SELECT * FROM plain ORDER BY a",
        "SELECT a AS \"Number\", b FROM plain WHERE false",
        "SELECT 1 AS n, 'text' AS t, NULL AS nothing, true AS yes, 1.50 AS price, date '2024-02-29' AS day",
        "INSERT INTO sales.orders VALUES ('north', 1), ('south', 2)",
        "UPDATE sales.orders SET id = id + 10 WHERE region = 'north' RETURNING *",
        "DELETE FROM sales.orders",
        "BEGIN; INSERT INTO plain VALUES (3, 'three'); ROLLBACK",
        "SELECT count(*) FROM plain",
        "SHOW standard_conforming_strings",
    ])
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_the_client_are_copied_both_ways() {
    let (server, peer) = both().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("in.csv");
    std::fs::write(&file, "10,ten\n11,\"eleven, \"\"quoted\"\"\"\n12,\n").unwrap();
    let mut written = Vec::new();
    for (address, name) in [(server.address, "ours.csv"), (peer.address(), "theirs.csv")] {
        let copied = shown(address, &["-c", &format!("\\copy plain from '{}' csv", file.display())]);
        assert_eq!(copied, "COPY 3\n");
        let out = directory.path().join(name);
        let command = format!("\\copy (SELECT * FROM plain ORDER BY a) to '{}' csv header", out.display());
        assert_eq!(shown(address, &["-c", &command]), "COPY 5\n");
        written.push(std::fs::read_to_string(&out).unwrap());
    }
    assert_eq!(written[0], written[1]);
    std::fs::write(&file, "20,twenty\nx,none\n").unwrap();
    let mut complaints = Vec::new();
    for address in [server.address, peer.address()] {
        let output = psql(address, &["-c", &format!("\\copy plain from '{}' csv", file.display())]);
        complaints.push((output.status.code(), String::from_utf8(output.stderr).unwrap()));
        assert_eq!(shown(address, &["-At", "-c", "SELECT count(*) FROM plain"]), "5\n");
    }
    assert_eq!(complaints[0], complaints[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_connection_is_told() {
    let server = TestServer::start().await.unwrap();
    let expected = format!(
        "You are connected to database \"postgres\" as user \"postgres\" on host \"127.0.0.1\" at port \"{}\".\n",
        server.address.port()
    );
    assert_eq!(shown(server.address, &["-c", "\\conninfo"]), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_codes_are_those_of_postgres() {
    let (server, peer) = both().await;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("script.sql");
    std::fs::write(&file, "SELECT 1;\nSELECT missing;\nSELECT 3;\n").unwrap();
    let file = file.to_string_lossy().into_owned();
    let runs: [&[&str]; 6] = [
        &["-f", &file],
        &["-v", "ON_ERROR_STOP=1", "-f", &file],
        &["-1", "-f", &file],
        &["-c", "SELECT missing"],
        &["-v", "ON_ERROR_STOP=1", "-c", "SELECT 1", "-c", "SELECT missing", "-c", "SELECT 3"],
        &["-c", "\\nosuch"],
    ];
    for arguments in runs {
        let outcomes = [server.address, peer.address()].map(|address| {
            let output = psql(address, arguments);
            let text = |bytes| String::from_utf8(bytes).unwrap();
            (output.status.code(), text(output.stdout), text(output.stderr))
        });
        assert_eq!(outcomes[0], outcomes[1], "{arguments:?}");
    }
    let nowhere = psql(server.address, &["-d", "nowhere", "-c", "SELECT 1"]);
    assert_eq!(nowhere.status.code(), Some(2));
}

/// What PostgreSQL has no counterpart of, where people look for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parameters_and_our_own_views_are_shown() {
    let server = TestServer::start().await.unwrap();
    let create = "CREATE TABLE kept (a integer) WITH (history_retention = '7 days', history_max_bytes = 5)";
    shown(server.address, &["-q", "-c", create]);
    let described = shown(server.address, &["-c", "\\d+ kept"]);
    assert!(described.contains("Options: history_retention=7 days, history_max_bytes=5\n"), "{described}");
    let views = shown(server.address, &["-At", "-c", "\\dv nyala.*"]);
    let expected: String = ["jobs", "partitions", "pins", "segments", "tables", "tablets"]
        .iter()
        .map(|view| format!("nyala|{view}|view|postgres\n"))
        .collect();
    assert_eq!(views, expected);
    for view in ["jobs", "partitions", "pins", "segments", "tables", "tablets"] {
        shown(server.address, &["-q", "-c", &format!("TABLE nyala.{view}")]);
        shown(server.address, &["-c", &format!("\\d nyala.{view}")]);
    }
}

/// The SQL of the README, as somebody pastes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_can_be_pasted() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    let (_, rest) = readme.split_once("```sql\n").unwrap();
    let (statements, _) = rest.split_once("```").unwrap();
    let server = TestServer::start().await.unwrap();
    let files = server.database.files();
    let pasted = server.database.files().join("pasted.sql");
    std::fs::write(&pasted, statements.replace("/srv/exchange", &files.display().to_string())).unwrap();
    let pasted = pasted.display().to_string();
    let output = shown(server.address, &["-At", "-v", "ON_ERROR_STOP=1", "-f", &pasted]);
    assert!(output.ends_with("UNDROP TABLE\n"), "{output}");
    assert_eq!(shown(server.address, &["-At", "-c", "SELECT reading, note FROM events"]), "22.000|second\n");
}
