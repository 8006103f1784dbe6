//! SIMILAR TO and SUBSTRING .. SIMILAR: SQL's regular expressions as PostgreSQL's.

use base::{Error, ErrorKind, Result};

/// The pattern for `~`. None stands for no escape character, the default is the backslash.
pub(crate) fn similar_escape(pattern: &str, escape: Option<&str>) -> Result<String> {
    let escape = match escape {
        None => Some('\\'),
        Some(text) => {
            let mut chars = text.chars();
            let first = chars.next();
            if chars.next().is_some() {
                return Err(Error::new(ErrorKind::InvalidEscape, "invalid escape string")
                    .with_hint("Escape string must be empty or one character."));
            }
            first
        }
    };
    let mut out = String::from("^(?:");
    let (mut escaped, mut in_class, mut separators) = (false, false, 0);
    for c in pattern.chars() {
        if escaped {
            match c {
                // Separators divide the pattern: what is wanted lies between the first and the second.
                '"' if !in_class => {
                    out.push_str(match separators {
                        0 => "){1,1}?(",
                        1 => "){1,1}(?:",
                        _ => {
                            let message = "SQL regular expression may not contain more than two escape-double-quote separators";
                            return Err(Error::new(ErrorKind::InvalidUseOfEscape, message));
                        }
                    });
                    separators += 1;
                }
                c => {
                    out.push('\\');
                    out.push(c);
                }
            }
            escaped = false;
        } else if Some(c) == escape {
            escaped = true;
        } else if in_class {
            if c == '\\' {
                out.push('\\');
            }
            out.push(c);
            in_class = c != ']';
        } else {
            match c {
                '[' => {
                    out.push('[');
                    in_class = true;
                }
                '%' => out.push_str(".*"),
                '_' => out.push('.'),
                '(' => out.push_str("(?:"),
                '\\' | '.' | '^' | '$' => {
                    out.push('\\');
                    out.push(c);
                }
                c => out.push(c),
            }
        }
    }
    out.push_str(")$");
    Ok(out)
}
