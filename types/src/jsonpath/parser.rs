//! The grammar of jsonpath.

use super::lexer::{Lexer, Token};
use super::{Arithmetic, Comparison, DEPTH_MAX, Expr, JsonPath, Method, Step};
use crate::pgnum::PgNum;
use base::{Error, ErrorKind, Result};

/// Reads a jsonpath.
pub fn parse(text: &str) -> Result<JsonPath> {
    let mut parser = Parser { lexer: Lexer::new(text)?, depth: 0, filters: 0, subscripts: 0 };
    if parser.lexer.token == Token::End {
        let message = format!("invalid input syntax for type jsonpath: \"{text}\"");
        return Err(Error::new(ErrorKind::InvalidText, message));
    }
    let strict = parser.take_word("strict")?;
    if !strict {
        parser.take_word("lax")?;
    }
    let expr = parser.any(0)?;
    match parser.lexer.token {
        Token::End => Ok(JsonPath { lax: !strict, expr }),
        _ => Err(parser.syntax()),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    depth: usize,
    /// Filters and subscripts around the current place.
    filters: usize,
    subscripts: usize,
}

impl Parser<'_> {
    fn syntax(&self) -> Error {
        self.lexer.error("syntax error")
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(&self.lexer.token, Token::Word(word) if word.eq_ignore_ascii_case(wanted))
    }

    fn take_word(&mut self, wanted: &str) -> Result<bool> {
        let found = self.is_word(wanted);
        if found {
            self.lexer.advance()?;
        }
        Ok(found)
    }

    fn take(&mut self, sign: &'static str) -> Result<bool> {
        let found = self.lexer.token == Token::Sign(sign);
        if found {
            self.lexer.advance()?;
        }
        Ok(found)
    }

    fn expect(&mut self, sign: &'static str) -> Result<()> {
        if self.take(sign)? { Ok(()) } else { Err(self.syntax()) }
    }

    /// Goes one level down.
    fn nested<T>(&mut self, f: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::new(ErrorKind::TooComplex, "stack depth limit exceeded").with_hint(format!(
                "At most {DEPTH_MAX} expressions of a jsonpath can be inside each other."
            )));
        }
        let result = f(self);
        self.depth -= 1;
        result
    }

    /// A value where one must stand.
    fn value(&self, expr: Expr) -> Result<Expr> {
        if expr.is_predicate() { Err(self.syntax()) } else { Ok(expr) }
    }

    fn predicate(&self, expr: Expr) -> Result<Expr> {
        if expr.is_predicate() { Ok(expr) } else { Err(self.syntax()) }
    }

    /// An expression or predicate whose operators bind tighter than `level`: || is 1, && is 2, comparisons 3, + and - 4,
    /// the others 5.
    fn any(&mut self, level: u8) -> Result<Expr> {
        let mut left = self.nested(|p| p.prefix())?;
        loop {
            let Token::Sign(sign) = self.lexer.token else { return self.word_predicate(left, level) };
            let own = match sign {
                "||" => 1,
                "&&" => 2,
                "==" | "!=" | "<>" | "<" | "<=" | ">" | ">=" => 3,
                "+" | "-" => 4,
                "*" | "/" | "%" => 5,
                _ => return Ok(left),
            };
            if own <= level {
                return Ok(left);
            }
            left = if own <= 2 { self.predicate(left)? } else { self.value(left)? };
            self.lexer.advance()?;
            let right = self.nested(|p| p.any(own))?;
            let right = if own <= 2 { self.predicate(right)? } else { self.value(right)? };
            let (a, b) = (Box::new(left), Box::new(right));
            left = match sign {
                "||" => Expr::Or(a, b),
                "&&" => Expr::And(a, b),
                "+" => Expr::Arithmetic { op: Arithmetic::Add, left: a, right: b },
                "-" => Expr::Arithmetic { op: Arithmetic::Subtract, left: a, right: b },
                "*" => Expr::Arithmetic { op: Arithmetic::Multiply, left: a, right: b },
                "/" => Expr::Arithmetic { op: Arithmetic::Divide, left: a, right: b },
                "%" => Expr::Arithmetic { op: Arithmetic::Modulo, left: a, right: b },
                "==" => Expr::Compare { op: Comparison::Equal, left: a, right: b },
                "<" => Expr::Compare { op: Comparison::Less, left: a, right: b },
                "<=" => Expr::Compare { op: Comparison::LessOrEqual, left: a, right: b },
                ">" => Expr::Compare { op: Comparison::Greater, left: a, right: b },
                ">=" => Expr::Compare { op: Comparison::GreaterOrEqual, left: a, right: b },
                _ => Expr::Compare { op: Comparison::NotEqual, left: a, right: b },
            };
        }
    }

    /// `starts with` and `like_regex` behind a value, and the operators behind them.
    fn word_predicate(&mut self, left: Expr, level: u8) -> Result<Expr> {
        let predicate = if level >= 3 {
            return Ok(left);
        } else if self.is_word("starts") {
            let left = self.value(left)?;
            self.lexer.advance()?;
            if !self.take_word("with")? {
                return Err(self.syntax());
            }
            let start = match &self.lexer.token {
                Token::String(text) => Expr::String(text.clone()),
                Token::Variable(name) => Expr::Variable(name.clone()),
                _ => return Err(self.syntax()),
            };
            self.lexer.advance()?;
            Expr::StartsWith { value: Box::new(left), start: Box::new(start) }
        } else if self.is_word("like_regex") {
            let left = self.value(left)?;
            self.lexer.advance()?;
            let pattern = self.string()?;
            let flags = if self.take_word("flag")? { self.flags()? } else { String::new() };
            Expr::LikeRegex { value: Box::new(left), pattern, flags }
        } else {
            return Ok(left);
        };
        self.behind(predicate, level)
    }

    /// && and || behind a predicate that is read.
    fn behind(&mut self, mut left: Expr, level: u8) -> Result<Expr> {
        loop {
            let own = match self.lexer.token {
                Token::Sign("||") => 1,
                Token::Sign("&&") => 2,
                _ => return Ok(left),
            };
            if own <= level {
                return Ok(left);
            }
            self.lexer.advance()?;
            let right = self.nested(|p| p.any(own))?;
            let (a, b) = (Box::new(left), Box::new(self.predicate(right)?));
            left = if own == 1 { Expr::Or(a, b) } else { Expr::And(a, b) };
        }
    }

    fn string(&mut self) -> Result<String> {
        let Token::String(text) = &self.lexer.token else { return Err(self.syntax()) };
        let text = text.clone();
        self.lexer.advance()?;
        Ok(text)
    }

    /// The flags of like_regex, each once, in the order in which they are written.
    fn flags(&mut self) -> Result<String> {
        let given = self.string()?;
        if let Some(other) = given.chars().find(|c| !"ismxq".contains(*c)) {
            let detail = format!("Unrecognized flag character \"{other}\" in LIKE_REGEX predicate.");
            return Err(
                Error::new(ErrorKind::Syntax, "invalid input syntax for type jsonpath").with_detail(detail)
            );
        }
        if given.contains('x') && !given.contains('q') {
            return Err(Error::unsupported(
                "XQuery \"x\" flag (expanded regular expressions) is not implemented",
            ));
        }
        Ok("ismxq".chars().filter(|flag| given.contains(*flag)).collect())
    }

    fn prefix(&mut self) -> Result<Expr> {
        if let Token::Sign(sign @ ("+" | "-")) = self.lexer.token {
            self.lexer.advance()?;
            let arg = self.nested(|p| p.prefix())?;
            let arg = self.value(arg)?;
            // The sign of a number becomes a part of it.
            return Ok(match (sign, arg) {
                ("-", Expr::Number(number)) => Expr::Number(number.neg()),
                ("+", Expr::Number(number)) => Expr::Number(number),
                (sign, arg) => Expr::Sign { negative: sign == "-", arg: Box::new(arg) },
            });
        }
        if self.take("!")? {
            let arg = match self.lexer.token {
                Token::Sign("(") => self.delimited()?,
                _ if self.is_word("exists") => self.exists()?,
                _ => return Err(self.syntax()),
            };
            return Ok(Expr::Not(Box::new(arg)));
        }
        if self.is_word("exists") {
            return self.exists();
        }
        if self.lexer.token == Token::Sign("(") {
            self.lexer.advance()?;
            let inner = self.any(0)?;
            self.expect(")")?;
            if inner.is_predicate() && self.is_word("is") {
                self.lexer.advance()?;
                if !self.take_word("unknown")? {
                    return Err(self.syntax());
                }
                return Ok(Expr::IsUnknown(Box::new(inner)));
            }
            return self.steps(inner);
        }
        let head = self.primary()?;
        self.steps(head)
    }

    /// `( predicate )`
    fn delimited(&mut self) -> Result<Expr> {
        self.expect("(")?;
        let inner = self.any(0)?;
        let inner = self.predicate(inner)?;
        self.expect(")")?;
        Ok(inner)
    }

    fn exists(&mut self) -> Result<Expr> {
        self.lexer.advance()?;
        self.expect("(")?;
        let inner = self.any(0)?;
        let inner = self.value(inner)?;
        self.expect(")")?;
        Ok(Expr::Exists(Box::new(inner)))
    }

    fn primary(&mut self) -> Result<Expr> {
        let expr = match &self.lexer.token {
            Token::String(text) => Expr::String(text.clone()),
            Token::Variable(name) => Expr::Variable(name.clone()),
            Token::Integer(text) | Token::Number(text) => Expr::Number(PgNum::parse(text)?),
            Token::Sign("$") => Expr::Root,
            Token::Sign("@") if self.filters == 0 => {
                return Err(Error::new(ErrorKind::Syntax, "@ is not allowed in root expressions"));
            }
            Token::Sign("@") => Expr::Current,
            Token::Word(word) => match word.as_str() {
                "null" => Expr::Null,
                "true" => Expr::Bool(true),
                "false" => Expr::Bool(false),
                word if word.eq_ignore_ascii_case("last") => {
                    if self.subscripts == 0 {
                        let message = "LAST is allowed only in array subscripts";
                        return Err(Error::new(ErrorKind::Syntax, message));
                    }
                    Expr::Last
                }
                _ => return Err(self.syntax()),
            },
            _ => return Err(self.syntax()),
        };
        self.lexer.advance()?;
        Ok(expr)
    }

    /// The steps behind a head.
    fn steps(&mut self, head: Expr) -> Result<Expr> {
        let mut steps = Vec::new();
        loop {
            if self.take(".")? {
                steps.push(self.member()?);
            } else if self.take("[")? {
                steps.push(self.elements()?);
            } else if self.take("?")? {
                self.filters += 1;
                let predicate = self.nested(|p| p.delimited())?;
                self.filters -= 1;
                steps.push(Step::Filter(predicate));
            } else if steps.is_empty() {
                return Ok(head);
            } else {
                return Ok(match head {
                    Expr::Path { head, steps: mut first } => {
                        first.extend(steps);
                        Expr::Path { head, steps: first }
                    }
                    head => Expr::Path { head: Box::new(head), steps },
                });
            }
        }
    }

    fn elements(&mut self) -> Result<Step> {
        if self.take("*")? {
            self.expect("]")?;
            return Ok(Step::AnyElement);
        }
        self.subscripts += 1;
        let mut ranges = Vec::new();
        loop {
            let from = self.nested(|p| p.any(0))?;
            let from = self.value(from)?;
            let to = match self.take_word("to")? {
                true => {
                    let to = self.nested(|p| p.any(0))?;
                    Some(self.value(to)?)
                }
                false => None,
            };
            ranges.push((from, to));
            if !self.take(",")? {
                break;
            }
        }
        self.subscripts -= 1;
        self.expect("]")?;
        Ok(Step::Elements(ranges))
    }

    /// Behind a dot.
    fn member(&mut self) -> Result<Step> {
        if self.take("*")? {
            return Ok(Step::AnyKey);
        }
        if self.take("**")? {
            return self.levels();
        }
        let (key, word) = match &self.lexer.token {
            Token::Word(word) => (word.clone(), true),
            Token::String(text) => (text.clone(), false),
            _ => return Err(self.syntax()),
        };
        self.lexer.advance()?;
        if !word || self.lexer.token != Token::Sign("(") {
            return Ok(Step::Key(key));
        }
        let lower = key.to_ascii_lowercase();
        let method = match lower.as_str() {
            "type" => Method::Type,
            "size" => Method::Size,
            "abs" => Method::Abs,
            "floor" => Method::Floor,
            "ceiling" => Method::Ceiling,
            "double" => Method::Double,
            "keyvalue" => Method::KeyValue,
            "datetime" => {
                self.lexer.advance()?;
                let template = match self.lexer.token {
                    Token::Sign(")") => None,
                    _ => Some(self.string()?),
                };
                self.expect(")")?;
                return Ok(Step::Datetime(template));
            }
            _ => return Err(self.syntax()),
        };
        self.lexer.advance()?;
        self.expect(")")?;
        Ok(Step::Method(method))
    }

    /// Behind `**`.
    fn levels(&mut self) -> Result<Step> {
        if !self.take("{")? {
            return Ok(Step::Any { first: Some(0), last: None });
        }
        let first = self.level()?;
        let last = if self.take_word("to")? { self.level()? } else { first };
        self.expect("}")?;
        Ok(Step::Any { first, last })
    }

    fn level(&mut self) -> Result<Option<u32>> {
        if self.take_word("last")? {
            return Ok(None);
        }
        let Token::Integer(text) = &self.lexer.token else { return Err(self.syntax()) };
        let level =
            text.parse::<i32>().ok().and_then(|level| u32::try_from(level).ok()).ok_or_else(|| {
                let message = format!("value \"{text}\" is out of range for type integer");
                Error::new(ErrorKind::NumericOutOfRange, message)
            })?;
        self.lexer.advance()?;
        Ok(Some(level))
    }
}
