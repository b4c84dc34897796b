//! The exit codes, a promise to scripts.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitStatus {
    /// Looked, found nothing; or did what was asked.
    Success,
    /// Found a race, or a threshold was crossed.
    Found,
    /// Could not look: bad usage, bad configuration, a part that failed.
    CouldNot,
    /// The exit status of a supervised child, passed through (128 + signal when killed).
    Child(u8),
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(match status {
            ExitStatus::Success => 0,
            ExitStatus::Found => 1,
            ExitStatus::CouldNot => 2,
            ExitStatus::Child(code) => code,
        })
    }
}
