//! `catch` on the process of a trial: our own command beside it, which says each race as a line of JSON (docs/json.md).
//!
//! In a process of its own, since whoever may be held by a tracer must not be waited for by another part of the same
//! program: the kernel tells only one of the two (wait(2)).

use super::Seen;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::Instant;

/// Somebody who looks.
pub(super) struct Catching {
    child: Child,
    lines: Option<JoinHandle<Vec<(String, Instant)>>>,
    said: Option<JoinHandle<String>>,
}

#[derive(Deserialize)]
struct Line {
    fingerprint: Option<String>,
}

impl Catching {
    /// Looks at `pid` by `command`.
    pub(super) fn start(command: &[OsString], pid: u32) -> Result<Catching, String> {
        let (program, arguments) = command.split_first().ok_or("no command for catch")?;
        let mut child = Command::new(program)
            .args(arguments)
            .arg(pid.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("catch: {error}"))?;
        let lines = child.stdout.take().map(|out| {
            std::thread::spawn(move || {
                let lines = BufReader::new(out).lines().map_while(Result::ok);
                let read = |line: String| serde_json::from_str::<Line>(&line).ok()?.fingerprint;
                lines.filter_map(|line| Some((read(line)?, Instant::now()))).collect()
            })
        });
        let said = child.stderr.take().map(|mut err| {
            std::thread::spawn(move || {
                let mut said = String::new();
                let _ = err.read_to_string(&mut said);
                said
            })
        });
        Ok(Catching { child, lines, said })
    }

    /// Ends it; what it caught, with how long after `begun`.
    pub(super) fn finish(mut self, begun: Instant) -> Result<Vec<Seen>, String> {
        // It may have ended by itself, with the process.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let lines = self.lines.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let said = self.said.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        let status = self.child.wait().map_err(|error| format!("catch: {error}"))?;
        if !matches!(status.code(), Some(0 | 1)) && lines.is_empty() {
            return Err(failure(&said));
        }
        let seen = lines.into_iter().map(|(fingerprint, at)| Seen {
            fingerprint,
            first_ms: at.saturating_duration_since(begun).as_secs_f64() * 1e3,
        });
        Ok(seen.collect())
    }
}

/// A trial that is given up leaves nobody at the process.
impl Drop for Catching {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

/// The lines in which it said why.
fn failure(said: &str) -> String {
    let words = ["error: ", "because: ", "try: "];
    let lines = said.lines().map(str::trim);
    let why: Vec<&str> =
        lines.filter_map(|line| words.iter().find_map(|word| line.strip_prefix(word))).collect();
    match why.is_empty() {
        true => "catch ended without a word".to_owned(),
        false => format!("catch: {}", why.join("; ")),
    }
}
