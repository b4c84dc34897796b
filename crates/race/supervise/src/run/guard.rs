//! A process beside us that outlives us for a moment, to end programs that ignore the SIGTERM of our death.
//!
//! When we are killed, the kernel sends our programs a SIGTERM (`launch`), and nobody is left to send SIGKILL to
//! one that does not care. So a small process reads from a pipe which programs there are: the pipe's end is our
//! death, or our good end, with no program left. It holds each by a file descriptor (pidfd_open(2)), so a number
//! that the kernel has given to somebody else meanwhile is never signalled, and is in a process group of its
//! own, so that what ends ours does not end it. Whoever kills it too, a service manager that ends a whole control
//! group for instance, ends the programs as well.
//!
//! Start at [`Guard::start`]; [`guard`] is the other side.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, BufRead, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The process beside us; it ends when this is dropped, or we die.
#[derive(Debug)]
pub struct Guard(Mutex<Child>);

impl Guard {
    /// Starts it: `command` has to end in [`guard`].
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(command: &[OsString]) -> io::Result<Guard> {
        let (program, words) =
            command.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut command = Command::new(program);
        command.args(words).process_group(0).stdin(Stdio::piped());
        // A pipe of ours that it held open would keep others waiting for our end.
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().map(|child| Guard(child.into()))
    }

    /// A program of ours runs, which leads a process group.
    pub fn watch(&self, pid: u32) {
        self.say(format!("+{pid}\n"));
    }

    /// It has ended.
    pub fn forget(&self, pid: u32) {
        self.say(format!("-{pid}\n"));
    }

    /// Whether it is there.
    pub fn lives(&self) -> bool {
        self.locked(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn say(&self, line: String) {
        self.locked(|child| {
            // One that has died hears nothing, and another one is started with the next program.
            child.stdin.as_mut().map(|pipe| pipe.write_all(line.as_bytes()))
        });
    }

    fn locked<T>(&self, what: impl FnOnce(&mut Child) -> T) -> T {
        // A panic while it was locked leaves it as good as it was.
        what(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.locked(|child| {
            drop(child.stdin.take());
            let _ = child.wait();
        });
    }
}

/// The other side: hears of programs until `lines` end, gives those that are left `patience` to end, and then
/// ends them.
pub fn guard(lines: impl BufRead, patience: Duration) {
    let mut programs: HashMap<Pid, OwnedFd> = HashMap::new();
    for line in lines.lines().map_while(Result::ok) {
        let pid = line.get(1..).and_then(|pid| pid.parse().ok()).and_then(Pid::from_raw);
        match (line.as_bytes().first(), pid) {
            (Some(b'+'), Some(pid)) => {
                // Gone already is as good as ended.
                if let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) {
                    programs.insert(pid, handle);
                }
            }
            (Some(b'-'), Some(pid)) => drop(programs.remove(&pid)),
            _ => {}
        }
    }
    let until = Instant::now() + patience;
    programs.retain(|_, handle| !ends(handle, until));
    for (pid, handle) in &programs {
        // While it lives its number is its own, and so is its group's.
        let _ = kill_process_group(*pid, Signal::KILL);
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
}

/// Waits until a program has ended, at most `until` then; whether it has.
fn ends(handle: &OwnedFd, until: Instant) -> bool {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() };
        // A pidfd can be read once its process has ended (pidfd_open(2)).
        match poll(&mut [PollFd::new(handle, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return ready > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
        }
    }
}
