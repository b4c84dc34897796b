//! The clock that Go's runtime counts with: CLOCK_MONOTONIC (`runtime.nanotime`).

/// Nanoseconds now. The same for all processes of a machine, but in a time namespace of their own.
pub fn monotonic_now() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is a timespec of ours, which the call fills; this clock exists on every Linux.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut now) };
    if result != 0 {
        return 0;
    }
    (now.tv_sec as u64).saturating_mul(1_000_000_000).saturating_add(now.tv_nsec as u64)
}
