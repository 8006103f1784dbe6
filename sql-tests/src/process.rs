//! The program `nyala` as a process of its own, for tests that kill it, and connections to it.
//!
//! Invariant: the process ends with the value, and only that one.

use crate::volume::Volume;
use std::io::{BufRead, BufReader, Error, Read, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};
use tokio_postgres::{Client, Config, NoTls};

/// Where cargo puts the program: next to the directory of the test programs.
pub fn binary() -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let path =
        this.parent().and_then(Path::parent).map(|directory| directory.join("nyala")).unwrap_or_default();
    if path.is_file() {
        return Ok(path);
    }
    let message = format!("there is no program {}: build it with `cargo build -p server`", path.display());
    Err(Error::new(std::io::ErrorKind::NotFound, message))
}

/// `nyala check` of a data directory that no server has open.
pub fn check(data: &Path) -> Result<Output> {
    check_by(Command::new(binary()?), data)
}

/// The same of a directory on a volume.
pub fn check_on(volume: &Volume, data: &Path) -> Result<Output> {
    check_by(volume.command(&binary()?), data)
}

fn check_by(mut command: Command, data: &Path) -> Result<Output> {
    command.arg("check").arg("--data").arg(data).output()
}

/// What a server says that does not start. One that starts is an error.
pub fn refusal(data: &Path) -> Result<Output> {
    let mut child = serve(&mut Command::new(binary()?), data, &[]).stderr(Stdio::piped()).spawn()?;
    let mut first = [0];
    let started = child.stdout.as_mut().map_or(Ok(0), |output| output.read(&mut first))? > 0;
    if started {
        child.kill()?;
    }
    let output = child.wait_with_output()?;
    if started { Err(Error::other("the server started")) } else { Ok(output) }
}

fn serve<'c>(command: &'c mut Command, data: &Path, settings: &[(&str, &str)]) -> &'c mut Command {
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data)
        .envs(settings.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
}

/// A client of a server.
pub async fn connect(address: SocketAddr) -> std::result::Result<Client, tokio_postgres::Error> {
    let mut config = Config::new();
    config.host(address.ip().to_string()).port(address.port()).user("postgres").dbname("postgres");
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(async move {
        // Its failure shows in the client's next call.
        let _ended = connection.await;
    });
    Ok(client)
}

/// A call of a server that makes something durable.
#[derive(Clone, Copy, Debug)]
pub struct SyncCall {
    /// `fdatasync` for the bytes of files, `fsync` for names in directories: the seam to files makes no others.
    pub call: &'static str,
    /// From 1; each thread counts its own.
    pub number: u64,
}

/// A running server.
#[derive(Debug)]
pub struct Process {
    /// Guards the handle for the time of a signal.
    child: Mutex<Child>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts it on a free port with `settings` in its environment and does not wait until it listens.
    pub fn launch(data: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start(&mut Command::new(binary()?), data, settings)
    }

    /// The same, with data on a volume.
    pub fn launch_on(volume: &Volume, data: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        Self::start(&mut volume.command(&binary()?), data, settings)
    }

    /// The same, under a tracer that ends it with SIGKILL when it comes to a sync; the sync does not happen. The tracer
    /// is no parent of the server, so that signals and `wait` go to the server itself.
    pub fn launch_until_sync(data: &Path, settings: &[(&str, &str)], sync: SyncCall) -> Result<Self> {
        let SyncCall { call, number } = sync;
        let mut command = Command::new("strace");
        command
            .args(["-D", "-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e"])
            .arg(format!("inject={call}:signal=SIGKILL:when={number}"))
            .arg(binary()?);
        Self::start(&mut command, data, settings).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => Error::new(e.kind(), "install strace; ./test does it"),
            _ => e,
        })
    }

    fn start(command: &mut Command, data: &Path, settings: &[(&str, &str)]) -> Result<Self> {
        let mut child = serve(command, data, settings).spawn()?;
        let output = child.stdout.take().ok_or_else(|| Error::other("the server has no standard output"))?;
        Ok(Self { child: Mutex::new(child), output: BufReader::new(output) })
    }

    /// Waits until it listens; where.
    pub fn ready(&mut self) -> Result<SocketAddr> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let address = line.rsplit(' ').next().and_then(|word| word.trim().parse().ok());
        address.ok_or_else(|| Error::other(format!("the server did not start, it said {line:?}")))
    }

    /// SIGKILL. Returns when the signal was sent, perhaps before the process is gone.
    pub fn kill(&self) -> Result<()> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).kill()
    }

    /// SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        let id = self.child.lock().unwrap_or_else(PoisonError::into_inner).id();
        let status = Command::new("kill").args(["-TERM", &id.to_string()]).status()?;
        if status.success() { Ok(()) } else { Err(Error::other(format!("kill -TERM {id}: {status}"))) }
    }

    /// Waits until the process is gone.
    pub fn wait(&self) -> Result<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either it is gone already or it is ended now.
        let _gone = self.kill();
        let _gone = self.wait();
    }
}
