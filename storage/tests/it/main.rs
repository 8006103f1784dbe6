//! Storage as a whole, through its public interface, on a simulated disk.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and prints its seed"
)]

mod background;
mod bulk;
mod columns;
mod counters;
mod crash;
mod cuts;
mod damage;
mod faults;
mod foreign_keys;
mod hooked;
mod meetings;
mod model;
#[cfg(debug_assertions)]
mod mutations;
#[cfg(debug_assertions)]
mod planted;
mod races;
mod readable;
mod rows;
mod seeds;
mod sieves;
mod statements;
mod timeline;
mod times;
mod unique;
mod whole_tables;
mod world;
