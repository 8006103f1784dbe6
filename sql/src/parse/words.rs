//! Which words are words of PostgreSQL's grammar and which are names: sqlparser knows words of many dialects.
//!
//! Must not know the grammar beyond the neighbour of a word. Invariant: a word that PostgreSQL takes for a name where it
//! stands has no meaning to sqlparser.

use catalog::builtin::{Keyword as Known, KeywordClass, keyword};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Names of types that sqlparser reads as such, which is how `date '2000-01-01'` is understood, and UNNEST.
const KEPT: &[Keyword] = &[
    Keyword::BOOL,
    Keyword::BYTEA,
    Keyword::DATE,
    Keyword::FLOAT4,
    Keyword::FLOAT8,
    Keyword::INT2,
    Keyword::INT4,
    Keyword::INT8,
    Keyword::JSON,
    Keyword::JSONB,
    Keyword::REGCLASS,
    Keyword::TIMESTAMPTZ,
    Keyword::TIMETZ,
    Keyword::UNNEST,
    Keyword::UUID,
];

/// Words of PostgreSQL's grammar that sqlparser gives a meaning in places where PostgreSQL does not.
const NAMES: &[Keyword] = &[
    Keyword::CLUSTER,
    // `forms` reads these.
    Keyword::CUBE,
    Keyword::GLOBAL,
    Keyword::GROUPING,
    Keyword::MATCH,
    Keyword::ROLLUP,
    Keyword::VIEW,
];

/// Words that begin a special form with a parenthesis, and are names elsewhere.
const FORMS: &[Keyword] = &[
    Keyword::EXISTS,
    Keyword::EXTRACT,
    Keyword::NORMALIZE,
    Keyword::OPERATOR,
    Keyword::OVERLAY,
    Keyword::POSITION,
    Keyword::SUBSTRING,
    Keyword::TRIM,
];

/// Operators that name a result column where no operand can follow.
const OPERATORS: &[Keyword] = &[
    Keyword::AND,
    Keyword::BETWEEN,
    Keyword::COLLATE,
    Keyword::ILIKE,
    Keyword::IN,
    Keyword::IS,
    Keyword::LIKE,
    Keyword::OR,
    Keyword::SIMILAR,
];

/// Takes a new word's meaning away when it is a name, and that of the word before it when what follows makes it one.
pub(crate) fn settle(before: Option<&mut TokenWithSpan>, token: &mut TokenWithSpan) {
    let mut behind_by = false;
    if let Some(TokenWithSpan { token: Token::Word(word), span: _ }) = before {
        settle_before(word, &token.token);
        behind_by = word.keyword == Keyword::BY;
    }
    // `GROUP BY ALL a`, which `forms` reads.
    if let Token::Word(word) = &mut token.token
        && behind_by
        && word.keyword == Keyword::ALL
    {
        word.keyword = Keyword::NoKeyword;
    }
    if let Token::Word(word) = &mut token.token
        && word.keyword != Keyword::NoKeyword
        && (NAMES.contains(&word.keyword)
            || (keyword(&word.value).is_none() && !KEPT.contains(&word.keyword)))
    {
        word.keyword = Keyword::NoKeyword;
    }
}

/// `x ISNULL` as `x IS NULL`, which sqlparser knows.
pub(crate) fn is_null(before: Option<&TokenWithSpan>, token: &TokenWithSpan) -> Option<[TokenWithSpan; 2]> {
    let is_operator = matches!(&token.token, Token::Word(word) if word.quote_style.is_none()
        && word.value.eq_ignore_ascii_case("isnull"));
    let is_label = before.is_none_or(|before| match &before.token {
        Token::Word(word) => word.keyword == Keyword::AS,
        token => *token == Token::Period,
    });
    let word = |text: &str, keyword| TokenWithSpan {
        token: Token::Word(Word { value: text.to_owned(), quote_style: None, keyword }),
        span: token.span,
    };
    (is_operator && !is_label).then(|| [word("IS", Keyword::IS), word("NULL", Keyword::NULL)])
}

/// `settle` for the last word of a statement.
pub(crate) fn settle_last(tokens: &mut [TokenWithSpan]) {
    if let Some(TokenWithSpan { token: Token::Word(word), span: _ }) = tokens.last_mut() {
        settle_before(word, &Token::EOF);
    }
}

fn settle_before(word: &mut Word, next: &Token) {
    let is_form = match word.keyword {
        Keyword::INTERVAL => match next {
            Token::LParen => true,
            Token::Word(field) => is_interval_field(field.keyword),
            other => super::cursor::string_of(other).is_some(),
        },
        form if FORMS.contains(&form) => *next == Token::LParen,
        operator if OPERATORS.contains(&operator) => !matches!(next, Token::Comma | Token::EOF),
        // Everywhere else a column, table or function.
        Keyword::UNBOUNDED => {
            matches!(next, Token::Word(Word { keyword: Keyword::PRECEDING | Keyword::FOLLOWING, .. }))
        }
        // A query of that name.
        Keyword::RECURSIVE => !matches!(next, Token::LParen | Token::Word(Word { keyword: Keyword::AS, .. })),
        _ => true,
    };
    if !is_form {
        word.keyword = Keyword::NoKeyword;
    }
}

fn is_interval_field(word: Keyword) -> bool {
    matches!(
        word,
        Keyword::YEAR | Keyword::MONTH | Keyword::DAY | Keyword::HOUR | Keyword::MINUTE | Keyword::SECOND
    )
}

/// Whether a word may name a type before a string. Words that only types have are read as such.
pub(crate) fn may_name_type(word: &Word) -> bool {
    let class = keyword(&word.value).map(|known| known.class);
    word.quote_style.is_some()
        || matches!(class, None | Some(KeywordClass::Unreserved | KeywordClass::TypeOrFunctionName))
}

/// Whether sqlparser reads a word as a type before a string.
pub(crate) fn is_known_type(word: &Word) -> bool {
    word.quote_style.is_none() && (KEPT.contains(&word.keyword) || word.keyword == Keyword::XML)
}

/// Whether a word may name a result column, behind AS or without.
pub(crate) fn is_label(explicit: bool, word: &Word) -> bool {
    explicit || word.quote_style.is_some() || keyword(&word.value).is_none_or(|known| known.bare_label)
}

/// Whether a word may name a table or column.
pub(crate) fn is_name(word: &Word) -> bool {
    word.quote_style.is_some() || keyword(&word.value).is_none_or(Known::is_name)
}

/// Whether a word may name a type or function but no column.
pub(crate) fn is_type_or_function(word: &Word) -> bool {
    let class = keyword(&word.value).map(|known| known.class);
    word.quote_style.is_none() && class == Some(KeywordClass::TypeOrFunctionName)
}
