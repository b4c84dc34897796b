//! Why races could not be looked for.

use photofinish_sys::SysError;
use photofinish_sys::trace::TraceError;

/// Why [`catch`](crate::catch) did not begin.
#[derive(Debug, thiserror::Error)]
pub enum CatchError {
    /// A core file has no threads to hold.
    #[error("races can only be caught in a running process")]
    NotRunning,
    /// Not amd64, or no breakpoints, or not allowed.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The process is gone or may not be read.
    #[error(transparent)]
    Process(#[from] SysError),
    /// Nothing of the program is to be looked at.
    #[error("no function of {path} is to be watched{}", focus.as_ref().map(|focus| format!(" whose name holds `{focus}`")).unwrap_or_default())]
    NoSites {
        /// The program.
        path: String,
        /// What was asked for.
        focus: Option<String>,
    },
    /// A thread of ours could not be started.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        #[source]
        cause: std::io::Error,
    },
}

impl CatchError {
    /// The process ended before it could be looked at.
    pub fn is_gone(&self) -> bool {
        match self {
            CatchError::Trace(error) => error.is_gone(),
            CatchError::Process(error) => matches!(error, SysError::Gone { .. }),
            CatchError::NotRunning | CatchError::NoSites { .. } | CatchError::Thread { .. } => {
                false
            }
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            CatchError::Trace(error) => error.hint(),
            CatchError::Process(error) => error.hint(),
            CatchError::NoSites { focus: Some(_), .. } => Some(
                "give a part of a function's name as stack traces print it: payments/internal/cache"
                    .to_owned(),
            ),
            CatchError::NotRunning
            | CatchError::NoSites { .. }
            | CatchError::Thread { .. } => None,
        }
    }
}
