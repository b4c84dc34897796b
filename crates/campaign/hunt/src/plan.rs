//! What to hunt: the service, how it is built and run, what load is driven, for how long.

use crate::ready::{Place, PlaceError};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// One hunt.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program under test.
    pub service: Service,
    /// How it is built, normally and with `-race`.
    pub build: photofinish_supervise::build::Plan,
    /// GORACE options over the ones chosen.
    pub gorace: Option<String>,
    /// What the race build may use, in bytes; decides `history_size`.
    pub memory: Option<u64>,
    /// Where reports wait until the store has them.
    pub spool: photofinish_supervise::spool::Spool,
    /// The folder the service runs in.
    pub folder: PathBuf,
    /// Put in front of the service's command; see `supervise::run::Plan::launcher`.
    pub launcher: Vec<OsString>,
    /// The requests and how many at a time; how long is set by the hunt.
    pub load: photofinish_load::Plan,
    /// How long load is driven at the race build.
    pub duration: Duration,
    /// How long load is driven at the normal build before, to compare with. Zero: not at all.
    pub baseline: Duration,
}

/// The Go service: where it listens and how it is started.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name in findings.
    pub name: String,
    /// Its arguments; `{port}` stands for the port.
    pub args: Vec<String>,
    /// Added to its environment; `{port}` stands for the port.
    pub env: BTreeMap<String, String>,
    /// Where it listens.
    pub place: Place,
    /// The path that answers once it is ready; without it, accepting connections is enough.
    pub ready: Option<String>,
    /// How long it may take to become ready.
    pub ready_timeout: Duration,
}

impl Service {
    /// Its arguments with the port in place.
    pub fn filled_args(&self) -> Vec<String> {
        self.args.iter().map(|arg| self.fill(arg)).collect()
    }

    /// Its environment with the port in place.
    pub fn filled_env(&self) -> Vec<(String, String)> {
        self.env.iter().map(|(name, value)| (name.clone(), self.fill(value))).collect()
    }

    /// Refuses to start where somebody else listens.
    pub fn check(&self) -> Result<(), PlaceError> {
        self.place.must_be_free()
    }

    fn fill(&self, text: &str) -> String {
        text.replace("{port}", &self.place.port.to_string())
    }
}
