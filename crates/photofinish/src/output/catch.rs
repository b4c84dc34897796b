//! What `catch` prints: each race as it is caught, or all as JSON; what looking took, on stderr.

use std::io::Write;

use photofinish_catch::{Caught, Outcome};
use photofinish_store::json::RaceJson;
use serde::Serialize;

use super::race_text;
use super::style::{DIM, paint};

#[derive(Serialize)]
struct CaughtJson {
    #[serde(flatten)]
    race: RaceJson,
    sightings: u64,
    caught_after_ms: f64,
}

/// A race, for a person, when it is caught.
pub(crate) fn caught(caught: &Caught) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    let after = format!("caught {:.0} ms after attaching", caught.after.as_secs_f64() * 1e3);
    writeln!(out, "{}\n{}\n", race_text(&caught.race), paint(DIM, &after))?;
    out.flush()
}

/// All races, in the order they were caught.
pub(crate) fn json(outcome: &Outcome) -> anyhow::Result<()> {
    let races: Vec<CaughtJson> = outcome
        .caught
        .iter()
        .map(|caught| CaughtJson {
            race: RaceJson::from(&caught.race),
            sightings: caught.sightings,
            caught_after_ms: (caught.after.as_secs_f64() * 1e5).round() / 1e2,
        })
        .collect();
    let mut out = anstream::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &races)?;
    writeln!(out)?;
    Ok(())
}

/// What was looked at and what it cost.
pub(crate) fn summary(outcome: &Outcome, pid: u32) {
    let effort = &outcome.effort;
    let mut err = anstream::stderr().lock();
    let ended = if outcome.ended { "; the process ended, or became another program" } else { "" };
    let n_races = outcome.caught.len();
    let _ = writeln!(
        err,
        "photofinish: process {pid}: {n_races} race{} in {:.1} s{ended}",
        if n_races == 1 { "" } else { "s" },
        effort.elapsed.as_secs_f64()
    );
    let _ = writeln!(
        err,
        "photofinish: {} samples; {} sites waited at, {} reached, of {} in the program's own module",
        effort.samples, effort.visited, effort.reached, effort.sites
    );
    let _ = writeln!(
        err,
        "photofinish: cost: threads held for {:.1} ms, {:.1} ms of processor time: {:.2} % of {} processors",
        effort.held.as_secs_f64() * 1e3,
        effort.processor.as_secs_f64() * 1e3,
        effort.share() * 100.0,
        effort.processors
    );
}
