//! Statements about the session itself: SET, SHOW, RESET, DISCARD, PREPARE, DEALLOCATE, CHECKPOINT and the ends of transactions.
//!
//! Invariant: none of them reads a table.

use crate::api::Execution;
use crate::session::core::Core;
use crate::session::prepare::{self, Prepared, text_columns};
use crate::session::rows::{ready, text_rows};
use crate::session::sequences::Remembered;
use crate::session::statements::Kept;
use crate::session::transaction::Block;
use crate::settings::{Scope, definition, definitions, is_hidden};
use base::{Error, ErrorKind, Result};
use sql::bound::{BoundPrepare, BoundStatement, Isolation, SettingValue};

impl Core {
    /// Carries out a statement that needs no snapshot; None when `statement` is not one.
    pub(crate) fn session_statement(&mut self, prepared: &Prepared, last: bool) -> Result<Option<Execution>> {
        let statement = prepared.statement()?;
        if let Some(tag) = self.transaction_statement(statement)? {
            return Ok(Some(Execution::Command(tag)));
        }
        let execution = match statement {
            BoundStatement::Set { name, value, local } => {
                self.set(name, value, *local)?;
                Execution::Command("SET".to_owned())
            }
            BoundStatement::SetTransaction { read_only, isolation, session } => {
                self.set_transaction(*read_only, *isolation, *session)?;
                Execution::Command("SET".to_owned())
            }
            BoundStatement::Show { name } => self.show(name)?,
            BoundStatement::ShowAll => self.show_all()?,
            BoundStatement::Reset { name } => {
                match name {
                    Some(name) => self.variables.reset(name)?,
                    None => self.variables.reset_all(),
                }
                Execution::Command("RESET".to_owned())
            }
            BoundStatement::Checkpoint => {
                let database = self.engine.database().clone();
                tokio::task::block_in_place(|| database.flush().and_then(|()| database.checkpoint()))?;
                Execution::Command("CHECKPOINT".to_owned())
            }
            BoundStatement::DiscardAll => {
                self.not_in_block("DISCARD ALL")?;
                self.variables.reset_all();
                self.statements.deallocate(None)?;
                Remembered::forget(&self.remembered);
                tokio::task::block_in_place(|| self.drop_temporary())?;
                Execution::Command("DISCARD ALL".to_owned())
            }
            BoundStatement::DiscardTemp => {
                self.not_in_block("DISCARD TEMP")?;
                tokio::task::block_in_place(|| self.drop_temporary())?;
                Execution::Command("DISCARD TEMP".to_owned())
            }
            BoundStatement::DiscardSequences => {
                Remembered::forget(&self.remembered);
                Execution::Command("DISCARD SEQUENCES".to_owned())
            }
            BoundStatement::Prepare(prepare) => {
                self.keep_prepared(prepared, prepare)?;
                Execution::Command("PREPARE".to_owned())
            }
            BoundStatement::Deallocate { name } => {
                self.statements.deallocate(name.as_deref())?;
                let all = if name.is_none() { " ALL" } else { "" };
                Execution::Command(format!("DEALLOCATE{all}"))
            }
            _ => return Ok(None),
        };
        if self.transaction.block() == Block::Idle {
            if last {
                self.variables.end_transaction(true);
            } else {
                self.transaction.make_implicit();
            }
        }
        Ok(Some(execution))
    }

    /// PREPARE, written in the query string of `whole`.
    fn keep_prepared(&mut self, whole: &Prepared, prepare: &BoundPrepare) -> Result<()> {
        let BoundPrepare { name, types, statement } = prepare;
        self.statements.check_free(name)?;
        let statement = Some(prepare::prepare(self, &whole.inner(statement), types)?);
        let kept = Kept { statement, from_sql: true, at_us: self.engine.now_us() };
        self.statements.keep(name.clone(), kept)
    }

    fn not_in_block(&self, what: &str) -> Result<()> {
        if self.transaction.block() == Block::Explicit {
            let message = format!("{what} cannot run inside a transaction block");
            return Err(Error::new(ErrorKind::ActiveTransaction, message));
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: &SettingValue, local: bool) -> Result<()> {
        if let Some(d) = definition(name)
            && d.scope == Scope::Transaction
        {
            return self.set_level(d.name, value);
        }
        if local && self.transaction.block() == Block::Idle {
            self.notice("WARNING", "25P01", "SET LOCAL can only be used in transaction blocks");
        }
        if name.eq_ignore_ascii_case("nyala.as_of")
            && let SettingValue::Values(values) = value
        {
            let checked = self.checked_as_of(&values.join(", "))?;
            return self.variables.set(name, &[checked], local);
        }
        match value {
            SettingValue::Default if local => {
                let default = definition(name).map(|d| d.default).unwrap_or_default();
                self.variables.set(name, &[default.to_owned()], true)
            }
            SettingValue::Default => self.variables.reset(name),
            SettingValue::Values(values) => self.variables.set(name, values, local),
        }
    }

    /// A level of the transaction, set as a variable.
    fn set_level(&mut self, name: &str, value: &SettingValue) -> Result<()> {
        let Some(d) = definition(name) else {
            return Err(Error::internal("a level of transactions without definition"));
        };
        let wanted = match value {
            SettingValue::Default => d.default.to_owned(),
            SettingValue::Values(values) => d.check(&values.join(" "))?,
        };
        match name {
            "transaction_isolation" => {
                let isolation = match wanted.as_str() {
                    "repeatable read" => Isolation::RepeatableRead,
                    "read uncommitted" => Isolation::ReadUncommitted,
                    _ => Isolation::ReadCommitted,
                };
                self.set_transaction(None, Some(isolation), false)
            }
            "transaction_read_only" => self.set_transaction(Some(wanted == "on"), None, false),
            // transaction_deferrable: `check` lets only its one value through.
            _ => Ok(()),
        }
    }

    /// SET TRANSACTION, and SET SESSION CHARACTERISTICS AS TRANSACTION.
    fn set_transaction(
        &mut self,
        read_only: Option<bool>,
        isolation: Option<Isolation>,
        session: bool,
    ) -> Result<()> {
        if session {
            if let Some(isolation) = isolation {
                self.variables.set(
                    "default_transaction_isolation",
                    &[isolation_name(isolation).to_owned()],
                    false,
                )?;
            }
            if let Some(read_only) = read_only {
                let value = if read_only { "on" } else { "off" };
                self.variables.set("default_transaction_read_only", &[value.to_owned()], false)?;
            }
            return Ok(());
        }
        if self.transaction.block() == Block::Idle {
            self.notice("WARNING", "25P01", "SET TRANSACTION can only be used in transaction blocks");
            return Ok(());
        }
        let in_use = self.transaction.in_use;
        if let Some(isolation) = isolation {
            if in_use && isolation != self.transaction.isolation {
                let message = "SET TRANSACTION ISOLATION LEVEL must be called before any query";
                return Err(Error::new(ErrorKind::ActiveTransaction, message));
            }
            self.transaction.isolation = isolation;
        }
        if let Some(read_only) = read_only {
            if in_use && self.transaction.read_only && !read_only {
                let message = "transaction read-write mode must be set before any query";
                return Err(Error::new(ErrorKind::ActiveTransaction, message));
            }
            self.transaction.read_only = read_only;
        }
        self.note_levels();
        Ok(())
    }

    /// Outside a transaction its levels are those that the next one starts with.
    fn shown(&self, name: &str) -> Result<String> {
        let outside = self.transaction.block() == Block::Idle;
        match definition(name).map(|d| d.name) {
            Some("transaction_isolation") if outside => self.variables.show("default_transaction_isolation"),
            Some("transaction_read_only") if outside => self.variables.show("default_transaction_read_only"),
            _ => self.variables.show(name),
        }
    }

    fn show(&mut self, name: &str) -> Result<Execution> {
        let value = self.shown(name)?;
        let column = definition(name).map_or(name, |d| d.name);
        Ok(ready(text_columns(&[column]), text_rows(&[vec![value]])?, "SHOW"))
    }

    fn show_all(&mut self) -> Result<Execution> {
        let rows: Vec<Vec<String>> = definitions()
            .iter()
            .filter(|d| !is_hidden(d.name))
            .map(|d| Ok(vec![d.name.to_owned(), self.shown(d.name)?, d.description.to_owned()]))
            .collect::<Result<_>>()?;
        Ok(ready(text_columns(&["name", "setting", "description"]), text_rows(&rows)?, "SHOW"))
    }
}

/// An isolation level as variables tell it.
pub(crate) fn isolation_name(isolation: Isolation) -> &'static str {
    match isolation {
        Isolation::ReadUncommitted => "read uncommitted",
        Isolation::ReadCommitted => "read committed",
        Isolation::RepeatableRead => "repeatable read",
    }
}
