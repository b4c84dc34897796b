//! Recorded traffic as a plan: which request is due when.
//!
//! At the recorded pace a request is due when it arrived, counted from the first one and divided by the
//! speed. That keeps the concurrency it had, as long as the server is as fast as the one that
//! was recorded; a slower one meets more of it, as it would in production.
//!
//! Requests of one recorded connection do not overtake each other, unless they overlapped in the recording
//! (`drive::order`): one that has to wait for another's answer is sent late, and its latency counts from when it
//! was due.

use super::End;
use crate::LoadError;
use photofinish_recording::Index;
use std::sync::Arc;
use std::time::Duration;

/// A recording to be sent again.
#[derive(Clone, Debug)]
pub struct Replay {
    /// What was recorded.
    pub index: Arc<Index>,
    /// How fast.
    pub pace: Pace,
    /// What the `Host` header (`:authority` in HTTP/2) says.
    pub host: HostHeader,
    /// When all is sent, begin again.
    pub repeat: bool,
    /// Requests that come due while this many are unanswered are shed (and counted).
    pub max_in_flight: Option<usize>,
}

/// How fast a recording is sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// As it arrived, but so many times as fast.
    Recorded {
        /// 1: as it was, 2: in half the time.
        speed: f64,
    },
    /// So many requests a second, in the order of their arrival.
    Rate(f64),
    /// As fast as the server answers so many at a time: a closed loop.
    Max {
        /// Requests in flight.
        workers: usize,
    },
}

/// What a replayed request says for host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostHeader {
    /// The server that it is sent to.
    #[default]
    Target,
    /// The one it was recorded with.
    Recorded,
}

impl Replay {
    /// A replay of `index` as it arrived, once.
    pub fn new(index: Index) -> Self {
        Self {
            index: Arc::new(index),
            pace: Pace::Recorded { speed: 1.0 },
            host: HostHeader::Target,
            repeat: false,
            max_in_flight: None,
        }
    }

    /// Whether requests are due at times, rather than when others are answered.
    pub fn is_open(&self) -> bool {
        !matches!(self.pace, Pace::Max { .. })
    }

    /// Requests a second, on average, where the plan says.
    pub fn rate(&self) -> Option<f64> {
        match self.pace {
            Pace::Recorded { speed } => {
                Some(self.len() as f64 * speed / self.pass_length().as_secs_f64())
            }
            Pace::Rate(rate) => Some(rate),
            Pace::Max { .. } => None,
        }
    }

    /// How many requests were recorded.
    pub(crate) fn len(&self) -> u64 {
        self.index.entries().len() as u64
    }

    /// When request `number` is due; numbers go on with the next pass.
    pub(crate) fn due(&self, number: u64) -> Option<Duration> {
        match self.pace {
            Pace::Recorded { speed } => {
                let (pass, at) = (number / self.len(), number % self.len());
                let at = self.index.entries().get(at as usize)?.at;
                let due_s = self.pass_length().as_secs_f64() * pass as f64 + at.as_secs_f64();
                Duration::try_from_secs_f64(due_s / speed).ok()
            }
            Pace::Rate(rate) => Duration::try_from_secs_f64(number as f64 / rate).ok(),
            Pace::Max { .. } => None,
        }
    }

    /// How many requests there are to send, where that is known.
    pub(crate) fn total(&self, end: End) -> Option<u64> {
        let all = (!self.repeat).then(|| self.len());
        let wanted = match end {
            End::Requests(requests) => Some(requests),
            End::After(length) => self.due_before(length),
            End::Stopped => None,
        };
        all.into_iter().chain(wanted).min()
    }

    fn due_before(&self, length: Duration) -> Option<u64> {
        match self.pace {
            Pace::Recorded { speed } => {
                let (length_s, pass_s) = (length.as_secs_f64(), self.pass_length().as_secs_f64());
                let passes = (length_s * speed / pass_s).floor();
                let rest_s = length_s * speed - passes * pass_s;
                let begun = self.index.entries().partition_point(|e| e.at.as_secs_f64() < rest_s);
                Some((passes as u64).saturating_mul(self.len()).saturating_add(begun as u64))
            }
            Pace::Rate(rate) => Some((length.as_secs_f64() * rate - 1e-6).ceil().max(0.0) as u64),
            Pace::Max { .. } => None,
        }
    }

    /// From the first request of one pass to the first of the next, at the recorded speed: until
    /// the last answer, and no less than requests are apart on average.
    fn pass_length(&self) -> Duration {
        let entries = self.index.entries();
        let last = entries.last().map_or(Duration::ZERO, |entry| entry.at);
        let gaps = u32::try_from(entries.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let gap = last.checked_div(gaps).unwrap_or_default();
        self.index.span().max(last + gap).max(Duration::from_millis(1))
    }

    pub(crate) fn check(&self) -> Result<(), LoadError> {
        let wrong = |problem: &str| Err(LoadError::Plan { problem: problem.to_owned() });
        let is_number = |number: f64| number.is_finite() && number > 0.0;
        if self.len() == 0 {
            return wrong("the recording has no request in it");
        }
        match self.pace {
            Pace::Recorded { speed } if !is_number(speed) => wrong("a speed is above nothing"),
            Pace::Rate(rate) if !is_number(rate) => wrong("a rate is above nothing"),
            Pace::Max { workers: 0 } => wrong("a closed loop needs a worker"),
            Pace::Max { workers } if workers > 1_000_000 => wrong("more than a million workers"),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
