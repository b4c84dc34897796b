//! The median of a few values, and how sure that is: a percentile bootstrap.
//!
//! Source: B. Efron, Ann. Stat. 7 (1979) 1. With fewer than about six values the interval is hardly more than the smallest and
//! the largest; how many there are is always printed beside it.

/// How often is drawn again.
const DRAWS: usize = 4_000;

/// The middle of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Middle {
    /// The median.
    pub median: f64,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Of how many values.
    pub n: usize,
}

/// The median of `values` with its interval; `None` of nothing.
pub fn median(values: &[f64], seed: u64) -> Option<Middle> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = middle(&sorted)?;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut medians: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let mut drawn: Vec<f64> =
                sorted.iter().map(|_| sorted[random.usize(..sorted.len())]).collect();
            drawn.sort_by(f64::total_cmp);
            middle(&drawn)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| medians[((DRAWS - 1) as f64 * share).round() as usize];
    Some(Middle { median, low: at(0.025), high: at(0.975), n: sorted.len() })
}

fn middle(sorted: &[f64]) -> Option<f64> {
    let half = sorted.len() / 2;
    match (sorted.len() % 2, sorted.len()) {
        (_, 0) => None,
        (1, _) => Some(sorted[half]),
        _ => Some(f64::midpoint(sorted[half - 1], sorted[half])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_values_always_get_the_same_interval_around_their_median() {
        let values = [9.0, 1.0, 5.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0, 10.0];
        let middle = median(&values, 1).unwrap();
        assert_eq!(middle, median(&values, 1).unwrap());
        assert_eq!((middle.median, middle.n), (5.5, 10));
        // The order statistics that bound 95 % of the medians of ten values are the 2nd and 9th.
        assert!(
            (2.0..4.0).contains(&middle.low) && (7.0..=9.0).contains(&middle.high),
            "{middle:?}"
        );
    }

    #[test]
    fn one_value_is_its_own_interval_and_none_has_none() {
        let one = median(&[3.0], 7).unwrap();
        assert_eq!((one.median, one.low, one.high, one.n), (3.0, 3.0, 3.0, 1));
        assert_eq!(median(&[], 7), None);
    }
}
