//! A query string in pieces that can be read one after the other, so that never all of it is held as raw tokens.
//!
//! Must not know tokens beyond where one ends for sure. Invariant: a piece ends where a token ends, and no later token
//! depends on an earlier one; in doubt there is no end.

/// A piece is at least this long, but for the last.
const PIECE_BYTES: usize = 64 << 10;
/// A piece has at most so many bytes outside of strings, quoted names and comments: no name or number is that long.
const PLAIN_BYTES_MAX: usize = 1 << 20;

/// Cuts a query string into pieces; None where it has no end of a token for too long.
pub(crate) fn pieces(sql: &str) -> impl Iterator<Item = Option<&str>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(end) = piece_end(rest.as_bytes()) else {
            rest = "";
            return Some(None);
        };
        let (piece, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
        rest = behind;
        Some(Some(piece))
    })
}

/// Those of the places that stand outside of strings, quoted names and comments. The places are in order.
pub(super) fn plain_at(sql: &str, places: &[usize]) -> Vec<usize> {
    let bytes = sql.as_bytes();
    let mut kept = Vec::new();
    let mut places = places.iter().copied().peekable();
    let mut run = Run::None;
    let mut at = 0;
    while let Some(byte) = bytes.get(at).copied() {
        while places.next_if(|place| *place < at).is_some() {}
        if places.next_if_eq(&at).is_some() {
            kept.push(at);
            // Up to the quote, in which only the quote itself, doubled, means anything.
            at += 2;
            let quote = bytes.get(at).copied().unwrap_or(b'"');
            match closing(bytes, at + 1, quote) {
                Some(next) => at = next,
                None => break,
            }
            run = Run::None;
            continue;
        }
        let Some(next) = behind(bytes, at, byte, run) else { break };
        run = run.step(byte);
        at = next;
    }
    kept
}

/// Behind the string, quoted name, comment or single byte that begins at a place; None if it does not end.
fn behind(sql: &[u8], at: usize, byte: u8, run: Run) -> Option<usize> {
    match byte {
        b'\'' => quoted(sql, at, is_escape(sql, at)),
        b'"' => closing(sql, at + 1, b'"'),
        b'-' if sql.get(at + 1) == Some(&b'-') => find(sql, at, b"\n"),
        b'/' if sql.get(at + 1) == Some(&b'*') => comment_end(sql, at),
        b'$' if run == Run::None => dollar_end(sql, at),
        // A dollar behind a number may be read in several ways.
        b'$' if run != Run::Name => None,
        _ => Some(at + 1),
    }
}

/// The word or number that the last byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    None,
    /// Digits alone.
    Digits,
    /// Digits, then other characters, such as `1e`: a sign may belong to it.
    Number,
    Name,
}

impl Run {
    fn step(self, byte: u8) -> Self {
        match self {
            _ if !is_word(byte) => Run::None,
            Run::None | Run::Digits if byte.is_ascii_digit() => Run::Digits,
            Run::None => Run::Name,
            Run::Digits => Run::Number,
            same => same,
        }
    }
}

/// Where the first piece ends.
fn piece_end(sql: &[u8]) -> Option<usize> {
    let (mut at, mut plain) = (0, 0);
    let mut run = Run::None;
    let mut before = b' ';
    while let Some(byte) = sql.get(at).copied() {
        if at >= PIECE_BYTES && is_end(before, run, byte) {
            return Some(at);
        }
        let Some(next) = behind(sql, at, byte, run) else { return Some(sql.len()) };
        plain += usize::from(next == at + 1);
        if plain > PLAIN_BYTES_MAX {
            return None;
        }
        run = run.step(byte);
        before = sql.get(next - 1).copied().unwrap_or(b' ');
        at = next;
    }
    Some(sql.len())
}

/// Whether a token ends between two bytes outside of strings.
fn is_end(before: u8, run: Run, byte: u8) -> bool {
    match byte {
        // The beginning of U&'..'.
        b'&' if matches!(before, b'u' | b'U') => false,
        b' ' | b'\n' | b'\t' | b'\r' | b',' | b';' | b'(' | b')' | b'[' | b']' => true,
        b'+' | b'-' | b'*' | b'/' | b'<' | b'>' | b'=' | b'~' | b'!' | b'@' | b'#' | b'%' | b'^' | b'&'
        | b'|' | b'?' | b':' => {
            matches!(before, b')' | b']' | b'\'' | b'"') || matches!(run, Run::Digits | Run::Name)
        }
        _ => before == b',',
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Whether the quote at a place belongs to a string with backslashes, which an `E` by itself stands before.
fn is_escape(sql: &[u8], at: usize) -> bool {
    let back = |n: usize| at.checked_sub(n).and_then(|i| sql.get(i));
    matches!(back(1), Some(b'e' | b'E')) && back(2).is_none_or(|before| !is_word(*before))
}

/// Whether a string that begins with `E'` has an end.
pub(super) fn escape_string_ends(text: &str) -> bool {
    quoted(text.as_bytes(), 1, true).is_some()
}

/// Behind a string that begins at a quote.
fn quoted(sql: &[u8], at: usize, escapes: bool) -> Option<usize> {
    let mut at = at + 1;
    loop {
        match sql.get(at)? {
            b'\\' if escapes => at += 2,
            b'\'' if sql.get(at + 1) == Some(&b'\'') => at += 2,
            b'\'' => return Some(at + 1),
            _ => at += 1,
        }
    }
}

/// Behind the next such byte that is not doubled.
fn closing(sql: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        match sql.get(at)? {
            byte if *byte != quote => at += 1,
            _ if sql.get(at + 1) == Some(&quote) => at += 2,
            _ => return Some(at + 1),
        }
    }
}

/// Where a text begins, at or behind a place.
fn find(sql: &[u8], at: usize, wanted: &[u8]) -> Option<usize> {
    sql.get(at..)?.windows(wanted.len()).position(|window| window == wanted).map(|found| at + found)
}

/// Behind a comment, in which others may nest.
fn comment_end(sql: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match (sql.get(at)?, sql.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => at += 1,
        }
    }
}

/// Behind a string in dollars, or behind the dollar when none begins there.
fn dollar_end(sql: &[u8], at: usize) -> Option<usize> {
    let tag = sql.get(at + 1..)?.iter().take_while(|b| is_word(**b) && **b != b'$').count();
    if sql.get(at + 1 + tag) != Some(&b'$') {
        return Some(at + 1);
    }
    let mark = sql.get(at..at + tag + 2)?;
    find(sql, at + mark.len(), mark).map(|end| end + mark.len())
}

#[cfg(test)]
mod tests {
    use super::{PIECE_BYTES, pieces};

    /// Whatever stands around it, a cut leaves strings, names and comments whole.
    #[test]
    fn pieces_keep_tokens_whole() {
        let fill = " ".repeat(PIECE_BYTES);
        for token in [
            "'a b'",
            "'a''  b'",
            r"E'a\' b'",
            r"'a\'",
            "\"a  b\"",
            "-- a b\n",
            "/* a /* b */ c */",
            "$$ a b $$",
            "$t$ a $ b $$ c $t$",
            "$1",
            "a$b$",
            "U&'a b'",
            "1.5e+3",
            "'é  ü'",
        ] {
            let sql = format!("{fill}{token} {token} x");
            let cut: Vec<&str> = pieces(&sql).flatten().collect();
            assert_eq!(cut.concat(), sql);
            assert_eq!(cut.len(), 2, "{token}");
            let inside = format!("{}{token} x", fill.get(3..).unwrap());
            let first = pieces(&inside).next().unwrap().unwrap();
            assert!(
                first.len() >= PIECE_BYTES - 3 + token.trim_end().len(),
                "{token}: {:?}",
                first.trim_start()
            );
        }
    }

    #[test]
    fn what_is_not_ended_is_one_piece() {
        let fill = " ".repeat(PIECE_BYTES + 1);
        for open in ["'", "\"", "/*", "$$", "E'\\'", "1$a$ "] {
            let sql = format!("{open}{fill}{fill}");
            assert_eq!(pieces(&sql).count(), 1, "{open}");
        }
    }

    /// A list without blanks was one piece once, and took a hundred bytes of memory for each of its own.
    #[test]
    fn lists_and_chains_without_blanks_are_cut() {
        for item in
            ["1,", "(1,2),", "1+", "a||", "'a'||", "U&'a'&", "f(", "$1*", "1.5e+3-", "x::t-", ";", "\"a\"="]
        {
            let sql = item.repeat(8 * PIECE_BYTES / item.len());
            let cut: Vec<&str> = pieces(&sql).flatten().collect();
            assert!(cut.concat() == sql && cut.len() > 4, "{item}: {}", cut.len());
            assert!(cut.iter().all(|piece| !piece.ends_with(['e', 'U'])), "{item}");
        }
        let dots = "a.".repeat(super::PLAIN_BYTES_MAX);
        assert_eq!(pieces(&dots).next(), Some(None));
    }
}
