//! The racy programs: found or not, and when, by catch and by Go's detector; the table of all programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use photofinish_testkit::{BuildOptions, try_build_go, workspace_root};

use crate::catching::{Catching, Caught};
use crate::cost::Cost;
use crate::stats::{median, time};
use crate::target::{Target, ended};

/// A program that was missed so often, and never found, is left alone.
const ENOUGH_MISSED: usize = 2;
/// What Go's detector makes a program end with when it is told to halt.
const RACE: i32 = 66;

/// The corpus, built.
pub(crate) struct Programs {
    pub(crate) normal: PathBuf,
    pub(crate) race: PathBuf,
    pub(crate) patterns: Vec<Pattern>,
}

/// A racy program and its repaired twin.
pub(crate) struct Pattern {
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// What came of the rounds: seconds to the first report, or none.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) catch: Vec<Option<f64>>,
    pub(crate) race: Vec<Option<f64>>,
}

impl Programs {
    /// Builds the corpus; all patterns, those that are `wanted`, or one of each kind.
    pub(crate) fn build(wanted: &[String], one_of_each: bool) -> anyhow::Result<Programs> {
        let folder = workspace_root().join("corpus/catch");
        let normal = try_build_go(&folder, &BuildOptions::normal())?;
        let race = try_build_go(&folder, &BuildOptions::race())?;
        let listed = Command::new(&normal).args(["list", "-v"]).output()?;
        let mut kinds = BTreeSet::new();
        let mut patterns = Vec::new();
        for line in String::from_utf8(listed.stdout)?.lines() {
            let mut columns = line.split('\t');
            let (Some(name), Some(kind)) = (columns.next(), columns.next()) else { continue };
            let broad = kind.split(':').next().unwrap_or_default().to_owned();
            let is_wanted = if wanted.is_empty() {
                !one_of_each || kinds.insert(broad)
            } else {
                wanted.iter().any(|wanted| wanted == name)
            };
            if is_wanted {
                patterns.push(Pattern { name: name.to_owned(), kind: kind.to_owned() });
            }
        }
        anyhow::ensure!(!patterns.is_empty(), "the corpus has none of {wanted:?}");
        Ok(Programs { normal, race, patterns })
    }
}

/// Rounds over all racy programs, until `end`.
pub(crate) fn measure(
    programs: &Programs,
    rounds: usize,
    most: Duration,
    end: Instant,
) -> anyhow::Result<BTreeMap<String, Found>> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for round in 0..rounds {
        for Pattern { name, .. } in &programs.patterns {
            let so_far = found.entry(name.clone()).or_default();
            if Instant::now() > end && round > 0 {
                continue;
            }
            if is_worth_it(&so_far.catch) {
                so_far.catch.push(catch(programs, name, most)?);
            }
            if is_worth_it(&so_far.race) {
                so_far.race.push(detect(programs, name, most)?);
            }
            let shown =
                |last: Option<&Option<f64>>| last.copied().flatten().map_or("-".into(), time);
            let (caught, detected) = (shown(so_far.catch.last()), shown(so_far.race.last()));
            eprintln!("round {}: {name}: catch {caught}, -race {detected}", round + 1);
        }
    }
    Ok(found)
}

fn is_worth_it(so_far: &[Option<f64>]) -> bool {
    so_far.len() < ENOUGH_MISSED || so_far.iter().any(Option::is_some)
}

/// How long catch takes. A program that ends by itself (`fatal error: concurrent map …`) is started again, as an
/// orchestrator would, and the time goes on.
fn catch(programs: &Programs, name: &str, most: Duration) -> anyhow::Result<Option<f64>> {
    let mut spent = Duration::ZERO;
    while spent + Duration::from_secs(1) < most || spent.is_zero() {
        let mut target = Target::start(&programs.normal, name, "racy")?;
        let began = Instant::now();
        match Catching::start(target.pid(), most - spent, &["--until-first"])?.finish() {
            Ok(Caught { first: Some(first), .. }) => {
                return Ok(Some(spent.as_secs_f64() + first));
            }
            Ok(caught) if target.is_alive() => {
                eprintln!("{name} is missed: {}", caught.said.trim());
                return Ok(None);
            }
            Ok(_) => {}
            Err(error) => eprintln!("{name}: {error:#}"),
        }
        // At least a second: who cannot look at all does not try for ever.
        spent += began.elapsed().max(Duration::from_secs(1));
    }
    Ok(None)
}

/// How long Go's detector takes.
fn detect(programs: &Programs, name: &str, most: Duration) -> anyhow::Result<Option<f64>> {
    let mut command = Command::new(&programs.race);
    command.args([name, "racy"]).env("GORACE", "halt_on_error=1 exitcode=66");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().context("cannot start the race build")?;
    let end = ended(&mut child, most);
    Ok(end.filter(|(_, code)| *code == Some(RACE)).map(|(took, _)| took.as_secs_f64()))
}

/// Every program, a line each.
pub(crate) fn table(
    programs: &Programs,
    found: &BTreeMap<String, Found>,
    costs: &BTreeMap<String, Cost>,
) -> String {
    let mut table = String::from(
        "Found: in so many of the rounds, and the median time of those; a program missed twice and never found is not tried again. \
         Work: rounds of the repaired twin in a second, as a part of the normal build's. MiB: resident, of the normal build, of the \
         `-race` build, and of catch itself.\n\n\
         | kind | program | catch | first after | -race | first after | work, catch | work, -race | MiB | -race | catch |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for Pattern { name, kind } in &programs.patterns {
        let Some(found) = found.get(name) else { continue };
        let counted = |rounds: &[Option<f64>]| {
            let times: Vec<f64> = rounds.iter().flatten().copied().collect();
            let middle = median(&times).map_or(String::new(), time);
            format!("{} of {} | {middle}", times.len(), rounds.len())
        };
        let cost = costs.get(name).map(Cost::cells).unwrap_or_default();
        let (catch, race) = (counted(&found.catch), counted(&found.race));
        let _ = writeln!(table, "| {kind} | {name} | {catch} | {race} | {cost}");
    }
    table
}
