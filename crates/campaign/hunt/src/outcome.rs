//! What a hunt came to.

use crate::Variant;
use crate::stage::Stage;
use photofinish_jobs::Look;
use photofinish_load::Summary;
use photofinish_model::{Fingerprint, Kind};
use photofinish_pool::Totals;
use photofinish_proxy::Status;
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
    /// The variants that ran, in the order of [`Variant`].
    pub variants: Vec<VariantOutcome>,
    /// What went through the proxy, if there was one.
    pub through: Option<Through>,
    /// What `catch` did on the normal build, if it was asked to.
    pub catch: Option<CatchOutcome>,
    /// What became of the queue, if there is one.
    pub jobs: Option<JobsOutcome>,
    /// What was built.
    pub built: Built,
}

/// What `catch` did on the normal build, over all its processes.
#[derive(Clone, Debug, Default)]
pub struct CatchOutcome {
    /// How long it looked.
    pub looked: Duration,
    /// How often it held a thread.
    pub samples: u64,
    /// What that took of the processors' time meanwhile: 0.01 is one percent.
    pub share: f64,
    /// Why it could not look, if it once could not.
    pub failure: Option<String>,
}

impl CatchOutcome {
    /// Another process was looked at.
    pub(crate) fn add(&mut self, looked: Duration, samples: u64, share: f64) {
        let whole = (self.looked + looked).as_secs_f64();
        if whole > 0.0 {
            let spent = self.share * self.looked.as_secs_f64() + share * looked.as_secs_f64();
            self.share = spent / whole;
        }
        self.looked += looked;
        self.samples += samples;
    }
}

/// What became of a queue.
#[derive(Clone, Debug, Default)]
pub struct JobsOutcome {
    /// The queue that the producer wrote to.
    pub source: String,
    /// What keeps it.
    pub broker: &'static str,
    /// One of so many jobs was for the race workers.
    pub every: u32,
    /// Jobs that were sampled in this hunt, where somebody counts.
    pub seen: Option<u64>,
    /// Of those, sent to the race workers.
    pub to_race: Option<u64>,
    /// Jobs that went back from there to the normal worker.
    pub handed_back: u64,
    /// What the normal worker came to.
    pub normal: Totals,
    /// What the race workers came to.
    pub race: Totals,
    /// Where their output went.
    pub log: PathBuf,
    /// Why it could not be sampled, or not to the end.
    pub failure: Option<String>,
}

impl JobsOutcome {
    /// What samplers of the queue counted before and after.
    pub(crate) fn counts(&mut self, before: Option<Look>, after: Option<Look>) {
        let before = before.and_then(|look| look.counts).unwrap_or_default();
        if let Some(after) = after.and_then(|look| look.counts) {
            self.seen = Some(after.seen.saturating_sub(before.seen));
            self.to_race = Some(after.race.saturating_sub(before.race));
        }
    }
}

/// What went through the proxy.
#[derive(Clone, Debug)]
pub struct Through {
    /// The load, as callers saw it.
    pub load: Summary,
    /// What the proxy counted.
    pub status: Status,
    /// How often the mirror's answers turned out to differ from those that callers got, as far as they
    /// are compared.
    pub differences: u64,
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
    /// Who saw it, the first of them in front.
    pub by: Vec<SeenBy>,
}

/// One variant's sightings of a finding.
#[derive(Clone, Copy, Debug)]
pub struct SeenBy {
    /// Which variant.
    pub variant: Variant,
    /// How long load had been driven at it when it first saw the finding.
    pub first_after: Duration,
    /// How often it did.
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
    /// The load it was given straight, without the proxy, and what it made of it.
    pub load: Option<Summary>,
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

impl Outcome {
    /// One variant's part.
    pub fn of(&self, variant: Variant) -> Option<&VariantOutcome> {
        self.variants.iter().find(|outcome| outcome.variant == variant)
    }

    /// The whole load: through the proxy, or at the race build that had it alone.
    pub fn load(&self) -> Option<&Summary> {
        let alone = || self.of(Variant::Race)?.load.as_ref();
        self.through.as_ref().map(|through| &through.load).or_else(alone)
    }

    /// The load driven straight at the normal build, to compare with.
    pub fn baseline(&self) -> Option<&Summary> {
        self.of(Variant::Stable)?.load.as_ref()
    }

    /// How many findings `variant` saw, and how long load had been driven at it by the first.
    pub fn found_by(&self, variant: Variant) -> (usize, Option<Duration>) {
        let by = self.findings.iter().flat_map(|seen| &seen.by);
        let times: Vec<Duration> =
            by.filter(|by| by.variant == variant).map(|by| by.first_after).collect();
        (times.len(), times.into_iter().min())
    }
}

impl Through {
    /// Requests that the canary failed and callers saw fail: those that the normal build was not asked
    /// about instead.
    pub fn lost_to_the_canary(&self) -> u64 {
        self.status.canary.as_ref().map_or(0, |canary| {
            let failed: u64 = canary.variant.failures.iter().sum();
            failed.saturating_sub(canary.variant.retries)
        })
    }
}

impl VariantOutcome {
    pub(crate) fn new(
        stage: &Stage<'_>,
        outcome: run::Outcome,
        load: Option<Summary>,
    ) -> VariantOutcome {
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
