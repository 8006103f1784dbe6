//! Words of PostgreSQL's grammar as names without quotes: as in PostgreSQL 15, which answers beside us.

use sql_tests::postgres;
use sql_tests::raw::Raw;
use sql_tests::wire::TestServer;

/// Statements in which a word names a column or table. One transaction that is rolled back: no statement waits for a disk.
fn as_name(word: &str) -> Vec<String> {
    vec![
        format!("SELECT {word}"),
        "BEGIN".to_owned(),
        format!("CREATE TABLE k ({word} integer)"),
        format!("INSERT INTO k ({word}) VALUES (1)"),
        format!("SELECT {word} FROM k"),
        format!("SELECT k.{word} FROM k WHERE {word} = 1"),
        format!("SELECT {word} + 1, ({word}), -{word} FROM k WHERE ({word}) > 0 ORDER BY {word}"),
        format!("SELECT max({word}) FROM k GROUP BY {word} HAVING min({word}) IN (1, {word})"),
        format!("UPDATE k SET {word} = {word} + 1"),
        format!("SELECT CASE WHEN {word} = 2 THEN {word} ELSE {word} END FROM k"),
        format!("SELECT x.{word} FROM (SELECT 2 AS {word}) AS x"),
        format!("SELECT {word}.a FROM (SELECT 3 AS a) AS {word}"),
        format!("SELECT {word}.a FROM (SELECT 3 AS a) {word}"),
        format!("WITH {word} AS (SELECT 4 AS a) SELECT a FROM {word}"),
        format!("DELETE FROM k WHERE {word} = 2 RETURNING {word}"),
        "ROLLBACK".to_owned(),
    ]
}

/// Statements in which a word names a result column.
fn as_label(word: &str) -> Vec<String> {
    vec![format!("SELECT 1 AS {word}"), format!("SELECT 1 {word}"), format!("SELECT 'a' {word}, 2 AS {word}")]
}

/// Rows, or the SQLSTATE alone.
fn outcome(lines: Vec<String>) -> Vec<String> {
    match lines.iter().find_map(|line| line.strip_prefix("ERROR ")) {
        Some(error) => vec![error.chars().take(5).collect()],
        None => lines.into_iter().filter(|line| line.starts_with("Row")).collect(),
    }
}

/// `by` was refused as the name of a column once, with every other word that the parser's own list held.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn words_are_names_where_they_are_postgresqls() {
    let postgres = postgres::Server::start().unwrap();
    let server = TestServer::start().await.unwrap();
    let (mut theirs, _) = Raw::session(postgres.address()).await.unwrap();
    let (mut ours, _) = Raw::session(server.address).await.unwrap();
    let mut wrong = Vec::new();
    let words =
        theirs.ask("SELECT word || ' ' || catcode::text FROM pg_get_keywords() ORDER BY word").await.unwrap();
    assert!(words.len() > 400, "{words:?}");
    for word in words {
        let Some((word, class)) = word.strip_prefix("Row ").and_then(|row| row.split_once(' ')) else {
            continue;
        };
        let mut statements = as_label(word);
        if matches!(class, "U" | "C") {
            statements.extend(as_name(word));
        }
        for sql in statements {
            let expected = outcome(theirs.ask(&sql).await.unwrap());
            let actual = outcome(ours.ask(&sql).await.unwrap());
            if expected != actual {
                wrong.push(format!("{sql}: PostgreSQL {expected:?}, here {actual:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
