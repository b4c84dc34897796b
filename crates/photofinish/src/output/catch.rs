//! What `catch` prints: each race when it is caught first, or all as JSON at the end; how far it is, on a terminal;
//! and what looking took, on stderr.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use photofinish_catch::{Caught, Effort, Outcome};
use photofinish_model::Fingerprint;
use photofinish_store::json::RaceJson;
use photofinish_store::{Repository, Sources};
use photofinish_supervise::Delivered;
use serde::Serialize;
use std::path::Path;

use super::race_text_in;
use super::stack::View;
use super::style::{BOLD, DIM, clean_lines, paint, terminal_width};

/// How races are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CatchFormat {
    /// For people, with the source where it is found
    Text,
    /// One array for programs, at the end
    Json,
    /// One object a line for programs, when it is caught; a last one for each process says what looking took
    Jsonl,
    /// As Go's own detector prints it, for tools that read that
    Go,
}

#[derive(Serialize)]
struct CaughtJson<'a> {
    #[serde(flatten)]
    race: RaceJson,
    sightings: u64,
    caught_after_ms: f64,
    pids: &'a BTreeSet<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    regressed: Option<bool>,
}

#[derive(Serialize)]
struct EndJson {
    pid: u32,
    ended: bool,
    effort: EffortJson,
}

#[derive(Serialize)]
struct EffortJson {
    elapsed_ms: f64,
    held_ms: f64,
    processor_ms: f64,
    processors: u32,
    share: f64,
    samples: u64,
    sites: usize,
    visited: usize,
    reached: usize,
}

/// A race, and where it was caught so far.
#[derive(Debug)]
struct Seen {
    caught: Caught,
    pids: BTreeSet<u32>,
    /// What the store said of it.
    delivered: Option<Delivered>,
}

/// Everything caught in one call of the command, by whichever process, in whichever round.
#[derive(Debug)]
pub(crate) struct Told {
    format: CatchFormat,
    seen: Vec<Seen>,
    by_fingerprint: HashMap<Fingerprint, usize>,
    view: View,
    live: ProgressBar,
    efforts: BTreeMap<u32, Effort>,
    has_looked: bool,
}

impl Told {
    pub(crate) fn new(format: CatchFormat) -> Told {
        let live = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            live.set_style(style);
        }
        Told {
            format,
            seen: Vec::new(),
            by_fingerprint: HashMap::new(),
            view: View {
                width: terminal_width(),
                sources: Some(Sources::new(Repository::around(Path::new(".")))),
                ..View::default()
            },
            live,
            efforts: BTreeMap::new(),
            has_looked: false,
        }
    }

    /// Different races so far.
    pub(crate) fn n_races(&self) -> usize {
        self.seen.len()
    }

    /// Whether any process could be looked at.
    pub(crate) fn has_looked(&self) -> bool {
        self.has_looked
    }

    /// A race was caught in process `pid`, which runs `program`: printed if it is new.
    ///
    /// # Errors
    /// Stdout is closed.
    pub(crate) fn caught(
        &mut self,
        program: &str,
        pid: u32,
        caught: &Caught,
        delivered: Option<Delivered>,
    ) -> std::io::Result<()> {
        self.has_looked = true;
        let fingerprint = Fingerprint::of(&caught.race);
        if let Some(seen) =
            self.by_fingerprint.get(&fingerprint).and_then(|at| self.seen.get_mut(*at))
        {
            seen.pids.insert(pid);
            return Ok(());
        }
        self.by_fingerprint.insert(fingerprint, self.seen.len());
        let seen = Seen { caught: caught.clone(), pids: BTreeSet::from([pid]), delivered };
        let json = serde_json::to_string(&seen.json());
        self.seen.push(seen);
        let text = match self.format {
            CatchFormat::Json => return Ok(()),
            CatchFormat::Jsonl => json?,
            CatchFormat::Go => clean_lines(&caught.race.raw),
            CatchFormat::Text => {
                let after = caught.after.as_secs_f64() * 1e3;
                let when = format!("caught in {program} ({pid}), {after:.0} ms after attaching");
                format!("{}{}\n", race_text_in(&caught.race, &mut self.view), paint(DIM, &when))
            }
        };
        self.print(&text)
    }

    /// How far the look at process `pid` is.
    pub(crate) fn progress(&mut self, pid: u32, effort: &Effort) {
        self.has_looked = true;
        self.efforts.insert(pid, *effort);
        if !self.live.is_hidden() {
            self.live.set_message(sentence(&self.efforts, self.seen.len()));
            self.live.tick();
        }
    }

    /// The look at process `pid` is over: what it took. One line of it where there are many.
    pub(crate) fn outcome(&mut self, pid: u32, outcome: &Outcome, is_brief: bool) {
        self.has_looked = true;
        self.efforts.remove(&pid);
        if self.efforts.is_empty() {
            self.live.finish_and_clear();
        }
        for caught in &outcome.caught {
            let at = self.by_fingerprint.get(&Fingerprint::of(&caught.race));
            if let Some(seen) = at.and_then(|at| self.seen.get_mut(*at)) {
                seen.caught.sightings += caught.sightings.saturating_sub(1);
            }
        }
        if self.format == CatchFormat::Jsonl {
            let end = EndJson { pid, ended: outcome.ended, effort: effort_json(&outcome.effort) };
            if let Ok(line) = serde_json::to_string(&end) {
                // Whoever reads our output may have had enough of it.
                let _ = self.print(&line);
            }
        }
        self.say(&summary(outcome, pid, is_brief));
    }

    /// Process `pid` could not be looked at, and others could.
    pub(crate) fn failure(&self, pid: u32, error: &anyhow::Error) {
        self.say(&[format!("process {pid}: {error:#}")]);
    }

    /// All that was caught, where that is printed at the end.
    ///
    /// # Errors
    /// Stdout is closed.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        if self.format != CatchFormat::Json {
            return Ok(());
        }
        let races: Vec<CaughtJson<'_>> = self.seen.iter().map(Seen::json).collect();
        let mut out = anstream::stdout().lock();
        serde_json::to_writer_pretty(&mut out, &races)?;
        writeln!(out)?;
        Ok(())
    }

    fn print(&self, text: &str) -> std::io::Result<()> {
        self.live.suspend(|| {
            let mut out = anstream::stdout().lock();
            writeln!(out, "{text}")?;
            out.flush()
        })
    }

    fn say(&self, lines: &[String]) {
        self.live.suspend(|| {
            let mut err = anstream::stderr().lock();
            for line in lines {
                // Talk that nobody can read is no reason to end.
                let _ = writeln!(err, "photofinish: {line}");
            }
        });
    }
}

impl Seen {
    fn json(&self) -> CaughtJson<'_> {
        CaughtJson {
            race: RaceJson::from(&self.caught.race),
            sightings: self.caught.sightings,
            caught_after_ms: ms(self.caught.after),
            pids: &self.pids,
            new: self.delivered.as_ref().map(|delivered| delivered.new),
            regressed: self.delivered.as_ref().map(|delivered| delivered.regressed),
        }
    }
}

fn effort_json(effort: &Effort) -> EffortJson {
    EffortJson {
        elapsed_ms: ms(effort.elapsed),
        held_ms: ms(effort.held),
        processor_ms: ms(effort.processor),
        processors: effort.processors,
        share: (effort.share() * 1e6).round() / 1e6,
        samples: effort.samples,
        sites: effort.sites,
        visited: effort.visited,
        reached: effort.reached,
    }
}

/// Milliseconds, to a hundredth.
fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 1e2
}

/// How far all looks are, in one line.
fn sentence(efforts: &BTreeMap<u32, Effort>, n_races: usize) -> String {
    let sum = |of: fn(&Effort) -> f64| efforts.values().map(of).sum::<f64>();
    let elapsed = efforts.values().map(|effort| effort.elapsed).max().unwrap_or_default();
    let processes = match efforts.len() {
        1 => String::new(),
        n => format!("{n} processes  "),
    };
    format!(
        "{:.1}s  {processes}{} of {} sites visited, {} reached  {} samples  held {:.0} ms  {:.2} %  {}",
        elapsed.as_secs_f64(),
        sum(|effort| effort.visited as f64),
        sum(|effort| effort.sites as f64),
        sum(|effort| effort.reached as f64),
        sum(|effort| effort.samples as f64),
        sum(|effort| effort.held.as_secs_f64() * 1e3),
        efforts.values().map(|effort| effort.share() * 100.0).fold(0.0, f64::max),
        paint(BOLD, &count(n_races, "race")),
    )
}

fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// What was looked at and what it cost.
fn summary(outcome: &Outcome, pid: u32, is_brief: bool) -> Vec<String> {
    let effort = &outcome.effort;
    let ended = if outcome.ended { "; the process ended, or became another program" } else { "" };
    let races = count(outcome.caught.len(), "race");
    let seconds = effort.elapsed.as_secs_f64();
    let cost = format!("{:.2} % of {} processors", effort.share() * 100.0, effort.processors);
    if is_brief {
        let samples = effort.samples;
        return vec![format!(
            "process {pid}: {races} in {seconds:.1} s, {samples} samples, {cost}{ended}"
        )];
    }
    vec![
        format!("process {pid}: {races} in {seconds:.1} s{ended}"),
        format!(
            "{} samples; {} sites waited at, {} reached, of {} in the program's own module",
            effort.samples, effort.visited, effort.reached, effort.sites
        ),
        format!(
            "cost: threads held for {:.1} ms, {:.1} ms of processor time: {cost}",
            effort.held.as_secs_f64() * 1e3,
            effort.processor.as_secs_f64() * 1e3,
        ),
    ]
}
