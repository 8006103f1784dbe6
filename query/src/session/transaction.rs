//! The state of a session's transaction.
//!
//! | from     | to       | by                                              |
//! |----------|----------|-------------------------------------------------|
//! | Idle     | Implicit | a statement that is not the last before the end |
//! | Idle, Implicit | Explicit | BEGIN                                     |
//! | Implicit | Idle     | finish_implicit, COMMIT, ROLLBACK, an error     |
//! | Explicit | Idle     | COMMIT, ROLLBACK                                |
//! | Explicit | Failed   | an error                                        |
//! | Failed   | Idle     | COMMIT and ROLLBACK, which both roll back       |
//!
//! Invariant: in Idle and Failed there is no storage transaction.

use crate::api::TransactionStatus;
use base::{Error, ErrorKind, Result};
use sql::bound::Isolation;
use storage::{Database, ReadView, Transaction};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Idle,
    Implicit,
    Explicit,
    Failed,
}

/// The transaction of a session.
#[derive(Debug)]
pub(crate) struct SessionTransaction {
    block: Block,
    /// Who reads, for nyala.pins.
    owner: String,
    /// Begun with the first statement that writes, or reads under REPEATABLE READ.
    storage: Option<Transaction>,
    pub(crate) isolation: Isolation,
    pub(crate) read_only: bool,
    /// A statement has read or written already: the isolation level is fixed.
    pub(crate) in_use: bool,
    /// now() in microseconds since 1970-01-01 UTC; set when the transaction starts.
    started_us: Option<i64>,
}

impl SessionTransaction {
    pub(crate) fn new(process_id: i32) -> Self {
        Self {
            owner: format!("session {process_id}"),
            block: Block::Idle,
            storage: None,
            isolation: Isolation::ReadCommitted,
            read_only: false,
            in_use: false,
            started_us: None,
        }
    }

    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    pub(crate) fn block(&self) -> Block {
        self.block
    }

    pub(crate) fn status(&self) -> TransactionStatus {
        match self.block {
            Block::Idle | Block::Implicit => TransactionStatus::Idle,
            Block::Explicit => TransactionStatus::InBlock,
            Block::Failed => TransactionStatus::Failed,
        }
    }

    /// 25P02 in a failed block.
    pub(crate) fn check_not_failed(&self) -> Result<()> {
        if self.block == Block::Failed {
            let message = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(Error::new(ErrorKind::FailedTransaction, message));
        }
        Ok(())
    }

    /// Start of the transaction; `now_us` begins it.
    pub(crate) fn started(&mut self, now_us: i64) -> i64 {
        *self.started_us.get_or_insert(now_us)
    }

    /// Start of the transaction, if it has one yet.
    pub(crate) fn started_us(&self) -> Option<i64> {
        self.started_us
    }

    /// A transaction whose levels come from the session's defaults.
    pub(crate) fn set_defaults(&mut self, isolation: Isolation, read_only: bool) {
        self.isolation = isolation;
        self.read_only = read_only;
    }

    pub(crate) fn make_implicit(&mut self) {
        if self.block == Block::Idle {
            self.block = Block::Implicit;
        }
    }

    pub(crate) fn make_explicit(&mut self) {
        self.block = Block::Explicit;
    }

    /// The state that the next statement, which writes nothing, reads.
    pub(crate) fn read_view(&mut self, database: &Database) -> ReadView {
        self.in_use = true;
        if self.storage.is_none() && !self.keeps_snapshot() {
            return database.snapshot_for(&self.owner).view();
        }
        self.command(database).view()
    }

    /// The storage transaction at the beginning of a command.
    pub(crate) fn command(&mut self, database: &Database) -> &mut Transaction {
        self.in_use = true;
        let keeps = self.keeps_snapshot();
        let fresh = self.storage.is_none();
        let transaction = self.storage.get_or_insert_with(|| database.begin_for(&self.owner));
        if !fresh {
            if !keeps {
                transaction.refresh();
            }
            transaction.begin_command();
        }
        transaction
    }

    /// The storage transaction in the midst of a statement whose next step sees what it wrote so far.
    pub(crate) fn step(&mut self) -> Result<&mut Transaction> {
        let keeps = self.keeps_snapshot();
        let transaction = self.current()?;
        if !keeps {
            transaction.refresh();
        }
        transaction.begin_command();
        Ok(transaction)
    }

    /// The storage transaction, begun before by `command`.
    pub(crate) fn current(&mut self) -> Result<&mut Transaction> {
        self.storage.as_mut().ok_or_else(|| Error::internal("there is no storage transaction"))
    }

    pub(crate) fn storage(&self) -> Option<&Transaction> {
        self.storage.as_ref()
    }

    /// Takes the storage transaction out, for a task that writes through it; `give_back` returns it.
    pub(crate) fn lend(&mut self) -> Result<Transaction> {
        self.storage.take().ok_or_else(|| Error::internal("there is no storage transaction"))
    }

    pub(crate) fn give_back(&mut self, transaction: Transaction) {
        self.storage = Some(transaction);
    }

    /// One snapshot for all statements, in a block that asked for it.
    pub(crate) fn keeps_snapshot(&self) -> bool {
        self.isolation == Isolation::RepeatableRead && matches!(self.block, Block::Explicit | Block::Implicit)
    }

    /// Commits what was written and ends the transaction, also when the commit fails. Blocks the thread.
    pub(crate) fn commit(&mut self) -> Result<()> {
        let storage = self.storage.take();
        self.end();
        match storage {
            Some(transaction) if transaction.has_writes() => transaction.commit().map(drop),
            Some(transaction) => {
                transaction.rollback();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Undoes what was written and ends the transaction.
    pub(crate) fn rollback(&mut self) {
        if let Some(transaction) = self.storage.take() {
            transaction.rollback();
        }
        self.end();
    }

    /// Undoes what was written; the block stays, to be ended by the client.
    pub(crate) fn fail_block(&mut self) {
        self.rollback();
        self.block = Block::Failed;
    }

    fn end(&mut self) {
        self.block = Block::Idle;
        self.in_use = false;
        self.started_us = None;
    }
}
