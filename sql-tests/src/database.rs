//! A database in a directory of its own that can be closed and opened again.

use base::Result;
use base::clock::SystemClock;
use base::fs::LocalFileSystem;
use base::random::Random;
use config::{Layer, Settings};
use query::api::Engine;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use storage::{Database, StorageSettings};
use tempfile::TempDir;

/// The directory (removed with this value) and what is open in it.
#[derive(Debug)]
pub struct TestDatabase {
    directory: TempDir,
    open: Option<(Database, Engine)>,
}

impl TestDatabase {
    pub fn create() -> Result<Self> {
        let directory = tempfile::tempdir().map_err(|e| base::Error::io("create a test directory", e))?;
        std::fs::create_dir(directory.path().join("files"))
            .map_err(|e| base::Error::io("create a copy root", e))?;
        let mut database = Self { directory, open: None };
        database.reopen()?;
        Ok(database)
    }

    /// Closes it, if it is open, and opens it again: what was committed must still be there.
    pub fn reopen(&mut self) -> Result<()> {
        if let Some((database, engine)) = self.open.take() {
            drop(engine);
            database.close()?;
        }
        let fs = Arc::new(LocalFileSystem::open(self.directory.path().join("data"))?);
        let random = Arc::new(Random::from_system()?);
        let database = Database::open(fs, Arc::new(SystemClock::new()), random, StorageSettings::default())?;
        let spill = LocalFileSystem::open(self.directory.path().join("data").join("spill"))?;
        let engine = Engine::new(database.clone(), Arc::new(self.settings()?), Some(Arc::new(spill)))?;
        self.open = Some((database, engine));
        Ok(())
    }

    /// Settings of a server on this directory, on a free port.
    pub fn settings(&self) -> Result<Settings> {
        Settings::from_layers([Layer {
            data: Some(self.directory.path().join("data")),
            listen: Some("127.0.0.1:0".to_owned()),
            copy_roots: Some(vec![self.files()]),
            ..Layer::default()
        }])
    }

    /// The copy root.
    pub fn files(&self) -> PathBuf {
        self.directory.path().join("files")
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn database(&self) -> Result<&Database> {
        self.parts().map(|(database, _)| database)
    }

    pub fn engine(&self) -> Result<&Engine> {
        self.parts().map(|(_, engine)| engine)
    }

    fn parts(&self) -> Result<&(Database, Engine)> {
        self.open.as_ref().ok_or_else(|| base::Error::internal("the test database is not open"))
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Some((database, engine)) = self.open.take() {
            drop(engine);
            // The directory goes away with the value: a failure to close it has no one to tell.
            let _ignored = database.close();
        }
    }
}
