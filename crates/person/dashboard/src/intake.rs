//! The collector: sightings of many senders, written by one thread, many in one transaction.
//!
//! A sender is answered when its sightings are on the disk, so whatever kills us loses nothing that
//! anybody has forgotten. Writing waits for the disk once for all that came meanwhile. What is being
//! received or written is bounded in bytes: who comes too much is told to come back, and keeps what
//! it has.
//!
//! Start at [`Intake::reserve`], then [`Intake::record`].

use crate::metrics::Metrics;
use crate::shelf::Shelf;
use crate::wire::Understood;
use photofinish_store::{NewSighting, Recorded, StoreError};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Sightings written in one transaction at most, give or take one sender's.
const BATCH: usize = 1000;

type Outcome = Result<Vec<Recorded>, Arc<StoreError>>;

/// One sender's sightings, and where the answer goes.
struct Job {
    sightings: Vec<Understood>,
    answer: oneshot::Sender<Outcome>,
    _room: OwnedSemaphorePermit,
}

/// Takes sightings.
pub(crate) struct Intake {
    jobs: Sender<Job>,
    room: Arc<Semaphore>,
    capacity: usize,
}

/// Why sightings were not recorded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IntakeError {
    #[error("more sightings arrive than can be written")]
    Full,
    #[error(transparent)]
    Store(Arc<StoreError>),
    #[error("the thread that writes sightings has ended")]
    Ended,
}

impl Intake {
    /// Starts the thread. `capacity` is in bytes.
    pub(crate) fn start(
        shelf: &Shelf,
        capacity: usize,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Intake> {
        let (jobs, received) = channel();
        let shelf = shelf.clone();
        std::thread::Builder::new()
            .name("collector".to_owned())
            .spawn(move || write_all(&shelf, &received, &metrics))?;
        Ok(Intake { jobs, room: Arc::new(Semaphore::new(capacity)), capacity })
    }

    /// Room for `bytes` of sightings, to be asked for before they are read.
    pub(crate) fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, IntakeError> {
        let n_permits = u32::try_from(bytes.clamp(1, self.capacity)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(n_permits);
        room.map_err(|_| IntakeError::Full)
    }

    /// Bytes that are being received or written.
    pub(crate) fn pending(&self) -> usize {
        self.capacity.saturating_sub(self.room.available_permits())
    }

    /// Records `sightings` and waits until they are on the disk.
    pub(crate) async fn record(
        &self,
        sightings: Vec<Understood>,
        room: OwnedSemaphorePermit,
    ) -> Result<Vec<Recorded>, IntakeError> {
        let (answer, answered) = oneshot::channel();
        let job = Job { sightings, answer, _room: room };
        self.jobs.send(job).map_err(|_| IntakeError::Ended)?;
        answered.await.map_err(|_| IntakeError::Ended)?.map_err(IntakeError::Store)
    }
}

fn write_all(shelf: &Shelf, jobs: &Receiver<Job>, metrics: &Metrics) {
    while let Ok(first) = jobs.recv() {
        let mut n_sightings = first.sightings.len();
        let mut batch = vec![first];
        while n_sightings < BATCH
            && let Ok(job) = jobs.try_recv()
        {
            n_sightings += job.sightings.len();
            batch.push(job);
        }
        write(shelf, batch, metrics);
    }
}

/// All of a batch in one transaction; if that fails each sender's on its own, so that nobody's trouble is
/// everybody's. A full disk, or a Postgres that is away, is everybody's.
fn write(shelf: &Shelf, batch: Vec<Job>, metrics: &Metrics) {
    let sightings = |jobs: &[Job]| -> Outcome {
        let together: Vec<NewSighting<'_>> =
            jobs.iter().flat_map(|job| job.sightings.iter().map(Understood::sighting)).collect();
        shelf.with_now(|store| store.record_all(&together)).map_err(Arc::new)
    };
    match sightings(&batch) {
        Ok(recorded) => {
            let mut recorded = recorded.into_iter();
            for job in batch {
                let own = recorded.by_ref().take(job.sightings.len()).collect();
                finish(job, Ok(own), metrics);
            }
        }
        Err(error) if error.is_passing() || batch.len() == 1 => {
            tracing::warn!("sightings were not recorded: {}", told(&error));
            batch.into_iter().for_each(|job| finish(job, Err(Arc::clone(&error)), metrics));
        }
        Err(error) => {
            tracing::warn!("sightings are written sender by sender: {}", told(&error));
            for job in batch {
                let outcome = sightings(std::slice::from_ref(&job));
                finish(job, outcome, metrics);
            }
        }
    }
}

/// With why, in one line.
fn told(error: &StoreError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

fn finish(job: Job, outcome: Outcome, metrics: &Metrics) {
    match &outcome {
        Ok(recorded) => {
            let n_duplicates = recorded.iter().filter(|one| one.duplicate).count() as u64;
            metrics.duplicates.fetch_add(n_duplicates, Ordering::Relaxed);
            metrics.recorded.fetch_add(recorded.len() as u64 - n_duplicates, Ordering::Relaxed);
        }
        Err(_) => {
            metrics.failed.fetch_add(job.sightings.len() as u64, Ordering::Relaxed);
        }
    }
    // Who does not wait any more sends them again.
    let _ = job.answer.send(outcome);
}
