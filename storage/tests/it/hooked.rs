//! A file system that lets a test act before each call: two pieces of work meet at a place that the test chooses, on one
//! thread.

use base::Result;
use base::fs::{CallKind, File, FileSystem};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

type Act = Box<dyn FnMut(CallKind, &str) + Send>;

/// What happens before each call. It does not happen within itself.
#[derive(Clone, Default)]
pub(crate) struct Hook(Arc<Mutex<Option<Act>>>);

impl Hook {
    pub(crate) fn set(&self, act: impl FnMut(CallKind, &str) + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(act));
    }

    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn run(&self, kind: CallKind, path: &str) {
        let act = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut act) = act {
            act(kind, path);
            let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if place.is_none() {
                *place = Some(act);
            }
        }
    }
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hook")
    }
}

#[derive(Debug)]
pub(crate) struct HookedFileSystem {
    pub(crate) inner: Arc<dyn FileSystem>,
    pub(crate) hook: Hook,
}

#[derive(Debug)]
struct HookedFile {
    inner: Arc<dyn File>,
    hook: Hook,
    path: String,
}

impl HookedFileSystem {
    fn file(&self, path: &str, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(HookedFile { inner, hook: self.hook.clone(), path: path.to_owned() })
    }
}

impl FileSystem for HookedFileSystem {
    fn create(&self, path: &str) -> Result<Arc<dyn File>> {
        self.hook.run(CallKind::Create, path);
        Ok(self.file(path, self.inner.create(path)?))
    }

    fn open(&self, path: &str) -> Result<Arc<dyn File>> {
        self.hook.run(CallKind::Open, path);
        Ok(self.file(path, self.inner.open(path)?))
    }

    fn exists(&self, path: &str) -> Result<bool> {
        self.hook.run(CallKind::Exists, path);
        self.inner.exists(path)
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.hook.run(CallKind::Rename, to);
        self.inner.rename(from, to)
    }

    fn remove(&self, path: &str) -> Result<()> {
        self.hook.run(CallKind::Remove, path);
        self.inner.remove(path)
    }

    fn create_directory(&self, path: &str) -> Result<()> {
        self.hook.run(CallKind::CreateDirectory, path);
        self.inner.create_directory(path)
    }

    fn sync_directory(&self, path: &str) -> Result<()> {
        self.hook.run(CallKind::SyncDirectory, path);
        self.inner.sync_directory(path)
    }

    fn list(&self, path: &str) -> Result<Vec<String>> {
        self.hook.run(CallKind::List, path);
        self.inner.list(path)
    }

    fn lock(&self, path: &str) -> Result<Option<Box<dyn Send + Sync>>> {
        self.hook.run(CallKind::Lock, path);
        self.inner.lock(path)
    }
}

impl File for HookedFile {
    fn len(&self) -> Result<u64> {
        self.hook.run(CallKind::Len, &self.path);
        self.inner.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<()> {
        self.hook.run(CallKind::Read, &self.path);
        self.inner.read_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.hook.run(CallKind::Write, &self.path);
        self.inner.write_at(offset, bytes)
    }

    fn preallocate(&self, len: u64) -> Result<()> {
        self.hook.run(CallKind::Preallocate, &self.path);
        self.inner.preallocate(len)
    }

    fn truncate(&self, len: u64) -> Result<()> {
        self.hook.run(CallKind::Truncate, &self.path);
        self.inner.truncate(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.hook.run(CallKind::SyncData, &self.path);
        self.inner.sync_data()
    }
}
