//! Which way found which finding of a hunt, and when: a row for each finding, a column for each way.

use super::short_id;
use super::style::{BOLD, DIM, clean, paint, shorten};
use photofinish_hunt::{Outcome, SeenFinding, Variant};
use photofinish_store::Finding;

/// Columns for a finding's name, where the terminal does not say.
const NAME: usize = 48;

/// The table, if more than one way looked.
pub(super) fn table(outcome: &Outcome, findings: &[Finding]) -> String {
    let ways = ways(outcome);
    if ways.len() < 2 || findings.is_empty() {
        return String::new();
    }
    let mut head = format!("{:<10}{:<NAME$}", "FOUND BY", "");
    for way in &ways {
        head += &format!("{:>10}", way.word());
    }
    let mut text = format!("{}\n", paint(DIM, &head));
    for finding in findings {
        let seen = outcome.findings.iter().find(|seen| seen.fingerprint == finding.fingerprint);
        let name = shorten(&clean(&finding.title), NAME - 2);
        text += &format!("{:<10}{name:<NAME$}", short_id(finding));
        let first = seen.and_then(|seen| seen.by.iter().map(|by| by.first_after).min());
        for way in &ways {
            let at = seen.and_then(|seen| seen_after(seen, *way));
            let cell = at.map_or_else(|| "-".to_owned(), |at| format!("{:.1} s", at.as_secs_f64()));
            let cell = format!("{cell:>10}");
            // Who was the first.
            text += &if at.is_some() && at == first { paint(BOLD, &cell) } else { cell };
        }
        text.push('\n');
    }
    text + "\n"
}

/// Who looked, in the order of the table of builds.
fn ways(outcome: &Outcome) -> Vec<Variant> {
    let mut ways: Vec<Variant> = outcome.variants.iter().map(|each| each.variant).collect();
    if outcome.catch.as_ref().is_some_and(|catch| !catch.looked.is_zero()) {
        ways.push(Variant::Catch);
    }
    if outcome.jobs.is_some() {
        ways.push(Variant::Jobs);
    }
    ways
}

fn seen_after(seen: &SeenFinding, way: Variant) -> Option<std::time::Duration> {
    seen.by.iter().find(|by| by.variant == way).map(|by| by.first_after)
}
