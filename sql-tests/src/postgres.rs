//! A PostgreSQL 15 of its own, to compare with: UTF-8, C collation, UTC, on a free loopback port.
//!
//! Invariant: the server it started ends with the value, and only that one.

use crate::embedded::output;
use crate::failure::Failure;
use crate::wire::{answer, failure};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;
use tokio_postgres::{Client, Config, NoTls};

/// Where Debian puts it.
const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// Whether PostgreSQL 15 is installed; `./test` installs it.
pub fn is_installed() -> bool {
    Path::new(BINARIES).join("postgres").exists()
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    directory: TempDir,
    port: u16,
}

impl Server {
    pub fn start() -> Result<Self, Failure> {
        let directory = tempfile::tempdir().map_err(|e| failed("create a directory", &e))?;
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|e| failed("find a free port", &e))?;
        let port = listener.local_addr().map_err(|e| failed("find a free port", &e))?.port();
        drop(listener);
        let server = Self { directory, port };
        if is_root() {
            // PostgreSQL refuses to run as root; its package made a user for it.
            run("chown", &["postgres", &server.directory.path().to_string_lossy()])?;
        }
        let data = server.data().to_string_lossy().into_owned();
        let encoding = ["--encoding=UTF8", "--locale=C", "--auth=trust", "--username=postgres", "--no-sync"];
        server.tool("initdb", &[&["-D", &data], &encoding[..]].concat())?;
        let options = format!(
            "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c timezone=UTC"
        );
        let log = server.directory.path().join("log").to_string_lossy().into_owned();
        server.tool("pg_ctl", &["-D", &data, "-o", &options, "-l", &log, "-w", "start"])?;
        Ok(server)
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn tool(&self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        let program = Path::new(BINARIES).join(name).to_string_lossy().into_owned();
        if is_root() {
            let all = [&["-u", "postgres", "--", program.as_str()], arguments].concat();
            run("runuser", &all)
        } else {
            run(&program, arguments)
        }
    }

    pub async fn client(&self) -> Result<Client, Failure> {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user("postgres").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await.map_err(|e| failure(&e))?;
        tokio::spawn(async move {
            // Its failure shows in the client's next call.
            let _ended = connection.await;
        });
        Ok(client)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.data().to_string_lossy().into_owned();
        // The directory goes away either way.
        let _ignored = self.tool("pg_ctl", &["-D", &data, "-m", "immediate", "stop"]);
    }
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), Failure> {
    // pg_ctl leaves the server behind with the pipes it inherited: output goes to a file.
    let log = tempfile::tempfile().map_err(|e| failed("create a log", &e))?;
    let error_log = log.try_clone().map_err(|e| failed("create a log", &e))?;
    let status = Command::new(program)
        .args(arguments)
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .stdout(log)
        .stderr(error_log)
        .status()
        .map_err(|e| failed(program, &e))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new("", format!("{program} {arguments:?}: {status}")))
    }
}

fn failed(doing: &str, error: &std::io::Error) -> Failure {
    Failure::new("", format!("could not {doing}: {error}"))
}

/// A client of a server of its own, for .slt files.
pub struct Postgres {
    server: Option<Server>,
    client: Client,
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Postgres {
    pub async fn start() -> Result<Self, Failure> {
        let server = Server::start()?;
        let client = server.client().await?;
        Ok(Self { server: Some(server), client })
    }
}

#[async_trait::async_trait]
impl AsyncDB for Postgres {
    type Error = Failure;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, Failure> {
        let messages = self.client.simple_query(sql).await.map_err(|e| failure(&e))?;
        Ok(output(answer(&messages)))
    }

    async fn shutdown(&mut self) {
        self.server = None;
    }

    fn engine_name(&self) -> &str {
        "postgres"
    }

    fn error_sql_state(error: &Failure) -> Option<String> {
        Some(error.code.clone())
    }
}
