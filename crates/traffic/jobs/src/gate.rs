//! Whether the race build's workers get jobs: pure, and told the time.
//!
//! They prove that they live by taking jobs; there is no other heartbeat, since none exists that all
//! workers of all libraries have. Too many that wait: no more until half of them are gone. Nothing
//! taken for a while: what waits goes back, and after a pause a job or so is sent to find out. Where
//! somebody who looks after the workers says that none of them runs, that is known at once.

use crate::broker::{HandBack, Look, Wish};
use crate::plan::Limits;
use std::time::Instant;

/// What the race build's workers may get.
#[derive(Debug)]
pub(crate) struct Gate {
    every: u32,
    limits: Limits,
    state: State,
    /// The last sign of life: what `taken` was, and when it changed or nothing waited.
    taken: i64,
    alive: Instant,
    waiting: u64,
}

/// How it stands with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Sampling,
    Lagging,
    Still { since: Instant },
    Nobody,
    Trying,
}

impl Gate {
    pub(crate) fn new(every: u32, limits: Limits, now: Instant) -> Gate {
        Gate { every, limits, state: State::Sampling, taken: 0, alive: now, waiting: 0 }
    }

    /// Takes in how the queues stand, and whether it is known that `nobody` can take jobs; `true` when
    /// something is different from before.
    pub(crate) fn see(&mut self, look: &Look, nobody: bool, now: Instant) -> bool {
        let before = self.mode();
        let took = look.taken != self.taken;
        if took || look.race == 0 {
            self.alive = now;
        }
        (self.taken, self.waiting) = (look.taken, look.race);
        let still = now.duration_since(self.alive) >= self.limits.stalled;
        self.state = match self.state {
            _ if nobody => State::Nobody,
            State::Nobody => {
                self.alive = now;
                State::Trying
            }
            State::Sampling | State::Lagging | State::Trying if still => {
                State::Still { since: now }
            }
            State::Sampling if look.race >= self.limits.max_lag => State::Lagging,
            State::Lagging if look.race <= self.limits.max_lag / 2 => State::Sampling,
            State::Still { since } if now.duration_since(since) >= self.limits.retry => {
                self.alive = now;
                State::Trying
            }
            State::Trying if took => State::Sampling,
            state => state,
        };
        self.mode() != before
    }

    pub(crate) fn wish(&self) -> Wish {
        let room = match self.state {
            State::Sampling => self.limits.max_lag,
            State::Lagging | State::Still { .. } | State::Nobody => 0,
            State::Trying => u64::from(self.waiting == 0),
        };
        Wish { every: self.every, room, mode: self.mode() }
    }

    /// What may not wait there any longer.
    pub(crate) fn hand_back(&self) -> HandBack {
        match self.state {
            State::Still { .. } | State::Nobody => self.all(),
            _ => HandBack::beyond(&self.limits),
        }
    }

    /// All that waits there.
    pub(crate) fn all(&self) -> HandBack {
        HandBack::all(&self.limits)
    }

    /// What it does, for a person.
    pub(crate) fn mode(&self) -> &'static str {
        match self.state {
            State::Sampling => "sampling",
            State::Lagging => "paused: the race workers lag",
            State::Still { .. } => "paused: the race workers take nothing",
            State::Nobody => "paused: no race worker runs",
            State::Trying => "trying whether the race workers take a job",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limits() -> Limits {
        Limits {
            max_lag: 10,
            stalled: Duration::from_secs(30),
            retry: Duration::from_secs(60),
            ..Limits::default()
        }
    }

    fn look(race: u64, taken: i64) -> Look {
        Look { race, taken, ..Look::default() }
    }

    #[test]
    fn a_queue_that_is_full_rests_until_half_of_it_is_gone() {
        let now = Instant::now();
        let mut gate = Gate::new(10, limits(), now);
        assert_eq!(gate.wish().room, 10);
        assert!(gate.see(&look(10, 1), false, now));
        assert_eq!(gate.wish().room, 0);
        assert!(!gate.see(&look(6, 5), false, now));
        assert!(gate.see(&look(5, 6), false, now));
        assert_eq!(gate.wish().room, 10);
    }

    #[test]
    fn workers_that_take_nothing_lose_what_waits_and_are_tried_again() {
        let start = Instant::now();
        let mut gate = Gate::new(10, limits(), start);
        let after = |seconds| start + Duration::from_secs(seconds);
        gate.see(&look(3, 7), false, start);
        assert!(!gate.see(&look(4, 7), false, after(29)));
        assert!(gate.see(&look(4, 7), false, after(30)));
        assert!(gate.hand_back().older_than.is_zero());
        assert_eq!(gate.wish().room, 0);
        // Handing back is no sign of life: `taken` does not move with it.
        assert!(!gate.see(&look(0, 7), false, after(60)));
        assert!(gate.see(&look(0, 7), false, after(90)));
        assert_eq!(gate.wish().room, 1);
        assert!(!gate.see(&look(1, 7), false, after(91)));
        assert_eq!(gate.wish().room, 0, "one is enough to find out");
        assert!(gate.see(&look(1, 7), false, after(121)), "and nobody took it");
        assert!(gate.see(&look(0, 7), false, after(181)));
        assert!(gate.see(&look(0, 8), false, after(182)), "somebody took it");
        assert_eq!(gate.wish().room, 10);
        assert_eq!(gate.hand_back().older_than, limits().max_age);
    }

    #[test]
    fn where_no_worker_runs_nothing_is_sent_at_once_and_the_next_one_is_tried_first() {
        let start = Instant::now();
        let mut gate = Gate::new(10, limits(), start);
        assert!(!gate.see(&look(3, 7), false, start));
        assert!(gate.see(&look(3, 7), true, start));
        assert_eq!(gate.wish().room, 0);
        assert!(gate.hand_back().older_than.is_zero());
        assert!(gate.see(&look(0, 7), false, start));
        assert_eq!(gate.wish().room, 1);
        assert!(gate.see(&look(0, 8), false, start), "it took one");
        assert_eq!(gate.wish().room, 10);
    }

    #[test]
    fn a_queue_with_nothing_in_it_is_no_sign_of_death() {
        let start = Instant::now();
        let mut gate = Gate::new(10, limits(), start);
        assert!(!gate.see(&look(0, 0), false, start + Duration::from_secs(3600)));
        assert!(!gate.see(&look(1, 0), false, start + Duration::from_secs(3601)));
        assert_eq!(gate.wish().room, 10);
    }
}
