//! BEGIN, COMMIT and ROLLBACK as statements: their effect in each state of a block, warnings and tags.
//!
//! Invariant: the transaction's levels are those that SHOW tells.

use crate::session::core::Core;
use crate::session::transaction::Block;
use crate::session::variable::isolation_name;
use base::{Error, ErrorKind, Result};
use sql::bound::{BoundStatement, Isolation};

impl Core {
    /// BEGIN, COMMIT and ROLLBACK; None for other statements.
    pub(crate) fn transaction_statement(&mut self, statement: &BoundStatement) -> Result<Option<String>> {
        Ok(Some(match statement {
            BoundStatement::Begin { started, read_only, isolation } => {
                self.begin(*read_only, *isolation);
                if *started { "START TRANSACTION" } else { "BEGIN" }.to_owned()
            }
            BoundStatement::Commit { chain } => self.commit_statement(*chain)?,
            BoundStatement::Rollback { chain } => self.rollback_statement(*chain)?,
            _ => return Ok(None),
        }))
    }

    fn begin(&mut self, read_only: Option<bool>, isolation: Option<Isolation>) {
        match self.transaction.block() {
            Block::Explicit | Block::Failed => {
                self.notice("WARNING", "25001", "there is already a transaction in progress");
            }
            Block::Idle => {
                let (isolation, read_only) = self.default_levels();
                self.transaction.set_defaults(isolation, read_only);
                self.transaction.started(self.engine.now_us());
            }
            Block::Implicit => {}
        }
        self.transaction.make_explicit();
        self.transaction.isolation = isolation.unwrap_or(self.transaction.isolation);
        self.transaction.read_only = read_only.unwrap_or(self.transaction.read_only);
        self.note_levels();
    }

    fn commit_statement(&mut self, chain: bool) -> Result<String> {
        let levels = (self.transaction.isolation, self.transaction.read_only);
        let block = self.transaction.block();
        if matches!(block, Block::Idle | Block::Implicit) {
            if chain {
                return Err(only_in_blocks("COMMIT AND CHAIN"));
            }
            self.notice("WARNING", "25P01", "there is no transaction in progress");
        }
        let failed = block == Block::Failed;
        tokio::task::block_in_place(|| self.end_transaction(!failed))?;
        self.chain(chain, levels);
        Ok(if failed { "ROLLBACK" } else { "COMMIT" }.to_owned())
    }

    fn rollback_statement(&mut self, chain: bool) -> Result<String> {
        let levels = (self.transaction.isolation, self.transaction.read_only);
        if matches!(self.transaction.block(), Block::Idle | Block::Implicit) {
            if chain {
                return Err(only_in_blocks("ROLLBACK AND CHAIN"));
            }
            self.notice("WARNING", "25P01", "there is no transaction in progress");
        }
        self.rollback();
        self.chain(chain, levels);
        Ok("ROLLBACK".to_owned())
    }

    /// AND CHAIN: a new block with the levels of the one that ended.
    fn chain(&mut self, chain: bool, (isolation, read_only): (Isolation, bool)) {
        if chain {
            self.begin(Some(read_only), Some(isolation));
        }
    }

    /// Lets SHOW tell the levels of the transaction.
    pub(crate) fn note_levels(&mut self) {
        let isolation = isolation_name(self.transaction.isolation);
        let read_only = if self.transaction.read_only { "on" } else { "off" };
        self.variables.set_for_transaction("transaction_isolation", isolation);
        self.variables.set_for_transaction("transaction_read_only", read_only);
    }
}

fn only_in_blocks(what: &str) -> Error {
    Error::new(ErrorKind::NoActiveTransaction, format!("{what} can only be used in transaction blocks"))
}
