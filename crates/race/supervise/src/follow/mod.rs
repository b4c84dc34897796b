//! Follows the files that a supervised program writes, and delivers the reports in them.
//!
//! [`Collector`] is the synchronous heart: one pass looks for new files, reads what was added,
//! and offers complete reports to the [`crate::Sink`]. [`Follower`] is a thread that makes passes
//! whenever the kernel says that something was written. A thread and not a task, since a store
//! may block for seconds and signals must be forwarded meanwhile.
//!
//! Not here: the layout of the folder (`spool`), what a report is (`photofinish-report`).
//! Start at `Collector::pass`.

mod collector;
mod deliver;
mod follower;
mod tail;
mod watch;
mod writers;

pub(crate) use collector::{Collector, Settled};
pub(crate) use follower::Follower;

use photofinish_model::{Fingerprint, Kind};

/// A report that was delivered for the first time.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which start of the program printed it, from 1; 0 if an earlier run of ours did.
    pub attempt: u32,
    /// The process.
    pub pid: u32,
    /// The finding it belongs to.
    pub fingerprint: Fingerprint,
    /// The first sighting of that finding.
    pub new: bool,
    /// The finding was thought to be repaired.
    pub regressed: bool,
    /// What sort of report.
    pub kind: Kind,
    /// What the detector called it.
    pub headline: String,
    /// The functions (and lines) a person should look at, one per access.
    pub places: Vec<String>,
    /// The report was cut short.
    pub partial: bool,
}

/// What following has to tell while it goes on.
#[derive(Clone, Debug)]
pub enum Notice {
    /// A report reached the store.
    Found(Found),
    /// The store takes no reports; they wait in the spool.
    StoreAway {
        /// What it said.
        cause: String,
    },
    /// The store takes reports again.
    StoreBack {
        /// How many had waited.
        waited: usize,
    },
    /// The disk of the spool is nearly full, and the reserve was given up.
    DiskFull,
    /// There is room again.
    DiskBack,
    /// A file could not be read, a cursor not be written, …
    Trouble(String),
}

/// An error and all of its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
