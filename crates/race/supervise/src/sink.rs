//! Where reports go: the one thing this crate asks of whoever keeps findings.
//!
//! A sink is called from the follower's own thread, so it may block for a while. What it refuses
//! stays in the spool and is offered again; what it has taken may be offered again too, after a
//! crash, and [`Sighted::key`] is how it tells.

use photofinish_model::{Fingerprint, Race};
use std::time::SystemTime;

/// One report of a supervised program, on its way to the store.
#[derive(Clone, Debug)]
pub struct Sighted {
    /// The same for the same report, however often it is read: run, file, generation of the file,
    /// offset of the first byte. What makes "exactly once" of "at least once".
    pub key: String,
    /// What was printed.
    pub race: Race,
    /// The role of the program: `canary`, `mirror`, `jobs`, `load`, `test`, …
    pub source: String,
    /// The service it is a build of.
    pub service: String,
    /// Its version.
    pub build: String,
    /// The machine.
    pub host: String,
    /// The process that printed it.
    pub pid: u32,
    /// When its file last changed: who prints a race does so in the middle of it.
    pub at: SystemTime,
}

/// What became of a delivered report.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The finding it belongs to.
    pub fingerprint: Fingerprint,
    /// The first sighting of that finding.
    pub new: bool,
    /// The finding was thought to be repaired.
    pub regressed: bool,
    /// This very report had been delivered before; nothing was counted.
    pub duplicate: bool,
}

/// Why a sink could not take a report. It will be offered again.
#[derive(Debug, thiserror::Error)]
#[error("the store does not take reports")]
pub struct SinkError {
    /// What the store said.
    #[source]
    pub cause: Box<dyn std::error::Error + Send + Sync>,
}

impl SinkError {
    /// Wraps what the store said.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        SinkError { cause: cause.into() }
    }
}

/// Somebody who keeps findings.
pub trait Sink: Send {
    /// Takes reports, durably, all or none, or says why not; answers in their order. Must count
    /// one [`Sighted::key`] once.
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError>;

    /// Whether a person has acknowledged (or closed) the finding. Asked by the restart gate.
    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError>;

    /// Hears that a version of a service was started, whether it ever reports anything or not.
    fn started(&mut self, _service: &str, _build: &str, _at: SystemTime) -> Result<(), SinkError> {
        Ok(())
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        (**self).deliver(sighted)
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        (**self).acknowledged(fingerprint)
    }

    fn started(&mut self, service: &str, build: &str, at: SystemTime) -> Result<(), SinkError> {
        (**self).started(service, build, at)
    }
}
