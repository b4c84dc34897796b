//! Whether a sighting is of a later build than the one its race was fixed in.
//!
//! Reports arrive late and out of order (a spool is delivered after an outage), so arrival tells
//! nothing. Two builds whose names are versions (`v1.9.0`, `1.10`) are compared as such: a patch
//! release of an old branch is not a later build. Other names (commits, build IDs) are ordered by
//! when the store first heard of each, in the service of the sighting. In the very build that is
//! said to have the repair, and where a build is not known, the time of the sighting decides: after the
//! closing it speaks against the repair, before it does not.

use jiff::Timestamp;
use std::cmp::Ordering;

/// What is known of a repair and of a sighting that came after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// When somebody said it was fixed.
    pub(crate) closed_at: Timestamp,
    /// In which build, if that was said.
    pub(crate) fixed_in: Option<&'a str>,
    /// When the store first heard of that build, if it did.
    pub(crate) fixed_first_seen: Option<Timestamp>,
    /// The build of the sighting.
    pub(crate) build: Option<&'a str>,
    /// When the store first heard of that build.
    pub(crate) build_first_seen: Option<Timestamp>,
    /// When the race was seen.
    pub(crate) at: Timestamp,
}

impl Question<'_> {
    /// Whether the sighting shows that the repair failed.
    pub(crate) fn is_later(&self) -> bool {
        let after_closing = self.at > self.closed_at;
        let (Some(fixed_in), Some(build)) = (self.fixed_in, self.build) else {
            return after_closing;
        };
        if fixed_in == build {
            return after_closing;
        }
        if let Some(order) = compare_versions(build, fixed_in) {
            return order == Ordering::Greater;
        }
        // A build nobody has heard of yet comes, as far as is known, with the closing.
        let fixed_first_seen = self.fixed_first_seen.unwrap_or(self.closed_at);
        self.build_first_seen.is_some_and(|first_seen| first_seen > fixed_first_seen)
    }
}

/// The order of two builds, if both are named by versions: dotted numbers, a `v` before the first,
/// a pre-release behind `-` (which comes before the release), build metadata behind `+` (which does
/// not count). As in semantic versioning, but with any number of numbers.
pub(crate) fn compare_versions(a: &str, b: &str) -> Option<Ordering> {
    let ((a_numbers, a_pre), (b_numbers, b_pre)) = (version(a)?, version(b)?);
    let length = a_numbers.len().max(b_numbers.len());
    let at = |numbers: &[u64], i: usize| numbers.get(i).copied().unwrap_or(0);
    let numbers = (0..length)
        .map(|i| at(&a_numbers, i).cmp(&at(&b_numbers, i)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal);
    Some(numbers.then_with(|| match (a_pre, b_pre) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(a), Some(b)) => compare_pre_releases(a, b),
    }))
}

fn version(text: &str) -> Option<(Vec<u64>, Option<&str>)> {
    let digits = text.strip_prefix('v');
    let rest = digits.unwrap_or(text);
    let rest = rest.split('+').next().unwrap_or(rest);
    let (numbers, pre) = match rest.split_once('-') {
        Some((numbers, pre)) => (numbers, Some(pre)),
        None => (rest, None),
    };
    // A bare number may as well be a commit: it takes a `v` or a dot to be a version.
    if digits.is_none() && !numbers.contains('.') {
        return None;
    }
    let is_number = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    let numbers = numbers
        .split('.')
        .map(|n| if is_number(n) { n.parse().ok() } else { None })
        .collect::<Option<Vec<u64>>>()?;
    Some((numbers, pre))
}

fn compare_pre_releases(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (a.parse::<u64>(), b.parse::<u64>()) {
                (Ok(a), Ok(b)) => a.cmp(&b),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
                (Err(_), Err(_)) => a.cmp(b),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn versions_are_ordered_as_people_read_them() {
        let ordered = [
            "v0.9.9",
            "1.0.0-alpha",
            "v1.0.0-alpha.1",
            "v1.0.0-rc.2",
            "v1.0.0-rc.10",
            "v1.0.0",
            "v1.9",
            "v1.10.0",
            "v2",
            "2026.11.3",
            "2026.11.21",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(compare_versions(a, b), Some(i.cmp(&j)), "{a} {b}");
            }
        }
        assert_eq!(compare_versions("v1.2", "1.2.0+build5"), Some(Ordering::Equal));
        for other in ["4f2a91c", "1234567", "", "v", "vendor", "1.x", "latest"] {
            assert_eq!(compare_versions(other, "v1.0"), None, "{other}");
        }
    }

    #[test]
    fn builds_that_are_no_versions_are_ordered_by_when_they_were_first_heard_of() {
        let question = Question {
            closed_at: at(100),
            fixed_in: Some("bbb"),
            fixed_first_seen: Some(at(50)),
            build: Some("aaa"),
            build_first_seen: Some(at(40)),
            at: at(200),
        };
        assert!(!question.is_later(), "an older build that still runs");
        let newer = Question { build_first_seen: Some(at(60)), at: at(90), ..question };
        assert!(newer.is_later(), "a later build, even if it was seen before the closing");
        let unheard = Question { fixed_first_seen: None, ..newer };
        assert!(!unheard.is_later(), "the build with the repair is yet to come");
        assert!(Question { build_first_seen: Some(at(101)), ..unheard }.is_later());
    }

    #[test]
    fn an_old_branch_is_no_later_build() {
        let question = Question {
            closed_at: at(100),
            fixed_in: Some("v1.3.0"),
            fixed_first_seen: Some(at(50)),
            build: Some("v1.2.9"),
            build_first_seen: Some(at(150)),
            at: at(200),
        };
        assert!(!question.is_later());
        assert!(Question { build: Some("v1.3.1"), ..question }.is_later());
    }

    #[test]
    fn without_a_build_the_time_of_the_sighting_decides() {
        let question = Question {
            closed_at: at(100),
            fixed_in: None,
            fixed_first_seen: None,
            build: Some("v1"),
            build_first_seen: None,
            at: at(99),
        };
        assert!(!question.is_later());
        assert!(Question { at: at(101), ..question }.is_later());
        let same = Question { fixed_in: Some("v1"), ..question };
        assert!(!same.is_later(), "seen before the closing, delivered after it");
        assert!(Question { at: at(101), ..same }.is_later(), "the build with the repair has it");
    }
}
