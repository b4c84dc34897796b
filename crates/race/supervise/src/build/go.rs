//! Runs the `go` command, and can kill it.
//!
//! `go` gets a process group of its own, so that its compilers and linkers die with it. It is asked
//! to end first (it removes its temporary files then), and killed if it does not.

use super::{BuildError, Plan};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often the stop flag is looked at.
const GLANCE: Duration = Duration::from_millis(50);
/// How long an interrupted `go` may tidy up.
const GRACE: Duration = Duration::from_secs(3);

/// A `go` command, with the folder and environment it runs in.
#[derive(Clone, Debug)]
pub(super) struct Go {
    pub(super) path: PathBuf,
    pub(super) dir: PathBuf,
    env: Vec<(OsString, OsString)>,
    stop: Arc<AtomicBool>,
}

/// How a run of `go` ended, with what it wrote to stdout.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
}

impl Go {
    pub(super) fn find(plan: &Plan) -> Result<Go, BuildError> {
        let dir = if plan.dir.as_os_str().is_empty() { Path::new(".") } else { &plan.dir };
        let dir = std::path::absolute(dir)
            .and_then(|dir| dir.read_dir().map(|_| dir))
            .map_err(|cause| BuildError::Dir { dir: plan.dir.clone(), cause })?;
        let search = plan.env.iter().rev().find(|(name, _)| name == "PATH");
        let search = search.map(|(_, value)| value.clone()).or_else(|| std::env::var_os("PATH"));
        let path = match &plan.go {
            Some(go) if go.components().count() > 1 => std::path::absolute(go)
                .ok()
                .filter(|go| go.is_file())
                .ok_or_else(|| BuildError::NoGo { tried: format!("no file {}", go.display()) })?,
            named => {
                let name = named.as_deref().unwrap_or(Path::new("go"));
                on_path(name, search.as_ref()).ok_or_else(|| BuildError::NoGo {
                    tried: format!("no `{}` on PATH", name.display()),
                })?
            }
        };
        Ok(Go { path, dir, env: plan.env.clone(), stop: Arc::clone(&plan.stop) })
    }

    /// The same `go`, with cgo where a race build asked for it.
    pub(super) fn for_race(&self, plan: &Plan) -> Go {
        let mut go = self.clone();
        if plan.cgo_for_race {
            go.env.push(("CGO_ENABLED".into(), "1".into()));
        }
        go
    }

    /// The value a variable has for `go`.
    pub(super) fn var(&self, name: &str) -> Option<OsString> {
        let set = self.env.iter().rev().find(|(known, _)| known == name);
        set.map(|(_, value)| value.clone()).or_else(|| std::env::var_os(name))
    }

    /// Runs to the end and returns stdout; anything but success is an error with stderr in it.
    pub(super) fn read(&self, args: &[String]) -> Result<Vec<u8>, BuildError> {
        let mut stderr = Vec::new();
        let ended = self.run(args, &mut |line| stderr.push(line))?;
        if ended.status.success() {
            return Ok(ended.stdout);
        }
        let command = args.first().cloned().unwrap_or_default();
        Err(BuildError::Go { command, reason: told(&stderr, ended.status) })
    }

    /// Runs to the end, handing over stderr line by line as it comes.
    pub(super) fn run(
        &self,
        args: &[String],
        on_line: &mut dyn FnMut(String),
    ) -> Result<Ended, BuildError> {
        let mut command = Command::new(&self.path);
        command.args(args).current_dir(&self.dir).process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.env("PWD", &self.dir).envs(self.env.iter().map(|(name, value)| (name, value)));
        let mut child =
            command.spawn().map_err(|cause| BuildError::Run { go: self.path.clone(), cause })?;
        let stdout = child.stdout.take().map(|mut pipe| {
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = pipe.read_to_end(&mut bytes);
                bytes
            })
        });
        let (sender, lines) = channel();
        if let Some(pipe) = child.stderr.take() {
            std::thread::spawn(move || {
                let mut pipe = BufReader::new(pipe);
                let mut line = Vec::new();
                while pipe.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    if sender.send(text).is_err() {
                        break;
                    }
                }
            });
        }
        self.relay(&mut child, &lines, on_line)?;
        let status =
            child.wait().map_err(|cause| BuildError::Run { go: self.path.clone(), cause })?;
        let stdout = stdout.and_then(|reader| reader.join().ok()).unwrap_or_default();
        Ok(Ended { status, stdout })
    }

    /// Passes lines on until stderr is closed, or kills everything when told to stop.
    fn relay(
        &self,
        child: &mut Child,
        lines: &Receiver<String>,
        on_line: &mut dyn FnMut(String),
    ) -> Result<(), BuildError> {
        loop {
            if self.stop.load(Ordering::Relaxed) {
                end(child);
                return Err(BuildError::Stopped);
            }
            match lines.recv_timeout(GLANCE) {
                Ok(line) => on_line(line),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }
}

/// The last thing `go` said, in one line.
pub(super) fn told(stderr: &[String], status: ExitStatus) -> String {
    let said: Vec<&str> = stderr.iter().map(|line| line.trim()).filter(|l| !l.is_empty()).collect();
    if said.is_empty() { status.to_string() } else { said.join("; ") }
}

/// Finds an executable file as a shell would.
pub(super) fn on_path(name: &Path, path: Option<&OsString>) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let runs = |file: &PathBuf| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if name.components().count() > 1 {
        return Some(name.to_owned()).filter(runs);
    }
    std::env::split_paths(path?).map(|dir| dir.join(name)).find(runs)
}

fn end(child: &mut Child) {
    let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return };
    let _ = kill_process_group(group, Signal::INT);
    let asked = Instant::now();
    // Looking without reaping keeps the number of the group taken until the last signal is sent.
    let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    while asked.elapsed() < GRACE && matches!(waitid(WaitId::Pid(group), look), Ok(None)) {
        std::thread::sleep(GLANCE);
    }
    let _ = kill_process_group(group, Signal::KILL);
    let _ = child.wait();
}
