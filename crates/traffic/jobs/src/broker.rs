//! What a broker has to be able to do to be sampled.
//!
//! Each call is one step inside the broker: it has happened whole or not at all when we are killed in
//! the middle, and asking again is right when its answer was lost on the way. So nothing here needs a
//! checkpoint, and two samplers at one queue do no harm.

use crate::error::JobsError;
use crate::plan::Limits;
use std::time::{Duration, SystemTime};

/// A queue of a broker, cut in two.
pub(crate) trait Broker {
    /// Makes what sampling needs in the broker; changes nothing where it is there already.
    async fn prepare(&mut self) -> Result<(), JobsError>;

    /// Sends at most a batch of jobs each to its side; returns how many.
    async fn step(&mut self, wish: Wish) -> Result<u64, JobsError>;

    /// Waits after a step that found nothing to do, at most so long, and takes nothing; `true` when there is
    /// something now. May be given up in the middle. Where no job passes through us, there is nothing to wait for.
    async fn wait(&mut self, most: Duration) -> bool {
        tokio::time::sleep(most).await;
        false
    }

    /// Sends a batch of what may not wait for the race build's workers any longer to the normal ones.
    async fn hand_back(&mut self, what: HandBack) -> Result<HandedBack, JobsError>;

    /// How the queues stand; `whole` with what a person wants to see and the gate does not need.
    async fn look(&mut self, whole: bool) -> Result<Look, JobsError>;

    /// The jobs that workers of the race queue had at a time, as far as the broker can tell.
    async fn in_flight(&mut self, when: When) -> Result<Vec<InFlight>, JobsError> {
        let _ = when;
        Ok(Vec::new())
    }

    /// How long jobs took lately, where the broker keeps it.
    async fn pace(&mut self) -> Result<Option<Pace>, JobsError> {
        Ok(None)
    }

    /// Notes that nobody samples any more, and why.
    async fn leave(&mut self, mode: &'static str) -> Result<(), JobsError>;

    /// Puts the broker back as it was; jobs go back to the source.
    async fn undo(&mut self) -> Result<Undone, JobsError>;
}

/// What the next step should do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    /// One of so many.
    pub(crate) every: u32,
    /// So many may wait in the race queue; what does not fit goes to the normal workers.
    pub(crate) room: u64,
    /// Why, for `jobs status`.
    pub(crate) mode: &'static str,
}

/// A moment at which a worker said something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    /// Milliseconds since 1970.
    pub(crate) at: i64,
    /// It may have been so much earlier or later.
    pub(crate) slack: Duration,
}

impl When {
    /// For how long a worker that had a job then must have it by now, at least.
    pub(crate) fn ago(self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = Duration::from_millis(u64::try_from(self.at).unwrap_or(0));
        now.saturating_sub(at).saturating_sub(self.slack)
    }
}

/// A job that a worker of the race queue had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Its id, as the broker writes it.
    pub id: String,
    /// What it is to do, where the broker knows.
    pub kind: Option<String>,
    /// Who had it, as the worker calls itself, where the broker knows.
    pub worker: Option<String>,
}

/// How long a job took lately, as a mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// With the normal workers.
    pub main: Duration,
    /// With the race build's.
    pub race: Duration,
}

impl Pace {
    /// So many jobs on each side say something.
    pub(crate) const ENOUGH: i64 = 20;

    /// How many times longer a job takes in the race build.
    pub fn slowdown(self) -> f64 {
        let main = self.main.as_secs_f64().max(1e-4);
        (self.race.as_secs_f64() / main).clamp(1.0, 100.0)
    }
}

/// What goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandBack {
    /// Jobs that waited longer; all of them where it is zero.
    pub(crate) older_than: Duration,
    /// Jobs that failed so often.
    pub(crate) attempts: u32,
}

impl HandBack {
    pub(crate) fn beyond(limits: &Limits) -> HandBack {
        HandBack { older_than: limits.max_age, attempts: limits.attempts }
    }

    pub(crate) fn all(limits: &Limits) -> HandBack {
        HandBack { older_than: Duration::ZERO, attempts: limits.attempts }
    }
}

/// Jobs that went from the race queue to the normal workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandedBack {
    /// That had waited.
    pub waited: u64,
    /// That had failed.
    pub failed: u64,
    /// Whose worker died with them.
    pub orphaned: u64,
}

impl HandedBack {
    /// All of them.
    pub fn total(self) -> u64 {
        self.waited + self.failed + self.orphaned
    }

    pub(crate) fn add(&mut self, more: HandedBack) {
        self.waited += more.waited;
        self.failed += more.failed;
        self.orphaned += more.orphaned;
    }
}

/// How the queues stand.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// Jobs that wait to be sampled; none where jobs do not pass through us.
    pub source: Option<u64>,
    /// Jobs that wait for the normal workers.
    pub main: u64,
    /// Jobs that wait for the race build's workers.
    pub race: u64,
    /// Changes whenever a worker takes a job of the race queue.
    pub(crate) taken: i64,
    /// What was done since the broker was prepared, by all samplers; none where nobody counts.
    pub counts: Option<Counts>,
    /// What went back since then.
    pub handed_back: HandedBack,
    /// What the sampler was last doing, in a word or two; none when there was never one.
    pub mode: Option<String>,
    /// How long ago it said so.
    pub beat: Option<Duration>,
}

/// What the samplers of a queue did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that were sent to a side.
    pub seen: u64,
    /// Of those, to the race build's workers.
    pub race: u64,
    /// Of those, chosen for the race build's workers and sent to the normal ones, since there was no room.
    pub no_room: u64,
    /// Put off, because a task of the same id was still in the way (asynq).
    pub put_off: u64,
}

/// What an undo did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Undone {
    /// Jobs that went back to the source.
    pub jobs: u64,
    /// Jobs that a worker still has; they end in the queue they are in.
    pub running: u64,
}
