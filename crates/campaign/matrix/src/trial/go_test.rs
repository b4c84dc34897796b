//! `go test -race`, in a fresh process, each time run and never answered from Go's cache of results.

use super::{Seen, Trial};
use crate::toolchain::Toolchain;
use crate::{Column, MatrixError, Plan, Subject, Way};
use photofinish_load::Stop;
use photofinish_model::{Fingerprint, Kind};
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

const GLANCE: Duration = Duration::from_millis(50);

/// How a run of `go test` ended.
struct Ended {
    success: bool,
    text: Vec<u8>,
}

/// Compiles the tests, so that no trial pays for it, and what does not compile is known before the first.
pub(crate) fn prepare(
    plan: &Plan,
    toolchain: &Toolchain,
    subject: Subject,
    stop: &Stop,
) -> Result<(), MatrixError> {
    let failed = |reason: String| MatrixError::Test {
        column: Column { subject, way: Way::Test }.to_string(),
        toolchain: toolchain.version.clone(),
        reason,
    };
    // Flags of the tests themselves come later; this one matches no test.
    let ended = go_test(plan, toolchain, subject, &["-run=^$"], stop).map_err(failed)?;
    match ended {
        Some(Ended { success: false, text }) => Err(failed(last_lines(&text))),
        _ => Ok(()),
    }
}

/// One trial; `None` when it was told to stop.
pub(crate) fn run(
    plan: &Plan,
    toolchain: &Toolchain,
    subject: Subject,
    stop: &Stop,
) -> Result<Option<Trial>, String> {
    let Some(ended) = go_test(plan, toolchain, subject, &[], stop)? else { return Ok(None) };
    let mut races: Vec<Seen> = Vec::new();
    for race in photofinish_report::read_all(&ended.text) {
        let fingerprint = Fingerprint::of(&race).to_string();
        if race.kind == Kind::DataRace && races.iter().all(|seen| seen.fingerprint != fingerprint) {
            // When it was printed is not known: go test prints a package's output at its end.
            races.push(Seen { fingerprint, first_ms: 0.0 });
        }
    }
    Ok(Some(Trial { races, tests_failed: !ended.success, ..Trial::default() }))
}

fn go_test(
    plan: &Plan,
    toolchain: &Toolchain,
    subject: Subject,
    more: &[&str],
    stop: &Stop,
) -> Result<Option<Ended>, String> {
    let build = plan.build_of(subject);
    let mut command = Command::new(&toolchain.go);
    command.args(["test", "-race", "-count=1", "-vet=off"]);
    let tags = [&build.tags[..], &plan.test.tags[..]].concat();
    if !tags.is_empty() {
        command.arg(format!("-tags={}", tags.join(",")));
    }
    command.args(&plan.test.args).args(more);
    match plan.test.packages.is_empty() {
        true => command.arg("./..."),
        false => command.args(&plan.test.packages),
    };
    command.current_dir(&build.dir).env("PWD", &build.dir);
    command.envs(build.env.iter().map(|(name, value)| (name, value)));
    command.envs(toolchain.env()).env("GOMAXPROCS", plan.gomaxprocs.to_string());
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let readers: Vec<_> = [
        child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ]
    .into_iter()
    .flatten()
    .map(|mut pipe| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = pipe.read_to_end(&mut bytes);
            bytes
        })
    })
    .collect();
    // Its pipes close when the last of its processes has ended.
    while !readers.iter().all(std::thread::JoinHandle::is_finished) {
        if stop.is_stopped() {
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
            return Ok(None);
        }
        std::thread::sleep(GLANCE);
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    let text = readers.into_iter().filter_map(|thread| thread.join().ok()).flatten().collect();
    Ok(Some(Ended { success: status.success(), text }))
}

fn last_lines(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.contains("[no test files]")).collect();
    lines[lines.len().saturating_sub(8)..].join("\n    ")
}
