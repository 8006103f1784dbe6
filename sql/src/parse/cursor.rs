//! A place in the tokens of one statement: single tokens for our own grammar, expressions and queries by sqlparser.
//!
//! Must not know statements.
//! Invariant: a syntax error names the token it stopped at, in PostgreSQL's words and at its position.

use super::dialect::NyalaDialect;
use super::literal_rows::LiteralRows;
use super::tokens::{StatementTokens, position, syntax, text_of};
use super::words::{is_name, is_type_or_function};
use crate::limits::{PARSER_RECURSION_MAX, too_complex};
use crate::text::Text;
use base::{Error, Result};
use sqlparser::ast::{Ident, ObjectName};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

pub(crate) struct Cursor<'a> {
    parser: Parser<'a>,
    text: &'a Text<'a>,
    dialect: &'a NyalaDialect,
    /// The rows that stood behind VALUES.
    rows: Option<LiteralRows>,
    /// Position of the semicolon (or parenthesis) that ends the statement.
    semicolon: Option<usize>,
}

impl std::fmt::Debug for Cursor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cursor").field("at", &self.at()).finish_non_exhaustive()
    }
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(text: &'a Text<'a>, dialect: &'a NyalaDialect, statement: StatementTokens) -> Self {
        let parser = Parser::new(dialect)
            .with_recursion_limit(PARSER_RECURSION_MAX)
            .with_tokens_with_locations(statement.tokens);
        Self { parser, text, dialect, rows: statement.rows, semicolon: statement.semicolon }
    }

    /// A cursor over other tokens of the same query string.
    pub(crate) fn over(&self, tokens: StatementTokens) -> Self {
        Self::new(self.text, self.dialect, tokens)
    }

    /// The tokens that are still to be read.
    pub(crate) fn rest(&self) -> impl Iterator<Item = &TokenWithSpan> {
        let last = self.parser.get_current_index();
        // Before the first token is read it is the last one, too.
        let unread = std::ptr::eq(self.parser.token_at(last), self.parser.peek_token_ref());
        let first = if unread { last } else { last + 1 };
        (first..).map(|index| self.parser.token_at(index)).take_while(|token| token.token != Token::EOF)
    }

    /// Position of the next token; at the end, of what ends the statement.
    pub(crate) fn at(&self) -> usize {
        self.token_at(self.parser.peek_token_ref().span, &self.parser.peek_token_ref().token)
    }

    fn token_at(&self, span: Span, token: &Token) -> usize {
        if *token == Token::EOF {
            self.semicolon.unwrap_or_else(|| self.text.end())
        } else {
            position(span.start)
        }
    }

    /// The source text from position `start` to the next token, without the blanks between.
    pub(crate) fn text_since(&self, start: usize) -> &'a str {
        self.text.slice(start, self.at()).trim_end()
    }

    /// The rows of literals that were taken out of the statement.
    pub(crate) fn take_rows(&mut self) -> Option<LiteralRows> {
        self.rows.take()
    }

    pub(crate) fn peek(&self) -> &Token {
        &self.parser.peek_token_ref().token
    }

    pub(crate) fn peek_nth(&self, n: usize) -> &Token {
        &self.parser.peek_nth_token_ref(n).token
    }

    pub(crate) fn next(&mut self) -> TokenWithSpan {
        self.parser.next_token()
    }

    pub(crate) fn at_end(&self) -> bool {
        *self.peek() == Token::EOF
    }

    /// Whether the next tokens are these words, unquoted.
    pub(crate) fn is_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| is_word(self.peek_nth(n), word))
    }

    /// The unquoted word that is the n-th next token.
    pub(crate) fn word_text(&self, n: usize) -> Option<&str> {
        match self.peek_nth(n) {
            Token::Word(word) if word.quote_style.is_none() => Some(&word.value),
            _ => None,
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        is_word(self.peek(), word)
    }

    pub(crate) fn take_words(&mut self, words: &[&str]) -> bool {
        let found = self.is_words(words);
        if found {
            words.iter().for_each(|_| self.parser.advance_token());
        }
        found
    }

    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        self.take_words(&[word])
    }

    pub(crate) fn expect_words(&mut self, words: &[&str]) -> Result<()> {
        for word in words {
            if !self.take_word(word) {
                return Err(self.syntax_error());
            }
        }
        Ok(())
    }

    pub(crate) fn take(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    pub(crate) fn expect(&mut self, token: &Token) -> Result<()> {
        if self.take(token) { Ok(()) } else { Err(self.syntax_error()) }
    }

    pub(crate) fn expect_end(&self) -> Result<()> {
        if self.at_end() { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// Whether the next token can be a name.
    pub(crate) fn is_name(&self) -> bool {
        match self.peek() {
            Token::Word(word) => is_name(word),
            _ => false,
        }
    }

    /// Whether the next token is a word that may stand for a string: names of types and functions too.
    pub(crate) fn is_value_word(&self) -> bool {
        matches!(self.peek(), Token::Word(word) if is_name(word) || is_type_or_function(word))
    }

    pub(crate) fn name(&mut self) -> Result<Ident> {
        if self.is_name() { self.label() } else { Err(self.syntax_error()) }
    }

    /// A word or quoted identifier, reserved or not.
    pub(crate) fn label(&mut self) -> Result<Ident> {
        match self.parser.peek_token_ref() {
            TokenWithSpan { token: Token::Word(word), span } => {
                let ident = word.clone().into_ident(*span);
                self.parser.advance_token();
                Ok(ident)
            }
            _ => Err(self.syntax_error()),
        }
    }

    /// A name with up to two qualifiers in front.
    pub(crate) fn qualified_name(&mut self) -> Result<ObjectName> {
        let at = self.at();
        let mut parts = vec![self.name()?];
        while self.take(&Token::Period) {
            parts.push(self.label()?);
        }
        if parts.len() > 3 {
            let text = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
            return Err(syntax(format!("improper qualified name (too many dotted names): {text}"), at));
        }
        Ok(ObjectName::from(parts))
    }

    /// A name with any number of qualifiers in front.
    pub(crate) fn dotted_name(&mut self) -> Result<Vec<Ident>> {
        let mut parts = vec![self.name()?];
        while self.take(&Token::Period) {
            parts.push(self.label()?);
        }
        Ok(parts)
    }

    /// `(name, ..)`.
    pub(crate) fn name_list(&mut self) -> Result<Vec<Ident>> {
        self.expect(&Token::LParen)?;
        let names = self.separated(Self::name)?;
        self.expect(&Token::RParen)?;
        Ok(names)
    }

    /// One or more, with commas between.
    pub(crate) fn separated<T>(&mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let mut items = vec![item(self)?];
        while self.take(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    /// A string literal.
    pub(crate) fn string(&mut self) -> Result<String> {
        match string_of(self.peek()) {
            Some(text) => {
                self.parser.advance_token();
                Ok(text)
            }
            None => Err(self.syntax_error()),
        }
    }

    /// Lets sqlparser read on from here.
    pub(crate) fn sql<T>(
        &mut self,
        read: impl FnOnce(&mut Parser<'a>) -> Result<T, ParserError>,
    ) -> Result<T> {
        read(&mut self.parser).map_err(|error| self.translate(&error))
    }

    /// The error that the next token does not fit.
    pub(crate) fn syntax_error(&self) -> Error {
        let next = self.parser.peek_token_ref();
        self.syntax_error_at(next)
    }

    fn syntax_error_at(&self, token: &TokenWithSpan) -> Error {
        let at = self.token_at(token.span, &token.token);
        let near = match (&token.token, self.semicolon) {
            (Token::EOF, None) => return syntax("syntax error at end of input".to_owned(), at),
            (Token::EOF, Some(at)) => self.text.slice(at, at + 1),
            _ => text_of(self.text, token.span),
        };
        syntax(format!("syntax error at or near \"{near}\""), at)
    }

    fn translate(&self, error: &ParserError) -> Error {
        let message = match error {
            ParserError::RecursionLimitExceeded => return too_complex(),
            ParserError::TokenizerError(message) | ParserError::ParserError(message) => message,
        };
        let column =
            message.rsplit_once(" at Line: 1, Column: ").and_then(|(_, column)| column.parse::<u64>().ok());
        if let Some(column) = column {
            let mut index = 0;
            loop {
                let token = self.parser.token_at(index);
                if token.token == Token::EOF {
                    break;
                }
                if token.span.start.column == column {
                    return self.syntax_error_at(token);
                }
                index += 1;
            }
        }
        if message.ends_with("found: EOF") {
            return self.syntax_error_at(&TokenWithSpan::new_eof());
        }
        self.syntax_error()
    }
}

/// The value of a string literal token.
pub(crate) fn string_of(token: &Token) -> Option<String> {
    match token {
        Token::SingleQuotedString(text)
        | Token::EscapedStringLiteral(text)
        | Token::UnicodeStringLiteral(text) => Some(text.clone()),
        Token::DollarQuotedString(text) => Some(text.value.clone()),
        _ => None,
    }
}

pub(crate) fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}
