//! set_config(): parameters that a statement changes while it runs, carried out by the session behind it.
//!
//! Invariant: a change is checked when it is made, and made in the session before its next statement or the end of its
//! transaction.

use crate::lower::Parameters;
use crate::session::core::Core;
use crate::session::transaction::Block;
use crate::settings::Variables;
use base::Result;
use base::sync::{Mutex, PoisonError};

/// What the running statement changed. Guards the values as the statement sees them, and the changes in their order.
#[derive(Debug, Default)]
pub(crate) struct ParameterChanges {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    variables: Variables,
    made: Vec<Change>,
}

#[derive(Debug)]
struct Change {
    name: String,
    value: Option<String>,
    local: bool,
}

impl ParameterChanges {
    /// A statement begins with these values.
    pub(crate) fn begin(&self, variables: Variables) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.made.is_empty() {
            state.variables = variables;
        }
    }

    fn take(&self) -> Vec<Change> {
        std::mem::take(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner).made)
    }
}

impl Parameters for ParameterChanges {
    fn set(&self, name: &str, value: Option<&str>, local: bool) -> Result<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.variables.set_text(name, value, local)?;
        let shown = state.variables.show(name).unwrap_or_default();
        let change = Change { name: name.to_owned(), value: value.map(str::to_owned), local };
        state.made.push(change);
        Ok(shown)
    }

    fn show(&self, name: &str) -> Option<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).variables.show(name).ok()
    }
}

impl Core {
    /// Makes the changes of the last statement in the session. Behind a transaction those that were local to it are over.
    pub(crate) fn apply_parameter_changes(&mut self) {
        let changes = self.changes.take();
        if changes.is_empty() {
            return;
        }
        let outside = self.transaction.block() == Block::Idle;
        for Change { name, value, local } in changes {
            if local && outside {
                continue;
            }
            // It was checked when it was made.
            let _checked = self.variables.set_text(&name, value.as_deref(), local);
        }
        if outside {
            self.variables.end_transaction(true);
        }
    }
}
