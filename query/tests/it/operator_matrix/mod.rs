//! The operator matrix: every attached function, operator, cast and aggregate over the edge values of its argument
//! types, compared with a PostgreSQL 15 that the test starts.
//!
//! Invariant: an answer of ours is PostgreSQL's, value or SQLSTATE, or it is 0A000.

mod aggregates;
mod cases;
mod exclusions;
pub(crate) mod ours;
pub(crate) mod postgres;
#[expect(unreachable_pub, reason = "the server shows it to other crates")]
#[path = "../../../../server/src/sqlstate.rs"]
mod sqlstate;
mod tally;
mod values;

use crate::harness::Server;
use ours::Ours;
use postgres::Postgres;
use tally::Tally;

/// What an expression yields.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    Value(String),
    Null,
    Error(String),
}

impl Answer {
    fn is_error(&self) -> bool {
        matches!(self, Answer::Error(_))
    }
}

/// Fewer than these would mean that the matrix lost its subject.
const ATTACHED_MIN: usize = 400;
const EQUAL_MIN: usize = 20_000;

#[test]
fn operator_matrix() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let server = Server::start();
    let tally = runtime.block_on(async {
        let postgres = Postgres::start(runtime.handle()).await;
        let mut ours = Ours { session: server.session().session };
        let mut tally = Tally::default();
        let (calls, attached, untested) = cases::calls();
        assert!(untested.is_empty(), "attached, neither tested nor excluded: {untested:?}");
        tally.attached = attached;
        for call in &calls {
            cases::run(call, &postgres, &mut ours, &mut tally).await;
        }
        for call in aggregates::calls() {
            aggregates::run(&call, &postgres, &mut ours, &mut tally).await;
        }
        tally
    });
    println!("{tally}");
    assert_eq!(tally.different, 0, "{tally}");
    assert!(tally.attached >= ATTACHED_MIN && tally.equal >= EQUAL_MIN, "{tally}");
}
