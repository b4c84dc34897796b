//! Why another process could not be looked at, and what to do about it.

use crate::denied;

/// Why a look at another process failed.
#[derive(Debug, thiserror::Error)]
pub enum SysError {
    /// There is no such process, or it ended meanwhile.
    #[error("process {pid} is gone")]
    Gone {
        /// The process.
        pid: u32,
    },
    /// The kernel does not let us.
    #[error("not allowed to {doing} of process {pid}{}", because(*pid))]
    Denied {
        /// The process.
        pid: u32,
        /// `read the memory`, `read the mappings`, …
        doing: &'static str,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// Nothing is mapped there.
    #[error("nothing to read at {address:#x} ({len} bytes) in process {pid}")]
    Unmapped {
        /// The process.
        pid: u32,
        /// Where.
        address: u64,
        /// How many bytes were asked for.
        len: usize,
    },
    /// Anything else.
    #[error("cannot {doing} of process {pid}")]
    Io {
        /// The process.
        pid: u32,
        /// `read the memory`, …
        doing: &'static str,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl SysError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            SysError::Gone { .. } => {
                Some("look for its present number: pgrep, or kubectl exec … ps".to_owned())
            }
            SysError::Denied { pid, .. } => Some(denied::remedy(*pid)),
            SysError::Unmapped { .. } | SysError::Io { .. } => None,
        }
    }

    /// The error for what the kernel said while `doing` something.
    pub(crate) fn of(pid: u32, doing: &'static str, cause: std::io::Error) -> SysError {
        match cause.raw_os_error() {
            Some(libc::ESRCH | libc::ENOENT) => SysError::Gone { pid },
            Some(libc::EPERM | libc::EACCES) => SysError::Denied { pid, doing, cause },
            _ => SysError::Io { pid, doing, cause },
        }
    }
}

/// The check that failed, as far as it can be told: ` (it runs as user 0, we as user 1000)`.
fn because(pid: u32) -> String {
    denied::reason(pid).map(|reason| format!(" ({reason})")).unwrap_or_default()
}
