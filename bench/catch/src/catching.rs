//! `photofinish catch` while it watches a process: what it reported, when, and what memory it took.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde_json::Value;

use crate::target::memory_mib;

/// What catch is given to end beyond the time it was told.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came of watching.
#[derive(Debug)]
pub(crate) struct Caught {
    /// The first race, in seconds from attaching.
    pub(crate) first: Option<f64>,
    /// The races, as Go's detector would print them.
    pub(crate) races: Vec<String>,
    /// The peak of catch's own memory.
    pub(crate) peak_mib: f64,
    /// What it said on stderr.
    pub(crate) said: String,
}

/// A catch under way; killed and reaped when dropped.
pub(crate) struct Catching {
    child: Child,
    target: u32,
    until: Instant,
    /// Where its findings go, which nobody reads.
    _store: tempfile::TempDir,
}

impl Catching {
    /// Begins to watch `target` for `time`, at the default budget.
    pub(crate) fn start(target: u32, time: Duration, more: &[&str]) -> anyhow::Result<Catching> {
        let photofinish = std::env::var_os("PHOTOFINISH").context("PHOTOFINISH names no build")?;
        let store = tempfile::tempdir()?;
        let mut command = Command::new(photofinish);
        command.args(["catch", &target.to_string(), "--format", "json"]);
        command.args(["--for", &format!("{}ms", time.as_millis())]).args(more);
        command.env("PHOTOFINISH_STORE", store.path().join("findings.db"));
        command.env("PHOTOFINISH_SPOOL", store.path().join("spool"));
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start photofinish catch")?;
        Ok(Catching { child, target, until: Instant::now() + time + PATIENCE, _store: store })
    }

    /// Waits until it is attached, or has ended.
    pub(crate) fn attached(&mut self) {
        let is_traced = |pid: u32| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            status.lines().any(|line| line.starts_with("TracerPid:") && !line.ends_with("\t0"))
        };
        while !is_traced(self.target) && self.child.try_wait().is_ok_and(|end| end.is_none()) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> anyhow::Result<Caught> {
        let mut peak_mib = 0.0_f64;
        while Instant::now() < self.until && self.child.try_wait()?.is_none() {
            peak_mib = peak_mib.max(memory_mib(self.child.id(), "VmHWM"));
            std::thread::sleep(Duration::from_millis(50));
        }
        // Fails only because it is over already.
        let _ = self.child.kill();
        let status = self.child.wait()?;
        let (mut told, mut said) = (Vec::new(), String::new());
        if let (Some(stdout), Some(stderr)) = (&mut self.child.stdout, &mut self.child.stderr) {
            stdout.read_to_end(&mut told)?;
            stderr.read_to_string(&mut said)?;
        }
        anyhow::ensure!(matches!(status.code(), Some(0 | 1)), "catch ended with {status}: {said}");
        let races: Vec<Value> = serde_json::from_slice(&told).context("catch printed no JSON")?;
        let first = races.iter().filter_map(|race| race["caught_after_ms"].as_f64());
        Ok(Caught {
            first: first.min_by(f64::total_cmp).map(|ms| ms / 1e3),
            races: races
                .iter()
                .map(|race| race["raw"].as_str().unwrap_or_default().to_owned())
                .collect(),
            peak_mib,
            said,
        })
    }
}

impl Drop for Catching {
    fn drop(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
