//! Our own share of the processor: how much we use, which is part of the price of looking, and that it comes
//! at once, since others wait while we hold them.

use std::time::Duration;

/// Processor time that the calling thread has used, with what was done for it by others.
pub fn thread_cpu_time() -> Duration {
    let mut spent = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `spent` is a timespec of ours, which the call fills; this clock exists on every Linux.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut spent) };
    if result != 0 {
        return Duration::ZERO;
    }
    Duration::new(spent.tv_sec as u64, spent.tv_nsec as u32) + super::shield::spent()
}

/// Lets the calling thread run before others of this machine, as far as we may: threads that it holds
/// wait for it.
pub fn hurry() {
    const FIRST: libc::c_int = -15;
    // SAFETY: takes numbers only; 0 is the calling thread. Where we may not, nothing changes.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, FIRST) };
}
