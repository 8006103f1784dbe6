//! The seam to threads: every thread has a name, a known stack and is started here.

use crate::{Error, Result};
use std::thread::{Builder, JoinHandle};

/// Starts a named thread with the default stack.
#[expect(clippy::disallowed_methods, reason = "this is the seam that everything else goes through")]
pub fn thread(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    Builder::new()
        .name(name.to_owned())
        .spawn(body)
        .map_err(|e| Error::io(format_args!("start thread {name}"), e))
}

/// Starts a named thread with a stack of `stack_bytes`; parsing, binding and planning run on such threads
/// with `limits::STACK_BYTES`, because their recursion follows the nesting of the statement.
#[expect(clippy::disallowed_methods, reason = "this is the seam that everything else goes through")]
pub fn big_stack_thread<T: Send + 'static>(
    name: &str,
    stack_bytes: usize,
    body: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>> {
    Builder::new()
        .name(name.to_owned())
        .stack_size(stack_bytes)
        .spawn(body)
        .map_err(|e| Error::io(format_args!("start thread {name}"), e))
}
