//! Whether and when a program that ended is started again.
//!
//! The default starts again what crashed and passes on how everything else ended: a job that
//! is done, with status 0 or 66, must not be done twice. Pauses double, with jitter so that a
//! fleet does not come back as one, and end: whoever runs us may know better than a loop.

use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;
use std::time::Duration;

/// When a program that ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Never: its status is ours.
    No,
    /// After a crash: a fatal error or panic of the Go runtime, or a signal that we did not send.
    #[default]
    OnCrash,
    /// After any status but 0.
    OnFailure,
    /// Whatever happened.
    Always,
}

/// A word that names no restart policy.
#[derive(Debug, Clone, thiserror::Error)]
#[error("`{0}` is no restart policy; one of: no, on-crash, on-failure, always")]
pub struct UnknownRestart(String);

impl FromStr for Restart {
    type Err = UnknownRestart;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Ok(match word {
            "no" => Restart::No,
            "on-crash" => Restart::OnCrash,
            "on-failure" => Restart::OnFailure,
            "always" => Restart::Always,
            _ => return Err(UnknownRestart(word.to_owned())),
        })
    }
}

impl fmt::Display for Restart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Restart::No => "no",
            Restart::OnCrash => "on-crash",
            Restart::OnFailure => "on-failure",
            Restart::Always => "always",
        })
    }
}

/// Bad ends in a row, and the pause that follows from them.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    most: u32,
    first: Duration,
    longest: Duration,
    in_a_row: u32,
}

/// A program that ran this long was well.
const WELL: Duration = Duration::from_secs(60);

impl Backoff {
    pub(super) fn new(most: u32, first: Duration, longest: Duration) -> Backoff {
        Backoff { most, first, longest, in_a_row: 0 }
    }

    /// The pause before the next start, or `None` if there shall be none. A program that ended
    /// well is started again after the first pause.
    pub(super) fn next(&mut self, bad: bool, ran: Duration) -> Option<Duration> {
        if !bad || ran >= WELL {
            self.in_a_row = 0;
        }
        if bad {
            self.in_a_row += 1;
            if self.in_a_row > self.most {
                return None;
            }
        }
        let doubled = 1u32.checked_shl(self.in_a_row.saturating_sub(1)).unwrap_or(u32::MAX);
        let pause = self.first.saturating_mul(doubled).min(self.longest);
        // Up to a quarter more.
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        Some(pause + pause.mul_f64((random % 1024) as f64 / 4096.0))
    }

    pub(super) fn in_a_row(&self) -> u32 {
        self.in_a_row
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;
    use std::time::Duration;

    #[test]
    fn pauses_double_and_end() {
        let mut backoff = Backoff::new(3, Duration::from_secs(1), Duration::from_secs(60));
        let pauses: Vec<_> =
            (0..4).map(|_| backoff.next(true, Duration::ZERO).map(|p| p.as_secs())).collect();
        assert_eq!(pauses[0], Some(1));
        assert!(matches!(pauses[1], Some(2)) && matches!(pauses[2], Some(4 | 5)), "{pauses:?}");
        assert_eq!(pauses[3], None);
    }

    #[test]
    fn pauses_grow_no_longer_than_they_may() {
        let longest = Duration::from_millis(1_500);
        let mut backoff = Backoff::new(u32::MAX, Duration::from_secs(1), longest);
        // With its jitter.
        let pauses = (0..100).filter_map(|_| backoff.next(true, Duration::ZERO));
        assert!(pauses.max().is_some_and(|pause| pause <= longest + longest / 4));
    }

    #[test]
    fn a_program_that_was_well_for_a_while_begins_anew() {
        let mut backoff = Backoff::new(1, Duration::from_secs(1), Duration::from_secs(60));
        assert!(backoff.next(true, Duration::ZERO).is_some());
        assert!(backoff.next(true, Duration::from_secs(61)).is_some());
        assert!(backoff.next(true, Duration::ZERO).is_none());
    }
}
