//! Why a hunt could not be made, and what to do about it.

use crate::{PlaceError, Variant};
use photofinish_load::LoadError;
use photofinish_proxy::StartError;
use photofinish_supervise::build::BuildError;
use photofinish_supervise::run::RunError;
use std::path::PathBuf;
use std::time::Duration;

/// Why a hunt could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HuntError {
    /// The service's address cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// It could not be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// It could not be run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The proxy in front of the builds did not start.
    #[error("cannot put the proxy in front of {service}")]
    Proxy {
        /// The service.
        service: String,
        /// Why.
        source: Box<StartError>,
    },
    /// The machine gives no thread.
    #[error("cannot start a thread")]
    Thread {
        /// Why.
        source: std::io::Error,
    },
    /// Load could not be driven at it.
    #[error("cannot drive load at {url}")]
    Load {
        /// Where.
        url: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// It was built, but there is no binary to run.
    #[error("`{package}` is {n_commands} commands; hunt runs one")]
    NotOneCommand {
        /// What was to be built.
        package: String,
        /// How many main packages that names.
        n_commands: usize,
    },
    /// It ended before it answered.
    #[error("the {} build of {service} ended before it answered at {url}{}", variant.word(), tail_text(tail))]
    Ended {
        /// Which build.
        variant: Variant,
        /// The service.
        service: String,
        /// Where it should have answered.
        url: String,
        /// Its last lines.
        tail: String,
    },
    /// It runs, but does not answer.
    #[error("the {} build of {service} did not answer at {url} within {} s{}", variant.word(), waited.as_secs(), tail_text(tail))]
    NotReady {
        /// Which build.
        variant: Variant,
        /// The service.
        service: String,
        /// Where it should have answered.
        url: String,
        /// How long it was waited for.
        waited: Duration,
        /// Its last lines.
        tail: String,
    },
    /// A file of the hunt's own cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn tail_text(tail: &str) -> String {
    if tail.is_empty() { String::new() } else { format!("; its last lines:\n{tail}") }
}

impl HuntError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            HuntError::Place(error) => error.hint(),
            HuntError::Build(error) => error.hint(),
            HuntError::Run(error) => error.hint(),
            HuntError::Proxy { source, .. } => source.hint(),
            HuntError::Thread { .. } | HuntError::Load { .. } | HuntError::Write { .. } => None,
            HuntError::NotOneCommand { .. } => Some("name one main package with --package".into()),
            HuntError::Ended { variant: Variant::Canary | Variant::Mirror, .. } => Some(
                "it runs beside the other builds: if it binds a second port that is fixed, or a file or database they cannot share, \
                 hunt with --ways load, which runs one build at a time"
                    .into(),
            ),
            HuntError::Ended { .. } => {
                Some("give it what it needs with --arg and --env, or in [service] of photofinish.toml".into())
            }
            HuntError::NotReady { .. } => Some(
                "check that --url is where it listens; --ready-timeout gives it more time, --ready another path".into(),
            ),
        }
    }
}
