//! Why a program could not be supervised.

use crate::gorace::GoraceError;
use crate::program::ProgramError;
use crate::spool::SpoolError;
use std::io;
use std::path::PathBuf;

/// Why a program could not be supervised.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no such program, or it cannot be executed.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// `GORACE` would end the program at once.
    #[error(transparent)]
    Gorace(#[from] GoraceError),
    /// The spool cannot be used.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The kernel did not start it.
    #[error("cannot start {}", path.display())]
    Start {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// Something that supervision needs could not be had.
    #[error("cannot set up {what}")]
    Setup {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

impl RunError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            RunError::Program(error) => error.hint(),
            RunError::Gorace(error) => error.hint(),
            RunError::Spool(error) => error.hint(),
            RunError::Start { .. } | RunError::Setup { .. } => None,
        }
    }

    /// The status to end with: as a shell would for a program that cannot be run, else 2.
    pub fn status(&self) -> u8 {
        match self {
            RunError::Program(error) => error.status(),
            RunError::Start { .. } => 126,
            _ => 2,
        }
    }

    pub(crate) fn setup(what: &'static str) -> impl FnOnce(io::Error) -> RunError {
        move |cause| RunError::Setup { what, cause }
    }
}
