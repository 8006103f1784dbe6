//! Clauses that sqlparser reads only when they are written otherwise: `ONLY t` is t, since tables have no children;
//! `FETCH FIRST (n) ROWS ONLY` is `LIMIT (n)`; `TRIM(FROM a)` is `TRIM(a)`; a frame's offset that begins with a string stands
//! in parentheses; `EXCLUDE TIES` is in the name of the window that the definition is based on, and an alias behind
//! `USING (a)` is one more column: names that no text can have.
//!
//! Must not know names. Invariant: spans stay, so that errors point at what was written.

use super::cursor::is_word;
use super::words::is_name;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

/// Begins the column of USING that is the join's alias; a query string holds no such character.
pub(crate) const JOIN_ALIAS: &str = "\0alias ";
/// Begins the name of the window that one with an exclusion is based on: the exclusion, a zero, and the name if there is one.
pub(crate) const EXCLUDE: &str = "\0exclude ";
/// Prefix of a limit that was FETCH FIRST .. WITH TIES.
pub(crate) const WITH_TIES: &str = "\0ties";

/// First words of the statements that hold queries.
const WITH_QUERIES: &[&str] = &[
    "select", "values", "with", "explain", "insert", "upsert", "update", "delete", "merge", "copy", "table",
    "prepare", "create", "declare",
];

/// Words that a clause to be rewritten begins with.
const BEGINNINGS: &[&str] = &["only", "fetch", "trim", "using", "exclude", "preceding", "following"];

/// Rewrites the clauses among the tokens of a statement.
pub(super) fn rewrite(tokens: &mut Vec<TokenWithSpan>) {
    let holds_queries = tokens.first().is_some_and(|first| {
        first.token == Token::LParen || WITH_QUERIES.iter().any(|word| is_word(&first.token, word))
    });
    let begins = |token: &TokenWithSpan| BEGINNINGS.iter().any(|word| is_word(&token.token, word));
    if !holds_queries || !tokens.iter().any(begins) {
        return;
    }
    let written = std::mem::take(tokens);
    let mut at = 0;
    while let Some(token) = written.get(at) {
        let clause = if is(&written, at, "only") {
            only(&written, at)
        } else if is(&written, at, "fetch") {
            fetch(&written, at)
        } else if is(&written, at, "trim") {
            trim(&written, at)
        } else if is(&written, at, "using") {
            using_alias(&written, at)
        } else if matches!(token.token, Token::SingleQuotedString(_)) {
            frame_offset(&written, at)
        } else if is(&written, at, "exclude") {
            exclusion(&written, at).filter(|(word, _)| exclude(tokens, word)).map(|(_, clause)| clause)
        } else {
            None
        };
        match clause {
            Some(clause) => {
                tokens.extend(clause.tokens);
                at += clause.length;
            }
            None => {
                tokens.push(token.clone());
                at += 1;
            }
        }
    }
}

/// What stands in the place of so many tokens.
struct Clause {
    tokens: Vec<TokenWithSpan>,
    length: usize,
}

fn is(tokens: &[TokenWithSpan], at: usize, word: &str) -> bool {
    tokens.get(at).is_some_and(|t| is_word(&t.token, word))
}

fn is_token(tokens: &[TokenWithSpan], at: usize, token: &Token) -> bool {
    tokens.get(at).is_some_and(|t| t.token == *token)
}

fn names(token: Option<&TokenWithSpan>) -> bool {
    token.is_some_and(|t| matches!(&t.token, Token::Word(word) if is_name(word)))
}

fn copied(tokens: &[TokenWithSpan], from: usize, to: usize) -> Vec<TokenWithSpan> {
    tokens.get(from..to).map(<[TokenWithSpan]>::to_vec).unwrap_or_default()
}

/// Behind the parenthesis that the one at a place opens.
fn behind(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth <= 1 => return Some(index + 1),
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    None
}

/// What stands behind EXCLUDE at the end of a frame.
fn exclusion(tokens: &[TokenWithSpan], at: usize) -> Option<(&'static str, Clause)> {
    let (word, length) = match () {
        () if is(tokens, at + 1, "current") && is(tokens, at + 2, "row") => ("current row", 3),
        () if is(tokens, at + 1, "no") && is(tokens, at + 2, "others") => ("no others", 3),
        () if is(tokens, at + 1, "group") => ("group", 2),
        () if is(tokens, at + 1, "ties") => ("ties", 2),
        () => return None,
    };
    let ends_frame = at
        .checked_sub(1)
        .is_some_and(|before| ["row", "preceding", "following"].iter().any(|word| is(tokens, before, word)));
    let ends_window = is_token(tokens, at + length, &Token::RParen);
    (ends_frame && ends_window).then_some((word, Clause { tokens: Vec::new(), length }))
}

/// Tells an exclusion at the beginning of the definition that is being written; false when there is none.
fn exclude(written: &mut Vec<TokenWithSpan>, word: &str) -> bool {
    let mut depth = 0_usize;
    let open = written.iter().rposition(|token| match token.token {
        Token::RParen => {
            depth += 1;
            false
        }
        Token::LParen if depth == 0 => true,
        Token::LParen => {
            depth -= 1;
            false
        }
        _ => false,
    });
    let Some(first) = open.map(|open| open + 1) else { return false };
    let begins =
        ["partition", "order", "range", "rows", "groups"].iter().any(|word| is(written, first, word));
    let Some(TokenWithSpan { token, span }) = written.get_mut(first) else { return false };
    let base = match token {
        Token::Word(base) if !begins => match base.quote_style {
            Some(_) => base.value.clone(),
            None => base.value.to_lowercase(),
        },
        _ => String::new(),
    };
    let value = format!("{EXCLUDE}{word}\0{base}");
    let name = Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword });
    let span = *span;
    if begins {
        written.insert(first, TokenWithSpan { token: name, span });
    } else {
        *token = name;
    }
    true
}

/// `RANGE '1 day' PRECEDING`, `RANGE BETWEEN '1 day'::interval PRECEDING AND '1 day' FOLLOWING`.
fn frame_offset(tokens: &[TokenWithSpan], at: usize) -> Option<Clause> {
    let one_of = |at: Option<usize>, words: &[&str]| {
        at.is_some_and(|at| words.iter().any(|word| is(tokens, at, word)))
    };
    let (before, second) = (at.checked_sub(1), at.checked_sub(2));
    let units = ["range", "rows", "groups"];
    let begins_bound = one_of(before, &units)
        || one_of(before, &["between"]) && one_of(second, &units)
        || one_of(before, &["and"]) && one_of(second, &["preceding", "following", "row"]);
    if !begins_bound {
        return None;
    }
    let (mut end, mut depth) = (at, 0_usize);
    while depth > 0 || !one_of(Some(end), &["preceding", "following"]) {
        match tokens.get(end)?.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.checked_sub(1)?,
            _ => {}
        }
        end += 1;
    }
    let paren =
        |token: Token| TokenWithSpan { token, span: tokens.get(at).map_or_else(Span::empty, |t| t.span) };
    let mut offset = vec![paren(Token::LParen)];
    offset.extend(copied(tokens, at, end));
    offset.push(paren(Token::RParen));
    Some(Clause { tokens: offset, length: end - at })
}

/// `FROM ONLY t`, `JOIN ONLY (t)`, `, ONLY t`.
fn only(tokens: &[TokenWithSpan], at: usize) -> Option<Clause> {
    let before = at.checked_sub(1)?;
    let entry = is_token(tokens, before, &Token::Comma)
        || ["from", "join"].iter().any(|word| is(tokens, before, word));
    // DELETE FROM ONLY is read elsewhere.
    let deletes = at.checked_sub(2).is_some_and(|first| is(tokens, first, "delete"));
    if !entry || deletes {
        return None;
    }
    if names(tokens.get(at + 1)) {
        return Some(Clause { tokens: Vec::new(), length: 1 });
    }
    let mut last = at + 2;
    while is_token(tokens, last + 1, &Token::Period) {
        last += 2;
    }
    let parenthesized = is_token(tokens, at + 1, &Token::LParen)
        && names(tokens.get(at + 2))
        && is_token(tokens, last + 1, &Token::RParen);
    parenthesized.then(|| Clause { tokens: copied(tokens, at + 2, last + 1), length: last + 2 - at })
}

/// `FETCH FIRST (n) ROWS ONLY`, `FETCH FIRST -1 ROWS WITH TIES`.
fn fetch(tokens: &[TokenWithSpan], at: usize) -> Option<Clause> {
    if !(is(tokens, at + 1, "first") || is(tokens, at + 1, "next")) {
        return None;
    }
    let end = match &tokens.get(at + 2)?.token {
        Token::LParen => behind(tokens, at + 2)?,
        Token::Minus | Token::Plus => at + 4,
        _ => return None,
    };
    if !(is(tokens, end, "row") || is(tokens, end, "rows")) {
        return None;
    }
    let ties = is(tokens, end + 1, "with") && is(tokens, end + 2, "ties");
    if !ties && !is(tokens, end + 1, "only") {
        return None;
    }
    let word = |value: &str, quote_style, keyword, span| {
        let token = Token::Word(Word { value: value.to_owned(), quote_style, keyword });
        TokenWithSpan { token, span }
    };
    let mut limit = vec![word("LIMIT", None, Keyword::LIMIT, tokens.get(at)?.span)];
    if ties {
        limit.push(word(WITH_TIES, Some('"'), Keyword::NoKeyword, tokens.get(at + 1)?.span));
    }
    limit.extend(copied(tokens, at + 2, end));
    Some(Clause { tokens: limit, length: end + if ties { 3 } else { 2 } - at })
}

/// `TRIM(FROM a)`, `TRIM(BOTH FROM a)`.
fn trim(tokens: &[TokenWithSpan], at: usize) -> Option<Clause> {
    if !is_token(tokens, at + 1, &Token::LParen) {
        return None;
    }
    let side = ["both", "leading", "trailing"].iter().any(|word| is(tokens, at + 2, word));
    let from = at + if side { 3 } else { 2 };
    is(tokens, from, "from").then(|| Clause { tokens: copied(tokens, at, from), length: from + 1 - at })
}

/// `USING (a, b) AS j`.
fn using_alias(tokens: &[TokenWithSpan], at: usize) -> Option<Clause> {
    if !is_token(tokens, at + 1, &Token::LParen) {
        return None;
    }
    let mut last = at + 2;
    while names(tokens.get(last)) && is_token(tokens, last + 1, &Token::Comma) {
        last += 2;
    }
    let close = last + 1;
    let is_list = names(tokens.get(last)) && is_token(tokens, close, &Token::RParen);
    if !is_list || !is(tokens, close + 1, "as") {
        return None;
    }
    let alias = tokens.get(close + 2).filter(|alias| names(Some(alias)))?;
    let Token::Word(word) = &alias.token else { return None };
    let name = if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() };
    let column =
        Word { value: format!("{JOIN_ALIAS}{name}"), quote_style: Some('"'), keyword: Keyword::NoKeyword };
    let mut list = copied(tokens, at, close);
    list.extend([Token::Comma, Token::Word(column)].map(|token| TokenWithSpan { token, span: alias.span }));
    list.extend(copied(tokens, close, close + 1));
    Some(Clause { tokens: list, length: close + 3 - at })
}
