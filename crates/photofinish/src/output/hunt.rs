//! What a hunt came to, for a person: the findings one by one and in a table, how the builds did (`hunt_ways`),
//! and what to do next.

use super::causes::{Cause, causes};
use super::race::{accesses, explanation};
use super::style::{BOLD, CYAN, DIM, GREEN, YELLOW, clean, paint, times};
use super::{View, findings_table, hunt_found, hunt_ways, short_id};
use photofinish_hunt::Outcome;
use photofinish_model::{CodeOrigin, Kind, Race};
use photofinish_store::{Finding, Repository, Sources, StorePlace};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// Findings of one cause that are shown with their stacks; the others are a command away.
const SHOWN: usize = 8;

/// Prints `outcome` and its `findings` to stdout.
pub(crate) fn print(
    outcome: &Outcome,
    findings: &[Finding],
    dir: &Path,
    store: &StorePlace,
    max_error_rate: f64,
) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let mut view = View {
        width: super::style::terminal_width(),
        sources: Some(Sources::new(Repository::around(dir))),
        ..View::default()
    };
    let mut causes = causes(findings);
    // Answers that differ are what a race does: first what it is.
    causes.sort_by_key(|cause| cause.findings[0].race.kind == Kind::AnswerDiff);
    for (index, cause) in causes.iter().enumerate() {
        let rule = "─".repeat(view.width.unwrap_or(100).min(100));
        writeln!(out, "{}", paint(DIM, &rule))?;
        write!(out, "{}", cause_text(index + 1, cause, &mut view))?;
    }
    if !findings.is_empty() {
        writeln!(out, "{}", paint(DIM, &"─".repeat(view.width.unwrap_or(100).min(100))))?;
        writeln!(out, "{}", findings_table(findings))?;
        write!(out, "{}", hunt_found::table(outcome, findings))?;
    }
    write!(out, "{}", hunt_ways::table(outcome))?;
    for symptom in hunt_ways::symptoms(outcome, max_error_rate) {
        writeln!(out, "{}  {symptom}", paint(YELLOW, "mind"))?;
    }
    writeln!(out, "\n{}", verdict(outcome, findings, store))
}

/// One likely mistake: what it is, its most telling finding with the source, the stacks of the others.
fn cause_text(number: usize, cause: &Cause<'_>, view: &mut View) -> String {
    let mut text = String::new();
    for (index, finding) in cause.findings.iter().enumerate() {
        let id = paint(BOLD, short_id(finding));
        let pattern = paint(CYAN, finding.pattern.word());
        let seen = paint(DIM, &times(finding.count));
        let title = clean(&finding.title);
        if index == 0 {
            text.push_str(&format!("{} {pattern}  {title}\n", paint(BOLD, &format!("{number}."))));
            text.push_str(&explanation(&finding.race, finding.pattern, view.width));
            let headline = match finding.race.headline == finding.title {
                true => String::new(),
                false => format!("  {}", clean(&finding.race.headline)),
            };
            text.push_str(&format!("\n{id}{headline}  seen {seen}\n"));
            text.push_str(&accesses(&finding.race, view));
        } else if index < SHOWN {
            text.push_str(&format!("\n{id}  {pattern}  {title}  seen {seen}\n"));
            text.push_str(&own_frames(&finding.race, view));
        }
    }
    if cause.findings.len() > SHOWN {
        text.push_str(&format!(
            "\n… and {} more in the table below\n",
            cause.findings.len() - SHOWN
        ));
    }
    text.push_str(&format!("\n{}\n", next_step(cause)));
    text
}

/// Both stacks of a race, the user's own frames only.
fn own_frames(race: &Race, view: &mut View) -> String {
    let mut own = race.clone();
    for access in &mut own.accesses {
        access.stack.frames.retain(|frame| CodeOrigin::of(frame) == CodeOrigin::Own);
        access.created_at.frames.clear();
    }
    own.others.clear();
    let sources = view.sources.take();
    let text = accesses(&own, view);
    view.sources = sources;
    text
}

fn next_step(cause: &Cause<'_>) -> String {
    let ids: Vec<&str> = cause.findings.iter().map(|finding| short_id(finding)).collect();
    let owners: BTreeSet<&str> =
        cause.findings.iter().flat_map(|f| &f.owners).map(String::as_str).collect();
    let whose = match owners.len() {
        0 => String::new(),
        _ => format!(" (owner: {})", clean(&owners.into_iter().collect::<Vec<_>>().join(" "))),
    };
    let command = paint(BOLD, &format!("photofinish findings ack {} --why '…'", ids.join(" ")));
    format!("next: repair it{whose}, or say who does: {command}")
}

fn verdict(outcome: &Outcome, findings: &[Finding], store: &StorePlace) -> String {
    let Some(first) = findings.first() else {
        let answers = hunt_ways::by_race_builds(outcome);
        let none = paint(GREEN, "no race found");
        let looked = outcome.catch.as_ref().map_or(0.0, |catch| catch.looked.as_secs_f64());
        return match answers {
            0 if looked > 0.0 => format!(
                "{none} in {looked:.0} s of looking at the normal build. That is no proof: longer (--for 10m) and requests that \
                 reach other code find more."
            ),
            0 => format!("{none}, but no race build answered a request: nothing can be said"),
            _ => format!(
                "{none} in {answers} requests to race builds. That is no proof: longer load (--for 10m), more of it \
                 (--concurrency) and requests that reach other code find more."
            ),
        };
    };
    let light = if outcome.light {
        "\n  confirm in a full build: the same hunt without --light"
    } else {
        ""
    };
    format!(
        "{}\n  read one with its whole stacks:  photofinish findings show {}\n  repair it and hunt again; what comes \
         back after it was closed is shown as regressed\n  kept in {}{light}",
        paint(BOLD, "what to do next"),
        short_id(first),
        clean(&store.to_string()),
    )
}
