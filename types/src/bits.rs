//! Bit strings: text of the digits 0 and 1, whose order byte by byte is PostgreSQL's order of bit strings.
//!
//! Must not know columns. Invariant: what `parse` and `read_binary` give holds no other characters.

use crate::sql_type::oid;
use base::id::Oid;
use base::{Error, ErrorKind, Result};

/// Digits of the longest bit string.
const BITS_MAX: usize = base::limits::VALUE_BYTES_MAX;

/// Reads `101`, `b101` or `x5`: digits behind a `b` or nothing are binary, behind an `x` hexadecimal.
pub fn parse(text: &str) -> Result<String> {
    let mut rest = text.chars();
    let hexadecimal = match text.chars().next() {
        Some('x' | 'X') => {
            rest.next();
            true
        }
        Some('b' | 'B') => {
            rest.next();
            false
        }
        _ => false,
    };
    let digits = rest.as_str();
    let mut out = String::with_capacity(digits.len().saturating_mul(if hexadecimal { 4 } else { 1 }));
    for c in digits.chars() {
        let value = c.to_digit(if hexadecimal { 16 } else { 2 });
        let kind = if hexadecimal { "hexadecimal" } else { "binary" };
        let value = value.ok_or_else(|| {
            Error::new(ErrorKind::InvalidText, format!("\"{c}\" is not a valid {kind} digit"))
        })?;
        for bit in (0..if hexadecimal { 4 } else { 1 }).rev() {
            out.push(if value >> bit & 1 == 1 { '1' } else { '0' });
        }
    }
    Ok(out)
}

/// The bits at the length of a modifier: an explicit cast cuts them, or fills bit(n) up with zeros.
pub(crate) fn fitted(ty: Oid, typmod: i32, mut bits: String, cut: bool) -> Result<String> {
    let Ok(limit) = usize::try_from(typmod) else { return Ok(bits) };
    let found = bits.len();
    if cut {
        bits.truncate(limit);
        if ty == oid::BIT {
            bits.extend(std::iter::repeat_n('0', limit - bits.len()));
        }
        return Ok(bits);
    }
    if ty == oid::BIT && found != limit {
        let message = format!("bit string length {found} does not match type bit({limit})");
        return Err(Error::new(ErrorKind::StringLengthMismatch, message));
    }
    if found > limit {
        let message = format!("bit string too long for type bit varying({limit})");
        return Err(Error::new(ErrorKind::StringTooLong, message));
    }
    Ok(bits)
}

/// Appends the number of bits and the bits, eight to a byte, the first one highest.
pub(crate) fn write_binary(bits: &str, out: &mut Vec<u8>) -> Result<()> {
    let count = i32::try_from(bits.len())
        .map_err(|_| Error::new(ErrorKind::LimitExceeded, "bit string length exceeds the maximum allowed"))?;
    out.extend_from_slice(&count.to_be_bytes());
    for byte in bits.as_bytes().chunks(8) {
        let packed = byte.iter().fold(0_u8, |sum, digit| sum << 1 | u8::from(*digit == b'1'));
        out.push(packed << (8 - byte.len()));
    }
    Ok(())
}

/// The inverse of `write_binary`; bits behind the last are passed over.
pub(crate) fn read_binary(count: i32, bytes: &[u8]) -> Result<String> {
    let wrong = |what| Error::new(ErrorKind::InvalidBinary, what);
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= BITS_MAX)
        .ok_or_else(|| wrong("invalid length in external bit string"))?;
    match bytes.len().cmp(&count.div_ceil(8)) {
        std::cmp::Ordering::Less => {
            return Err(Error::new(ErrorKind::ProtocolViolation, "insufficient data left in message"));
        }
        std::cmp::Ordering::Greater => return Err(wrong("incorrect binary data format")),
        std::cmp::Ordering::Equal => {}
    }
    let digits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1));
    Ok(digits.take(count).map(|one| if one { '1' } else { '0' }).collect())
}

#[cfg(test)]
mod tests {
    use super::{parse, read_binary, write_binary};

    #[test]
    fn bits_are_packed_and_unpacked() {
        for text in ["", "1", "0", "10101010", "101010101", "000000001"] {
            let mut bytes = Vec::new();
            write_binary(text, &mut bytes).unwrap();
            assert_eq!(read_binary(i32::try_from(text.len()).unwrap(), &bytes[4..]).unwrap(), text);
        }
        assert_eq!(parse("xA5").unwrap(), "10100101");
        assert_eq!(parse("b101").unwrap(), "101");
        assert!(parse("102").is_err());
    }
}
