//! The extended query protocol: statements, parameters, descriptions, pipelines.

use super::{Conversation, bind_text, run};
use sql_tests::raw::{
    Values, bind, close_statement, describe_portal, describe_statement, execute, flush, parse, query, sync,
};

const INT4: u32 = 23;
const TEXT: u32 = 25;

pub(super) fn all() -> Vec<Conversation> {
    vec![
        pipeline(),
        descriptions(),
        skipping(),
        pipelines_are_transactions(),
        names(),
        unnamed_statement(),
        deallocate(),
        wrong_binds(),
        wrong_values(),
        empty_statement(),
        failed_block(),
        now(),
    ]
}

/// A parameter 'now' was the time at which it was read, and now() that of the execution: 40 milliseconds apart.
fn now() -> Conversation {
    let same = || parse("", "SELECT $1::timestamptz = now(), timestamptz 'now' = now()", &[]);
    Conversation::new("now is the time of the transaction").send(
        [same(), bind_text("", "", &["now"]), execute("", 0), sync()],
        &["ParseComplete", "BindComplete", "Row t|t", "Complete SELECT 1", "Ready I"],
    )
}

fn pipeline() -> Conversation {
    let sum = || parse("", "SELECT $1 + 1 AS a, $2::text AS b", &[INT4]);
    Conversation::new("a pipeline is answered in order")
        .send(
            [sum(), bind_text("", "", &["41", "hi"]), describe_portal(""), execute("", 0), sync()],
            &[
                "ParseComplete",
                "BindComplete",
                "Columns a:23:text b:25:text",
                "Row 42|hi",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
        .send(
            [run("SELECT 1"), sync(), run("SELECT 2"), run("SELECT 3"), sync()],
            &[
                "ParseComplete",
                "BindComplete",
                "Row 1",
                "Complete SELECT 1",
                "Ready I",
                "ParseComplete",
                "BindComplete",
                "Row 2",
                "Complete SELECT 1",
                "ParseComplete",
                "BindComplete",
                "Row 3",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
        .send([sum(), flush()], &["ParseComplete"])
        .send([bind_text("", "", &["1", "x"]), flush()], &["BindComplete"])
        .send([execute("", 0), flush()], &["Row 2|x", "Complete SELECT 1"])
        .send([sync()], &["Ready I"])
        .send([sync(), sync()], &["Ready I", "Ready I"])
}

fn descriptions() -> Conversation {
    let both = [Some(&b"\0\0\0\x07"[..]), Some(&b"seven"[..])];
    let mixed = Values { formats: &[1, 0], parameters: &both, results: &[1, 0] };
    Conversation::new("descriptions")
        .ask("CREATE TABLE extended_described (a integer, b text)", &["Complete CREATE TABLE", "Ready I"])
        .send(
            [
                parse("s", "SELECT a, b FROM extended_described WHERE a = $1 AND b = $2", &[]),
                describe_statement("s"),
                bind("p", "s", mixed),
                describe_portal("p"),
                execute("p", 0),
                sync(),
            ],
            &[
                "ParseComplete",
                "Parameters [23, 25]",
                "Columns a:23:text b:25:text",
                "BindComplete",
                "Columns a:23:binary b:25:text",
                "Complete SELECT 0",
                "Ready I",
            ],
        )
        .send(
            [
                parse("i", "INSERT INTO extended_described VALUES ($1, $2)", &[]),
                describe_statement("i"),
                sync(),
            ],
            &["ParseComplete", "Parameters [23, 25]", "NoData", "Ready I"],
        )
        .send(
            [bind("", "i", Values { results: &[], ..mixed }), describe_portal(""), execute("", 0), sync()],
            &["BindComplete", "NoData", "Complete INSERT 0 1", "Ready I"],
        )
        .send(
            [bind("", "s", Values { results: &[1], ..mixed }), execute("", 0), sync()],
            &["BindComplete", "Row 00000007|seven", "Complete SELECT 1", "Ready I"],
        )
        .send(
            [
                parse("", "UPDATE extended_described SET b = 'eight' WHERE a = $1 RETURNING b, a", &[]),
                bind_text("", "", &["7"]),
                describe_portal(""),
                execute("", 0),
                sync(),
            ],
            &[
                "ParseComplete",
                "BindComplete",
                "Columns b:25:text a:23:text",
                "Row eight|7",
                "Complete UPDATE 1",
                "Ready I",
            ],
        )
        .send(
            [describe_statement("none"), sync()],
            &["ERROR 26000: prepared statement \"none\" does not exist", "Ready I"],
        )
        .send([describe_portal("none"), sync()], &["ERROR 34000: portal \"none\" does not exist", "Ready I"])
}

fn skipping() -> Conversation {
    Conversation::new("after an error everything is skipped to Sync")
        .send(
            [run("SELECT missing"), run("SELECT 2"), query("SELECT 3"), run("SELECT 4"), flush(), sync()],
            &["ERROR 42703: column \"missing\" does not exist at 8", "Ready I"],
        )
        .send([parse("", "SELEC", &[]), flush()], &["ERROR 42601: syntax error at or near \"SELEC\" at 1"])
        .send([run("SELECT 5"), flush()], &[])
        .send([sync()], &["Ready I"])
        .send(
            [run("SELECT 6"), sync()],
            &["ParseComplete", "BindComplete", "Row 6", "Complete SELECT 1", "Ready I"],
        )
}

fn pipelines_are_transactions() -> Conversation {
    let insert = |n: &str| run(&format!("INSERT INTO extended_pipeline VALUES ({n})"));
    let inserted = ["ParseComplete", "BindComplete", "Complete INSERT 0 1"];
    let two_and_failure = [
        &inserted[..],
        &inserted,
        &[
            "ParseComplete",
            "BindComplete",
            "ERROR 23505: duplicate key value violates unique constraint \"extended_pipeline_pkey\" [public|extended_pipeline||extended_pipeline_pkey]",
            "Ready I",
        ],
    ]
    .concat();
    Conversation::new("a pipeline is a transaction")
        .ask("CREATE TABLE extended_pipeline (n integer PRIMARY KEY)", &["Complete CREATE TABLE", "Ready I"])
        .send([insert("1"), insert("2"), insert("1"), insert("3"), sync()], &two_and_failure)
        .ask(
            "SELECT count(*) FROM extended_pipeline",
            &["Columns count:20:text", "Row 0", "Complete SELECT 1", "Ready I"],
        )
        .send([insert("1"), insert("2"), sync()], &[&inserted[..], &inserted, &["Ready I"]].concat())
        .send(
            [run("BEGIN"), insert("3"), sync()],
            &[&["ParseComplete", "BindComplete", "Complete BEGIN"], &inserted[..], &["Ready T"]].concat(),
        )
        .send([insert("4"), sync()], &[&inserted[..], &["Ready T"]].concat())
        .send([run("ROLLBACK"), sync()], &["ParseComplete", "BindComplete", "Complete ROLLBACK", "Ready I"])
        .ask(
            "SELECT sum(n) FROM extended_pipeline",
            &["Columns sum:20:text", "Row 3", "Complete SELECT 1", "Ready I"],
        )
}

fn names() -> Conversation {
    let done = ["BindComplete", "Row 1", "Complete SELECT 1", "Ready I"];
    Conversation::new("named statements")
        .send([parse("n", "SELECT 1", &[]), sync()], &["ParseComplete", "Ready I"])
        .send(
            [parse("n", "SELECT 2", &[]), sync()],
            &["ERROR 42P05: prepared statement \"n\" already exists", "Ready I"],
        )
        .send([bind_text("", "n", &[]), execute("", 0), sync()], &done)
        .ask("SELECT 3 AS three", &["Columns three:23:text", "Row 3", "Complete SELECT 1", "Ready I"])
        .send([bind_text("", "n", &[]), execute("", 0), sync()], &done)
        .send(
            [close_statement("n"), close_statement("never"), sync()],
            &["CloseComplete", "CloseComplete", "Ready I"],
        )
        .send(
            [bind_text("", "n", &[]), sync()],
            &["ERROR 26000: prepared statement \"n\" does not exist", "Ready I"],
        )
        .send([parse("n", "SELECT 4", &[]), sync()], &["ParseComplete", "Ready I"])
        .send(
            [parse("", "SELECT 1; SELECT 2", &[]), sync()],
            &["ERROR 42601: cannot insert multiple commands into a prepared statement", "Ready I"],
        )
}

fn unnamed_statement() -> Conversation {
    let gone = ["ERROR 26000: unnamed prepared statement does not exist", "Ready I"];
    Conversation::new("the unnamed statement")
        .send([parse("", "SELECT 1", &[]), sync()], &["ParseComplete", "Ready I"])
        .send([parse("", "SELECT 2", &[]), sync()], &["ParseComplete", "Ready I"])
        .send(
            [bind_text("", "", &[]), execute("", 0), sync()],
            &["BindComplete", "Row 2", "Complete SELECT 1", "Ready I"],
        )
        .ask("SELECT 3 AS n", &["Columns n:23:text", "Row 3", "Complete SELECT 1", "Ready I"])
        .send([bind_text("", "", &[]), sync()], &gone)
        .send([parse("", "SELECT 4", &[]), sync()], &["ParseComplete", "Ready I"])
        .send(
            [parse("", "SELECT missing", &[]), sync()],
            &["ERROR 42703: column \"missing\" does not exist at 8", "Ready I"],
        )
        .send([bind_text("", "", &[]), sync()], &gone)
}

/// psycopg 3 sends DEALLOCATE ALL when a transaction in which it prepared statements is rolled back, and failed when
/// that was refused.
fn deallocate() -> Conversation {
    Conversation::new("DEALLOCATE forgets prepared statements")
        .send(
            [parse("one", "SELECT 1", &[]), parse("TWO", "SELECT 2", &[]), parse("all", "SELECT 3", &[]), sync()],
            &["ParseComplete", "ParseComplete", "ParseComplete", "Ready I"],
        )
        .ask("DEALLOCATE one", &["Complete DEALLOCATE", "Ready I"])
        .ask("DEALLOCATE one", &["ERROR 26000: prepared statement \"one\" does not exist", "Ready I"])
        .ask("DEALLOCATE TWO", &["ERROR 26000: prepared statement \"two\" does not exist", "Ready I"])
        .ask("DEALLOCATE PREPARE \"TWO\"", &["Complete DEALLOCATE", "Ready I"])
        .send(
            [bind_text("", "one", &[]), sync()],
            &["ERROR 26000: prepared statement \"one\" does not exist", "Ready I"],
        )
        .send(
            [bind_text("", "all", &[]), execute("", 0), sync()],
            &["BindComplete", "Row 3", "Complete SELECT 1", "Ready I"],
        )
        .send(
            [parse("", "DEALLOCATE ALL", &[]), bind_text("", "", &[]), execute("", 0), sync()],
            &["ParseComplete", "BindComplete", "Complete DEALLOCATE ALL", "Ready I"],
        )
        .send(
            [bind_text("", "all", &[]), sync()],
            &["ERROR 26000: prepared statement \"all\" does not exist", "Ready I"],
        )
        .ask("DEALLOCATE", &["ERROR 42601: syntax error at end of input at 11", "Ready I"])
        .ask("BEGIN; DEALLOCATE none", &["Complete BEGIN", "ERROR 26000: prepared statement \"none\" does not exist", "Ready E"])
        .ask("DEALLOCATE ALL", &["ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block", "Ready E"])
        .ask("ROLLBACK", &["Complete ROLLBACK", "Ready I"])
}

fn wrong_binds() -> Conversation {
    let one = [Some(&b"1"[..])];
    let two = [Some(&b"1"[..]), Some(&b"2"[..])];
    let with = |values| [bind("", "two", values), execute("", 0), sync()];
    Conversation::new("Bind with wrong numbers")
        .send(
            [parse("two", "SELECT $1::integer AS a, $2::integer AS b", &[]), sync()],
            &["ParseComplete", "Ready I"],
        )
        .send(
            with(Values { parameters: &one, ..Values::default() }),
            &[
                "ERROR 08P01: bind message supplies 1 parameters, but prepared statement \"two\" requires 2",
                "Ready I",
            ],
        )
        .send(
            with(Values { parameters: &two, formats: &[0, 0, 0], ..Values::default() }),
            &["ERROR 08P01: bind message has 3 parameter formats but 2 parameters", "Ready I"],
        )
        .send(
            with(Values { parameters: &two, results: &[0, 1, 0], ..Values::default() }),
            &["ERROR 08P01: bind message has 3 result formats but query has 2 columns", "Ready I"],
        )
        .send(
            with(Values { parameters: &two, results: &[0, 1], ..Values::default() }),
            &["BindComplete", "Row 1|00000002", "Complete SELECT 1", "Ready I"],
        )
}

fn wrong_values() -> Conversation {
    let with = |ty: u32, format: u16, value: &[u8]| {
        let text = if ty == INT4 { "SELECT $1::integer AS v" } else { "SELECT $1::text AS v" };
        let values = Values { formats: &[format], parameters: &[Some(value)], results: &[] };
        [parse("", text, &[ty]), bind("", "", values), execute("", 0), sync()]
    };
    Conversation::new("Bind with wrong values")
        .send(
            with(INT4, 0, b"x"),
            &["ParseComplete", "ERROR 22P02: invalid input syntax for type integer: \"x\" (unnamed portal parameter $1 = '...')", "Ready I"],
        )
        .send(
            with(INT4, 0, b"3000000000"),
            &[
                "ParseComplete",
                "ERROR 22003: value \"3000000000\" is out of range for type integer (unnamed portal parameter $1 = '...')",
                "Ready I",
            ],
        )
        .send(
            with(INT4, 1, b"\0\0\x01"),
            &["ParseComplete", "ERROR 08P01: insufficient data left in message (unnamed portal parameter $1)", "Ready I"],
        )
        .send(
            with(INT4, 1, b"\0\0\0\0\x01"),
            &["ParseComplete", "ERROR 22P03: incorrect binary data format in bind parameter 1 (unnamed portal parameter $1)", "Ready I"],
        )
        .send(
            with(TEXT, 0, b"a\xff"),
            &["ParseComplete", "ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0xff (unnamed portal parameter $1)", "Ready I"],
        )
        .send(
            with(TEXT, 1, b"\xff"),
            &["ParseComplete", "ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0xff (unnamed portal parameter $1)", "Ready I"],
        )
        .send(
            with(TEXT, 0, b"a\0b"),
            &["ParseComplete", "ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0x00 (unnamed portal parameter $1)", "Ready I"],
        )
        .send(
            with(TEXT, 1, b"a\0b"),
            &["ParseComplete", "ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0x00 (unnamed portal parameter $1)", "Ready I"],
        )
        .send(with(TEXT, 1, b"fine"), &["ParseComplete", "BindComplete", "Row fine", "Complete SELECT 1", "Ready I"])
}

fn empty_statement() -> Conversation {
    Conversation::new("an empty statement")
        .send(
            [
                parse("", " -- nothing", &[]),
                describe_statement(""),
                bind_text("", "", &[]),
                describe_portal(""),
                execute("", 0),
                sync(),
            ],
            &["ParseComplete", "Parameters []", "NoData", "BindComplete", "NoData", "EmptyQuery", "Ready I"],
        )
        .send(
            [parse("", "", &[]), bind_text("", "", &["1"]), sync()],
            &[
                "ParseComplete",
                "ERROR 08P01: bind message supplies 1 parameters, but prepared statement \"\" requires 0",
                "Ready I",
            ],
        )
}

fn failed_block() -> Conversation {
    let aborted =
        "ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block";
    Conversation::new("the extended protocol in a failed block")
        .send(
            [parse("one", "SELECT 1", &[]), parse("end", "COMMIT", &[]), sync()],
            &["ParseComplete", "ParseComplete", "Ready I"],
        )
        .ask(
            "BEGIN; SELECT missing",
            &["Complete BEGIN", "ERROR 42703: column \"missing\" does not exist at 15", "Ready E"],
        )
        .send([parse("", "SELECT 2", &[]), sync()], &[aborted, "Ready E"])
        .send([bind_text("", "one", &[]), sync()], &[aborted, "Ready E"])
        .send([parse("", "", &[]), sync()], &["ParseComplete", "Ready E"])
        .send(
            [bind_text("", "end", &[]), execute("", 0), sync()],
            &["BindComplete", "Complete ROLLBACK", "Ready I"],
        )
}
