//! A client that knows the frames of the PostgreSQL protocol and nothing else, so that tests can send what no
//! client library would. Format: PostgreSQL documentation, "Message Formats".
//!
//! Invariants: it never sends a byte that a test did not ask for; no wait is longer than `GUARD`.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A reply that takes longer is a hang.
const GUARD: Duration = Duration::from_secs(60);

/// Protocol 3.0.
pub const PROTOCOL_3_0: u32 = 3 << 16;
/// Instead of a version: the client asks for TLS.
pub const SSL_REQUEST: u32 = 80_877_103;
/// Instead of a version: the client asks for GSSAPI encryption.
pub const GSSENC_REQUEST: u32 = 80_877_104;
const CANCEL_REQUEST: u32 = 80_877_102;

/// What Bind needs beside names.
#[derive(Clone, Copy, Debug, Default)]
pub struct Values<'a> {
    /// 0: text, 1: binary; none, one for all, or one per parameter.
    pub formats: &'a [u16],
    pub parameters: &'a [Option<&'a [u8]>],
    /// 0: text, 1: binary; none, one for all, or one per column.
    pub results: &'a [u16],
}

/// A message: type, length, body.
pub fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    out.extend_from_slice(&sized(body));
    out
}

/// A length that counts itself, then the body: the form of the packets before a session.
pub fn sized(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    let mut out = len.to_be_bytes().to_vec();
    out.extend_from_slice(body);
    out
}

/// A packet that begins with a version or a request code.
pub fn startup(version: u32, pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    for (name, value) in pairs {
        string(&mut body, name);
        string(&mut body, value);
    }
    body.push(0);
    sized(&body)
}

/// A packet of a request code alone.
pub fn request(code: u32) -> Vec<u8> {
    sized(&code.to_be_bytes())
}

/// The packet that stops what another connection runs; `key` is the body of its BackendKeyData.
pub fn cancel(key: &[u8]) -> Vec<u8> {
    let mut body = CANCEL_REQUEST.to_be_bytes().to_vec();
    body.extend_from_slice(key);
    sized(&body)
}

pub fn query(text: &str) -> Vec<u8> {
    message(b'Q', &strings(&[text]))
}

pub fn parse(statement: &str, text: &str, types: &[u32]) -> Vec<u8> {
    let mut body = strings(&[statement, text]);
    body.extend_from_slice(&count(types.len()));
    types.iter().for_each(|t| body.extend_from_slice(&t.to_be_bytes()));
    message(b'P', &body)
}

pub fn bind(portal: &str, statement: &str, values: Values<'_>) -> Vec<u8> {
    let mut body = strings(&[portal, statement]);
    let codes = |body: &mut Vec<u8>, codes: &[u16]| {
        body.extend_from_slice(&count(codes.len()));
        codes.iter().for_each(|c| body.extend_from_slice(&c.to_be_bytes()));
    };
    codes(&mut body, values.formats);
    body.extend_from_slice(&count(values.parameters.len()));
    for value in values.parameters {
        let len = value.map_or(-1, |v| i32::try_from(v.len()).unwrap_or(i32::MAX));
        body.extend_from_slice(&len.to_be_bytes());
        body.extend_from_slice(value.unwrap_or_default());
    }
    codes(&mut body, values.results);
    message(b'B', &body)
}

pub fn describe_statement(name: &str) -> Vec<u8> {
    named(b'D', b'S', name)
}

pub fn describe_portal(name: &str) -> Vec<u8> {
    named(b'D', b'P', name)
}

pub fn close_statement(name: &str) -> Vec<u8> {
    named(b'C', b'S', name)
}

pub fn close_portal(name: &str) -> Vec<u8> {
    named(b'C', b'P', name)
}

/// 0 rows: all.
pub fn execute(portal: &str, rows_max: i32) -> Vec<u8> {
    let mut body = strings(&[portal]);
    body.extend_from_slice(&rows_max.to_be_bytes());
    message(b'E', &body)
}

pub fn sync() -> Vec<u8> {
    message(b'S', &[])
}

pub fn flush() -> Vec<u8> {
    message(b'H', &[])
}

pub fn terminate() -> Vec<u8> {
    message(b'X', &[])
}

pub fn copy_data(bytes: &[u8]) -> Vec<u8> {
    message(b'd', bytes)
}

pub fn copy_done() -> Vec<u8> {
    message(b'c', &[])
}

pub fn copy_fail(reason: &str) -> Vec<u8> {
    message(b'f', &strings(&[reason]))
}

fn named(tag: u8, kind: u8, name: &str) -> Vec<u8> {
    let mut body = vec![kind];
    string(&mut body, name);
    message(tag, &body)
}

fn strings(all: &[&str]) -> Vec<u8> {
    let mut body = Vec::new();
    all.iter().for_each(|s| string(&mut body, s));
    body
}

fn string(body: &mut Vec<u8>, text: &str) {
    body.extend_from_slice(text.as_bytes());
    body.push(0);
}

fn count(n: usize) -> [u8; 2] {
    u16::try_from(n).unwrap_or(u16::MAX).to_be_bytes()
}

/// A connection.
#[derive(Debug)]
pub struct Raw {
    socket: TcpStream,
}

impl Raw {
    /// Connected, nothing sent.
    pub async fn connect(address: SocketAddr) -> Result<Self> {
        Ok(Self { socket: TcpStream::connect(address).await? })
    }

    /// A session of `postgres` on `postgres`; also what the server greeted with.
    pub async fn session(address: SocketAddr) -> Result<(Self, Vec<Reply>)> {
        let mut raw = Self::connect(address).await?;
        raw.send(&startup(PROTOCOL_3_0, &[("user", "postgres"), ("database", "postgres")])).await?;
        let greeting = raw.until_ready().await?;
        Ok((raw, greeting))
    }

    pub async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        guarded(self.socket.write_all(bytes)).await
    }

    /// No more bytes will be sent; replies still come.
    pub async fn end_sending(&mut self) -> Result<()> {
        guarded(self.socket.shutdown()).await
    }

    /// The next byte, for answers that are no messages; None when the server closed the connection.
    pub async fn byte(&mut self) -> Result<Option<u8>> {
        let mut byte = [0];
        match closed_as_none(guarded(self.socket.read_exact(&mut byte)).await)? {
            Some(_) => Ok(byte.first().copied()),
            None => Ok(None),
        }
    }

    /// The next message; None when the server closed the connection.
    pub async fn reply(&mut self) -> Result<Option<Reply>> {
        let mut head = [0; 5];
        if closed_as_none(guarded(self.socket.read_exact(&mut head)).await)?.is_none() {
            return Ok(None);
        }
        let [tag, len @ ..] = head;
        let len = usize::try_from(u32::from_be_bytes(len)).unwrap_or(usize::MAX).saturating_sub(4);
        let mut body = vec![0; len];
        guarded(self.socket.read_exact(&mut body)).await?;
        Ok(Some(Reply { tag, body }))
    }

    /// Replies up to the readiness for the next query, with it.
    pub async fn until_ready(&mut self) -> Result<Vec<Reply>> {
        let mut replies = Vec::new();
        loop {
            match self.reply().await? {
                Some(reply) => replies.push(reply),
                None => {
                    let message = format!("the connection closed behind {}", shown(&replies).join(", "));
                    return Err(Error::new(ErrorKind::UnexpectedEof, message));
                }
            }
            if replies.last().is_some_and(|r| r.tag == b'Z') {
                return Ok(replies);
            }
        }
    }

    /// Replies up to the end of the connection.
    pub async fn until_closed(&mut self) -> Result<Vec<Reply>> {
        let mut replies = Vec::new();
        while let Some(reply) = self.reply().await? {
            replies.push(reply);
        }
        Ok(replies)
    }

    /// Sends a simple query; what it was answered, as text.
    pub async fn ask(&mut self, text: &str) -> Result<Vec<String>> {
        self.send(&query(text)).await?;
        Ok(shown(&self.until_ready().await?))
    }
}

async fn guarded<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::time::timeout(GUARD, work)
        .await
        .map_err(|_| Error::new(ErrorKind::TimedOut, format!("the server did not answer within {GUARD:?}")))?
}

/// A server that closes with bytes unread resets the connection: for the client both are its end.
fn closed_as_none<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if matches!(e.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Ok(None),
        Err(e) => Err(e),
    }
}

/// A message from the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub tag: u8,
    pub body: Vec<u8>,
}

impl Reply {
    /// Field of an error or notice, by its code.
    pub fn field(&self, code: u8) -> Option<String> {
        self.body
            .split(|b| *b == 0)
            .filter_map(|field| field.split_first())
            .find_map(|(c, text)| (*c == code).then(|| String::from_utf8_lossy(text).into_owned()))
    }
}

pub fn shown(replies: &[Reply]) -> Vec<String> {
    replies.iter().map(ToString::to_string).collect()
}

/// One line per message, as the tests expect them.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut body = Body { rest: &self.body };
        match self.tag {
            b'R' => write!(f, "Authentication {}", body.u32()),
            b'S' => write!(f, "ParameterStatus {}={}", body.text(), body.text()),
            b'K' => f.write_str("BackendKeyData"),
            b'Z' => write!(f, "Ready {}", char::from(body.u8())),
            b'v' => write!(f, "NegotiateProtocolVersion {} {:?}", body.u32(), body.texts()),
            b'1' => f.write_str("ParseComplete"),
            b'2' => f.write_str("BindComplete"),
            b'3' => f.write_str("CloseComplete"),
            b'n' => f.write_str("NoData"),
            b's' => f.write_str("PortalSuspended"),
            b'I' => f.write_str("EmptyQuery"),
            b'c' => f.write_str("CopyDone"),
            b'C' => write!(f, "Complete {}", body.text()),
            b'd' => write!(f, "Data {}", String::from_utf8_lossy(&self.body).escape_debug()),
            b'G' => write!(f, "CopyIn {}", copy_shape(&mut body)),
            b'H' => write!(f, "CopyOut {}", copy_shape(&mut body)),
            b't' => write!(f, "Parameters {:?}", (0..body.u16()).map(|_| body.u32()).collect::<Vec<_>>()),
            b'T' => write!(f, "Columns {}", columns(&mut body)),
            b'D' => write!(f, "Row {}", row(&mut body)),
            b'E' | b'N' => {
                let field = |code| self.field(code).unwrap_or_default();
                write!(f, "{} {}: {}", field(b'S'), field(b'C'), field(b'M'))?;
                let place = self.field(b'P').map(|p| format!(" at {p}"));
                let context = self.field(b'W').map(|w| format!(" ({w})"));
                write!(f, "{}{}", place.unwrap_or_default(), context.unwrap_or_default())?;
                // Schema, table, column and constraint, where the message says what it is about.
                match self.field(b't') {
                    Some(table) => {
                        write!(f, " [{}|{table}|{}|{}]", field(b's'), field(b'c'), field(b'n'))
                    }
                    None => Ok(()),
                }
            }
            other => write!(f, "{:?} {:?}", char::from(other), self.body),
        }
    }
}

/// Name, type and format of each column.
fn columns(body: &mut Body<'_>) -> String {
    let columns = (0..body.u16()).map(|_| {
        let name = body.text();
        let _table_and_attribute = (body.u32(), body.u16());
        let ty = body.u32();
        let _size_and_modifier = (body.u16(), body.u32());
        format!("{name}:{ty}:{}", if body.u16() == 0 { "text" } else { "binary" })
    });
    columns.collect::<Vec<_>>().join(" ")
}

fn row(body: &mut Body<'_>) -> String {
    let values = (0..body.u16()).map(|_| match body.u32() {
        u32::MAX => "NULL".to_owned(),
        len => {
            let bytes = body.take(usize::try_from(len).unwrap_or(usize::MAX));
            match std::str::from_utf8(bytes) {
                Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
                _ => bytes.iter().map(|b| format!("{b:02x}")).collect(),
            }
        }
    });
    values.collect::<Vec<_>>().join("|")
}

fn copy_shape(body: &mut Body<'_>) -> String {
    let format = if body.u8() == 0 { "text" } else { "binary" };
    format!("{format} {}", body.u16())
}

/// The unread part of a reply; missing bytes read as zero, for a test to stumble over.
struct Body<'a> {
    rest: &'a [u8],
}

impl<'a> Body<'a> {
    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.take(N).try_into().unwrap_or([0; N])
    }

    fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }
    fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }
    fn u32(&mut self) -> u32 {
        u32::from_be_bytes(self.array())
    }

    fn text(&mut self) -> String {
        let end = self.rest.iter().position(|b| *b == 0).unwrap_or(self.rest.len());
        let text = String::from_utf8_lossy(self.take(end)).into_owned();
        self.take(1);
        text
    }

    fn texts(&mut self) -> Vec<String> {
        (0..self.u32()).map(|_| self.text()).collect()
    }
}
