//! Messages from the client, decoded with every length checked.
//!
//! pgwire's own decoders assume well-formed bodies (they panic on short ones and replace invalid UTF-8),
//! so a hostile body is met here. Invariant: no input panics or allocates more than its own length.
//! Format: PostgreSQL documentation, "Message Formats", protocol 3.0.

use base::{Error, ErrorKind, Result};
use bytes::Bytes;

/// A message after start-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FrontendMessage {
    Query(String),
    Parse {
        statement: String,
        query: String,
        types: Vec<u32>,
    },
    Bind(BindMessage),
    Describe(Target),
    Close(Target),
    Execute {
        portal: String,
        rows_max: usize,
    },
    Flush,
    Sync,
    Terminate,
    CopyData(Bytes),
    CopyDone,
    CopyFail(String),
    /// A message of the authentication family; nothing asks for one.
    Password,
    /// Function calls, an obsolete part of the protocol.
    FunctionCall,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BindMessage {
    pub(crate) portal: String,
    pub(crate) statement: String,
    pub(crate) parameter_formats: Vec<Format>,
    pub(crate) parameters: Values,
    pub(crate) result_formats: Vec<Format>,
}

/// Values of parameters, left where they are in the message: a statement may have 65,535 of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Values {
    body: Bytes,
    /// Start and end of each; None for null.
    places: Vec<Option<(u32, u32)>>,
}

impl Values {
    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.places.iter().map(|place| {
            let (start, end) = (*place)?;
            Some(self.body.get(start as usize..end as usize).unwrap_or_default())
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Statement(String),
    Portal(String),
}

/// How a value travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Binary,
}

/// Refuses a type of message that no client sends; nothing behind it can be trusted.
pub(crate) fn check_type(tag: u8) -> Result<()> {
    if b"QPBDCEHSXdcfpF".contains(&tag) {
        return Ok(());
    }
    Err(violation(format!("invalid frontend message type {tag}")))
}

/// Decodes the body of the message of type `tag`.
pub(crate) fn decode(tag: u8, body: Bytes) -> Result<FrontendMessage> {
    let mut body = Body { rest: body };
    let message = match tag {
        b'Q' => FrontendMessage::Query(body.text()?),
        b'P' => parse(&mut body)?,
        b'B' => FrontendMessage::Bind(bind(&mut body)?),
        b'D' => FrontendMessage::Describe(target(&mut body, "DESCRIBE")?),
        b'C' => FrontendMessage::Close(target(&mut body, "CLOSE")?),
        b'E' => FrontendMessage::Execute {
            portal: body.text()?,
            // Zero and negative both mean all rows.
            rows_max: usize::try_from(body.i32()?).unwrap_or(0),
        },
        b'H' => FrontendMessage::Flush,
        b'S' => FrontendMessage::Sync,
        b'X' => FrontendMessage::Terminate,
        b'd' => FrontendMessage::CopyData(body.take_rest()),
        b'c' => FrontendMessage::CopyDone,
        b'f' => FrontendMessage::CopyFail(body.text()?),
        b'p' => {
            body.take_rest();
            FrontendMessage::Password
        }
        b'F' => {
            body.take_rest();
            FrontendMessage::FunctionCall
        }
        other => return Err(violation(format!("invalid frontend message type {other}"))),
    };
    body.end()?;
    Ok(message)
}

fn parse(body: &mut Body) -> Result<FrontendMessage> {
    let statement = body.text()?;
    let query = body.text()?;
    let count = body.count()?;
    let types = (0..count).map(|_| body.u32()).collect::<Result<_>>()?;
    Ok(FrontendMessage::Parse { statement, query, types })
}

fn bind(body: &mut Body) -> Result<BindMessage> {
    let portal = body.text()?;
    let statement = body.text()?;
    let parameter_formats = formats(body)?;
    let count = body.count()?;
    let parameters = body.values(count)?;
    let result_formats = formats(body)?;
    Ok(BindMessage { portal, statement, parameter_formats, parameters, result_formats })
}

fn formats(body: &mut Body) -> Result<Vec<Format>> {
    let bytes = body.count()? * 2;
    let codes = body.take(bytes)?;
    let codes = codes.as_chunks::<2>().0.iter().map(|code| u16::from_be_bytes(*code));
    codes
        .map(|code| match code {
            0 => Ok(Format::Text),
            1 => Ok(Format::Binary),
            other => {
                Err(Error::new(ErrorKind::InvalidParameterValue, format!("unsupported format code: {other}")))
            }
        })
        .collect()
}

fn target(body: &mut Body, message: &str) -> Result<Target> {
    if body.rest.is_empty() {
        return Err(violation("no data left in message"));
    }
    match body.u8()? {
        b'S' => Ok(Target::Statement(body.text()?)),
        b'P' => Ok(Target::Portal(body.text()?)),
        other => Err(violation(format!("invalid {message} message subtype {other}"))),
    }
}

fn violation(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::ProtocolViolation, message)
}

/// The unread part of a message's body.
struct Body {
    rest: Bytes,
}

impl Body {
    fn take(&mut self, len: usize) -> Result<Bytes> {
        if len > self.rest.len() {
            return Err(violation("insufficient data left in message"));
        }
        Ok(self.rest.split_to(len))
    }

    fn take_rest(&mut self) -> Bytes {
        std::mem::take(&mut self.rest)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let bytes = self.take(N)?;
        bytes.as_ref().try_into().map_err(|_| violation("insufficient data left in message"))
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_be_bytes(self.array()?))
    }
    fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }
    fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }
    fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }
    fn count(&mut self) -> Result<usize> {
        Ok(usize::from(self.u16()?))
    }

    fn values(&mut self, count: usize) -> Result<Values> {
        let short = || violation("insufficient data left in message");
        let mut places = Vec::with_capacity(count.min(self.rest.len() / 4));
        let mut at = 0_usize;
        for _ in 0..count {
            let len = self.rest.get(at..).and_then(|rest| rest.first_chunk()).ok_or_else(short)?;
            at += 4;
            places.push(match i32::from_be_bytes(*len) {
                -1 => None,
                len => {
                    let start = at;
                    at = usize::try_from(len).ok().and_then(|len| at.checked_add(len)).ok_or_else(short)?;
                    if at > self.rest.len() {
                        return Err(short());
                    }
                    let place = |at| u32::try_from(at).map_err(|_| short());
                    Some((place(start)?, place(at)?))
                }
            });
        }
        let body = self.take(at)?;
        Ok(Values { body, places })
    }

    /// A string up to its NUL.
    fn text(&mut self) -> Result<String> {
        let end =
            self.rest.iter().position(|b| *b == 0).ok_or_else(|| violation("invalid string in message"))?;
        let bytes = self.take(end)?;
        self.take(1)?;
        utf8(&bytes)
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(violation("invalid message format")) }
    }
}

/// Text from the client; 22021 when it is not UTF-8 or has a NUL, which no text may contain.
pub(crate) fn utf8(bytes: &[u8]) -> Result<String> {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) if !bytes.contains(&0) => return Ok(text.to_owned()),
        Ok(_) => bytes.len(),
        Err(e) => e.valid_up_to(),
    };
    let start = bytes.iter().take(valid).position(|b| *b == 0).unwrap_or(valid);
    let rest = bytes.get(start..).unwrap_or_default();
    let bad: Vec<String> = rest.iter().take(sequence_len(rest)).map(|b| format!("0x{b:02x}")).collect();
    let message = format!("invalid byte sequence for encoding \"UTF8\": {}", bad.join(" "));
    Err(Error::new(ErrorKind::CharacterNotInRepertoire, message))
}

/// Bytes that a character has by its first byte.
fn sequence_len(bytes: &[u8]) -> usize {
    match bytes.first() {
        Some(0xc0..0xe0) => 2,
        Some(0xe0..0xf0) => 3,
        Some(0xf0..0xf8) => 4,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{BindMessage, Format, FrontendMessage, decode};
    use base::ErrorKind;
    use bytes::Bytes;

    const BIND: &[u8] = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02hi\xff\xff\xff\xff\0\0";

    #[test]
    fn bind_is_decoded() {
        let FrontendMessage::Bind(bind) = decode(b'B', Bytes::from_static(BIND)).unwrap() else {
            panic!("no Bind")
        };
        let BindMessage { portal, statement, parameter_formats, parameters, result_formats } = bind;
        assert_eq!((portal.as_str(), statement.as_str(), parameters.len()), ("p", "s", 2));
        assert_eq!((parameter_formats, result_formats), (vec![Format::Binary], vec![]));
        assert_eq!(parameters.iter().collect::<Vec<_>>(), [Some(&b"hi"[..]), None]);
    }

    #[test]
    fn every_cut_of_a_message_is_an_error_not_a_panic() {
        for len in 0..BIND.len() {
            let error = decode(b'B', Bytes::copy_from_slice(&BIND[..len])).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ProtocolViolation, "cut at {len}");
        }
    }

    #[test]
    fn every_flipped_bit_is_an_answer_or_an_error() {
        let mut answers = 0;
        for bit in 0..BIND.len() * 8 {
            let mut bytes = BIND.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            answers += usize::from(decode(b'B', Bytes::from(bytes)).is_ok());
        }
        assert!(answers < BIND.len() * 8);
    }

    #[test]
    fn text_must_be_utf8_and_lengths_positive() {
        assert_eq!(
            decode(b'Q', Bytes::from_static(b"SELECT '\xff'\0")).unwrap_err().kind(),
            ErrorKind::CharacterNotInRepertoire
        );
        let negative = b"\0\0\0\0\0\x01\x80\0\0\0\0\0";
        assert_eq!(
            decode(b'B', Bytes::from_static(negative)).unwrap_err().kind(),
            ErrorKind::ProtocolViolation
        );
        assert_eq!(decode(b'!', Bytes::new()).unwrap_err().kind(), ErrorKind::ProtocolViolation);
    }
}
