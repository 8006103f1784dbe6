//! Shapes of bound trees, one statement and its tree per pair of lines in trees.txt.

use super::fixture::{bind, catalog};
use super::show;
use crate::bound::walk;
use base::limits::STACK_BYTES;
use base::spawn;
use std::collections::HashSet;

fn state() -> catalog::CatalogState {
    catalog(include_str!("statements.sql").split_once("-- statements\n").unwrap().0)
}

#[test]
fn trees_have_the_written_shape() {
    let state = state();
    let mut wrong = String::new();
    let mut lines = include_str!("trees.txt").lines().filter(|l| !l.is_empty());
    let mut count = 0;
    while let Some(statement) = lines.next() {
        let expected = lines.next().unwrap_or_default();
        let actual = match bind(&state, statement) {
            Ok((query, _)) => show::query(&query),
            Err(e) => format!("error: {e}"),
        };
        count += 1;
        if actual != expected {
            wrong.push_str(&format!("{statement}\n{actual}\n\n"));
        }
    }
    assert!(count >= 20 && wrong.is_empty(), "{count} trees; these differ:\n{wrong}");
}

#[test]
fn a_column_is_produced_once() {
    let state = state();
    let text = "SELECT a BETWEEN (SELECT 1) AND (SELECT 2), (SELECT 3) BETWEEN 1 AND 4,
        CASE (SELECT 5) WHEN 1 THEN 1 WHEN 2 THEN 2 END FROM t FULL JOIN t2 USING (a)";
    let (query, _) = bind(&state, text).unwrap();
    let mut produced = HashSet::new();
    walk::visit_rel(&query.rel, &mut |e| {
        walk::visit(e, &mut |e| {
            if let crate::bound::Expr::Subquery(s) = e {
                assert!(produced.insert(s.column.as_ref().unwrap().col), "{}", show::expr(e));
            }
        });
    });
    assert_eq!(produced.len(), 6);
}

/// On the stack that statements are bound on: unoptimised, a link takes more than two thousandths of a test's own.
#[test]
fn long_chains_bind() {
    spawn::big_stack_thread("chains", STACK_BYTES, check_long_chains).unwrap().join().unwrap();
}

fn check_long_chains() {
    let state = state();
    for op in [" + ", " AND ", " OR ", " || ", " UNION ALL SELECT "] {
        let item = match op {
            " AND " | " OR " => "true",
            " || " => "'x'::text",
            _ => "1",
        };
        let text = format!("SELECT {}", vec![item; 1_000].join(op));
        let (query, _) = bind(&state, &text).unwrap();
        assert_eq!(query.output.len(), 1, "{op}");
    }
    let many = format!("SELECT 1 IN ({})", vec!["2"; 10_000].join(", "));
    assert_eq!(bind(&state, &many).unwrap().0.output.len(), 1);
}

#[test]
fn refused_syntax_is_named_and_located() {
    let state = state();
    for (text, message, at) in [
        ("SELECT a FROM t FOR UPDATE", "FOR UPDATE or FOR SHARE is not supported", 1),
        (
            "SELECT generate_series(1, 2) GROUP BY 1",
            "a set-returning function in GROUP BY is not supported",
            8,
        ),
        ("SELECT '<a/>'::xml", "type xml is not supported", 16),
    ] {
        let error = bind(&state, text).unwrap_err();
        assert_eq!((error.message(), error.position()), (message, Some(at)), "{text}");
        assert_eq!(error.kind(), base::ErrorKind::Unsupported, "{text}");
    }
}
