//! Statements that write inside WITH: taken out of the tokens and read by our own grammar, since sqlparser's reading of
//! them is not PostgreSQL's.
//!
//! Must not know names. Invariant: in the place of the n-th such statement stands a query whose only item is a name that
//! no text can have, with the number in it.

use super::ast::StatementAst;
use super::cursor::{Cursor, is_word};
use super::statement::statement;
use super::tokens::{StatementTokens, position};
use base::Result;
use sqlparser::ast::{Expr, Query, SelectItem, SetExpr, With};
use sqlparser::keywords::Keyword;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Begins the name that stands for a statement.
const WRITE: &str = "\0write ";

/// First words of the statements that write, and what follows each.
const WRITES: &[(&str, &str)] =
    &[("insert", "into"), ("upsert", "into"), ("delete", "from"), ("merge", "into"), ("update", "")];

/// The number of the statement that a query stands for.
pub(crate) fn write_of(query: &Query) -> Option<usize> {
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [SelectItem::UnnamedExpr(Expr::Identifier(name))] = select.projection.as_slice() else { return None };
    name.value.strip_prefix(WRITE)?.parse().ok()
}

/// A statement that stands in the parentheses behind AS.
#[derive(Debug)]
pub(crate) struct Body {
    tokens: Vec<TokenWithSpan>,
    /// Position of the parenthesis behind it.
    end: usize,
}

/// Takes the statements that write out of WITH.
pub(crate) fn take_out(tokens: &mut Vec<TokenWithSpan>) -> Vec<Body> {
    let mut bodies = Vec::new();
    if tokens.iter().any(|t| is_word(&t.token, "with")) {
        take(tokens, &mut bodies);
    }
    bodies
}

fn take(tokens: &mut Vec<TokenWithSpan>, bodies: &mut Vec<Body>) {
    let mut from = std::mem::take(tokens).into_iter().peekable();
    let mut rest: Vec<TokenWithSpan> = Vec::new();
    while let Some(token) = from.next() {
        let opens = token.token == Token::LParen && is_query_place(tokens);
        tokens.push(token);
        if !opens {
            continue;
        }
        let mut depth = 1_usize;
        rest.clear();
        while let Some(next) = from.next_if(|next| {
            depth = match next.token {
                Token::LParen => depth + 1,
                Token::RParen => depth - 1,
                _ => depth,
            };
            depth > 0
        }) {
            rest.push(next);
        }
        let inside = std::mem::take(&mut rest);
        match (begins_write(&inside), inside.first(), from.peek()) {
            (true, Some(first), Some(close)) => {
                let (span, end) = (first.span, position(close.span.start));
                bodies.push(Body { tokens: inside, end });
                let name = format!("{WRITE}{}", bodies.len() - 1);
                let word = |value: String, quote_style, keyword| {
                    let token = Token::Word(Word { value, quote_style, keyword });
                    TokenWithSpan { token, span }
                };
                tokens.push(word("SELECT".to_owned(), None, Keyword::SELECT));
                tokens.push(word(name, Some('"'), Keyword::NoKeyword));
            }
            _ => {
                let mut inside = inside;
                take(&mut inside, bodies);
                tokens.append(&mut inside);
            }
        }
    }
}

/// Whether a parenthesis behind these tokens can hold a query of WITH.
fn is_query_place(tokens: &[TokenWithSpan]) -> bool {
    let mut words = tokens.iter().rev().map(|t| &t.token);
    let mut last = words.next();
    if last.is_some_and(|t| is_word(t, "materialized")) {
        last = words.next();
        if last.is_some_and(|t| is_word(t, "not")) {
            last = words.next();
        }
    }
    last.is_some_and(|t| is_word(t, "as"))
}

fn begins_write(tokens: &[TokenWithSpan]) -> bool {
    let verb = match tokens.first() {
        Some(first) if is_word(&first.token, "with") => written_verb(tokens.iter().map(|t| &t.token)),
        _ => Some(0),
    };
    let Some(verb) = verb else { return false };
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|t| is_word(&t.token, word));
    WRITES.iter().any(|(first, second)| {
        // Behind UPDATE a name must stand, and more behind that: a window may be called so.
        let follows = if second.is_empty() {
            is(verb + 1, "only")
                || (tokens.len() > verb + 3 && !is(verb + 1, "rows") && !is(verb + 1, "range"))
        } else {
            is(verb + 1, second)
        };
        is(verb, first) && follows
    })
}

/// Reads what was taken out, in the order of the numbers.
pub(crate) fn read(cursor: &Cursor<'_>, mut bodies: Vec<Body>) -> Result<Vec<StatementAst>> {
    let mut all = Vec::with_capacity(bodies.len());
    while let Some(Body { tokens, end }) = bodies.get_mut(all.len()) {
        let (mut tokens, end) = (std::mem::take(tokens), *end);
        // What stands in its own WITH is read behind the others.
        take(&mut tokens, &mut bodies);
        let mut body = cursor.over(StatementTokens { tokens, rows: None, end, semicolon: Some(end) });
        all.push(statement(&mut body)?);
        body.expect_end()?;
    }
    Ok(all)
}

/// How many tokens stand in front of the INSERT, UPDATE, DELETE or MERGE behind the WITH that these begin with; None when
/// a query follows.
fn written_verb<'t>(tokens: impl Iterator<Item = &'t Token>) -> Option<usize> {
    let mut depth = 0_usize;
    let mut closed = false;
    for (index, token) in tokens.enumerate() {
        match token {
            Token::LParen => depth += 1,
            Token::RParen => {
                depth = depth.saturating_sub(1);
                closed = depth == 0;
            }
            token if depth == 0 => {
                if closed && WRITES.iter().any(|(word, _)| is_word(token, word)) {
                    return Some(index);
                }
                if ["select", "values", "table"].iter().any(|word| is_word(token, word)) {
                    return None;
                }
                closed = false;
            }
            _ => {}
        }
    }
    None
}

/// Takes `WITH ..` from the front of INSERT, UPDATE, DELETE or MERGE; queries keep theirs.
pub(crate) fn with(cursor: &mut Cursor<'_>) -> Result<Option<With>> {
    if !cursor.is_word("with") {
        return Ok(None);
    }
    let Some(verb) = written_verb(cursor.rest().map(|t| &t.token)) else { return Ok(None) };
    // The clause is read as that of a query of its own.
    let mut clause: Vec<TokenWithSpan> = (0..verb).map(|_| cursor.next()).collect();
    let end = cursor.at();
    let span = clause.last().map(|t| t.span).unwrap_or_else(sqlparser::tokenizer::Span::empty);
    let values = Word { value: "VALUES".to_owned(), quote_style: None, keyword: Keyword::VALUES };
    let body = [Token::Word(values), Token::LParen, Token::Number("0".to_owned(), false), Token::RParen];
    clause.extend(body.map(|token| TokenWithSpan { token, span }));
    let mut inner = cursor.over(StatementTokens { tokens: clause, rows: None, end, semicolon: None });
    let query = inner.sql(Parser::parse_query)?;
    inner.expect_end()?;
    Ok(query.with)
}
