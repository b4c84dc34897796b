//! Whether two rates differ by more than chance: Fisher's exact test, and Holm's correction for asking often.
//!
//! Sources: R. A. Fisher, J. R. Stat. Soc. 85 (1922) 87, two-sided by the sum of all tables that are no more probable than the
//! one seen (as R's `fisher.test`); S. Holm, Scand. J. Stat. 6 (1979) 65.

use super::Rate;

/// The probability of rates at least as far apart, if there is no difference. 1 where one of them is of nothing.
pub fn fisher(a: Rate, b: Rate) -> f64 {
    let (n, hits) = (a.n + b.n, a.hits + b.hits);
    if a.n == 0 || b.n == 0 {
        return 1.0;
    }
    let logs = log_factorials(n);
    let log_choose = |n: u32, k: u32| logs[n as usize] - logs[k as usize] - logs[(n - k) as usize];
    let whole = log_choose(n, hits);
    let of = |x: u32| (log_choose(a.n, x) + log_choose(b.n, hits - x) - whole).exp();
    let seen = of(a.hits);
    let all = hits.saturating_sub(b.n)..=hits.min(a.n);
    // Tables of the same probability differ by rounding.
    let sum: f64 = all.map(of).filter(|p| *p <= seen * (1.0 + 1e-7)).sum();
    sum.min(1.0)
}

/// The same probabilities, each made larger for all of them having been asked for together.
pub fn holm(ps: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ps.len()).collect();
    order.sort_by(|a, b| ps[*a].total_cmp(&ps[*b]));
    let mut corrected = vec![1.0; ps.len()];
    let mut largest: f64 = 0.0;
    for (rank, index) in order.into_iter().enumerate() {
        largest = largest.max(ps[index] * (ps.len() - rank) as f64).min(1.0);
        corrected[index] = largest;
    }
    corrected
}

fn log_factorials(n: u32) -> Vec<f64> {
    let mut logs = vec![0.0];
    let mut sum = 0.0;
    for i in 1..=n {
        sum += f64::from(i).ln();
        logs.push(sum);
    }
    logs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_those_of_exact_fractions() {
        // Summed in exact fractions by another program.
        for (a, n, b, m, p) in [
            (3, 4, 1, 4, 0.485_714_3),
            (0, 10, 10, 10, 1.082_509e-5),
            (5, 10, 5, 10, 1.0),
            (8, 10, 2, 10, 0.023_014_1),
            (42, 100, 16, 100, 8.097_455e-5),
        ] {
            let told = fisher(Rate { hits: a, n }, Rate { hits: b, n: m });
            assert!((told - p).abs() <= p * 1e-4, "{a}/{n} {b}/{m}: {told}");
        }
        assert_eq!(fisher(Rate::default(), Rate { hits: 1, n: 1 }), 1.0);
    }

    #[test]
    fn asking_often_makes_each_answer_weaker() {
        let told = holm(&[0.01, 0.04, 0.03]);
        let expected = [0.03, 0.06, 0.06];
        assert!(told.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{told:?}");
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }
}
