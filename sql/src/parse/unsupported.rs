//! Statements of PostgreSQL that are refused, by their first words.
//!
//! Invariant: each entry names the statement and what to do instead.

use super::cursor::{Cursor, is_word};
use super::tokens::position;
use super::unnamed_columns::begins_columns;
use base::Error;
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// 0A000 at a place.
pub(crate) fn refuse(what: &str, at: usize) -> Error {
    let plural = what.ends_with('s') && !what.ends_with("ss");
    let verb = if plural { "are" } else { "is" };
    Error::unsupported(format!("{what} {verb} not supported")).at(at)
}

/// The refusal of the weaker locks of rows, of COLLATION FOR, of `ROWS FROM (f(..) AS (a int))`, and of SEARCH and CYCLE
/// behind a query of WITH RECURSIVE, which sqlparser would take for mistakes or for names.
pub(super) fn refused_clause(tokens: &[TokenWithSpan]) -> Option<Error> {
    let is = |index: usize, word: &str| tokens.get(index).is_some_and(|t| is_word(&t.token, word));
    for (at, token) in tokens.iter().enumerate().filter(|(_, t)| is_word(&t.token, "for")) {
        let what = if is(at + 1, "no") && is(at + 2, "key") && is(at + 3, "update") {
            "FOR NO KEY UPDATE"
        } else if is(at + 1, "key") && is(at + 2, "share") {
            "FOR KEY SHARE"
        } else {
            continue;
        };
        let hint =
            "Leave the clause out: of two transactions that write one row, the later fails or runs again.";
        return Some(refuse(what, position(token.span.start)).with_hint(hint));
    }
    for (at, token) in tokens.iter().enumerate() {
        let (what, hint) = if is(at, "collation") && is(at + 1, "for") {
            ("COLLATION FOR", "Every collation is by bytes.")
        } else if token.token == Token::RParen && begins_columns(tokens, at + 1) {
            (
                "a list of columns behind a call in ROWS FROM",
                "Call the function in FROM by itself, with the list behind it.",
            )
        } else {
            continue;
        };
        return Some(refuse(what, position(token.span.start)).with_hint(hint));
    }
    if !tokens.iter().any(|t| is_word(&t.token, "recursive")) {
        return None;
    }
    tokens.iter().enumerate().find_map(|(index, token)| {
        if token.token != Token::RParen {
            return None;
        }
        let at = tokens.get(index + 1).map_or(0, |t| position(t.span.start));
        let search = is(index + 1, "search") && (is(index + 2, "depth") || is(index + 2, "breadth"));
        if search && is(index + 3, "first") {
            return Some(refuse("SEARCH", at).with_hint("Collect the path in an array, and sort by it."));
        }
        let listed = is(index + 3, "set") || tokens.get(index + 3).is_some_and(|t| t.token == Token::Comma);
        (is(index + 1, "cycle") && listed).then(|| {
            refuse("CYCLE", at).with_hint("Use UNION, or collect the path in an array and look into it.")
        })
    })
}

/// Statements that are refused whole, by their first words, and what to do instead; longer entries stand before shorter ones.
const REFUSED: &[(&str, &str)] = &[
    ("alter system", "Write the setting into the settings file."),
    ("call", PROCEDURES),
    ("close", CURSORS),
    ("cluster", "Tables are kept sorted by their key."),
    ("create unlogged table", "Create an ordinary table."),
    ("declare", CURSORS),
    ("do", "Send the statements one by one; BEGIN and COMMIT make a transaction of them."),
    ("fetch", CURSORS),
    ("grant", ROLES),
    ("import", "Load the rows with COPY."),
    ("listen", CHANGES),
    ("load", "What the server can do is built in; functions can be written in SQL."),
    ("lock", "Leave it out: transactions see a snapshot and lock what they write."),
    ("move", CURSORS),
    ("notify", CHANGES),
    ("reassign", ROLES),
    ("reindex", "Leave it out: no index can need it."),
    ("revoke", ROLES),
    ("security", ROLES),
    ("unlisten", CHANGES),
];

/// What CREATE, ALTER and DROP are refused for, and what to do instead; longer entries stand before shorter ones.
const OBJECTS: &[(&str, &str)] = &[
    ("access method", "Tables are kept in one way, which needs no name."),
    ("aggregate", PROCEDURES),
    ("cast", "Write a function in SQL and call it."),
    ("collation", "Text is compared by its bytes; write COLLATE \"C\" or nothing."),
    ("constraint trigger", TRIGGERS),
    ("conversion", "Text is UTF-8 throughout."),
    ("database", "A server has one database; use schemas."),
    ("default privileges", ROLES),
    ("event trigger", TRIGGERS),
    ("extension", "What the server can do is built in; functions can be written in SQL."),
    ("foreign", "Load the rows with COPY."),
    ("group", ROLES),
    ("index", "Rows are found by the primary key and by zone maps; choose the key's columns accordingly."),
    ("language", PROCEDURES),
    ("large object", "Keep the bytes in a column of type bytea."),
    ("materialized", "Drop and create the materialized view."),
    ("operator", "Write a function in SQL and call it."),
    ("owned", ROLES),
    ("policy", "Make a view of the rows that are to be seen."),
    ("procedural", PROCEDURES),
    ("procedure", PROCEDURES),
    ("publication", CHANGES),
    ("recursive view", "Write WITH RECURSIVE in the query of an ordinary view."),
    ("role", ROLES),
    ("routine", PROCEDURES),
    ("rule", TRIGGERS),
    (
        "schema",
        "Create a schema of the new name, and move into it with ALTER .. SET SCHEMA what can be moved.",
    ),
    ("server", "Load the rows with COPY."),
    ("statistics", "ANALYZE counts different values column by column."),
    ("subscription", CHANGES),
    ("tablespace", "All tables are below the server's data directory."),
    ("temp", TEMPORARY),
    ("temporary", TEMPORARY),
    ("text search", "Use LIKE or regular expressions."),
    ("transform", PROCEDURES),
    ("trigger", TRIGGERS),
    ("trusted", PROCEDURES),
    ("user mapping", "Load the rows with COPY."),
    ("user", ROLES),
];

const ROLES: &str = "Leave it out: there are no roles or privileges, every session may do everything.";
const CURSORS: &str = "Portals of the extended protocol take the place of cursors; LIMIT and a condition on the key read a result in parts.";
const CHANGES: &str = "Ask table_changes(..) for what has changed since the last call.";
const PROCEDURES: &str = "Functions can be written in SQL: CREATE FUNCTION .. LANGUAGE sql.";
const TRIGGERS: &str = "Constraints, defaults and generated columns are what runs at a write; put the rest into the statement, in WITH.";
const TEMPORARY: &str = "Tables can be temporary; anything else goes into a schema that is dropped later.";

/// What can be made, for words that are in no list.
const CREATED: &str = "There are CREATE TABLE, UNIQUE INDEX, VIEW, MATERIALIZED VIEW, SEQUENCE, TYPE, DOMAIN, FUNCTION and SCHEMA.";
const ALTERED: &str = "There are ALTER TABLE, VIEW, MATERIALIZED VIEW, SEQUENCE, TYPE, DOMAIN and FUNCTION.";
const DROPPED: &str =
    "There are DROP TABLE, INDEX, VIEW, MATERIALIZED VIEW, SEQUENCE, TYPE, DOMAIN, FUNCTION and SCHEMA.";

/// How many words name the object of CREATE, ALTER and DROP.
const TWO_WORDS: &[&str] = &[
    "access",
    "constraint",
    "default",
    "event",
    "foreign",
    "large",
    "materialized",
    "or",
    "procedural",
    "recursive",
    "temp",
    "temporary",
    "text",
    "trusted",
    "unique",
    "unlogged",
];

/// The refusal of the statement that begins here; `None` when no statement of PostgreSQL begins so.
pub(crate) fn refused_statement(cursor: &Cursor<'_>) -> Option<Error> {
    let begins = |words: &str| {
        let words: Vec<&str> = words.split(' ').collect();
        cursor.is_words(&words)
    };
    let refusal = |name: String, hint| {
        Error::unsupported(format!("{name} is not supported")).at(cursor.at()).with_hint(hint)
    };
    if let Some((words, hint)) = REFUSED.iter().find(|(words, _)| begins(words)) {
        return Some(refusal(words.to_ascii_uppercase(), *hint));
    }
    let verbs = [("create", CREATED), ("alter", ALTERED), ("drop", DROPPED)];
    let (verb, known) = verbs.into_iter().find(|(verb, _)| begins(verb))?;
    let replaced = if begins("create or replace") { "create or replace" } else { verb };
    let first = if verb == replaced { 1 } else { 3 };
    let object = cursor.word_text(first)?.to_ascii_uppercase();
    let second =
        cursor.word_text(first + 1).filter(|_| TWO_WORDS.iter().any(|w| w.eq_ignore_ascii_case(&object)));
    let second = second.map(|word| format!(" {}", word.to_ascii_uppercase())).unwrap_or_default();
    let hint = OBJECTS
        .iter()
        .find(|(words, _)| begins(&format!("{replaced} {words}")))
        .map_or(known, |(_, hint)| hint);
    Some(refusal(format!("{} {object}{second}", replaced.to_ascii_uppercase()), hint))
}

/// What to do instead of making, changing or describing an object of that kind.
pub(super) fn hint_of_object(kind: &str) -> &'static str {
    let of_kind = |words: &str| words.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(kind));
    OBJECTS.iter().find(|(words, _)| of_kind(words)).map_or(CREATED, |(_, hint)| hint)
}

#[cfg(test)]
mod tests {
    use super::{OBJECTS, REFUSED};
    use crate::parse::parse;
    use base::ErrorKind;

    /// Statements that are refused whole, or for a clause that decides what they are.
    const STATEMENTS: &[&str] = &[
        "ABORT PREPARED 'x'",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO x",
        "ALTER DATABASE d SET x = 1",
        "ALTER FUNCTION f RESET ALL",
        "ALTER INDEX i RENAME TO j",
        "ALTER LARGE OBJECT 1 OWNER TO x",
        "ALTER NONSENSE x",
        "ALTER ROLE x",
        "ALTER SCHEMA s RENAME TO t",
        "ALTER SYSTEM SET x = 1",
        "ALTER USER x",
        "CALL p()",
        "CLOSE c",
        "CLUSTER t",
        "COMMENT ON ROLE x IS 'y'",
        "COMMENT ON TRIGGER x ON t IS 'y'",
        "COMMIT PREPARED 'x'",
        "COPY (SELECT 1) TO PROGRAM 'x'",
        "CREATE ACCESS METHOD x TYPE INDEX HANDLER y",
        "CREATE AGGREGATE x (int) (sfunc = y)",
        "CREATE CAST (a AS b) WITHOUT FUNCTION",
        "CREATE COLLATION x (locale = 'y')",
        "CREATE CONSTRAINT TRIGGER x AFTER INSERT ON t",
        "CREATE CONVERSION x FOR 'a' TO 'b' FROM f",
        "CREATE DATABASE x",
        "CREATE EVENT TRIGGER x ON y EXECUTE FUNCTION z()",
        "CREATE EXTENSION x",
        "CREATE FOREIGN DATA WRAPPER x",
        "CREATE FOREIGN TABLE x (a int) SERVER s",
        "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x', 'y'",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql WINDOW AS 'SELECT 1'",
        "CREATE GROUP x",
        "CREATE INDEX i ON t (a)",
        "CREATE LANGUAGE x",
        "CREATE NONSENSE x",
        "CREATE OPERATOR + (leftarg = int)",
        "CREATE OPERATOR CLASS x FOR TYPE int USING btree AS STORAGE int",
        "CREATE OR REPLACE PROCEDURE p() LANGUAGE sql AS ''",
        "CREATE OR REPLACE RULE x AS ON SELECT TO t DO INSTEAD NOTHING",
        "CREATE POLICY x ON t",
        "CREATE PROCEDURE p() LANGUAGE sql AS ''",
        "CREATE PUBLICATION x",
        "CREATE RECURSIVE VIEW v (n) AS SELECT 1",
        "CREATE ROLE x",
        "CREATE RULE x AS ON SELECT TO t DO INSTEAD NOTHING",
        "CREATE SERVER x FOREIGN DATA WRAPPER y",
        "CREATE STATISTICS x ON a, b FROM t",
        "CREATE SUBSCRIPTION x CONNECTION '' PUBLICATION y",
        "CREATE TABLESPACE x LOCATION 'y'",
        "CREATE TEMP VIEW v AS SELECT 1",
        "CREATE TEMPORARY SEQUENCE s",
        "CREATE TEXT SEARCH DICTIONARY x (template = y)",
        "CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION f(int))",
        "CREATE TRIGGER x BEFORE INSERT ON t EXECUTE FUNCTION f()",
        "CREATE TRUSTED LANGUAGE x",
        "CREATE UNIQUE INDEX i ON t USING hash (a)",
        "CREATE UNLOGGED TABLE x (a int)",
        "CREATE USER MAPPING FOR x SERVER y",
        "CREATE USER x",
        "DECLARE c CURSOR FOR SELECT 1",
        "DISCARD PLANS",
        "DO 'x'",
        "DROP OWNED BY x",
        "DROP ROLE x",
        "DROP ROUTINE x",
        "FETCH c",
        "GRANT SELECT ON t TO x",
        "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z",
        "LISTEN x",
        "LOAD 'x'",
        "LOCK TABLE t",
        "MOVE c",
        "NOTIFY x",
        "PREPARE TRANSACTION 'x'",
        "REASSIGN OWNED BY x TO y",
        "REINDEX TABLE t",
        "RELEASE SAVEPOINT x",
        "REVOKE SELECT ON t FROM x",
        "ROLLBACK PREPARED 'x'",
        "ROLLBACK TO SAVEPOINT x",
        "SAVEPOINT x",
        "SECURITY LABEL ON TABLE t IS 'x'",
        "SELECT 1 INTO UNLOGGED x",
        "SELECT * FROM t FOR KEY SHARE",
        "SELECT * FROM t FOR NO KEY UPDATE",
        "SET CONSTRAINTS ALL DEFERRED",
        "SET ROLE x",
        "SET SESSION AUTHORIZATION x",
        "SET TRANSACTION SNAPSHOT 'x'",
        "SET XML OPTION DOCUMENT",
        "UNLISTEN x",
    ];

    #[test]
    fn every_refusal_of_a_statement_has_a_hint() {
        for statement in STATEMENTS {
            let error = parse(statement).expect_err(statement);
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{statement}: {error:?}");
            assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{statement}: {error:?}");
        }
    }

    #[test]
    fn every_entry_is_refused_by_its_own_hint() {
        for (words, hint) in REFUSED {
            assert_eq!(parse(&format!("{words} x")).unwrap_err().hint(), Some(*hint), "{words}");
        }
        for (words, hint) in
            OBJECTS.iter().filter(|(words, _)| *words != "materialized" && *words != "schema")
        {
            assert_eq!(parse(&format!("create {words} x")).unwrap_err().hint(), Some(*hint), "{words}");
        }
    }
}
