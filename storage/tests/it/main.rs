//! Storage as a whole, through its public interface, on a simulated disk.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its seed"
)]

mod background;
mod bulk;
mod crash;
mod damage;
mod faults;
mod model;
mod races;
mod rows;
mod sieves;
mod statements;
mod world;
