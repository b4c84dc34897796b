//! How busy the process is, and what follows from it: how long threads are held, how much of the budget is spent, and
//! whether breakpoints can stay while there is nothing to spend.
//!
//! Start at [`Watch::look_at_load`].

use std::time::{Duration, Instant};

use photofinish_sys::process_ticks;

use crate::switches::Switches;
use crate::watch::Watch;

/// When the load is looked at first, and then how often.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
/// A thread of a process that is busy, or idle, is held no longer.
const LONGEST: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));
/// Of a clock that ticks a hundred times a second (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);
/// Switches that cost more than this part of what is earned are dear.
const DEAR: u32 = 4;

/// What was seen of it last.
#[derive(Debug)]
pub(crate) struct Load {
    looked: Instant,
    every: Duration,
    /// The processor time of the process then.
    ticks: u64,
    switches: Switches,
    /// It needs its processors.
    is_busy: bool,
}

impl Load {
    /// Nothing is known yet.
    pub(crate) fn new(pid: u32) -> Load {
        let ticks = process_ticks(pid).unwrap_or(0);
        let switches = Switches::new(pid);
        Load { looked: Instant::now(), every: LOOK.0, ticks, switches, is_busy: false }
    }
}

impl Watch<'_> {
    /// An idle process may be held longer, and one that needs its processors gets more of them.
    pub(crate) fn look_at_load(&mut self) {
        let elapsed = self.load.looked.elapsed();
        if elapsed < self.load.every {
            return;
        }
        let ticks = process_ticks(self.tracer.pid()).unwrap_or(self.load.ticks);
        let n_ticks = ticks.saturating_sub(self.load.ticks);
        let busy = TICK * u32::try_from(n_ticks).unwrap_or(u32::MAX);
        let is_idle = busy * 8 < elapsed;
        self.load.is_busy = busy * 3 > elapsed * self.processors;
        self.budget.be_careful(self.load.is_busy);
        self.queue.longest = if is_idle { LONGEST.1 } else { LONGEST.0 };
        self.load.switches.look(self.tracer.threads());
        self.budget.is_thrifty = self.has_dear_switches();
        (self.load.looked, self.load.every, self.load.ticks) = (Instant::now(), LOOK.1, ticks);
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

    /// Gives them back.
    pub(crate) fn wake(&mut self) {
        if let Err(error) = self.places.wake(&self.tracer) {
            tracing::debug!("some threads are not watched any more: {error}");
        }
    }
}
