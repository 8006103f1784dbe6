//! pg_catalog and information_schema, column for column and row for row, beside those of a PostgreSQL 15.
//!
//! Invariant: what is left out is said here with its reason; all else is equal.

use sql_tests::postgres;
use sql_tests::wire::TestServer;
use std::collections::BTreeMap;
use tokio_postgres::{Client, SimpleQueryMessage};

/// Relations that the rows of others belong to.
const SCHEMAS: &str = "IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)";
const RELATIONS: &str = "IN (SELECT oid FROM pg_catalog.pg_class WHERE relkind IN ('r', 'v', 'i') \
     AND relnamespace IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace))";
const NAMES: &str = "IN ('pg_catalog', 'information_schema')";

/// Which rows of a relation are compared, and which columns are not.
struct Rule {
    relation: &'static str,
    rows: String,
    /// Columns whose values depend on what a cluster did until now, or on where its files are.
    without: &'static [&'static str],
}

fn rules() -> Vec<Rule> {
    let rule = |relation, rows: &str, without| Rule { relation, rows: rows.to_owned(), without };
    let measured: &[&str] =
        &["relpages", "reltuples", "relallvisible", "reltoastrelid", "relfrozenxid", "relminmxid"];
    vec![
        // Our own schema has no counterpart, and there are no relations for long values.
        rule("pg_class", &format!("relkind IN ('r', 'v', 'i') AND relnamespace {SCHEMAS}"), measured),
        // System columns beside tableoid cannot be read; from 15.20 on PostgreSQL keeps versions of its own in attoptions.
        rule("pg_attribute", &format!("attnum > 0 AND attrelid {RELATIONS}"), &["attoptions"]),
        rule("pg_index", &format!("indexrelid {RELATIONS}"), &[]),
        rule("pg_type", &format!("typnamespace {SCHEMAS}"), &[]),
        rule("pg_namespace", "nspname <> 'nyala'", &[]),
        // All text is ordered by its bytes.
        rule("pg_collation", "collname IN ('default', 'C', 'POSIX', 'ucs_basic')", &[]),
        rule("pg_database", "datname = 'postgres'", &["datfrozenxid", "datminmxid", "dattablespace"]),
        // Comments on objects that exist.
        rule(
            "pg_description",
            "classoid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass, \
             'pg_am'::regclass, 'pg_namespace'::regclass, 'pg_language'::regclass)",
            &[],
        ),
        rule("pg_shdescription", "objoid = 5", &[]),
        rule("pg_indexes", &format!("schemaname {NAMES}"), &[]),
        rule("pg_views", &format!("schemaname {NAMES}"), &[]),
        rule("pg_tables", &format!("schemaname {NAMES}"), &[]),
    ]
}

/// Relations whose rows are other ones, and why.
const OTHER_ROWS: &[(&str, &str)] = &[
    ("pg_conversion", "all text is UTF-8"),
    ("pg_ts_config", "no text search"),
    ("pg_ts_config_map", "no text search"),
    ("pg_ts_dict", "no text search"),
    ("pg_ts_parser", "no text search"),
    ("pg_ts_template", "no text search"),
    ("pg_extension", "no extensions"),
    ("pg_available_extensions", "no extensions"),
    ("pg_available_extension_versions", "no extensions"),
    ("pg_depend", "what is built in cannot be dropped"),
    ("pg_init_privs", "what is built in cannot be granted"),
    ("pg_rewrite", "trees of PostgreSQL's own"),
    ("pg_rules", "pg_settings is not written to"),
    ("pg_statistic", "statistics of PostgreSQL's own"),
    ("pg_stats", "statistics of PostgreSQL's own"),
    ("pg_settings", "parameters that are honoured only; `names_of_parameters_are_those_of_postgres`"),
    ("pg_file_settings", "where PostgreSQL is installed"),
    ("pg_hba_file_rules", "where PostgreSQL is installed"),
    ("pg_config", "where PostgreSQL is installed"),
    ("pg_timezone_names", "the tz database that is compiled in"),
    ("pg_timezone_abbrevs", "a file of PostgreSQL's own"),
    ("pg_locks", "no locks that wait"),
    ("pg_stat_activity", "what runs now"),
    ("pg_stat_gssapi", "what runs now"),
    ("pg_stat_ssl", "what runs now"),
    ("pg_shmem_allocations", "memory of PostgreSQL's own"),
    ("pg_backend_memory_contexts", "memory of PostgreSQL's own"),
    ("collations", "all text is ordered by its bytes"),
    ("collation_character_set_applicability", "all text is ordered by its bytes"),
    ("usage_privileges", "all text is ordered by its bytes"),
    ("role_usage_grants", "all text is ordered by its bytes"),
    ("routine_routine_usage", "pg_depend has no rows of what is built in"),
    ("view_column_usage", "pg_depend has no rows of what is built in"),
    ("view_routine_usage", "pg_depend has no rows of what is built in"),
    ("view_table_usage", "pg_depend has no rows of what is built in"),
];

/// How a cell begins of rows that not every minor version of PostgreSQL 15 has: its number, and what came with 15.20.
const OF_MINOR_VERSIONS: &[&str] = &[
    "DBMS VERSION",
    "binary_upgrade_set_next_attribute_versions",
    "for use by pg_upgrade (per-attribute versions)",
];

fn is_of_minor_version(row: &[String]) -> bool {
    row.iter().any(|cell| OF_MINOR_VERSIONS.iter().any(|begin| cell.starts_with(begin)))
}

/// Views of what the server counts.
fn is_counted(relation: &str) -> bool {
    relation.starts_with("pg_stat_") || relation.starts_with("pg_statio_")
}

/// Types that have no form here and are read as text: anyarray, aclitem, inet, pg_lsn, xid8, pg_ndistinct and the like.
const READ_AS_TEXT: &[u32] = &[2277, 869, 3220, 5069, 3361, 3402, 5017, 10_028, 10_029, 1186];

async fn both() -> (TestServer, postgres::Server, Client, Client) {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    let (ours, theirs) = (server.client().await.unwrap(), peer.client().await.unwrap());
    (server, peer, ours, theirs)
}

/// The rows of a query as texts.
async fn rows(client: &Client, sql: &str) -> Result<Vec<Vec<String>>, String> {
    let messages = client.simple_query(sql).await.map_err(|e| format!("{e:?}"))?;
    let rows = messages.iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let cell = |value: Option<&str>| value.unwrap_or("\\N").to_owned();
    Ok(rows.map(|row| (0..row.len()).map(|index| cell(row.get(index))).collect()).collect())
}

/// Columns of information_schema's views that name the schema of what a row is about.
const OF_SCHEMA: &[&str] =
    &["table_schema", "object_schema", "udt_schema", "constraint_schema", "domain_schema", "specific_schema"];

const LISTED: &str = "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
     WHERE n.nspname IN ('pg_catalog', 'information_schema') AND c.relkind IN ('r', 'v') ORDER BY 1, 2";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_relation_has_the_columns_of_postgres() {
    let (_server, _peer, ours, theirs) = both().await;
    let listed = rows(&theirs, LISTED).await.unwrap();
    assert_eq!(rows(&ours, LISTED).await.unwrap(), listed);
    let mut different = Vec::new();
    for relation in listed.iter().map(|row| row.join(".")) {
        let columns = format!(
            "SELECT a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation FROM pg_attribute a \
             WHERE a.attrelid = '{relation}'::regclass AND a.attnum > 0 ORDER BY 1"
        );
        let columns = [rows(&ours, &columns).await, rows(&theirs, &columns).await];
        if columns[0] != columns[1] {
            different.push(format!("{relation}: {:?}", columns[0]));
        }
        // What a reader is told; types without a form of their own arrive as text.
        let described = |statement: &tokio_postgres::Statement| {
            let columns = statement.columns().iter();
            columns.map(|c| (c.name().to_owned(), c.type_().oid())).collect::<Vec<_>>()
        };
        let sql = format!("SELECT * FROM {relation}");
        let (own, other) = (ours.prepare(&sql).await, theirs.prepare(&sql).await);
        let (Ok(own), Ok(other)) = (own, other) else {
            different.push(format!("{relation} cannot be read"));
            continue;
        };
        let (own, other) = (described(&own), described(&other));
        let alike = own.len() == other.len()
            && own.iter().zip(&other).all(|(a, b)| a.0 == b.0 && (a.1 == b.1 || READ_AS_TEXT.contains(&b.1)));
        if !alike {
            different.push(format!("{relation} is read as {own:?}, not {other:?}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn built_in_rows_are_those_of_postgres() {
    let (_server, _peer, ours, theirs) = both().await;
    let rules: BTreeMap<&str, Rule> = rules().into_iter().map(|rule| (rule.relation, rule)).collect();
    let mut different = Vec::new();
    let mut compared = 0;
    for row in rows(&theirs, LISTED).await.unwrap() {
        let (schema, name) = (row[0].as_str(), row[1].as_str());
        if OTHER_ROWS.iter().any(|(other, _)| *other == name) || is_counted(name) {
            continue;
        }
        let list = format!(
            "SELECT attname FROM pg_attribute WHERE attrelid = '{schema}.{name}'::regclass AND attnum > 0 ORDER BY attnum"
        );
        let rule = rules.get(name).filter(|_| schema == "pg_catalog");
        let without = rule.map_or(&[][..], |rule| rule.without);
        let columns = rows(&theirs, &list).await.unwrap().concat();
        let of_table = columns.iter().find(|column| *column == "table_schema");
        let of_schema = of_table.or_else(|| columns.iter().find(|c| OF_SCHEMA.contains(&c.as_str())));
        let condition = match (rule, of_schema) {
            (Some(rule), _) => rule.rows.clone(),
            // Views cannot be changed, whatever they are made of.
            (None, Some(column)) if matches!(name, "columns" | "tables" | "views") => {
                format!("{column} {NAMES} AND table_name NOT IN ('pg_group', 'pg_stat_database_conflicts')")
            }
            (None, Some(column)) if schema == "information_schema" => format!("{column} {NAMES}"),
            (None, None) if name == "schemata" => "schema_name <> 'nyala'".to_owned(),
            _ => "true".to_owned(),
        };
        let columns: Vec<String> =
            columns.iter().filter(|c| !without.contains(&c.as_str())).map(|c| format!("\"{c}\"")).collect();
        let sql = format!("SELECT {} FROM {schema}.{name} WHERE {condition}", columns.join(", "));
        let (own, other) = (rows(&ours, &sql).await, rows(&theirs, &sql).await);
        let (Ok(mut own), Ok(mut other)) = (own.clone(), other) else {
            different.push(format!("{schema}.{name}: {own:?}"));
            continue;
        };
        own.retain(|row| !is_of_minor_version(row));
        other.retain(|row| !is_of_minor_version(row));
        own.sort();
        other.sort();
        compared += other.len();
        if own != other {
            let first = |some: &[Vec<String>], others: &[Vec<String>]| {
                some.iter().find(|row| !others.contains(row)).map(|row| row.join("|"))
            };
            different.push(format!(
                "{schema}.{name}: {} rows, not {}; ours {:?}, theirs {:?}",
                own.len(),
                other.len(),
                first(&own, &other),
                first(&other, &own)
            ));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert!(compared > 20_000, "only {compared} rows");
}

/// Every parameter is one of PostgreSQL's, described as PostgreSQL describes it, or our own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_of_parameters_are_those_of_postgres() {
    let (_server, _peer, ours, theirs) = both().await;
    let sql = "SELECT name, category, vartype FROM pg_settings WHERE name NOT LIKE 'nyala.%' ORDER BY 1";
    let known = rows(&theirs, sql).await.unwrap();
    let own = rows(&ours, sql).await.unwrap();
    let other: Vec<_> = own.iter().filter(|row| !known.contains(row)).collect();
    assert!(other.is_empty() && own.len() > 30, "{other:?}");
}
