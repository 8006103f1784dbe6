//! The extended query protocol: prepared statements, portals with row limits, pipelines up to Sync.
//!
//! Invariants: portals end with their transaction; after an error nothing runs until Sync; replies of a
//! pipeline are sent together at Sync, at Flush, or when the output buffer is full.

use crate::describe;
use crate::frontend::{BindMessage, Format, FrontendMessage, Target};
use crate::pipeline::Pipeline;
use crate::reply;
use crate::rows::{Cursor, Progress};
use crate::session::Connection;
use base::id::Oid;
use base::{Error, ErrorKind, Result};
use pgwire::messages::data::NoData;
use pgwire::messages::extendedquery::{BindComplete, CloseComplete, ParseComplete, PortalSuspended};
use pgwire::messages::response::EmptyQueryResponse;
use query::api::{Change, Execution, Prepared, TransactionStatus};
use std::collections::HashMap;
use types::IoSettings;
use types::{Datum, SqlType};

/// What the decoder of values says of a wrong number of bytes.
const WRONG_LENGTH: &str = "incorrect binary data format";

/// State of the extended protocol of one connection.
#[derive(Debug, Default)]
pub(crate) struct Extended {
    portals: HashMap<String, Portal>,
    /// Changes that are to run before anything else does.
    pipeline: Pipeline,
    /// An error happened: skip until Sync.
    skipping: bool,
}

#[derive(Debug)]
struct Portal {
    /// None: an empty query string.
    statement: Option<Prepared>,
    parameters: Vec<Datum>,
    formats: Vec<Format>,
    state: PortalState,
}

#[derive(Debug)]
enum PortalState {
    Ready,
    Suspended(Box<Cursor>),
    Done,
}

impl Extended {
    /// A simple query replaces the unnamed statement and portal.
    pub(crate) fn simple_query(&mut self, connection: &mut Connection) {
        connection.session.forget_statement("");
        self.portals.remove("");
    }

    pub(crate) fn is_skipping(&self) -> bool {
        self.skipping
    }

    pub(crate) fn end_skipping(&mut self) {
        self.skipping = false;
    }

    pub(crate) fn drop_portals(&mut self) {
        self.portals.clear();
    }

    pub(crate) async fn sync(&mut self, connection: &mut Connection) -> Result<()> {
        if !self.skipping {
            if let Err(error) = connection.session.finish_implicit().await {
                connection.failed(&error).await?;
            }
            reply::notices(&mut connection.wire, &mut connection.session)?;
        }
        self.skipping = false;
        if connection.session.status() == TransactionStatus::Idle {
            self.drop_portals();
        }
        Ok(())
    }

    pub(crate) async fn message(
        &mut self,
        connection: &mut Connection,
        message: FrontendMessage,
    ) -> Result<()> {
        let mut outcome = self.dispatch(connection, message).await;
        if outcome.is_ok() && !self.pipeline.may_wait(connection) {
            outcome = self.pipeline.run(connection).await;
        }
        if let Err(error) = outcome {
            self.failed(connection, &error).await?;
        }
        // What waits has its replies before those that are queued.
        if self.pipeline.is_empty() { connection.wire.relieve().await } else { Ok(()) }
    }

    /// Tells of an error, or of one that came before it; what follows is skipped.
    pub(crate) async fn failed(&mut self, connection: &mut Connection, error: &Error) -> Result<()> {
        let earlier = self.pipeline.run(connection).await.err();
        self.skipping = true;
        connection.failed(earlier.as_ref().unwrap_or(error)).await
    }

    async fn dispatch(&mut self, connection: &mut Connection, message: FrontendMessage) -> Result<()> {
        match message {
            FrontendMessage::Parse { statement, query, types } => {
                self.parse(connection, statement, &query, &types).await
            }
            FrontendMessage::Bind(bind) => self.bind(connection, bind).await,
            FrontendMessage::Describe(target) => self.describe(connection, &target),
            FrontendMessage::Execute { portal, rows_max } => {
                self.execute(connection, &portal, rows_max).await
            }
            FrontendMessage::Close(target) => {
                match target {
                    Target::Statement(name) => connection.session.forget_statement(&name),
                    Target::Portal(name) => drop(self.portals.remove(&name)),
                }
                connection.wire.put(&CloseComplete::new())
            }
            other => Err(Error::internal(format!("message outside the extended protocol: {other:?}"))),
        }
    }

    async fn parse(
        &mut self,
        connection: &mut Connection,
        name: String,
        query: &str,
        types: &[u32],
    ) -> Result<()> {
        if name.is_empty() {
            // It is gone even when the new one has an error.
            connection.session.forget_statement("");
        }
        let parsed = connection.session.parse(query).await?;
        let prepared = match parsed.as_slice() {
            [] => None,
            [one] => {
                let types: Vec<Oid> = types.iter().copied().map(Oid).collect();
                Some(connection.session.prepare(one, &types).await?)
            }
            _ => {
                let message = "cannot insert multiple commands into a prepared statement";
                return Err(Error::new(ErrorKind::Syntax, message));
            }
        };
        connection.session.keep_statement(name, prepared)?;
        connection.wire.put(&ParseComplete::new())
    }

    async fn bind(&mut self, connection: &mut Connection, bind: BindMessage) -> Result<()> {
        let mut statement = connection.session.kept_statement(&bind.statement)?;
        let ends_transaction = statement.as_ref().is_some_and(|s| s.ends_transaction());
        if !ends_transaction {
            check_not_failed(connection)?;
        }
        if !bind.portal.is_empty() && self.portals.contains_key(&bind.portal) {
            let message = format!("cursor \"{}\" already exists", bind.portal);
            return Err(Error::new(ErrorKind::DuplicateCursor, message));
        }
        let io = connection.session.io_settings();
        let types = statement.as_ref().map_or(&[][..], |s| s.parameter_types.as_slice());
        let parameters = parameters(&bind, types, &io)?;
        if let Some(prepared) = statement.take() {
            if prepared.depends_on_values() {
                self.pipeline.run(connection).await?;
            }
            statement = Some(connection.session.with_values(prepared, &parameters).await?);
        }
        let columns = statement.as_ref().and_then(|s| s.output.as_ref()).map_or(0, Vec::len);
        let formats =
            if columns == 0 { Vec::new() } else { describe::spread(&bind.result_formats, columns)? };
        let portal = Portal { statement, parameters, formats, state: PortalState::Ready };
        self.portals.insert(bind.portal, portal);
        connection.wire.put(&BindComplete::new())
    }

    fn describe(&self, connection: &mut Connection, target: &Target) -> Result<()> {
        let (statement, formats) = match target {
            Target::Statement(name) => {
                let statement = connection.session.kept_statement(name)?;
                let types = statement.as_ref().map_or(&[][..], |s| s.parameter_types.as_slice());
                connection.wire.put(&describe::parameters(types))?;
                if let Some(statement) = &statement {
                    statement.note_described();
                }
                let columns = statement.as_ref().and_then(|s| s.output.as_ref()).map_or(0, Vec::len);
                (statement, vec![Format::Text; columns])
            }
            Target::Portal(name) => {
                let portal = self.portals.get(name).ok_or_else(|| undefined_portal(name))?;
                (portal.statement.clone(), portal.formats.clone())
            }
        };
        match statement.as_ref().and_then(|s| s.output.as_ref()) {
            Some(output) => connection.wire.put(&describe::rows(output, &formats)),
            None => connection.wire.put(&NoData::new()),
        }
    }

    async fn execute(&mut self, connection: &mut Connection, name: &str, rows_max: usize) -> Result<()> {
        let portal = self.portals.get_mut(name).ok_or_else(|| undefined_portal(name))?;
        let Some(statement) = portal.statement.clone() else {
            return connection.wire.put(&EmptyQueryResponse::new());
        };
        if matches!(portal.state, PortalState::Ready) && connection.session.may_wait(&statement) {
            portal.state = PortalState::Done;
            let parameters = std::mem::take(&mut portal.parameters);
            let last = connection.wire.sync_is_next();
            self.pipeline.push(connection, Change { statement, parameters, last });
            return Ok(());
        }
        self.pipeline.run(connection).await?;
        let cursor = match std::mem::replace(&mut portal.state, PortalState::Done) {
            PortalState::Suspended(cursor) => {
                check_not_failed(connection)?;
                cursor
            }
            PortalState::Done => {
                let message = format!("portal \"{name}\" cannot be run");
                return Err(Error::new(ErrorKind::WrongObjectState, message));
            }
            PortalState::Ready => {
                let formats = portal.formats.clone();
                let parameters = std::mem::take(&mut portal.parameters);
                let last = connection.wire.sync_is_next();
                match connection.execute(&statement, parameters, last).await? {
                    Execution::Rows { columns, rows, tag, io } => {
                        Box::new(Cursor::new(columns, formats, rows, tag, io))
                    }
                    Execution::Empty => return connection.wire.put(&EmptyQueryResponse::new()),
                    other => return self.command(connection, other).await,
                }
            }
        };
        self.step(connection, name, cursor, rows_max).await
    }

    async fn command(&mut self, connection: &mut Connection, execution: Execution) -> Result<()> {
        if let Some(tag) = connection.copy(execution).await? {
            if matches!(tag.as_str(), "COMMIT" | "ROLLBACK") {
                // It ended the transaction that the other portals belonged to.
                self.drop_portals();
            }
            reply::notices(&mut connection.wire, &mut connection.session)?;
            reply::complete(&mut connection.wire, tag)?;
        }
        Ok(())
    }

    async fn step(
        &mut self,
        connection: &mut Connection,
        name: &str,
        mut cursor: Box<Cursor>,
        rows_max: usize,
    ) -> Result<()> {
        match cursor.step(&mut connection.wire, rows_max).await? {
            Progress::Finished => {
                reply::notices(&mut connection.wire, &mut connection.session)?;
                reply::complete(&mut connection.wire, cursor.tag())?;
                if cursor.is_query()
                    && let Some(portal) = self.portals.get_mut(name)
                {
                    // Running it again yields no rows and no error.
                    portal.state = PortalState::Suspended(cursor);
                }
                Ok(())
            }
            Progress::Suspended => {
                if let Some(portal) = self.portals.get_mut(name) {
                    portal.state = PortalState::Suspended(cursor);
                }
                connection.wire.put(&PortalSuspended::new())
            }
        }
    }
}

/// 25P02 in a failed block. The session checks whatever it executes; this is for what does not reach it.
fn check_not_failed(connection: &Connection) -> Result<()> {
    if connection.session.status() == TransactionStatus::Failed {
        let message = "current transaction is aborted, commands ignored until end of transaction block";
        return Err(Error::new(ErrorKind::FailedTransaction, message));
    }
    Ok(())
}

fn undefined_portal(name: &str) -> Error {
    Error::new(ErrorKind::UndefinedCursor, format!("portal \"{name}\" does not exist"))
}

fn parameters(bind: &BindMessage, types: &[SqlType], io: &IoSettings) -> Result<Vec<Datum>> {
    let given = bind.parameters.len();
    if given != types.len() {
        let message = format!(
            "bind message supplies {given} parameters, but prepared statement \"{}\" requires {}",
            bind.statement,
            types.len()
        );
        return Err(Error::new(ErrorKind::ProtocolViolation, message));
    }
    if bind.parameter_formats.len() > 1 && bind.parameter_formats.len() != given {
        let message = format!(
            "bind message has {} parameter formats but {given} parameters",
            bind.parameter_formats.len()
        );
        return Err(Error::new(ErrorKind::ProtocolViolation, message));
    }
    let format_of = |i: usize| match bind.parameter_formats.as_slice() {
        [] => Format::Text,
        [one] => *one,
        many => many.get(i).copied().unwrap_or(Format::Text),
    };
    let values = bind.parameters.iter().zip(types).enumerate();
    let mut parameters = Vec::with_capacity(given);
    for (i, (value, ty)) in values {
        let format = format_of(i);
        let datum = parameter(value, ty, format, io, i + 1)
            .map_err(|error| with_place(error, &bind.portal, format, i + 1))?;
        parameters.push(datum);
    }
    Ok(parameters)
}

/// Says which parameter an error is about.
fn with_place(error: Error, portal: &str, format: Format, number: usize) -> Error {
    let portal = if portal.is_empty() { "unnamed portal".to_owned() } else { format!("portal \"{portal}\"") };
    // PostgreSQL shows values only when it is configured to; what is not text at all has none to show.
    let value = match format {
        Format::Text if error.kind() != ErrorKind::CharacterNotInRepertoire => " = '...'",
        Format::Text | Format::Binary => "",
    };
    error.with_context(format!("{portal} parameter ${number}{value}"))
}

fn parameter(
    value: Option<&[u8]>,
    ty: &SqlType,
    format: Format,
    io: &IoSettings,
    number: usize,
) -> Result<Datum> {
    match (value, format) {
        (None, _) => Ok(Datum::Null),
        (Some(bytes), Format::Binary) => {
            types::decode_binary(ty, bytes, io).map_err(|error| match error.kind() {
                ErrorKind::InvalidBinary if error.message() == WRONG_LENGTH => {
                    Error::new(ErrorKind::InvalidBinary, format!("{WRONG_LENGTH} in bind parameter {number}"))
                }
                _ => error,
            })
        }
        (Some(bytes), Format::Text) => types::text::parse_text(ty, &crate::frontend::utf8(bytes)?, io),
    }
}
