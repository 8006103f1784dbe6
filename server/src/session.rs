//! One connection after start-up: the loop over messages and what both query protocols share.
//!
//! Invariants: every message is answered in order; after an error in the extended protocol everything up
//! to Sync is skipped; a message with a malformed body ends its statement, one with a malformed frame the
//! connection; a client that goes away stops what it runs.

use crate::cancel::SessionGuard;
use crate::extended::Extended;
use crate::frontend::FrontendMessage;
use crate::reply::{self, Severity};
use crate::wire::Wire;
use crate::{copy, simple};
use base::{Error, ErrorKind, Result};
use pgwire::messages::startup::{Authentication, BackendKeyData, SecretKey};
use query::api::{CancelHandle, Change, ChangeOutcome, Execution, Prepared, Session, TransactionStatus};
use std::collections::HashMap;
use std::future::Future;
use tokio::net::tcp::OwnedReadHalf;
use types::Datum;

/// A session and its socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) wire: Wire,
    pub(crate) session: Session,
    pub(crate) guard: SessionGuard,
    /// DISCARD ALL was run: portals are to be forgotten.
    discarded: bool,
    /// Parameters as the client was told of them last.
    reported: HashMap<String, String>,
}

/// Whether to go on after a message.
enum Next {
    Continue,
    /// The client left.
    End,
    /// The client is to read the last reply.
    Close,
}

impl Connection {
    pub(crate) fn new(wire: Wire, session: Session, guard: SessionGuard) -> Self {
        Self { wire, session, guard, discarded: false, reported: HashMap::new() }
    }

    /// Greets the client and serves it until it leaves or the server is to stop.
    pub(crate) async fn serve(mut self) -> Result<()> {
        self.greet().await?;
        let mut extended = Extended::default();
        loop {
            let next = match self.wire.message().await {
                Ok(Some(message)) => self.handle(message, &mut extended).await?,
                Ok(None) => return Ok(()),
                Err(error) => match self.wire.malformed() {
                    Some(tag) => self.malformed(tag, &error, &mut extended).await?,
                    None => self.fatal(&error)?,
                },
            };
            if std::mem::take(&mut self.discarded) {
                extended.drop_portals();
            }
            match next {
                Next::Continue => {}
                Next::End => return Ok(()),
                Next::Close => return self.wire.close().await,
            }
        }
    }

    async fn greet(&mut self) -> Result<()> {
        self.guard.started(self.session.cancel_handle());
        self.wire.put(&Authentication::Ok)?;
        for (name, value) in self.session.reported_parameters() {
            self.reported.insert(name.clone(), value.clone());
            reply::parameter(&mut self.wire, name, value)?;
        }
        let key = self.guard.key;
        self.wire.put(&BackendKeyData::new(key.process_id, SecretKey::I32(key.secret)))?;
        reply::notices(&mut self.wire, &mut self.session)?;
        self.ready().await
    }

    async fn handle(&mut self, message: FrontendMessage, extended: &mut Extended) -> Result<Next> {
        match message {
            FrontendMessage::Terminate => return Ok(Next::End),
            FrontendMessage::Sync => {
                extended.sync(self).await?;
                self.ready().await?;
            }
            FrontendMessage::Flush => self.wire.flush().await?,
            FrontendMessage::Password => {
                return self.fatal(&Error::new(ErrorKind::ProtocolViolation, "unexpected password message"));
            }
            _ if extended.is_skipping() => {}
            FrontendMessage::Query(text) => {
                extended.simple_query(self);
                simple::query(self, &text).await?;
                if self.session.status() == TransactionStatus::Idle {
                    extended.drop_portals();
                }
                self.ready().await?;
            }
            // Left over from a COPY that failed: the client had not heard of it yet.
            FrontendMessage::CopyData(_) | FrontendMessage::CopyDone | FrontendMessage::CopyFail(_) => {}
            FrontendMessage::FunctionCall => {
                let error = Error::unsupported("function call messages are not supported")
                    .with_hint("Call the function with SELECT.");
                self.failed(&error).await?;
                self.ready().await?;
            }
            other => extended.message(self, other).await?,
        }
        Ok(Next::Continue)
    }

    /// Answers a message of type `tag` whose body is not what the type demands.
    async fn malformed(&mut self, tag: u8, error: &Error, extended: &mut Extended) -> Result<Next> {
        match tag {
            b'X' => return Ok(Next::End),
            // As well-formed ones outside of COPY.
            b'd' | b'c' | b'f' => {}
            b'S' => {
                extended.end_skipping();
                self.failed(error).await?;
                self.ready().await?;
            }
            _ if extended.is_skipping() => {}
            b'Q' => {
                self.failed(error).await?;
                self.ready().await?;
            }
            _ => extended.failed(self, error).await?,
        }
        Ok(Next::Continue)
    }

    /// Tells of an error and lets the transaction feel it.
    pub(crate) async fn failed(&mut self, error: &Error) -> Result<()> {
        // Asked before the transaction that may have created it ends.
        let schema = error.subject().and_then(|subject| self.session.schema_name(subject.schema));
        self.session.fail().await;
        reply::notices(&mut self.wire, &mut self.session)?;
        reply::error(&mut self.wire, Severity::Error, error, schema.as_deref())
    }

    /// Tells of parameters that have changed, as PostgreSQL does since version 14, then of readiness.
    async fn ready(&mut self) -> Result<()> {
        for (name, value) in self.session.take_parameter_changes() {
            if self.reported.get(&name) != Some(&value) {
                self.reported.insert(name.clone(), value.clone());
                reply::parameter(&mut self.wire, name, value)?;
            }
        }
        reply::ready(&mut self.wire, &self.session)?;
        self.wire.flush().await
    }

    fn fatal(&mut self, error: &Error) -> Result<Next> {
        reply::error(&mut self.wire, Severity::Fatal, error, None)?;
        Ok(Next::Close)
    }

    /// Executes while watching the socket: a client that closes its side cancels what it runs.
    pub(crate) async fn execute(
        &mut self,
        prepared: &Prepared,
        parameters: Vec<Datum>,
        last: bool,
    ) -> Result<Execution> {
        let cancel = self.session.cancel_handle();
        watched(self.wire.reader(), &cancel, self.session.execute(prepared, parameters, last)).await
    }

    /// As `execute`, one after the other up to the first that fails; with the notices of each.
    pub(crate) async fn execute_changes(&mut self, changes: Vec<Change>) -> Result<Vec<ChangeOutcome>> {
        let cancel = self.session.cancel_handle();
        watched(self.wire.reader(), &cancel, self.session.execute_changes(changes)).await
    }

    /// Runs a COPY conversation that `execute` began; the command tag.
    pub(crate) async fn copy(&mut self, execution: Execution) -> Result<Option<String>> {
        match execution {
            Execution::CopyIn(copy_in) => copy::receive(self, copy_in).await.map(Some),
            Execution::CopyOut { columns, header, rows } => {
                copy::send(&mut self.wire, columns, header, rows).await.map(Some)
            }
            Execution::Command(tag) => {
                self.discarded |= tag == "DISCARD ALL";
                Ok(Some(tag))
            }
            Execution::Empty | Execution::Rows { .. } => Ok(None),
        }
    }
}

/// The result of what runs, which is cancelled when the client closes its side.
async fn watched<T>(
    reader: &mut OwnedReadHalf,
    cancel: &CancelHandle,
    running: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::pin!(running);
    tokio::select! {
        biased;
        result = &mut running => return result,
        () = Wire::closed(reader) => cancel.cancel(),
    }
    running.await
}
