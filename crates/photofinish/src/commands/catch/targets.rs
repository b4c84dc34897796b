//! Which processes are looked at: those named by number, and those that run a program of a given name.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;

/// How often a process that has not started yet is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// The kernel keeps so much of a thread's name (`TASK_COMM_LEN` of linux/sched.h, less its end).
const COMM: usize = 15;

/// The processes asked for.
#[derive(Debug)]
pub(super) struct Targets {
    pub(super) pids: Vec<u32>,
    pub(super) names: Vec<String>,
}

impl Targets {
    /// Those there are; waits for the first where only names were given. None if `stop` was set meanwhile.
    pub(super) fn wait(&self, stop: &AtomicBool) -> anyhow::Result<Vec<u32>> {
        let mut has_said = false;
        loop {
            let found = self.now()?;
            if !found.is_empty() || stop.load(Ordering::Relaxed) {
                return Ok(found);
            }
            if !has_said {
                has_said = true;
                let names = self.names.join("` or `");
                // Talk that nobody can read is no reason to end.
                let _ = writeln!(anstream::stderr(), "photofinish: waiting for `{names}` to start");
            }
            std::thread::sleep(LOOK);
        }
    }

    fn now(&self) -> anyhow::Result<Vec<u32>> {
        let mut found: BTreeSet<u32> = self.pids.iter().copied().collect();
        if !self.names.is_empty() {
            for entry in std::fs::read_dir("/proc").context("cannot list processes")? {
                // One that ends while we look is none.
                let Some(pid) =
                    entry.ok().and_then(|entry| entry.file_name().to_str()?.parse().ok())
                else {
                    continue;
                };
                if pid != std::process::id() && self.names.iter().any(|name| is_called(pid, name)) {
                    found.insert(pid);
                }
            }
        }
        Ok(found.into_iter().collect())
    }
}

/// By the file it runs, or the name the kernel shows.
fn is_called(pid: u32, name: &str) -> bool {
    let program = std::fs::read_link(format!("/proc/{pid}/exe"));
    if let Ok(program) = &program
        && file_name(program).is_some_and(|file| file.trim_end_matches(" (deleted)") == name)
    {
        return true;
    }
    let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let short = name.get(..COMM).unwrap_or(name);
    // Kernel threads have names and no program.
    program.is_ok() && !comm.is_empty() && comm.trim_end() == short
}

/// The program that process `pid` runs, for people.
pub(super) fn program_name(path: &Path) -> String {
    file_name(path).unwrap_or("service").trim_end_matches(" (deleted)").to_owned()
}

fn file_name(path: &Path) -> Option<&str> {
    path.file_name()?.to_str()
}
