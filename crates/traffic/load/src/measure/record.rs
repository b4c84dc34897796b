//! What one thread saw since the last tick: counts and three distributions.
//!
//! Recorders travel between a thread and the merging one in turn (full one out, empty one back),
//! so nobody waits for a lock and nothing is allocated while requests run.

use super::Latencies;
use crate::wire::failure::{ErrorKind, Failure};
use std::collections::BTreeMap;
use std::time::Duration;

/// As many failures of a kind are kept in words.
const SAMPLES: usize = 3;

/// Counts and distributions, to be added up.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) bad_status: u64,
    pub(crate) shed: u64,
    /// Requests of a replay that had to wait for another of their connection.
    pub(crate) held: u64,
    /// How long requests were unanswered, added up.
    pub(crate) busy: Duration,
    pub(crate) retried: u64,
    pub(crate) bytes_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) in_flight: usize,
    pub(crate) in_flight_max: usize,
    /// Few different ones: a list is faster than a map.
    pub(crate) statuses: Vec<(u16, u64)>,
    pub(crate) errors: BTreeMap<ErrorKind, (u64, Vec<String>)>,
    /// From when a request was due; empty in a closed loop, where nothing is due.
    pub(crate) latency: Latencies,
    /// From when it was sent.
    pub(crate) service: Latencies,
    /// From when it was due until it was sent.
    pub(crate) lag: Latencies,
}

impl Recorder {
    /// A request that was sent `lag` after it was due, if it ever was.
    pub(crate) fn begun(&mut self, lag: Option<Duration>) {
        self.sent += 1;
        if let Some(lag) = lag {
            self.lag.record(lag);
        }
    }

    /// An answer with `status`, allowed or not.
    pub(crate) fn answered(
        &mut self,
        status: u16,
        allowed: bool,
        latency: Option<Duration>,
        service: Duration,
    ) {
        self.completed += 1;
        self.took(latency, service);
        match self.statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += 1,
            None => self.statuses.push((status, 1)),
        }
        if !allowed {
            self.bad_status += 1;
            self.error(ErrorKind::Status, || format!("the server answered {status}"));
        }
    }

    /// No answer. A timeout took at least as long as it did, which is what is recorded; how long
    /// other failures took says nothing about the server.
    pub(crate) fn failed(
        &mut self,
        failure: &Failure,
        latency: Option<Duration>,
        service: Duration,
    ) {
        self.failed += 1;
        if failure.kind == ErrorKind::Timeout {
            self.took(latency, service);
        }
        self.error(failure.kind, || failure.sentence());
    }

    /// In a closed loop both are the same, and the first is left out.
    fn took(&mut self, latency: Option<Duration>, service: Duration) {
        if let Some(latency) = latency {
            self.latency.record(latency);
        }
        self.service.record(service);
    }

    fn error(&mut self, kind: ErrorKind, sentence: impl FnOnce() -> String) {
        let (count, samples) = self.errors.entry(kind).or_default();
        *count += 1;
        if samples.len() < SAMPLES && *count <= 64 {
            let sentence = sentence();
            if !samples.contains(&sentence) {
                samples.push(sentence);
            }
        }
    }

    /// Takes in all that `other` has.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sent += other.sent;
        self.completed += other.completed;
        self.failed += other.failed;
        self.bad_status += other.bad_status;
        self.shed += other.shed;
        self.held += other.held;
        self.busy += other.busy;
        self.retried += other.retried;
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
        for (status, n) in &other.statuses {
            match self.statuses.iter_mut().find(|(known, _)| known == status) {
                Some((_, count)) => *count += n,
                None => self.statuses.push((*status, *n)),
            }
        }
        for (kind, (n, sentences)) in &other.errors {
            let (count, samples) = self.errors.entry(*kind).or_default();
            *count += n;
            for sentence in sentences {
                if samples.len() < SAMPLES && !samples.contains(sentence) {
                    samples.push(sentence.clone());
                }
            }
        }
        self.latency.merge(&other.latency);
        self.service.merge(&other.service);
        self.lag.merge(&other.lag);
    }

    /// Empties it for reuse; the distributions keep their memory.
    pub(crate) fn clear(&mut self) {
        let Self {
            sent,
            completed,
            failed,
            bad_status,
            shed,
            held,
            busy,
            retried,
            bytes_received,
            bytes_sent,
            in_flight,
            in_flight_max,
            statuses,
            errors,
            latency,
            service,
            lag,
        } = self;
        for count in
            [sent, completed, failed, bad_status, shed, held, retried, bytes_received, bytes_sent]
        {
            *count = 0;
        }
        (*in_flight, *in_flight_max, *busy) = (0, 0, Duration::ZERO);
        statuses.clear();
        errors.clear();
        for latencies in [latency, service, lag] {
            latencies.clear();
        }
    }
}
