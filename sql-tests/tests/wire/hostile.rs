//! Bytes that no client would send: an error or the end of the connection, never a hang, and never harm to others.

use sql_tests::raw::{self, PROTOCOL_3_0, Raw, Values};
use sql_tests::wire::TestServer;
use std::net::SocketAddr;

/// The server still takes a new connection and answers it.
async fn lives(address: SocketAddr) {
    let (mut session, _) = Raw::session(address).await.unwrap();
    assert_eq!(session.ask("SELECT 1").await.unwrap()[1], "Row 1");
}

/// Sends bytes on a new connection and nothing more; what is answered until it closes.
async fn last_words(address: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let mut raw = Raw::connect(address).await.unwrap();
    raw.send(bytes).await.unwrap();
    raw.end_sending().await.unwrap();
    raw::shown(&raw.until_closed().await.unwrap())
}

/// Sends bytes in a session and nothing more; what is answered until it closes.
async fn last_words_of_a_session(address: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let (mut session, _) = Raw::session(address).await.unwrap();
    // The server may have closed the connection before it has taken all.
    let _sent = session.send(bytes).await;
    let _ended = session.end_sending().await;
    raw::shown(&session.until_closed().await.unwrap())
}

fn packet(body: &[u8]) -> Vec<u8> {
    raw::sized(&[&PROTOCOL_3_0.to_be_bytes()[..], body].concat())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_startup_packets_are_refused_at_once() {
    let server = TestServer::start().await.unwrap();
    let length = "FATAL 08P01: invalid length of startup packet";
    let layout = "FATAL 08P01: invalid startup packet layout: expected terminator as last byte";
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("length 0", vec![0; 4], length),
        ("length 7", vec![0, 0, 0, 7], length),
        ("negative length", vec![0xff; 8], length),
        ("too long", vec![0, 0, 0x27, 0x11], length),
        ("empty", packet(b""), layout),
        ("no terminator", packet(b"user\0postgres"), layout),
        ("no terminator of the list", packet(b"user\0postgres\0"), layout),
        ("no user", packet(b"\0"), "FATAL 28000: no PostgreSQL user name specified in startup packet"),
        (
            "not UTF-8",
            packet(b"user\0a\xff\0\0"),
            "FATAL 22021: invalid byte sequence for encoding \"UTF8\": 0xff",
        ),
    ];
    for (what, bytes, expected) in cases {
        let mut raw = Raw::connect(server.address).await.unwrap();
        raw.send(&bytes).await.unwrap();
        // The client keeps its side open: the server must not wait for more.
        assert_eq!(raw::shown(&raw.until_closed().await.unwrap()), [expected], "{what}");
    }
    lives(server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn startup_packets_cut_at_every_byte_end_the_connection() {
    let server = TestServer::start().await.unwrap();
    let whole = raw::startup(PROTOCOL_3_0, &[("user", "postgres"), ("database", "postgres")]);
    for len in 0..whole.len() {
        assert_eq!(last_words(server.address, &whole[..len]).await, [""; 0], "cut at {len}");
    }
    let whole = raw::cancel(&[0; 8]);
    for len in 0..=whole.len() {
        assert_eq!(last_words(server.address, &whole[..len]).await, [""; 0], "cut at {len}");
    }
    lives(server.address).await;
}

/// One sound message of each type.
fn every_message() -> Vec<Vec<u8>> {
    let values = Values { formats: &[1, 0], parameters: &[Some(b"\0\0\0\x01"), None], results: &[1] };
    vec![
        raw::query("SELECT 1"),
        raw::parse("s", "SELECT $1::integer, $2::text", &[23, 25]),
        raw::bind("p", "s", values),
        raw::describe_statement("s"),
        raw::describe_portal("p"),
        raw::execute("p", 1),
        raw::close_statement("s"),
        raw::close_portal("p"),
        raw::flush(),
        raw::sync(),
        raw::copy_data(b"1\n"),
        raw::copy_done(),
        raw::copy_fail("no"),
        raw::message(b'p', b"secret\0"),
        raw::message(b'F', &[0; 12]),
        raw::terminate(),
    ]
}

/// The client goes away in the middle of a message: nobody is left to tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_cut_at_every_byte_end_the_connection() {
    let server = TestServer::start().await.unwrap();
    for whole in every_message() {
        for len in 0..whole.len() {
            let words = last_words_of_a_session(server.address, &whole[..len]).await;
            assert_eq!(words, [""; 0], "{:?} cut at {len}", char::from(whole[0]));
        }
    }
    lives(server.address).await;
}

/// The body ends early and its length says so: the statement fails, or, where it is sound so, is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_cut_at_every_byte_are_answered() {
    let server = TestServer::start().await.unwrap();
    for whole in every_message() {
        let (tag, body) = (whole[0], &whole[5..]);
        for len in 0..body.len() {
            let (mut session, _) = Raw::session(server.address).await.unwrap();
            let sound = [raw::parse("s", "SELECT $1::integer, $2::text", &[]), raw::sync()].concat();
            session.send(&sound).await.unwrap();
            session.until_ready().await.unwrap();
            session.send(&[raw::message(tag, &body[..len]), raw::sync()].concat()).await.unwrap();
            session.end_sending().await.unwrap();
            let words = raw::shown(&session.until_closed().await.unwrap());
            let ready = words.last().is_some_and(|last| last == "Ready I");
            let ended = words.last().is_some_and(|last| last.starts_with("FATAL"));
            assert!(ready || ended || tag == b'X', "{:?} cut at {len}: {words:?}", char::from(tag));
        }
    }
    lives(server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_lengths_end_the_connection() {
    let server = TestServer::start().await.unwrap();
    for whole in every_message() {
        for len in [0_u32, 1, 3, 0x8000_0000, u32::MAX, u32::MAX - 1] {
            let bytes = [&whole[..1], &len.to_be_bytes(), &whole[5..]].concat();
            let words = last_words_of_a_session(server.address, &bytes).await;
            assert_eq!(words, ["FATAL 08P01: invalid message length"], "{:?} of {len}", char::from(whole[0]));
        }
        // Above the limit: refused before it arrives.
        let bytes = [&whole[..1], &0x7fff_ffff_u32.to_be_bytes()].concat();
        let (mut session, _) = Raw::session(server.address).await.unwrap();
        session.send(&bytes).await.unwrap();
        let words = raw::shown(&session.until_closed().await.unwrap());
        assert!(
            words.len() == 1 && words[0].starts_with("FATAL 54000: message of 2147483643 bytes"),
            "{words:?}"
        );
    }
    lives(server.address).await;
}

/// Also in the middle of COPY, where an error of the data would leave the session alive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_lengths_within_a_copy_end_the_connection() {
    let server = TestServer::start().await.unwrap();
    let (mut session, _) = Raw::session(server.address).await.unwrap();
    session.ask("CREATE TABLE t (a integer)").await.unwrap();
    session.send(&raw::query("COPY t FROM STDIN")).await.unwrap();
    session.send(&raw::copy_data(b"1\n")).await.unwrap();
    session.send(&[b'd', 0, 0, 0, 0, b'Q', 0, 0, 0, 4]).await.unwrap();
    let words = raw::shown(&session.until_closed().await.unwrap());
    assert!(words.iter().all(|w| !w.starts_with("Complete")), "{words:?}");
    lives(server.address).await;
    let (mut session, _) = Raw::session(server.address).await.unwrap();
    assert_eq!(session.ask("SELECT count(*) FROM t").await.unwrap()[1], "Row 0");
}

/// A client that leaves within a COPY, or sends something else, leaves no rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_that_is_not_ended_leaves_nothing() {
    let server = TestServer::start().await.unwrap();
    let (mut other, _) = Raw::session(server.address).await.unwrap();
    other.ask("CREATE TABLE t (a integer)").await.unwrap();
    let begun = [raw::query("COPY t FROM STDIN"), raw::copy_data(b"1\n2\n3")].concat();
    let (mut leaving, _) = Raw::session(server.address).await.unwrap();
    leaving.send(&begun).await.unwrap();
    drop(leaving);
    let (mut session, _) = Raw::session(server.address).await.unwrap();
    session.send(&[begun, raw::query("SELECT 1")].concat()).await.unwrap();
    let words = raw::shown(&session.until_ready().await.unwrap());
    let unexpected = "ERROR 08P01: unexpected message type 0x51 during COPY from stdin";
    assert!(
        words.last_chunk().is_some_and(|[error, ready]| error.starts_with(unexpected) && ready == "Ready I"),
        "{words:?}"
    );
    assert_eq!(other.ask("SELECT count(*) FROM t").await.unwrap()[1], "Row 0");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_types_of_messages_end_the_connection_at_once() {
    let server = TestServer::start().await.unwrap();
    let known: Vec<u8> = every_message().iter().map(|m| m[0]).collect();
    for tag in (0..=255).filter(|tag| !known.contains(tag)) {
        let (mut session, _) = Raw::session(server.address).await.unwrap();
        // A length that would never arrive: the type alone must end it.
        session.send(&[tag, 0, 1, 0, 0]).await.unwrap();
        let words = raw::shown(&session.until_closed().await.unwrap());
        assert_eq!(words, [format!("FATAL 08P01: invalid frontend message type {tag}")]);
    }
    lives(server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn obsolete_and_unasked_messages_are_refused() {
    let server = TestServer::start().await.unwrap();
    let (mut session, _) = Raw::session(server.address).await.unwrap();
    session.send(&raw::message(b'F', &[0; 12])).await.unwrap();
    let words = raw::shown(&session.until_ready().await.unwrap());
    assert_eq!(words, ["ERROR 0A000: function call messages are not supported", "Ready I"]);
    session.send(&raw::message(b'p', b"secret\0")).await.unwrap();
    let words = raw::shown(&session.until_closed().await.unwrap());
    assert_eq!(words, ["FATAL 08P01: unexpected password message"]);
    let values = Values { formats: &[2], parameters: &[], results: &[] };
    let bytes = [raw::parse("", "SELECT 1", &[]), raw::bind("", "", values), raw::sync()].concat();
    let words = last_words_of_a_session(server.address, &bytes).await;
    assert_eq!(words, ["ParseComplete", "ERROR 22023: unsupported format code: 2", "Ready I"]);
}

/// Every bit of a pipeline flipped in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits_never_hang() {
    let server = TestServer::start().await.unwrap();
    let values = Values { formats: &[0], parameters: &[Some(b"1")], results: &[] };
    let pipeline = [
        raw::parse("", "SELECT $1::integer", &[]),
        raw::bind("", "", values),
        raw::execute("", 0),
        raw::sync(),
    ]
    .concat();
    for bit in 0..pipeline.len() * 8 {
        let mut bytes = pipeline.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let words = last_words_of_a_session(server.address, &bytes).await;
        assert!(words.iter().all(|w| !w.contains("XX000")), "bit {bit}: {words:?}");
    }
    lives(server.address).await;
}
