//! A PostgreSQL 15 of the test's own: UTF-8, C collation, UTC, on a free loopback port.
//!
//! Invariant: the server it started ends with the value, and only that one.

use super::Answer;
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::runtime::Handle;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

/// Where Debian puts it.
const BINARIES: &str = "/usr/lib/postgresql/15/bin";
/// Expressions per round trip.
const CHUNK: usize = 2_000;
/// Evaluates an expression: `v` and its text, `n` for null, `e` and the SQLSTATE.
const ANSWER: &str = "CREATE FUNCTION pg_temp.answer(e text) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE t text; n boolean;
    BEGIN
        EXECUTE 'SELECT format(''%s'', x), x IS NULL FROM (SELECT ' || e || ' AS x OFFSET 0) q' INTO t, n;
        RETURN CASE WHEN n THEN 'n' ELSE 'v' || t END;
    EXCEPTION WHEN OTHERS THEN
        RETURN 'e' || SQLSTATE;
    END $$";

pub(crate) struct Postgres {
    directory: TempDir,
    client: Client,
}

impl Postgres {
    pub(crate) async fn start(handle: &Handle) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if is_root() {
            // PostgreSQL refuses to run as root; its package made a user for it.
            run("chown", &["postgres", &directory.path().to_string_lossy()]);
        }
        let data = directory.path().join("data").to_string_lossy().into_owned();
        let log = directory.path().join("log").to_string_lossy().into_owned();
        let form = ["--encoding=UTF8", "--locale=C", "--auth=trust", "--username=postgres", "--no-sync"];
        tool("initdb", &[&["-D", &data], &form[..]].concat());
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c timezone=UTC"
        );
        tool("pg_ctl", &["-D", &data, "-o", &options, "-l", &log, "-w", "start"]);
        let mut config = Config::new();
        config.host("127.0.0.1").port(port).user("postgres").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.unwrap();
        // Its failure shows in the client's next call.
        handle.spawn(connection);
        client.batch_execute(ANSWER).await.unwrap();
        Self { directory, client }
    }

    /// Runs a statement for its effect.
    pub(crate) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    /// The rows of a query, or its SQLSTATE.
    pub(crate) async fn rows(&self, sql: &str) -> Result<Vec<Vec<Answer>>, String> {
        let messages = match self.client.simple_query(sql).await {
            Ok(messages) => messages,
            Err(error) => {
                return Err(error.code().map_or_else(|| error.to_string(), |c| c.code().to_owned()));
            }
        };
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        let cell = |value: Option<&str>| value.map_or(Answer::Null, |v| Answer::Value(v.to_owned()));
        Ok(rows.map(|row| (0..row.len()).map(|index| cell(row.get(index))).collect()).collect())
    }

    /// One answer per expression.
    pub(crate) async fn answers(&self, expressions: &[String]) -> Vec<Answer> {
        let sql = "SELECT pg_temp.answer(e) FROM unnest($1::text[]) WITH ORDINALITY u(e, i) ORDER BY i";
        let mut answers = Vec::with_capacity(expressions.len());
        for chunk in expressions.chunks(CHUNK) {
            for row in self.client.query(sql, &[&chunk]).await.unwrap() {
                let text: String = row.get(0);
                let (kind, rest) = text.split_at(1);
                answers.push(match kind {
                    "v" => Answer::Value(rest.to_owned()),
                    "n" => Answer::Null,
                    _ => Answer::Error(rest.to_owned()),
                });
            }
        }
        assert_eq!(answers.len(), expressions.len());
        answers
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        tool(
            "pg_ctl",
            &["-D", &self.directory.path().join("data").to_string_lossy(), "-m", "immediate", "stop"],
        );
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

fn tool(name: &str, arguments: &[&str]) {
    let program = Path::new(BINARIES).join(name).to_string_lossy().into_owned();
    if is_root() {
        run("runuser", &[&["-u", "postgres", "--", &program], arguments].concat());
    } else {
        run(&program, arguments);
    }
}

fn run(program: &str, arguments: &[&str]) {
    // The server started here would keep inherited pipes open.
    let status = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{program} {arguments:?}: {status}");
}
