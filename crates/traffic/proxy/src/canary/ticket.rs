//! Numbers spread evenly over all of `u64`, so that a share of them is exact after few requests.
//!
//! Multiples of 2^64 divided by the golden ratio (Weyl's sequence): any stretch of them is spread as evenly
//! as can be, and unlike "every 50th" it keeps no step with callers who repeat themselves.

use std::sync::atomic::{AtomicU64, Ordering};

/// 2^64 / golden ratio, made odd.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A sequence shared by all threads.
#[derive(Default)]
pub(crate) struct Tickets(AtomicU64);

impl Tickets {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(STEP, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Share;

    #[test]
    fn a_share_of_the_tickets_is_exact_within_a_few_requests() {
        for ppm in [1_000, 20_000, 333_333, 999_000] {
            let tickets = Tickets::default();
            let share = Share::ppm(ppm);
            let mut chosen = 0_u64;
            for n in 1..=100_000_u64 {
                chosen += u64::from(share.holds(tickets.next()));
                let due = n as f64 * share.as_fraction();
                assert!((chosen as f64 - due).abs() < 4.0, "{ppm} ppm: {chosen} of {n}");
            }
        }
    }
}
