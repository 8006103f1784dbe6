//! A statement in other words that mean the same.
//!
//! Must not know what a statement asks. Invariant: text in quotes stays as it is.

use std::collections::BTreeSet;

/// A piece of SQL: a word or number, a text in quotes, a sign, or blanks.
fn pieces(sql: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            c if c.is_alphanumeric() || c == '_' => {
                rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())
            }
            c if c.is_whitespace() => rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn is_word(piece: &str) -> bool {
    piece.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_blank(piece: &str) -> bool {
    piece.starts_with(char::is_whitespace)
}

/// Words in front of which an alias is declared never stand.
const KEYWORDS: &[&str] = &[
    "select",
    "from",
    "join",
    "where",
    "and",
    "or",
    "on",
    "as",
    "by",
    "in",
    "not",
    "case",
    "when",
    "then",
    "else",
    "union",
    "all",
    "distinct",
    "with",
    "recursive",
    "left",
    "inner",
    "outer",
    "cross",
    "lateral",
    "using",
    "is",
    "having",
    "order",
    "group",
    "limit",
    "like",
    "ilike",
    "any",
    "exists",
    "set",
    "materialized",
];

fn is_name(piece: &str) -> bool {
    (is_word(piece) && !KEYWORDS.contains(&piece.to_ascii_lowercase().as_str())) || piece == ")"
}

/// Aliases of relations with other names; None when the statement has none.
pub(super) fn with_other_aliases(sql: &str) -> Option<String> {
    let pieces = pieces(sql);
    let mut aliases: BTreeSet<&str> = BTreeSet::new();
    let mut relations: BTreeSet<&str> = BTreeSet::new();
    for (at, piece) in pieces.iter().enumerate().filter(|(_, piece)| is_word(piece)) {
        let before = pieces[..at].iter().rev().find(|p| !is_blank(p)).copied().unwrap_or("");
        let behind = pieces.get(at + 1).copied().unwrap_or("");
        if behind == "." && before != "." {
            aliases.insert(piece);
        }
        if before == "."
            || ["from", "join", "with", "recursive"].contains(&before.to_ascii_lowercase().as_str())
        {
            relations.insert(piece);
        }
    }
    let declared = |alias: &&str| {
        pieces.windows(3).any(|w| is_name(w[0]) && is_blank(w[1]) && w[2] == *alias)
            || pieces.windows(3).any(|w| w[0].eq_ignore_ascii_case("as") && is_blank(w[1]) && w[2] == *alias)
    };
    let aliases: BTreeSet<&str> =
        aliases.into_iter().filter(|alias| !relations.contains(alias)).filter(declared).collect();
    if aliases.is_empty() {
        return None;
    }
    let mut out = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        let before = pieces[..at].iter().rev().find(|p| !is_blank(p)).copied().unwrap_or("");
        let behind = pieces.get(at + 1).copied().unwrap_or("");
        let declares = is_name(before) || before.eq_ignore_ascii_case("as");
        out.push_str(piece);
        if aliases.contains(piece) && before != "." && (behind == "." || declares) {
            out.push_str("_renamed");
        }
    }
    Some(out)
}

/// The conditions of WHERE the other way round; None when there are fewer than two, or other words among them.
pub(super) fn with_conditions_reversed(sql: &str) -> Option<String> {
    let pieces = pieces(sql);
    let mut depth = 0_i32;
    let mut start = None;
    let mut end = pieces.len();
    let mut cuts = Vec::new();
    for (at, piece) in pieces.iter().enumerate() {
        match piece.to_ascii_lowercase().as_str() {
            "(" | "[" => depth += 1,
            ")" | "]" => depth -= 1,
            "case" => depth += 1,
            "end" => depth -= 1,
            _ if depth != 0 => {}
            "where" if start.is_none() => start = Some(at + 1),
            "order" | "group" | "limit" if start.is_some() && end == pieces.len() => end = at,
            "and" if start.is_some() && end == pieces.len() => cuts.push(at),
            "or" | "between" | "union" | "with" => return None,
            _ => {}
        }
    }
    let start = start.filter(|_| !cuts.is_empty())?;
    let mut parts = Vec::new();
    let mut from = start;
    for cut in cuts.into_iter().chain([end]) {
        parts.push(pieces[from..cut].concat());
        from = cut + 1;
    }
    parts.reverse();
    let (head, tail) = (pieces[..start].concat(), pieces[end..].concat());
    Some(format!("{head} {} {tail}", parts.join(" AND ")))
}

/// The statement as a query of WITH.
pub(super) fn in_with(sql: &str) -> String {
    format!("WITH asked AS ({sql}) SELECT * FROM asked")
}

#[test]
fn words_are_changed() {
    let sql = "SELECT c.relname FROM pg_class c, pg_namespace AS n WHERE n.oid = c.relnamespace AND c.relkind = 'c.x' ORDER BY 1";
    assert_eq!(
        with_other_aliases(sql).unwrap(),
        "SELECT c_renamed.relname FROM pg_class c_renamed, pg_namespace AS n_renamed \
         WHERE n_renamed.oid = c_renamed.relnamespace AND c_renamed.relkind = 'c.x' ORDER BY 1"
    );
    let reversed = with_conditions_reversed(sql).unwrap();
    assert!(reversed.contains("WHERE  c.relkind = 'c.x'  AND  n.oid = c.relnamespace"), "{reversed}");
}
