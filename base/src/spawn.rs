//! The seam to threads: every thread has a name, a known stack and is started here.

use crate::{Error, Result};
use std::sync::mpsc::channel;
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

/// Hands `value` to a thread of its own that nobody waits for; gives it back where no thread can be started.
///
/// The thread is let go of while it still waits for the value. To let go of one that may just be ending is not safe:
/// glibc 2.36 looks into the thread's memory once more after it has marked the thread as left alone
/// (`pthread_detach`), and the thread gives that memory back when it sees the mark.
pub fn hand_over<T: Send + 'static>(
    name: &str,
    value: T,
    body: impl FnOnce(T) + Send + 'static,
) -> std::result::Result<(), T> {
    let (to, from) = channel();
    let waiting = move || {
        if let Ok(value) = from.recv() {
            body(value);
        }
    };
    if thread(name, waiting).map(drop).is_err() {
        return Err(value);
    }
    to.send(value).map_err(|unsent| unsent.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_arrives() {
        let (to, from) = channel();
        for value in 0..100 {
            let to = to.clone();
            hand_over("apart", value, move |value| to.send(value).unwrap()).unwrap();
        }
        drop(to);
        assert_eq!(from.iter().sum::<i32>(), 4_950);
    }
}
