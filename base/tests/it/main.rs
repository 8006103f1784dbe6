//! Integration tests of `base`, among them the rules that hold for the source tree as a whole.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod tidy;
