//! The prepared statements of a session, by name.
//!
//! Must not know how they are run. Invariant: a name other than the empty one is given once until it is taken back.

use crate::session::prepare::Prepared;
use base::{Error, ErrorKind, Result};
use std::collections::HashMap;
use std::sync::Arc;

/// How many a session may hold.
const STATEMENTS_MAX: usize = 10_000;

/// A statement that is kept; None stands for an empty query string.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) statement: Option<Prepared>,
    /// Whether PREPARE made it, and not the protocol.
    pub(crate) from_sql: bool,
    /// When, in microseconds since 1970-01-01 UTC.
    pub(crate) at_us: i64,
}

/// The unnamed statement has the empty name.
#[derive(Debug, Default)]
pub(crate) struct PreparedStatements {
    by_name: Arc<HashMap<String, Kept>>,
}

impl PreparedStatements {
    /// Keeps a statement. The unnamed one replaces its predecessor; another name that is taken is 42P05, more than
    /// a session may hold 54000.
    pub(crate) fn keep(&mut self, name: String, kept: Kept) -> Result<()> {
        self.check_free(&name)?;
        Arc::make_mut(&mut self.by_name).insert(name, kept);
        Ok(())
    }

    /// 42P05 or 54000 when a statement of that name could not be kept.
    pub(crate) fn check_free(&self, name: &str) -> Result<()> {
        if !name.is_empty() && self.by_name.contains_key(name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(ErrorKind::DuplicateStatement, message));
        }
        if !self.by_name.contains_key(name) && self.by_name.len() >= STATEMENTS_MAX {
            let message = format!("a session may hold at most {STATEMENTS_MAX} prepared statements");
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("Close statements no longer used, or run DEALLOCATE."));
        }
        Ok(())
    }

    /// 26000 when there is none of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Prepared>> {
        self.by_name.get(name).map(|kept| kept.statement.clone()).ok_or_else(|| undefined(name))
    }

    /// One that can be executed: not of an empty query string.
    pub(crate) fn executable(&self, name: &str) -> Result<Prepared> {
        self.get(name)?.ok_or_else(|| undefined(name))
    }

    /// All of them, as they are now.
    pub(crate) fn all(&self) -> Arc<HashMap<String, Kept>> {
        Arc::clone(&self.by_name)
    }

    /// Takes a name back; whether it was given.
    pub(crate) fn forget(&mut self, name: &str) -> bool {
        self.by_name.contains_key(name) && Arc::make_mut(&mut self.by_name).remove(name).is_some()
    }

    /// DEALLOCATE: one by its name, 26000 when there is none, or all.
    pub(crate) fn deallocate(&mut self, name: Option<&str>) -> Result<()> {
        match name {
            None => self.by_name = Arc::default(),
            Some(name) if self.forget(name) => {}
            Some(name) => return Err(undefined(name)),
        }
        Ok(())
    }
}

fn undefined(name: &str) -> Error {
    let message = if name.is_empty() {
        "unnamed prepared statement does not exist".to_owned()
    } else {
        format!("prepared statement \"{name}\" does not exist")
    };
    Error::new(ErrorKind::UndefinedStatement, message)
}
