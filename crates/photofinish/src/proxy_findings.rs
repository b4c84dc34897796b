//! Answers that differ become findings, and the proxy never waits for the store.
//!
//! A [`Differing`] is handed over through a bounded channel to one thread, which keeps the latest of
//! each finding and records at most one sighting of it every [`Pace::every`]: the counts so far travel in
//! its text, so nothing is lost by leaving some out. A store that is away, locked or full is tried again
//! later; what does not fit meanwhile is counted and dropped.
//!
//! Start at [`DiffFindings::tell`].

use photofinish_model::{AnswerDiff, Answered, Fingerprint};
use photofinish_proxy::compare::{Differing, Head, Values};
use photofinish_supervise::{Sighted, Sink};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// Differences between the proxy and the thread that records them.
const QUEUE: usize = 256;
/// Findings remembered at a time.
const MOST_FINDINGS: usize = 1024;

/// Whose answers they are.
#[derive(Clone, Debug, Default)]
pub(crate) struct Named {
    pub(crate) service: String,
    /// The mirror's.
    pub(crate) build: String,
    pub(crate) host: String,
}

/// How often is recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two sightings of one finding.
    pub(crate) every: Duration,
    /// After a failure of the store; doubled up to 30 s while it goes on failing.
    pub(crate) retry: Duration,
    /// How long the last ones are tried at the end.
    pub(crate) at_the_end: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            every: Duration::from_secs(10),
            retry: Duration::from_secs(1),
            at_the_end: Duration::from_secs(3),
        }
    }
}

/// What became of the differences told: `recorded`, `merged` and `dropped` are all of them, but for
/// those that still wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) told: u64,
    /// Recorded as sightings.
    pub(crate) recorded: u64,
    /// Left out for a later one of the same finding.
    pub(crate) merged: u64,
    /// Lost: too many at once, or a store that stayed away.
    pub(crate) dropped: u64,
    /// How often the store refused.
    pub(crate) refused: u64,
}

#[derive(Debug, Default)]
struct Counters {
    told: AtomicU64,
    recorded: AtomicU64,
    merged: AtomicU64,
    dropped: AtomicU64,
    refused: AtomicU64,
}

/// Where the proxy tells of answers that differ.
#[derive(Debug)]
pub(crate) struct DiffFindings {
    sender: SyncSender<Told>,
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Told {
    diff: AnswerDiff,
    at: SystemTime,
}

impl DiffFindings {
    /// Starts the thread that records into `sink`.
    pub(crate) fn start(
        sink: impl Sink + 'static,
        named: Named,
        pace: Pace,
    ) -> std::io::Result<DiffFindings> {
        let (sender, receiver) = sync_channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let recorder = Recorder {
            sink: Box::new(sink),
            counters: Arc::clone(&counters),
            keys: Keys::new(&named),
            named,
            pace,
            slots: HashMap::new(),
            delay: pace.retry,
            not_before: None,
        };
        let thread = std::thread::Builder::new()
            .name("answer-diffs".to_owned())
            .spawn(move || recorder.run(&receiver))?;
        Ok(DiffFindings { sender, counters, thread })
    }

    /// Tells of a difference, and never waits.
    pub(crate) fn tell(&self, differing: &Differing, values: Values) {
        self.counters.told.fetch_add(1, Ordering::Relaxed);
        let told = Told { diff: diff_of(differing, values), at: SystemTime::now() };
        if self.sender.try_send(told).is_err() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// What became of them so far.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> Counts {
        counts(&self.counters)
    }

    /// Records what waits, however soon after the last, and ends the thread. Waits for the store.
    pub(crate) fn finish(self) -> Counts {
        let DiffFindings { sender, counters, thread } = self;
        drop(sender);
        if thread.join().is_err() {
            tracing::warn!("the thread that records differing answers had ended before");
        }
        counts(&counters)
    }
}

fn counts(counters: &Counters) -> Counts {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    Counts {
        told: read(&counters.told),
        recorded: read(&counters.recorded),
        merged: read(&counters.merged),
        dropped: read(&counters.dropped),
        refused: read(&counters.refused),
    }
}

/// A request line has ids and a query in it: it is told only where values are.
fn diff_of(differing: &Differing, values: Values) -> AnswerDiff {
    let answered = |head: &Head, value: &str| Answered {
        status: head.status,
        content_type: head.content_type.clone(),
        value: value.to_owned(),
    };
    let difference = &differing.difference;
    AnswerDiff {
        route: differing.route.to_string(),
        place: difference.at.to_string(),
        primary: answered(&differing.primary, &difference.primary),
        mirror: answered(&differing.mirror, &difference.mirror),
        request: (values == Values::Shown).then(|| differing.request.clone()),
        compared: differing.compared,
        differed: differing.differed,
    }
}

/// The thread's side.
struct Recorder {
    sink: Box<dyn Sink>,
    counters: Arc<Counters>,
    named: Named,
    pace: Pace,
    keys: Keys,
    slots: HashMap<Fingerprint, Slot>,
    delay: Duration,
    not_before: Option<Instant>,
}

/// One finding: its latest difference, if that waits, and when one was recorded last.
#[derive(Default)]
struct Slot {
    waiting: Option<Sighted>,
    recorded: Option<Instant>,
}

impl Recorder {
    fn run(mut self, receiver: &Receiver<Told>) {
        loop {
            match receiver.recv_timeout(self.until_due()) {
                Ok(told) => self.take(told),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            }
            // What came meanwhile may replace what waits. A queue full at most: more may come as
            // fast as it is taken.
            receiver.try_iter().take(QUEUE).for_each(|told| self.take(told));
            self.record(false);
        }
    }

    fn take(&mut self, told: Told) {
        let race = told.diff.to_race();
        let fingerprint = Fingerprint::of(&race);
        if !self.slots.contains_key(&fingerprint) && !self.make_room() {
            self.counters.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let slot = self.slots.entry(fingerprint).or_default();
        let key = match slot.waiting.take() {
            // A store that failed may have counted it all the same: the key stays.
            Some(earlier) => {
                self.counters.merged.fetch_add(1, Ordering::Relaxed);
                earlier.key
            }
            None => self.keys.next(),
        };
        slot.waiting = Some(Sighted {
            key,
            race,
            source: "mirror".to_owned(),
            service: self.named.service.clone(),
            build: self.named.build.clone(),
            host: self.named.host.clone(),
            pid: 0,
            at: told.at,
        });
    }

    /// Forgets a finding that has nothing to record, if it must; its pace starts anew.
    fn make_room(&mut self) -> bool {
        if self.slots.len() < MOST_FINDINGS {
            return true;
        }
        let idle = self.slots.iter().filter(|(_, slot)| slot.waiting.is_none());
        let oldest = idle.min_by_key(|(_, slot)| slot.recorded).map(|(id, _)| id.clone());
        oldest.is_some_and(|id| self.slots.remove(&id).is_some())
    }

    fn until_due(&self) -> Duration {
        const IDLE: Duration = Duration::from_secs(3600);
        let now = Instant::now();
        let waiting = self.slots.values().filter(|slot| slot.waiting.is_some());
        let due = waiting.map(|slot| slot.recorded.map_or(now, |at| at + self.pace.every)).min();
        let due = due.map(|due| self.not_before.map_or(due, |not_before| due.max(not_before)));
        due.map_or(IDLE, |due| due.saturating_duration_since(now))
    }

    /// Records what is due, or everything.
    fn record(&mut self, everything: bool) {
        let now = Instant::now();
        if !everything && self.not_before.is_some_and(|not_before| now < not_before) {
            return;
        }
        let is_due = |slot: &Slot| {
            everything || slot.recorded.is_none_or(|recorded| now >= recorded + self.pace.every)
        };
        let due = self.slots.iter().filter(|(_, slot)| is_due(slot));
        let (ids, batch): (Vec<Fingerprint>, Vec<Sighted>) =
            due.filter_map(|(id, slot)| Some((id.clone(), slot.waiting.clone()?))).unzip();
        if batch.is_empty() {
            return;
        }
        match self.sink.deliver(&batch) {
            Ok(_) => {
                if self.not_before.take().is_some() {
                    tracing::info!("the store takes differing answers again");
                }
                self.delay = self.pace.retry;
                self.counters.recorded.fetch_add(batch.len() as u64, Ordering::Relaxed);
                for id in ids {
                    self.slots.insert(id, Slot { waiting: None, recorded: Some(Instant::now()) });
                }
            }
            Err(error) => {
                if self.not_before.is_none() {
                    tracing::warn!("{error}, differing answers wait: {}", error.cause);
                }
                self.counters.refused.fetch_add(1, Ordering::Relaxed);
                self.not_before = Some(Instant::now() + self.delay);
                self.delay = (self.delay * 2).min(Duration::from_secs(30));
            }
        }
    }

    /// A last try, and some more while there is time.
    fn end(&mut self) {
        let deadline = Instant::now() + self.pace.at_the_end;
        let n_waiting =
            |slots: &HashMap<_, Slot>| slots.values().filter(|slot| slot.waiting.is_some()).count();
        loop {
            self.record(true);
            if n_waiting(&self.slots) == 0 || Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(self.pace.retry.min(Duration::from_millis(100)));
        }
        let lost = n_waiting(&self.slots) as u64;
        if lost > 0 {
            tracing::warn!("{lost} differing answers were not recorded");
        }
        self.counters.dropped.fetch_add(lost, Ordering::Relaxed);
    }
}

/// Names for sightings that no other process, and no other run of this one, gives.
struct Keys {
    prefix: String,
    next: u64,
}

impl Keys {
    fn new(named: &Named) -> Keys {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (host, pid) = (&named.host, std::process::id());
        Keys { prefix: format!("answer-diff/{host}/{pid}/{}", since.as_nanos()), next: 0 }
    }

    fn next(&mut self) -> String {
        self.next += 1;
        format!("{}/{}", self.prefix, self.next)
    }
}

#[cfg(test)]
mod tests;
