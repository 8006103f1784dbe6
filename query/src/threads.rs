//! The query runtime: threads with large stacks on which statements are parsed, bound, planned and run.
//!
//! Must not know sessions. Invariant: it is never dropped in a way that blocks a thread of another runtime.

use base::{Error, Result};
use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Threads for queries. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct QueryThreads {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl QueryThreads {
    /// `threads` workers; blocking calls get threads beside them.
    pub(crate) fn start(threads: usize) -> Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_stack_size(base::limits::STACK_BYTES)
            .thread_name("query")
            .enable_time()
            .build()
            .map_err(|e| Error::io("start the query threads", e))?;
        Ok(Self { inner: Arc::new(Inner { handle: runtime.handle().clone(), runtime: Some(runtime) }) })
    }

    /// Starts a task that is stopped when the handle is dropped.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task { join: self.inner.handle.spawn(task) }
    }

    /// Runs `drop` of a value on a large stack: deep trees are dropped by recursion.
    pub(crate) fn drop_elsewhere(&self, value: impl Send + 'static) {
        self.inner.handle.spawn_blocking(move || drop(value));
    }
}

/// A task of the query runtime. Dropping it stops the task at its next await.
#[derive(Debug)]
pub(crate) struct Task<T> {
    join: JoinHandle<T>,
}

impl<T> Task<T> {
    /// The task's result; a panic in it is an internal error.
    pub(crate) async fn join(mut self) -> Result<T> {
        (&mut self.join).await.map_err(|e| match e.try_into_panic() {
            Ok(panic) => panic_error(panic.as_ref()),
            Err(_) => Error::new(base::ErrorKind::Shutdown, "the server is shutting down"),
        })
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.join.abort();
    }
}

/// XX000 with what the panic said.
pub(crate) fn panic_error(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "unknown panic".to_owned());
    Error::internal(format!("internal error: {text}")).with_hint("this is a bug; the transaction was rolled back")
}

/// A value that may be a deep tree: dropped on the query runtime when the text it came from is long.
#[derive(Debug)]
pub(crate) struct DeepTree<T: Send + 'static> {
    value: Option<T>,
    runtime: Option<QueryThreads>,
}

/// Text shorter than this cannot nest deeper than a small stack bears.
const SHALLOW_TEXT_BYTES: usize = 1_024;

impl<T: Send + 'static> DeepTree<T> {
    pub(crate) fn new(value: T, text_bytes: usize, runtime: &QueryThreads) -> Self {
        let runtime = (text_bytes > SHALLOW_TEXT_BYTES).then(|| runtime.clone());
        Self { value: Some(value), runtime }
    }

    pub(crate) fn get(&self) -> Result<&T> {
        self.value.as_ref().ok_or_else(|| Error::internal("a tree was used after its end"))
    }
}

impl<T: Send + 'static> Drop for DeepTree<T> {
    fn drop(&mut self) {
        if let (Some(value), Some(runtime)) = (self.value.take(), self.runtime.take()) {
            runtime.drop_elsewhere(value);
        }
    }
}
