//! Why a recording could not be begun, or not be read.
//!
//! What goes wrong while it is written is no error here: it must not reach a caller of the
//! proxy, so it is counted (see [`Dropped`](crate::Dropped)).

use std::io;
use std::path::{Path, PathBuf};

/// A recording that could not be begun.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is a file already, and the plan is to stop when it is full, not to rotate.
    #[error("{} exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another process writes to it.
    #[error("{} is being written by another process", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be made, or an older one cannot be moved out of its way.
    #[error("cannot record to {}", path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// A plan that makes no sense.
    #[error("the recording's {what} {value:?} cannot be used: {problem}")]
    Plan {
        /// Which setting.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// No thread to write from, or no randomness for stand-ins.
    #[error("cannot start recording")]
    System {
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl StartError {
    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Exists { .. } => "move it away, name another file, or rotate when it is full",
            Self::Busy { .. } => "wait until the other one is done, or name another file",
            Self::Create { cause, .. } => match cause.kind() {
                io::ErrorKind::NotFound => "make its folder first",
                io::ErrorKind::PermissionDenied => "name a file in a folder that we may write to",
                _ => return None,
            },
            Self::Plan { .. } | Self::System { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

/// A recording that cannot be read, or not further.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the recording {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The file holds something else.
    #[error("{} is not a recording: {problem}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it begins with.
        problem: String,
    },
    /// The file was written by a later photofinish.
    #[error(
        "the recording {} is of a newer photofinish (version {found}, this one knows {known})",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version this program writes.
        known: u64,
    },
    /// A line that is no request.
    #[error("{}:{line}: {problem}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The file is not what it was when it was first read.
    #[error("the recording {} was changed while it was in use", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
}

impl ReadError {
    /// What to do next, where that is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Foreign { .. } => {
                "a recording begins with {\"photofinish_recording\":1,…}; when filtering one, keep \
                 its first line"
            }
            Self::Newer { .. } => "read it with the photofinish that wrote it, or a newer one",
            Self::Line { .. } => {
                "a line is one JSON object with at least at_us, method and target; take the line \
                 out to go on without it"
            }
            Self::Changed { .. } => "copy it away from the proxy that writes it, and use the copy",
            Self::Io { .. } => return None,
        };
        Some(hint.to_owned())
    }

    pub(crate) fn io(path: &Path, cause: io::Error) -> Self {
        Self::Io { path: path.to_owned(), cause }
    }

    pub(crate) fn line(path: &Path, line: u64, problem: impl Into<String>) -> Self {
        Self::Line { path: path.to_owned(), line, problem: problem.into() }
    }
}
