//! The rows of INSERT .. VALUES when they are nothing but literals: a few bytes per value, in place of tokens and a tree.
//!
//! Must not know types. Invariant: every row has the same number of literals.

use sqlparser::ast::{Expr, Ident, UnaryOperator, Value, ValueWithSpan};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    True,
    False,
    Default,
    Number,
    NegativeNumber,
    Text,
}

/// Rows of literals.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LiteralRows {
    width: usize,
    kinds: Vec<Kind>,
    /// Positions in the query string.
    starts: Vec<u32>,
    /// Where each one's text ends in `texts`.
    ends: Vec<u32>,
    texts: String,
}

impl LiteralRows {
    /// Values of each row.
    pub fn width(&self) -> usize {
        self.width
    }

    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Each row as expressions.
    pub fn rows(&self) -> impl Iterator<Item = Vec<Expr>> {
        let rows = self.kinds.len().checked_div(self.width).unwrap_or(0);
        (0..rows).map(|row| (row * self.width..(row + 1) * self.width).filter_map(|i| self.expr(i)).collect())
    }

    fn expr(&self, index: usize) -> Option<Expr> {
        let column = u64::from(*self.starts.get(index)?);
        let at = |column| Span::new(Location::new(1, column), Location::new(1, column));
        let value = |value, span| Expr::Value(ValueWithSpan { value, span });
        let from = index.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before))?;
        let text =
            self.texts.get(usize::try_from(*from).ok()?..usize::try_from(*self.ends.get(index)?).ok()?)?;
        Some(match self.kinds.get(index)? {
            Kind::Null => value(Value::Null, at(column)),
            Kind::True => value(Value::Boolean(true), at(column)),
            Kind::False => value(Value::Boolean(false), at(column)),
            Kind::Default => Expr::Identifier(Ident::with_span(at(column), text)),
            Kind::Number => value(Value::Number(text.to_owned(), false), at(column)),
            Kind::NegativeNumber => Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr: Box::new(value(Value::Number(text.to_owned(), false), at(column + 1))),
            },
            Kind::Text => value(Value::SingleQuotedString(text.to_owned()), at(column)),
        })
    }

    /// Adds `(literal, ..)`; false, and nothing is added, when it is something else.
    fn add(&mut self, row: &[TokenWithSpan]) -> bool {
        let (values, text) = (self.kinds.len(), self.texts.len());
        let width = self.read(row);
        if width.is_some_and(|width| width > 0 && (self.width == 0 || self.width == width)) {
            self.width = width.unwrap_or(0);
            return true;
        }
        self.kinds.truncate(values);
        self.starts.truncate(values);
        self.ends.truncate(values);
        self.texts.truncate(text);
        false
    }

    fn read(&mut self, row: &[TokenWithSpan]) -> Option<usize> {
        let [TokenWithSpan { token: Token::LParen, span: _ }, inside @ .., _] = row else { return None };
        let mut width = 0;
        for item in inside.split(|token| token.token == Token::Comma) {
            let (kind, text) = match item {
                [TokenWithSpan { token, span: _ }] => literal(token)?,
                [minus, number] if minus.token == Token::Minus && minus.span.end == number.span.start => {
                    match &number.token {
                        Token::Number(text, false) => (Kind::NegativeNumber, text.as_str()),
                        _ => return None,
                    }
                }
                _ => return None,
            };
            self.texts.push_str(text);
            self.kinds.push(kind);
            self.starts.push(u32::try_from(item.first()?.span.start.column).ok()?);
            self.ends.push(u32::try_from(self.texts.len()).ok()?);
            width += 1;
        }
        Some(width)
    }
}

fn literal(token: &Token) -> Option<(Kind, &str)> {
    Some(match token {
        Token::Number(text, false) => (Kind::Number, text),
        Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text) => (Kind::Text, text),
        Token::Word(word) => match word.keyword {
            Keyword::NULL => (Kind::Null, ""),
            Keyword::TRUE => (Kind::True, ""),
            Keyword::FALSE => (Kind::False, ""),
            Keyword::DEFAULT => (Kind::Default, &word.value),
            _ => return None,
        },
        _ => return None,
    })
}

/// Where in an INSERT the next token stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// In front of the rows, within so many parentheses.
    #[default]
    Start,
    Head(usize),
    BeforeRow,
    InRow,
    BehindRow,
    /// Behind the rows, or in a statement that has none.
    Elsewhere,
}

/// Takes the rows of literals out of the tokens of a statement while they are read.
#[derive(Debug, Default)]
pub(crate) struct RowCollector {
    place: Place,
    row: Vec<TokenWithSpan>,
    rows: LiteralRows,
}

/// Rows were taken out that turned out to be part of something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mixed;

impl RowCollector {
    /// Leaves all tokens where they are.
    pub(crate) fn off() -> Self {
        Self { place: Place::Elsewhere, ..Self::default() }
    }

    /// The list that the next token belongs to.
    pub(crate) fn list<'l>(&'l mut self, tokens: &'l mut Vec<TokenWithSpan>) -> &'l mut Vec<TokenWithSpan> {
        if self.place == Place::InRow { &mut self.row } else { tokens }
    }

    /// Goes on behind the token that was added to its list.
    pub(crate) fn step(&mut self, tokens: &mut Vec<TokenWithSpan>) -> Result<(), Mixed> {
        let last = if self.place == Place::InRow { self.row.last() } else { tokens.last() };
        let Some(TokenWithSpan { token, span: _ }) = last else { return Ok(()) };
        match (self.place, token) {
            (Place::Elsewhere, _) => {}
            (Place::Start, token) => {
                let insert = matches!(token, Token::Word(word) if word.keyword == Keyword::INSERT);
                self.place = if insert { Place::Head(0) } else { Place::Elsewhere };
            }
            (Place::Head(depth), token) => self.place = behind_head(depth, token, tokens),
            (Place::BeforeRow, Token::LParen) => {
                self.row.extend(tokens.pop());
                self.place = Place::InRow;
            }
            (Place::InRow, Token::RParen) if self.rows.add(&self.row) => {
                self.row.clear();
                self.place = Place::BehindRow;
            }
            (Place::InRow, Token::RParen | Token::LParen) if self.row.len() > 1 => {
                return self.give_up(tokens);
            }
            (Place::InRow, _) => {}
            (Place::BehindRow, Token::Comma) => {
                tokens.pop();
                self.place = Place::BeforeRow;
            }
            (Place::BehindRow, Token::Word(word))
                if matches!(word.keyword, Keyword::ON | Keyword::RETURNING) =>
            {
                self.place = Place::Elsewhere;
            }
            (Place::BeforeRow | Place::BehindRow, _) => return self.give_up(tokens),
        }
        Ok(())
    }

    /// The rows of the statement that ends here.
    pub(crate) fn finish(&mut self, tokens: &mut Vec<TokenWithSpan>) -> Result<Option<LiteralRows>, Mixed> {
        if matches!(self.place, Place::InRow | Place::BeforeRow) {
            self.give_up(tokens)?;
        }
        self.place = Place::Start;
        let rows = std::mem::take(&mut self.rows);
        Ok((!rows.is_empty()).then_some(rows))
    }

    fn give_up(&mut self, tokens: &mut Vec<TokenWithSpan>) -> Result<(), Mixed> {
        if !self.rows.is_empty() {
            return Err(Mixed);
        }
        tokens.append(&mut self.row);
        self.place = Place::Elsewhere;
        Ok(())
    }
}

/// The place behind a token of the head: VALUES outside of parentheses begins the rows, unless it is a name.
fn behind_head(depth: usize, token: &Token, tokens: &[TokenWithSpan]) -> Place {
    let word = |token: Option<&TokenWithSpan>| match token {
        Some(TokenWithSpan { token: Token::Word(Word { keyword, .. }), span: _ }) => Some(*keyword),
        _ => None,
    };
    let before = tokens.len().checked_sub(2).and_then(|n| tokens.get(n));
    match token {
        Token::LParen => Place::Head(depth + 1),
        Token::RParen => Place::Head(depth.saturating_sub(1)),
        Token::Word(Word { keyword: Keyword::VALUES, .. }) if depth == 0 => match word(before) {
            Some(Keyword::INTO | Keyword::AS | Keyword::DEFAULT) => Place::Head(0),
            None if before.is_some_and(|t| t.token == Token::Period) => Place::Head(0),
            _ => Place::BeforeRow,
        },
        Token::Word(Word { keyword: Keyword::SELECT | Keyword::WITH | Keyword::TABLE, .. }) if depth == 0 => {
            Place::Elsewhere
        }
        _ => Place::Head(depth),
    }
}
