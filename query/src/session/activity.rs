//! Who is connected and what they do, for pg_stat_activity.
//!
//! Must not know statements beyond their text. Invariant: a session is listed from its start until its value goes.

use crate::api::{SessionStart, TransactionStatus};
use crate::interrupt::CancelHandle;
use base::sync::{Mutex, PoisonError};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// All sessions of an engine.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// By a number of their own, as embedded sessions may share a process id. Guards only the map.
    listed: Mutex<Listed>,
}

#[derive(Debug, Default)]
struct Listed {
    next: u64,
    sessions: BTreeMap<u64, Activity>,
    /// What stops each of them.
    handles: BTreeMap<u64, CancelHandle>,
}

/// One session. Times are microseconds since 1970-01-01 UTC.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    pub(crate) process_id: i32,
    pub(crate) client: Option<SocketAddr>,
    pub(crate) server: Option<SocketAddr>,
    pub(crate) application: String,
    pub(crate) started_us: i64,
    pub(crate) transaction_us: Option<i64>,
    pub(crate) query_us: Option<i64>,
    pub(crate) changed_us: i64,
    pub(crate) state: &'static str,
    /// The statement that runs, or that ran last.
    pub(crate) query: Arc<str>,
}

/// A session's place in the list.
#[derive(Debug)]
pub(crate) struct Place {
    sessions: Arc<Sessions>,
    number: u64,
}

impl Sessions {
    /// A session has started.
    pub(crate) fn enter(sessions: &Arc<Self>, start: &SessionStart, now_us: i64) -> Place {
        let activity = Activity {
            process_id: start.process_id,
            client: start.client,
            server: start.server,
            application: String::new(),
            started_us: now_us,
            transaction_us: None,
            query_us: None,
            changed_us: now_us,
            state: "idle",
            query: Arc::from(""),
        };
        let mut listed = sessions.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let number = listed.next;
        listed.next += 1;
        listed.sessions.insert(number, activity);
        Place { sessions: Arc::clone(sessions), number }
    }

    /// What stops the sessions of a process id.
    pub(crate) fn handles(&self, process_id: i32) -> Vec<CancelHandle> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let own = listed.sessions.iter().filter(|(_, activity)| activity.process_id == process_id);
        own.filter_map(|(number, _)| listed.handles.get(number).cloned()).collect()
    }

    /// All sessions, the oldest first.
    pub(crate) fn all(&self) -> Vec<Activity> {
        let listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.sessions.values().cloned().collect()
    }
}

impl Place {
    /// What stops the session.
    pub(crate) fn stopped_by(&self, handle: CancelHandle) {
        let mut listed = self.sessions.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.handles.insert(self.number, handle);
    }

    fn change(&self, change: impl FnOnce(&mut Activity)) {
        let mut listed = self.sessions.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(activity) = listed.sessions.get_mut(&self.number) {
            change(activity);
        }
    }

    /// A statement begins, in a transaction that began at a time.
    pub(crate) fn running(&self, query: &Arc<str>, application: &str, transaction_us: i64, now_us: i64) {
        self.change(|activity| {
            application.clone_into(&mut activity.application);
            activity.transaction_us = Some(transaction_us);
            activity.query_us = Some(now_us);
            activity.changed_us = now_us;
            activity.state = "active";
            activity.query = Arc::clone(query);
        });
    }

    /// The client's turn.
    pub(crate) fn waiting(&self, status: TransactionStatus, application: &str, now_us: i64) {
        self.change(|activity| {
            application.clone_into(&mut activity.application);
            activity.changed_us = now_us;
            activity.state = match status {
                TransactionStatus::Idle => "idle",
                TransactionStatus::InBlock => "idle in transaction",
                TransactionStatus::Failed => "idle in transaction (aborted)",
            };
            if status == TransactionStatus::Idle {
                activity.transaction_us = None;
            }
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut listed = self.sessions.listed.lock().unwrap_or_else(PoisonError::into_inner);
        listed.sessions.remove(&self.number);
        listed.handles.remove(&self.number);
    }
}
