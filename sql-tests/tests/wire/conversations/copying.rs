//! COPY over the connection.

use super::{Conversation, bind_text};
use sql_tests::raw::{copy_data, copy_done, copy_fail, execute, flush, parse, query, sync};

pub(super) fn all() -> Vec<Conversation> {
    vec![text(), csv(), failures(), in_the_extended_protocol(), in_transactions(), unexpected_messages()]
}

fn text() -> Conversation {
    Conversation::new("COPY in text")
        .ask("CREATE TABLE copy_text (a integer, b text)", &["Complete CREATE TABLE", "Ready I"])
        .ask("COPY copy_text FROM STDIN", &["CopyIn text 2"])
        .send([copy_data(b"1\tone\n2\t"), copy_data(b"\\N\n"), flush(), sync(), copy_data(b"3")], &[])
        .send([copy_data(b"\tta\\tb\\\\\n4\t\n"), copy_done()], &["Complete COPY 4", "Ready I"])
        .ask(
            "COPY (SELECT a, b FROM copy_text ORDER BY a) TO STDOUT",
            &[
                "CopyOut text 2",
                "Data 1\\tone\\n",
                "Data 2\\t\\\\N\\n",
                "Data 3\\tta\\\\tb\\\\\\\\\\n",
                "Data 4\\t\\n",
                "CopyDone",
                "Complete COPY 4",
                "Ready I",
            ],
        )
        .ask("COPY copy_text (b) FROM STDIN (DELIMITER '|', NULL 'none')", &["CopyIn text 1"])
        .send([copy_data(b"none\nfive"), copy_done()], &["Complete COPY 2", "Ready I"])
        .ask(
            "SELECT b FROM copy_text WHERE a IS NULL ORDER BY b",
            &["Columns b:25:text", "Row five", "Row NULL", "Complete SELECT 2", "Ready I"],
        )
        .ask("COPY copy_text FROM STDIN", &["CopyIn text 2"])
        .send([copy_data(b"6\tsix\n\\.\n"), copy_done()], &["Complete COPY 1", "Ready I"])
        .ask("COPY copy_text FROM STDIN", &["CopyIn text 2"])
        .send([copy_done()], &["Complete COPY 0", "Ready I"])
        .ask("CREATE TABLE copy_now (a timestamptz, b date)", &["Complete CREATE TABLE", "Ready I"])
        .ask("COPY copy_now FROM STDIN", &["CopyIn text 2"])
        .send([copy_data(b"now\ttoday\n"), copy_done()], &["Complete COPY 1", "Ready I"])
        .ask(
            "SELECT a <= now(), b <= current_date, b >= a::date FROM copy_now",
            &[
                "Columns ?column?:16:text ?column?:16:text ?column?:16:text",
                "Row t|t|t",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
}

fn csv() -> Conversation {
    Conversation::new("COPY in csv")
        .ask("CREATE TABLE copy_csv (a integer, b text)", &["Complete CREATE TABLE", "Ready I"])
        .ask("COPY copy_csv FROM STDIN (FORMAT csv, HEADER)", &["CopyIn text 2"])
        .send(
            [
                copy_data(b"a,b\n1,\"two\nlines\"\n2,\n3,\"\"\n4,\"say \"\"hi\"\""),
                copy_data(b"\"\n"),
                copy_done(),
            ],
            &["Complete COPY 4", "Ready I"],
        )
        .ask(
            "COPY (SELECT a, b FROM copy_csv ORDER BY a) TO STDOUT (FORMAT csv, HEADER)",
            &[
                "CopyOut text 2",
                "Data a,b\\n",
                "Data 1,\\\"two\\nlines\\\"\\n",
                "Data 2,\\n",
                "Data 3,\\\"\\\"\\n",
                "Data 4,\\\"say \\\"\\\"hi\\\"\\\"\\\"\\n",
                "CopyDone",
                "Complete COPY 4",
                "Ready I",
            ],
        )
}

fn failures() -> Conversation {
    Conversation::new("COPY that fails")
        .ask("CREATE TABLE copy_failed (a integer NOT NULL, b text)", &["Complete CREATE TABLE", "Ready I"])
        .ask("COPY copy_failed FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\tone\n"), copy_fail("second thoughts")],
            &["ERROR 57014: COPY from stdin failed: second thoughts…", "Ready I"],
        )
        .ask("COPY copy_failed FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\tone\n2\ttwo\tmore\n"), copy_data(b"3\tthree\n"), copy_done()],
            &[
                "ERROR 22P04: extra data after last expected column (COPY copy_failed, line 2: \"2\ttwo\tmore\")",
                "Ready I",
            ],
        )
        .ask("COPY copy_failed FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\n"), copy_done()],
            &["ERROR 22P04: missing data for column \"b\" (COPY copy_failed, line 1: \"1\")", "Ready I"],
        )
        .ask("COPY copy_failed FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\tone\nx\ttwo\n"), copy_done()],
            &[
                "ERROR 22P02: invalid input syntax for type integer: \"x\" (COPY copy_failed, line 2, column a: \"x\")",
                "Ready I",
            ],
        )
        .ask("COPY copy_failed FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\tone\n\\N\ttwo\n"), copy_done()],
            &[
                "ERROR 23502: null value in column \"a\" of relation \"copy_failed\" violates not-null constraint (COPY copy_failed, line 2…",
                "Ready I",
            ],
        )
        .ask("COPY copy_failed FROM STDIN (FORMAT csv)", &["CopyIn text 2"])
        .send(
            [copy_data(b"0,zero\n1,\"one\n2,two\n"), copy_done()],
            &["ERROR 22P04: unterminated CSV quoted field (COPY copy_failed, line 4: \"1,\"one\n2,two\n\")", "Ready I"],
        )
        .ask("COPY copy_failed FROM STDIN", &["CopyIn text 2"])
        .send(
            [copy_data(b"1\ta\xffb\n"), copy_done()],
            &[
                "ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0xff (COPY copy_failed, line 1)",
                "Ready I",
            ],
        )
        .ask("COPY copy_none FROM STDIN", &["ERROR 42P01: relation \"copy_none\" does not exist", "Ready I"])
        .ask("SELECT count(*) FROM copy_failed", &["Columns count:20:text", "Row 0", "Complete SELECT 1", "Ready I"])
}

fn in_the_extended_protocol() -> Conversation {
    let copy =
        || [parse("", "COPY copy_extended FROM STDIN", &[]), bind_text("", "", &[]), execute("", 0)].concat();
    let begun = ["ParseComplete", "BindComplete", "CopyIn text 1"];
    Conversation::new("COPY in the extended protocol")
        .ask("CREATE TABLE copy_extended (a integer)", &["Complete CREATE TABLE", "Ready I"])
        .send([copy(), sync()], &begun)
        .send([copy_data(b"1\n2\n"), copy_done(), sync()], &["Complete COPY 2", "Ready I"])
        .send([copy(), flush()], &begun)
        .send(
            [copy_data(b"x\n"), copy_done(), sync()],
            &[
                "ERROR 22P02: invalid input syntax for type integer: \"x\" (COPY copy_extended, line 1, column a: \"x\")",
                "Ready I",
            ],
        )
        .send(
            [
                parse("", "COPY (SELECT a FROM copy_extended ORDER BY a) TO STDOUT", &[]),
                bind_text("", "", &[]),
                execute("", 0),
                sync(),
            ],
            &[
                "ParseComplete",
                "BindComplete",
                "CopyOut text 1",
                "Data 1\\n",
                "Data 2\\n",
                "CopyDone",
                "Complete COPY 2",
                "Ready I",
            ],
        )
}

fn in_transactions() -> Conversation {
    Conversation::new("COPY in transactions")
        .ask("CREATE TABLE copy_block (a integer PRIMARY KEY)", &["Complete CREATE TABLE", "Ready I"])
        .ask("BEGIN; COPY copy_block FROM STDIN", &["Complete BEGIN", "CopyIn text 1"])
        .send([copy_data(b"1\n2\n"), copy_done()], &["Complete COPY 2", "Ready T"])
        .ask("SELECT count(*) FROM copy_block", &["Columns count:20:text", "Row 2", "Complete SELECT 1", "Ready T"])
        .ask("ROLLBACK", &["Complete ROLLBACK", "Ready I"])
        .ask("COPY copy_block FROM STDIN; COPY copy_block FROM STDIN", &["CopyIn text 1"])
        .send([copy_data(b"1\n"), copy_done()], &["Complete COPY 1", "CopyIn text 1"])
        .send(
            [copy_data(b"2\n1\n"), copy_done()],
            &[
                "ERROR 23505: duplicate key value violates unique constraint \"copy_block_pkey\" (COPY copy_block, line…",
                "Ready I",
            ],
        )
        .ask("SELECT count(*) FROM copy_block", &["Columns count:20:text", "Row 0", "Complete SELECT 1", "Ready I"])
        .ask("BEGIN", &["Complete BEGIN", "Ready T"])
        .ask("COPY copy_block FROM STDIN", &["CopyIn text 1"])
        .send(
            [copy_data(b"1\n"), copy_fail("no")],
            &["ERROR 57014: COPY from stdin failed: no…", "Ready E"],
        )
        .ask("ROLLBACK", &["Complete ROLLBACK", "Ready I"])
}

/// Behind a COPY that failed, its remaining messages are dropped, and the session goes on.
fn unexpected_messages() -> Conversation {
    Conversation::new("data behind a failed COPY")
        .ask("CREATE TABLE copy_behind (a integer)", &["Complete CREATE TABLE", "Ready I"])
        .send(
            [
                query("COPY copy_behind FROM STDIN"),
                copy_data(b"x\n"),
                copy_data(b"1\n"),
                copy_data(b"2\n"),
                copy_done(),
                query("SELECT count(*) FROM copy_behind"),
            ],
            &[
                "CopyIn text 1",
                "ERROR 22P02: invalid input syntax for type integer: \"x\" (COPY copy_behind, line 1, column a: \"x\")",
                "Ready I",
                "Columns count:20:text",
                "Row 0",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
}
