//! The program `nyala` as a process of its own, for tests that kill it.
//!
//! Invariant: the process ends with the value, and only that one.

use std::io::{BufRead, BufReader, Error, Result};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, PoisonError};

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
    Command::new(binary()?).arg("check").arg("--data").arg(data).output()
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
        let mut child = Command::new(binary()?)
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
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
