//! What a hunt came to.

use crate::Variant;
use crate::stage::Stage;
use photofinish_load::Summary;
use photofinish_model::{Fingerprint, Kind};
use photofinish_supervise::build::Built;
use photofinish_supervise::run;
use std::path::PathBuf;
use std::time::Duration;

/// What a hunt came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The Go release that built the service.
    pub go_version: String,
    /// Whether the race build was a light one.
    pub light: bool,
    /// The findings seen, in the order of their first sighting.
    pub findings: Vec<SeenFinding>,
    /// The variants that ran, in that order.
    pub variants: Vec<VariantOutcome>,
    /// What was built.
    pub built: Built,
}

/// One finding, as far as this hunt saw it.
#[derive(Clone, Debug)]
pub struct SeenFinding {
    /// Which.
    pub fingerprint: Fingerprint,
    /// What sort of report.
    pub kind: Kind,
    /// Never seen before this hunt.
    pub new: bool,
    /// It was thought to be repaired.
    pub regressed: bool,
    /// The variant that showed it first.
    pub variant: Variant,
    /// How long load had been driven at that variant when it was first seen.
    pub first_after: Duration,
    /// How often this hunt saw it.
    pub sightings: u64,
}

/// How one variant did.
#[derive(Clone, Debug)]
pub struct VariantOutcome {
    /// Which.
    pub variant: Variant,
    /// Its binary.
    pub binary: PathBuf,
    /// The binary's size in bytes.
    pub binary_size: u64,
    /// The load it was given and what it made of it.
    pub load: Summary,
    /// How often it was started: 1, and once more for each crash.
    pub starts: u32,
    /// How its last process ended.
    pub end: Option<String>,
    /// Reports it printed.
    pub reports: u64,
    /// Reports that still wait in the spool.
    pub left_in_spool: usize,
    /// The most memory it was seen to use, in bytes.
    pub peak_memory: u64,
    /// What the detector was told to remember.
    pub history_size: u64,
    /// Where its output went.
    pub log: PathBuf,
}

impl VariantOutcome {
    pub(crate) fn new(stage: &Stage<'_>, outcome: run::Outcome, load: Summary) -> VariantOutcome {
        VariantOutcome {
            variant: stage.variant,
            binary: stage.binary.path.clone(),
            binary_size: stage.binary.size,
            load,
            starts: outcome.starts,
            end: outcome.end.map(|end| end.to_string()),
            reports: outcome.reports,
            left_in_spool: outcome.left_in_spool,
            peak_memory: outcome.peak_memory,
            history_size: outcome.history_size,
            log: stage.log_path(),
        }
    }
}
