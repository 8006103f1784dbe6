//! What PostgreSQL 15.18 answered for the same texts.

use super::{canonical, check, key_of, read_key};

#[test]
fn canonical_text_is_postgresqls() {
    let cases = [
        (
            "  {\"b\":1, \"aa\":2,\"a\" : [1.50,-0, 1e3,1E-2]}  ",
            "{\"a\": [1.50, 0, 1000, 0.01], \"b\": 1, \"aa\": 2}",
        ),
        ("{\"a\":1,\"a\":2}", "{\"a\": 2}"),
        ("\"\\u00e9\\ud83d\\ude00\\n\\/\\u0001\"", "\"é😀\\n/\\u0001\""),
        ("[]", "[]"),
        ("{}", "{}"),
        (" true ", "true"),
    ];
    for (text, wanted) in cases {
        assert_eq!(canonical(text).unwrap(), wanted, "{text}");
        assert_eq!(canonical(wanted).unwrap(), wanted, "{text}");
    }
}

#[test]
fn what_is_no_json_is_refused_with_the_place() {
    let cases = [
        ("a", "Token \"a\" is invalid.", "JSON data, line 1: a"),
        ("{\"a\":1,}", "Expected string, but found \"}\".", "JSON data, line 1: {\"a\":1,}"),
        ("{\"a\" 1}", "Expected \":\", but found \"1\".", "JSON data, line 1: {\"a\" 1..."),
        ("[\"a", "Token \"\"a\" is invalid.", "JSON data, line 1: [\"a"),
        ("", "The input string ended unexpectedly.", "JSON data, line 1: "),
    ];
    for (text, detail, context) in cases {
        let error = check(text).unwrap_err();
        assert_eq!((error.detail(), error.context()), (Some(detail), Some(context)), "{text}");
    }
    let zero = canonical("[\"\\u0000\"]").unwrap_err();
    assert_eq!(zero.context(), Some("JSON data, line 1: [\"\\u0000..."));
    assert!(check("[\"\\u0000\"]").is_ok());
}

#[test]
fn keys_order_as_jsonb_and_give_the_value_back() {
    // In PostgreSQL's order.
    let ordered = [
        "[]",
        "null",
        "\"\"",
        "\"a\"",
        "\"b\"",
        "-1",
        "0",
        "1.5",
        "10",
        "false",
        "true",
        "[null]",
        "[1]",
        "[[]]",
        "[{}]",
        "[1, 2]",
        "{}",
        "{\"a\": 1}",
        "{\"b\": 0}",
        "{\"a\": 1, \"b\": 2}",
    ];
    let keys: Vec<Vec<u8>> = ordered.iter().map(|text| key_of(text).unwrap()).collect();
    for (pair, texts) in keys.windows(2).zip(ordered.windows(2)) {
        assert!(pair[0] < pair[1], "{texts:?}");
        assert!(!pair[1].starts_with(&pair[0]), "{texts:?}");
    }
    for (key, text) in keys.iter().zip(ordered) {
        let mut rest = key.as_slice();
        assert_eq!(read_key(&mut rest).unwrap(), text);
        assert!(rest.is_empty());
    }
    assert_eq!(key_of("[1.0]").unwrap(), key_of("[1.00]").unwrap());
}

#[test]
fn nesting_has_an_end() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(canonical(&deep(900)).is_ok());
    assert_eq!(canonical(&deep(100_000)).unwrap_err().kind(), base::ErrorKind::TooComplex);
}

#[test]
fn parts_of_canonical_text_are_found() {
    use super::scan::{element, elements, field, plain};
    let text = r#"{"a": [1, "x,]}", {"b": "q\"}"}], "bb": -1.50, "\"k": null, "e": [], "f": {}}"#;
    assert_eq!(field(text, "bb"), Some("-1.50"));
    assert_eq!(field(text, "\"k"), Some("null"));
    assert_eq!(field(text, "b"), None);
    assert_eq!(field(text, "f"), Some("{}"));
    let list = field(text, "a").unwrap();
    assert_eq!(elements(list).collect::<Vec<_>>(), ["1", "\"x,]}\"", "{\"b\": \"q\\\"}\"}"]);
    assert_eq!((element(list, -3), element(list, 3), element(list, -4)), (Some("1"), None, None));
    assert_eq!((element("[]", 0), element("{}", 0), field("[]", "a")), (None, None, None));
    assert_eq!(plain("\"q\\\"}\"").unwrap().as_deref(), Some("q\"}"));
    assert_eq!(plain("null").unwrap(), None);
    assert_eq!(plain("1.50").unwrap().as_deref(), Some("1.50"));
}
