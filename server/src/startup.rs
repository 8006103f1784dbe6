//! From the first byte of a connection to a session: encryption requests, cancel requests, start-up packet.
//!
//! Invariants: at most `STARTUP_BYTES_MAX` are buffered before the client is known; bytes sent behind an
//! encryption request are never read as if they came encrypted.

use crate::cancel::{CancelKey, Sessions};
use crate::frontend::utf8;
use crate::reply::{self, Severity};
use crate::wire::Wire;
use base::{Error, ErrorKind, Result};
use pgwire::messages::startup::NegotiateProtocolVersion;

/// As PostgreSQL's MAX_STARTUP_PACKET_LENGTH.
const STARTUP_BYTES_MAX: usize = 10_000;

const PROTOCOL_3: u16 = 3;
/// 3.0, in full, as PostgreSQL sends it and new clients check it.
const NEWEST_VERSION: i32 = 3 << 16;
const CODE_CANCEL: u32 = 80_877_102;
const CODE_SSL: u32 = 80_877_103;
const CODE_GSS: u32 = 80_877_104;

/// What the client asked for in its start-up packet.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) settings: Vec<(String, String)>,
}

/// Reads until the client starts a session; None when it went away, cancelled or was told why not.
pub(crate) async fn receive(wire: &mut Wire, sessions: &Sessions) -> Result<Option<Request>> {
    loop {
        if !wire.fill(4).await? {
            return Ok(None);
        }
        let len = usize::try_from(number(wire.waiting())).unwrap_or(usize::MAX);
        if !(8..=STARTUP_BYTES_MAX).contains(&len) {
            return Err(Error::new(ErrorKind::ProtocolViolation, "invalid length of startup packet"));
        }
        if !wire.fill(len).await? {
            return Ok(None);
        }
        let code = number(wire.waiting().get(4..).unwrap_or_default());
        let packet = wire.consume(len);
        let body = packet.get(8..).unwrap_or_default();
        match code {
            CODE_SSL | CODE_GSS => refuse_encryption(wire).await?,
            CODE_CANCEL => {
                if let [a, b, c, d, e, f, g, h] = *body {
                    let process_id = i32::from_be_bytes([a, b, c, d]);
                    sessions.cancel(CancelKey { process_id, secret: i32::from_be_bytes([e, f, g, h]) });
                }
                return Ok(None);
            }
            version => return start(wire, version, body).map(Some),
        }
    }
}

/// The number that the first four bytes are; 0 when there are fewer.
fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |first| u32::from_be_bytes(*first))
}

async fn refuse_encryption(wire: &mut Wire) -> Result<()> {
    if !wire.waiting().is_empty() {
        let message = "received unencrypted data after an encryption request";
        return Err(Error::new(ErrorKind::ProtocolViolation, message).with_hint(
            "This can mean a man-in-the-middle attack or a client that does not wait for the answer.",
        ));
    }
    wire.output().push(b'N');
    wire.flush().await
}

fn start(wire: &mut Wire, version: u32, body: &[u8]) -> Result<Request> {
    let [major, minor] = [(version >> 16) as u16, (version & 0xffff) as u16];
    if major != PROTOCOL_3 {
        let message = format!("unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0");
        return Err(Error::unsupported(message));
    }
    let (request, unknown) = parameters(body)?;
    if minor > 0 || !unknown.is_empty() {
        wire.put(&NegotiateProtocolVersion::new(NEWEST_VERSION, unknown))?;
    }
    Ok(request)
}

/// Name and value pairs, each ended by NUL, then one more NUL. Also returns protocol options we do not know.
fn parameters(body: &[u8]) -> Result<(Request, Vec<String>)> {
    let malformed = || {
        Error::new(
            ErrorKind::ProtocolViolation,
            "invalid startup packet layout: expected terminator as last byte",
        )
    };
    let Some((0, pairs)) = body.split_last() else { return Err(malformed()) };
    let pairs = match pairs.split_last() {
        None => None,
        Some((0, pairs)) => Some(pairs),
        Some(_) => return Err(malformed()),
    };
    let mut request = Request::default();
    let mut unknown = Vec::new();
    let mut parts = pairs.into_iter().flat_map(|pairs| pairs.split(|b| *b == 0));
    while let Some(name) = parts.next() {
        let value = parts.next().ok_or_else(malformed)?;
        if name.is_empty() {
            return Err(malformed());
        }
        let (name, value) = (utf8(name)?, utf8(value)?);
        match name.as_str() {
            "user" => request.user = value,
            "database" => request.database = value,
            "options" => request.settings.extend(options(&value)?),
            "replication" => {
                if !matches!(value.as_str(), "false" | "off" | "no" | "0") {
                    return Err(Error::unsupported("replication connections are not supported"));
                }
            }
            protocol if protocol.starts_with("_pq_.") => unknown.push(name),
            _ => request.settings.push((name, value)),
        }
    }
    if request.user.is_empty() {
        return Err(Error::new(
            ErrorKind::InvalidAuthorization,
            "no PostgreSQL user name specified in startup packet",
        ));
    }
    if request.database.is_empty() {
        request.database.clone_from(&request.user);
    }
    Ok((request, unknown))
}

/// The `options` parameter: `-c name=value` and `--name=value`, backslash escapes the next character.
fn options(text: &str) -> Result<Vec<(String, String)>> {
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next()
        } else {
            word.strip_prefix("--").or_else(|| word.strip_prefix("-c")).map(str::to_owned)
        };
        match assignment.as_deref().and_then(|a| a.split_once('=')) {
            Some((name, value)) => settings.push((name.replace('-', "_"), value.to_owned())),
            None => {
                let message = format!("invalid command-line argument for server process: {word}");
                return Err(Error::new(ErrorKind::Syntax, message).with_hint("Use -c name=value."));
            }
        }
    }
    Ok(settings)
}

fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, words.last_mut()) {
            ('\\', Some(word)) => word.extend(chars.next()),
            (c, Some(word)) if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
            (c, Some(word)) => word.push(c),
            (_, None) => {}
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Tells a client why it gets no session.
pub(crate) async fn refuse(mut wire: Wire, error: &Error) {
    // The connection ends either way, so a failure to say why changes nothing.
    if reply::error(&mut wire, Severity::Fatal, error, None).is_ok() {
        let _gone = wire.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{options, parameters};

    #[test]
    fn a_startup_packet_gives_user_database_and_settings() {
        let body =
            b"user\0ann\0application_name\0psql\0options\0-c search_path=a\\ b --extra-float-digits=0\0\0";
        let (request, unknown) = parameters(body).unwrap();
        assert_eq!((request.user.as_str(), request.database.as_str()), ("ann", "ann"));
        let expected = [("application_name", "psql"), ("search_path", "a b"), ("extra_float_digits", "0")];
        let got: Vec<(&str, &str)> = request.settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(got, expected);
        assert!(unknown.is_empty());
    }

    #[test]
    fn broken_packets_are_errors() {
        for body in [&b""[..], b"user", b"user\0ann", b"\0", b"user\0\0\0", b"user\0\xff\0\0"] {
            assert!(parameters(body).is_err(), "{body:?}");
        }
        assert!(options("--nonsense").is_err());
    }
}
