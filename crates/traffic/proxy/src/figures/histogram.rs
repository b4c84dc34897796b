//! Times counted by many threads at once, without a lock.
//!
//! Buckets are log-linear as in HdrHistogram: 32 to each power of two, so a quantile is right within
//! 3.2 %. A count is one relaxed addition, whoever reads sees counts that may be a few requests apart.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// log2 of the buckets in a power of two.
const FINE: u32 = 5;
/// Buckets up to 2^36 microseconds, about 19 hours; longer times count there.
const BUCKETS: usize = ((36 - FINE as usize) + 1) << FINE;

/// Times, counted.
pub(crate) struct Histogram {
    buckets: Box<[AtomicU64]>,
    /// Of all times, in microseconds.
    sum: AtomicU64,
    /// The longest, in microseconds.
    max: AtomicU64,
}

/// What a [`Histogram`] held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    counts: Vec<u64>,
    sum: u64,
    max: u64,
}

impl Histogram {
    pub(crate) fn new() -> Histogram {
        Histogram {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
            max: AtomicU64::new(0),
        }
    }

    pub(crate) fn count(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX).min(1 << 36);
        let at = index(micros).min(BUCKETS - 1);
        self.buckets[at].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(micros, Ordering::Relaxed);
        if micros > self.max.load(Ordering::Relaxed) {
            self.max.fetch_max(micros, Ordering::Relaxed);
        }
    }

    pub(crate) fn times(&self) -> Times {
        Times {
            counts: self.buckets.iter().map(|count| count.load(Ordering::Relaxed)).collect(),
            sum: self.sum.load(Ordering::Relaxed),
            max: self.max.load(Ordering::Relaxed),
        }
    }
}

impl Times {
    /// How many.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All of them together.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum)
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        Duration::from_micros(self.max)
    }

    /// The time that `quantile` (between 0 and 1) of them do not exceed, within 3.2 %; zero of none.
    pub fn quantile(&self, quantile: f64) -> Duration {
        let wanted = (quantile.clamp(0.0, 1.0) * self.count() as f64).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= wanted {
                return Duration::from_micros(highest(at).min(self.max));
            }
        }
        Duration::ZERO
    }

    /// How many took at most `limit`, bucket by bucket (for Prometheus).
    pub fn at_most(&self, limit: Duration) -> u64 {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
        self.counts
            .iter()
            .enumerate()
            .take_while(|(at, _)| highest(*at) <= micros)
            .map(|(_, count)| count)
            .sum()
    }

    /// What was counted since `earlier`. The longest is that of all time.
    pub fn since(&self, earlier: &Times) -> Times {
        let counts = self.counts.iter().enumerate().map(|(at, count)| {
            count.saturating_sub(earlier.counts.get(at).copied().unwrap_or_default())
        });
        Times { counts: counts.collect(), sum: self.sum.saturating_sub(earlier.sum), max: self.max }
    }
}

/// The bucket of a time in microseconds.
fn index(micros: u64) -> usize {
    if micros < 1 << FINE {
        return micros as usize;
    }
    let power = 63 - micros.leading_zeros();
    let within = (micros >> (power - FINE)) as usize & ((1 << FINE) - 1);
    (((power - FINE) as usize + 1) << FINE) + within
}

/// The largest time of a bucket, in microseconds.
fn highest(at: usize) -> u64 {
    if at < 1 << FINE {
        return at as u64;
    }
    let power = (at >> FINE) as u32 - 1;
    let within = (at & ((1 << FINE) - 1)) as u64;
    (((1 << FINE) + within + 1) << power) - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quantiles_are_right_within_a_bucket() {
        let histogram = Histogram::new();
        for micros in 1..=100_000 {
            histogram.count(Duration::from_micros(micros));
        }
        let times = histogram.times();
        assert_eq!(times.count(), 100_000);
        for (quantile, truth) in [(0.5, 50_000.0), (0.99, 99_000.0), (1.0, 100_000.0)] {
            let got = times.quantile(quantile).as_micros() as f64;
            assert!((got - truth).abs() / truth < 0.032, "{quantile}: {got}");
        }
        assert_eq!(times.quantile(1.0), times.max());
    }

    #[test]
    fn nothing_has_no_quantiles() {
        assert_eq!(Histogram::new().times().quantile(0.99), Duration::ZERO);
    }

    #[test]
    fn a_time_beyond_all_buckets_is_counted_in_the_last() {
        let histogram = Histogram::new();
        histogram.count(Duration::MAX);
        assert_eq!(histogram.times().count(), 1);
    }

    proptest! {
        #[test]
        fn a_time_lies_in_its_bucket(micros in 0_u64..1 << 36) {
            let at = index(micros);
            prop_assert!(micros <= highest(at));
            prop_assert!(at == 0 || micros > highest(at - 1));
        }
    }
}
