//! Go programs watched by the library itself.

#![allow(dead_code, reason = "each test uses its part")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use photofinish_catch::{Caught, Outcome, Plan, catch};
use photofinish_goprocess::Process;
use photofinish_model::{Fingerprint, Race};
use photofinish_report::{Reader, Report};
use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// CAP_SYS_PTRACE, CAP_PERFMON and CAP_BPF of linux/capability.h.
const NEEDED: [(u32, &str); 3] = [(19, "SYS_PTRACE"), (38, "PERFMON"), (39, "BPF")];

/// Whether we may catch at all; says what is missing.
pub(crate) fn may_catch() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:")).unwrap();
    let set = u64::from_str_radix(line.trim(), 16).unwrap();
    let missing: Vec<&str> =
        NEEDED.iter().filter(|(bit, _)| set >> bit & 1 == 0).map(|(_, name)| *name).collect();
    if !missing.is_empty() {
        eprintln!("skipped: needs the capabilities {}", missing.join(", "));
    }
    let breakpoints = std::path::Path::new("/sys/bus/event_source/devices/breakpoint").exists();
    if !breakpoints {
        eprintln!("skipped: this kernel or machine has no hardware breakpoints");
    }
    missing.is_empty() && breakpoints && cfg!(target_arch = "x86_64")
}

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
    mut enough: impl FnMut(&Caught) -> bool + Send,
) -> Outcome {
    let process = Process::open(target.pid()).unwrap();
    photofinish_catch::prepare();
    let plan = Plan { duration, budget: 0.6, only_maps: false, focus: None, until_first: false };
    let stop = AtomicBool::new(false);
    let outcome = catch(&process, &plan, &stop, &mut |caught| {
        if enough(caught) {
            stop.store(true, Ordering::Relaxed);
        }
    });
    outcome.unwrap_or_else(|error| panic!("{error}: {:?}", std::error::Error::source(&error)))
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
