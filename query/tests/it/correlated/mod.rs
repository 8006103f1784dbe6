//! Generated statements with correlated subqueries over small tables full of nulls and duplicates, compared with a
//! PostgreSQL 15 that the test starts. The seed is printed; NYALA_TEST_SEED runs another one, NYALA_SEEDS more of them.
//!
//! Invariant: the rows are PostgreSQL's, or the SQLSTATE is.

mod statements;

use crate::harness::Server;
use crate::operator_matrix::Answer;
use crate::operator_matrix::ours::Ours;
use crate::operator_matrix::postgres::Postgres;
use base::random::Random;
use statements::Statements;

const SEED: u64 = 20_240_229;
const STATEMENTS: usize = 80;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// Rows in an order of their own, or the SQLSTATE.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Rows(Vec<String>),
    Error(String),
}

fn outcome(rows: Result<Vec<Vec<Answer>>, String>) -> Outcome {
    match rows {
        Ok(rows) => {
            let mut lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
            lines.sort();
            Outcome::Rows(lines)
        }
        Err(code) => Outcome::Error(code),
    }
}

fn line(row: &[Answer]) -> String {
    let cells = row.iter().map(|cell| match cell {
        Answer::Value(text) => text.as_str(),
        Answer::Null | Answer::Error(_) => "∅",
    });
    cells.collect::<Vec<_>>().join("|")
}

#[test]
fn correlated_statements_answer_as_postgres() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let first = number("NYALA_TEST_SEED", SEED);
    let seeds = number("NYALA_SEEDS", 1);
    let server = Server::start();
    runtime.block_on(async {
        let postgres = Postgres::start(runtime.handle()).await;
        let mut ours = Ours { session: server.session().session };
        let mut client = server.session();
        let mut failures = Vec::new();
        let (mut equal, mut errors) = (0, 0);
        for seed in first..first.saturating_add(seeds) {
            println!("seed {seed}");
            let random = Random::from_seed(seed);
            let mut statements = Statements::new(&random);
            for sql in statements.tables() {
                client.run(&sql).await.unwrap();
                postgres.run(&sql).await;
            }
            for _ in 0..STATEMENTS {
                let sql = statements.next();
                let expected = outcome(postgres.rows(&sql).await);
                let found = outcome(ours.rows(&sql).await.map_err(|failed| failed.code));
                if found == expected {
                    equal += 1;
                    errors += usize::from(matches!(found, Outcome::Error(_)));
                } else {
                    let failure = format!("{sql};\n  PostgreSQL {expected:?}\n  ours       {found:?}");
                    println!("{failure}");
                    failures.push(failure);
                }
            }
        }
        println!("{equal} equal, {errors} of them errors, {} different", failures.len());
        assert!(failures.is_empty(), "seeds from {first}:\n{}", failures.join("\n"));
        assert!(errors * 4 < equal, "most statements should have rows: {errors} of {equal} have errors");
    });
}
