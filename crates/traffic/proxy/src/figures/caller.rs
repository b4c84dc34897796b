//! What is counted of callers, and of the proxy itself.

use super::histogram::Histogram;
use crate::forward::Refusal;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Counts of all callers, kept while requests run.
pub(crate) struct Caller {
    /// Whole answers in which the canary had no part: what a service's objective is measured on.
    pub(crate) objective: Histogram,
    /// Time this proxy itself took of a request.
    pub(crate) overhead: Histogram,
    connections: AtomicI64,
    connections_all: AtomicU64,
    tunnels: AtomicI64,
    left: AtomicU64,
    refusals: [AtomicU64; Refusal::ALL.len()],
    /// Heads and bodies that two parsers could read differently, and TLS that made no sense.
    malformed: AtomicU64,
    /// Connections closed for taking too long.
    too_slow: AtomicU64,
}

impl Caller {
    pub(crate) fn new() -> Caller {
        Caller {
            objective: Histogram::new(),
            overhead: Histogram::new(),
            connections: AtomicI64::new(0),
            connections_all: AtomicU64::new(0),
            tunnels: AtomicI64::new(0),
            left: AtomicU64::new(0),
            refusals: Default::default(),
            malformed: AtomicU64::new(0),
            too_slow: AtomicU64::new(0),
        }
    }

    /// One more; tells its number.
    pub(crate) fn connected(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connections_all.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn disconnected(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections now, and all so far.
    pub(crate) fn connections(&self) -> (u64, u64) {
        let now = self.connections.load(Ordering::Relaxed).max(0) as u64;
        (now, self.connections_all.load(Ordering::Relaxed))
    }

    pub(crate) fn tunnel_opened(&self) {
        self.tunnels.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn tunnel_closed(&self) {
        self.tunnels.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn tunnels(&self) -> u64 {
        self.tunnels.load(Ordering::Relaxed).max(0) as u64
    }

    /// A caller left before its answer was whole.
    pub(crate) fn left(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn all_left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self, refusal: Refusal) {
        self.refusals[refusal as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn too_slow(&self) {
        self.too_slow.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that got an answer of the proxy's own, or none, by cause.
    pub(crate) fn refusals(&self) -> Vec<(&'static str, u64)> {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let own =
            Refusal::ALL.iter().map(|each| (each.word(), load(&self.refusals[*each as usize])));
        own.chain([("malformed", load(&self.malformed)), ("too_slow", load(&self.too_slow))])
            .collect()
    }
}
