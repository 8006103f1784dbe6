//! The seam to locks: those of `std`, or, with the feature `shuttle`, those of a scheduler that tries out orders of
//! threads.
//!
//! Only code whose races are tested so takes its locks from here. Invariant: with the feature every use is within a run
//! of the scheduler, so nothing but that test runs on such a build.

#[cfg(feature = "shuttle")]
pub use shuttle;
#[cfg(feature = "shuttle")]
pub use shuttle::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use std::sync::PoisonError;
#[cfg(not(feature = "shuttle"))]
pub use std::sync::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
