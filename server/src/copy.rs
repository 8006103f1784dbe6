//! COPY over the connection: rows from and to the client.
//!
//! Invariant: after CopyInResponse, messages are read until the client ends the copy or it fails.

use crate::frontend::FrontendMessage;
use crate::session::Connection;
use crate::wire::Wire;
use base::{Error, ErrorKind, Result};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use pgwire::messages::copy::{CopyDone, CopyInResponse, CopyOutResponse};
use query::api::CopyIn;

const TEXTUAL: i8 = 0;

fn shape(columns: usize) -> Result<(i16, Vec<i16>)> {
    let count = i16::try_from(columns)
        .map_err(|_| Error::new(ErrorKind::TooManyColumns, "too many columns for COPY over a connection"))?;
    Ok((count, vec![0; columns]))
}

/// COPY FROM STDIN: the command tag.
pub(crate) async fn receive(connection: &mut Connection, mut copy_in: CopyIn) -> Result<String> {
    let (count, formats) = shape(copy_in.columns)?;
    connection.wire.put(&CopyInResponse::new(TEXTUAL, count, formats))?;
    connection.wire.flush().await?;
    loop {
        match connection.wire.message().await? {
            Some(FrontendMessage::CopyData(bytes)) => copy_in.push(bytes).await?,
            Some(FrontendMessage::CopyDone) => return connection.session.finish_copy(copy_in).await,
            Some(FrontendMessage::CopyFail(reason)) => {
                return Err(Error::new(ErrorKind::Cancelled, format!("COPY from stdin failed: {reason}")));
            }
            // Clients may send these at any time; PostgreSQL ignores them during a copy.
            Some(FrontendMessage::Flush | FrontendMessage::Sync) => {}
            Some(_) => {
                let message =
                    format!("unexpected message type 0x{:02X} during COPY from stdin", connection.wire.tag());
                return Err(Error::new(ErrorKind::ProtocolViolation, message));
            }
            None => {
                return Err(Error::new(ErrorKind::ProtocolViolation, "unexpected EOF on client connection"));
            }
        }
    }
}

/// COPY TO STDOUT: the command tag. One CopyData message per row; with `header` the first is not one.
pub(crate) async fn send(
    wire: &mut Wire,
    columns: usize,
    header: bool,
    mut rows: BoxStream<'static, Result<Vec<Bytes>>>,
) -> Result<String> {
    let (count, formats) = shape(columns)?;
    wire.put(&CopyOutResponse::new(TEXTUAL, count, formats))?;
    let mut sent = 0_u64;
    while let Some(payloads) = rows.next().await {
        for payload in payloads? {
            let len = i32::try_from(payload.len() + 4)
                .map_err(|_| Error::new(ErrorKind::LimitExceeded, "a row is too long for the protocol"))?;
            let out = wire.output();
            out.push(b'd');
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&payload);
            sent += 1;
            wire.relieve().await?;
        }
    }
    wire.put(&CopyDone::new())?;
    Ok(format!("COPY {}", sent.saturating_sub(u64::from(header))))
}
