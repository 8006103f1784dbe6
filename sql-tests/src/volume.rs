//! A small file system of its own, which a test can fill to the last byte and empty again.
//!
//! Who may mount gets ext4 in a file. Without that right it is a tmpfs in namespaces of a process of its own, which
//! programs enter; `Debug` tells which. Invariant: both are gone when the value is.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Error, ErrorKind, Result, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What occupies the space.
const BALLAST: &str = "ballast";

#[derive(Debug)]
pub struct Volume {
    kind: Kind,
    /// Where it is mounted.
    path: PathBuf,
    /// Dropped after the unmount.
    _directory: TempDir,
}

#[derive(Debug)]
enum Kind {
    Ext4,
    /// The process that holds the namespaces until its input ends.
    Tmpfs(Child),
}

impl Volume {
    /// A new one of about `mebibytes`. When neither way is permitted the error says why.
    pub fn new(mebibytes: u32) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("volume");
        fs::create_dir(&path)?;
        let kind = match ext4(directory.path(), &path, mebibytes) {
            Ok(()) => Kind::Ext4,
            Err(no_ext4) => Kind::Tmpfs(tmpfs(&path, mebibytes).map_err(|no_tmpfs| {
                let message = format!(
                    "no small file system can be had: ext4 on a loop device: {no_ext4}; tmpfs in a namespace: \
                     {no_tmpfs}. Permit one of them (root may mount; or kernel.unprivileged_userns_clone=1)"
                );
                Error::new(ErrorKind::PermissionDenied, message)
            })?),
        };
        Ok(Self { kind, path, _directory: directory })
    }

    /// Where programs run by `command` find it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A program that sees the volume.
    pub fn command(&self, program: &Path) -> Command {
        match &self.kind {
            Kind::Ext4 => Command::new(program),
            Kind::Tmpfs(holder) => {
                let mut command = Command::new("nsenter");
                command.args(["--preserve-credentials", "-U", "-m", "-t", &holder.id().to_string(), "--"]);
                command.arg(program);
                command
            }
        }
    }

    /// Where this process finds it.
    fn outside(&self) -> PathBuf {
        match &self.kind {
            Kind::Ext4 => self.path.clone(),
            Kind::Tmpfs(holder) => {
                let root = PathBuf::from(format!("/proc/{}/root", holder.id()));
                root.join(self.path.strip_prefix("/").unwrap_or(&self.path))
            }
        }
    }

    /// Names in a directory on the volume, in order.
    pub fn list(&self, directory: &Path) -> Result<Vec<String>> {
        let below = directory.strip_prefix(&self.path).map_err(Error::other)?;
        let names = fs::read_dir(self.outside().join(below))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let mut names = names.collect::<Result<Vec<String>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    /// Takes all space that is left.
    pub fn fill(&self) -> Result<()> {
        let mut ballast = File::options().create(true).append(true).open(self.outside().join(BALLAST))?;
        for piece in [1 << 20, 4 << 10, 1] {
            let zeroes = vec![0; piece];
            loop {
                match ballast.write_all(&zeroes) {
                    Ok(()) => {}
                    Err(e) if e.kind() == ErrorKind::StorageFull => break,
                    Err(e) => return Err(e),
                }
            }
        }
        // Where blocks are assigned late, they are now.
        ballast.sync_all()
    }

    /// Takes all space that is left but about so many bytes.
    pub fn fill_but(&self, bytes: u64) -> Result<()> {
        self.fill()?;
        let ballast = File::options().write(true).open(self.outside().join(BALLAST))?;
        ballast.set_len(ballast.metadata()?.len().saturating_sub(bytes))?;
        ballast.sync_all()
    }

    /// Gives it back.
    pub fn free(&self) -> Result<()> {
        fs::remove_file(self.outside().join(BALLAST))?;
        File::open(self.outside())?.sync_all()
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // What is left behind then is a mount in a directory for temporary files.
        let _gone = match &mut self.kind {
            Kind::Ext4 => run(Command::new("umount").arg(&self.path)),
            Kind::Tmpfs(holder) => holder.kill().and_then(|()| holder.wait()).map(|_| ()),
        };
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().map_err(|e| Error::new(e.kind(), format!("{command:?}: {e}")))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim_end())))
}

fn ext4(directory: &Path, path: &Path, mebibytes: u32) -> Result<()> {
    let image = directory.join("image");
    File::create(&image)?.set_len(u64::from(mebibytes) << 20)?;
    run(Command::new("mkfs.ext4").args(["-q", "-m", "0"]).arg(&image))?;
    run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(path))
}

fn tmpfs(path: &Path, mebibytes: u32) -> Result<Child> {
    let script = format!("mount -t tmpfs -o size={mebibytes}m tmpfs \"$0\" && echo mounted && exec cat");
    let mut holder = Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", &script])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut line = String::new();
    if let Some(output) = holder.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    if line == "mounted\n" {
        return Ok(holder);
    }
    let output = holder.wait_with_output()?;
    Err(Error::other(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
}
