//! The words that PostgreSQL's grammar treats in a special way, as `pg_get_keywords()` lists them.
//!
//! Invariant: a word that is not listed is a name wherever it stands.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Where a word may be a name without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeywordClass {
    /// Everywhere.
    Unreserved,
    /// Of columns and tables, not of functions and types.
    ColumnName,
    /// Of functions and types, not of columns and tables.
    TypeOrFunctionName,
    /// Only behind AS and behind a point.
    Reserved,
}

/// A word of the grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyword {
    /// In lower case.
    pub word: &'static str,
    pub class: KeywordClass,
    /// Whether it may name a result column without AS.
    pub bare_label: bool,
}

impl Keyword {
    /// Whether it may name a column or table.
    pub fn is_name(&self) -> bool {
        matches!(self.class, KeywordClass::Unreserved | KeywordClass::ColumnName)
    }
}

/// The longest word of the list has fewer bytes.
const WORD_BYTES_MAX: usize = 32;

/// The keyword that a word is, in any case.
pub fn keyword(word: &str) -> Option<&'static Keyword> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    index().get(word.to_ascii_lowercase().as_str())
}

/// All of them, in no order.
pub fn keywords() -> impl Iterator<Item = &'static Keyword> {
    index().values()
}

fn index() -> &'static HashMap<&'static str, Keyword> {
    static KEYWORDS: OnceLock<HashMap<&'static str, Keyword>> = OnceLock::new();
    KEYWORDS.get_or_init(|| {
        let lines = include_str!("../../data/keywords.tsv").lines().skip(1);
        let rows = lines.filter_map(|line| {
            let mut fields = line.split('\t');
            let word = fields.next()?;
            let class = match fields.next()? {
                "U" => KeywordClass::Unreserved,
                "C" => KeywordClass::ColumnName,
                "T" => KeywordClass::TypeOrFunctionName,
                _ => KeywordClass::Reserved,
            };
            Some((word, Keyword { word, class, bare_label: fields.next()? == "t" }))
        });
        rows.collect()
    })
}

#[cfg(test)]
mod tests {
    use super::{KeywordClass, WORD_BYTES_MAX, keyword, keywords};

    #[test]
    fn words_are_found_in_any_case() {
        let by = keyword("By").unwrap();
        assert_eq!((by.word, by.class, by.bare_label), ("by", KeywordClass::Unreserved, true));
        assert_eq!(keyword("between").map(|k| k.class), Some(KeywordClass::ColumnName));
        assert_eq!(keyword("LEFT").map(|k| k.class), Some(KeywordClass::TypeOrFunctionName));
        assert_eq!(keyword("select").map(|k| k.is_name()), Some(false));
        assert_eq!(keyword("year").map(|k| k.bare_label), Some(false));
        assert_eq!(keyword("qualify"), None);
    }

    #[test]
    fn every_line_of_the_file_is_a_word() {
        assert_eq!(keywords().count(), 460);
        assert!(keywords().all(|keyword| keyword.word.len() < WORD_BYTES_MAX));
    }
}
