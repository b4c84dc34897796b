//! Why a dump cannot be written or read, and what to do about it.

use std::path::PathBuf;

/// Why a dump cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file cannot be written.
    #[error("cannot write the dump {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the dump {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: std::io::Error,
    },
    /// It is something else.
    #[error("{} is no dump of photofinish inspect", path.display())]
    NoDump {
        /// The file.
        path: PathBuf,
    },
    /// It is of a version that is not known.
    #[error("the dump {} is of version {version} of the format, which is not known", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it says.
        version: u32,
    },
    /// It is not as it was written.
    #[error("the dump {} is damaged: {what}", path.display())]
    Spoilt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
}

impl DumpError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            DumpError::Write { cause, .. } => match cause.kind() {
                std::io::ErrorKind::StorageFull => {
                    "the disk is full, and what was there before is as it was: make room, or write elsewhere"
                }
                std::io::ErrorKind::NotFound => "the folder must be there",
                _ => return None,
            },
            DumpError::Read { .. } => return None,
            DumpError::NoDump { .. } => "write one with: photofinish inspect PID --dump FILE",
            DumpError::Version { .. } => "read it with the photofinish that wrote it, or a newer one",
            DumpError::Spoilt { .. } => "copy it again, or write another: photofinish inspect PID --dump FILE",
        }
        .to_owned())
    }
}
