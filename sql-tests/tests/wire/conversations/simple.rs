//! The simple query protocol and the states of transactions.

use super::Conversation;
use sql_tests::raw::{copy_data, copy_done};

pub(super) fn all() -> Vec<Conversation> {
    vec![
        empty_queries(),
        one_string_is_one_transaction(),
        subjects_of_errors(),
        states(),
        begin_within_a_string(),
        settings_are_reported(),
    ]
}

fn empty_queries() -> Conversation {
    let empty = ["EmptyQuery", "Ready I"];
    Conversation::new("empty queries")
        .ask("", &empty)
        .ask(";;;", &empty)
        .ask("-- nothing", &empty)
        .ask("/* a /* nested */ comment */ ; ", &empty)
        .ask(";SELECT 1 AS one;;", &["Columns one:23:text", "Row 1", "Complete SELECT 1", "Ready I"])
}

fn one_string_is_one_transaction() -> Conversation {
    Conversation::new("one string is one transaction")
        .ask("CREATE TABLE simple_one (n integer PRIMARY KEY)", &["Complete CREATE TABLE", "Ready I"])
        .ask(
            "INSERT INTO simple_one VALUES (1); INSERT INTO simple_one VALUES (2); SELECT count(*) FROM simple_one",
            &[
                "Complete INSERT 0 1",
                "Complete INSERT 0 1",
                "Columns count:20:text",
                "Row 2",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
        .ask(
            "INSERT INTO simple_one VALUES (3); INSERT INTO simple_one VALUES (1); SELECT 4",
            &[
                "Complete INSERT 0 1",
                "ERROR 23505: duplicate key value violates unique constraint \"simple_one_pkey\" [public|simple_one||simple_one_pkey]",
                "Ready I",
            ],
        )
        .ask(
            "INSERT INTO simple_one VALUES (4); SELEC 1",
            &["ERROR 42601: syntax error at or near \"SELEC\" at 36", "Ready I"],
        )
        .ask(
            "INSERT INTO simple_one VALUES (5); SELECT missing FROM simple_one",
            &["Complete INSERT 0 1", "ERROR 42703: column \"missing\" does not exist at 43", "Ready I"],
        )
        .ask("SELECT sum(n) FROM simple_one", &["Columns sum:20:text", "Row 3", "Complete SELECT 1", "Ready I"])
}

/// Drivers and ORMs read the fields, never the message.
fn subjects_of_errors() -> Conversation {
    Conversation::new("errors name table, column and constraint in fields of their own")
        .ask(
            "CREATE SCHEMA \"Other\"; CREATE TABLE \"Other\".simple_subject (a integer CONSTRAINT named PRIMARY KEY, \"B\" text NOT NULL)",
            &["Complete CREATE SCHEMA", "Complete CREATE TABLE", "Ready I"],
        )
        .ask(
            "INSERT INTO \"Other\".simple_subject VALUES (1, 'x'), (1, 'y')",
            &[
                "ERROR 23505: duplicate key value violates unique constraint \"named\" [Other|simple_subject||named]",
                "Ready I",
            ],
        )
        .ask(
            "INSERT INTO \"Other\".simple_subject VALUES (1, NULL)",
            &[
                "ERROR 23502: null value in column \"B\" of relation \"simple_subject\" violates not-null constraint [Other|simple_subject|B|]",
                "Ready I",
            ],
        )
        .ask(
            "INSERT INTO \"Other\".simple_subject VALUES (1, 1 / 0)",
            &["ERROR 22012: division by zero", "Ready I"],
        )
        .ask("COPY \"Other\".simple_subject FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\t\\N\n"), copy_done()],
            &[
                "ERROR 23502: null value in column \"B\" of relation \"simple_subject\" violates not-null constraint (COPY simple_subject, line 1…",
                "Ready I",
            ],
        )
        .ask("BEGIN; DROP TABLE \"Other\".simple_subject; DROP SCHEMA \"Other\"; COMMIT", &["Complete BEGIN", "Complete DROP TABLE", "Complete DROP SCHEMA", "Complete COMMIT", "Ready I"])
}

fn states() -> Conversation {
    let aborted =
        "ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block";
    Conversation::new("states of transactions")
        .ask("CREATE TABLE simple_state (n integer)", &["Complete CREATE TABLE", "Ready I"])
        .ask("BEGIN", &["Complete BEGIN", "Ready T"])
        .ask(
            "BEGIN",
            &["WARNING 25001: there is already a transaction in progress", "Complete BEGIN", "Ready T"],
        )
        .ask("INSERT INTO simple_state VALUES (1)", &["Complete INSERT 0 1", "Ready T"])
        .ask("SELECT n FROM simple_state", &["Columns n:23:text", "Row 1", "Complete SELECT 1", "Ready T"])
        .ask(
            "SELECT * FROM simple_none",
            &["ERROR 42P01: relation \"simple_none\" does not exist at 15", "Ready E"],
        )
        .ask("SELECT 1", &[aborted, "Ready E"])
        .ask("SELECT 1; ROLLBACK", &[aborted, "Ready E"])
        .ask("COMMIT", &["Complete ROLLBACK", "Ready I"])
        .ask("COMMIT", &["WARNING 25P01: there is no transaction in progress", "Complete COMMIT", "Ready I"])
        .ask(
            "ROLLBACK",
            &["WARNING 25P01: there is no transaction in progress", "Complete ROLLBACK", "Ready I"],
        )
        .ask(
            "SELECT count(*) FROM simple_state",
            &["Columns count:20:text", "Row 0", "Complete SELECT 1", "Ready I"],
        )
}

fn begin_within_a_string() -> Conversation {
    Conversation::new("BEGIN and COMMIT within a string")
        .ask("CREATE TABLE simple_begin (n integer)", &["Complete CREATE TABLE", "Ready I"])
        .ask(
            "INSERT INTO simple_begin VALUES (1); BEGIN; INSERT INTO simple_begin VALUES (2)",
            &["Complete INSERT 0 1", "Complete BEGIN", "Complete INSERT 0 1", "Ready T"],
        )
        .ask("ROLLBACK", &["Complete ROLLBACK", "Ready I"])
        .ask(
            "BEGIN; INSERT INTO simple_begin VALUES (3); COMMIT; INSERT INTO simple_begin VALUES (4); SELECT missing",
            &[
                "Complete BEGIN",
                "Complete INSERT 0 1",
                "Complete COMMIT",
                "Complete INSERT 0 1",
                "ERROR 42703: column \"missing\" does not exist at 97",
                "Ready I",
            ],
        )
        .ask("SELECT n FROM simple_begin", &["Columns n:23:text", "Row 3", "Complete SELECT 1", "Ready I"])
}

/// They are told of before the next readiness, as PostgreSQL does since version 14.
fn settings_are_reported() -> Conversation {
    Conversation::new("changed settings are reported")
        .ask(
            "SET application_name = 'first'; SET application_name = 'second'",
            &["Complete SET", "Complete SET", "ParameterStatus application_name=second", "Ready I"],
        )
        .ask(
            "BEGIN; SET application_name = 'third'",
            &["Complete BEGIN", "Complete SET", "ParameterStatus application_name=third", "Ready T"],
        )
        .ask("ROLLBACK", &["Complete ROLLBACK", "ParameterStatus application_name=second", "Ready I"])
        .ask(
            "SHOW application_name",
            &["Columns application_name:25:text", "Row second", "Complete SHOW", "Ready I"],
        )
}
