//! Findings that share a function are likely one mistake: a map that five methods touch without a lock
//! races in fifteen pairs. So are answers of one route that differ in several places. For a person they are put together; each stays a finding of its own.

use photofinish_model::{AnswerDiff, canonical_function, user_frame};
use photofinish_store::Finding;
use std::collections::BTreeSet;

/// Findings with a function in common, the one that tells most in front.
pub(crate) struct Cause<'a> {
    pub(crate) findings: Vec<&'a Finding>,
}

/// Puts `findings` together by the user's functions at their ends; the order of first members stays.
pub(crate) fn causes(findings: &[Finding]) -> Vec<Cause<'_>> {
    let mut groups: Vec<(BTreeSet<String>, Vec<&Finding>)> = Vec::new();
    for finding in findings {
        let mut ends = ends(finding);
        let mut members = vec![finding];
        let touches = |(theirs, _): &(BTreeSet<String>, Vec<&Finding>)| !theirs.is_disjoint(&ends);
        let (touched, rest): (Vec<_>, Vec<_>) = groups.into_iter().partition(touches);
        let at = rest.len();
        groups = rest;
        let joined = touched.into_iter().fold(
            (BTreeSet::new(), Vec::new()),
            |(mut names, mut all), (theirs, old)| {
                names.extend(theirs);
                all.extend(old);
                (names, all)
            },
        );
        ends.extend(joined.0);
        members.splice(0..0, joined.1);
        groups.insert(at, (ends, members));
    }
    let mut causes: Vec<Cause<'_>> =
        groups.into_iter().map(|(_, findings)| Cause { findings }).collect();
    for cause in &mut causes {
        // Patterns are ordered from the most telling on.
        cause.findings.sort_by_key(|finding| (finding.pattern, std::cmp::Reverse(finding.count)));
    }
    causes
}

fn ends(finding: &Finding) -> BTreeSet<String> {
    let stacks = finding.race.accesses.iter().map(|access| &access.stack);
    let frames = stacks.filter_map(|stack| stack.frames.get(user_frame(stack)?));
    let functions = frames.map(|frame| canonical_function(&frame.function));
    // Answers have no functions, but a route: one shared buffer shows in many of its places.
    let route = AnswerDiff::read(&finding.race.raw).map(|diff| diff.route);
    functions.chain(route).collect()
}
