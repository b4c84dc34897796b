//! What `jobs` says: lines of its log, and how the queues stand.

use crate::config::workers::Scaling;

use super::style::{BOLD, DIM, clean, paint};
use photofinish_jobs::{HandedBack, Look, Plan, Summary, Undone};
use serde_json::{Value, json};
use std::io::Write;

/// A line of the log.
pub(crate) fn line(text: &str) -> String {
    format!("jobs: {}", clean(text))
}

/// Says a line on stderr.
pub(crate) fn say(text: &str) {
    // Nobody is left to be told when stderr is closed.
    let _ = anstream::stderr().lock().write_all((line(text) + "\n").as_bytes());
}

/// What somebody who has just started it wants to know.
pub(crate) fn started(plan: &Plan) -> Vec<String> {
    let Plan { source, main, race, every, .. } = plan;
    let from = format!("{} at {}", plan.kind.word(), plan.place());
    let mut lines =
        vec![format!("sampling {source} of {from}: one of each {every} goes to {race}")];
    if let Some(key) = &plan.key {
        lines.push(format!(
            "by {key}: jobs of the same one go to the same side, so the share is about that; jobs without one are counted"
        ));
    }
    if !plan.kind.in_place() {
        lines.push(format!(
            "normal workers read {main}, race-built ones {race}; jobs in {source} wait while no sampler runs"
        ));
    }
    lines
}

pub(crate) fn handed_back(back: HandedBack) -> String {
    let parts = [
        (back.waited, "waited too long"),
        (back.failed, "failed"),
        (back.orphaned, "lost their worker"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(many, _)| *many > 0)
        .map(|(many, why)| format!("{many} that {why}"))
        .collect();
    format!("back to the normal workers: {}", parts.join(", "))
}

pub(crate) fn ended(plan: &Plan, summary: &Summary) -> Vec<String> {
    let mut lines = Vec::new();
    if plan.kind.in_place() {
        lines.push(format!("ended; nothing more goes to {}", plan.race));
    } else {
        lines.push(format!("ended; {} jobs were sent on", summary.moved));
        lines.push(format!(
            "next: run it again, or `photofinish jobs undo` and let workers read {}",
            plan.source
        ));
    }
    lines
}

pub(crate) fn undone(plan: &Plan, undone: Undone) -> Vec<String> {
    let mut lines = vec![format!("{} jobs went back to {}", undone.jobs, plan.source)];
    if undone.running > 0 {
        lines.push(format!(
            "{} are with workers and end in the queue they are in; run it again once they have",
            undone.running
        ));
    }
    if !plan.kind.in_place() {
        lines.push(format!("next: let the workers of {} read {}", plan.main, plan.source));
    }
    lines
}

/// How the queues stand, for a person.
pub(crate) fn status(
    plan: &Plan,
    look: &Look,
    scaling: &Scaling,
    findings: Option<usize>,
) -> String {
    let mut text = format!(
        "{} {} at {}, one of each {} to {}\n",
        paint(BOLD, &clean(&plan.source)),
        plan.kind.word(),
        plan.place(),
        plan.every,
        clean(&plan.race)
    );
    let mut line = |name: &str, value: String| {
        text += &format!("  {:<16}{value}\n", name);
    };
    line("sampler", sampler(look));
    if let Some(source) = look.source {
        line("to be sampled", source.to_string());
    }
    line("normal workers", format!("{} wait", look.main));
    line(
        "race workers",
        format!("{} wait (sampling pauses at {})", look.race, plan.limits.max_lag),
    );
    if let Some(counts) = look.counts {
        let share = if counts.seen == 0 { 0.0 } else { counts.race as f64 / counts.seen as f64 };
        line(
            "so far",
            format!(
                "{} of {} to the race workers ({:.2}%)",
                counts.race,
                counts.seen,
                share * 100.0
            ),
        );
        if counts.no_room > 0 {
            line(
                "no room",
                format!("{} were chosen and went to the normal workers", counts.no_room),
            );
        }
        if counts.put_off > 0 {
            line(
                "put off",
                format!("{} times, a task of the same id being in the way", counts.put_off),
            );
        }
    }
    if let Some(findings) = findings {
        line("findings", format!("{findings} seen by race workers"));
    }
    line("scaling", sentence(scaling));
    let back = look.handed_back;
    if back.total() > 0 {
        line("handed back", handed_back(back).replace("back to the normal workers: ", ""));
    }
    for promise in plan.kind.guarantees() {
        text += &paint(DIM, &format!("  {promise}"));
        text.push('\n');
    }
    text
}

/// The numbers that a KEDA trigger wants, in its words.
fn sentence(scaling: &Scaling) -> String {
    let Scaling { least, most, lag, slowdown, is_measured } = scaling;
    let how = if *is_measured { "measured" } else { "assumed" };
    format!(
        "lag threshold {lag} a worker, minReplicaCount {least}, maxReplicaCount {most} (a race build takes {slowdown:.1} \
         times as long, {how})"
    )
}

/// The same, for programs.
pub(crate) fn scaling_json(scaling: &Scaling) -> Value {
    json!({
        "lag_threshold": scaling.lag,
        "min_replicas": scaling.least,
        "max_replicas": scaling.most,
        "slowdown": scaling.slowdown,
        "slowdown_measured": scaling.is_measured,
    })
}

fn sampler(look: &Look) -> String {
    match (&look.mode, look.beat) {
        (Some(mode), Some(beat)) if beat.as_secs() >= 3 => {
            format!("none (last {}: {} s ago)", clean(mode), beat.as_secs())
        }
        (Some(mode), _) => clean(mode),
        (None, _) => "there was never one".to_owned(),
    }
}

/// How the queues stand, for programs: docs/json.md.
pub(crate) fn json(plan: &Plan, look: &Look) -> Value {
    let back = look.handed_back;
    json!({
        "broker": plan.kind.word(),
        "place": plan.place(),
        "source": {"queue": plan.source, "waiting": look.source},
        "main": {"queue": plan.main, "waiting": look.main},
        "race": {"queue": plan.race, "waiting": look.race},
        "every": plan.every,
        "key": plan.key,
        "sampler": look.mode,
        "sampler_seen_ms_ago": look.beat.map(|beat| u64::try_from(beat.as_millis()).unwrap_or(u64::MAX)),
        "counts": look.counts.map(|counts| json!({
            "seen": counts.seen,
            "race": counts.race,
            "no_room": counts.no_room,
            "put_off": counts.put_off,
        })),
        "handed_back": {"waited": back.waited, "failed": back.failed, "orphaned": back.orphaned},
        "guarantees": plan.kind.guarantees(),
    })
}
