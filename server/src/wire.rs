//! One socket: framed reading with limits by state, buffered writing.
//!
//! Invariants: memory for an incoming message grows only as its bytes arrive; nothing is sent behind the
//! caller's back except when the output buffer is full.

use crate::frontend::{self, FrontendMessage};
use base::{Error, ErrorKind, Result};
use bytes::{Buf, BytesMut};
use pgwire::messages::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Largest message accepted from a client that has started a session, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Output is sent when this many bytes wait, so that a large result streams.
const OUTPUT_BYTES: usize = 64 << 10;
/// Bytes asked of the socket at once.
const READ_BYTES: usize = 32 << 10;

#[derive(Debug)]
pub(crate) struct Wire {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    input: BytesMut,
    output: Vec<u8>,
    scratch: BytesMut,
}

impl Wire {
    pub(crate) fn new(socket: TcpStream) -> Self {
        let (reader, writer) = socket.into_split();
        Self { reader, writer, input: BytesMut::new(), output: Vec::new(), scratch: BytesMut::new() }
    }

    /// Reads until `len` bytes wait; false when the client closed before.
    pub(crate) async fn fill(&mut self, len: usize) -> Result<bool> {
        while self.input.len() < len {
            self.input.reserve(READ_BYTES);
            match self.reader.read_buf(&mut self.input).await {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(e) => return Err(Error::io("read from the client", e)),
            }
        }
        Ok(true)
    }

    pub(crate) fn waiting(&self) -> &[u8] {
        &self.input
    }

    pub(crate) fn consume(&mut self, len: usize) -> BytesMut {
        self.input.split_to(len.min(self.input.len()))
    }

    /// The next message; None when the client closed the connection.
    pub(crate) async fn message(&mut self) -> Result<Option<FrontendMessage>> {
        if !self.fill(5).await? {
            return Ok(None);
        }
        let mut head = self.consume(5);
        let tag = head.get_u8();
        let len = usize::try_from(head.get_i32()).unwrap_or(0);
        if len < 4 {
            return Err(Error::new(ErrorKind::ProtocolViolation, "invalid message length"));
        }
        let len = len - 4;
        if len > MESSAGE_BYTES_MAX {
            let message = format!("message of {len} bytes exceeds the limit of {MESSAGE_BYTES_MAX} bytes");
            return Err(Error::new(ErrorKind::LimitExceeded, message)
                .with_hint("Send large amounts of rows with COPY, in several messages."));
        }
        if !self.fill(len).await? {
            return Ok(None);
        }
        let body = self.consume(len).freeze();
        frontend::decode(tag, body).map(Some)
    }

    /// Resolves when the client has closed its side; never while bytes wait unread.
    pub(crate) async fn closed(reader: &OwnedReadHalf) {
        let mut byte = [0_u8; 1];
        match reader.peek(&mut byte).await {
            Ok(0) | Err(_) => {}
            Ok(_) => std::future::pending().await,
        }
    }

    pub(crate) fn reader(&self) -> &OwnedReadHalf {
        &self.reader
    }

    /// Queues a message.
    pub(crate) fn put<M: Message>(&mut self, message: &M) -> Result<()> {
        self.scratch.clear();
        message
            .encode(&mut self.scratch)
            .map_err(|e| Error::new(ErrorKind::LimitExceeded, format!("could not encode a reply: {e}")))?;
        self.output.extend_from_slice(&self.scratch);
        Ok(())
    }

    /// The output buffer, for encoders that write whole messages into it.
    pub(crate) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Sends what is queued when the buffer is full.
    pub(crate) async fn relieve(&mut self) -> Result<()> {
        if self.output.len() >= OUTPUT_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Sends everything queued.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if self.output.is_empty() {
            return Ok(());
        }
        let sent = self.writer.write_all(&self.output).await;
        self.output.clear();
        sent.map_err(|e| Error::io("send to the client", e))
    }
}
