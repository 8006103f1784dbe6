//! The server's files for COPY: every path is opened here, step by step below a copy root, through no link.
//!
//! Must not know what is in a file. Invariants: nothing outside the copy roots is opened, created or removed, also
//! when names change meanwhile; a file or directory appears under its name only complete and synced.

use base::{Error, ErrorKind, Result};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

/// An open directory below a copy root (or a root itself) and its path for messages.
#[derive(Debug)]
pub(crate) struct Directory {
    handle: OwnedFd,
    shown: String,
}

/// What a name in a directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Missing,
    File,
    Directory,
}

/// Opens the directory that holds the last component of `path`; returns it and that component.
/// A path that ends in `/` names a directory all the same.
pub(crate) fn open_parent(roots: &[PathBuf], path: &str) -> Result<(Directory, String)> {
    let (root, steps) = below_root(roots, path)?;
    let (name, parents) = steps.split_last().ok_or_else(|| denied(path, "it is a copy root itself"))?;
    let mut directory = open_root(root)?;
    for step in parents {
        directory = directory.directory(step)?;
    }
    Ok((directory, name.clone()))
}

/// The root that `path` lies below and the names from there.
fn below_root<'a>(roots: &'a [PathBuf], path: &str) -> Result<(&'a Path, Vec<String>)> {
    if roots.is_empty() {
        return Err(Error::new(
            ErrorKind::InsufficientPrivilege,
            "COPY to or from a file of the server is not allowed",
        )
        .with_hint("start the server with --copy-root DIRECTORY to allow files below that directory"));
    }
    if path.contains('\0') {
        return Err(denied(path, "it holds a NUL character"));
    }
    let wanted = Path::new(path);
    if !wanted.is_absolute() {
        return Err(Error::new(
            ErrorKind::InsufficientPrivilege,
            format!("relative path \"{path}\" is not allowed for COPY"),
        )
        .with_hint("give the absolute path of a file below a --copy-root"));
    }
    if wanted.components().any(|c| matches!(c, Component::ParentDir))
        || path.split('/').any(|part| part == ".")
    {
        return Err(denied(path, "it holds \".\" or \"..\""));
    }
    for root in roots {
        if let Ok(rest) = wanted.strip_prefix(root) {
            let steps = rest.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
            return Ok((root, steps));
        }
    }
    Err(denied(path, "it is not below a copy root")
        .with_hint("files for COPY must lie below a --copy-root of the server"))
}

fn denied(path: &str, why: &str) -> Error {
    Error::new(ErrorKind::InsufficientPrivilege, format!("path \"{path}\" is not allowed for COPY: {why}"))
}

/// The root is the administrator's word: it may be a link itself.
fn open_root(root: &Path) -> Result<Directory> {
    let shown = root.display().to_string();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle =
        rustix::fs::open(root, flags, Mode::empty()).map_err(|e| failed("open copy root", &shown, e))?;
    Ok(Directory { handle, shown })
}

impl Directory {
    /// The path of `name` in it, for messages.
    pub(crate) fn path_of(&self, name: &str) -> String {
        format!("{}/{name}", self.shown.trim_end_matches('/'))
    }

    /// Opens a directory in it.
    pub(crate) fn directory(&self, name: &str) -> Result<Directory> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let handle = self.open(name, flags, "open directory")?;
        Ok(Directory { handle, shown: self.path_of(name) })
    }

    /// Opens a regular file for reading.
    pub(crate) fn read(&self, name: &str) -> Result<File> {
        // Without waiting: opening a pipe would hang.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let handle = self.open(name, flags, "open file")?;
        let status =
            rustix::fs::fstat(&handle).map_err(|e| failed("read the kind of", &self.path_of(name), e))?;
        if FileType::from_raw_mode(status.st_mode) != FileType::RegularFile {
            return Err(Error::new(
                ErrorKind::WrongObjectType,
                format!("\"{}\" is not a file", self.path_of(name)),
            ));
        }
        Ok(File::from(handle))
    }

    /// Creates a file that must not exist.
    pub(crate) fn create(&self, name: &str) -> Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::ROTH;
        let handle = rustix::fs::openat(&self.handle, name, flags, mode)
            .map_err(|e| failed("create file", &self.path_of(name), e))?;
        Ok(File::from(handle))
    }

    pub(crate) fn create_directory(&self, name: &str) -> Result<Directory> {
        let mode = Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH;
        rustix::fs::mkdirat(&self.handle, name, mode)
            .map_err(|e| failed("create directory", &self.path_of(name), e))?;
        self.directory(name)
    }

    fn open(&self, name: &str, flags: OFlags, doing: &str) -> Result<OwnedFd> {
        rustix::fs::openat(&self.handle, name, flags, Mode::empty()).map_err(|e| match e {
            Errno::LOOP | Errno::NOTDIR if self.is_link(name) => {
                denied(&self.path_of(name), "it is a symbolic link")
            }
            e => failed(doing, &self.path_of(name), e),
        })
    }

    fn is_link(&self, name: &str) -> bool {
        rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|s| FileType::from_raw_mode(s.st_mode) == FileType::Symlink)
    }

    /// What `name` is; a link, pipe or device is an error.
    pub(crate) fn entry(&self, name: &str) -> Result<Entry> {
        let status = match rustix::fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(Errno::NOENT) => return Ok(Entry::Missing),
            Err(e) => return Err(failed("read the kind of", &self.path_of(name), e)),
        };
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => Ok(Entry::File),
            FileType::Directory => Ok(Entry::Directory),
            FileType::Symlink => Err(denied(&self.path_of(name), "it is a symbolic link")),
            _ => Err(denied(&self.path_of(name), "it is neither a file nor a directory")),
        }
    }

    /// Names in it, sorted, without hidden ones.
    pub(crate) fn names(&self) -> Result<Vec<String>> {
        let listing = Dir::read_from(&self.handle).map_err(|e| failed("list directory", &self.shown, e))?;
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|e| failed("list directory", &self.shown, e))?;
            let name = entry.file_name().to_str().map_err(|_| {
                Error::new(
                    ErrorKind::InvalidParameterValue,
                    format!("a name in \"{}\" is not UTF-8", self.shown),
                )
            })?;
            if !name.starts_with('.') {
                names.push(name.to_owned());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Renames within the directory; an existing file, or an empty directory by a directory, is replaced.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        rustix::fs::renameat(&self.handle, from, &self.handle, to)
            .map_err(|e| failed("rename a file to", &self.path_of(to), e))
    }

    /// Makes created, renamed and removed names durable.
    pub(crate) fn sync(&self) -> Result<()> {
        rustix::fs::fsync(&self.handle).map_err(|e| failed("sync directory", &self.shown, e))
    }

    pub(crate) fn remove_file(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.handle, name, AtFlags::empty())
            .map_err(|e| failed("remove file", &self.path_of(name), e))
    }

    pub(crate) fn remove_directory(&self, name: &str) -> Result<()> {
        rustix::fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR)
            .map_err(|e| failed("remove directory", &self.path_of(name), e))
    }
}

fn failed(doing: &str, path: &str, errno: Errno) -> Error {
    Error::io(format_args!("{doing} \"{path}\""), errno.into())
}

/// The files that a path of COPY FROM means: a file, all files of a directory, or those that match a pattern in the
/// last component. At least one.
pub(crate) fn files_to_read(roots: &[PathBuf], path: &str) -> Result<Vec<(String, File)>> {
    let (parent, name) = open_parent(roots, path)?;
    if name.contains(['*', '?']) {
        let names: Vec<String> = parent.names()?.into_iter().filter(|n| matches_pattern(&name, n)).collect();
        return open_all(&parent, names, path);
    }
    match parent.entry(&name)? {
        Entry::Directory => {
            let directory = parent.directory(&name)?;
            let names = directory.names()?;
            open_all(&directory, names, path)
        }
        Entry::File | Entry::Missing => {
            let file = parent.read(&name)?;
            Ok(vec![(parent.path_of(&name), file)])
        }
    }
}

fn open_all(directory: &Directory, names: Vec<String>, path: &str) -> Result<Vec<(String, File)>> {
    if names.is_empty() {
        return Err(Error::new(ErrorKind::FileMissing, format!("no file matches \"{path}\"")));
    }
    names.into_iter().map(|name| Ok((directory.path_of(&name), directory.read(&name)?))).collect()
}

/// `*` stands for any characters, `?` for one.
fn matches_pattern(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    // Where the last star stands and how far into the name it reaches.
    let mut star: Option<(usize, usize)> = None;
    while let Some(c) = name.get(n) {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(x) if *x == '?' || x == c => {
                p += 1;
                n += 1;
            }
            _ => match star {
                Some((at, reach)) => {
                    star = Some((at, reach + 1));
                    p = at + 1;
                    n = reach + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(p).all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::{files_to_read, matches_pattern, open_parent};
    use base::ErrorKind;
    use std::path::PathBuf;

    #[test]
    fn patterns_match_whole_names() {
        let cases =
            [("*.parquet", "a.parquet", true), ("*.parquet", "a.csv", false), ("p-??.x", "p-01.x", true)];
        for (pattern, name, expected) in cases {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
        assert!(matches_pattern("a*b*c", "a1b2b3c"));
        assert!(!matches_pattern("a*b*c", "a1b2"));
    }

    #[test]
    fn only_paths_below_a_root_are_opened() {
        let top = tempfile::tempdir().unwrap();
        let root = top.path().join("root");
        rustix::fs::mkdir(&root, rustix::fs::Mode::RWXU).unwrap();
        let roots: [PathBuf; 1] = [root.clone()];
        let kind = |path: &str| files_to_read(&roots, path).unwrap_err().kind();
        let inside = |name: &str| root.join(name).display().to_string();
        assert_eq!(files_to_read(&[], "/x").unwrap_err().kind(), ErrorKind::InsufficientPrivilege);
        assert_eq!(kind("relative"), ErrorKind::InsufficientPrivilege);
        assert_eq!(kind("/etc/passwd"), ErrorKind::InsufficientPrivilege);
        assert_eq!(kind(&inside("../other")), ErrorKind::InsufficientPrivilege);
        assert_eq!(kind(&inside("missing")), ErrorKind::FileMissing);
        assert_eq!(kind(&inside("*.csv")), ErrorKind::FileMissing);
        rustix::fs::symlink("/etc", root.join("link")).unwrap();
        assert_eq!(kind(&inside("link/passwd")), ErrorKind::InsufficientPrivilege);
        rustix::fs::symlink("/etc/passwd", root.join("file")).unwrap();
        assert_eq!(kind(&inside("file")), ErrorKind::InsufficientPrivilege);
        let (directory, name) = open_parent(&roots, &inside("made")).unwrap();
        drop(directory.create(&name).unwrap());
        assert_eq!(files_to_read(&roots, &inside("m*")).unwrap().len(), 1);
        // A name that begins like a root is not below it.
        assert_eq!(kind(&format!("{}more/x", root.display())), ErrorKind::InsufficientPrivilege);
    }
}
