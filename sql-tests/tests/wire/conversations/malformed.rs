//! Messages whose frames are sound and whose bodies are not: an error, and the session goes on.

use super::{Conversation, run};
use sql_tests::raw::{copy_data, copy_done, copy_fail, message, parse, sync};

pub(super) fn all() -> Vec<Conversation> {
    vec![queries(), extended(), stray_copy_messages()]
}

const ONE: [&str; 4] = ["Columns n:23:text", "Row 1", "Complete SELECT 1", "Ready I"];

fn queries() -> Conversation {
    Conversation::new("malformed queries")
        .send([message(b'Q', b"SELECT 1")], &["ERROR 08P01: invalid string in message", "Ready I"])
        .send([message(b'Q', b"")], &["ERROR 08P01: invalid string in message", "Ready I"])
        .send([message(b'Q', b"SELECT 1\0x")], &["ERROR 08P01: invalid message format", "Ready I"])
        .send(
            [message(b'Q', b"SELECT '\xff'\0")],
            &["ERROR 22021: invalid byte sequence for encoding \"UTF8\": 0xff", "Ready I"],
        )
        .send([message(b'S', b"x")], &["ERROR 08P01: invalid message format", "Ready I"])
        .ask("SELECT 1 AS n", &ONE)
        .ask("BEGIN", &["Complete BEGIN", "Ready T"])
        .send([message(b'Q', b"SELECT 1")], &["ERROR 08P01: invalid string in message", "Ready E"])
        .ask("ROLLBACK", &["Complete ROLLBACK", "Ready I"])
}

fn extended() -> Conversation {
    let short = ["ERROR 08P01: insufficient data left in message", "Ready I"];
    let short_bind = ["ParseComplete", "ERROR 08P01: insufficient data left in message", "Ready I"];
    let one = || parse("", "SELECT $1::integer", &[]);
    Conversation::new("malformed messages of the extended protocol")
        .send([message(b'P', b"\0SELECT 1\0\0"), run("SELECT 2"), sync()], &short)
        .send([message(b'P', b"\0SELECT 1\0\0\x02\0\0\0\0"), sync()], &short)
        .send([message(b'P', b"\0SELECT 1"), sync()], &["ERROR 08P01: invalid string in message", "Ready I"])
        .send([one(), message(b'B', b"\0\0\xff\xff"), sync()], &short_bind)
        .send([message(b'E', b"\0\0\0"), sync()], &short)
        .send([message(b'D', b""), sync()], &["ERROR 08P01: no data left in message", "Ready I"])
        .send(
            [message(b'D', b"X\0"), sync()],
            &["ERROR 08P01: invalid DESCRIBE message subtype 88", "Ready I"],
        )
        .send([message(b'C', b"X\0"), sync()], &["ERROR 08P01: invalid CLOSE message subtype 88", "Ready I"])
        .send(
            [message(b'H', b"x"), run("SELECT 3"), sync()],
            &["ERROR 08P01: invalid message format", "Ready I"],
        )
        .ask("SELECT 1 AS n", &ONE)
}

/// Left over from a COPY that failed before the client heard of it.
fn stray_copy_messages() -> Conversation {
    Conversation::new("COPY messages outside of COPY")
        .send([copy_data(b"1\n"), copy_done(), copy_fail("no"), sync()], &["Ready I"])
        .send([message(b'f', b"without terminator"), sync()], &["Ready I"])
        .ask("SELECT 1 AS n", &ONE)
}
