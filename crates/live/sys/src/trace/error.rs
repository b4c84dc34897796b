//! Why a thread could not be watched or stopped, and which setting or capability is missing.

use std::fs;
use std::io;

use crate::{SysError, ThreadState};

/// Why a process cannot be traced.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// It is gone, or may not be looked at.
    #[error(transparent)]
    Process(#[from] SysError),
    /// A debugger, or another photofinish, has it.
    #[error("process {pid} is already traced by {tracer} ({name})")]
    Traced {
        /// The process.
        pid: u32,
        /// Who traces it.
        tracer: u32,
        /// What that is called.
        name: String,
    },
    /// The kernel gave no breakpoint.
    #[error("cannot set a hardware breakpoint on thread {tid}")]
    Breakpoint {
        /// The thread.
        tid: u32,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The kernel gave no clock to sample a thread by.
    #[error("cannot sample thread {tid}")]
    Sample {
        /// The thread.
        tid: u32,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The kernel did not take the program that stops a thread.
    #[error("cannot load the program that stops a thread at a breakpoint")]
    Program {
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The kernel did not plant probes.
    #[error("cannot plant probes in the code of the process")]
    Probe {
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// This processor's breakpoints are not known.
    #[error("catching races is not possible on {architecture}")]
    Architecture {
        /// `aarch64`, …
        architecture: &'static str,
    },
    /// The thread that traces could not be started.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl TraceError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            TraceError::Process(error) => error.hint(),
            TraceError::Traced { .. } => {
                Some("a process has one tracer at a time: end that one".to_owned())
            }
            TraceError::Breakpoint { cause, .. } | TraceError::Sample { cause, .. } => {
                breakpoint_hint(cause)
            }
            TraceError::Program { cause } => program_hint(cause),
            TraceError::Architecture { .. } => {
                Some("use a race build beside it: photofinish hunt".to_owned())
            }
            TraceError::Probe { .. } => Some("Linux 6.6 or newer, with CONFIG_UPROBES".to_owned()),
            TraceError::Thread { .. } => None,
        }
    }

    /// Whether the thread, or the process, is no more.
    pub fn is_gone(&self) -> bool {
        match self {
            TraceError::Process(SysError::Gone { .. }) => true,
            TraceError::Breakpoint { cause, .. } | TraceError::Sample { cause, .. } => {
                cause.raw_os_error() == Some(libc::ESRCH)
            }
            _ => false,
        }
    }

    /// What `PTRACE_SEIZE` of a thread of `pid` failed with.
    pub(super) fn seize(pid: u32, cause: io::Error) -> TraceError {
        if cause.raw_os_error() == Some(libc::EPERM)
            && let Some(tracer) = tracer_of(pid)
        {
            let name = fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
            return TraceError::Traced { pid, tracer, name: name.trim().to_owned() };
        }
        // The kernel says the same of a process that has ended and was not waited for.
        if is_dead(pid, pid) {
            return TraceError::Process(SysError::Gone { pid });
        }
        TraceError::Process(SysError::of(pid, "trace the threads", cause))
    }
}

/// Whether thread `tid` of process `pid` has ended.
pub(super) fn is_dead(pid: u32, tid: u32) -> bool {
    let threads = crate::threads(pid).unwrap_or_default();
    let thread = threads.iter().find(|thread| thread.tid == tid);
    thread.is_none_or(|thread| thread.state == ThreadState::Dead)
}

/// Who traces `pid`: `TracerPid` of proc_pid_status(5).
fn tracer_of(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|tracer| *tracer != 0)
}

fn breakpoint_hint(cause: &io::Error) -> Option<String> {
    match cause.raw_os_error()? {
        libc::EPERM | libc::EACCES => {
            let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
            Some(format!(
                "grant the PERFMON capability (in a pod: securityContext.capabilities.add: \
                 [PERFMON]), or: sysctl kernel.perf_event_paranoid=2 (it is {}); a container's seccomp \
                 profile must allow perf_event_open",
                paranoid.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
            ))
        }
        libc::ENOSPC => {
            Some("its debug registers are taken, by a debugger or by perf: end that one".to_owned())
        }
        libc::EOPNOTSUPP | libc::ENODEV | libc::ENOENT | libc::ENOSYS => {
            Some("this machine, perhaps a virtual one, has no hardware breakpoints".to_owned())
        }
        _ => None,
    }
}

fn program_hint(cause: &io::Error) -> Option<String> {
    match cause.raw_os_error()? {
        libc::EPERM | libc::EACCES => Some(
            "grant the BPF and PERFMON capabilities (in a pod: \
             securityContext.capabilities.add: [BPF, PERFMON]); a container's seccomp profile must \
             allow bpf"
                .to_owned(),
        ),
        libc::ENOSYS | libc::EINVAL => {
            Some("Linux 5.12 or newer, with CONFIG_BPF_SYSCALL and CONFIG_BPF_EVENTS".to_owned())
        }
        _ => None,
    }
}
