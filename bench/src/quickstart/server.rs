//! The server process of the quickstart: start, kill, restart, stop, and the pid file of the one left running.
//!
//! Invariant: only processes that this program or an earlier run of it started are ever ended.

use crate::client::Connected;
use base::{Error, ErrorKind, Result};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running server; killed with the value unless it was told to stay.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    stays: bool,
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.stays {
            // Either it has ended already, or a step failed and its error is what counts.
            let _ended = self.child.kill().and_then(|()| self.child.wait());
        }
    }
}

const MARK: &str =
    "This directory belongs to ./quickstart, which removes database and files when it runs again.\n";

/// Where things lie.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) binary: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) port: u16,
}

impl Places {
    pub(crate) fn database(&self) -> PathBuf {
        self.root.join("database")
    }
    pub(crate) fn files(&self) -> PathBuf {
        self.root.join("files")
    }
    fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }
    /// Says that the directory is the quickstart's own.
    fn mark(&self) -> PathBuf {
        self.root.join("quickstart.txt")
    }
    fn pid_file(&self) -> PathBuf {
        self.root.join("server.pid")
    }
}

/// Says so when the port is taken.
pub(crate) fn check_port(port: u16) -> Result<()> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map(drop).map_err(|_| {
        Error::new(ErrorKind::ObjectInUse, format!("port {port} of 127.0.0.1 is in use"))
            .with_hint("Choose another with --port.")
    })
}

impl Server {
    /// Starts the binary and waits for its ready line.
    pub(crate) fn start(places: &Places) -> Result<Self> {
        let log = File::create(places.log()).map_err(|e| Error::io("create the server's log file", e))?;
        let mut child = Command::new(&places.binary)
            .arg("serve")
            .arg("--data")
            .arg(places.database())
            .arg("--listen")
            .arg(format!("127.0.0.1:{}", places.port))
            .arg("--copy-root")
            .arg(places.files())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|e| Error::io(format_args!("start {}", places.binary.display()), e))?;
        let address = ready(&mut child).ok_or_else(|| {
            let said = std::fs::read_to_string(places.log()).unwrap_or_default();
            Error::new(ErrorKind::Io, format!("the server did not start: {}", said.trim()))
        })?;
        std::fs::write(places.pid_file(), child.id().to_string())
            .map_err(|e| Error::io("write the pid file", e))?;
        Ok(Self { child, address, stays: false })
    }

    pub(crate) async fn connect(&self) -> Result<Connected> {
        Connected::open(self.address).await
    }

    /// SIGKILL, as a crash would end it.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child
            .kill()
            .and_then(|()| self.child.wait())
            .map(drop)
            .map_err(|e| Error::io("kill the server", e))
    }

    /// SIGTERM and wait.
    pub(crate) fn stop(mut self, places: &Places) -> Result<()> {
        terminate(self.child.id())?;
        let status = self.child.wait().map_err(|e| Error::io("wait for the server", e))?;
        let _absent_is_fine = std::fs::remove_file(places.pid_file());
        if status.success() {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Io, format!("the server ended with {status}")))
        }
    }

    /// Leaves it running behind the end of this program.
    pub(crate) fn leave(&mut self) {
        self.stays = true;
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

/// The address of the line that the server prints when clients may come.
fn ready(child: &mut Child) -> Option<SocketAddr> {
    let out = child.stdout.take()?;
    let mut lines = BufReader::new(out).lines();
    loop {
        let line = lines.next()?.ok()?;
        if let Some((_, address)) = line.split_once("listening on ") {
            return address.trim().parse().ok();
        }
    }
}

/// Stops the server that an earlier run left running, if it is still there and still ours.
pub(crate) fn stop_previous(directory: &Path) -> Result<bool> {
    let Ok(root) = directory.canonicalize() else { return Ok(false) };
    let places = Places { binary: PathBuf::new(), root, port: 0 };
    let Ok(text) = std::fs::read_to_string(places.pid_file()) else { return Ok(false) };
    let Ok(id) = text.trim().parse::<u32>() else { return Ok(false) };
    let ours = std::fs::read_to_string(format!("/proc/{id}/cmdline"))
        .is_ok_and(|line| line.contains("nyala") && line.contains(&*places.database().to_string_lossy()));
    if ours {
        terminate(id)?;
        wait_until_gone(id)?;
    }
    let _absent_is_fine = std::fs::remove_file(places.pid_file());
    Ok(ours)
}

fn terminate(id: u32) -> Result<()> {
    signal("-TERM", id)
}

fn signal(which: &str, id: u32) -> Result<()> {
    let status = Command::new("kill")
        .arg(which)
        .arg(id.to_string())
        .status()
        .map_err(|e| Error::io(format_args!("send a signal to process {id}"), e))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(ErrorKind::Io, format!("could not signal process {id}")))
    }
}

fn wait_until_gone(id: u32) -> Result<()> {
    // `tail --pid` ends when the process does; it is no child of ours, so there is nothing to wait on.
    let status = Command::new("timeout")
        .args(["60", "tail", &format!("--pid={id}"), "-f", "/dev/null"])
        .status()
        .map_err(|e| Error::io("wait for the earlier server", e))?;
    if status.success() {
        Ok(())
    } else {
        Err(Error::new(
            ErrorKind::ObjectInUse,
            format!("the server of an earlier run (process {id}) does not stop"),
        )
        .with_hint("End it yourself and run again."))
    }
}

/// Removes what an earlier run left, and nothing else; whether there was something. A directory with other things in it
/// is refused: `database` and `files` there would be somebody else's.
pub(crate) fn clear(places: &Places) -> Result<bool> {
    let mut names = std::fs::read_dir(&places.root)
        .map_err(|e| Error::io(format_args!("list {}", places.root.display()), e))?;
    if !places.mark().exists() && names.next().is_some() {
        let message = format!("{} holds other things than an earlier quickstart", places.root.display());
        return Err(Error::new(ErrorKind::WrongObjectState, message)
            .with_hint("Choose an empty directory, or one that does not exist, with --directory."));
    }
    std::fs::write(places.mark(), MARK).map_err(|e| Error::io("mark the directory", e))?;
    let (database, files) = (remove(&places.database())?, remove(&places.files())?);
    std::fs::create_dir_all(places.files()).map_err(|e| Error::io("create the data directory", e))?;
    Ok(database || files)
}

fn remove(directory: &Path) -> Result<bool> {
    match std::fs::remove_dir_all(directory) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Error::io(format_args!("remove {}", directory.display()), e)),
    }
}
