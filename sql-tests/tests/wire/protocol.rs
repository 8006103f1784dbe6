//! The protocol as PostgreSQL 15 speaks it: every conversation is held with both servers.

use crate::conversations;
use sql_tests::postgres;
use sql_tests::raw::{self, GSSENC_REQUEST, PROTOCOL_3_0, Raw, SSL_REQUEST};
use sql_tests::wire::TestServer;
use std::net::SocketAddr;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_with_nyala() {
    let server = TestServer::start().await.unwrap();
    conversations::hold_all(server.address).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conversations_with_postgres() {
    let server = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    conversations::hold_all(server.address()).await;
}

const AS_POSTGRES: [(&str, &str); 2] = [("user", "postgres"), ("database", "postgres")];

async fn refused_encryption_then_session(address: SocketAddr, request: u32) {
    let mut raw = Raw::connect(address).await.unwrap();
    raw.send(&raw::request(request)).await.unwrap();
    assert_eq!(raw.byte().await.unwrap(), Some(b'N'));
    raw.send(&raw::startup(PROTOCOL_3_0, &AS_POSTGRES)).await.unwrap();
    raw.until_ready().await.unwrap();
    assert_eq!(raw.ask("").await.unwrap(), ["EmptyQuery", "Ready I"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encryption_requests_are_refused_and_the_session_goes_on() {
    let server = TestServer::start().await.unwrap();
    refused_encryption_then_session(server.address, SSL_REQUEST).await;
    refused_encryption_then_session(server.address, GSSENC_REQUEST).await;
    let mut raw = Raw::connect(server.address).await.unwrap();
    for request in [GSSENC_REQUEST, SSL_REQUEST] {
        raw.send(&raw::request(request)).await.unwrap();
        assert_eq!(raw.byte().await.unwrap(), Some(b'N'));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bytes_behind_an_encryption_request_end_the_connection() {
    let server = TestServer::start().await.unwrap();
    for request in [SSL_REQUEST, GSSENC_REQUEST] {
        let mut raw = Raw::connect(server.address).await.unwrap();
        let packets = [raw::request(request), raw::startup(PROTOCOL_3_0, &AS_POSTGRES)].concat();
        raw.send(&packets).await.unwrap();
        let replies = raw::shown(&raw.until_closed().await.unwrap());
        assert_eq!(replies, ["FATAL 08P01: received unencrypted data after an encryption request"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_are_negotiated_as_by_postgres() {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    let packets = [
        raw::startup(PROTOCOL_3_0 + 2, &AS_POSTGRES),
        raw::startup(
            PROTOCOL_3_0,
            &[&AS_POSTGRES[..], &[("_pq_.colour", "red"), ("_pq_.size", "1")]].concat(),
        ),
        raw::startup(PROTOCOL_3_0, &AS_POSTGRES),
        raw::startup(4 << 16, &AS_POSTGRES),
    ];
    for packet in &packets {
        let mut answers = Vec::new();
        for address in [server.address, peer.address()] {
            let mut raw = Raw::connect(address).await.unwrap();
            raw.send(packet).await.unwrap();
            answers.push(raw.reply().await.unwrap().map(|r| r.to_string()));
        }
        assert_eq!(answers[0], answers[1]);
    }
    let mut raw = Raw::connect(server.address).await.unwrap();
    raw.send(&packets[0]).await.unwrap();
    let first = raw.reply().await.unwrap().unwrap();
    assert_eq!(first.to_string(), "NegotiateProtocolVersion 196608 []");
    raw.until_ready().await.unwrap();
    assert_eq!(raw.ask("").await.unwrap(), ["EmptyQuery", "Ready I"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_greeting_tells_what_clients_rely_on() {
    let server = TestServer::start().await.unwrap();
    let (_session, greeting) = Raw::session(server.address).await.unwrap();
    let greeting = raw::shown(&greeting);
    assert_eq!(greeting.first().map(String::as_str), Some("Authentication 0"));
    assert_eq!(&greeting[greeting.len() - 2..], ["BackendKeyData", "Ready I"]);
    for expected in [
        "client_encoding=UTF8",
        "server_encoding=UTF8",
        "DateStyle=ISO, MDY",
        "TimeZone=UTC",
        "IntervalStyle=postgres",
        "integer_datetimes=on",
        "standard_conforming_strings=on",
        "session_authorization=postgres",
        "is_superuser=on",
        "application_name=",
    ] {
        let expected = format!("ParameterStatus {expected}");
        assert!(greeting.contains(&expected), "no {expected} in {greeting:#?}");
    }
    assert!(
        greeting.iter().any(|line| line.starts_with("ParameterStatus server_version=15.")),
        "{greeting:#?}"
    );
}

/// The names of the parameters that are reported are those of PostgreSQL 15.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_greeting_has_the_parameters_of_postgres() {
    let server = TestServer::start().await.unwrap();
    let peer = postgres::Server::start().expect("PostgreSQL 15 runs here; ./test installs it");
    let mut names = Vec::new();
    for address in [server.address, peer.address()] {
        let (_session, greeting) = Raw::session(address).await.unwrap();
        let mut of_one: Vec<String> = raw::shown(&greeting)
            .iter()
            .filter_map(|line| Some(line.strip_prefix("ParameterStatus ")?.split_once('=')?.0.to_owned()))
            .collect();
        of_one.sort();
        names.push(of_one);
    }
    assert_eq!(names[0], names[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_of_the_startup_packet_hold() {
    let server = TestServer::start().await.unwrap();
    let settings = [("application_name", "raw"), ("options", "-c search_path=a\\,b --statement-timeout=5s")];
    let mut raw = Raw::connect(server.address).await.unwrap();
    raw.send(&raw::startup(PROTOCOL_3_0, &[&AS_POSTGRES[..], &settings].concat())).await.unwrap();
    let greeting = raw::shown(&raw.until_ready().await.unwrap());
    assert!(greeting.contains(&"ParameterStatus application_name=raw".to_owned()), "{greeting:#?}");
    assert_eq!(raw.ask("SHOW search_path").await.unwrap()[1], "Row a,b");
    assert_eq!(raw.ask("SHOW statement_timeout").await.unwrap()[1], "Row 5s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_does_not_exist_is_fatal() {
    let server = TestServer::start().await.unwrap();
    let mut raw = Raw::connect(server.address).await.unwrap();
    raw.send(&raw::startup(PROTOCOL_3_0, &[("user", "postgres"), ("database", "nowhere")])).await.unwrap();
    let replies = raw::shown(&raw.until_closed().await.unwrap());
    assert_eq!(replies.last().map(String::as_str), Some("FATAL 3D000: database \"nowhere\" does not exist"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_connections_are_refused_until_one_ends() {
    let server = TestServer::start().await.unwrap();
    let most = server.database.settings().unwrap().connections_max;
    let mut sessions = Vec::new();
    for _ in 0..most {
        sessions.push(Raw::session(server.address).await.unwrap().0);
    }
    let mut raw = Raw::connect(server.address).await.unwrap();
    raw.send(&raw::startup(PROTOCOL_3_0, &AS_POSTGRES)).await.unwrap();
    let replies = raw::shown(&raw.until_closed().await.unwrap());
    assert_eq!(replies, ["FATAL 53300: sorry, too many clients already"]);
    let mut leaving = sessions.pop().unwrap();
    leaving.send(&raw::terminate()).await.unwrap();
    leaving.until_closed().await.unwrap();
    assert!(Raw::session(server.address).await.is_ok());
}

/// Clients that leave while their statements look for more rows: the statements went on, held their sessions, and kept
/// the threads of all queries.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_leaves_ends_its_statement() {
    let server = TestServer::start().await.unwrap();
    let most = server.database.settings().unwrap().connections_max;
    // A hundred rows fill the buffer of replies once and a half.
    let endless = "SELECT repeat('x', 1000) AS x FROM generate_series(1, 100) UNION ALL \
                   SELECT 'y' FROM generate_series(1, 9223372036854775807) AS g WHERE g < 0";
    for _ in 0..most {
        let (mut session, _) = Raw::session(server.address).await.unwrap();
        session.send(&raw::query(endless)).await.unwrap();
        // Once the first rows are there it looks for others, in vain, and has nothing to write.
        for _ in 0..50 {
            session.reply().await.unwrap().unwrap();
        }
    }
    // Every place was taken; a new session finds one once the statements have ended.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    let mut session = loop {
        match Raw::session(server.address).await {
            Ok((session, _)) => break session,
            Err(error) => assert!(tokio::time::Instant::now() < deadline, "{error}"),
        }
    };
    assert!(session.ask("SELECT 1").await.unwrap().contains(&"Row 1".to_owned()));
}

const LONG: &str =
    "SELECT count(*) FROM numbers a, numbers b, numbers c, numbers d WHERE (a.n + b.n + c.n + d.n) % 7 = 3";

/// A session in which `LONG` takes minutes, with its cancel key.
async fn busy_session(server: &TestServer) -> (Raw, Vec<u8>) {
    let (mut session, greeting) = Raw::session(server.address).await.unwrap();
    let key = greeting.iter().find(|r| r.tag == b'K').unwrap().body.clone();
    session.ask("CREATE TABLE numbers (n integer PRIMARY KEY)").await.unwrap();
    let values: Vec<String> = (0..400).map(|n| format!("({n})")).collect();
    session.ask(&format!("INSERT INTO numbers VALUES {}", values.join(", "))).await.unwrap();
    (session, key)
}

async fn send_cancel(server: &TestServer, key: &[u8]) {
    let mut raw = Raw::connect(server.address).await.unwrap();
    raw.send(&raw::cancel(key)).await.unwrap();
    assert_eq!(raw.until_closed().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_statement_is_cancelled_with_the_right_key_only() {
    let server = TestServer::start().await.unwrap();
    let (mut session, key) = busy_session(&server).await;
    // Nothing runs: no later statement may feel it.
    send_cancel(&server, &key).await;
    assert_eq!(session.ask("SELECT 1").await.unwrap()[1], "Row 1");
    session.send(&raw::query(LONG)).await.unwrap();
    let mut wrong = key.clone();
    *wrong.last_mut().unwrap() ^= 1;
    send_cancel(&server, &wrong).await;
    send_cancel(&server, &key[..3]).await;
    {
        let waiting = tokio::time::timeout(std::time::Duration::from_millis(300), session.reply()).await;
        // The description of the result may come before it.
        if let Ok(reply) = waiting {
            assert_eq!(reply.unwrap().unwrap().tag, b'T');
        }
    }
    send_cancel(&server, &key).await;
    let replies = raw::shown(&session.until_ready().await.unwrap());
    let expected = ["ERROR 57014: canceling statement due to user request", "Ready I"];
    assert!(replies.ends_with(&expected.map(str::to_owned)), "{replies:?}");
    assert_eq!(session.ask("SELECT 2").await.unwrap()[1], "Row 2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_ends_with_its_time_and_with_its_client() {
    let mut server = TestServer::start().await.unwrap();
    let (mut session, _) = busy_session(&server).await;
    session.ask("SET statement_timeout = 100").await.unwrap();
    let replies = session.ask(LONG).await.unwrap();
    let expected = ["ERROR 57014: canceling statement due to statement timeout", "Ready I"];
    assert!(replies.ends_with(&expected.map(str::to_owned)), "{replies:?}");
    session.ask("SET statement_timeout = 0").await.unwrap();
    session.send(&raw::query(LONG)).await.unwrap();
    drop(session);
    // Without the client's going the statement would keep the server from ending.
    server.stop().await.unwrap();
}

/// Whatever clients do meanwhile, the server ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_every_kind_of_connection() {
    let mut server = TestServer::start().await.unwrap();
    let (mut busy, _) = busy_session(&server).await;
    busy.send(&raw::query(LONG)).await.unwrap();
    let (mut idle, _) = Raw::session(server.address).await.unwrap();
    let (mut copying, _) = Raw::session(server.address).await.unwrap();
    copying.send(&raw::query("COPY numbers FROM STDIN")).await.unwrap();
    assert_eq!(copying.reply().await.unwrap().unwrap().tag, b'G');
    copying.send(&raw::copy_data(b"1000\n10")).await.unwrap();
    let (mut deaf, _) = Raw::session(server.address).await.unwrap();
    let much = "SELECT repeat('x', 100000) FROM numbers a, numbers b";
    deaf.send(&raw::query(much)).await.unwrap();
    assert_eq!(deaf.reply().await.unwrap().unwrap().tag, b'T');
    let mut starting = Raw::connect(server.address).await.unwrap();
    starting.send(&[0, 0]).await.unwrap();
    server.stop().await.unwrap();
    let goodbye = "FATAL 57P01: terminating connection due to administrator command".to_owned();
    assert_eq!(raw::shown(&idle.until_closed().await.unwrap()), std::slice::from_ref(&goodbye));
    for session in [&mut busy, &mut copying] {
        let replies = raw::shown(&session.until_closed().await.unwrap());
        assert_eq!(replies.last(), Some(&goodbye), "{replies:?}");
    }
    assert_eq!(starting.until_closed().await.unwrap(), []);
}
