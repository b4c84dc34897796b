//! What a thread does while it runs, or a process on some processor: looked at by perf's clock, without stopping it.
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
/// `exclude_idle`.
const NOT_IDLE: u64 = 1 << 7;

#[derive(Clone, Copy, Debug)]
enum Whose {
    Thread(u32),
    /// Of a process; others run there, too.
    Process(u32),
}

/// Samples of one thread, or of one process on one processor.
#[derive(Debug)]
pub struct ClockSampler {
    whose: Whose,
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
        let fd = clock(every, copied).open(tid).map_err(refused)?;
        let ring = Ring::of(fd.as_raw_fd()).map_err(refused)?;
        Ok(ClockSampler { whose: Whose::Thread(tid), ring, _fd: fd })
    }

    /// Samples what runs on processor `cpu`, of which those of process `pid` are told. The clock of a thread is set
    /// anew by the kernel whenever it switches to that thread, which a process that switches often feels; a processor's
    /// goes on.
    ///
    /// # Errors
    /// As [`Self::open`]: this takes the PERFMON capability.
    pub fn open_on_processor(
        cpu: u32,
        pid: u32,
        every: Duration,
        copied: u16,
    ) -> Result<ClockSampler, TraceError> {
        let refused = |cause| TraceError::Sample { tid: pid, cause };
        let mut attr = clock(every, copied);
        attr.flags |= NOT_IDLE;
        let fd = attr.open_on_processor(cpu).map_err(refused)?;
        let ring = Ring::of(fd.as_raw_fd()).map_err(refused)?;
        Ok(ClockSampler { whose: Whose::Process(pid), ring, _fd: fd })
    }

    /// Whether it is of this thread.
    pub fn is_of(&self, tid: u32) -> bool {
        matches!(self.whose, Whose::Thread(own) if own == tid)
    }

    /// The samples since the last call.
    pub fn take(&mut self) -> Vec<Hit> {
        let mut hits = self.ring.take();
        if let Whose::Process(pid) = self.whose {
            hits.retain(|hit| hit.pid == pid);
        }
        hits
    }
}

fn clock(every: Duration, copied: u16) -> Attr {
    let mut attr = Attr::default();
    attr.kind = SOFTWARE;
    attr.size = size_of::<Attr>() as u32;
    attr.sample_period = every.as_nanos().try_into().unwrap_or(u64::MAX);
    attr.sample_type = SAMPLE_TYPE;
    attr.sample_regs_user = SAMPLED;
    attr.sample_stack_user = u32::from(copied);
    attr.flags = USER_ONLY | USE_CLOCK;
    attr.clockid = libc::CLOCK_MONOTONIC;
    attr
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use std::time::Instant;

    use super::*;
    use crate::threads;

    #[test]
    fn a_processors_clock_sees_who_of_the_process_runs_there_and_nobody_else() {
        let pid = std::process::id();
        let end = Instant::now() + Duration::from_secs(5);
        let cpus: Vec<u32> =
            (0..std::thread::available_parallelism().unwrap().get() as u32).collect();
        let open = |cpu: &u32| {
            ClockSampler::open_on_processor(*cpu, pid, Duration::from_millis(1), 64).unwrap()
        };
        let mut samplers: Vec<ClockSampler> = cpus.iter().map(open).collect();
        let mut others =
            std::process::Command::new("sh").args(["-c", "while :; do :; done"]).spawn().unwrap();
        let mut seen: Vec<Hit> = Vec::new();
        while seen.len() < 50 && Instant::now() < end {
            seen.extend(samplers.iter_mut().flat_map(ClockSampler::take));
        }
        others.kill().unwrap();
        others.wait().unwrap();
        assert!(seen.len() >= 50, "{}", seen.len());
        let tids: Vec<u32> = threads(pid).unwrap().iter().map(|thread| thread.tid).collect();
        assert!(seen.iter().all(|hit| hit.pid == pid && tids.contains(&hit.tid)), "{seen:?}");
    }
}
