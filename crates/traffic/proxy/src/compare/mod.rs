//! What differs between the primary's answer and the mirror's.
//!
//! In: two [`Answer`]s to one request. Out: a [`Comparison`]; and from many of those, told to a
//! [`Learner`], the [`Differing`] worth a person's time. A race that mixes up memory may corrupt an
//! answer and never be reported: the same request, answered by the race build, then says something
//! else. So does every service that puts a time or a random id into its answers, which is why one
//! difference means nothing: the [`Learner`] holds a place back until it was compared often enough
//! to tell a place that differs now and then from one that always does.
//!
//! Pure: no I/O, no clock, no async. Linear in the size of the answers and bounded in memory.
//! Not here: copying requests and waiting for both answers (the mirror), keeping what differs (the
//! binary). A mirror with a database of its own answers differently for good reasons: that is what
//! [`RuleTexts::ignore`], [`RuleTexts::only`] and [`RuleTexts::except`] are for.
//!
//! Start at [`compare`], then `json` (structure), `learn` (noise), `rules` (what not to compare).

mod answer;
mod body;
mod difference;
mod headers;
mod json;
mod learn;
mod path;
mod route;
mod rules;
mod show;
mod times;
mod tree;

pub use answer::{Answer, Head};
pub use difference::{Comparison, Difference, Place, Skip};
pub use learn::{Differing, Figures, Learner, Limits};
pub use route::{Route, RoutePattern};
pub use rules::{RuleTexts, Rules, RulesError, Values};

/// Places reported of one answer; what differs in more differs altogether.
pub const MOST_PLACES: usize = 32;

/// Compares the answers of `primary` and `mirror` to one request.
///
/// What stands further in front says why the rest differs, so a differing status ends the
/// comparison, and so does a differing `content-type`. Whether the route is to be compared at all is
/// [`Rules::wants`]. Exchanging the two answers exchanges the values and changes nothing else.
pub fn compare(rules: &Rules, primary: &Answer, mirror: &Answer) -> Comparison {
    if primary.status != mirror.status {
        if primary.is_unavailable() || mirror.is_unavailable() {
            return Comparison::Skipped(Skip::Unavailable);
        }
        return Comparison::Different(vec![Difference {
            at: Place::Status,
            primary: primary.status.as_u16().to_string(),
            mirror: mirror.status.as_u16().to_string(),
            times: 1,
        }]);
    }
    let mut differences = headers::compare(rules, primary, mirror);
    let is_other_type = differences.iter().any(|difference| difference.at.is_content_type());
    let skipped = if is_other_type {
        None
    } else {
        body::compare(rules, primary, mirror, &mut differences).err()
    };
    differences.truncate(MOST_PLACES);
    match skipped {
        _ if !differences.is_empty() => Comparison::Different(differences),
        Some(skip) => Comparison::Skipped(skip),
        None => Comparison::Same,
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
