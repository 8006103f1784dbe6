//! Regular expressions as PostgreSQL matches them.
//!
//! Must not know arrays but in `functions`. Invariant: a match begins where the first one does and has the length that
//! PostgreSQL's rules choose; groups that may be divided otherwise are refused.

mod choice;
mod flags;
pub(crate) mod functions;
mod similar;
#[cfg(test)]
mod tests;
mod translate;

pub(crate) use flags::Flags;

use base::{Error, Result};
use choice::Choice;
use regex::{Regex, RegexBuilder};
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input, MatchKind};
use std::cell::RefCell;
use translate::{invalid, translate};

/// Largest compiled regular expression, in bytes.
const REGEX_BYTES_MAX: usize = 4 << 20;

/// Where a match or group lies, in bytes.
pub(crate) type Span = (usize, usize);

/// A pattern made ready.
#[derive(Debug)]
pub(crate) struct Pattern {
    regex: Regex,
    choice: Choice,
    /// Finds the ends of matches, where the library's own may not be the one that is meant.
    ends: Option<Box<(DFA, RefCell<Cache>)>>,
}

fn too_complex() -> Error {
    invalid("regular expression is too complex")
}

impl Pattern {
    /// For tests whether there is a match at all.
    pub(crate) fn regex(pattern: &str, flags: Flags) -> Result<Regex> {
        Self::built(&translate(pattern, flags)?.text)
    }

    fn built(text: &str) -> Result<Regex> {
        RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build().map_err(|e| match e {
            regex::Error::CompiledTooBig(_) => too_complex(),
            other => {
                let reason = other.to_string();
                invalid(reason.lines().last().unwrap_or_default().trim_start_matches("error: "))
            }
        })
    }

    pub(crate) fn new(pattern: &str, flags: Flags) -> Result<Self> {
        let translated = translate(pattern, flags)?;
        let regex = Self::built(&translated.text)?;
        let hir = regex_syntax::parse(regex.as_str()).map_err(|e| Error::internal(e.to_string()))?;
        let mut choice = Choice::of(&hir);
        choice.unclear |= translated.forces_length;
        let ends = match choice.first_is_right {
            true => None,
            false => {
                let config = DFA::config().match_kind(MatchKind::All);
                let dfa =
                    DFA::builder().configure(config).build(regex.as_str()).map_err(|_| too_complex())?;
                let cache = RefCell::new(dfa.create_cache());
                Some(Box::new((dfa, cache)))
            }
        };
        Ok(Self { regex, choice, ends })
    }

    /// Groups of the pattern, without the match itself.
    pub(crate) fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    /// Whether there is a match.
    pub(crate) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    fn check(&self) -> Result<()> {
        if !self.choice.unclear {
            return Ok(());
        }
        Err(Error::unsupported("matches of this regular expression are not supported").with_hint(
            "Leave out lazy quantifiers beside |, and write bounds such as {1,1} with one number.",
        ))
    }

    /// The first match that begins at a byte or behind it.
    pub(crate) fn find(&self, text: &str, from: usize) -> Result<Option<Span>> {
        self.check()?;
        if from > text.len() {
            return Ok(None);
        }
        match self.regex.find_at(text, from) {
            None => Ok(None),
            Some(found) => Ok(Some((found.start(), self.end(text, found.start(), found.end())?))),
        }
    }

    /// The match, then its groups.
    pub(crate) fn captures(&self, text: &str, from: usize) -> Result<Option<Vec<Option<Span>>>> {
        if self.groups() == 0 {
            return Ok(self.find(text, from)?.map(|span| vec![Some(span)]));
        }
        if from > text.len() {
            return Ok(None);
        }
        self.check()?;
        let Some(found) = self.regex.captures_at(text, from) else { return Ok(None) };
        let spans: Vec<Option<Span>> = found.iter().map(|m| m.map(|m| (m.start(), m.end()))).collect();
        let Some(Some((start, end))) = spans.first().copied() else { return Ok(None) };
        if !self.choice.captures || self.end(text, start, end)? != end {
            return Err(Error::unsupported("the groups of this regular expression are not supported")
                .with_hint(
                    "Use alternatives that begin differently, and separators between parts that vary.",
                ));
        }
        Ok(Some(spans))
    }

    /// Where the match that begins at `start` ends, when the library's ends at `first`.
    fn end(&self, text: &str, start: usize, first: usize) -> Result<usize> {
        let Some(ends) = &self.ends else { return Ok(first) };
        let (dfa, cache) = ends.as_ref();
        let input =
            Input::new(text).span(start..text.len()).anchored(Anchored::Yes).earliest(!self.choice.longest);
        let found = dfa.try_search_fwd(&mut cache.borrow_mut(), &input).map_err(|_| too_complex())?;
        found.map(|half| half.offset()).ok_or_else(|| Error::internal("a match without an end"))
    }
}

/// The place behind a match from which the next one is looked for.
pub(crate) fn after(text: &str, (start, end): Span) -> usize {
    let next = || text.get(end..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
    if start == end { end + next() } else { end }
}
