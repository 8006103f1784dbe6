//! Profiler labels that label nothing: the part of the interface of `custom-labels` 0.4 that vortex-io calls.
//!
//! Invariant: work runs exactly as if it had not been labelled.

/// A set of labels; always empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Labelset;

impl Labelset {
    #[must_use]
    pub fn clone_from_current() -> Self {
        Self
    }

    /// Runs `work`.
    pub fn enter<F: FnOnce() -> R, R>(&mut self, work: F) -> R {
        work()
    }
}

pub mod asynchronous {
    //! Labels on futures.

    /// Futures that could carry labels.
    pub trait Label: Sized {
        /// The future itself.
        #[must_use]
        fn with_current_labels(self) -> Self {
            self
        }
    }

    impl<F: Future> Label for F {}
}
