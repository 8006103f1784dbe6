//! One prepared change bound again and again: replies in order, errors at their place, the rest of the pipeline unseen.

use super::{Conversation, bind_text, run};
use sql_tests::raw::{close_portal, describe_portal, execute, flush, message, parse, sync};

pub(super) fn all() -> Vec<Conversation> {
    vec![in_order(), failures(), between()]
}

const DUPLICATE: &str = "ERROR 23505: duplicate key value violates unique constraint \"changes_pkey\" [public|changes||changes_pkey]";

fn insert(value: &str) -> Vec<u8> {
    [bind_text("", "i", &[value]), execute("", 0)].concat()
}

fn prepared(name: &'static str) -> Conversation {
    Conversation::new(name)
        .ask(
            "DROP TABLE IF EXISTS changes; CREATE TABLE changes (n integer PRIMARY KEY)",
            &[
                "NOTICE 00000: table \"changes\" does not exist, skipping",
                "Complete DROP TABLE",
                "Complete CREATE TABLE",
                "Ready I",
            ],
        )
        .send([parse("i", "INSERT INTO changes VALUES ($1)", &[]), sync()], &["ParseComplete", "Ready I"])
}

/// Ends a conversation: what the table holds, and no more table.
fn holding(conversation: Conversation, sum: &'static str) -> Conversation {
    conversation
        .ask("SELECT sum(n) FROM changes", &["Columns sum:20:text", sum, "Complete SELECT 1", "Ready I"])
        .ask("DROP TABLE changes", &["Complete DROP TABLE", "Ready I"])
}

fn in_order() -> Conversation {
    let one = ["BindComplete", "Complete INSERT 0 1"];
    let described = ["BindComplete", "NoData", "Complete INSERT 0 1"];
    let with_description =
        |value: &str| [bind_text("", "i", &[value]), describe_portal(""), execute("", 0)].concat();
    let in_a_block = [run("BEGIN"), insert("5"), insert("6"), run("COMMIT"), sync()];
    let conversation = prepared("changes in a pipeline")
        .send(
            [with_description("1"), with_description("2"), with_description("3"), insert("4"), sync()],
            &[&described[..], &described, &described, &one, &["Ready I"]].concat(),
        )
        .send(
            in_a_block,
            &[
                &["ParseComplete", "BindComplete", "Complete BEGIN"][..],
                &one,
                &one,
                &["ParseComplete", "BindComplete", "Complete COMMIT", "Ready I"],
            ]
            .concat(),
        )
        .send([insert("7"), insert("8"), flush()], &[one, one].concat())
        .send([insert("9"), sync()], &[&one[..], &["Ready I"]].concat());
    holding(conversation, "Row 45")
}

fn failures() -> Conversation {
    let one = ["BindComplete", "Complete INSERT 0 1"];
    let wrong_value =
        "ERROR 22P02: invalid input syntax for type integer: \"x\" (unnamed portal parameter $1 = '...')";
    let conversation = prepared("a change of a pipeline fails")
        .send(
            [insert("1"), insert("2"), insert("2"), insert("3"), insert("4"), sync()],
            &[&one[..], &one, &["BindComplete", DUPLICATE, "Ready I"]].concat(),
        )
        .send(
            [insert("1"), insert("2"), insert("x"), insert("1"), sync()],
            &[&one[..], &one, &[wrong_value, "Ready I"]].concat(),
        )
        // The first error is told, not the first that could be known.
        .send(
            [insert("1"), insert("2"), insert("1"), insert("x"), sync()],
            &[&one[..], &one, &["BindComplete", DUPLICATE, "Ready I"]].concat(),
        )
        .send(
            [insert("1"), insert("2"), insert("3"), message(b'B', b"\0i\0\0\xff"), sync()],
            &[&one[..], &one, &one, &["ERROR 08P01: insufficient data left in message", "Ready I"]].concat(),
        )
        .send(
            [insert("1"), insert("2"), insert("3"), execute("", 0), sync()],
            &[&one[..], &one, &one, &["ERROR 55000: portal \"\" cannot be run", "Ready I"]].concat(),
        )
        .send(
            [insert("1"), insert("2"), insert("3"), execute("none", 0), sync()],
            &[&one[..], &one, &one, &["ERROR 34000: portal \"none\" does not exist", "Ready I"]].concat(),
        )
        .send([insert("1"), insert("2"), sync()], &[&one[..], &one, &["Ready I"]].concat());
    holding(conversation, "Row 3")
}

fn between() -> Conversation {
    let one = ["BindComplete", "Complete INSERT 0 1"];
    let two = ["BindComplete", "BindComplete", "Complete INSERT 0 1", "Complete INSERT 0 1"];
    let conversation = prepared("other messages between changes of a pipeline")
        .send(
            [insert("1"), insert("2"), insert("3"), run("SELECT count(*) FROM changes"), insert("4"), sync()],
            &[
                &one[..],
                &one,
                &one,
                &["ParseComplete", "BindComplete", "Row 3", "Complete SELECT 1"],
                &one,
                &["Ready I"],
            ]
            .concat(),
        )
        .send(
            [insert("5"), insert("6"), close_portal(""), insert("7"), sync()],
            &[&one[..], &one, &["CloseComplete"], &one, &["Ready I"]].concat(),
        )
        .send(
            [
                run("BEGIN"),
                bind_text("a", "i", &["8"]),
                bind_text("b", "i", &["9"]),
                execute("b", 0),
                execute("a", 0),
                sync(),
            ],
            &[&["ParseComplete", "BindComplete", "Complete BEGIN"][..], &two, &["Ready T"]].concat(),
        )
        .ask("COMMIT", &["Complete COMMIT", "Ready I"]);
    holding(conversation, "Row 45")
}
