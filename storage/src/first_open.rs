//! Whether a directory without CURRENT may become a database.
//!
//! Must not know what is in a file. Invariant: a directory of somebody else, or one that lost its CURRENT, is left as it
//! was; what a first open that was cut short left is not in the way.

use crate::checkpointing::PACK_DIRECTORY;
use crate::tablet::SEGMENT_DIRECTORY;
use base::fs::FileSystem;
use base::{Error, ErrorKind, Result};

/// What a first open makes before CURRENT, and what file systems and their administrators keep at the top of a volume.
const EXPECTED: &[&str] =
    &[SEGMENT_DIRECTORY, PACK_DIRECTORY, "log", "checkpoint", "CURRENT.new", "LOCK", "lost+found"];

/// `WrongObjectState` for a directory that holds something else, `Corruption` for the rest of a database.
pub(crate) fn check(fs: &dyn FileSystem) -> Result<()> {
    let names = fs.list("")?;
    if let Some(name) = names.iter().find(|name| !EXPECTED.contains(&name.as_str())) {
        let message = format!("the directory holds no database, but \"{name}\"");
        return Err(Error::new(ErrorKind::WrongObjectState, message)
            .with_hint("A new database needs an empty directory: name another one with --data DIR."));
    }
    // Neither has a file before CURRENT is there.
    for directory in [SEGMENT_DIRECTORY, PACK_DIRECTORY] {
        if names.iter().any(|name| name == directory)
            && let Some(name) = fs.list(directory)?.first()
        {
            let message = format!("the file \"CURRENT\" is missing, but \"{directory}/{name}\" exists");
            return Err(Error::corruption(message)
                .with_hint("A new database would remove it: restore CURRENT, or name an empty directory."));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use base::ErrorKind;
    use base::fs::{FileSystem, SimulatedFileSystem};

    /// A server once made its database between the files of whatever directory it was started on, and would have
    /// removed the segments of a database whose CURRENT and log were lost.
    #[test]
    fn only_an_empty_directory_or_an_unfinished_first_open_becomes_a_database() {
        let disk = SimulatedFileSystem::new(1);
        check(&disk).unwrap();
        for directory in ["segment", "delete", "log", "checkpoint"] {
            disk.create_directory(directory).unwrap();
        }
        disk.create("log/000000000001.new").unwrap();
        disk.create("LOCK").unwrap();
        check(&disk).unwrap();

        let lost = disk.duplicate(1);
        lost.create("segment/1.seg").unwrap();
        let error = check(&lost).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corruption);
        assert!(error.message().contains("segment/1.seg"), "{error}");

        disk.create("notes.txt").unwrap();
        let error = check(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WrongObjectState);
        assert!(error.message().contains("notes.txt"), "{error}");
    }
}
