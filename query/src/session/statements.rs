//! The prepared statements of a session, by name.
//!
//! Must not know how they are run. Invariant: a name other than the empty one is given once until it is taken back.

use crate::session::prepare::Prepared;
use base::{Error, ErrorKind, Result};
use std::collections::HashMap;

/// How many a session may hold.
const STATEMENTS_MAX: usize = 10_000;

/// The unnamed statement has the empty name; None stands for an empty query string.
#[derive(Debug, Default)]
pub(crate) struct PreparedStatements {
    by_name: HashMap<String, Option<Prepared>>,
}

impl PreparedStatements {
    /// Keeps a statement. The unnamed one replaces its predecessor; another name that is taken is 42P05, more than
    /// a session may hold 54000.
    pub(crate) fn keep(&mut self, name: String, statement: Option<Prepared>) -> Result<()> {
        if !name.is_empty() && self.by_name.contains_key(&name) {
            let message = format!("prepared statement \"{name}\" already exists");
            return Err(Error::new(ErrorKind::DuplicateStatement, message));
        }
        if !self.by_name.contains_key(&name) && self.by_name.len() >= STATEMENTS_MAX {
            let message = format!("a session may hold at most {STATEMENTS_MAX} prepared statements");
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("Close statements no longer used, or run DEALLOCATE."));
        }
        self.by_name.insert(name, statement);
        Ok(())
    }

    /// 26000 when there is none of that name.
    pub(crate) fn get(&self, name: &str) -> Result<Option<Prepared>> {
        self.by_name.get(name).cloned().ok_or_else(|| undefined(name))
    }

    /// Takes a name back; whether it was given.
    pub(crate) fn forget(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// DEALLOCATE: one by its name, 26000 when there is none, or all.
    pub(crate) fn deallocate(&mut self, name: Option<&str>) -> Result<()> {
        match name {
            None => self.by_name.clear(),
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
