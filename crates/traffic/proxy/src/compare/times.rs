//! Times that both builds took from the clock: told by their look, and equal if close.
//!
//! A time in whole seconds differs only when a second passes between the two answers: rarely, that
//! is, which is just how a race looks. So near times are the same unless the rules say otherwise.

use jiff::Timestamp;
use serde_json::Number;
use std::time::Duration;

/// 2001 to 2065, in seconds since 1970.
const PLAUSIBLE: std::ops::Range<i128> = 1_000_000_000..3_000_000_000;

/// Both are RFC 3339 times, at most `within` apart.
pub(super) fn are_near_texts(ours: &str, theirs: &str, within: Duration) -> bool {
    match (time_of(ours), time_of(theirs)) {
        (Some(ours), Some(theirs)) => ours.duration_since(theirs).unsigned_abs() <= within,
        _ => false,
    }
}

/// Both are integers of one unit since 1970, at most `within` apart.
pub(super) fn are_near_numbers(ours: &Number, theirs: &Number, within: Duration) -> bool {
    let integer = |number: &Number| number.as_u64().map(i128::from);
    let (Some(ours), Some(theirs)) = (integer(ours), integer(theirs)) else { return false };
    [1, 1_000, 1_000_000, 1_000_000_000_i128].into_iter().any(|unit| {
        let apart = (ours - theirs).unsigned_abs() * (1_000_000_000 / unit.unsigned_abs());
        PLAUSIBLE.contains(&(ours / unit))
            && PLAUSIBLE.contains(&(theirs / unit))
            && apart <= within.as_nanos()
    })
}

fn time_of(text: &str) -> Option<Timestamp> {
    // "2026-11-22T02:00:00Z" is the shortest.
    let has_look = (20..=40).contains(&text.len()) && text.as_bytes().get(4) == Some(&b'-');
    if has_look { text.parse().ok() } else { None }
}
