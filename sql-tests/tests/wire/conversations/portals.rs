//! Portals: row limits, life, other statements between two steps.

use super::{Conversation, bind_text, run};
use sql_tests::raw::{close_portal, execute, flush, parse, query, sync};

pub(super) fn all() -> Vec<Conversation> {
    vec![
        row_limits(),
        life_in_a_block(),
        failed_block(),
        between_two_steps(),
        end_with_the_transaction(),
        run_once(),
    ]
}

const FIVE: &str = "SELECT n FROM (VALUES (1), (2), (3), (4), (5)) AS v (n) ORDER BY n";

fn row_limits() -> Conversation {
    Conversation::new("row limits")
        .send(
            [
                parse("", FIVE, &[]),
                bind_text("", "", &[]),
                execute("", 2),
                execute("", 2),
                execute("", 2),
                sync(),
            ],
            &[
                "ParseComplete",
                "BindComplete",
                "Row 1",
                "Row 2",
                "PortalSuspended",
                "Row 3",
                "Row 4",
                "PortalSuspended",
                "Row 5",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
        .send(
            [bind_text("", "", &[]), execute("", 2), flush()],
            &["BindComplete", "Row 1", "Row 2", "PortalSuspended"],
        )
        .send([execute("", 0), flush()], &["Row 3", "Row 4", "Row 5", "Complete SELECT 3"])
        .send([execute("", 0), flush()], &["Complete SELECT 0"])
        .send([sync()], &["Ready I"])
        .send(
            [bind_text("", "", &[]), execute("", 5), execute("", 1), sync()],
            &[
                "BindComplete",
                "Row 1",
                "Row 2",
                "Row 3",
                "Row 4",
                "Row 5",
                "PortalSuspended",
                "Complete SELECT 0",
                "Ready I",
            ],
        )
        .send(
            [bind_text("", "", &[]), execute("", -1), sync()],
            &["BindComplete", "Row 1", "Row 2", "Row 3", "Row 4", "Row 5", "Complete SELECT 5", "Ready I"],
        )
}

fn life_in_a_block() -> Conversation {
    Conversation::new("portals in a block")
        .ask("BEGIN", &["Complete BEGIN", "Ready T"])
        .send(
            [parse("five", FIVE, &[]), bind_text("a", "five", &[]), bind_text("b", "five", &[]), sync()],
            &["ParseComplete", "BindComplete", "BindComplete", "Ready T"],
        )
        .send([execute("a", 1), sync()], &["Row 1", "PortalSuspended", "Ready T"])
        .ask("SELECT 7 AS n", &["Columns n:23:text", "Row 7", "Complete SELECT 1", "Ready T"])
        .send(
            [execute("b", 1), execute("a", 1), sync()],
            &["Row 1", "PortalSuspended", "Row 2", "PortalSuspended", "Ready T"],
        )
        .send(
            [close_portal("a"), close_portal("never"), sync()],
            &["CloseComplete", "CloseComplete", "Ready T"],
        )
        .send([execute("b", 1), sync()], &["Row 2", "PortalSuspended", "Ready T"])
        .ask("COMMIT", &["Complete COMMIT", "Ready I"])
        .send([execute("b", 1), sync()], &["ERROR 34000: portal \"b\" does not exist", "Ready I"])
        .send(
            [bind_text("a", "five", &[]), bind_text("a", "five", &[]), sync()],
            &["BindComplete", "ERROR 42P03: cursor \"a\" already exists", "Ready I"],
        )
}

fn failed_block() -> Conversation {
    Conversation::new("portals in a failed block")
        .ask("BEGIN", &["Complete BEGIN", "Ready T"])
        .send(
            [parse("", FIVE, &[]), bind_text("a", "", &[]), execute("a", 1), sync()],
            &["ParseComplete", "BindComplete", "Row 1", "PortalSuspended", "Ready T"],
        )
        .ask("SELECT missing", &["ERROR 42703: column \"missing\" does not exist at 8", "Ready E"])
        .send(
            [execute("a", 1), sync()],
            &[
                "ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block",
                "Ready E",
            ],
        )
        .ask("ROLLBACK", &["Complete ROLLBACK", "Ready I"])
}

fn between_two_steps() -> Conversation {
    Conversation::new("a portal sees no later change")
        .ask("CREATE TABLE portal_seen (n integer)", &["Complete CREATE TABLE", "Ready I"])
        .ask("INSERT INTO portal_seen VALUES (1), (2)", &["Complete INSERT 0 2", "Ready I"])
        .send(
            [
                parse("", "SELECT n FROM portal_seen ORDER BY n", &[]),
                bind_text("p", "", &[]),
                execute("p", 1),
                run("INSERT INTO portal_seen VALUES (3)"),
                execute("p", 0),
                run("SELECT count(*) FROM portal_seen"),
                sync(),
            ],
            &[
                "ParseComplete",
                "BindComplete",
                "Row 1",
                "PortalSuspended",
                "ParseComplete",
                "BindComplete",
                "Complete INSERT 0 1",
                "Row 2",
                "Complete SELECT 1",
                "ParseComplete",
                "BindComplete",
                "Row 3",
                "Complete SELECT 1",
                "Ready I",
            ],
        )
}

fn end_with_the_transaction() -> Conversation {
    let gone = ["ERROR 34000: portal \"p\" does not exist", "Ready I"];
    let suspended = ["ParseComplete", "BindComplete", "Row 1", "PortalSuspended"];
    let start = || [parse("", FIVE, &[]), bind_text("p", "", &[]), execute("p", 1)].concat();
    Conversation::new("portals end with their transaction")
        .send([start(), sync()], &[&suspended[..], &["Ready I"]].concat())
        .send([execute("p", 1), sync()], &gone)
        .send(
            [start(), query("SELECT 8 AS n")],
            &[&suspended[..], &["Columns n:23:text", "Row 8", "Complete SELECT 1", "Ready I"]].concat(),
        )
        .send([execute("p", 1), sync()], &gone)
        .send(
            [run("BEGIN"), start(), run("COMMIT"), execute("p", 1), sync()],
            &[
                &["ParseComplete", "BindComplete", "Complete BEGIN"],
                &suspended[..],
                &["ParseComplete", "BindComplete", "Complete COMMIT"],
                &gone,
            ]
            .concat(),
        )
}

fn run_once() -> Conversation {
    Conversation::new("a portal that changes rows runs once")
        .ask("CREATE TABLE portal_once (n integer)", &["Complete CREATE TABLE", "Ready I"])
        .send(
            [
                parse("", "INSERT INTO portal_once VALUES (1)", &[]),
                bind_text("", "", &[]),
                execute("", 0),
                execute("", 0),
                sync(),
            ],
            &[
                "ParseComplete",
                "BindComplete",
                "Complete INSERT 0 1",
                "ERROR 55000: portal \"\" cannot be run",
                "Ready I",
            ],
        )
        .ask(
            "SELECT count(*) FROM portal_once",
            &["Columns count:20:text", "Row 0", "Complete SELECT 1", "Ready I"],
        )
        .send(
            [
                parse("", "INSERT INTO portal_once VALUES (1), (2), (3) RETURNING n", &[]),
                bind_text("", "", &[]),
                execute("", 1),
                execute("", 0),
                sync(),
            ],
            &[
                "ParseComplete",
                "BindComplete",
                "Row 1",
                "PortalSuspended",
                "Row 2",
                "Row 3",
                "Complete INSERT 0 2",
                "Ready I",
            ],
        )
        .ask(
            "SELECT count(*) FROM portal_once",
            &["Columns count:20:text", "Row 3", "Complete SELECT 1", "Ready I"],
        )
}
