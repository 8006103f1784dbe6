//! Integration tests of `base`, among them the rules that hold for the source tree as a whole.

mod tidy;
