//! Which job goes to the race build's workers: exactly one of each N, at a place that changes.
//!
//! "Every tenth" would keep step with producers that repeat themselves: of two kinds of jobs pushed in
//! turn, every tenth is always of the same kind, and the other is never looked at. So positions are
//! taken in blocks of N, and each block gives one job, whose place in the block is the block's number
//! times the golden ratio. The share is exact, and the same position gives the same answer before and
//! after a crash, in every replica, in Lua and in SQL: the arithmetic stays below 2^53, as far as a
//! Lua number is exact.
//!
//! Where jobs of one key have to stay together, the key decides instead ([`pick_key`]).
//!
//! Start at [`pick`]; [`SQL`] is the same for Postgres, and `redis/rule.lua` for Redis.

use sha1::{Digest, Sha1};

/// The largest N; beyond it a Lua number is no longer exact.
pub(crate) const LARGEST: u32 = 1_000_000;

/// 2^32 divided by the golden ratio, to the nearest prime (Knuth, TAOCP 3, 6.4).
const GOLDEN: u64 = 2_654_435_761;

/// Blocks after which the places repeat.
const PERIOD: u64 = 1 << 20;

/// [`pick`] as an expression over the `bigint`s `position` and `every`.
pub(crate) const SQL: &str = "position % every = \
    (((position / every) % 1048576) * 2654435761 % 4294967296) * every / 4294967296";

/// Whether the job at `position` (from 0) is the one of its block of `every`; never where `every` is 0.
pub fn pick(position: u64, every: u32) -> bool {
    let every = u64::from(every);
    if every == 0 {
        return false;
    }
    let spread = (position / every % PERIOD) * GOLDEN % (1 << 32);
    position % every == (spread * every) >> 32
}

/// Whether the jobs of this key are chosen: one of each N keys, by the first 32 bits of its SHA-1, which is the hash that
/// Redis has too (`redis/rule.lua`); never where `every` is 0.
pub(crate) fn pick_key(key: &[u8], every: u32) -> bool {
    let hash = Sha1::digest(key).iter().take(4).fold(0, |hash, byte| hash << 8 | u32::from(*byte));
    every > 0 && hash.is_multiple_of(every)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_block_gives_exactly_one(block in 0_u64..1 << 40, every in 1_u32..1000) {
            let first = block * u64::from(every);
            let picked = (first..first + u64::from(every)).filter(|at| pick(*at, every)).count();
            prop_assert_eq!(picked, 1);
        }

        #[test]
        fn the_largest_n_is_still_a_place_in_the_block(block in 0_u64..1 << 20) {
            let every = u64::from(LARGEST);
            let spread = (block % PERIOD) * GOLDEN % (1 << 32);
            prop_assert!(spread * every < 1 << 53);
            prop_assert!((spread * every) >> 32 < every);
        }
    }

    #[test]
    fn kinds_of_jobs_that_come_in_turn_all_get_their_share() {
        // Ten kinds in turn, one job of ten: "every tenth" would see one kind only.
        let mut seen = [0; 10];
        for position in (0..10_000_u64).filter(|position| pick(*position, 10)) {
            seen[usize::try_from(position % 10).unwrap()] += 1;
        }
        assert_eq!(seen.iter().sum::<u32>(), 1000);
        assert!(seen.iter().all(|kind| (95..=105).contains(kind)), "{seen:?}");
    }

    #[test]
    fn of_many_keys_about_one_of_each_n_is_chosen() {
        let picked = (0..10_000).filter(|n| pick_key(format!("tenant-{n}").as_bytes(), 10)).count();
        assert!((900..1100).contains(&picked), "{picked}");
        // `printf tenant-7 | sha1sum` begins with d9330c7d, 3644001405.
        assert!(pick_key(b"tenant-7", 5) && !pick_key(b"tenant-7", 10));
        assert!(pick_key(b"a", 1) && !pick_key(b"a", 0));
    }

    #[test]
    fn one_is_all_and_none_is_none() {
        assert!((0..100).all(|position| pick(position, 1)));
        assert!((0..100).all(|position| !pick(position, 0)));
    }
}
