//! `catch` on the normal build while it serves: our own command in a process of its own, one for each process of the
//! build that there comes to be.
//!
//! In a process of its own, since whoever may be held by a tracer must not be waited for by another part of the
//! same program: the kernel tells only one of the two (wait(2)). It records what it catches itself, and says each
//! here as a line of JSON (docs/json.md).

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use photofinish_model::{Fingerprint, Kind};
use photofinish_supervise::Delivered;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use crate::tally::Tally;
use crate::{CatchCommand, CatchOutcome, Variant};

/// How often a new process of the build is looked for.
const LOOK: Duration = Duration::from_millis(50);
/// A process that was just started is our launcher still; so long it may be.
const STARTING: Duration = Duration::from_secs(2);

/// Somebody who looks at the normal build.
pub(crate) struct Catching {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<CatchOutcome>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_over: AtomicBool,
    /// The command that runs now.
    running: Mutex<Option<Pid>>,
}

/// A line that `catch --format jsonl` prints: a race, or the end.
#[derive(Deserialize)]
struct Line {
    fingerprint: Option<String>,
    new: Option<bool>,
    regressed: Option<bool>,
    effort: Option<Effort>,
}

#[derive(Deserialize)]
struct Effort {
    elapsed_ms: f64,
    samples: u64,
    share: f64,
}

impl Catching {
    /// Looks at the process that `pid` holds, and at each that follows, by `command` with the number behind it.
    pub(crate) fn start(
        command: &CatchCommand,
        pid: Arc<AtomicU32>,
        tally: &Tally,
    ) -> std::io::Result<Catching> {
        let shared = Arc::new(Shared::default());
        tally.start(Variant::Catch);
        let (command, tally, seen) = (command.clone(), tally.clone(), Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("catching".to_owned()).spawn(move || {
            let mut outcome = CatchOutcome::default();
            let mut last = 0;
            let mut began = Instant::now();
            while !seen.is_over.load(Ordering::SeqCst) {
                let pid = pid.load(Ordering::SeqCst);
                if pid == 0 || pid == last {
                    began = Instant::now();
                    std::thread::sleep(LOOK);
                    continue;
                }
                match look(&command, pid, &seen, &tally, &mut outcome) {
                    Ok(()) => last = pid,
                    // Not the service yet.
                    Err(_) if began.elapsed() < STARTING => std::thread::sleep(LOOK),
                    Err(failure) => {
                        last = pid;
                        outcome.failure.get_or_insert(failure);
                    }
                }
            }
            outcome
        })?;
        Ok(Catching { shared, thread: Some(thread) })
    }

    /// Ends it; what it came to.
    pub(crate) fn finish(mut self) -> CatchOutcome {
        self.end().unwrap_or_default()
    }

    fn end(&mut self) -> Option<CatchOutcome> {
        let thread = self.thread.take()?;
        self.shared.is_over.store(true, Ordering::SeqCst);
        if let Some(pid) = *self.shared.running() {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        thread.join().ok()
    }
}

/// A hunt that gives up half-way leaves nobody at the service.
impl Drop for Catching {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn running(&self) -> MutexGuard<'_, Option<Pid>> {
        // A panic while it was locked leaves it as good as it was.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `command`, unless all is over.
    fn spawn(&self, command: &mut Command) -> std::io::Result<Option<Child>> {
        let mut running = self.running();
        if self.is_over.load(Ordering::SeqCst) {
            return Ok(None);
        }
        let child = command.spawn()?;
        *running = Some(Pid::from_child(&child));
        Ok(Some(child))
    }
}

/// One run of the command; an error is what it said when it could not look.
fn look(
    command: &CatchCommand,
    pid: u32,
    shared: &Shared,
    tally: &Tally,
    outcome: &mut CatchOutcome,
) -> Result<(), String> {
    let Some((program, arguments)) = command.words.split_first() else { return Ok(()) };
    let env = command.env.iter().cloned();
    let mut command = Command::new(program);
    command.args(arguments).arg(pid.to_string()).envs(env);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let Some(mut child) = shared.spawn(&mut command).map_err(|error| error.to_string())? else {
        return Ok(());
    };
    let said = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut said = String::new();
            let _ = stderr.read_to_string(&mut said);
            said
        })
    });
    for line in child.stdout.take().into_iter().flat_map(|out| BufReader::new(out).lines()) {
        let Ok(line) = line else { break };
        match serde_json::from_str::<Line>(&line) {
            Ok(line) => heard(line, tally, outcome),
            Err(error) => drop(outcome.failure.get_or_insert(error.to_string())),
        }
    }
    let status = child.wait();
    *shared.running() = None;
    let said = said.and_then(|thread| thread.join().ok()).unwrap_or_default();
    match status {
        // Races were found, or none.
        Ok(status) if matches!(status.code(), Some(0 | 1)) => Ok(()),
        _ => Err(failure(&said)),
    }
}

fn heard(line: Line, tally: &Tally, outcome: &mut CatchOutcome) {
    if let Some(effort) = line.effort {
        outcome.add(
            Duration::from_secs_f64(effort.elapsed_ms.max(0.0) / 1e3),
            effort.samples,
            effort.share,
        );
    }
    if let Some(fingerprint) = line.fingerprint {
        let delivered = Delivered {
            fingerprint: Fingerprint::from_stored(fingerprint),
            new: line.new.unwrap_or(false),
            regressed: line.regressed.unwrap_or(false),
            duplicate: false,
        };
        tally.count(Variant::Catch, Kind::DataRace, &delivered);
    }
}

/// The lines in which it said why.
fn failure(said: &str) -> String {
    let why: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter_map(|line| {
            line.strip_prefix("error: ")
                .or_else(|| line.strip_prefix("because: "))
                .or_else(|| line.strip_prefix("try: "))
        })
        .collect();
    match why.is_empty() {
        true => "it ended without a word".to_owned(),
        false => why.join("; "),
    }
}
