//! Which functions run, by a clock that samples the threads for a moment now and then.
//!
//! Where threads change places often, the clocks are those of the processors: the kernel sets a thread's clock anew at each
//! switch to it, which costs more than all samples.
//!
//! What runs at the beginning is known (`alive`); this is for what comes later. Start at [`Running::seen`].

use std::time::{Duration, Instant};

use photofinish_sys::trace::{ClockSampler, Hit};
use photofinish_sys::{Thread, ThreadState, threads};

/// A thread is sampled each time it has run so long, a processor each time it was used so long.
const EVERY: Duration = Duration::from_millis(1);
/// What a sample costs the thread, about.
pub(crate) const COST: Duration = Duration::from_micros(4);
/// Bytes of its stack, to find who called a function that has no frame.
const STACK: u16 = 256;
/// Samples are taken out so often, so many times one after the other.
const WINDOW: Duration = Duration::from_millis(20);
const WINDOWS: u32 = 3;
/// And again after so long, then after ever longer times.
const AGAIN: (Duration, Duration) = (Duration::from_millis(800), Duration::from_secs(10));
/// So many threads, those that run first, or so many processors.
const MOST: usize = 24;

/// The clocks.
#[derive(Debug)]
pub(crate) struct Running {
    pid: u32,
    samplers: Vec<ClockSampler>,
    next: Instant,
    windows: u32,
    again: Duration,
}

impl Running {
    pub(crate) fn new(pid: u32) -> Running {
        Running {
            pid,
            samplers: Vec::new(),
            next: Instant::now(),
            windows: WINDOWS,
            again: AGAIN.0,
        }
    }

    /// When [`Self::seen`] wants to be called next.
    pub(crate) fn due(&self) -> Instant {
        self.next
    }

    /// The samples since the last call. Where switches between threads are dear, clocks are those of processors.
    pub(crate) fn seen(&mut self, has_dear_switches: bool) -> Vec<Hit> {
        if self.samplers.is_empty() {
            self.begin(has_dear_switches);
            return Vec::new();
        }
        let seen = self.samplers.iter_mut().flat_map(ClockSampler::take).collect();
        self.windows = self.windows.saturating_sub(1);
        if self.windows > 0 {
            self.next = Instant::now() + WINDOW;
        } else {
            self.samplers.clear();
            self.next = Instant::now() + self.again;
            self.again = (self.again * 5 / 4).min(AGAIN.1);
            self.windows = WINDOWS;
        }
        seen
    }

    fn begin(&mut self, has_dear_switches: bool) {
        let mut found = threads(self.pid).unwrap_or_default();
        found.sort_by_key(|thread| {
            (thread.state != ThreadState::Running, std::cmp::Reverse(thread.ticks))
        });
        if has_dear_switches {
            self.samplers = self.of_processors(&found);
        }
        if self.samplers.is_empty() {
            let opened = found
                .iter()
                .take(MOST)
                .filter_map(|thread| ClockSampler::open(thread.tid, EVERY, STACK).ok());
            self.samplers = opened.collect();
        }
        self.next = Instant::now() + if self.samplers.is_empty() { AGAIN.0 } else { WINDOW };
    }

    /// Of those that these threads were on last.
    fn of_processors(&self, threads: &[Thread]) -> Vec<ClockSampler> {
        let mut cpus: Vec<u32> = Vec::new();
        for cpu in threads.iter().filter_map(|thread| thread.cpu) {
            if !cpus.contains(&cpu) {
                cpus.push(cpu);
            }
        }
        let open = |cpu| ClockSampler::open_on_processor(cpu, self.pid, EVERY, STACK).ok();
        cpus.into_iter().take(MOST).filter_map(open).collect()
    }
}
