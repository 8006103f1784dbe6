//! One socket: framed reading with limits by state, buffered writing.
//!
//! Invariants: memory for an incoming message grows only as its bytes arrive; nothing is sent behind the
//! caller's back except when the output buffer is full; no wait for the client outlasts a shutdown.

use crate::frontend::{self, FrontendMessage};
use crate::serve::stopped;
use base::{Error, ErrorKind, Result};
use bytes::{Buf, BytesMut};
use pgwire::messages::Message;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

/// Largest message accepted from a client that has started a session, in bytes.
const MESSAGE_BYTES_MAX: usize = 256 << 20;
/// Output is sent when this many bytes wait, so that a large result streams.
const OUTPUT_BYTES: usize = 64 << 10;
/// Bytes asked of the socket at once.
const READ_BYTES: usize = 32 << 10;
/// How long a shutdown waits for a client that does not take what is being sent.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);
/// How long a closing connection takes in, unread, what the client still sends, so that the client reads the
/// last reply before it meets a reset connection.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes taken in so at most.
const LINGER_BYTES_MAX: usize = 16 << 20;
/// A whole Sync message.
const SYNC: [u8; 5] = [b'S', 0, 0, 0, 4];

#[derive(Debug)]
pub(crate) struct Wire {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    input: BytesMut,
    output: Vec<u8>,
    scratch: BytesMut,
    shutdown: watch::Receiver<bool>,
    /// Type of the last message whose frame was sound.
    tag: u8,
    /// Where the next message begins is known.
    in_step: bool,
}

impl Wire {
    /// `shutdown` turns true, or is dropped, when the server is to stop.
    pub(crate) fn new(socket: TcpStream, shutdown: watch::Receiver<bool>) -> Self {
        let (reader, writer) = socket.into_split();
        let (input, scratch) = (BytesMut::new(), BytesMut::new());
        Self { reader, writer, input, output: Vec::new(), scratch, shutdown, tag: 0, in_step: true }
    }

    /// The type of the last message.
    pub(crate) fn tag(&self) -> u8 {
        self.tag
    }

    /// The type of the last message, when only its body was at fault: the next one can be read. None when the
    /// connection cannot go on.
    pub(crate) fn malformed(&self) -> Option<u8> {
        self.in_step.then_some(self.tag)
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

    /// The next message; None when the client closed the connection, 57P01 when the server is to stop.
    pub(crate) async fn message(&mut self) -> Result<Option<FrontendMessage>> {
        let mut shutdown = self.shutdown.clone();
        tokio::select! {
            biased;
            () = stopped(&mut shutdown) => {
                self.in_step = false;
                Err(Error::new(ErrorKind::Shutdown, "terminating connection due to administrator command"))
            }
            message = self.read_message() => message,
        }
    }

    async fn read_message(&mut self) -> Result<Option<FrontendMessage>> {
        if !std::mem::replace(&mut self.in_step, false) {
            let message = "terminating connection because protocol synchronization was lost";
            return Err(Error::new(ErrorKind::ProtocolViolation, message));
        }
        if !self.fill(5).await? {
            return Ok(None);
        }
        let mut head = self.consume(5);
        let tag = head.get_u8();
        frontend::check_type(tag)?;
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
        (self.tag, self.in_step) = (tag, true);
        frontend::decode(tag, body).map(Some)
    }

    /// Whether the next message is Sync and has arrived already.
    pub(crate) fn sync_is_next(&mut self) -> bool {
        if self.input.len() < SYNC.len() {
            self.input.reserve(READ_BYTES);
            // Nothing there, the end or a failure: the next read meets it too.
            let _none = self.reader.try_read_buf(&mut self.input);
        }
        self.input.starts_with(&SYNC)
    }

    /// Whether the next message has arrived as a whole and has one of these types.
    pub(crate) fn next_is_one_of(&self, types: &[u8]) -> bool {
        let Some((&[tag, a, b, c, d], body)) = self.input.split_first_chunk::<5>() else { return false };
        let len = u32::from_be_bytes([a, b, c, d]);
        types.contains(&tag) && usize::try_from(len).is_ok_and(|len| len >= 4 && body.len() >= len - 4)
    }

    /// Resolves when the client has closed its side; never while bytes wait unread.
    pub(crate) async fn closed(reader: &mut OwnedReadHalf) {
        let mut byte = [0_u8; 1];
        match reader.peek(&mut byte).await {
            Ok(0) | Err(_) => {}
            Ok(_) => std::future::pending().await,
        }
    }

    pub(crate) fn reader(&mut self) -> &mut OwnedReadHalf {
        &mut self.reader
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
        let mut shutdown = self.shutdown.clone();
        let sent = tokio::select! {
            biased;
            sent = self.writer.write_all(&self.output) => sent.map_err(|e| Error::io("send to the client", e)),
            () = given_up(&mut shutdown) => {
                self.in_step = false;
                Err(Error::new(ErrorKind::Shutdown, "the client did not take its replies before the shutdown"))
            }
        };
        self.output.clear();
        sent
    }

    /// Sends what is queued and ends the connection so that the client can read it.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.flush().await?;
        let ended = self.writer.shutdown().await;
        let mut scratch = vec![0; READ_BYTES];
        let linger = async {
            let mut taken = 0;
            while taken < LINGER_BYTES_MAX {
                match self.reader.read(&mut scratch).await {
                    Ok(0) | Err(_) => break,
                    Ok(n) => taken += n,
                }
            }
        };
        // A client that keeps its side open is not waited for.
        let _late = tokio::time::timeout(LINGER, linger).await;
        ended.map_err(|e| Error::io("close the connection", e))
    }
}

/// Ends a while after the server is to stop.
async fn given_up(shutdown: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same as a stop.
    drop(shutdown.wait_for(|stop| *stop).await);
    tokio::time::sleep(SHUTDOWN_GRACE).await;
}
