//! `corpus/catch` is true: Go's own detector reports each racy program, and none of the repaired ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};

/// The most that a report may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a repaired program is listened to: a hundred of them share the minute of a test run.
const LISTEN: Duration = Duration::from_millis(800);
/// So many run at a time.
const AT_ONCE: usize = 4;
/// What Go's detector makes a program end with.
const RACE: i32 = 66;

/// A program of the corpus.
#[derive(Clone, Debug)]
struct Pattern {
    name: String,
    /// Go's detector seldom sees it, and the corpus says why.
    unseen: bool,
}

fn patterns(binary: &Path) -> Vec<Pattern> {
    let output = Command::new(binary).args(["list", "-v"]).output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let pattern = |line: &str| {
        let [name, kind, unseen] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
        assert!(!kind.is_empty(), "{name} is of no kind");
        Pattern { name: name.to_owned(), unseen: !unseen.is_empty() }
    };
    lines.lines().map(pattern).collect()
}

/// What `judge` complains of, of all patterns, a few at a time.
fn complaints(judge: impl Fn(&Path, &Pattern) -> Option<String> + Sync) -> Vec<String> {
    let binary = build_go(workspace_root().join("corpus/catch"), &BuildOptions::race());
    let waiting = Mutex::new(patterns(&binary));
    assert!(waiting.lock().unwrap().len() > 80);
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some(pattern) = waiting.lock().unwrap().pop() else { break };
                    let complaint = judge(&binary, &pattern);
                    found.lock().unwrap().extend(complaint);
                }
            });
        }
    });
    found.into_inner().unwrap()
}

#[test]
fn every_racy_program_is_reported_by_gos_detector() {
    let complaints = complaints(|binary, pattern| {
        if pattern.unseen {
            return None;
        }
        let mut command = Command::new(binary);
        command.args([pattern.name.as_str(), "racy"]).env("GORACE", "halt_on_error=1 exitcode=66");
        let mut running = Running::start(&mut command);
        let status = running.wait_for_end(PATIENCE);
        let is_reported = status.code() == Some(RACE);
        (!is_reported).then(|| format!("{}: {status}\n{}", pattern.name, running.output()))
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn no_repaired_program_is_reported_by_gos_detector() {
    let complaints = complaints(|binary, pattern| {
        let running = Running::start(Command::new(binary).args([&pattern.name, "repaired"]));
        running.wait_for_line(PATIENCE, "READY");
        std::thread::sleep(LISTEN);
        let output = running.output();
        let ended = !Path::new(&format!("/proc/{}/fd/0", running.pid())).exists();
        let is_clean = !ended && !output.contains("DATA RACE") && !output.contains("fatal");
        (!is_clean).then(|| format!("{}, ended: {ended}\n{output}", pattern.name))
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
