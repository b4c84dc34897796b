//! Proxies and queues that are watched for the page of variants: asked every two seconds, some minutes
//! remembered.
//!
//! How one is asked is the binary's to say ([`Watched::ask`]); what comes back is the JSON of its status.

use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two questions.
const PACE: Duration = Duration::from_secs(2);
/// Answers remembered: five minutes.
const REMEMBERED: usize = 150;

/// Asks; may wait. What went wrong is told in words.
pub type Ask = Arc<dyn Fn() -> Result<Value, String> + Send + Sync>;

/// A proxy or a queue that is watched.
#[derive(Clone)]
pub struct Watched {
    /// What to call it: its address.
    pub name: String,
    /// What it is.
    pub kind: WatchedKind,
    /// How its status is asked for.
    pub ask: Ask,
}

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchedKind {
    /// A `photofinish proxy`: `/status`.
    Proxy,
    /// A sampled queue: `jobs status`.
    Queue,
}

/// What is known of it.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) kind: WatchedKind,
    /// The latest answer, or what went wrong.
    pub(crate) latest: Result<Value, String>,
    /// When, and how many requests each variant had got by then (a queue: jobs that waited); oldest first.
    pub(crate) history: VecDeque<(Instant, Vec<u64>)>,
}

/// All that are watched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watching(Arc<Vec<Mutex<Known>>>);

impl Watching {
    /// Asks all of them from now on, until nobody wants to know any more.
    pub(crate) fn start(watched: &[Watched]) -> Watching {
        let known = watched.iter().map(|one| {
            Mutex::new(Known {
                name: one.name.clone(),
                kind: one.kind,
                latest: Err("it was not asked yet".to_owned()),
                history: VecDeque::new(),
            })
        });
        let known = Arc::new(known.collect::<Vec<_>>());
        for (index, one) in watched.iter().enumerate() {
            let (ask, known) = (Arc::clone(&one.ask), Arc::downgrade(&known));
            tokio::spawn(async move {
                loop {
                    let asking = Arc::clone(&ask);
                    let answer = tokio::task::spawn_blocking(move || asking()).await;
                    let Some(known) = known.upgrade() else { return };
                    if let (Ok(answer), Some(known)) = (answer, known.get(index)) {
                        known.lock().unwrap_or_else(PoisonError::into_inner).heard(answer);
                    }
                    drop(known);
                    tokio::time::sleep(PACE).await;
                }
            });
        }
        Watching(known)
    }

    /// What is known of each.
    pub(crate) fn known(&self) -> Vec<Known> {
        self.0
            .iter()
            .map(|one| one.lock().unwrap_or_else(PoisonError::into_inner).clone())
            .collect()
    }
}

impl Known {
    fn heard(&mut self, answer: Result<Value, String>) {
        if let Ok(status) = &answer {
            let counts: Vec<u64> = match self.kind {
                WatchedKind::Proxy => variants(status)
                    .map(|variant| variant["requests"].as_u64().unwrap_or(0))
                    .collect(),
                WatchedKind::Queue => ["source", "main", "race"]
                    .iter()
                    .map(|queue| status[*queue]["waiting"].as_u64().unwrap_or(0))
                    .collect(),
            };
            // One that was started again counts from the beginning.
            let is_new = self.history.back().is_some_and(|(_, last)| {
                self.kind == WatchedKind::Proxy
                    && (last.len() != counts.len() || last.iter().zip(&counts).any(|(a, b)| a > b))
            });
            if is_new {
                self.history.clear();
            }
            if self.history.len() == REMEMBERED {
                self.history.pop_front();
            }
            self.history.push_back((Instant::now(), counts));
        }
        self.latest = answer;
    }

    /// Requests a second of the variant with this index, between one answer and the next.
    pub(crate) fn rates(&self, index: usize) -> Vec<f64> {
        let pairs = self.history.iter().zip(self.history.iter().skip(1));
        pairs
            .filter_map(|((before, old), (at, new))| {
                let count = new.get(index)?.checked_sub(*old.get(index)?)?;
                let seconds = at.duration_since(*before).as_secs_f64();
                (seconds > 0.0).then(|| count as f64 / seconds)
            })
            .collect()
    }

    /// How much it was, answer by answer.
    pub(crate) fn levels(&self, index: usize) -> Vec<f64> {
        self.history.iter().filter_map(|(_, counts)| counts.get(index)).map(|n| *n as f64).collect()
    }
}

/// The variants in the status of a proxy.
pub(crate) fn variants(status: &Value) -> impl Iterator<Item = &Value> {
    status["variants"].as_array().into_iter().flatten()
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watched").field("name", &self.name).field("kind", &self.kind).finish()
    }
}
