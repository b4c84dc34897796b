//! What a hunt came to, for a person: what load was held, the findings in a table and one by one, and what to do next.

use super::causes::{Cause, causes};
use super::race::{accesses, explanation};
use super::style::{BOLD, CYAN, DIM, GREEN, YELLOW, clean, paint, times};
use super::{View, findings_table, short_id};
use photofinish_hunt::{Outcome, Variant, VariantOutcome};
use photofinish_load::Summary;
use photofinish_model::{CodeOrigin, Race};
use photofinish_store::{Finding, Repository, Sources};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Findings of one cause that are shown with their stacks; the others are a command away.
const SHOWN: usize = 8;

/// Prints `outcome` and its `findings` to stdout.
pub(crate) fn print(
    outcome: &Outcome,
    findings: &[Finding],
    dir: &Path,
    store: &Path,
    max_error_rate: f64,
) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let mut view = View {
        width: super::style::terminal_width(),
        sources: Some(Sources::new(Repository::around(dir))),
        ..View::default()
    };
    let causes = causes(findings);
    for (index, cause) in causes.iter().enumerate() {
        let rule = "─".repeat(view.width.unwrap_or(100).min(100));
        writeln!(out, "{}", paint(DIM, &rule))?;
        write!(out, "{}", cause_text(index + 1, cause, &mut view))?;
    }
    if !findings.is_empty() {
        writeln!(out, "{}", paint(DIM, &"─".repeat(view.width.unwrap_or(100).min(100))))?;
        writeln!(out, "{}", findings_table(findings))?;
    }
    write!(out, "{}", load_table(outcome))?;
    for symptom in symptoms(outcome, max_error_rate) {
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

fn load_table(outcome: &Outcome) -> String {
    let cells = |cells: [&str; 8]| {
        let [build, rate, requests, errors, p50, p99, memory, starts] = cells;
        format!(
            "{build:<8}{rate:>9}{requests:>11}{errors:>14}{p50:>10}{p99:>10}{memory:>11}{starts:>8}"
        )
    };
    let head = cells(["BUILD", "REQ/S", "REQUESTS", "ERRORS", "P50", "P99", "MEMORY", "STARTS"]);
    let mut text = format!("{}\n", paint(DIM, &head));
    for variant in &outcome.variants {
        let load = &variant.load;
        let rate = format!("{:.0}", load.rps());
        let (requests, starts) = (load.completed.to_string(), variant.starts.to_string());
        let errors = format!("{} ({:.1}%)", load.errors, load.error_rate() * 100.0);
        let (p50, p99) = (ms(load, 0.5), ms(load, 0.99));
        let memory = format!("{} MiB", variant.peak_memory >> 20);
        let row = [variant.variant.word(), &rate, &requests, &errors, &p50, &p99, &memory, &starts];
        text.push_str(&format!("{}\n", cells(row)));
    }
    if let (Some(stable), Some(race)) = (outcome.stable(), outcome.race()) {
        text.push_str(&format!("{}\n", paint(DIM, &price(stable, race))));
    }
    text
}

fn ms(load: &Summary, quantile: f64) -> String {
    millis(load.latency.quantile(quantile))
}

fn millis(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    if ms < 10.0 { format!("{ms:.2} ms") } else { format!("{ms:.0} ms") }
}

/// What the detector costs this service, measured.
fn price(stable: &VariantOutcome, race: &VariantOutcome) -> String {
    let ratio =
        |of: f64, to: f64| if to > 0.0 { format!("{:.1}x", of / to) } else { "?".to_owned() };
    let p99 = |variant: &VariantOutcome| variant.load.latency.quantile(0.99).as_secs_f64();
    format!(
        "the race build under this load: p99 {}, memory {}, throughput {}, history_size {}",
        ratio(p99(race), p99(stable)),
        ratio(race.peak_memory as f64, stable.peak_memory as f64),
        ratio(race.load.rps(), stable.load.rps()),
        race.history_size,
    )
}

/// What went wrong besides the findings.
fn symptoms(outcome: &Outcome, max_error_rate: f64) -> Vec<String> {
    let mut symptoms = Vec::new();
    for variant in &outcome.variants {
        let word = variant.variant.word();
        let log = variant.log.display();
        if variant.load.error_rate() > max_error_rate {
            let kinds: Vec<String> = variant
                .load
                .error_kinds
                .iter()
                .map(|error| format!("{} {}", error.count, error.kind.as_str()))
                .collect();
            symptoms.push(format!(
                "{:.1}% of the requests to the {word} build failed ({}); its log: {log}",
                variant.load.error_rate() * 100.0,
                kinds.join(", "),
            ));
        }
        if variant.starts > 1 {
            symptoms.push(format!(
                "the {word} build crashed {} times; its log: {log}",
                variant.starts - 1
            ));
        }
        if variant.left_in_spool > 0 {
            symptoms.push(format!(
                "{} reports wait in the spool, since the store took none",
                variant.left_in_spool
            ));
        }
    }
    symptoms
}

fn verdict(outcome: &Outcome, findings: &[Finding], store: &Path) -> String {
    let Some(first) = findings.first() else {
        let answers = outcome.race().map_or(0, |race| race.load.completed);
        let none = paint(GREEN, "no race found");
        return match answers {
            0 => format!("{none}, but the race build answered no request: nothing can be said"),
            _ => format!(
                "{none} in {answers} requests. That is no proof: longer load (--for 10m), more of it \
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
        clean(&store.display().to_string()),
    )
}

/// The name of a variant for messages: `race build`.
pub(crate) fn build_name(variant: Variant) -> &'static str {
    match variant {
        Variant::Stable => "normal build",
        Variant::Race => "race build",
    }
}
