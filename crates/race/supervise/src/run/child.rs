//! One process of the program: started, told things, waited for.
//!
//! It is started through a launcher (ourselves, under a hidden name) that asks the kernel for a
//! SIGTERM when we die and then becomes the program, so that a SIGKILL of ours leaves no program
//! on its port without anybody to look after it. The kernel ties that to the *thread* that
//! started the child, so [`Child::start`] must be called from a thread that lives as long as we.
//!
//! Source: prctl(2), PR_SET_PDEATHSIG and PR_SET_CHILD_SUBREAPER.

use super::RunError;
use rustix::process::{
    Pid, Signal, WaitOptions, kill_process, kill_process_group, test_kill_process_group, wait,
    waitpid,
};
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself, with this status.
    Exited(u8),
    /// By this signal.
    Signalled(i32),
}

impl End {
    /// The status to pass on: 128 + n for signal n, as a shell does.
    pub fn status(self) -> u8 {
        match self {
            End::Exited(code) => code,
            End::Signalled(signal) => u8::try_from(128 + signal).unwrap_or(255),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exited(code) => write!(f, "exit status {code}"),
            End::Signalled(number) => match signal_name(*number) {
                Some(name) => write!(f, "signal {number} ({name})"),
                None => write!(f, "signal {number}"),
            },
        }
    }
}

/// A process of the program.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    own_group: bool,
    peak: u64,
}

pub(super) struct Start<'a> {
    pub(super) launcher: &'a [OsString],
    pub(super) program: &'a Path,
    pub(super) command: &'a [OsString],
    pub(super) environment: &'a [(OsString, OsString)],
    pub(super) folder: Option<&'a Path>,
    pub(super) stdout: Option<File>,
    pub(super) stderr: File,
    /// In a process group of its own, so that what a terminal sends to ours is sent on once.
    pub(super) own_group: bool,
}

impl Child {
    pub(super) fn start(start: Start<'_>) -> Result<Child, RunError> {
        let mut words = start.launcher.to_vec();
        words.push(start.program.as_os_str().to_owned());
        words.extend(start.command.iter().skip(1).cloned());
        let mut words = words.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words).envs(start.environment.iter().map(|(name, value)| (name, value)));
        command.stderr(Stdio::from(start.stderr));
        if let Some(stdout) = start.stdout {
            command.stdout(Stdio::from(stdout)).stdin(Stdio::null());
        }
        if let Some(folder) = start.folder {
            command.current_dir(folder);
        }
        if start.own_group {
            command.process_group(0);
        }
        let child = command
            .spawn()
            .map_err(|cause| RunError::Start { path: start.program.to_owned(), cause })?;
        let pid = Pid::from_child(&child);
        Ok(Child { pid, own_group: start.own_group, peak: 0 })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Sends a signal to the process itself.
    pub(super) fn tell(&self, signal: Signal) {
        let _ = kill_process(self.pid, signal);
    }

    /// Sends a signal to the process and what else is in its group.
    pub(super) fn tell_group(&self, signal: Signal) {
        if self.own_group {
            let _ = kill_process_group(self.pid, signal);
        } else {
            self.tell(signal);
        }
    }

    /// How it ended, if it has. As init (`reap_all`) every dead child is reaped on the way,
    /// orphans that the kernel gave us included.
    pub(super) fn ended(&mut self, reap_all: bool) -> Option<End> {
        self.measure();
        let next = || match reap_all {
            true => wait(WaitOptions::NOHANG),
            false => waitpid(Some(self.pid), WaitOptions::NOHANG),
        };
        while let Ok(Some((pid, status))) = next() {
            if pid != self.pid {
                continue;
            }
            if let Some(code) = status.exit_status() {
                return Some(End::Exited((code & 0xff) as u8));
            }
            if let Some(signal) = status.terminating_signal() {
                return Some(End::Signalled(signal));
            }
        }
        None
    }

    /// Whether somebody is left in the group of its own that it led.
    pub(super) fn has_group_left(&self) -> bool {
        self.own_group && test_kill_process_group(self.pid).is_ok()
    }

    /// The most memory the process was seen to use, in bytes.
    pub(super) fn peak_memory(&self) -> u64 {
        self.peak
    }

    pub(super) fn measure(&mut self) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = peak.and_then(|peak| peak.trim().trim_end_matches("kB").trim().parse().ok());
        self.peak = self.peak.max(kib.unwrap_or(0u64) << 10);
    }
}

/// The processes whose parent we are.
pub(super) fn our_children() -> Vec<Pid> {
    let own = rustix::process::getpid();
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // The name may hold anything; what follows is behind the last parenthesis.
            let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
            parent.and_then(|parent| parent.parse().ok()) == Some(own.as_raw_nonzero().get())
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// Reaps whoever is dead. True while somebody lives.
pub(super) fn reap() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}

/// The usual name of a signal, numbers as on Linux.
pub(super) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => return None,
    })
}
