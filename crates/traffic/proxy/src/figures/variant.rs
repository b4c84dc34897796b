//! What is counted of one variant: stable, canary, or a mirror.

use super::histogram::{Histogram, Times};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Why a request of a variant has no whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection: refused, unreachable, no such name, TLS.
    Connect,
    /// The connection ended, or carried no HTTP, before the answer's head.
    Reset,
    /// No head of an answer in time.
    Timeout,
    /// The answer ended before its end.
    Cut,
    /// An answer with a status that counts as a failure of the canary.
    Status,
}

impl Failure {
    /// All of them.
    pub const ALL: [Failure; 5] =
        [Failure::Connect, Failure::Reset, Failure::Timeout, Failure::Cut, Failure::Status];

    /// The word for it in figures.
    pub fn word(self) -> &'static str {
        match self {
            Failure::Connect => "connect",
            Failure::Reset => "reset",
            Failure::Timeout => "timeout",
            Failure::Cut => "cut",
            Failure::Status => "status",
        }
    }
}

/// Counts of one variant, kept while requests run.
pub(crate) struct Variant {
    requests: AtomicU64,
    /// By the first digit of the status.
    answers: [AtomicU64; 6],
    failures: [AtomicU64; Failure::ALL.len()],
    retries: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    in_flight: AtomicI64,
    latency: Histogram,
}

/// What a [`Variant`] held at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VariantFigures {
    /// Requests sent to it, retries included.
    pub requests: u64,
    /// Answers by the first digit of their status.
    pub answers: [u64; 6],
    /// Requests without a whole answer, in the order of [`Failure::ALL`].
    pub failures: [u64; Failure::ALL.len()],
    /// Its requests that were sent again: on a new connection, or to stable.
    pub retries: u64,
    /// Bytes of request bodies.
    pub bytes_in: u64,
    /// Bytes of answer bodies.
    pub bytes_out: u64,
    /// Requests under way.
    pub in_flight: u64,
    /// From the request's arrival to the last byte of its answer.
    pub latency: Times,
}

/// A request under way. Dropped with whatever waits for it, so a caller who leaves ends it too.
pub(crate) struct Underway(Arc<Variant>);

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Variant {
    pub(crate) fn new() -> Variant {
        Variant {
            requests: AtomicU64::new(0),
            answers: Default::default(),
            failures: Default::default(),
            retries: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            in_flight: AtomicI64::new(0),
            latency: Histogram::new(),
        }
    }

    /// A request is sent to it; it is under way until what is returned is dropped.
    pub(crate) fn begun(self: &Arc<Self>) -> Underway {
        self.requested();
        self.underway()
    }

    /// A request counts, whether it is under way or not.
    pub(crate) fn requested(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// A request is under way, whether it counts or not.
    pub(crate) fn underway(self: &Arc<Self>) -> Underway {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Underway(Arc::clone(self))
    }

    pub(crate) fn answered(&self, status: http::StatusCode) {
        let class = usize::from(status.as_u16() / 100).min(5);
        self.answers[class].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn took(&self, time: Duration, bytes_out: u64) {
        self.latency.count(time);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes_in: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, failure: Failure) {
        self.failures[failure as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn figures(&self) -> VariantFigures {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        VariantFigures {
            requests: load(&self.requests),
            answers: std::array::from_fn(|at| load(&self.answers[at])),
            failures: std::array::from_fn(|at| load(&self.failures[at])),
            retries: load(&self.retries),
            bytes_in: load(&self.bytes_in),
            bytes_out: load(&self.bytes_out),
            in_flight: self.in_flight.load(Ordering::Relaxed).max(0) as u64,
            latency: self.latency.times(),
        }
    }
}
