//! What a few trials allow to be said.
//!
//! Rates get Wilson intervals, which stay honest at 0 of 10 and 10 of 10 where the usual ones claim
//! certainty. Two rates are compared by Fisher's exact test, and their difference gets Newcombe's interval, which is built
//! from the two Wilson ones. Medians get bootstrap intervals. No clock, no I/O; the bootstrap is seeded, so the
//! same trials always print the same figures.

mod bootstrap;
mod fisher;
mod rate;

pub use bootstrap::{Middle, median};
pub use fisher::{fisher, holm};
pub use rate::{Difference, Rate};

/// The quantile of the normal distribution that 95 % intervals are made with.
const Z: f64 = 1.959_963_984_540_054;
