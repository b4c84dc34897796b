//! How often something happened, and how sure that is.
//!
//! Sources: E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209; R. G. Newcombe, Statistics in Medicine 17 (1998) 873, method 10.

use super::Z;

/// `hits` of `n` trials.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// In how many it happened.
    pub hits: u32,
    /// Of how many.
    pub n: u32,
}

/// How far two rates are apart: the second minus the first, with a 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// Of the rates as seen.
    pub seen: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Rate {
    /// The share as seen; `None` of nothing.
    pub fn share(self) -> Option<f64> {
        (self.n > 0).then(|| f64::from(self.hits) / f64::from(self.n))
    }

    /// Wilson's 95 % interval; everything is possible where nothing was tried.
    pub fn interval(self) -> (f64, f64) {
        let Some(share) = self.share() else { return (0.0, 1.0) };
        let n = f64::from(self.n);
        let z2 = Z * Z;
        let middle = share + z2 / (2.0 * n);
        let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
        let whole = 1.0 + z2 / n;
        // At 0 and 1 the ends are exact; what is left is rounding.
        let low = if self.hits == 0 { 0.0 } else { ((middle - half) / whole).max(0.0) };
        let high = if self.hits == self.n { 1.0 } else { ((middle + half) / whole).min(1.0) };
        (low, high)
    }

    /// How far `other` is from this one; `None` where one of them is of nothing.
    pub fn difference(self, other: Rate) -> Option<Difference> {
        let (first, second) = (self.share()?, other.share()?);
        let ((low_1, high_1), (low_2, high_2)) = (self.interval(), other.interval());
        let seen = second - first;
        let low = seen - (second - low_2).hypot(high_1 - first);
        let high = seen + (high_2 - second).hypot(first - low_1);
        Some(Difference { seen, low: low.max(-1.0), high: high.min(1.0) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 5e-5
    }

    #[test]
    fn intervals_are_those_of_the_papers() {
        // Newcombe's table of single proportions: 81/263, 15/148, 0/20, 1/29.
        for (hits, n, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let (l, h) = Rate { hits, n }.interval();
            assert!(close(l, low) && close(h, high), "{hits}/{n}: {l} {h}");
        }
        // His table of differences, method 10: 56/70 - 48/80 and 0/10 against 10/10.
        let d = Rate { hits: 48, n: 80 }.difference(Rate { hits: 56, n: 70 }).unwrap();
        assert!(close(d.seen, 0.2) && close(d.low, 0.0524) && close(d.high, 0.3339), "{d:?}");
        let d = Rate { hits: 0, n: 10 }.difference(Rate { hits: 10, n: 10 }).unwrap();
        assert!(close(d.low, 0.6075) && close(d.high, 1.0), "{d:?}");
    }

    #[test]
    fn nothing_tried_says_nothing() {
        let none = Rate::default();
        assert_eq!((none.share(), none.interval()), (None, (0.0, 1.0)));
        assert_eq!(none.difference(Rate { hits: 1, n: 1 }), None);
    }

    proptest::proptest! {
        #[test]
        fn a_rate_lies_in_its_interval_and_turning_a_comparison_round_turns_its_sign(
            n in 1_u32..500, m in 1_u32..500, a in 0.0_f64..=1.0, b in 0.0_f64..=1.0,
        ) {
            let rate = |share: f64, n: u32| Rate { hits: (share * f64::from(n)) as u32, n };
            let (one, two) = (rate(a, n), rate(b, m));
            let (low, high) = one.interval();
            let share = one.share().unwrap();
            proptest::prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            let there = one.difference(two).unwrap();
            let back = two.difference(one).unwrap();
            proptest::prop_assert!((there.low + back.high).abs() < 1e-12);
            proptest::prop_assert!(there.low <= there.seen && there.seen <= there.high);
        }
    }
}
