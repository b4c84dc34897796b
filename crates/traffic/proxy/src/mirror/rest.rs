//! A mirror that refuses, or breaks off on a new connection, is left in peace for a moment.
//!
//! Otherwise every request would open a connection for a copy that has nowhere to go, which costs more
//! processor time than the request itself, and it is the caller's. From 10 ms, doubled with each failure
//! up to a second; one answer ends it.

use std::cell::Cell;
use std::time::{Duration, Instant};

const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);

/// When copies may be sent again.
#[derive(Default)]
pub(crate) struct Rest {
    until: Cell<Option<Instant>>,
    failures: Cell<u32>,
}

impl Rest {
    /// Whether copies are not sent now.
    pub(crate) fn is_on(&self) -> bool {
        self.until.get().is_some_and(|until| Instant::now() < until)
    }

    /// It failed, on a connection of its own.
    pub(crate) fn begin(&self) {
        // Copies that were under way when it began say nothing new.
        if self.is_on() {
            return;
        }
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let pause = SHORTEST.saturating_mul(1 << failures.min(10)).min(LONGEST);
        self.until.set(Some(Instant::now() + pause));
    }

    /// It answered.
    pub(crate) fn over(&self) {
        self.until.set(None);
        self.failures.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_grows_with_failures_up_to_a_second_and_an_answer_ends_it() {
        let rest = Rest::default();
        assert!(!rest.is_on());
        let mut last = Duration::ZERO;
        for _ in 0..12 {
            rest.begin();
            let pause = rest.until.get().unwrap().saturating_duration_since(Instant::now());
            assert!(rest.is_on() && pause <= LONGEST);
            assert!(pause > last || pause > LONGEST / 2, "{last:?} then {pause:?}");
            last = pause;
            rest.until.set(Some(Instant::now()));
        }
        rest.begin();
        rest.over();
        assert!(!rest.is_on());
        rest.begin();
        assert!(rest.until.get().unwrap() <= Instant::now() + SHORTEST);
    }
}
