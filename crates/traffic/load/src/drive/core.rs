//! What the tasks of one thread share: nothing of it is ever seen by another thread, except
//! the counters in [`Shared`].

use super::prepare::Prepared;
use crate::measure::record::Recorder;
use crate::plan::{Plan, Protocol};
use crate::wire::http2::Http2;
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Notify};

/// What the threads share.
pub(crate) struct Shared {
    pub(crate) plan: Plan,
    pub(crate) prepared: Prepared,
    /// The first request.
    pub(crate) start: Instant,
    /// The first request that is measured.
    pub(crate) measured_from: Instant,
    /// Numbers the requests of a closed loop; its templates' counter.
    pub(crate) next: AtomicU64,
    /// How many measured requests a closed loop has begun.
    pub(crate) taken: AtomicU64,
    /// Unanswered requests of an open loop, over all threads.
    pub(crate) in_flight: AtomicUsize,
    pub(crate) in_flight_max: AtomicUsize,
}

/// One thread's view.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) stopping: Cell<bool>,
    pub(crate) in_flight: Cell<usize>,
    in_flight_max: Cell<usize>,
    /// Told whenever a request ends, when `stopping` is set and when the share of a ramp changes.
    pub(crate) changed: Notify,
    /// HTTP/2 connections by origin.
    pub(crate) http2: RefCell<Vec<Vec<Http2>>>,
    /// Held while one is opened, so that all who want one do not open one each.
    pub(crate) opening: Mutex<()>,
}

/// One request to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job {
    pub(crate) number: u64,
    /// When it should have been sent; in a closed loop nobody said.
    pub(crate) due: Option<Instant>,
    /// Not part of the warm-up.
    pub(crate) measured: bool,
    /// When the last request was answered that this one had to wait for.
    pub(crate) released: Option<Instant>,
}

impl Core {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let origins = shared.prepared.origins.len();
        Self {
            shared,
            recorder: RefCell::default(),
            stopping: Cell::new(false),
            in_flight: Cell::new(0),
            in_flight_max: Cell::new(0),
            changed: Notify::new(),
            http2: RefCell::new(vec![Vec::new(); origins]),
            opening: Mutex::new(()),
        }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.shared.plan
    }

    pub(crate) fn is_http2(&self) -> bool {
        self.plan().protocol == Protocol::Http2
    }

    /// Counts a request in, and out again when the guard is dropped, whatever becomes of it.
    pub(crate) fn enter(&self) -> InFlight<'_> {
        let now = self.in_flight.get() + 1;
        self.in_flight.set(now);
        self.in_flight_max.set(self.in_flight_max.get().max(now));
        InFlight(self)
    }

    /// What was recorded since the last call; `empty` takes its place.
    pub(crate) fn take_record(&self, mut empty: Recorder) -> Recorder {
        empty.clear();
        let mut taken = self.recorder.replace(empty);
        for (received, sent) in self.http2.borrow().iter().flatten().map(Http2::traffic) {
            taken.bytes_received += received;
            taken.bytes_sent += sent;
        }
        taken.in_flight = self.in_flight.get();
        taken.in_flight_max = self.in_flight_max.get();
        taken
    }

    /// An HTTP/2 connection to origin `at` that takes one more request.
    pub(crate) fn http2_with_room(&self, at: usize) -> Option<Http2> {
        let links = self.http2.borrow();
        links.get(at)?.iter().find(|link| link.has_room()).cloned()
    }

    /// When to stop sending, if time decides.
    pub(crate) fn end(&self) -> Option<Instant> {
        let length = self.plan().length()?;
        self.shared.measured_from.checked_add(length)
    }
}

pub(crate) struct InFlight<'a>(&'a Core);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.set(self.0.in_flight.get().saturating_sub(1));
    }
}

impl Shared {
    /// Counts a request of an open loop in; `false`, and not counted, if there are `max` already.
    pub(crate) fn admit(&self, max: Option<usize>) -> bool {
        let before = self.in_flight.fetch_add(1, Ordering::Relaxed);
        if max.is_some_and(|max| before >= max) {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        self.in_flight_max.fetch_max(before + 1, Ordering::Relaxed);
        true
    }

    pub(crate) fn release(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// How long requests may go unanswered after a run was stopped.
    pub(crate) const GRACE: Duration = Duration::from_secs(1);
}
