//! One connection after start-up: the loop over messages and what both query protocols share.
//!
//! Invariants: every message is answered in order; after an error in the extended protocol everything up
//! to Sync is skipped; a client that goes away stops what it runs.

use crate::cancel::SessionGuard;
use crate::extended::Extended;
use crate::frontend::FrontendMessage;
use crate::reply::{self, Severity};
use crate::wire::Wire;
use crate::{copy, simple};
use base::{Error, ErrorKind, Result};
use pgwire::messages::startup::{Authentication, BackendKeyData, ParameterStatus, SecretKey};
use query::api::{Execution, Prepared, Session};
use tokio::sync::watch;
use types::Datum;

/// A session and its socket.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) wire: Wire,
    pub(crate) session: Session,
    pub(crate) guard: SessionGuard,
}

/// Whether to go on after a message.
enum Next {
    Continue,
    End,
}

impl Connection {
    /// Greets the client and serves it until it leaves or `shutdown` turns true.
    pub(crate) async fn serve(mut self, mut shutdown: watch::Receiver<bool>) -> Result<()> {
        self.greet().await?;
        let mut extended = Extended::default();
        loop {
            let message = tokio::select! {
                message = self.wire.message() => message,
                _stopped = shutdown.wait_for(|stop| *stop) => {
                    let message = "terminating connection due to administrator command";
                    Err(Error::new(ErrorKind::Shutdown, message))
                }
            };
            let message = match message {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(()),
                Err(error) => {
                    reply::error(&mut self.wire, Severity::Fatal, &error)?;
                    return self.wire.flush().await;
                }
            };
            if let Next::End = self.handle(message, &mut extended).await? {
                return Ok(());
            }
        }
    }

    async fn greet(&mut self) -> Result<()> {
        self.guard.started(self.session.cancel_handle());
        self.wire.put(&Authentication::Ok)?;
        for (name, value) in self.session.reported_parameters() {
            self.wire.put(&ParameterStatus::new(name, value))?;
        }
        let key = self.guard.key;
        self.wire.put(&BackendKeyData::new(key.process_id, SecretKey::I32(key.secret)))?;
        reply::side_effects(&mut self.wire, &mut self.session)?;
        reply::ready(&mut self.wire, &self.session)?;
        self.wire.flush().await
    }

    async fn handle(&mut self, message: FrontendMessage, extended: &mut Extended) -> Result<Next> {
        match message {
            FrontendMessage::Terminate => return Ok(Next::End),
            FrontendMessage::Query(text) => {
                extended.end_of_pipeline();
                simple::query(self, &text).await?;
                if self.session.status() == query::api::TransactionStatus::Idle {
                    extended.drop_portals();
                }
                reply::ready(&mut self.wire, &self.session)?;
                self.wire.flush().await?;
            }
            FrontendMessage::Sync => {
                extended.sync(self).await?;
                reply::ready(&mut self.wire, &self.session)?;
                self.wire.flush().await?;
            }
            FrontendMessage::Flush => self.wire.flush().await?,
            // Left over from a COPY that failed: the client had not heard of it yet.
            FrontendMessage::CopyData(_) | FrontendMessage::CopyDone | FrontendMessage::CopyFail(_) => {}
            FrontendMessage::Password => return self.fatal("unexpected password message").await,
            FrontendMessage::FunctionCall => {
                let error = Error::unsupported("function call messages are not supported")
                    .with_hint("Call the function with SELECT.");
                reply::error(&mut self.wire, Severity::Error, &error)?;
                reply::ready(&mut self.wire, &self.session)?;
                self.wire.flush().await?;
            }
            other => extended.message(self, other).await?,
        }
        Ok(Next::Continue)
    }

    async fn fatal(&mut self, message: &str) -> Result<Next> {
        let error = Error::new(ErrorKind::ProtocolViolation, message);
        reply::error(&mut self.wire, Severity::Fatal, &error)?;
        self.wire.flush().await?;
        Ok(Next::End)
    }

    /// Executes while watching the socket: a client that closes its side cancels what it runs.
    pub(crate) async fn execute(
        &mut self,
        prepared: &Prepared,
        parameters: Vec<Datum>,
        last: bool,
    ) -> Result<Execution> {
        let cancel = self.session.cancel_handle();
        let running = self.session.execute(prepared, parameters, last);
        tokio::pin!(running);
        tokio::select! {
            biased;
            result = &mut running => return result,
            () = Wire::closed(self.wire.reader()) => cancel.cancel(),
        }
        running.await
    }

    /// Runs a COPY conversation that `execute` began; the command tag.
    pub(crate) async fn copy(&mut self, execution: Execution) -> Result<Option<String>> {
        match execution {
            Execution::CopyIn(copy_in) => copy::receive(self, copy_in).await.map(Some),
            Execution::CopyOut { columns, header, rows } => {
                copy::send(&mut self.wire, columns, header, rows).await.map(Some)
            },
            Execution::Command(tag) => Ok(Some(tag)),
            Execution::Empty | Execution::Rows { .. } => Ok(None),
        }
    }
}
