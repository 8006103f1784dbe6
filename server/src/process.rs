//! What the process asks of the kernel and of its allocator: memory in small pages, which goes back while the server rests, and
//! as many open files as it may have.
//!
//! Must not know what memory and files are for. The only place with `unsafe`: three calls into C with plain numbers.

#![expect(unsafe_code, reason = "neither the allocator nor the kernel has another interface for this")]

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::ffi::{c_int, c_long, c_ulong};
use std::time::Duration;

/// Number of mimalloc's option `purge_delay`.
const PURGE_DELAY: c_int = 15;
/// Milliseconds for which freed memory is kept. A busy server takes it again soon, and pages that were given back have to be
/// cleared by the kernel first: with mimalloc's own second, that is a fifth of the time of upserts.
const PURGE_DELAY_MS: c_long = 10_000;
/// How often to look for memory whose time is over: the allocator itself looks only when it is asked for more.
const LOOK_EVERY: Duration = Duration::from_secs(5);

unsafe extern "C" {
    fn mi_option_set_default(option: c_int, value: c_long);
    fn mi_collect(force: bool);
    #[cfg(target_os = "linux")]
    fn prctl(option: c_int, ...) -> c_int;
}

/// To be called first of all.
pub(crate) fn set_up() {
    refuse_huge_pages();
    // SAFETY: an option of this number exists, and any delay is valid. What the environment says comes before it.
    unsafe { mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS) }
}

/// The allocator asks for huge pages: one small value then holds two megabytes, and threads clear them for a few kilobytes.
/// Without them a server takes half of the memory and writes cost a third less; scans cost a few hundredths more.
#[cfg(target_os = "linux")]
fn refuse_huge_pages() {
    const PR_SET_THP_DISABLE: c_int = 41;
    let (yes, unused): (c_ulong, c_ulong) = (1, 0);
    // SAFETY: the call takes four numbers and changes how the kernel maps memory from now on, not what is in it. A kernel
    // without it refuses, and nothing is lost but room.
    let _refused = unsafe { prctl(PR_SET_THP_DISABLE, yes, unused, unused, unused) };
}

#[cfg(not(target_os = "linux"))]
fn refuse_huge_pages() {}

/// Files that the process may have open: as many as the administrator allows, whatever the shell that started it says.
pub(crate) fn open_files_max() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let limit = if setrlimit(Resource::Nofile, raised).is_ok() { getrlimit(Resource::Nofile) } else { limit };
    limit.current.unwrap_or(u64::MAX)
}

/// Gives back what was free for long enough, again and again; never ends.
pub(crate) async fn give_back() {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        // SAFETY: any thread may call it at any time; it touches free memory only.
        unsafe { mi_collect(false) }
    }
}

#[cfg(test)]
mod tests {
    use super::{PURGE_DELAY, PURGE_DELAY_MS, set_up};
    use std::ffi::{c_int, c_long};

    unsafe extern "C" {
        fn mi_option_get(option: c_int) -> c_long;
    }

    /// Another version of the allocator may count its options differently.
    #[test]
    fn the_number_is_that_of_the_delay() {
        // SAFETY: reads a number.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
            assert_eq!(delay(), 1_000, "the allocator's default");
            set_up();
            assert_eq!(delay(), PURGE_DELAY_MS);
        }
    }
}
