//! Query string to tokens with positions, one list per statement.
//!
//! Must not know grammar beyond the semicolon.
//! Invariants: whitespace and comments are gone; spans are positions in the query string (line 1); what PostgreSQL's
//! lexer refuses is refused here.

use super::clauses;
use super::dialect::NyalaDialect;
use super::equivalents;
use super::literal_rows::{LiteralRows, Mixed, RowCollector};
use super::no_columns;
use super::operators;
use super::pieces::{escape_string_ends, pieces};
use super::row_stars;
use super::rows_from;
use super::unicode;
use super::unnamed_columns;
use super::unsupported::{refuse, refused_clause};
use super::versions;
use super::whole_table;
use super::words::{is_null, settle, settle_last};
use crate::limits::too_complex;
use crate::text::Text;
use base::limits::QUERY_TOKENS_MAX;
use base::{Error, ErrorKind, Result};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Tokenizer, Whitespace, Word};

/// The text of tokens.
pub(crate) fn text_of<'a>(text: &Text<'a>, span: Span) -> &'a str {
    text.slice(position(span.start), position(span.end))
}

/// The position that a rewritten location holds.
pub(crate) fn position(location: Location) -> usize {
    usize::try_from(location.column).unwrap_or(usize::MAX)
}

/// The tokens of one statement.
#[derive(Debug)]
pub(crate) struct StatementTokens {
    pub(crate) tokens: Vec<TokenWithSpan>,
    /// The rows of INSERT .. VALUES, taken out from behind VALUES.
    pub(crate) rows: Option<LiteralRows>,
    /// Position behind its last character.
    pub(crate) end: usize,
    /// Position of the semicolon behind it.
    pub(crate) semicolon: Option<usize>,
}

/// What each statement of a query string costs beside its tokens, in tokens.
const STATEMENT_TOKENS: usize = 16;

/// Cuts a query string into statements; those without tokens are left out.
pub(crate) fn statements(text: &Text<'_>) -> Result<Vec<StatementTokens>> {
    match read(text, RowCollector::default)? {
        Ok(all) => Ok(all),
        Err(Mixed) => {
            read(text, RowCollector::off)?.map_err(|Mixed| Error::internal("rows were collected unasked"))
        }
    }
}

fn read(
    text: &Text<'_>,
    collector: fn() -> RowCollector,
) -> Result<std::result::Result<Vec<StatementTokens>, Mixed>> {
    let dialect = NyalaDialect::default();
    let mut reader = Reader {
        text,
        collector,
        statements: Vec::new(),
        tokens: Vec::new(),
        rows: collector(),
        newline: false,
        end: 1,
        held: 0,
    };
    let mut raw = Vec::new();
    let mut offset = 0;
    for piece in pieces(text.sql()) {
        let piece = piece.ok_or_else(too_complex)?;
        let readable = unicode::masked(piece);
        let outcome = Tokenizer::new(&dialect, &readable).tokenize_with_location_into_buf(&mut raw);
        let lines = LineStarts::of(piece, offset);
        if outcome.is_err() {
            let first = usize::try_from(offset + 1).unwrap_or(usize::MAX);
            let from = raw.last().map_or(first, |t| lines.position(t.span.end));
            return Err(lexical_error(text, from));
        }
        for mut token in raw.drain(..) {
            token.span = lines.rewrite(token.span);
            let mut taken = Ok(());
            match operators::split(&token) {
                None => taken = reader.take(token)?,
                Some(parts) => {
                    for part in parts {
                        taken = taken.and(reader.take(part)?);
                    }
                }
            }
            if let Err(mixed) = taken {
                return Ok(Err(mixed));
            }
        }
        offset = lines.end;
    }
    Ok(reader.end_statement(None)?.map(|()| reader.statements))
}

/// Puts tokens together to statements.
#[derive(Debug)]
struct Reader<'t> {
    text: &'t Text<'t>,
    collector: fn() -> RowCollector,
    statements: Vec<StatementTokens>,
    tokens: Vec<TokenWithSpan>,
    rows: RowCollector,
    newline: bool,
    end: usize,
    /// Tokens of the ended statements, and what these cost beside them.
    held: usize,
}

impl Reader<'_> {
    fn take(&mut self, mut token: TokenWithSpan) -> Result<std::result::Result<(), Mixed>> {
        match &token.token {
            Token::Whitespace(Whitespace::Newline | Whitespace::SingleLineComment { .. }) => {
                self.newline = true
            }
            Token::Whitespace(_) => {}
            // In BEGIN ATOMIC it ends a statement of the function.
            Token::SemiColon if super::function::is_in_body(&self.tokens) => {
                self.tokens.push(token);
            }
            Token::SemiColon => return self.end_statement(Some(position(token.span.start))),
            _ => {
                let list = self.rows.list(&mut self.tokens);
                self.end = position(token.span.end);
                if std::mem::take(&mut self.newline) && continues(list.last_mut(), &token) {
                    return Ok(Ok(()));
                }
                if operators::join(list.last_mut(), &token) {
                    return Ok(Ok(()));
                }
                check(self.text, list, &token)?;
                settle(list.last_mut(), &mut token);
                match is_null(list.last(), &token) {
                    Some(words) => list.extend(words),
                    None => list.push(token),
                }
                if self.held + self.tokens.len() > QUERY_TOKENS_MAX {
                    return Err(too_many_tokens());
                }
                return Ok(self.rows.step(&mut self.tokens));
            }
        }
        Ok(Ok(()))
    }

    fn end_statement(&mut self, semicolon: Option<usize>) -> Result<std::result::Result<(), Mixed>> {
        let rows = match self.rows.finish(&mut self.tokens) {
            Ok(rows) => rows,
            Err(mixed) => return Ok(Err(mixed)),
        };
        self.rows = (self.collector)();
        if !self.tokens.is_empty() {
            let mut tokens = std::mem::take(&mut self.tokens);
            settle_last(&mut tokens);
            unicode::rewrite(self.text, &mut tokens)?;
            whole_table::rewrite(self.text, &mut tokens)?;
            versions::rewrite(&mut tokens);
            equivalents::rewrite(&mut tokens);
            rows_from::rewrite(&mut tokens);
            unnamed_columns::rewrite(&mut tokens);
            row_stars::rewrite(&mut tokens);
            no_columns::rewrite(&mut tokens);
            clauses::rewrite(&mut tokens);
            if let Some(error) = refused_clause(&tokens) {
                return Err(error);
            }
            self.held += tokens.len() + STATEMENT_TOKENS;
            self.statements.push(StatementTokens { tokens, rows, end: self.end, semicolon });
        }
        Ok(Ok(()))
    }
}

fn too_many_tokens() -> Error {
    let message =
        format!("query string exceeds the limit of {QUERY_TOKENS_MAX} words, numbers, strings and signs");
    Error::new(ErrorKind::LimitExceeded, message).with_hint(
        "Rows of literals in INSERT .. VALUES do not count; load other large amounts of rows with COPY, and send many \
         statements in several query strings.",
    )
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
fn check(text: &Text<'_>, before: &[TokenWithSpan], token: &TokenWithSpan) -> Result<()> {
    let start = position(token.span.start);
    let shown = || text_of(text, token.span);
    let unexpected = || syntax(format!("syntax error at or near \"{}\"", shown()), start);
    match &token.token {
        Token::Word(word) if word.quote_style.is_some() && word.value.is_empty() => {
            let message = format!("zero-length delimited identifier at or near \"{}\"", shown());
            return Err(syntax(message, start));
        }
        Token::Number(_, true) => return Err(junk("numeric literal", shown(), start)),
        Token::HexStringLiteral(_) if shown().starts_with('0') => {
            return Err(junk("numeric literal", shown(), start));
        }
        Token::Char(_) => return Err(unexpected()),
        _ => {}
    }
    let Some((last, before)) = before.split_last() else {
        return Ok(());
    };
    let touching = last.span.end == token.span.start;
    match (&last.token, &token.token) {
        (Token::Number(..), Token::Word(word)) if touching && word.quote_style.is_none() => {
            let near = text.slice(position(last.span.start), position(token.span.end));
            Err(junk("numeric literal", near, position(last.span.start)))
        }
        (Token::Number(..) | Token::SingleQuotedString(_), Token::SingleQuotedString(_)) => Err(unexpected()),
        (Token::Word(awaiting), Token::Word(word))
            if is_among(CLAUSES, word)
                && (is_among(AWAITS_OPERAND, awaiting) || is_list_by(before.last(), awaiting)) =>
        {
            Err(unexpected())
        }
        (Token::Word(word), Token::SingleQuotedString(_))
            if is_among(&["as"], word) && !begins_with_create(before) =>
        {
            Err(unexpected())
        }
        _ => Ok(()),
    }
}

/// CREATE FUNCTION .. AS 'text' is for the refusal of the statement.
fn begins_with_create(tokens: &[TokenWithSpan]) -> bool {
    matches!(tokens.first(), Some(TokenWithSpan { token: Token::Word(word), span: _ }) if is_among(&["create"], word))
}

/// Whether BY stands behind GROUP, ORDER or PARTITION; elsewhere it is a name.
fn is_list_by(before: Option<&TokenWithSpan>, word: &Word) -> bool {
    let Some(TokenWithSpan { token: Token::Word(before), span: _ }) = before else { return false };
    is_among(&["by"], word) && is_among(&["group", "order", "partition"], before)
}

/// Behind these a relation or an expression must follow, and none of `CLAUSES` begins one. sqlparser takes the latter
/// for names.
const AWAITS_OPERAND: &[&str] =
    &["from", "join", "where", "having", "and", "or", "not", "when", "then", "else"];
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
fn lexical_error(text: &Text<'_>, from: usize) -> Error {
    let rest = text.from(from);
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
    } else if lower.starts_with("e'")
        && let Some(error) = unicode::escape_error(rest, from)
    {
        return error;
    } else if lower.starts_with("e'") && escape_string_ends(rest) {
        // The parser reads each byte that is written by its number as a character of its own, up to 7F.
        return refuse("a byte of 00 or above 7F, written by its number in a string", from)
            .with_hint("Write the character itself, or its number behind \\u.");
    } else if lower.contains('\'') {
        "unterminated quoted string"
    } else {
        "syntax error"
    };
    syntax(format!("{what} at or near \"{rest}\""), from)
}

/// The position of each line's first character, less one, in a piece of the query string.
#[derive(Debug)]
struct LineStarts {
    starts: Vec<u64>,
    /// Characters of the query string up to the end of the piece.
    end: u64,
}

impl LineStarts {
    /// Of a piece behind so many characters.
    fn of(piece: &str, offset: u64) -> Self {
        let mut starts = vec![offset];
        let mut end = offset;
        for ch in piece.chars() {
            end += 1;
            if ch == '\n' {
                starts.push(end);
            }
        }
        Self { starts, end }
    }

    fn column(&self, location: Location) -> u64 {
        let line = usize::try_from(location.line.saturating_sub(1)).unwrap_or(usize::MAX);
        self.starts.get(line).copied().unwrap_or(0).saturating_add(location.column)
    }

    fn position(&self, location: Location) -> usize {
        usize::try_from(self.column(location)).unwrap_or(usize::MAX)
    }

    fn rewrite(&self, span: Span) -> Span {
        let on_line_one = |location| Location { line: 1, column: self.column(location) };
        Span { start: on_line_one(span.start), end: on_line_one(span.end) }
    }
}
