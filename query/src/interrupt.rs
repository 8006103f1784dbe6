//! Stopping a running statement: cancel requests, statement_timeout and, while it waits for a transaction, lock_timeout.
//!
//! Invariants: an interrupt stops at most the statement it was made for; once triggered it stays triggered.

use crate::threads::{QueryThreads, Task};
use base::id::TxnId;
use base::{Error, ErrorKind, Result};
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use storage::Database;
use tokio::sync::Notify;

const NONE: u8 = 0;
const USER: u8 = 1;
const TIMEOUT: u8 = 2;
/// How long a wait for another transaction may overlook that it is to stop.
const WAIT_SLICE: Duration = Duration::from_millis(20);

/// The stop button of one statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    reason: AtomicU8,
    notify: Notify,
    /// How long a wait for a lock may be; none: as long as it takes.
    lock_timeout: Option<Duration>,
}

impl Interrupt {
    fn trigger(&self, reason: u8) {
        let _ = self.state.reason.compare_exchange(NONE, reason, Ordering::SeqCst, Ordering::SeqCst);
        self.state.notify.notify_waiters();
    }

    /// 57014 once the statement is to stop; called between pieces of work.
    pub(crate) fn check(&self) -> Result<()> {
        match self.state.reason.load(Ordering::SeqCst) {
            NONE => Ok(()),
            TIMEOUT => Err(Error::new(ErrorKind::Cancelled, "canceling statement due to statement timeout")),
            _ => Err(Error::new(ErrorKind::Cancelled, "canceling statement due to user request")),
        }
    }

    /// Ends when the statement is to stop.
    async fn wait(&self) -> Error {
        loop {
            let notified = self.state.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if let Err(error) = self.check() {
                return error;
            }
            notified.await;
        }
    }

    /// Waits on a query thread, whose other work goes on elsewhere; 57014 as soon as the statement is to stop.
    pub(crate) fn sleep(&self, duration: Duration) -> Result<()> {
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|_| Error::internal("a statement waits outside of the query threads"))?;
        let nap = self.guard(async {
            tokio::time::sleep(duration).await;
            Ok(())
        });
        tokio::task::block_in_place(|| runtime.block_on(nap))
    }

    /// Waits until the transaction that holds a lock has ended; blocks. 57014 once the statement is to stop, 55P03 when the
    /// wait takes longer than lock_timeout.
    pub(crate) fn wait_for_end(&self, database: &Database, holder: TxnId) -> Result<()> {
        let mut left = self.state.lock_timeout;
        loop {
            let slice = left.map_or(WAIT_SLICE, |left| left.min(WAIT_SLICE));
            if database.wait_for_end(holder, slice) {
                return Ok(());
            }
            self.check()?;
            left = left.map(|left| left.saturating_sub(slice));
            if left.is_some_and(|left| left.is_zero()) {
                let message = "canceling statement due to lock timeout";
                return Err(Error::new(ErrorKind::LockNotAvailable, message));
            }
        }
    }

    /// `work`, dropped as soon as the statement is to stop.
    pub(crate) async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            error = self.wait() => Err(error),
            result = work => result,
        }
    }
}

/// The limits of a statement in milliseconds; 0: none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeouts {
    pub(crate) statement_ms: i64,
    /// Of each wait for a lock.
    pub(crate) lock_ms: i64,
}

fn milliseconds(limit: i64) -> Option<Duration> {
    u64::try_from(limit).ok().filter(|ms| *ms > 0).map(Duration::from_millis)
}

/// Stops the running statement of a session from another thread. Without one it does nothing.
#[derive(Clone, Debug, Default)]
pub struct CancelHandle {
    /// The statement that runs. Guards only this slot; never held while anything else is locked.
    running: Arc<Mutex<Option<Interrupt>>>,
    /// Whether the session is to end.
    ending: Arc<Ending>,
}

#[derive(Debug, Default)]
struct Ending {
    is_so: AtomicBool,
    notify: Notify,
}

impl CancelHandle {
    pub fn cancel(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(interrupt) = running {
            interrupt.trigger(USER);
        }
    }

    /// Stops the running statement, and the session behind it.
    pub fn end(&self) {
        self.ending.is_so.store(true, Ordering::SeqCst);
        self.ending.notify.notify_waiters();
        self.cancel();
    }

    /// Returns when the session is to end.
    pub async fn ended(&self) {
        loop {
            let notified = self.ending.notify.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.ending.is_so.load(Ordering::SeqCst) {
                return;
            }
            notified.await;
        }
    }

    /// Makes a new statement the one that `cancel` stops, until the result is dropped.
    pub(crate) fn start(&self, runtime: &QueryThreads, timeouts: Timeouts) -> Running {
        let state = State { lock_timeout: milliseconds(timeouts.lock_ms), ..State::default() };
        let interrupt = Interrupt { state: Arc::new(state) };
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupt.clone());
        let timer = milliseconds(timeouts.statement_ms).map(|timeout| {
            let interrupt = interrupt.clone();
            runtime.spawn(async move {
                tokio::time::sleep(timeout).await;
                interrupt.trigger(TIMEOUT);
            })
        });
        Running { interrupt, handle: self.clone(), _timer: timer }
    }
}

/// A statement that runs and can be stopped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) interrupt: Interrupt,
    handle: CancelHandle,
    _timer: Option<Task<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut running = self.handle.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running.as_ref().is_some_and(|r| Arc::ptr_eq(&r.state, &self.interrupt.state)) {
            *running = None;
        }
    }
}
