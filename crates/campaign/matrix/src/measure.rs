//! Trial after trial, until all are measured or somebody has seen enough.

use crate::builds::Builds;
use crate::journal::Journal;
use crate::order::order;
use crate::toolchain::{self, Toolchain};
use crate::trial::{Setting, Trial, go_test, run};
use crate::{Column, Conditions, MatrixError, Outcome, Plan, Progress, Way, table, verdict};
use photofinish_load::{End, Load, Stop};
use photofinish_supervise::build::BuildError;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Measures the matrix that `plan` describes; `stop` ends it early, with what was measured until then.
///
/// # Errors
/// See [`MatrixError`]. What was measured before an error is in the journal.
pub fn matrix(
    plan: &Plan,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Outcome, MatrixError> {
    let mut journal = Journal::open(plan)?;
    let toolchains = toolchains(plan, &mut journal, progress)?;
    let mut left: Vec<Turn<'_>> = turns(plan, &toolchains);
    let total = left.len();
    left.retain(|turn| !turn.is_done(&journal));
    if left.len() < total {
        progress(Progress::Resumed(total - left.len(), total));
    }
    if !left.is_empty() && !stop.is_stopped() {
        match Builds::make(plan, &toolchains, &mut journal, stop, progress) {
            Ok(builds) => measure(plan, &builds, &left, total, &mut journal, stop, progress)?,
            Err(MatrixError::Build { source, .. }) if matches!(*source, BuildError::Stopped) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(outcome(plan, &toolchains, &journal))
}

/// A trial that is to be made.
struct Turn<'a> {
    toolchain: &'a Toolchain,
    column: Column,
    number: u32,
}

impl Turn<'_> {
    fn is_done(&self, journal: &Journal) -> bool {
        journal.trials.iter().any(|trial| {
            trial.number == self.number && self.is_of_cell(trial) && trial.failure.is_none()
        })
    }

    fn is_of_cell(&self, trial: &Trial) -> bool {
        trial.toolchain == self.toolchain.version && trial.column == self.column.word()
    }
}

fn turns<'a>(plan: &Plan, toolchains: &'a [Toolchain]) -> Vec<Turn<'a>> {
    let columns = plan.columns.len();
    let turn = |(cell, number): (usize, u32)| Turn {
        toolchain: &toolchains[cell / columns],
        column: plan.columns[cell % columns],
        number,
    };
    order(toolchains.len() * columns, plan.trials, plan.seed).into_iter().map(turn).collect()
}

fn toolchains(
    plan: &Plan,
    journal: &mut Journal,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Vec<Toolchain>, MatrixError> {
    let base = plan.build.go.clone().unwrap_or_else(|| "go".into());
    let mut found: Vec<Toolchain> = Vec::new();
    for asked in &plan.toolchains {
        // The release that the word stood for when the matrix began, if it began before.
        let known = journal
            .versions
            .get(asked)
            .cloned()
            .filter(|_| !asked.contains('/') && asked != "local");
        let wanted = known.as_deref().unwrap_or(asked);
        let tell = &mut |text| progress(Progress::Toolchain(text));
        let toolchain = toolchain::find(wanted, &base, &plan.toolchain_cache, tell)?;
        if let Some(first) = found.iter().find(|other| other.version == toolchain.version) {
            let (first, second) = (first.asked.clone(), asked.clone());
            return Err(MatrixError::SameVersion { first, second, version: toolchain.version });
        }
        journal.resolved(asked, &toolchain.version)?;
        found.push(Toolchain { asked: asked.clone(), ..toolchain });
    }
    Ok(found)
}

fn measure(
    plan: &Plan,
    builds: &Builds,
    turns: &[Turn<'_>],
    total: usize,
    journal: &mut Journal,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<(), MatrixError> {
    for (at, turn) in turns.iter().enumerate() {
        progress(Progress::Trying {
            toolchain: &turn.toolchain.version,
            column: turn.column,
            done: total - turns.len() + at,
            total,
            left: time_left(journal, &turns[at..]),
        });
        let trial = one(plan, builds, turn, stop, progress);
        if stop.is_stopped() {
            break;
        }
        let is_known_to_work =
            || journal.trials.iter().any(|other| turn.is_of_cell(other) && other.failure.is_none());
        if let Some(reason) = trial.failure.as_ref().filter(|_| !is_known_to_work()) {
            let (reason, toolchain) = (reason.clone(), turn.toolchain.version.clone());
            return Err(MatrixError::Trial { column: turn.column, toolchain, reason });
        }
        progress(Progress::Tried(&trial));
        journal.keep(trial)?;
    }
    Ok(())
}

fn one(
    plan: &Plan,
    builds: &Builds,
    turn: &Turn<'_>,
    stop: &Stop,
    progress: &mut dyn FnMut(Progress<'_>),
) -> Trial {
    let (begun, at) = (Instant::now(), SystemTime::now());
    let column = turn.column;
    let tried = match (column.way, builds.of(turn.toolchain, column)) {
        (Way::Test, _) => go_test::run(plan, turn.toolchain, column.subject, stop)
            .map(|trial| trial.unwrap_or_default()),
        (_, Some(binary)) => run(&Setting { plan, column, binary, stop }, progress),
        (_, None) => Err("it was not built".to_owned()),
    };
    let mut trial =
        tried.unwrap_or_else(|reason| Trial { failure: Some(reason), ..Trial::default() });
    trial.toolchain.clone_from(&turn.toolchain.version);
    trial.column = column.word();
    trial.number = turn.number;
    trial.at = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    trial.took_s = begun.elapsed().as_secs_f64();
    trial
}

/// By how long trials of the same columns took; a column that was never tried, by all others.
fn time_left(journal: &Journal, turns: &[Turn<'_>]) -> Option<Duration> {
    let mean = |of: &dyn Fn(&Trial) -> bool| {
        let took: Vec<f64> =
            journal.trials.iter().filter(|trial| of(trial)).map(|trial| trial.took_s).collect();
        (!took.is_empty()).then(|| took.iter().sum::<f64>() / took.len() as f64)
    };
    let any = mean(&|_| true)?;
    let of = |column: Column| {
        let word = column.word();
        mean(&|trial| trial.column == word).unwrap_or(any)
    };
    Some(Duration::from_secs_f64(turns.iter().map(|turn| of(turn.column)).sum()))
}

fn outcome(plan: &Plan, toolchains: &[Toolchain], journal: &Journal) -> Outcome {
    let cells = table::cells(plan, toolchains, &journal.trials);
    let comparisons = verdict::comparisons(&plan.columns, &cells);
    let words = verdict::words(&plan.columns, &cells, &comparisons);
    Outcome {
        service: plan.service.name.clone(),
        toolchains: toolchains.iter().map(|toolchain| toolchain.version.clone()).collect(),
        columns: plan.columns.clone(),
        trials: plan.trials,
        conditions: conditions(plan),
        is_partial: turns(plan, toolchains).iter().any(|turn| !turn.is_done(journal)),
        took_s: journal.trials.iter().map(|trial| trial.took_s).sum(),
        cells,
        comparisons,
        words,
    }
}

fn conditions(plan: &Plan) -> Conditions {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    Conditions {
        gomaxprocs: plan.gomaxprocs,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        processor: name.unwrap_or("unknown").trim_start_matches([' ', '\t', ':']).to_owned(),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        load: load_words(&plan.load, plan.limit),
        symptoms: symptom_words(plan),
        seed: plan.seed,
    }
}

fn load_words(load: &photofinish_load::Plan, limit: Duration) -> String {
    let end = match load.end {
        End::Requests(n) => format!("{n} requests, at most {} s", limit.as_secs()),
        End::After(time) => format!("{} s", time.as_secs_f64()),
        End::Stopped => format!("{} s", limit.as_secs()),
    };
    match &load.load {
        Load::Closed { workers, .. } => {
            format!("{end}, {} under way at once (closed loop)", workers.peak())
        }
        Load::Open { rate, .. } => format!("{end}, {} a second (open loop)", rate.peak()),
        Load::Replay(_) => format!("{end}, a replay"),
    }
}

fn symptom_words(plan: &Plan) -> String {
    let mut words = vec!["the process ends".to_owned()];
    words.push(format!("more than {} % of the requests fail", plan.symptoms.error_rate * 100.0));
    if plan.load.json {
        words.push("an answer says it is JSON and is not".to_owned());
    }
    if let Some(program) = plan.symptoms.check.first() {
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        words.push(format!("the check `{name}` was given a wrong answer"));
    }
    words.join(", or ")
}
