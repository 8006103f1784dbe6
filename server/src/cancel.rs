//! Running sessions by the key that CancelRequest names.
//!
//! Invariant: a session is listed from before its BackendKeyData is sent until its connection ends.

use base::random::Random;
use query::api::CancelHandle;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What a client must present to cancel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CancelKey {
    pub(crate) process_id: i32,
    pub(crate) secret: i32,
}

/// All sessions of the server. The lock is held for map operations only.
#[derive(Debug)]
pub(crate) struct Sessions {
    random: Random,
    map: Mutex<HashMap<CancelKey, Option<CancelHandle>>>,
    connections_max: usize,
}

impl Sessions {
    pub(crate) fn new(random: Random, connections_max: usize) -> Arc<Self> {
        Arc::new(Self { random, map: Mutex::default(), connections_max })
    }

    /// Reserves a key; None when the server is full. The secret comes from a generator that the system seeded.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<SessionGuard> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= self.connections_max {
            return None;
        }
        loop {
            let bits = self.random.next_u64();
            let process_id = i32::try_from(bits >> 33).unwrap_or(1).max(1);
            let [a, b, c, d, ..] = bits.to_le_bytes();
            let key = CancelKey { process_id, secret: i32::from_le_bytes([a, b, c, d]) };
            if !map.keys().any(|k| k.process_id == process_id) {
                map.insert(key, None);
                return Some(SessionGuard { sessions: self.clone(), key });
            }
        }
    }

    /// Cancels what the session with this key runs. A wrong key does nothing, as the protocol demands.
    pub(crate) fn cancel(&self, key: CancelKey) {
        let map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Some(handle)) = map.get(&key) {
            handle.cancel();
        }
    }

    /// Cancels everything; used at shutdown.
    pub(crate) fn cancel_all(&self) {
        let map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        map.values().flatten().for_each(CancelHandle::cancel);
    }
}

/// A place in the list of sessions, given back when dropped.
#[derive(Debug)]
pub(crate) struct SessionGuard {
    sessions: Arc<Sessions>,
    pub(crate) key: CancelKey,
}

impl SessionGuard {
    pub(crate) fn started(&self, handle: CancelHandle) {
        let mut map = self.sessions.map.lock().unwrap_or_else(PoisonError::into_inner);
        map.insert(self.key, Some(handle));
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        self.sessions.map.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.key);
    }
}
