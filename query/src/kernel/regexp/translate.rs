//! PostgreSQL's advanced regular expressions in the syntax of the library that matches them.
//!
//! Invariants: what the library would read otherwise is written out, so that a translated pattern matches the same
//! texts; what has no counterpart (back-references, look-around) is refused. Classes and case are those of the C locale:
//! ASCII only.

use crate::kernel::regexp::flags::Flags;
use base::{Error, ErrorKind, Result};

/// Largest count of a bound.
const REPEATS_MAX: u32 = 255;

pub(crate) fn invalid(reason: &str) -> Error {
    Error::new(ErrorKind::InvalidRegularExpression, format!("invalid regular expression: {reason}"))
}

type Ranges = Vec<(char, char)>;

/// What stands before the current place, for a quantifier to refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    Atom,
    Quantified,
}

/// What a backslash begins.
enum Escape {
    Char(char),
    Class(Ranges, bool),
    Constraint(&'static str),
}

struct Translator {
    pattern: Vec<char>,
    at: usize,
    flags: Flags,
    out: String,
    before: Before,
    /// Where the last atom begins in `out`.
    atom_at: usize,
    /// Where the open groups begin in `out`.
    open: Vec<usize>,
    forces_length: bool,
}

/// A pattern for the library.
#[derive(Debug)]
pub(crate) struct Translated {
    pub(crate) text: String,
    /// Bounds such as `{1,1}?` say whether long or short matches are wanted, which `text` no longer tells.
    pub(crate) forces_length: bool,
}

/// The pattern for the library.
pub(crate) fn translate(pattern: &str, flags: Flags) -> Result<Translated> {
    let mut flags = flags;
    let rest = match pattern.strip_prefix("***=") {
        Some(rest) => {
            flags.literal = true;
            rest
        }
        None if flags.literal => pattern,
        None => embedded(pattern.strip_prefix("***:").unwrap_or(pattern), &mut flags)?,
    };
    let mut translator = Translator {
        pattern: rest.chars().collect(),
        at: 0,
        flags,
        out: String::with_capacity(rest.len() + 8),
        before: Before::Nothing,
        atom_at: 0,
        open: Vec::new(),
        forces_length: false,
    };
    if flags.literal {
        rest.chars().for_each(|c| translator.literal(c));
    } else if rest.starts_with("***") {
        return Err(invalid("quantifier operand invalid"));
    } else {
        translator.run()?;
    }
    Ok(Translated { text: translator.out, forces_length: translator.forces_length })
}

/// Takes options at the start of a pattern into the flags.
fn embedded<'p>(pattern: &'p str, flags: &mut Flags) -> Result<&'p str> {
    let Some(rest) = pattern.strip_prefix("(?") else { return Ok(pattern) };
    if !rest.starts_with(|c: char| c.is_alphabetic()) {
        return Ok(pattern);
    }
    let options: String = rest.chars().take_while(|c| c.is_alphabetic()).collect();
    let Some(after) = rest.get(options.len()..).and_then(|r| r.strip_prefix(')')) else {
        return Err(invalid("invalid embedded option"));
    };
    for option in options.chars() {
        if !flags.set(option)? {
            return Err(invalid("invalid embedded option"));
        }
    }
    Ok(after)
}

impl Translator {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.pattern.get(self.at + ahead).copied()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek(0)?;
        self.at += 1;
        Some(c)
    }

    fn follows(&self, text: &str) -> bool {
        text.chars().enumerate().all(|(i, c)| self.peek(i) == Some(c))
    }

    fn run(&mut self) -> Result<()> {
        while let Some(c) = self.next() {
            match c {
                '(' => self.open()?,
                ')' => {
                    let begin = self.open.pop().ok_or_else(|| invalid("parentheses () not balanced"))?;
                    self.atom(")");
                    self.atom_at = begin;
                }
                '|' => {
                    self.out.push('|');
                    self.before = Before::Nothing;
                }
                '*' | '+' | '?' => self.quantifier(&c.to_string())?,
                '{' if self.peek(0).is_some_and(|c| c.is_ascii_digit()) => self.bound()?,
                '^' => self.constraint(if self.flags.anchor_at_newline { "(?m:^)" } else { "\\A" }),
                '$' => self.constraint(if self.flags.anchor_at_newline { "(?m:$)" } else { "\\z" }),
                '.' => self.atom(if self.flags.stop_at_newline { "[^\\n]" } else { "(?s:.)" }),
                '[' => self.bracket()?,
                '\\' => match self.escape()? {
                    Escape::Char(c) => self.literal(c),
                    Escape::Class(ranges, negated) => self.class(ranges, negated),
                    Escape::Constraint(text) => self.constraint(text),
                },
                c if self.flags.expanded && c.is_ascii_whitespace() => {}
                '#' if self.flags.expanded => while self.next().is_some_and(|c| c != '\n') {},
                c => self.literal(c),
            }
        }
        if !self.open.is_empty() { Err(invalid("parentheses () not balanced")) } else { Ok(()) }
    }

    fn atom(&mut self, text: &str) {
        self.atom_at = self.out.len();
        self.out.push_str(text);
        self.before = Before::Atom;
    }

    fn constraint(&mut self, text: &str) {
        self.out.push_str(text);
        self.before = Before::Nothing;
    }

    fn literal(&mut self, c: char) {
        match self.flags.fold && c.is_ascii_alphabetic() {
            true => self.class(vec![(c, c)], false),
            false => self.atom(&regex::escape(&c.to_string())),
        }
    }

    fn open(&mut self) -> Result<()> {
        let begin = self.out.len();
        if self.peek(0) == Some('?') {
            match self.peek(1) {
                Some(':') => {
                    self.at += 2;
                    self.out.push_str("(?:");
                }
                Some('#') => {
                    while self.next().is_some_and(|c| c != ')') {}
                    return Ok(());
                }
                Some('=' | '!' | '<') => {
                    return Err(Error::unsupported("look-around in regular expressions is not supported"));
                }
                _ => return Err(invalid("quantifier operand invalid")),
            }
        } else {
            self.out.push('(');
        }
        self.open.push(begin);
        self.before = Before::Nothing;
        Ok(())
    }

    fn quantifier(&mut self, text: &str) -> Result<()> {
        if self.before != Before::Atom {
            return Err(invalid("quantifier operand invalid"));
        }
        self.out.push_str(text);
        if self.peek(0) == Some('?') {
            self.at += 1;
            self.out.push('?');
        }
        self.before = Before::Quantified;
        Ok(())
    }

    fn number(&mut self) -> Result<u32> {
        let mut value = 0;
        while let Some(digit) = self.peek(0).and_then(|c| c.to_digit(10)) {
            self.at += 1;
            value = value * 10 + digit;
            if value > REPEATS_MAX {
                return Err(invalid("invalid repetition count(s)"));
            }
        }
        Ok(value)
    }

    /// `{m}`, `{m,}` or `{m,n}` behind the brace.
    fn bound(&mut self) -> Result<()> {
        let least = self.number()?;
        let mut most = least;
        let text = match self.next() {
            Some('}') => format!("{{{least}}}"),
            Some(',') if self.peek(0) == Some('}') => {
                self.at += 1;
                most = REPEATS_MAX;
                format!("{{{least},}}")
            }
            Some(',') if self.peek(0).is_some_and(|c| c.is_ascii_digit()) => {
                most = self.number()?;
                if self.next() != Some('}') {
                    return Err(invalid("braces {} not balanced"));
                }
                self.forces_length |= most == least;
                if most < least {
                    return Err(invalid("invalid repetition count(s)"));
                }
                format!("{{{least},{most}}}")
            }
            _ => return Err(invalid("braces {} not balanced")),
        };
        if most == 0 { self.never() } else { self.quantifier(&text) }
    }

    /// An atom that occurs no time. The library would drop its groups, which count nevertheless.
    fn never(&mut self) -> Result<()> {
        if self.before != Before::Atom {
            return Err(invalid("quantifier operand invalid"));
        }
        self.out.insert_str(self.atom_at, "(?:[^\\x{0}-\\x{10ffff}]");
        self.out.push(')');
        self.before = Before::Atom;
        self.quantifier("?")
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<Escape> {
        let unknown = || invalid("invalid escape \\ sequence");
        let c = self.next().ok_or_else(unknown)?;
        Ok(match c {
            'a' => Escape::Char('\u{7}'),
            'b' => Escape::Char('\u{8}'),
            'B' => Escape::Char('\\'),
            'e' => Escape::Char('\u{1b}'),
            'f' => Escape::Char('\u{c}'),
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            't' => Escape::Char('\t'),
            'v' => Escape::Char('\u{b}'),
            'c' => {
                let letter = self.next().ok_or_else(unknown)?;
                Escape::Char(char::from_u32(u32::from(letter) & 0x1f).ok_or_else(unknown)?)
            }
            'u' => Escape::Char(self.hexadecimal(4, 4)?),
            'U' => Escape::Char(self.hexadecimal(8, 8)?),
            'x' => Escape::Char(self.hexadecimal(1, 255)?),
            'd' | 'D' => Escape::Class(named("digit").unwrap_or_default(), c == 'D'),
            's' | 'S' => Escape::Class(named("space").unwrap_or_default(), c == 'S'),
            'w' | 'W' => {
                let mut ranges = named("alnum").unwrap_or_default();
                ranges.push(('_', '_'));
                Escape::Class(ranges, c == 'W')
            }
            'A' => Escape::Constraint("\\A"),
            'Z' => Escape::Constraint("\\z"),
            'm' => Escape::Constraint("(?-u:\\b{start})"),
            'M' => Escape::Constraint("(?-u:\\b{end})"),
            'y' => Escape::Constraint("(?-u:\\b)"),
            'Y' => return Err(Error::unsupported("\\Y in regular expressions is not supported")),
            '0' => Escape::Char(self.octal()),
            '1'..='9' => {
                return Err(Error::unsupported("back-references in regular expressions are not supported"));
            }
            c if c.is_ascii_alphanumeric() => return Err(unknown()),
            c => Escape::Char(c),
        })
    }

    /// Up to two more digits behind a 0.
    fn octal(&mut self) -> char {
        let mut value = 0;
        for _ in 0..2 {
            let Some(digit) = self.peek(0).and_then(|c| c.to_digit(8)) else { break };
            self.at += 1;
            value = value * 8 + digit;
        }
        char::from_u32(value).unwrap_or_default()
    }

    fn hexadecimal(&mut self, least: usize, most: usize) -> Result<char> {
        let (mut value, mut count) = (0_u32, 0);
        while count < most
            && let Some(digit) = self.peek(0).and_then(|c| c.to_digit(16))
        {
            self.at += 1;
            count += 1;
            value = value.saturating_mul(16).saturating_add(digit);
        }
        let c = if count < least { None } else { char::from_u32(value) };
        c.ok_or_else(|| invalid("invalid escape \\ sequence"))
    }

    /// A bracket expression behind its bracket.
    fn bracket(&mut self) -> Result<()> {
        for (text, constraint) in [("[:<:]]", "(?-u:\\b{start})"), ("[:>:]]", "(?-u:\\b{end})")] {
            if self.follows(text) {
                self.at += text.len();
                self.constraint(constraint);
                return Ok(());
            }
        }
        let negated = self.peek(0) == Some('^');
        self.at += usize::from(negated);
        let mut ranges = Ranges::new();
        let mut first = true;
        loop {
            match self.next() {
                None => return Err(invalid("brackets [] not balanced")),
                Some(']') if !first => break,
                // A hyphen that is neither first nor last begins no range.
                Some('-') if !first && self.peek(0) != Some(']') => {
                    return Err(invalid("invalid character range"));
                }
                Some(c) => self.member(c, &mut ranges)?,
            }
            first = false;
        }
        if negated && self.flags.stop_at_newline {
            ranges.push(('\n', '\n'));
        }
        self.class(ranges, negated);
        Ok(())
    }

    /// A character, range, class or escape of a bracket expression, of which `c` was read.
    fn member(&mut self, c: char, ranges: &mut Ranges) -> Result<()> {
        if c == '[' && self.peek(0) == Some(':') {
            ranges.extend(named(&self.delimited(':')?).ok_or_else(|| invalid("invalid character class"))?);
            return Ok(());
        }
        let from = match c {
            '\\' => match self.escape()? {
                Escape::Char(c) => c,
                Escape::Class(class, negated) => {
                    ranges.extend(if negated { complement(class) } else { class });
                    return Ok(());
                }
                Escape::Constraint(_) => return Err(invalid("invalid escape \\ sequence")),
            },
            c => self.element(c)?,
        };
        if self.peek(0) != Some('-') || self.peek(1) == Some(']') {
            ranges.push((from, from));
            return Ok(());
        }
        self.at += 1;
        let to = match self.next() {
            None => return Err(invalid("brackets [] not balanced")),
            Some('\\') => match self.escape()? {
                Escape::Char(c) => c,
                _ => return Err(invalid("invalid character range")),
            },
            Some('[') if self.peek(0) == Some(':') => return Err(invalid("invalid character range")),
            Some(c) => self.element(c)?,
        };
        if to < from {
            return Err(invalid("invalid character range"));
        }
        ranges.push((from, to));
        Ok(())
    }

    /// A character, or one that is written as a collating element.
    fn element(&mut self, c: char) -> Result<char> {
        let Some(mark @ ('.' | '=')) = self.peek(0).filter(|_| c == '[') else { return Ok(c) };
        let name = self.delimited(mark)?;
        let mut chars = name.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => Ok(c),
            _ => Err(Error::unsupported("named collating elements in regular expressions are not supported")),
        }
    }

    /// The text between `[:` and `:]`, of which the bracket was read.
    fn delimited(&mut self, mark: char) -> Result<String> {
        self.at += 1;
        let mut name = String::new();
        loop {
            match self.next() {
                None => return Err(invalid("brackets [] not balanced")),
                Some(c) if c == mark && self.peek(0) == Some(']') => {
                    self.at += 1;
                    return Ok(name);
                }
                Some(c) => name.push(c),
            }
        }
    }

    fn class(&mut self, mut ranges: Ranges, negated: bool) {
        if self.flags.fold {
            ranges.extend(folded(&ranges));
        }
        let begin = self.out.len();
        self.out.push_str(if negated { "[^" } else { "[" });
        for (from, to) in ranges {
            self.out.push_str(&format!("\\x{{{:x}}}-\\x{{{:x}}}", u32::from(from), u32::from(to)));
        }
        self.atom("]");
        self.atom_at = begin;
    }
}

/// The other case of the ASCII letters in ranges.
fn folded(ranges: &Ranges) -> Ranges {
    let mut out = Ranges::new();
    for letter in ('a'..='z').chain('A'..='Z') {
        if ranges.iter().any(|(from, to)| (*from..=*to).contains(&letter)) {
            let other = if letter.is_ascii_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            };
            out.push((other, other));
        }
    }
    out
}

fn complement(mut ranges: Ranges) -> Ranges {
    ranges.sort_unstable();
    let mut out = Ranges::new();
    let mut next = Some('\0');
    for (from, to) in ranges {
        // Ranges of classes do not overlap and end within ASCII.
        let before = char::from_u32(u32::from(from).wrapping_sub(1));
        if let (Some(start), Some(end)) = (next, before)
            && start <= end
        {
            out.push((start, end));
        }
        next = char::from_u32(u32::from(to) + 1);
    }
    if let Some(start) = next {
        out.push((start, char::MAX));
    }
    out
}

/// The members of a class in the C locale.
fn named(name: &str) -> Option<Ranges> {
    Some(match name {
        "alpha" => vec![('A', 'Z'), ('a', 'z')],
        "digit" => vec![('0', '9')],
        "alnum" => vec![('0', '9'), ('A', 'Z'), ('a', 'z')],
        "word" => vec![('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')],
        "upper" => vec![('A', 'Z')],
        "lower" => vec![('a', 'z')],
        "space" => vec![('\t', '\r'), (' ', ' ')],
        "blank" => vec![('\t', '\t'), (' ', ' ')],
        "punct" => vec![('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "xdigit" => vec![('0', '9'), ('A', 'F'), ('a', 'f')],
        "cntrl" => vec![('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "graph" => vec![('!', '~')],
        "print" => vec![(' ', '~')],
        "ascii" => vec![('\0', '\u{7f}')],
        _ => return None,
    })
}
