//! Lengths and groups of matches.

use super::{Flags, Pattern};

fn groups(pattern: &str, text: &str) -> Option<Vec<Option<&'static str>>> {
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    let found = Pattern::new(pattern, Flags::PLAIN).unwrap().captures(text, 0).unwrap()?;
    Some(found.into_iter().map(|span| span.map(|(start, end)| &text[start..end])).collect())
}

fn is_refused(pattern: &str, text: &str) -> bool {
    match Pattern::new(pattern, Flags::PLAIN) {
        Err(error) => error.kind() == base::ErrorKind::Unsupported,
        Ok(ready) => ready.captures(text, 0).is_err_and(|e| e.kind() == base::ErrorKind::Unsupported),
    }
}

/// A match has PostgreSQL's length, which is the longest one whatever comes first in the pattern.
#[test]
fn the_longest_match_is_taken() {
    let cases = [
        ("a|ab", "abc", "ab"),
        ("a?(?:ab)?", "ab", "ab"),
        ("a?(?:ab)?", "aab", "aab"),
        (".*?b", "aabab", "aab"),
        ("a+?b*", "aabb", "a"),
        ("a*b+?", "aabb", "aabb"),
        ("a*", "aaa", "aaa"),
    ];
    for (pattern, text, wanted) in cases {
        assert_eq!(groups(pattern, text).unwrap()[0], Some(wanted), "{pattern} on {text}");
    }
}

#[test]
fn groups_are_divided_as_in_postgresql_or_refused() {
    let cases: [(&str, &str, &[Option<&str>]); 7] = [
        (r"(\d+)-(\d+)", "12-34", &[Some("12"), Some("34")]),
        (r"^(.*)=(.*)$", "a=b=c", &[Some("a=b"), Some("c")]),
        ("(y)?x", "x", &[None]),
        ("(cat|dog)s?", "dogs", &[Some("dog")]),
        ("(ab)*", "abab", &[Some("ab")]),
        ("<(.*?)>", "<a><b>", &[Some("a")]),
        (r"(\w+)@(\w+)\.com", "me@here.com", &[Some("me"), Some("here")]),
    ];
    for (pattern, text, wanted) in cases {
        assert_eq!(&groups(pattern, text).unwrap()[1..], wanted, "{pattern} on {text}");
    }
    for (pattern, text) in [
        ("(a|ab)(c|bc)", "abc"),
        ("(?:(a)|b)*", "ab"),
        ("(a?(?:ab)?)(b?)", "ab"),
        (r"(a)\1", "aa"),
        ("a(?=b)", "ab"),
        ("(a*)*", "aa"),
    ] {
        assert!(is_refused(pattern, text), "{pattern}");
    }
}
