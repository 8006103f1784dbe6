//! Statements that are long or deep beyond reason: an answer or 54001, soon, and the server lives on.

use sql_tests::raw::Raw;
use sql_tests::wire::TestServer;

const TERMS: usize = 5_000;

fn chain(term: &str, operator: &str, terms: usize) -> String {
    format!("SELECT {}", vec![term; terms].join(operator))
}

fn nested(open: &str, inner: &str, close: &str, levels: usize) -> String {
    format!("SELECT {}{inner}{}", open.repeat(levels), close.repeat(levels))
}

/// A chain that has to be computed for each row. Planning one of 5,000 terms took minutes once: the name of each sum
/// spelled out all the sums inside it.
fn of_column(term: &str, terms: usize) -> String {
    format!("SELECT {}x FROM (VALUES (1), (2)) v(x)", term.repeat(terms))
}

fn queries(operator: &str, count: usize) -> String {
    (0..count).map(|n| format!("SELECT {n}")).collect::<Vec<_>>().join(operator)
}

fn relations(count: usize) -> String {
    let values: Vec<String> = (0..count).map(|n| format!("(VALUES ({n})) t{n}")).collect();
    format!("SELECT 1 FROM {}", values.join(", "))
}

/// What must be answered with rows.
fn answered() -> Vec<String> {
    let list = vec!["1"; TERMS].join(", ");
    vec![
        chain("1", " + ", TERMS),
        chain("true", " AND ", TERMS),
        chain("1 = 1", " OR ", TERMS),
        chain("'a'", " || ", TERMS),
        chain("1", ", ", 1_000),
        of_column("x + ", 100),
        nested("(", "1", ")", 200),
        nested("CASE WHEN true THEN ", "1", " END", 60),
        format!("SELECT CASE x {}END FROM (VALUES (1)) v(x)", "WHEN 2 THEN 3 ".repeat(TERMS)),
        queries(" UNION ALL ", 900),
        queries(" UNION ", 900),
        queries(" EXCEPT ", 900),
        queries(" INTERSECT ", 30),
        format!("SELECT 1 IN ({list})"),
        format!("SELECT x NOT IN ({list}) FROM (VALUES (2)) v(x)"),
        nested("NOT ", "true", "", 200),
        nested("abs(", "1", ")", 60),
        format!("SELECT cardinality(ARRAY[{list}])"),
        format!("SELECT * FROM (VALUES ({})) v", list.replace(", ", "), (")),
        relations(30),
        nested("(SELECT ", "1", ")", 30),
        nested("x FROM (SELECT ", "1 AS x", ") q", 60),
        format!("SELECT 1{}", "::integer".repeat(TERMS)),
        nested("1 IN ((SELECT (", "true", ")::integer) + 0)", 12),
    ]
}

/// What may be refused, but only as too complex.
fn answered_or_refused() -> Vec<String> {
    vec![
        of_column("x + ", TERMS),
        of_column("'a' || ", TERMS),
        nested("(", "1", ")", TERMS),
        nested("CASE WHEN true THEN ", "1", " END", TERMS),
        queries(" UNION ALL ", TERMS),
        queries(" UNION ", TERMS),
        queries(" INTERSECT ", TERMS),
        queries(" EXCEPT ALL ", TERMS),
        nested("NOT ", "true", "", TERMS),
        nested("- ", "1", "", TERMS),
        nested("abs(", "1", ")", TERMS),
        nested("ARRAY[", "1", "]", TERMS),
        relations(TERMS),
        format!("SELECT 1 FROM (VALUES (1)) a{}", " CROSS JOIN (VALUES (1)) b".repeat(TERMS)),
        nested("(SELECT ", "1", ")", TERMS),
        nested("x FROM (SELECT ", "1 AS x", ") q", TERMS),
        format!("SELECT {}", vec!["a"; TERMS].join(".")),
        format!("SELECT 1 FROM {}", vec!["a"; TERMS].join(".")),
        // Read twice at each level by the parser, were it not for what stands in front of it.
        nested("1 IN ((SELECT (", "true", ")::integer) + 0)", 40),
        nested("1 FROM ((SELECT ", "1", ") a CROSS JOIN (SELECT 1) b)", 40),
        nested("* FROM ((SELECT ", "", "", 40),
    ]
}

/// Not well formed: found out soon, too, although the parser goes back and forth over them.
fn malformed() -> Vec<String> {
    vec![
        nested("1 IN ((SELECT ", "1", ") + )", 40),
        nested("CAST(", "1", " AS integer", 40),
        nested("extract(year FROM ", "1 1", ")", 40),
        nested("EXISTS (SELECT ", "1 1", ")", 40),
        nested("substring(", "1 1", " FROM 1)", 40),
        nested("ARRAY(SELECT ", "1 1", ")", 40),
        nested("coalesce(", "1 1", ")", 40),
    ]
}

fn state(lines: &[String]) -> Option<&str> {
    lines.iter().find_map(|line| line.strip_prefix("ERROR ")).map(|error| error.get(..5).unwrap_or(error))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_and_deep_statements_are_answered_or_refused_soon() {
    let server = TestServer::start().await.unwrap();
    let (mut session, _) = Raw::session(server.address).await.unwrap();
    let groups: [(Vec<String>, &[Option<&str>]); 3] = [
        (answered(), &[None]),
        (answered_or_refused(), &[None, Some("54001"), Some("42601")]),
        (malformed(), &[Some("42601"), Some("54001")]),
    ];
    let mut wrong = Vec::new();
    for (statements, allowed) in groups {
        for sql in statements {
            let start: String = sql.chars().take(60).collect();
            let lines = session.ask(&sql).await.unwrap();
            let ready = lines.last().is_some_and(|last| last == "Ready I");
            if !ready || !allowed.contains(&state(&lines)) {
                wrong.push(format!("{start}: {:?}", &lines[..lines.len().min(3)]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
