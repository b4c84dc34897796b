//! When the canary is left alone, and how it comes back. Pure: told the time, it waits for nothing.
//!
//! Closed, it counts failures. Too many in a row, or too large a share of them in ten seconds, opens it:
//! the canary's share is zero. Whether the canary runs again is for whoever supervises it (`run --gate`);
//! here it is only probed, and once enough probes were good its share grows back from a tenth.

use crate::plan;
use std::time::Instant;

/// Seconds of which the failure rate is looked at.
const WINDOW: usize = 10;
/// Requests in the window below which a rate means nothing.
const FEWEST: u32 = 20;
/// The share that a canary coming back begins with.
const RAMP_FROM: f64 = 0.1;

/// Counts failures and decides on the canary's share.
pub(crate) struct Breaker {
    plan: plan::Breaker,
    state: State,
    in_a_row: u32,
    window: Window,
    /// How often it opened.
    pub(crate) ejections: u64,
}

/// Where a breaker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// The canary gets its share.
    Closed,
    /// The canary gets nothing; so many probes in a row were good.
    Open {
        /// Good probes in a row.
        good: u32,
    },
    /// The canary's share grows since then.
    Ramp {
        /// When it began.
        since: Instant,
    },
}

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// It opened, and why.
    Opened(String),
    /// The canary is back, its share grows.
    Ramping,
    /// The canary has its whole share.
    Closed,
}

impl Breaker {
    pub(crate) fn new(plan: plan::Breaker) -> Breaker {
        Breaker { plan, state: State::Closed, in_a_row: 0, window: Window::default(), ejections: 0 }
    }

    pub(crate) fn set_plan(&mut self, plan: plan::Breaker) {
        self.plan = plan;
    }

    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// How much of its share the canary gets, between 0 and 1.
    pub(crate) fn factor(&self, now: Instant) -> f64 {
        match self.state {
            State::Closed => 1.0,
            State::Open { .. } => 0.0,
            State::Ramp { since } => {
                let ramp = self.plan.ramp.as_secs_f64().max(f64::MIN_POSITIVE);
                let done = now.saturating_duration_since(since).as_secs_f64() / ramp;
                (RAMP_FROM + (1.0 - RAMP_FROM) * done).min(1.0)
            }
        }
    }

    /// A request of the canary ended.
    pub(crate) fn observe(&mut self, is_good: bool, now: Instant) -> Option<Change> {
        self.window.count(is_good, now);
        if is_good {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row += 1;
        let (all, bad) = self.window.sums(now);
        let rate = f64::from(bad) / f64::from(all.max(1));
        let why = if self.in_a_row >= self.plan.failures {
            format!("{} requests and probes in a row failed", self.in_a_row)
        } else if all >= FEWEST && rate > self.plan.failure_rate {
            format!("{bad} of the last {all} requests failed")
        } else {
            return None;
        };
        self.open(why)
    }

    /// A probe ended.
    pub(crate) fn probed(&mut self, is_good: bool, now: Instant) -> Option<Change> {
        match &mut self.state {
            State::Open { good } if is_good => {
                *good += 1;
                if *good < self.plan.successes.max(1) {
                    return None;
                }
                self.state = State::Ramp { since: now };
                self.in_a_row = 0;
                self.window = Window::default();
                Some(Change::Ramping)
            }
            State::Open { good } => {
                *good = 0;
                None
            }
            _ if is_good => None,
            _ => {
                self.in_a_row += 1;
                if self.in_a_row < self.plan.failures {
                    return None;
                }
                self.open(format!("{} requests and probes in a row failed", self.in_a_row))
            }
        }
    }

    /// Time passed.
    pub(crate) fn tick(&mut self, now: Instant) -> Option<Change> {
        match self.state {
            State::Ramp { since } if now.saturating_duration_since(since) >= self.plan.ramp => {
                self.state = State::Closed;
                Some(Change::Closed)
            }
            _ => None,
        }
    }

    fn open(&mut self, why: String) -> Option<Change> {
        if matches!(self.state, State::Open { .. }) {
            return None;
        }
        self.state = State::Open { good: 0 };
        self.ejections += 1;
        Some(Change::Opened(why))
    }
}

/// Requests and failures of the last seconds.
#[derive(Default)]
struct Window {
    start: Option<Instant>,
    newest: u64,
    seconds: [(u32, u32); WINDOW],
}

impl Window {
    fn count(&mut self, is_good: bool, now: Instant) {
        let second = self.roll(now);
        let (all, bad) = &mut self.seconds[second as usize % WINDOW];
        *all += 1;
        *bad += u32::from(!is_good);
    }

    fn sums(&mut self, now: Instant) -> (u32, u32) {
        self.roll(now);
        self.seconds.iter().fold((0, 0), |sum, each| (sum.0 + each.0, sum.1 + each.1))
    }

    /// Forgets the seconds that are too long ago.
    fn roll(&mut self, now: Instant) -> u64 {
        let start = *self.start.get_or_insert(now);
        let second = now.saturating_duration_since(start).as_secs();
        for past in (self.newest + 1..=second).rev().take(WINDOW) {
            self.seconds[past as usize % WINDOW] = (0, 0);
        }
        self.newest = self.newest.max(second);
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn after(now: Instant, seconds: u64) -> Instant {
        now + Duration::from_secs(seconds)
    }

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(plan::Breaker::default()), Instant::now())
    }

    #[test]
    fn failures_in_a_row_open_it_and_one_success_between_them_does_not() {
        let (mut breaker, now) = breaker();
        for _ in 0..4 {
            assert_eq!(breaker.observe(false, now), None);
        }
        breaker.observe(true, now);
        for _ in 0..4 {
            assert_eq!(breaker.observe(false, now), None);
        }
        assert!(matches!(breaker.observe(false, now), Some(Change::Opened(_))));
        assert_eq!(breaker.factor(now), 0.0);
        assert_eq!(breaker.observe(false, now), None, "it opens once");
        assert_eq!(breaker.ejections, 1);
    }

    #[test]
    fn a_rate_of_failures_opens_it_even_when_never_five_in_a_row() {
        let (mut breaker, now) = breaker();
        let opened = (0..60).find_map(|n| breaker.observe(n % 3 == 0, after(now, n / 10)));
        assert!(
            matches!(&opened, Some(Change::Opened(why)) if why.contains("of the last")),
            "{opened:?}"
        );
    }

    #[test]
    fn failures_of_long_ago_are_forgotten() {
        let (mut breaker, now) = breaker();
        for n in 0..30_u64 {
            assert_eq!(breaker.observe(n % 3 != 0, after(now, 2 * n)), None);
        }
    }

    #[test]
    fn good_probes_bring_it_back_and_its_share_grows() {
        let (mut breaker, now) = breaker();
        for _ in 0..5 {
            breaker.observe(false, now);
        }
        assert_eq!(breaker.probed(true, now), None);
        assert_eq!(breaker.probed(false, now), None);
        assert_eq!(breaker.probed(true, now), None);
        assert_eq!(breaker.probed(true, now), Some(Change::Ramping));
        assert!((breaker.factor(now) - 0.1).abs() < 1e-9);
        assert!((breaker.factor(after(now, 5)) - 0.55).abs() < 1e-9);
        assert_eq!(breaker.tick(after(now, 5)), None);
        assert_eq!(breaker.tick(after(now, 10)), Some(Change::Closed));
        assert_eq!(breaker.factor(after(now, 10)), 1.0);
    }

    #[test]
    fn a_canary_that_fails_again_while_it_comes_back_is_left_alone_again() {
        let (mut breaker, now) = breaker();
        for _ in 0..5 {
            breaker.observe(false, now);
        }
        breaker.probed(true, now);
        breaker.probed(true, now);
        for _ in 0..4 {
            breaker.observe(false, now);
        }
        assert!(matches!(breaker.observe(false, now), Some(Change::Opened(_))));
        assert_eq!(breaker.ejections, 2);
    }

    #[test]
    fn a_canary_that_dies_without_traffic_is_found_by_its_probes() {
        let (mut breaker, now) = breaker();
        let opened = (0..5).find_map(|_| breaker.probed(false, now));
        assert!(matches!(opened, Some(Change::Opened(_))));
    }
}
