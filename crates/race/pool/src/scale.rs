//! How many workers there should be: pure, and told the time.
//!
//! More as soon as the lag has been too long for [`PATIENCE`]; fewer, one at a time, only when half of what
//! the remaining ones could bear has been enough for all of `idle`. Between the two nothing happens, so that
//! a queue that breathes does not start and end race builds, which start slowly, with every breath.

use std::time::{Duration, Instant};

/// A longer lag than this is no burst.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// The number of workers, following the lag.
#[derive(Debug)]
pub(crate) struct Scale {
    least: u32,
    most: u32,
    lag: u64,
    idle: Duration,
    wanted: u32,
    /// Since when the lag has been too long for as many as are wanted, and since when one fewer would do.
    too_few: Option<Instant>,
    too_many: Option<Instant>,
}

impl Scale {
    pub(crate) fn new(least: u32, most: u32, lag: u64, idle: Duration) -> Scale {
        let (most, lag) = (most.max(least), lag.max(1));
        Scale { least, most, lag, idle, wanted: least, too_few: None, too_many: None }
    }

    /// So many at most, from now on.
    pub(crate) fn set_most(&mut self, most: u32) {
        self.most = most.max(self.least);
        self.wanted = self.wanted.min(self.most);
    }

    pub(crate) fn most(&self) -> u32 {
        self.most
    }

    /// How many there should be, with so many jobs that wait.
    pub(crate) fn wanted(&mut self, waiting: u64, now: Instant) -> u32 {
        let bearable = u64::from(self.wanted) * self.lag;
        let lasts = |since: &mut Option<Instant>, holds: bool| {
            if !holds {
                *since = None;
            } else if since.is_none() {
                *since = Some(now);
            }
            since.map_or(Duration::ZERO, |since| now.duration_since(since))
        };
        let too_few = waiting > bearable && self.wanted < self.most;
        let fewer = bearable.saturating_sub(self.lag);
        let too_many = waiting <= fewer / 2 && self.wanted > self.least;
        if lasts(&mut self.too_few, too_few) >= PATIENCE {
            let enough = waiting.div_ceil(self.lag).min(u64::from(self.most));
            self.wanted = u32::try_from(enough).unwrap_or(self.most);
            self.too_few = None;
        }
        if lasts(&mut self.too_many, too_many) >= self.idle && too_many {
            self.wanted -= 1;
            self.too_many = Some(now);
        }
        self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wanted after each of `(second, jobs that wait)`.
    fn follow(story: &[(u64, u64)]) -> Vec<u32> {
        let start = Instant::now();
        let mut scale = Scale::new(1, 4, 10, Duration::from_secs(60));
        story
            .iter()
            .map(|(second, waiting)| scale.wanted(*waiting, start + Duration::from_secs(*second)))
            .collect()
    }

    #[test]
    fn a_burst_starts_nobody_and_a_lag_that_stays_as_many_as_it_takes() {
        assert_eq!(follow(&[(0, 25), (1, 5), (2, 25), (3, 25), (4, 25)]), [1, 1, 1, 1, 3]);
        assert_eq!(follow(&[(0, 5000), (2, 5000)]), [1, 4]);
    }

    #[test]
    fn a_queue_that_breathes_around_what_they_can_bear_changes_nothing() {
        let breaths: Vec<(u64, u64)> =
            (0..600).map(|second| (second, if second % 30 < 15 { 30 } else { 0 })).collect();
        let story: Vec<(u64, u64)> = [(0, 30), (2, 30)].into_iter().chain(breaths).collect();
        // It starts its third worker once, and the quiet half-minutes are too short to end it.
        assert!(follow(&story)[2..].iter().all(|wanted| *wanted == 3));
    }

    #[test]
    fn workers_too_many_end_one_after_the_other() {
        let story =
            [(0, 40), (2, 40), (10, 0), (69, 0), (70, 0), (71, 0), (130, 0), (131, 0), (191, 0)];
        assert_eq!(follow(&story), [1, 4, 4, 4, 3, 3, 2, 2, 1]);
    }

    #[test]
    fn fewer_may_be_allowed_while_they_run() {
        let mut scale = Scale::new(1, 8, 1, Duration::ZERO);
        let start = Instant::now();
        scale.wanted(100, start);
        assert_eq!(scale.wanted(100, start + PATIENCE), 8);
        scale.set_most(5);
        assert_eq!(scale.wanted(100, start + PATIENCE), 5);
    }
}
