//! Go programs watched by the library itself.

#![allow(dead_code, reason = "each test uses its part")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use photofinish_catch::{CatchError, Caught, Outcome, Plan, catch};
use photofinish_goprocess::{OpenError, Process};
use photofinish_model::{Fingerprint, Race};
use photofinish_report::{Reader, Report};
pub(crate) use photofinish_testkit::may_catch;
use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// So often a program is started that may crash.
const STARTS: usize = 5;

/// A program of the corpus.
pub(crate) fn built(folder: &str, options: &BuildOptions) -> PathBuf {
    build_go(workspace_root().join("corpus").join(folder), options)
}

/// It runs, and has begun.
pub(crate) fn started(program: &PathBuf, arguments: &[&str]) -> Running {
    let running = Running::start(Command::new(program).args(arguments));
    running.wait_for_line(PATIENCE, "READY");
    running
}

/// What is caught in `target` within `duration`, or until `enough` says so of a race.
pub(crate) fn watched(
    target: &Running,
    duration: Duration,
    enough: impl FnMut(&Caught) -> bool + Send,
) -> Outcome {
    let outcome = tried(target, duration, enough);
    outcome.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
}

/// The same of a program that may crash by its own race, also before it is looked at: it is started again then.
pub(crate) fn watched_till_caught(start: impl Fn() -> Running, duration: Duration) -> Outcome {
    let mut outcome = Outcome::default();
    for _ in 0..STARTS {
        let target = start();
        match tried(&target, duration, |_| true) {
            Ok(seen) => outcome = seen,
            Err(error) => {
                assert!(error.is_gone(), "{error}: {}", target.output());
                outcome.ended = true;
            }
        }
        if !outcome.caught.is_empty() || !outcome.ended {
            break;
        }
    }
    outcome
}

fn tried(
    target: &Running,
    duration: Duration,
    mut enough: impl FnMut(&Caught) -> bool + Send,
) -> Result<Outcome, CatchError> {
    let process = match Process::open(target.pid()) {
        Ok(process) => process,
        Err(OpenError::Process { cause, .. }) => return Err(cause.into()),
        Err(error) => panic!("{error}"),
    };
    photofinish_catch::prepare();
    let plan = Plan {
        duration,
        budget: 0.6,
        only_maps: false,
        focus: None,
        until_first: false,
        spent: Duration::ZERO,
    };
    let stop = AtomicBool::new(false);
    catch(&process, &plan, &stop, &mut |caught| {
        if enough(caught) {
            stop.store(true, Ordering::Relaxed);
        }
    })
}

/// The texts of the races, for a test that wants none.
pub(crate) fn texts(outcome: &Outcome) -> String {
    outcome.caught.iter().map(|caught| caught.race.raw.as_str()).collect()
}

/// What a race build prints, as soon as `wanted` is among it.
pub(crate) fn reported(program: &PathBuf, arguments: &[&str], wanted: &Fingerprint) -> Vec<Race> {
    let running = Running::start(Command::new(program).args(arguments));
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let races = races_in(&running.output());
        let is_there = races.iter().any(|race| Fingerprint::of(race) == *wanted);
        if is_there || Instant::now() > end {
            return races;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The races in `text`.
pub(crate) fn races_in(text: &str) -> Vec<Race> {
    let mut races = Vec::new();
    let mut keep = |report: Report| races.push(report.race);
    let mut reader = Reader::new();
    reader.feed(text.as_bytes(), &mut keep);
    reader.finish(&mut keep);
    races
}
