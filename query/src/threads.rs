//! The query runtime: threads with large stacks on which statements are parsed, bound, planned and run.
//!
//! Must not know sessions. Invariants: it is never dropped in a way that blocks a thread of another runtime; its threads
//! are joined, never let go of while they may be ending.

use base::{Error, Result};
use std::any::Any;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

/// Workers for operators beyond those that a query keeps busy: an operator that was stopped but computes on to its
/// next pause, or a query that never pauses, must not starve the others.
const SPARE_THREADS: usize = 2;

/// Threads for queries. Cheap to clone.
///
/// Two runtimes: statements are parsed, planned and watched over on one, rows are computed on the other. Operators may
/// compute for seconds without a pause; timers, cancel requests and other sessions must not wait for them.
#[derive(Clone, Debug)]
pub(crate) struct QueryThreads {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    statements: Handle,
    operators: Handle,
    runtimes: Vec<Runtime>,
}

/// How long the threads of an engine that is gone may take to end; what computes on then is let go of.
const END_WITHIN: Duration = Duration::from_secs(60);

impl Drop for Inner {
    fn drop(&mut self) {
        let runtimes = std::mem::take(&mut self.runtimes);
        let join = |runtimes: Vec<Runtime>| runtimes.into_iter().for_each(|r| r.shutdown_timeout(END_WITHIN));
        if let Err(runtimes) = base::spawn::hand_over("end of queries", runtimes, join) {
            // No thread can be started; to wait here could be to wait for oneself.
            runtimes.into_iter().for_each(Runtime::shutdown_background);
        }
    }
}

impl QueryThreads {
    /// `threads` workers for operators (and a few to spare) and as many for statements; blocking calls get threads
    /// beside them.
    pub(crate) fn start(threads: usize) -> Result<Self> {
        let start = |name: &str, threads: usize| {
            Builder::new_multi_thread()
                .worker_threads(threads)
                .thread_stack_size(base::limits::STACK_BYTES)
                .thread_name(name)
                .enable_time()
                .build()
                .map_err(|e| Error::io(format_args!("start the threads of {name}"), e))
        };
        let statements = start("statement", threads.max(2))?;
        let operators = start("query", threads.saturating_add(SPARE_THREADS))?;
        Ok(Self {
            inner: Arc::new(Inner {
                statements: statements.handle().clone(),
                operators: operators.handle().clone(),
                runtimes: vec![statements, operators],
            }),
        })
    }

    /// Starts a task that is stopped when the handle is dropped. It must not compute long without a pause.
    pub(crate) fn spawn<T: Send + 'static>(&self, task: impl Future<Output = T> + Send + 'static) -> Task<T> {
        Task { join: self.inner.statements.spawn(task) }
    }

    /// As `spawn`, for a task that runs operators.
    pub(crate) fn spawn_operators<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        Task { join: self.inner.operators.spawn(task) }
    }

    /// Polls `task` here, while the tasks that it starts itself run among the operators.
    pub(crate) async fn starting_operators<T>(&self, task: impl Future<Output = T>) -> T {
        let mut task = std::pin::pin!(task);
        std::future::poll_fn(|context| {
            let _operators = self.inner.operators.enter();
            task.as_mut().poll(context)
        })
        .await
    }

    /// Runs `drop` of a value on a large stack: deep trees are dropped by recursion.
    pub(crate) fn drop_elsewhere(&self, value: impl Send + 'static) {
        self.inner.statements.spawn_blocking(move || drop(value));
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
    Error::internal(format!("internal error: {text}"))
        .with_hint("this is a bug; the transaction was rolled back")
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

#[cfg(test)]
mod tests {
    //! The first tells of a crash: at the end of an engine its threads were let go of while they were ending, and two
    //! test programs of some thousand died of SIGSEGV in glibc's `pthread_detach`, which reads a thread's memory when
    //! that may be gone (2.36). With a pause put there, every run of this test died. Now a thread with nothing else to
    //! do joins them.
    use super::*;

    #[test]
    fn engines_end_while_their_threads_end() {
        for round in 0..200_u32 {
            let threads = QueryThreads::start(1).unwrap();
            let task = threads.spawn_operators(async move { round });
            let waiting = tokio::runtime::Builder::new_current_thread().build().unwrap();
            assert_eq!(waiting.block_on(task.join()).unwrap(), round);
        }
    }

    #[test]
    fn the_last_one_may_be_dropped_among_its_own_threads() {
        let threads = QueryThreads::start(1).unwrap();
        let (to, from) = std::sync::mpsc::channel();
        let last = threads.clone();
        threads.inner.statements.spawn(async move {
            tokio::task::yield_now().await;
            drop(last);
            to.send(()).unwrap();
        });
        drop(threads);
        from.recv().unwrap();
    }
}
