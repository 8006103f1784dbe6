//! `t FOR SYSTEM_TIME AS OF time` and `t AS OF SYSTEM TIME time`: the second is made the first, which sqlparser reads
//! when the words are keywords.
//!
//! Must not know expressions. Invariant: the word SYSTEM_TIME has its meaning in these clauses and nowhere else, so it
//! tells that a statement has one.

use super::cursor::is_word;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Rewrites the clauses among the tokens of a statement.
pub(crate) fn rewrite(tokens: &mut [TokenWithSpan]) {
    let begins = |at: usize, words: &[&str], tokens: &[TokenWithSpan]| {
        words.iter().zip(at..).all(|(word, n)| tokens.get(n).is_some_and(|t| is_word(&t.token, word)))
    };
    let mut found = false;
    for at in 0..tokens.len() {
        let is_clause = begins(at, &["as", "of", "system", "time"], tokens)
            || begins(at, &["for", "system_time", "as", "of"], tokens);
        if !is_clause {
            continue;
        }
        found = true;
        let words = [
            ("FOR", Keyword::FOR),
            ("SYSTEM_TIME", Keyword::SYSTEM_TIME),
            ("AS", Keyword::AS),
            ("OF", Keyword::OF),
        ];
        for (token, (value, keyword)) in tokens.iter_mut().skip(at).zip(words) {
            token.token = Token::Word(Word { value: value.to_owned(), quote_style: None, keyword });
        }
    }
    if found {
        take_other_meanings(tokens);
    }
}

/// Whether a statement has such a clause.
pub(crate) fn are_in(tokens: &[TokenWithSpan]) -> bool {
    tokens.iter().any(|t| matches!(&t.token, Token::Word(word) if word.keyword == Keyword::SYSTEM_TIME))
}

/// Words that begin other kinds of versions for sqlparser, and are names of PostgreSQL's.
fn take_other_meanings(tokens: &mut [TokenWithSpan]) {
    let mut next_is_time = false;
    for token in tokens.iter_mut().rev() {
        let is_time = is_word(&token.token, "time");
        if let Token::Word(word) = &mut token.token {
            let other = match word.keyword {
                // AT TIME ZONE.
                Keyword::AT => !next_is_time,
                Keyword::BEFORE | Keyword::CHANGES | Keyword::VERSION => true,
                _ => false,
            };
            if other {
                word.keyword = Keyword::NoKeyword;
            }
        }
        next_is_time = is_time;
    }
}
