//! How busy the process is, and what follows from it: how long threads are held, how much of the budget is spent, and
//! whether breakpoints can stay while there is nothing to spend.
//!
//! Start at [`Watch::look_at_load`].

use std::time::{Duration, Instant};

use photofinish_sys::{process_ticks, thread_numbers};

use crate::switches::Switches;
use crate::watch::Watch;

/// How long the first look takes; each takes twice as long as the one before, up to this.
const LOOK: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// A thread of a process that is busy, or idle, is held no longer.
const LONGEST: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));
/// Of a clock that ticks a hundred times a second (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
/// Switches that cost more than this part of what is earned are dear.
const DEAR: u32 = 4;

/// What was seen of it last.
#[derive(Debug)]
pub(crate) struct Load {
    pid: u32,
    processors: u32,
    looked: Instant,
    every: Duration,
    /// The processor time of the process then.
    ticks: u64,
    switches: Switches,
    is_idle: bool,
    /// It needs its processors.
    pub(crate) is_busy: bool,
}

impl Load {
    /// Begins to look. What is read before the first breakpoint takes longer than the first look, so that what
    /// breakpoints cost is known by then.
    pub(crate) fn new(pid: u32, processors: u32) -> Load {
        let ticks = process_ticks(pid).unwrap_or(0);
        let switches = Switches::new(pid, thread_numbers(pid).unwrap_or_default());
        let looked = Instant::now();
        let every = LOOK.0;
        Load { pid, processors, looked, every, ticks, switches, is_idle: false, is_busy: false }
    }

    /// Looks, if it is time; whether it did.
    pub(crate) fn look(&mut self) -> bool {
        let elapsed = self.looked.elapsed();
        if elapsed < self.every {
            return false;
        }
        let ticks = process_ticks(self.pid).unwrap_or(self.ticks);
        let n_ticks = ticks.saturating_sub(self.ticks);
        let busy = TICK * u32::try_from(n_ticks).unwrap_or(u32::MAX);
        self.is_idle = busy * 8 < elapsed;
        self.is_busy = busy * 3 > elapsed * self.processors;
        self.switches.look(thread_numbers(self.pid).unwrap_or_default());
        (self.looked, self.every, self.ticks) =
            (Instant::now(), (self.every * 2).min(LOOK.1), ticks);
        true
    }
}

impl Watch<'_> {
    /// Looks again, if it is time.
    pub(crate) fn look_at_load(&mut self) {
        if self.load.look() {
            self.heed_load();
        }
    }

    /// An idle process may be held longer, and one that needs its processors gets more of them.
    pub(crate) fn heed_load(&mut self) {
        self.budget.be_careful(self.load.is_busy, self.has_dear_switches());
        self.queue.longest = if self.load.is_idle { LONGEST.1 } else { LONGEST.0 };
    }

    /// There are breakpoints from now on.
    pub(crate) fn begin_paying(&mut self) {
        self.heed_load();
        self.load.switches.since();
    }

    /// Of a busy process, switches between threads that have breakpoints are paid for.
    pub(crate) fn pay_for_switches(&mut self) {
        let cost = self.load.switches.since();
        if self.load.is_busy && !self.places.is_asleep() {
            self.budget.spend_traps(cost);
        }
    }

    /// Whether breakpoints cannot stay while there is nothing to spend.
    pub(crate) fn has_dear_switches(&self) -> bool {
        self.load.is_busy && self.load.switches.rate() * DEAR > self.budget.rate()
    }

    /// Takes the breakpoints away until there is something to spend.
    pub(crate) fn sleep(&mut self) {
        if self.places.is_asleep() {
            return;
        }
        self.places.program.disarm();
        (0..self.places.waiting().len()).for_each(|place| self.end_turn(place));
        self.places.sleep();
    }
}
