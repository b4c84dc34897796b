//! One finding as text: the race, what is known of its sightings, what was decided, and what to do next.

use super::race::{accesses, explanation};
use super::stack::View;
use super::style::{BOLD, CYAN, DIM, ago, clean, minute, of_state, paint, times};
use super::table::short_id;
use jiff::Timestamp;
use photofinish_store::{Change, Finding, Seen, State};

/// Builds, hosts and services shown.
const PLACES: usize = 8;

/// `finding` for a person.
pub(crate) fn finding_text(finding: &Finding, view: &mut View, now: Timestamp) -> String {
    let race = &finding.race;
    let mut text = format!("{}  {}\n", paint(BOLD, &clean(&race.headline)), clean(&finding.title));
    text.push_str(&format!(
        "{} · {} · {} · seen {}, last {}\n",
        paint(BOLD, finding.fingerprint.as_str()),
        paint(of_state(finding.state), finding.state.word()),
        paint(CYAN, finding.pattern.word()),
        times(finding.count),
        ago(finding.last_seen, now),
    ));
    if finding.light_only && !race.light {
        text.push_str("seen only by a --light build: confirm in a full build\n");
    }
    text.push('\n');
    text.push_str(&explanation(race, finding.pattern, view.width));
    text.push('\n');
    text.push_str(&accesses(race, view));
    text.push('\n');
    text.push_str(&facts(finding));
    text.push_str(&history(&finding.history));
    text.push_str(&format!("\n{}\n", next_step(finding)));
    text
}

/// What to type next.
pub(crate) fn next_step(finding: &Finding) -> String {
    let id = short_id(finding);
    let command = |rest: &str| paint(BOLD, &format!("photofinish findings {rest}"));
    match finding.state {
        State::New | State::Regressed => {
            format!("next: {}", command(&format!("ack {id} --why '…'")))
        }
        State::Acknowledged => {
            format!("once repaired: {}", command(&format!("close {id} --fixed-in BUILD")))
        }
        State::Fixed => match &finding.fixed_in {
            Some(build) => format!(
                "watched: a sighting in a build later than {} reopens it as regressed",
                clean(build)
            ),
            None => "watched: another sighting reopens it as regressed".to_owned(),
        },
        State::Suppressed => {
            format!("to hear of it again: {}", command(&format!("reopen {id} --why '…'")))
        }
    }
}

fn facts(finding: &Finding) -> String {
    let mut text = String::new();
    let mut fact = |label: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{}  {value}\n", paint(DIM, &format!("{label:>9}"))));
        }
    };
    let assigned = if finding.owners_assigned { " (assigned)" } else { "" };
    let owners = clean(&finding.owners.join(" "));
    fact("owner", if owners.is_empty() { owners } else { format!("{owners}{assigned}") });
    fact("seen", format!("{} to {}", minute(finding.first_seen), minute(finding.last_seen)));
    let by: Vec<String> =
        finding.sources.iter().map(|(source, count)| format!("{source} {count}")).collect();
    fact("by", by.join(", "));
    fact("services", places(&finding.services));
    fact("builds", places(&finding.builds));
    fact("hosts", places(&finding.hosts));
    fact("fixed in", finding.fixed_in.as_deref().map(clean).unwrap_or_default());
    fact("muted", finding.muted_until.map(|t| format!("until {}", minute(t))).unwrap_or_default());
    text
}

fn places(seen: &[Seen]) -> String {
    let mut parts: Vec<String> = seen
        .iter()
        .rev()
        .take(PLACES)
        .map(|seen| format!("{} {}", clean(&seen.name), paint(DIM, &format!("×{}", seen.count))))
        .collect();
    if seen.len() > PLACES {
        parts.push(format!("and {} older", seen.len() - PLACES));
    }
    parts.join(", ")
}

fn history(changes: &[Change]) -> String {
    let mut text = String::new();
    for (index, change) in changes.iter().enumerate() {
        let label = if index == 0 { "history" } else { "" };
        let by = change.by.as_deref().map(|by| format!("{}: ", clean(by))).unwrap_or_default();
        text.push_str(&format!(
            "{}  {}  {}{}  {by}{}\n",
            paint(DIM, &format!("{label:>9}")),
            minute(change.at),
            paint(of_state(change.to), change.to.word()),
            " ".repeat(12_usize.saturating_sub(change.to.word().len())),
            clean(&change.why)
        ));
    }
    text
}
