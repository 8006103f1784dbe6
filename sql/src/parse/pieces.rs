//! A query string in pieces that can be read one after the other, so that never all of its blanks are held as tokens.
//!
//! Must not know tokens beyond where one may not be cut. Invariant: a piece ends before a blank that is part of no string,
//! quoted name or comment; in doubt the rest is one piece.

/// A piece is at least this long, but for the last.
const PIECE_BYTES: usize = 64 << 10;

/// Cuts a query string into pieces.
pub(crate) fn pieces(sql: &str) -> impl Iterator<Item = &str> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (piece, behind) = rest.split_at_checked(piece_end(rest.as_bytes())).unwrap_or((rest, ""));
        rest = behind;
        Some(piece)
    })
}

/// Where the first piece ends.
fn piece_end(sql: &[u8]) -> usize {
    let mut at = 0;
    // The first byte of the word or number that the last byte belongs to.
    let mut word: Option<u8> = None;
    while let Some(byte) = sql.get(at) {
        let skipped = match byte {
            b'\'' => quoted(sql, at, word.is_some_and(|w| at > 0 && is_escape(w, sql, at))),
            b'"' => closing(sql, at + 1, b'"'),
            b'-' if sql.get(at + 1) == Some(&b'-') => find(sql, at, b"\n"),
            b'/' if sql.get(at + 1) == Some(&b'*') => comment_end(sql, at),
            b'$' if word.is_none() => dollar_end(sql, at),
            // A dollar behind a number may be read in several ways.
            b'$' if word.is_some_and(|w| w.is_ascii_digit()) => None,
            b' ' | b'\n' | b'\t' | b'\r' if at >= PIECE_BYTES => return at,
            _ => Some(at + 1),
        };
        let Some(next) = skipped else { return sql.len() };
        word = if is_word(*byte) { word.or(Some(*byte)) } else { None };
        at = next;
    }
    sql.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$') || !byte.is_ascii()
}

/// Whether the word before a quote is the `E` of a string with backslashes.
fn is_escape(word: u8, sql: &[u8], at: usize) -> bool {
    let alone = at < 2 || sql.get(at - 2).is_none_or(|before| !is_word(*before));
    matches!(word, b'e' | b'E') && alone
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
            let cut: Vec<&str> = pieces(&sql).collect();
            assert_eq!(cut.concat(), sql);
            assert_eq!(cut.len(), 2, "{token}");
            let inside = format!("{}{token} x", fill.get(3..).unwrap());
            let first = pieces(&inside).next().unwrap();
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
}
