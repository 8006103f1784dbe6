//! Stopping a running statement: cancel requests and statement_timeout.
//!
//! Invariants: an interrupt stops at most the statement it was made for; once triggered it stays triggered.

use crate::threads::{QueryThreads, Task};
use base::{Error, ErrorKind, Result};
use std::future::Future;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

const NONE: u8 = 0;
const USER: u8 = 1;
const TIMEOUT: u8 = 2;

/// The stop button of one statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt {
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    reason: AtomicU8,
    notify: Notify,
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

    /// `work`, dropped as soon as the statement is to stop.
    pub(crate) async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            error = self.wait() => Err(error),
            result = work => result,
        }
    }
}

/// Stops the running statement of a session from another thread. Without one it does nothing.
#[derive(Clone, Debug, Default)]
pub struct CancelHandle {
    /// The statement that runs. Guards only this slot; never held while anything else is locked.
    running: Arc<Mutex<Option<Interrupt>>>,
}

impl CancelHandle {
    pub fn cancel(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(interrupt) = running {
            interrupt.trigger(USER);
        }
    }

    /// Makes a new statement the one that `cancel` stops, until the result is dropped.
    pub(crate) fn start(&self, runtime: &QueryThreads, timeout_ms: i64) -> Running {
        let interrupt = Interrupt::default();
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(interrupt.clone());
        let timer = u64::try_from(timeout_ms).ok().filter(|ms| *ms > 0).map(|ms| {
            let interrupt = interrupt.clone();
            runtime.spawn(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
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
