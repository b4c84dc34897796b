//! A distribution of times: microseconds, three significant digits, up to an hour.

use hdrhistogram::Histogram;
use std::time::Duration;

/// Longer times are counted as this long.
const MAX_US: u64 = 3_600_000_000;

/// How long things took.
#[derive(Clone, Debug)]
pub struct Latencies {
    histogram: Option<Histogram<u64>>,
}

impl Latencies {
    /// An empty distribution.
    pub fn new() -> Self {
        // It grows with the longest time: 16 kB for fast answers, 180 kB for an hour. Three
        // digits are allowed, so there always is a histogram.
        Self { histogram: Histogram::new(3).ok() }
    }

    /// Takes one more time in.
    pub fn record(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(MAX_US).min(MAX_US);
        if let Some(histogram) = &mut self.histogram {
            // It has grown to MAX_US at most, which is far from where recording fails.
            let _ = histogram.record(us);
        }
    }

    /// Takes in all that `other` has.
    pub fn merge(&mut self, other: &Self) {
        if let (Some(into), Some(other)) = (&mut self.histogram, &other.histogram)
            && !other.is_empty()
        {
            // Both have the same digits and grow: this cannot fail.
            let _ = into.add(other);
        }
    }

    /// Forgets everything, keeps its memory.
    pub fn clear(&mut self) {
        if let Some(histogram) = self.histogram.as_mut().filter(|histogram| !histogram.is_empty()) {
            histogram.reset();
        }
    }

    /// How many times were recorded.
    pub fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// The time that a share `quantile` (0 to 1) of all did not exceed; 0 of nothing.
    pub fn quantile(&self, quantile: f64) -> Duration {
        self.us(|histogram| histogram.value_at_quantile(quantile))
    }

    /// The longest.
    pub fn max(&self) -> Duration {
        self.us(Histogram::max)
    }

    /// The mean.
    pub fn mean(&self) -> Duration {
        let mean = self.histogram.as_ref().map_or(0.0, Histogram::mean);
        Duration::try_from_secs_f64(mean / 1e6).unwrap_or_default()
    }

    fn us(&self, value: impl Fn(&Histogram<u64>) -> u64) -> Duration {
        Duration::from_micros(self.histogram.as_ref().map_or(0, value))
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(times_us: &[u64]) -> Latencies {
        let mut all = Latencies::new();
        times_us.iter().for_each(|us| all.record(Duration::from_micros(*us)));
        all
    }

    #[test]
    fn nothing_recorded_is_zero_and_a_day_is_an_hour() {
        assert_eq!(of(&[]).quantile(0.99), Duration::ZERO);
        let day = of(&[86_400_000_000]);
        assert!(day.max() >= Duration::from_secs(3590) && day.count() == 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn percentiles_merged_over_cores_are_those_of_the_union(
            cores in proptest::collection::vec(
                proptest::collection::vec(0_u64..4_000_000_000, 0..200), 1..5),
        ) {
            let mut merged = Latencies::new();
            cores.iter().for_each(|core| merged.merge(&of(core)));
            let union: Vec<u64> = cores.concat();
            let whole = of(&union);
            prop_assert_eq!(merged.count(), union.len() as u64);
            for quantile in [0.0, 0.5, 0.9, 0.95, 0.99, 0.999, 0.9999, 1.0] {
                prop_assert_eq!(merged.quantile(quantile), whole.quantile(quantile));
            }
            prop_assert_eq!(merged.max(), whole.max());
            prop_assert_eq!(merged.mean(), whole.mean());
        }

        #[test]
        fn a_percentile_is_within_a_thousandth_of_the_exact_one(
            mut times in proptest::collection::vec(1_u64..3_000_000_000, 1..300),
            quantile in 0.0_f64..1.0,
        ) {
            let told = of(&times).quantile(quantile).as_micros() as f64;
            times.sort_unstable();
            let rank = ((quantile * times.len() as f64).ceil() as usize).clamp(1, times.len());
            let exact = times[rank - 1] as f64;
            prop_assert!((told - exact).abs() <= exact * 0.001 + 1.0, "{} for {}", told, exact);
        }
    }
}
