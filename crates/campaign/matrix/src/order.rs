//! Which trial follows which.
//!
//! In rounds: each cell once, in an order of its own in each round, so that whatever the machine does meanwhile (another
//! program, heat, a disk that fills) hits all cells alike.

/// The trials of `cells` cells, as (cell, number of the trial), `trials` each.
pub(crate) fn order(cells: usize, trials: u32, seed: u64) -> Vec<(usize, u32)> {
    let mut all = Vec::new();
    for round in 0..trials {
        let mut cells: Vec<usize> = (0..cells).collect();
        // Of the round and not of the rounds before, so that a matrix that goes on keeps its order.
        fastrand::Rng::with_seed(seed.wrapping_add(u64::from(round))).shuffle(&mut cells);
        all.extend(cells.into_iter().map(|cell| (cell, round)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_its_turn_in_each_round_and_rounds_differ() {
        let all = order(6, 4, 1);
        assert_eq!(all, order(6, 4, 1));
        assert_eq!(order(6, 5, 1)[..24], all);
        let rounds: Vec<Vec<usize>> =
            all.chunks(6).map(|round| round.iter().map(|(cell, _)| *cell).collect()).collect();
        for (n, round) in rounds.iter().enumerate() {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5], "round {n}");
        }
        assert!(rounds[0] != rounds[1] || rounds[1] != rounds[2]);
    }
}
