//! The store as a sink for race workers: what they print becomes findings, linked to the jobs they were at.
//!
//! The broker is asked as soon as a report is read, since most jobs are over in a moment. It may be away or
//! unable to tell; then the finding has no job, and nothing waits for it.

use crate::sink::StoreSink;
use photofinish_jobs::{InFlight, Plan};
use photofinish_model::Fingerprint;
use photofinish_store::Job;
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use std::time::{Duration, SystemTime};

/// How long a broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// How exactly the time of a file tells when a report was printed: the kernel's clock for it ticks a hundred
/// times a second. Of several reports that were read at once only the last one's time is known.
const TICK: Duration = Duration::from_millis(10);
const AT_ONCE: Duration = Duration::from_millis(300);

/// So old a report says nothing about the jobs of now: it was left by a run that is over.
const STALE: Duration = Duration::from_secs(60);

/// Delivers to the findings in one file.
#[derive(Debug)]
pub(crate) struct JobSink {
    store: StoreSink,
    queue: Plan,
}

impl JobSink {
    /// Delivers to `store` what workers of the race queue of `queue` print.
    pub(crate) fn new(store: StoreSink, queue: Plan) -> JobSink {
        JobSink { store, queue }
    }

    fn jobs(&self, sighted: &Sighted, slack: Duration) -> Vec<Job> {
        if sighted.at.elapsed().is_ok_and(|age| age > STALE) {
            return Vec::new();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return Vec::new() };
        let asked = photofinish_jobs::in_flight(&self.queue, sighted.pid, sighted.at, slack);
        let answer = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
        match answer {
            Ok(Ok(jobs)) => jobs.into_iter().map(|job| self.named(job)).collect(),
            Ok(Err(error)) => {
                tracing::debug!("a finding without its job: {error}");
                Vec::new()
            }
            Err(_) => Vec::new(),
        }
    }

    fn named(&self, job: InFlight) -> Job {
        Job { queue: self.queue.race.clone(), id: job.id, kind: job.kind }
    }
}

impl Sink for JobSink {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        // Those of one call were read together, and stand in the file of one process.
        let slack = if sighted.len() == 1 { TICK } else { AT_ONCE };
        let jobs = sighted.last().map(|sighted| self.jobs(sighted, slack)).unwrap_or_default();
        let delivered = self.store.deliver(sighted)?;
        for (sighted, delivered) in sighted.iter().zip(&delivered) {
            if !delivered.duplicate && !jobs.is_empty() {
                self.store.link_jobs(&sighted.key, &jobs)?;
            }
        }
        Ok(delivered)
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        self.store.acknowledged(fingerprint)
    }

    fn started(&mut self, service: &str, build: &str, at: SystemTime) -> Result<(), SinkError> {
        self.store.started(service, build, at)
    }
}
