//! LIKE patterns, made ready once and matched against many texts.
//!
//! Invariant: matching fails exactly where PostgreSQL's does, which is only for a pattern that ends with the escape
//! character.

use base::{Error, ErrorKind, Result};
use memchr::memmem::Finder;

/// One step of a LIKE pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Literal(Vec<u8>),
    /// `_`
    One,
    /// `%`
    Many,
    /// An escape character at the end, which fails where matching reaches it with text left.
    Unfinished,
}

/// A pattern of literal parts between `%`, which needs no stepping back: each part is looked for behind the one
/// before, as far to the left as possible.
#[derive(Clone, Debug)]
struct Parts {
    /// The text begins with it.
    first: Vec<u8>,
    middle: Vec<Finder<'static>>,
    /// The text ends with it; None where the pattern has no `%`, and `first` is the whole text.
    last: Option<Vec<u8>>,
}

impl Parts {
    /// None when the pattern has other steps.
    fn of(steps: &[Step]) -> Option<Self> {
        let mut first = Vec::new();
        let mut found: Vec<Vec<u8>> = Vec::new();
        for step in steps {
            match step {
                Step::Many => found.push(Vec::new()),
                Step::Literal(run) => found.last_mut().unwrap_or(&mut first).extend_from_slice(run),
                Step::One | Step::Unfinished => return None,
            }
        }
        let last = found.pop();
        let middle = found.iter().map(|part| Finder::new(part).into_owned()).collect();
        Some(Self { first, middle, last })
    }

    fn matches(&self, text: &[u8]) -> bool {
        let Some(mut rest) = text.strip_prefix(self.first.as_slice()) else { return false };
        let Some(last) = &self.last else { return rest.is_empty() };
        for part in &self.middle {
            let after = part.find(rest).and_then(|at| rest.get(at + part.needle().len()..));
            let Some(after) = after else { return false };
            rest = after;
        }
        rest.ends_with(last)
    }
}

/// A LIKE pattern.
#[derive(Clone, Debug)]
pub(crate) struct Like {
    steps: Vec<Step>,
    parts: Option<Parts>,
    fold: bool,
    /// A step of one character is a whole character of UTF-8, or a byte of bytea.
    bytes: bool,
}

impl Like {
    pub(crate) fn new(pattern: &[u8], fold: bool, bytes: bool) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let mut input = pattern.iter().copied();
        while let Some(byte) = input.next() {
            let literal = match byte {
                b'%' => {
                    if steps.last() != Some(&Step::Many) {
                        steps.push(Step::Many);
                    }
                    continue;
                }
                b'_' => {
                    steps.push(Step::One);
                    continue;
                }
                b'\\' => match input.next() {
                    Some(escaped) => escaped,
                    None => {
                        steps.push(Step::Unfinished);
                        break;
                    }
                },
                other => other,
            };
            let literal = if fold { literal.to_ascii_lowercase() } else { literal };
            match steps.last_mut() {
                Some(Step::Literal(run)) => run.push(literal),
                _ => steps.push(Step::Literal(vec![literal])),
            }
        }
        let parts = Parts::of(&steps);
        Self { steps, parts, fold, bytes }
    }

    /// Whether no text makes matching fail.
    pub(crate) fn never_fails(&self) -> bool {
        !self.steps.contains(&Step::Unfinished)
    }

    pub(crate) fn matches(&self, text: &[u8]) -> Result<bool> {
        match self.fold {
            true => self.matches_folded(&text.to_ascii_lowercase()),
            false => self.matches_folded(text),
        }
    }

    fn matches_folded(&self, text: &[u8]) -> Result<bool> {
        match &self.parts {
            Some(parts) => Ok(parts.matches(text)),
            None => self.matches_from(&self.steps, text),
        }
    }

    /// Greedy matching with one place to go back to: the last `%`.
    fn matches_from(&self, steps: &[Step], text: &[u8]) -> Result<bool> {
        let (mut step, mut rest) = (0, text);
        let mut retry: Option<(usize, &[u8])> = None;
        loop {
            let advanced = match steps.get(step) {
                Some(Step::Many) => {
                    retry = Some((step + 1, rest));
                    Some(rest)
                }
                Some(Step::One) => self.after_one(rest),
                Some(Step::Literal(run)) => rest.strip_prefix(run.as_slice()),
                Some(Step::Unfinished) if !rest.is_empty() || skipped(steps, step, retry) => {
                    return Err(Error::new(
                        ErrorKind::InvalidEscape,
                        "LIKE pattern must not end with escape character",
                    ));
                }
                Some(Step::Unfinished) => None,
                None if rest.is_empty() => return Ok(true),
                None => None,
            };
            match (advanced, retry) {
                (Some(after), _) => {
                    rest = after;
                    step += 1;
                }
                (None, Some((after_many, from))) => {
                    let Some(shorter) = self.after_one(from) else { return Ok(false) };
                    retry = Some((after_many, shorter));
                    step = after_many;
                    rest = shorter;
                }
                (None, None) => return Ok(false),
            }
        }
    }

    /// What follows the first character.
    fn after_one<'t>(&self, text: &'t [u8]) -> Option<&'t [u8]> {
        let width = match text.first()? {
            _ if self.bytes => 1,
            byte if *byte < 0x80 => 1,
            byte if *byte >= 0xf0 => 4,
            byte if *byte >= 0xe0 => 3,
            _ => 2,
        };
        text.get(width.min(text.len())..)
    }
}

/// Whether only `_` lies between the last `%` and this step, and that `%` had text before it: what follows such a
/// run is looked at even where the text has ended.
fn skipped(steps: &[Step], step: usize, retry: Option<(usize, &[u8])>) -> bool {
    retry.is_some_and(|(after_many, from)| {
        !from.is_empty() && steps.get(after_many..step).is_some_and(|run| run.iter().all(|s| *s == Step::One))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns of literal parts go another way than the others; both ways agree.
    #[test]
    fn parts_match_as_steps_do() {
        let patterns = [
            "", "%", "%%", "a", "a%", "%a", "%a%", "a%b", "a%b%c", "%ab%ba%", "ab%ab", "%aa%aa%", "aba%aba",
            "\\%a%", "%é%",
        ];
        let texts = [
            "", "a", "b", "ab", "ba", "aba", "abab", "aab", "aaaa", "aaa", "abcabc", "acb", "%a", "é", "xéx",
            "abba",
        ];
        for pattern in patterns {
            let like = Like::new(pattern.as_bytes(), false, false);
            let parts = like.parts.as_ref().unwrap();
            for text in texts {
                let stepped = like.matches_from(&like.steps, text.as_bytes()).unwrap();
                assert_eq!(parts.matches(text.as_bytes()), stepped, "{text:?} LIKE {pattern:?}");
            }
        }
    }

    #[test]
    fn other_patterns_are_stepped_through() {
        for pattern in ["a_", "%_%", "a\\"] {
            assert!(Like::new(pattern.as_bytes(), false, false).parts.is_none(), "{pattern}");
        }
        assert!(!Like::new(b"a%\\", false, false).never_fails());
        assert!(Like::new(b"a%\\\\", false, false).never_fails());
    }
}
