//! COPY FROM STDIN: bytes of the client to a task of the query threads that has the transaction meanwhile.
//!
//! Invariant: the transaction comes back only when all data arrived and was written; otherwise it is rolled back.

use crate::copy::loader::TextLoader;
use crate::interrupt::Running;
use crate::threads::{QueryThreads, Task};
use base::{Error, ErrorKind, Result};
use bytes::Bytes;
use storage::Transaction;
use tokio::sync::mpsc;
use tokio::task::block_in_place;

/// Pieces of data that wait between the connection and the loader.
const PIECES_WAITING_MAX: usize = 4;

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Finish,
}

/// Takes the bytes of COPY FROM STDIN. Dropping it gives the data up and rolls the transaction back.
#[derive(Debug)]
pub struct CopyIn {
    pub columns: usize,
    sender: mpsc::Sender<Piece>,
    task: Option<Task<Result<Loaded>>>,
    /// The statement is a transaction of its own.
    own: bool,
    _running: Running,
}

/// What the task hands back.
#[derive(Debug)]
struct Loaded {
    transaction: Transaction,
    rows: u64,
}

impl CopyIn {
    /// Starts the task.
    pub(crate) fn start(
        columns: usize,
        mut loader: TextLoader,
        mut transaction: Transaction,
        own: bool,
        running: Running,
        threads: &QueryThreads,
    ) -> Self {
        let (sender, mut receiver) = mpsc::channel(PIECES_WAITING_MAX);
        let interrupt = running.interrupt.clone();
        let task = threads.spawn(async move {
            loop {
                match interrupt.guard(async { Ok(receiver.recv().await) }).await? {
                    Some(Piece::Bytes(bytes)) => block_in_place(|| loader.push(&bytes, &mut transaction))?,
                    Some(Piece::Finish) => {
                        let rows = block_in_place(|| loader.finish(&mut transaction))?;
                        return Ok(Loaded { transaction, rows });
                    }
                    None => return Err(Error::new(ErrorKind::Cancelled, "COPY from stdin failed")),
                }
            }
        });
        Self { columns, sender, task: Some(task), own, _running: running }
    }

    /// Hands over the next bytes. An error may be about bytes handed over before; the COPY is over then.
    pub async fn push(&mut self, bytes: Bytes) -> Result<()> {
        if self.sender.send(Piece::Bytes(bytes)).await.is_ok() {
            return Ok(());
        }
        Err(self.failure().await)
    }

    /// Why the task ended early.
    async fn failure(&mut self) -> Error {
        match self.task.take() {
            None => Error::internal("COPY goes on behind its error"),
            Some(task) => match task.join().await {
                Ok(Err(error)) | Err(error) => error,
                Ok(Ok(_)) => Error::internal("COPY ended before its data"),
            },
        }
    }
}

/// Waits until all is written: the transaction, the number of rows, and whether the statement was its own transaction.
pub(crate) async fn finish(mut copy: CopyIn) -> Result<(Transaction, u64, bool)> {
    if copy.sender.send(Piece::Finish).await.is_err() {
        return Err(copy.failure().await);
    }
    let task = copy.task.take().ok_or_else(|| Error::internal("COPY was finished twice"))?;
    let loaded = task.join().await??;
    Ok((loaded.transaction, loaded.rows, copy.own))
}
