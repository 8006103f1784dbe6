//! What PostgreSQL 15.18 answered for the same texts.

use super::canonical;

#[test]
fn paths_are_written_as_postgresql_writes_them() {
    let cases = [
        ("$", "$"),
        ("lax $.a.b", "$.\"a\".\"b\""),
        ("strict $", "strict $"),
        ("$.a.**{2 to 2}.b", "$.\"a\".**{2}.\"b\""),
        ("$.a.**{5 to last}", "$.\"a\".**{5 to last}"),
        ("$--+1", "($ - -1)"),
        ("$.a/+-1", "($.\"a\" / -1)"),
        ("1 * 2 + 4 % -3 != false", "(1 * 2 + 4 % -3 != false)"),
        ("$ ? (@.a > 1 && !exists(@.b))", "$?(@.\"a\" > 1 && !(exists (@.\"b\")))"),
        ("$.g ? (+@.x >= +-(+@.a + 2))", "$.\"g\"?(+@.\"x\" >= +(-(+@.\"a\" + 2)))"),
        ("$.a[$a + 1, ($b[*]) to -($[0] * 2)]", "$.\"a\"[$\"a\" + 1,$\"b\"[*] to -($[0] * 2)]"),
        ("(1).type()", "(1).type()"),
        ("$ ? (@ like_regex \"pattern\" flag \"si\")", "$?(@ like_regex \"pattern\" flag \"is\")"),
        ("$ ? ((@ > 1) is unknown)", "$?((@ > 1) is unknown)"),
    ];
    for (text, wanted) in cases {
        let written = canonical(text).unwrap();
        assert_eq!(written, wanted, "{text}");
        assert_eq!(canonical(&written).unwrap(), wanted, "{text}");
    }
}

#[test]
fn what_is_no_path_is_refused_with_its_token() {
    let cases = [
        ("", "invalid input syntax for type jsonpath: \"\""),
        ("last", "LAST is allowed only in array subscripts"),
        ("@ + 1", "@ is not allowed in root expressions"),
        ("1.type()", "trailing junk after numeric literal at or near \"1.t\" of jsonpath input"),
        ("$.a..b", "syntax error at or near \".\" of jsonpath input"),
        ("$ ?", "syntax error at end of jsonpath input"),
    ];
    for (text, message) in cases {
        assert_eq!(canonical(text).unwrap_err().message(), message, "{text}");
    }
    let deep = format!("{}1{}", "(".repeat(100_000), ")".repeat(100_000));
    assert_eq!(canonical(&deep).unwrap_err().kind(), base::ErrorKind::TooComplex);
}
