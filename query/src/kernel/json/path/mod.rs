//! jsonpath carried out: what a path finds in a jsonb.
//!
//! Invariant: items are found one by one in their order, so a caller that wants only the first stops the rest, and errors
//! behind it do not show, as in PostgreSQL.

mod datetime;
mod functions;
mod identity;
mod items;
mod predicate;
mod steps;

pub(super) use functions::{KERNELS, query_items};

use base::{Error, ErrorKind};
use items::Item;
use types::IoSettings;
use types::json::Value;

/// Why a path came to no end.
#[derive(Debug)]
enum Failure {
    /// What a predicate takes for unknown, and a silent call for nothing.
    Soft(Error),
    Hard(Error),
}

impl Failure {
    fn soft(kind: ErrorKind, message: impl Into<String>) -> Self {
        Failure::Soft(Error::new(kind, message))
    }

    fn into_error(self) -> Error {
        match self {
            Failure::Soft(error) | Failure::Hard(error) => error,
        }
    }
}

/// Whether more items are wanted.
type Flow = Result<bool, Failure>;

/// What is done with each item.
type Sink<'s, 'v> = &'s mut dyn FnMut(Item<'v>) -> Flow;

/// A path at work.
#[derive(Clone, Copy, Debug)]
struct Run<'v> {
    root: &'v Value,
    /// An object of the values of variables.
    vars: &'v Value,
    lax: bool,
    /// Whether what is not there is passed over; always in lax mode.
    forgiving: bool,
    /// Whether errors are passed over, as they are inside of predicates.
    silent: bool,
    /// Elements of the array that `last` is in.
    last: Option<i64>,
    /// Whether times may be compared by the session's time zone.
    zoned: bool,
    io: &'v IoSettings,
}
