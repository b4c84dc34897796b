//! How much may be spent, and how much was: the time threads are held, our own processor time, and what arrivals at
//! breakpoints cost.
//!
//! An allowance that grows with time, of which a little is there from the beginning, so that a race that shows
//! at once is seen at once.

use std::time::{Duration, Instant};

use photofinish_sys::trace::thread_cpu_time;

/// What may be spent before any time has passed, if the whole run earns so much.
const ADVANCE: Duration = Duration::from_millis(50);

/// The part that is spent where the process needs its processors. The rest is for what is not seen here: caches grown cold,
/// threads that wait for one that is held. Where processors are idle, there is always one for those.
const SPENT: f64 = 0.8;

/// The same where, besides, threads change places so often that breakpoints are dear. Of a service that has both of two
/// processors and changes threads seventy thousand times a second, more is lost than is seen here, and not only by what is
/// spent (`cargo xtask bench catch`).
const SPENT_IF_DEAR: f64 = 0.25;

/// What is saved before it is spent again, and where to begin anew is dear.
const SAVING: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(20));

#[derive(Debug)]
pub(crate) struct Budget {
    began: Instant,
    /// Processor time of the threads that worked before, and of this one when it began.
    before_thread: Duration,
    processor_then: Duration,
    /// Processors' time earned per time that passes, beside the advance.
    rate: f64,
    /// The part of it that is spent.
    part: f64,
    /// Earned until that was decided, and when.
    before: Duration,
    decided: Instant,
    is_resting: bool,
    /// To begin anew is dear.
    is_thrifty: bool,
    rested: Option<Instant>,
    /// Spent before it began: reading the program.
    prepared: Duration,
    held: Duration,
    trapped: Duration,
    /// Processor time of the thread that plants probes.
    planted: Duration,
    /// Of all that, what reconnaissance took.
    reconnoitred: Duration,
}

impl Budget {
    /// `share` of `processors`, for a run of `duration`, of which `prepared` is spent already. Called in the
    /// thread whose time is counted, until [`Self::leave_thread`].
    pub(crate) fn new(
        share: f64,
        processors: u32,
        duration: Duration,
        prepared: Duration,
    ) -> Budget {
        let rate = share.clamp(0.0, 1.0) * f64::from(processors.max(1));
        let duration = duration.clamp(Duration::from_millis(1), Duration::from_secs(3600));
        let earned = duration.mul_f64(rate).saturating_sub(prepared);
        let advance = earned.min(ADVANCE);
        // What is there from the beginning, or was spent before, is not earned again.
        let rate = earned.saturating_sub(advance).div_f64(duration.as_secs_f64()).as_secs_f64();
        let now = Instant::now();
        Budget {
            began: now,
            before_thread: Duration::ZERO,
            processor_then: thread_cpu_time(),
            rate,
            part: 1.0,
            before: advance,
            decided: now,
            is_resting: false,
            is_thrifty: false,
            rested: None,
            prepared,
            held: Duration::ZERO,
            trapped: Duration::ZERO,
            planted: Duration::ZERO,
            reconnoitred: Duration::ZERO,
        }
    }

    /// The calling thread hands over to another, which calls [`Self::enter_thread`].
    pub(crate) fn leave_thread(&mut self) {
        self.before_thread += thread_cpu_time().saturating_sub(self.processor_then);
    }

    /// From now on the calling thread's time is counted.
    pub(crate) fn enter_thread(&mut self) {
        self.processor_then = thread_cpu_time();
    }

    /// What a second earns.
    pub(crate) fn rate(&self) -> Duration {
        Duration::from_secs_f64(self.spent_rate())
    }

    /// From now on the process needs its processors, or does not, and breakpoints are dear, or are not.
    pub(crate) fn be_careful(&mut self, is_busy: bool, is_dear: bool) {
        self.before = self.earned();
        self.decided = Instant::now();
        self.part = match (is_busy, is_dear) {
            (true, true) => SPENT_IF_DEAR,
            (true, false) => SPENT,
            (false, _) => 1.0,
        };
        self.is_thrifty = is_dear;
    }

    fn spent_rate(&self) -> f64 {
        self.part * self.rate
    }

    pub(crate) fn trapped(&self) -> Duration {
        self.trapped
    }

    /// Arrivals, or switches between threads, cost so much.
    pub(crate) fn spend_traps(&mut self, trapped: Duration) {
        self.trapped += trapped;
    }

    /// Of what was spent, so much was for reconnaissance.
    pub(crate) fn was_reconnaissance(&mut self, spent: Duration) {
        self.reconnoitred += spent;
    }

    /// Whether reconnaissance has had less than `part` of everything.
    pub(crate) fn may_reconnoitre(&self, part: f64) -> bool {
        self.reconnoitred < self.earned().mul_f64(part)
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn held(&self) -> Duration {
        self.held
    }

    /// Our own processor time, with that of preparing.
    pub(crate) fn processor(&self) -> Duration {
        self.prepared + self.since_begun()
    }

    /// Our own processor time since it began.
    fn since_begun(&self) -> Duration {
        let of_this = thread_cpu_time().saturating_sub(self.processor_then);
        self.before_thread + of_this + self.planted
    }

    /// Planting probes took so much until now.
    pub(crate) fn has_planted(&mut self, spent: Duration) {
        self.planted = spent;
    }

    /// What was spent and is not earned yet.
    pub(crate) fn debt(&self) -> Duration {
        self.spent().saturating_sub(self.earned())
    }

    /// A thread was held for so long.
    pub(crate) fn spend(&mut self, held: Duration) {
        self.held += held;
    }

    /// When there is something to spend again: `None` if there is now. Once everything is spent, a little is saved
    /// first: to begin anew costs something, too.
    pub(crate) fn pause(&mut self) -> Option<Duration> {
        let debt = self.debt();
        let wanted =
            if self.is_resting { debt + self.saving().saturating_sub(self.saved()) } else { debt };
        self.is_resting = !wanted.is_zero();
        if !self.is_resting {
            return None;
        }
        self.rested = Some(Instant::now());
        // A rate of nothing earns nothing: wait, and be asked again.
        let pause = (debt + self.saving()).as_secs_f64() / self.spent_rate().max(1e-6);
        Some(Duration::from_secs_f64(pause.clamp(0.001, 1.0)))
    }

    /// Whether there was nothing to spend a moment ago.
    pub(crate) fn is_scarce(&self) -> bool {
        self.rested.is_some_and(|rested| rested.elapsed() < Duration::from_millis(300))
    }

    /// What is earned and not spent yet.
    fn saved(&self) -> Duration {
        self.earned().saturating_sub(self.spent())
    }

    fn saving(&self) -> Duration {
        match self.is_thrifty {
            false => SAVING.0.min(Duration::from_secs_f64(self.spent_rate() / 8.0)),
            true => SAVING.1.min(Duration::from_secs_f64(2.5 * self.spent_rate())),
        }
    }

    fn earned(&self) -> Duration {
        self.before + self.decided.elapsed().mul_f64(self.spent_rate())
    }

    fn spent(&self) -> Duration {
        self.held + self.trapped + self.since_begun()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_spent_is_earned_before_more_is_spent() {
        let mut budget = Budget::new(0.01, 2, Duration::from_secs(30), Duration::ZERO);
        assert_eq!(budget.pause(), None, "the advance");
        budget.spend(Duration::from_millis(60));
        let pause = budget.pause().unwrap();
        assert!(pause > Duration::from_millis(300), "10 ms at 2 % take half a second: {pause:?}");
    }

    #[test]
    fn what_was_earned_stays_when_less_is_earned_from_now_on() {
        let mut budget = Budget::new(0.01, 2, Duration::from_secs(30), Duration::ZERO);
        let (earned, rate) = (budget.earned(), budget.rate());
        budget.be_careful(true, false);
        assert!(budget.earned() >= earned);
        let careful = budget.rate();
        assert!(careful < rate);
        budget.be_careful(true, true);
        assert!(budget.earned() >= earned && budget.rate() < careful);
        budget.be_careful(false, false);
        assert_eq!(budget.rate(), rate);
    }

    #[test]
    fn the_time_of_each_thread_is_counted_once() {
        let mut budget = Budget::new(0.01, 2, Duration::from_secs(30), Duration::ZERO);
        let work = || {
            let began = thread_cpu_time();
            while thread_cpu_time() < began + Duration::from_millis(20) {}
        };
        work();
        budget.leave_thread();
        work();
        std::thread::scope(|scope| {
            let in_thread = || {
                budget.enter_thread();
                work();
                budget.leave_thread();
            };
            scope.spawn(in_thread).join().unwrap();
        });
        budget.enter_thread();
        let processor = budget.processor();
        let wanted = Duration::from_millis(40)..Duration::from_millis(55);
        assert!(wanted.contains(&processor), "{processor:?}");
    }

    #[test]
    fn a_short_run_gets_no_advance_beyond_its_budget() {
        let mut budget = Budget::new(0.01, 1, Duration::from_secs(1), Duration::ZERO);
        budget.spend(Duration::from_millis(15));
        assert!(budget.pause().is_some());
    }
}
