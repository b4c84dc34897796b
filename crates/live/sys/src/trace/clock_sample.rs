//! What a thread does while it runs: looked at by perf's clock, without stopping it.
//!
//! `PERF_COUNT_SW_CPU_CLOCK` of perf_event_open(2): each time the thread has used so much of a processor, an
//! interrupt notes its registers, its callers and the top of its stack. A thread that waits is never seen, nor
//! is one in the kernel. Times are those of CLOCK_MONOTONIC, comparable between processors.
//!
//! Not here: reading the record (`sample`). Start at [`ClockSampler::open`].

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use super::TraceError;
use super::breakpoint::{Attr, Ring, USER_ONLY};
use super::registers::SAMPLED;
use super::sample::{Hit, SAMPLE_TYPE};

/// PERF_TYPE_SOFTWARE; its event 0 is the clock of the processor.
const SOFTWARE: u32 = 1;
/// `use_clockid`.
const USE_CLOCK: u64 = 1 << 25;

/// Samples of one thread.
#[derive(Debug)]
pub struct ClockSampler {
    tid: u32,
    ring: Ring,
    /// The kernel samples as long as this is open.
    _fd: OwnedFd,
}

impl ClockSampler {
    /// Samples thread `tid` each time it has run for `every`, with the top `copied` bytes of its stack, a multiple of
    /// eight. There is room for 28 KiB of samples: they are to be taken as often.
    ///
    /// # Errors
    /// The thread is gone, or we have not the right.
    pub fn open(tid: u32, every: Duration, copied: u16) -> Result<ClockSampler, TraceError> {
        let refused = |cause| TraceError::Sample { tid, cause };
        let mut attr = Attr::default();
        attr.kind = SOFTWARE;
        attr.size = size_of::<Attr>() as u32;
        attr.sample_period = every.as_nanos().try_into().unwrap_or(u64::MAX);
        attr.sample_type = SAMPLE_TYPE;
        attr.sample_regs_user = SAMPLED;
        attr.sample_stack_user = u32::from(copied);
        attr.flags = USER_ONLY | USE_CLOCK;
        attr.clockid = libc::CLOCK_MONOTONIC;
        let fd = attr.open(tid).map_err(refused)?;
        let ring = Ring::of(fd.as_raw_fd()).map_err(refused)?;
        Ok(ClockSampler { tid, ring, _fd: fd })
    }

    /// The thread.
    pub fn tid(&self) -> u32 {
        self.tid
    }

    /// The samples since the last call.
    pub fn take(&mut self) -> Vec<Hit> {
        self.ring.take()
    }
}
