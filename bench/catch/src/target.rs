//! A program of the corpus while it runs: what it has done, what memory it takes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// A running program; killed and reaped when dropped.
pub(crate) struct Target {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// How far a program has come, and when.
#[derive(Clone, Copy)]
pub(crate) struct Mark {
    rounds: u64,
    at: Instant,
}

impl Target {
    /// Starts `binary NAME VARIANT`; its load is on once this returns.
    pub(crate) fn start(binary: &Path, name: &str, variant: &str) -> anyhow::Result<Target> {
        let mut command = Command::new(binary);
        command.args([name, variant]).stderr(Stdio::null());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout)) = (stdin, stdout) else { bail!("{name}: no pipes") };
        let mut target = Target { child, stdin, stdout: BufReader::new(stdout) };
        target.line("READY").with_context(|| format!("{name} {variant} does not begin"))?;
        Ok(target)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has not ended by itself.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|end| end.is_none())
    }

    /// How far it is.
    pub(crate) fn mark(&mut self) -> anyhow::Result<Mark> {
        self.stdin.write_all(b"\n")?;
        let rounds = self.line("WORK ")?.parse()?;
        Ok(Mark { rounds, at: Instant::now() })
    }

    /// Rounds of work in a second since `mark`.
    pub(crate) fn pace(&mut self, mark: Mark) -> anyhow::Result<f64> {
        let now = self.mark()?;
        Ok((now.rounds - mark.rounds) as f64 / (now.at - mark.at).as_secs_f64())
    }

    /// What follows `marker` on the next line that begins with it.
    fn line(&mut self, marker: &str) -> anyhow::Result<String> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.stdout.read_line(&mut line)? == 0 {
                bail!("it ended");
            }
            if let Some(rest) = line.strip_prefix(marker) {
                return Ok(rest.trim().to_owned());
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        // Either may fail only because it is over already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Resident memory of a process in MiB; its peak with `VmHWM`.
pub(crate) fn memory_mib(pid: u32, figure: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(figure)).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).unwrap_or(0.0);
    kib / 1024.0
}

/// Waits for the end of `child`, at most so long, then ends it; how long that took, if it ended by itself.
pub(crate) fn ended(child: &mut Child, within: Duration) -> Option<(Duration, Option<i32>)> {
    let began = Instant::now();
    while began.elapsed() < within {
        if let Ok(Some(status)) = child.try_wait() {
            return Some((began.elapsed(), status.code()));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}
