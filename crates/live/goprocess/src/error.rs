//! Why a process or core file cannot be read as a Go program, and what to do about it.

use std::path::PathBuf;

use photofinish_sys::SysError;
use photofinish_sys::trace::TraceError;

use crate::RuntimeAddr;

/// Why a process or a core file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The kernel refused, or the process is gone.
    #[error("cannot look at process {pid}")]
    Process {
        /// The process.
        pid: u32,
        /// Why.
        #[source]
        cause: SysError,
    },
    /// A file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// A file is no 64-bit ELF file, or damaged.
    #[error("{} is not an ELF file that can be read: {what}", path.display())]
    Elf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The program is for another kind of processor.
    #[error("{} is a program for {machine}, which is not understood yet", path.display())]
    Architecture {
        /// The file.
        path: PathBuf,
        /// The processor.
        machine: String,
    },
    /// Not made by Go.
    #[error("{} is not a Go program", path.display())]
    NotGo {
        /// The file.
        path: PathBuf,
    },
    /// Made by a Go that is too old.
    #[error("{} was built with {version}, older than go1.21", path.display())]
    TooOld {
        /// The file.
        path: PathBuf,
        /// Its Go.
        version: String,
    },
    /// The tables that every Go program carries were not found, or make no sense.
    #[error("cannot find {what} in {} ({version})", path.display())]
    Runtime {
        /// `the function table`, `the list of goroutines`, …
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Its Go.
        version: String,
    },
    /// A core file says nothing of its program, and none was given.
    #[error("the program of the core file {} was not found", path.display())]
    NoProgram {
        /// The core file.
        path: PathBuf,
    },
}

impl OpenError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            OpenError::Process { cause, .. } => return cause.hint(),
            OpenError::File { cause, .. } => match cause.kind() {
                std::io::ErrorKind::NotFound => "give a process number or a core file".to_owned(),
                std::io::ErrorKind::PermissionDenied => {
                    "run as a user who may read it".to_owned()
                }
                _ => return None,
            },
            OpenError::Elf { .. } => "give a process number or a core file".to_owned(),
            OpenError::Architecture { .. } => {
                "photofinish reads programs for linux/amd64".to_owned()
            }
            OpenError::NotGo { .. } => {
                "is it a shell or a supervisor? give the number of the Go program below it: pgrep -P PID"
                    .to_owned()
            }
            OpenError::TooOld { .. } => {
                "build the service with Go 1.21 or later".to_owned()
            }
            OpenError::Runtime { .. } => {
                "a build with symbols (without -ldflags=-s) tells more; a newer photofinish may know this Go"
                    .to_owned()
            }
            OpenError::NoProgram { .. } => "say which it is with --program FILE".to_owned(),
        })
    }
}

/// Why memory of an opened process could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The kernel said no.
    #[error(transparent)]
    Sys(#[from] SysError),
    /// It could not be held still.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The core file does not hold it.
    #[error("the core file holds nothing at {address} ({len} bytes)")]
    NotInCore {
        /// Where.
        address: RuntimeAddr,
        /// How many bytes were asked for.
        len: usize,
    },
    /// Only what runs can be held still.
    #[error("a core file stands still already")]
    NotLive,
    /// What was read cannot be.
    #[error("the list of goroutines makes no sense: {what}")]
    Nonsense {
        /// What is wrong.
        what: String,
    },
}

impl ReadError {
    /// Whether the process is no more.
    pub fn is_gone(&self) -> bool {
        match self {
            ReadError::Sys(cause) => matches!(cause, SysError::Gone { .. }),
            ReadError::Trace(cause) => cause.is_gone(),
            _ => false,
        }
    }

    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            ReadError::Sys(cause) => cause.hint(),
            ReadError::Trace(cause) => cause.hint(),
            ReadError::NotInCore { .. } => Some(
                "the core file may be cut short: look at ulimit -c and the free space when it was written"
                    .to_owned(),
            ),
            ReadError::NotLive => Some("leave --stop out".to_owned()),
            ReadError::Nonsense { .. } => None,
        }
    }
}
