//! Query string to tokens with positions, one list per statement.
//!
//! Must not know grammar beyond the semicolon.
//! Invariants: whitespace and comments are gone; spans are positions in the query string (line 1); what PostgreSQL's
//! lexer refuses is refused here.

use super::dialect::NyalaDialect;
use base::{Error, ErrorKind, Result};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

/// A query string that can be cut at character positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    sql: &'a str,
    /// Positions are byte offsets plus one.
    ascii: bool,
}

impl<'a> Source<'a> {
    pub(crate) fn new(sql: &'a str) -> Self {
        Self { sql, ascii: sql.is_ascii() }
    }

    /// The characters from position `start` up to, not including, `end`; both count from 1.
    pub(crate) fn slice(&self, start: usize, end: usize) -> &'a str {
        let (from, to) = (self.byte(start), self.byte(end));
        self.sql.get(from..to.max(from)).unwrap_or("")
    }

    /// The text of the token with that span.
    pub(crate) fn token(&self, span: Span) -> &'a str {
        self.slice(position(span.start), position(span.end))
    }

    /// The position behind the last character.
    pub(crate) fn end(&self) -> usize {
        1 + if self.ascii { self.sql.len() } else { self.sql.chars().count() }
    }

    fn byte(&self, position: usize) -> usize {
        let chars = position.saturating_sub(1);
        if self.ascii {
            return chars.min(self.sql.len());
        }
        self.sql.char_indices().nth(chars).map_or(self.sql.len(), |(byte, _)| byte)
    }
}

/// The position that a rewritten location holds.
pub(crate) fn position(location: Location) -> usize {
    usize::try_from(location.column).unwrap_or(usize::MAX)
}

/// The tokens of one statement.
#[derive(Debug)]
pub(crate) struct StatementTokens {
    pub(crate) tokens: Vec<TokenWithSpan>,
    /// Position of the semicolon behind it.
    pub(crate) semicolon: Option<usize>,
}

/// Cuts a query string into statements; those without tokens are left out.
pub(crate) fn statements(source: Source<'_>) -> Result<Vec<StatementTokens>> {
    let mut raw = Vec::new();
    let outcome = Tokenizer::new(&NyalaDialect, source.sql).tokenize_with_location_into_buf(&mut raw);
    let lines = LineStarts::of(source.sql);
    if outcome.is_err() {
        let from = raw.last().map_or(1, |t| lines.position(t.span.end));
        return Err(lexical_error(source, from));
    }
    let mut statements = Vec::new();
    let mut tokens: Vec<TokenWithSpan> = Vec::new();
    let mut newline = false;
    for mut token in raw {
        token.span = lines.rewrite(token.span);
        match &token.token {
            Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. }) => newline = true,
            Token::Whitespace(_) => {}
            Token::SemiColon => {
                let semicolon = Some(position(token.span.start));
                if !tokens.is_empty() {
                    statements.push(StatementTokens { tokens: std::mem::take(&mut tokens), semicolon });
                }
            }
            _ => {
                if !(newline && continues(tokens.last_mut(), &token)) {
                    check(source, tokens.last(), &token)?;
                    tokens.push(token);
                }
                newline = false;
            }
        }
    }
    if !tokens.is_empty() {
        statements.push(StatementTokens { tokens, semicolon: None });
    }
    Ok(statements)
}

/// A literal behind a literal on an earlier line is one literal with it.
fn continues(last: Option<&mut TokenWithSpan>, token: &TokenWithSpan) -> bool {
    let (Some(last), Token::SingleQuotedString(more)) = (last, &token.token) else {
        return false;
    };
    let Token::SingleQuotedString(text) = &mut last.token else {
        return false;
    };
    text.push_str(more);
    last.span.end = token.span.end;
    true
}

/// Tokens that sqlparser reads and PostgreSQL does not.
fn check(source: Source<'_>, last: Option<&TokenWithSpan>, token: &TokenWithSpan) -> Result<()> {
    let start = position(token.span.start);
    let text = source.token(token.span);
    match &token.token {
        Token::Word(word) if word.quote_style.is_some() && word.value.is_empty() => {
            return Err(syntax(format!("zero-length delimited identifier at or near \"{text}\""), start));
        }
        Token::Number(_, true) => return Err(junk("numeric literal", text, start)),
        Token::HexStringLiteral(_) if text.starts_with('0') => {
            return Err(junk("numeric literal", text, start));
        }
        Token::Char(_) => return Err(syntax(format!("syntax error at or near \"{text}\""), start)),
        _ => {}
    }
    let Some(last) = last else {
        return Ok(());
    };
    let touching = last.span.end == token.span.start;
    match (&last.token, &token.token) {
        (Token::Number(..), Token::Word(word)) if touching && word.quote_style.is_none() => {
            let near = source.slice(position(last.span.start), position(token.span.end));
            Err(junk("numeric literal", near, position(last.span.start)))
        }
        (Token::Number(..) | Token::SingleQuotedString(_), Token::SingleQuotedString(_)) => {
            Err(syntax(format!("syntax error at or near \"{text}\""), start))
        }
        (Token::Word(before), Token::Word(word))
            if is_among(AWAITS_OPERAND, before) && is_among(CLAUSES, word) =>
        {
            Err(syntax(format!("syntax error at or near \"{text}\""), start))
        }
        (Token::Word(word), Token::SingleQuotedString(_))
            if word.quote_style.is_none() && word.value.eq_ignore_ascii_case("as") =>
        {
            Err(syntax(format!("syntax error at or near \"{text}\""), start))
        }
        _ => Ok(()),
    }
}

/// Behind these a relation or an expression must follow, and none of `CLAUSES` begins one. sqlparser takes the latter
/// for names.
const AWAITS_OPERAND: &[&str] =
    &["from", "join", "where", "by", "having", "and", "or", "not", "when", "then", "else"];
const CLAUSES: &[&str] = &[
    "from",
    "where",
    "group",
    "order",
    "having",
    "limit",
    "offset",
    "union",
    "except",
    "intersect",
    "on",
    "using",
    "when",
    "then",
    "else",
    "end",
    "as",
    "window",
    "fetch",
    "returning",
    "and",
    "or",
];

fn is_among(words: &[&str], word: &Word) -> bool {
    word.quote_style.is_none() && words.iter().any(|w| word.value.eq_ignore_ascii_case(w))
}

fn junk(what: &str, near: &str, at: usize) -> Error {
    syntax(format!("trailing junk after {what} at or near \"{near}\""), at)
}

pub(crate) fn syntax(message: String, at: usize) -> Error {
    Error::new(ErrorKind::Syntax, message).at(at)
}

/// What is wrong with the text from `from`, where no token could be read.
fn lexical_error(source: Source<'_>, from: usize) -> Error {
    let rest = source.slice(from, source.end());
    let lower: String = rest.chars().take(3).flat_map(char::to_lowercase).collect();
    let what = if lower.starts_with("/*") {
        "unterminated /* comment"
    } else if lower.starts_with('"') || lower.starts_with("u&\"") {
        "unterminated quoted identifier"
    } else if lower.starts_with("b'") {
        "unterminated bit string literal"
    } else if lower.starts_with("x'") {
        "unterminated hexadecimal string literal"
    } else if lower.starts_with('$') {
        "unterminated dollar-quoted string"
    } else if (lower.starts_with("e'") || lower.starts_with("u&'")) && rest.trim_end().ends_with('\'') {
        return syntax("invalid Unicode escape".to_owned(), from)
            .with_hint("Unicode escapes must be \\uXXXX or \\UXXXXXXXX.");
    } else if lower.contains('\'') {
        "unterminated quoted string"
    } else {
        "syntax error"
    };
    syntax(format!("{what} at or near \"{rest}\""), from)
}

/// The position of each line's first character, less one.
#[derive(Debug)]
struct LineStarts(Vec<u64>);

impl LineStarts {
    fn of(sql: &str) -> Self {
        let mut starts = vec![0];
        let mut seen = 0;
        for ch in sql.chars() {
            seen += 1;
            if ch == '\n' {
                starts.push(seen);
            }
        }
        Self(starts)
    }

    fn column(&self, location: Location) -> u64 {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        self.0.get(line).copied().unwrap_or(0).saturating_add(location.column)
    }

    fn position(&self, location: Location) -> usize {
        usize::try_from(self.column(location)).unwrap_or(usize::MAX)
    }

    fn rewrite(&self, span: Span) -> Span {
        let on_line_one = |location| Location { line: 1, column: self.column(location) };
        Span { start: on_line_one(span.start), end: on_line_one(span.end) }
    }
}
