//! One finding as text: the race, what is known of its sightings, what was decided, and what to do next.

use super::race::{accesses, explanation};
use super::stack::View;
use super::style::{BOLD, CYAN, DIM, ago, clean, minute, of_state, paint, times, wrap};
use super::table::short_id;
use jiff::Timestamp;
use photofinish_store::{Change, Finding, Linked, Seen, State};

/// Builds, hosts and services shown.
const PLACES: usize = 8;
/// Columns of the labels.
const LABEL: usize = 9;
/// A space that no line is broken at.
const NO_BREAK: char = '\u{a0}';

/// `finding` for a person.
pub(crate) fn finding_text(finding: &Finding, view: &mut View, now: Timestamp) -> String {
    let race = &finding.race;
    let mut text = heading(finding, view.width);
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
    text.push_str(&facts(finding, view.width));
    text.push_str(&history(&finding.history, view.width));
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

/// What it is and where, in one line if there is room.
fn heading(finding: &Finding, width: Option<usize>) -> String {
    let (headline, title) = (clean(&finding.race.headline), clean(&finding.title));
    if headline == title {
        return format!("{}\n", paint(BOLD, &headline));
    }
    let fits = headline.chars().count() + 2 + title.chars().count() <= width.unwrap_or(usize::MAX);
    let headline = paint(BOLD, &headline);
    if fits {
        return format!("{headline}  {title}\n");
    }
    format!("{headline}\n  {}\n", title.replace(" ↔ ", "\n↔ "))
}

fn facts(finding: &Finding, width: Option<usize>) -> String {
    let mut text = String::new();
    let mut fact = |label: &str, value: &str| {
        if !value.is_empty() {
            labelled(&mut text, label, value, width);
        }
    };
    let assigned = if finding.owners_assigned { " (assigned)" } else { "" };
    let owners = clean(&finding.owners.join(" "));
    let label = if finding.owners.len() > 1 { "owners" } else { "owner" };
    fact(label, &if owners.is_empty() { owners } else { format!("{owners}{assigned}") });
    fact("seen", &format!("{} to {}", minute(finding.first_seen), minute(finding.last_seen)));
    let by: Vec<String> =
        finding.sources.iter().map(|(source, count)| format!("{source} ×{count}")).collect();
    fact("by", &by.join(", "));
    fact("services", &places(&finding.services));
    fact("builds", &places(&finding.builds));
    fact("hosts", &places(&finding.hosts));
    let label = if finding.jobs.len() > 1 { "jobs" } else { "job" };
    fact(label, &jobs(&finding.jobs));
    fact("fixed in", &finding.fixed_in.as_deref().map(clean).unwrap_or_default());
    fact("muted", &finding.muted_until.map(|t| format!("until {}", minute(t))).unwrap_or_default());
    text
}

/// The latest places, the one seen last in front.
fn places(seen: &[Seen]) -> String {
    let mut latest: Vec<&Seen> = seen.iter().collect();
    latest.sort_by_key(|seen| std::cmp::Reverse(seen.last_seen));
    let mut parts: Vec<String> = latest
        .iter()
        .take(PLACES)
        .map(|seen| format!("{}{NO_BREAK}×{}", clean(&seen.name), seen.count))
        .collect();
    if seen.len() > PLACES {
        parts.push(format!("and {} more", seen.len() - PLACES));
    }
    parts.join(", ")
}

/// `settle 42 of settle_race`, and how many others it could have been.
fn jobs(linked: &[Linked]) -> String {
    let mut parts: Vec<String> = linked
        .iter()
        .take(PLACES)
        .map(|Linked { job, among, .. }| {
            let kind =
                job.kind.as_deref().map(|kind| format!("{} ", clean(kind))).unwrap_or_default();
            let among =
                if *among > 1 { format!(" (or another of {among})") } else { String::new() };
            format!("{kind}{} of {}{among}", clean(&job.id), clean(&job.queue))
        })
        .collect();
    if linked.len() > PLACES {
        parts.push(format!("and {} more", linked.len() - PLACES));
    }
    parts.join(", ")
}

fn history(changes: &[Change], width: Option<usize>) -> String {
    let mut text = String::new();
    for (index, change) in changes.iter().enumerate() {
        let label = if index == 0 { "history" } else { "" };
        let by = change.by.as_deref().map(|by| format!("{}: ", clean(by))).unwrap_or_default();
        let word = change.to.word();
        let words = format!("{by}{}", clean(&change.why));
        let mut lines = wrap(&words, room(width).saturating_sub(33)).into_iter();
        text.push_str(&format!(
            "{}  {}  {}{}  {}\n",
            paint(DIM, &format!("{label:>LABEL$}")),
            minute(change.at),
            paint(of_state(change.to), word),
            " ".repeat(12_usize.saturating_sub(word.len())),
            lines.next().unwrap_or_default(),
        ));
        for line in lines {
            text.push_str(&format!("{}{line}\n", " ".repeat(LABEL + 35)));
        }
    }
    text
}

fn labelled(text: &mut String, label: &str, value: &str, width: Option<usize>) {
    for (index, line) in wrap(value, room(width)).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        let line = line.replace(NO_BREAK, " ");
        text.push_str(&format!("{}  {line}\n", paint(DIM, &format!("{label:>LABEL$}"))));
    }
}

/// Columns right of the labels.
fn room(width: Option<usize>) -> usize {
    width.map_or(usize::MAX, |width| width.saturating_sub(LABEL + 2).max(20))
}
