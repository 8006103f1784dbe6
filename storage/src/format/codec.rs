//! Reading and writing of primitive values, little-endian, with every length checked.
//!
//! Invariants: a `Reader` never panics and never looks outside its input; a count it returns is at most the
//! number of elements the rest of the input can hold, so allocating by it is bounded by the input.

use base::{Error, Result};

/// Appends primitive values to a byte string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.bytes.push(value);
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.bytes.push(u8::from(value));
    }

    pub(crate) fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u64(&mut self, value: u64) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    pub(crate) fn u128(&mut self, value: u128) {
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Seven bits per byte, lowest first, the high bit set on all but the last byte.
    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    /// A length or count as a varint.
    pub(crate) fn count(&mut self, count: usize) {
        self.varint(u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Length as a varint, then the bytes.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.raw(bytes);
    }

    pub(crate) fn string(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }
}

/// Takes primitive values off the front of a byte string. Errors are `Corruption` and name the offset; the
/// caller adds the file.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    total: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, total: bytes.len() }
    }

    /// Bytes consumed so far.
    pub(crate) fn offset(&self) -> usize {
        self.total - self.rest.len()
    }

    /// Bytes not yet consumed.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// What is not yet consumed.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// An error that says what is wrong at the current offset.
    pub(crate) fn bad(&self, what: &str) -> Error {
        Error::corruption(format!("{what} at byte {}", self.offset()))
    }

    #[inline]
    pub(crate) fn raw(&mut self, len: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(len) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.bad("encoded value ends early")),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk::<N>() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => Err(self.bad("encoded value ends early")),
        }
    }

    /// The next byte, which is still to be read.
    pub(crate) fn peek(&self) -> Result<u8> {
        self.rest.first().copied().ok_or_else(|| self.bad("the end is missing"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    pub(crate) fn bool(&mut self) -> Result<bool> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(self.bad("boolean is neither 0 nor 1")),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    pub(crate) fn u128(&mut self) -> Result<u128> {
        Ok(u128::from_le_bytes(self.array()?))
    }

    /// Only the shortest encoding of a number is accepted, so equal values have equal bytes.
    pub(crate) fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(self.bad("number of more than 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if bits == 0 && shift != 0 {
                    return Err(self.bad("number in more bytes than it needs"));
                }
                return Ok(value);
            }
        }
        Err(self.bad("number of more than 64 bits"))
    }

    /// A varint that fits 32 bits.
    pub(crate) fn small(&mut self) -> Result<u32> {
        u32::try_from(self.varint()?).map_err(|_| self.bad("number of more than 32 bits"))
    }

    /// A count of elements that take at least `element_bytes_min` (1 or more) bytes each.
    pub(crate) fn count(&mut self, element_bytes_min: usize) -> Result<usize> {
        let count = self.varint()?;
        match usize::try_from(count) {
            Ok(n) if n <= self.remaining() / element_bytes_min.max(1) => Ok(n),
            _ => Err(self.bad("count of more elements than follow")),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8]> {
        let len = self.count(1)?;
        self.raw(len)
    }

    pub(crate) fn string(&mut self) -> Result<String> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.bad("text is not UTF-8"))
    }

    /// Reads a count, then that many elements.
    pub(crate) fn list<T>(
        &mut self,
        element_bytes_min: usize,
        mut element: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let count = self.count(element_bytes_min)?;
        // Elements may be larger in memory than encoded; growing as they come keeps the bound.
        let mut list = Vec::with_capacity(count.min(1_024));
        for _ in 0..count {
            list.push(element(self)?);
        }
        Ok(list)
    }

    /// Everything must have been consumed.
    pub(crate) fn finish(&self) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.bad("bytes behind the encoded value")) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Writer};

    #[test]
    fn varints_round_trip_and_only_the_shortest_form_is_read() {
        for value in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut writer = Writer::new();
            writer.varint(value);
            let mut reader = Reader::new(writer.as_slice());
            assert_eq!(reader.varint().unwrap(), value);
            reader.finish().unwrap();
            for cut in 0..writer.len() {
                assert!(Reader::new(&writer.as_slice()[..cut]).varint().is_err(), "{value} cut to {cut}");
            }
        }
        assert!(Reader::new(&[0x80, 0x00]).varint().is_err());
        assert!(Reader::new(&[0xff; 10]).varint().is_err());
        assert!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02]).varint().is_err());
    }

    #[test]
    fn golden_bytes_of_primitives() {
        let mut writer = Writer::new();
        writer.u8(1);
        writer.bool(true);
        writer.u32(0x0403_0201);
        writer.i32(-2);
        writer.u64(5);
        writer.u128(6);
        writer.varint(300);
        writer.string("hé");
        assert_eq!(
            writer.as_slice(),
            [
                1, 1, 1, 2, 3, 4, 0xfe, 0xff, 0xff, 0xff, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0xac, 0x02, 3, b'h', 0xc3, 0xa9
            ]
        );
    }

    #[test]
    fn a_count_never_exceeds_what_the_input_can_hold() {
        let mut writer = Writer::new();
        writer.varint(1 << 40);
        assert!(Reader::new(writer.as_slice()).count(1).is_err());
        assert!(Reader::new(writer.as_slice()).bytes().is_err());
        assert!(Reader::new(writer.as_slice()).list(1, |r| r.u8()).is_err());
        assert!(Reader::new(&[2, 0xff, 0xff]).string().is_err());
        assert!(Reader::new(&[2]).bool().is_err());
    }
}
