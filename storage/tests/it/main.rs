//! Storage as a whole, through its public interface, on a simulated disk.

mod crash;
mod damage;
mod faults;
mod model;
mod races;
mod rows;
mod statements;
mod world;
