//! Conversations: what is sent, and the replies that both Nyala and PostgreSQL 15 give, in order.

mod changes;
mod copying;
mod extended;
mod malformed;
mod portals;
mod simple;

use sql_tests::raw::{self, Raw, Values};
use std::net::SocketAddr;

/// A session from its start to its end. Its tables are its own.
pub(crate) struct Conversation {
    name: &'static str,
    steps: Vec<Step>,
}

/// Messages sent in one write and all that they are answered.
struct Step {
    send: Vec<u8>,
    expect: Vec<&'static str>,
}

impl Conversation {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, steps: Vec::new() }
    }

    /// Sends messages in one write.
    pub(super) fn send<const N: usize>(mut self, messages: [Vec<u8>; N], expect: &[&'static str]) -> Self {
        self.steps.push(Step { send: messages.concat(), expect: expect.to_vec() });
        self
    }

    /// Sends a simple query.
    pub(super) fn ask(self, text: &str, expect: &[&'static str]) -> Self {
        self.send([raw::query(text)], expect)
    }

    /// Holds it with the server at `address`; what went otherwise than expected.
    async fn hold(&self, address: SocketAddr) -> Result<(), String> {
        let failed = |e: std::io::Error| format!("{}: {e}", self.name);
        let (mut session, _) = Raw::session(address).await.map_err(failed)?;
        for (number, step) in (1..).zip(&self.steps) {
            session.send(&step.send).await.map_err(failed)?;
            let mut got = Vec::new();
            while got.len() < step.expect.len() {
                match session
                    .reply()
                    .await
                    .map_err(|e| format!("{}, step {number}: {e} behind {got:?}", self.name))?
                {
                    Some(reply) => got.push(reply.to_string()),
                    None => break,
                }
                if !got
                    .last()
                    .zip(step.expect.get(got.len() - 1))
                    .is_some_and(|(got, expected)| agree(got, expected))
                {
                    let expected = &step.expect;
                    return Err(format!(
                        "{}, step {number}:\n  expected {expected:#?}\n  got {got:#?}",
                        self.name
                    ));
                }
            }
            if got.len() < step.expect.len() {
                return Err(format!("{}, step {number}: the connection closed behind {got:?}", self.name));
            }
        }
        session.send(&raw::terminate()).await.map_err(failed)?;
        let rest = raw::shown(&session.until_closed().await.map_err(failed)?);
        if rest.is_empty() { Ok(()) } else { Err(format!("{}: said at its end {rest:?}", self.name)) }
    }
}

/// An expectation that ends in an ellipsis is the beginning of what is to come.
fn agree(got: &str, expected: &str) -> bool {
    match expected.strip_suffix('…') {
        Some(beginning) => got.starts_with(beginning),
        None => got == expected,
    }
}

/// Holds all conversations; fails with all that went otherwise than expected.
pub(crate) async fn hold_all(address: SocketAddr) {
    let topics =
        [simple::all(), extended::all(), changes::all(), portals::all(), malformed::all(), copying::all()];
    let all: Vec<Conversation> = topics.into_iter().flatten().collect();
    let mut failures = Vec::new();
    for conversation in &all {
        failures.extend(conversation.hold(address).await.err());
    }
    assert!(failures.is_empty(), "{} of {} failed\n{}", failures.len(), all.len(), failures.join("\n"));
}

/// Bind with parameters and results in text.
pub(super) fn bind_text(portal: &str, statement: &str, parameters: &[&str]) -> Vec<u8> {
    let parameters: Vec<Option<&[u8]>> = parameters.iter().map(|p| Some(p.as_bytes())).collect();
    raw::bind(portal, statement, Values { parameters: &parameters, ..Values::default() })
}

/// Parse, Bind and Execute of one statement without parameters, all rows.
pub(super) fn run(text: &str) -> Vec<u8> {
    [raw::parse("", text, &[]), bind_text("", "", &[]), raw::execute("", 0)].concat()
}
