//! Limits of statements, counted on tokens before anything recursive sees them.
//!
//! Must not know grammar: the counts are upper bounds of the depth of the trees that can be built.
//! Invariant: what passes here is parsed, bound and dropped within `base::limits::STACK_BYTES` of stack. Callers run
//! `parse` and `bind_statement` on threads of that size (`base::spawn::big_stack_thread`).

use base::limits::{CHAIN_MAX, NESTING_MAX, STATEMENT_BYTES_MAX};
use base::{Error, ErrorKind, Result};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Recursive calls of the parser. A level of nesting costs up to two, and each call up to 90 KiB of stack in an
/// unoptimised build (measured on nested EXISTS, FROM and NOT), so that all of them take less than 52 MiB.
pub(crate) const PARSER_RECURSION_MAX: usize = NESTING_MAX * 2 + 64;
/// Longest chain of UNION, INTERSECT and EXCEPT, and of joins: each link is a whole query or relation.
pub(crate) const QUERY_CHAIN_MAX: usize = 1_000;
/// How often one part of a statement may be read. sqlparser reads what stands in several parentheses behind FROM once for
/// each of them, and the counts of nested queries multiply.
const READINGS_MAX: usize = 4_096;
/// Longest chain in a DEFAULT or partition bound, which are searched with sqlparser's visitor (20 KiB of stack a link).
pub(crate) const DEFINITION_CHAIN_MAX: usize = 1_000;

/// Refuses query strings over the limit.
pub(crate) fn check_bytes(sql: &str) -> Result<()> {
    if sql.len() > STATEMENT_BYTES_MAX {
        let message =
            format!("statement of {} bytes exceeds the limit of {STATEMENT_BYTES_MAX} bytes", sql.len());
        return Err(
            Error::new(ErrorKind::LimitExceeded, message).with_hint("Load large amounts of rows with COPY.")
        );
    }
    Ok(())
}

/// How deep the trees of a statement may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) nesting: usize,
    pub(crate) chain: usize,
}

/// One level of parentheses, brackets or CASE.
///
/// A chain becomes a tree that is as deep as the chain is long. AND and OR bind weakest, so the depth of an expression
/// is at most their number plus the longest run of other operators between them, plus the depth of what stands in
/// parentheses inside.
#[derive(Debug, Default)]
struct Level {
    is_case: bool,
    logical: usize,
    run: usize,
    longest_run: usize,
    /// The deepest expression of this level so far, and the deepest level inside it.
    deepest: usize,
    inside: usize,
    set_operators: usize,
    joins: usize,
    /// Whether commas separate relations here.
    in_from: bool,
    /// How often the parser may read what stands here: see `READINGS_MAX`.
    readings: usize,
}

impl Level {
    fn operator(&mut self) {
        self.run += 1;
        self.longest_run = self.longest_run.max(self.run);
    }

    fn logical_operator(&mut self) {
        self.logical += 1;
        self.run = 0;
    }

    fn expression_ends(&mut self) {
        self.deepest = self.deepest.max(self.logical + self.longest_run);
        (self.logical, self.run, self.longest_run) = (0, 0, 0);
    }

    fn depth(&self) -> usize {
        self.deepest.max(self.logical + self.longest_run) + self.inside
    }

    fn query_chain(&self) -> usize {
        self.set_operators.max(self.joins)
    }
}

/// Refuses statements that nest or chain too deep; the depth otherwise.
pub(crate) fn check_tokens(tokens: &[TokenWithSpan]) -> Result<Depth> {
    let mut depth = Depth::default();
    let mut outer: Vec<Level> = Vec::new();
    let mut level = Level::default();
    let mut prefixes = 0;
    let mut points = 0;
    let mut before = Before::default();
    for token in tokens {
        prefixes = if is_prefix(&token.token) { prefixes + 1 } else { 0 };
        match &token.token {
            Token::Period => points += 1,
            Token::Word(_) => {}
            _ => points = 0,
        }
        match &token.token {
            Token::LParen | Token::LBracket => {
                level.operator();
                let inner = Level { readings: level.readings, ..Level::default() };
                outer.push(std::mem::replace(&mut level, inner));
            }
            Token::RParen | Token::RBracket => {
                while level.is_case && !outer.is_empty() {
                    close(&mut outer, &mut level);
                }
                close(&mut outer, &mut level);
            }
            Token::Comma => {
                level.expression_ends();
                level.joins += usize::from(level.in_from);
            }
            Token::Word(word) if word.quote_style.is_none() => {
                if is_query_word(word) {
                    level.readings = level.readings.max(1).saturating_mul(before.readings());
                }
                level.in_from = match word.keyword {
                    Keyword::FROM => !before.distinguishes(),
                    Keyword::USING => true,
                    other => level.in_from && !ends_from(other),
                };
                count_word(&mut outer, &mut level, word);
            }
            Token::Word(_)
            | Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::Period
            | Token::Placeholder(_) => {}
            _ => level.operator(),
        }
        before.step(&token.token, level.in_from);
        depth.nesting = depth.nesting.max(outer.len() + prefixes).max(points);
        depth.chain = depth.chain.max(level.depth()).max(level.query_chain());
        let chained = depth.chain > CHAIN_MAX || level.query_chain() > QUERY_CHAIN_MAX;
        if depth.nesting > NESTING_MAX || chained || level.readings > READINGS_MAX {
            return Err(too_complex());
        }
    }
    Ok(depth)
}

/// What stands before a token.
#[derive(Debug, Default)]
struct Before {
    /// Opening parentheses directly before it.
    open: usize,
    /// Whether a relation must follow these.
    awaits_relation: bool,
    /// IS [NOT] DISTINCT, of which so many words are there.
    distinct: usize,
}

impl Before {
    fn step(&mut self, token: &Token, in_from: bool) {
        let word = match token {
            Token::Word(word) => word.keyword,
            _ => Keyword::NoKeyword,
        };
        self.distinct = match (word, self.distinct) {
            (Keyword::IS, _) => 1,
            (Keyword::NOT, 1) => 1,
            (Keyword::DISTINCT, 1) => 2,
            _ => 0,
        };
        if *token == Token::LParen {
            self.open += 1;
            return;
        }
        self.open = 0;
        self.awaits_relation = match token {
            Token::Comma => in_from,
            _ => matches!(word, Keyword::FROM | Keyword::JOIN | Keyword::LATERAL | Keyword::USING),
        };
    }

    /// Whether FROM belongs to IS DISTINCT FROM.
    fn distinguishes(&self) -> bool {
        self.distinct == 2
    }

    /// How often sqlparser reads a query that stands here: behind each parenthesis it tries a subquery first, and then
    /// a join.
    fn readings(&self) -> usize {
        if self.awaits_relation { self.open.max(1) } else { 1 }
    }
}

fn is_query_word(word: &Word) -> bool {
    matches!(word.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES | Keyword::TABLE)
}

/// Whether a word ends the list of relations.
fn ends_from(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::WHERE
            | Keyword::GROUP
            | Keyword::HAVING
            | Keyword::WINDOW
            | Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::ORDER
            | Keyword::LIMIT
            | Keyword::OFFSET
            | Keyword::FETCH
            | Keyword::FOR
            | Keyword::SELECT
            | Keyword::VALUES
            | Keyword::SET
            | Keyword::RETURNING
    )
}

/// Operators that can stand in front of their operand nest when they follow one another.
fn is_prefix(token: &Token) -> bool {
    match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case("not"),
        Token::Minus
        | Token::Plus
        | Token::Tilde
        | Token::AtSign
        | Token::PGSquareRoot
        | Token::PGCubeRoot => true,
        _ => false,
    }
}

/// Goes back to the level outside; its depth grows by what was inside.
fn close(outer: &mut Vec<Level>, level: &mut Level) {
    if let Some(mut parent) = outer.pop() {
        parent.inside = parent.inside.max(level.depth());
        *level = parent;
    }
}

fn count_word(outer: &mut Vec<Level>, level: &mut Level, word: &Word) {
    let is = |text: &str| word.value.eq_ignore_ascii_case(text);
    match word.value.len() {
        2 if is("or") => level.logical_operator(),
        2 if is("is") || is("in") => level.operator(),
        3 if is("and") => level.logical_operator(),
        3 if is("not") => level.operator(),
        3 if is("end") && level.is_case => close(outer, level),
        4 if is("case") => {
            level.operator();
            outer.push(std::mem::replace(level, Level { is_case: true, ..Level::default() }));
        }
        4 if is("when") || is("then") || is("else") || is("from") => level.expression_ends(),
        4 if is("like") => level.operator(),
        4 if is("join") => level.joins += 1,
        5 if is("union") => level.set_operators += 1,
        5 if is("ilike") => level.operator(),
        5 if is("where") => level.expression_ends(),
        6 if is("except") => level.set_operators += 1,
        6 if is("select") || is("values") => {
            level.expression_ends();
            level.joins = 0;
        }
        6 if is("isnull") => level.operator(),
        7 if is("between") || is("collate") || is("notnull") || is("similar") => level.operator(),
        9 if is("intersect") => level.set_operators += 1,
        _ => {}
    }
}

/// 54001, in PostgreSQL's words.
pub(crate) fn too_complex() -> Error {
    Error::new(ErrorKind::TooComplex, "stack depth limit exceeded").with_hint(format!(
        "Statements may nest {NESTING_MAX} levels deep and chain {CHAIN_MAX} operators or {QUERY_CHAIN_MAX} set operations or \
         joins; use IN lists, VALUES lists or a table instead."
    ))
}
