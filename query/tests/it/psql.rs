//! The statements that psql 15 sends for its backslash commands.

use crate::harness::Server;

#[tokio::test]
async fn tables_schemas_databases_and_indexes_are_listed() {
    let server = Server::start();
    let mut client = server.session();
    client.run("CREATE TABLE t (a int PRIMARY KEY, b text DEFAULT 'x')").await.unwrap();
    client.run("CREATE SCHEMA s").await.unwrap();
    client.run("CREATE TABLE s.hidden (a int)").await.unwrap();
    let tables = "SELECT n.nspname as \"Schema\",
          c.relname as \"Name\",
          CASE c.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' \
          WHEN 'i' THEN 'index' WHEN 'S' THEN 'sequence' WHEN 't' THEN 'TOAST table' WHEN 'f' THEN 'foreign table' \
          WHEN 'p' THEN 'partitioned table' WHEN 'I' THEN 'partitioned index' END as \"Type\",
          pg_catalog.pg_get_userbyid(c.relowner) as \"Owner\"
        FROM pg_catalog.pg_class c
             LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
        WHERE c.relkind IN ('r','p','')
              AND n.nspname <> 'pg_catalog'
              AND n.nspname !~ '^pg_toast'
              AND n.nspname <> 'information_schema'
          AND pg_catalog.pg_table_is_visible(c.oid)
        ORDER BY 1,2;";
    assert_eq!(client.rows(tables).await, ["public|t|table|postgres"]);
    let schemas = "SELECT n.nspname AS \"Name\", pg_catalog.pg_get_userbyid(n.nspowner) AS \"Owner\"
        FROM pg_catalog.pg_namespace n
        WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1;";
    assert_eq!(client.rows(schemas).await, ["nyala|postgres", "public|pg_database_owner", "s|postgres"]);
    let databases = "SELECT d.datname as \"Name\",
               pg_catalog.pg_get_userbyid(d.datdba) as \"Owner\",
               pg_catalog.pg_encoding_to_char(d.encoding) as \"Encoding\",
               d.datcollate as \"Collate\",
               d.datctype as \"Ctype\",
               d.daticulocale as \"ICU Locale\",
               CASE d.datlocprovider WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' END AS \"Locale Provider\",
               pg_catalog.array_to_string(d.datacl, E'\\n') AS \"Access privileges\"
        FROM pg_catalog.pg_database d ORDER BY 1;";
    assert_eq!(client.rows(databases).await, ["postgres|postgres|UTF8|C|C|∅|libc|∅"]);
    let key = "SELECT c.relname, i.indisprimary, i.indkey, con.contype, con.conkey, a.attname, a.attnotnull
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
             JOIN pg_constraint con ON con.conindid = i.indexrelid
             JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = 1
        WHERE i.indrelid = 't'::regclass";
    assert_eq!(client.rows(key).await, ["t_pkey|t|1|p|{1}|a|t"]);
}

#[tokio::test]
async fn information_schema_describes_columns() {
    let server = Server::start();
    let mut client = server.session();
    client
        .run("CREATE TABLE t (a bigint PRIMARY KEY, b varchar(7), c numeric(9,3) NOT NULL DEFAULT 1.5)")
        .await
        .unwrap();
    let columns = "SELECT column_name, ordinal_position, is_nullable, data_type, character_maximum_length, \
                   numeric_precision, numeric_scale FROM information_schema.columns \
                   WHERE table_name = 't' ORDER BY ordinal_position";
    assert_eq!(
        client.rows(columns).await,
        ["a|1|NO|bigint|∅|64|0", "b|2|YES|character varying|7|∅|∅", "c|3|NO|numeric|∅|9|3"]
    );
    let tables = "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_schema = 'public'";
    assert_eq!(client.rows(tables).await, ["public|t|BASE TABLE"]);
}
