//! Result columns, parameters and errors against what PostgreSQL 15 said (postgres.txt, written by `generate`).
//! Where this version answers otherwise on purpose, ours.txt has its answer.

use super::fixture::{bind, catalog};
use std::collections::HashMap;

fn entries(text: &str) -> Vec<(String, Vec<String>)> {
    let mut entries = Vec::new();
    for block in text.split("\n\n").filter(|b| !b.trim().is_empty()) {
        let (answers, statement): (Vec<&str>, Vec<&str>) = block.lines().partition(|l| l.starts_with("> "));
        let answers = answers.iter().map(|l| l.trim_start_matches("> ").to_owned()).collect();
        entries.push((statement.join("\n").trim().to_owned(), answers));
    }
    entries
}

fn answer(state: &catalog::CatalogState, statement: &str) -> Vec<String> {
    match bind(state, statement) {
        Ok((query, parameters)) => {
            let mut lines = Vec::new();
            if !parameters.is_empty() {
                let list: Vec<String> = parameters.iter().map(ToString::to_string).collect();
                lines.push(format!("params {}", list.join(" ")));
            }
            lines.extend(
                query.output.iter().map(|c| format!("column {} {} {}", c.name, c.ty.oid, c.ty.typmod)),
            );
            lines
        }
        Err(e) => {
            let mut lines = vec![format!("error at {}: {}", e.position().unwrap_or(0), e.message())];
            lines.extend(e.hint().map(|h| format!("hint {h}")));
            lines
        }
    }
}

/// The SQLSTATE is the server's to choose; the kind is tested by the message it goes with.
fn without_code(line: &str) -> String {
    match line.strip_prefix("error ").and_then(|rest| rest.split_once(' ')) {
        Some((_, rest)) => format!("error {rest}"),
        None => line.to_owned(),
    }
}

#[test]
fn answers_are_postgresql_s() {
    let (schema, _) = include_str!("statements.sql").split_once("-- statements\n").unwrap();
    let state = catalog(schema);
    let ours: HashMap<String, Vec<String>> = entries(include_str!("ours.txt")).into_iter().collect();
    let mut wrong = String::new();
    let mut count = 0;
    for (statement, expected) in entries(include_str!("postgres.txt")) {
        let actual = answer(&state, &statement);
        let expected: Vec<String> = match ours.get(&statement) {
            Some(own) => own.clone(),
            None => expected.iter().map(|l| without_code(l)).collect(),
        };
        count += 1;
        if actual != expected {
            wrong.push_str(&format!("{statement}\n"));
            for line in actual.iter().filter(|l| !expected.contains(l)) {
                wrong.push_str(&format!("> {line}\n"));
            }
            for line in expected.iter().filter(|l| !actual.contains(l)) {
                wrong.push_str(&format!("  postgres: {line}\n"));
            }
            wrong.push('\n');
        }
    }
    assert!(count > 100 && wrong.is_empty(), "{count} statements; wrong:\n{wrong}");
}
