//! A sighting: one race, seen once, by somebody, somewhere; and what recording it did.

use crate::lifecycle::State;
use jiff::Timestamp;
use photofinish_model::{Fingerprint, Race, words};

/// Which part of photofinish saw a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A race build that answers a share of the live traffic.
    Canary,
    /// A race build fed a copy of the traffic.
    Mirror,
    /// A race build of the background workers.
    Jobs,
    /// The unmodified program, watched from outside.
    Catch,
    /// Deadlocks and leaks found among the goroutines of a running program.
    Inspect,
    /// A race build under traffic that we made.
    Load,
    /// `go test -race`.
    Test,
    /// A race build under `photofinish run`, traffic unknown.
    Run,
}

/// A race to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct NewSighting<'a> {
    /// Names this sighting for good: whatever carries the same key again is not counted again.
    pub key: &'a str,
    /// What was seen.
    pub race: &'a Race,
    /// Who saw it.
    pub source: Source,
    /// The service, where it has a name.
    pub service: Option<&'a str>,
    /// The version of the program: `v1.4.2`, a commit, a build ID.
    pub build: Option<&'a str>,
    /// The machine or pod.
    pub host: Option<&'a str>,
    /// The process.
    pub pid: Option<u32>,
    /// When it was seen, which may be long before it is recorded.
    pub at: Timestamp,
}

/// What recording a sighting did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The finding it belongs to.
    pub fingerprint: Fingerprint,
    /// The first sighting of its finding.
    pub new: bool,
    /// This sighting showed that a repair had failed.
    pub regressed: bool,
    /// The key had been recorded before: nothing was counted.
    pub duplicate: bool,
    /// Where the finding stands now.
    pub state: State,
}

words!(Source, "source", {
    Canary => "canary",
    Mirror => "mirror",
    Jobs => "jobs",
    Catch => "catch",
    Inspect => "inspect",
    Load => "load",
    Test => "test",
    Run => "run",
});
