//! Floats as PostgreSQL prints them.
//!
//! Invariant: with `extra_float_digits` above 0 the digits are the fewest that lie strictly nearer to the value
//! than to any other float; PostgreSQL, unlike Rust, never takes a decimal exactly half way.

use std::fmt::Write;

/// A decimal number, perhaps with an exponent, at the front of a text, and what is behind it.
pub(super) fn decimal_prefix(text: &str) -> Option<(f64, &str)> {
    let digits = |at: usize| text.bytes().skip(at).take_while(u8::is_ascii_digit).count();
    let start = usize::from(text.starts_with(['+', '-']));
    let whole = digits(start);
    let mut end = start + whole;
    let mut behind = 0;
    if text.as_bytes().get(end) == Some(&b'.') {
        behind = digits(end + 1);
        end += 1 + behind;
    }
    if whole + behind == 0 {
        return None;
    }
    if matches!(text.as_bytes().get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.as_bytes().get(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    let (number, rest) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, rest))
}

/// Appends a float8.
pub(crate) fn write_f64(value: f64, extra_digits: i32, out: &mut String) {
    if !special(value, out) {
        return;
    }
    if extra_digits <= 0 {
        return general(value, usize::try_from((15 + extra_digits).max(1)).unwrap_or(1), out);
    }
    let bits = value.to_bits();
    let mut text = Scratch::default();
    let _ = write!(text, "{value:e}");
    if text.digits() >= 15 {
        // Of two equally near decimals Rust's shortest form takes the larger, PostgreSQL the even one.
        let behind = text.digits() - 1;
        text.clear();
        let _ = write!(text, "{value:.behind$e}");
    }
    let (mantissa, power) = ((bits & ((1 << 52) - 1)), i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0));
    let (odd, power) = if power == 0 { (mantissa, -1074) } else { (mantissa | (1 << 52), power - 1075) };
    let mut digits = 0;
    while on_boundary(text.as_str(), odd, power, mantissa == 0) && digits < 17 {
        digits = (digits + 1).max(text.digits());
        text.clear();
        let _ = write!(text, "{value:.digits$e}");
    }
    layout(text.as_str(), 15, out);
}

/// Appends a float4.
pub(crate) fn write_f32(value: f32, extra_digits: i32, out: &mut String) {
    if !special(f64::from(value), out) {
        return;
    }
    if extra_digits <= 0 {
        return general(f64::from(value), usize::try_from((6 + extra_digits).max(1)).unwrap_or(1), out);
    }
    let bits = value.to_bits();
    let mut text = Scratch::default();
    let _ = write!(text, "{value:e}");
    if text.digits() >= 6 {
        let behind = text.digits() - 1;
        text.clear();
        let _ = write!(text, "{value:.behind$e}");
    }
    let (mantissa, power) = ((bits & ((1 << 23) - 1)), i32::try_from((bits >> 23) & 0xff).unwrap_or(0));
    let (odd, power) = if power == 0 { (mantissa, -149) } else { (mantissa | (1 << 23), power - 150) };
    let mut digits = 0;
    while on_boundary(text.as_str(), u64::from(odd), power, mantissa == 0) && digits < 9 {
        digits = (digits + 1).max(text.digits());
        text.clear();
        let _ = write!(text, "{value:.digits$e}");
    }
    layout(text.as_str(), 6, out);
}

/// Text of one float on the stack.
#[derive(Debug)]
struct Scratch {
    bytes: [u8; 40],
    len: usize,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { bytes: [0; 40], len: 0 }
    }
}

impl Scratch {
    fn as_str(&self) -> &str {
        self.bytes.get(..self.len).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default()
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    /// Digits of the mantissa.
    fn digits(&self) -> usize {
        self.as_str().bytes().take_while(|b| *b != b'e').filter(u8::is_ascii_digit).count()
    }
}

impl Write for Scratch {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(std::fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}

/// Writes NaN, infinities and zeros; whether the value remains to be written.
fn special(value: f64, out: &mut String) -> bool {
    let text = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else if value == 0.0 {
        if value.is_sign_negative() { "-0" } else { "0" }
    } else {
        return true;
    };
    out.push_str(text);
    false
}

/// Whether the decimal lies exactly between mantissa * 2^power and a neighbour.
fn on_boundary(text: &str, mantissa: u64, power: i32, lowest_of_binade: bool) -> bool {
    let Some((digits, exponent)) = text.split_once('e') else { return false };
    let mut decimal = 0_u128;
    let mut exponent: i32 = exponent.parse().unwrap_or(0);
    let mut behind_point = false;
    for b in digits.bytes() {
        match b {
            b'.' => behind_point = true,
            b'0'..=b'9' => {
                decimal = decimal * 10 + u128::from(b - b'0');
                exponent -= i32::from(behind_point);
            }
            _ => {}
        }
    }
    if decimal == 0 || !(-27..=27).contains(&exponent) {
        return false;
    }
    let fives = 5_u128.pow(exponent.unsigned_abs().min(27));
    // Both sides as an odd number times a power of two.
    let same = |middle: u128, middle_power: i32| {
        let (left, left_power) = match exponent >= 0 {
            true => (decimal.checked_mul(fives), exponent),
            false => (Some(decimal), exponent),
        };
        let right = if exponent >= 0 { Some(middle) } else { middle.checked_mul(fives) };
        let (Some(left), Some(right)) = (left, right) else { return false };
        let shift = |v: u128| i32::try_from(v.trailing_zeros()).unwrap_or(0);
        left >> left.trailing_zeros() == right >> right.trailing_zeros()
            && left_power + shift(left) == middle_power + shift(right)
    };
    let m = u128::from(mantissa);
    same(2 * m + 1, power - 1)
        || same(2 * m - 1, power - 1)
        || (lowest_of_binade && same(4 * m - 1, power - 2))
}

/// Lays `d.ddde±x` out plainly or with exponent, as C's `%g` with `plain_max` digits does.
fn layout(text: &str, plain_max: i32, out: &mut String) {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = mantissa.strip_prefix('-').inspect(|_| out.push('-')).unwrap_or(mantissa);
    let mantissa =
        if mantissa.contains('.') { mantissa.trim_end_matches('0').trim_end_matches('.') } else { mantissa };
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).map(char::from);
    if exponent < -4 || exponent >= plain_max {
        out.push_str(mantissa);
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
    } else if exponent < 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', usize::try_from(-exponent - 1).unwrap_or(0)));
        out.extend(digits);
    } else {
        let whole = usize::try_from(exponent + 1).unwrap_or(0);
        let count = digits.clone().count();
        out.extend(digits.clone().take(whole));
        out.extend(std::iter::repeat_n('0', whole.saturating_sub(count)));
        if count > whole {
            out.push('.');
            out.extend(digits.skip(whole));
        }
    }
}

/// C's `%.*g`.
fn general(value: f64, digits: usize, out: &mut String) {
    let mut text = Scratch::default();
    let behind = digits - 1;
    let _ = write!(text, "{value:.behind$e}");
    layout(text.as_str(), i32::try_from(digits).unwrap_or(15), out);
}
