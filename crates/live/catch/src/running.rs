//! Which functions run, by a clock that samples the threads for a moment now and then.
//!
//! What runs at the beginning is known (`alive`); this is for what comes later. Start at [`Running::seen`].

use std::time::{Duration, Instant};

use photofinish_sys::ThreadState;
use photofinish_sys::threads;
use photofinish_sys::trace::{ClockSampler, Hit};

/// A thread is sampled each time it has run so long.
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
/// So many threads, those that run first.
const MOST_THREADS: usize = 24;

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

    /// The samples since the last call.
    pub(crate) fn seen(&mut self) -> Vec<Hit> {
        if self.samplers.is_empty() {
            self.begin();
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

    fn begin(&mut self) {
        let mut found = threads(self.pid).unwrap_or_default();
        found.sort_by_key(|thread| {
            (thread.state != ThreadState::Running, std::cmp::Reverse(thread.ticks))
        });
        let opened = found
            .iter()
            .take(MOST_THREADS)
            .filter_map(|thread| ClockSampler::open(thread.tid, EVERY, STACK).ok());
        self.samplers = opened.collect();
        self.next = Instant::now() + if self.samplers.is_empty() { AGAIN.0 } else { WINDOW };
    }
}
