//! Copies of requests for race builds, whose answers are dropped.
//!
//! A copy is a task of its own: it holds nothing up, and what it may take is fixed beforehand: copies
//! under way, bytes of bodies, and time. What does not fit is dropped and counted by its [`Cause`].
//! So a mirror that hangs, refuses, answers slowly or answers garbage costs the caller nothing.
//!
//! Start at [`MirrorState::wants`]; then `tap` (the body as it passes), `copy` (sending it).

mod budget;
mod copy;
mod rest;
mod stream;
mod tap;
mod whole;

pub(crate) use copy::{Collector, Copy, LocalMirror};
pub(crate) use rest::Rest;
pub(crate) use stream::StreamedBody;
pub(crate) use tap::Tap;
pub(crate) use whole::WholeBody;

use crate::canary::ticket::Tickets;
use crate::figures::{ComparedFigures, Variant};
use crate::plan;
pub(crate) use budget::Budget;
use http::Method;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// One mirror, shared by all threads.
pub(crate) struct MirrorState {
    pub(crate) plan: plan::Mirror,
    pub(crate) variant: Arc<Variant>,
    pub(crate) figures: Arc<MirrorFigures>,
    budget: Budget,
    tickets: Tickets,
    /// Whether the schedule lets it have copies now.
    scheduled: AtomicBool,
}

/// What of a mirror outlives a reload: copies under way go on, so their budget does.
#[derive(Clone)]
pub(crate) struct Kept {
    variant: Arc<Variant>,
    figures: Arc<MirrorFigures>,
    budget: Budget,
}

/// What is counted of a mirror besides its [`Variant`].
#[derive(Default)]
pub(crate) struct MirrorFigures {
    dropped: [AtomicU64; Cause::ALL.len()],
    same: AtomicU64,
    different: AtomicU64,
    not_compared: AtomicU64,
    told: AtomicU64,
    noisy: AtomicU64,
}

/// Why a request was not copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Not in the share that is copied.
    Sample,
    /// Its method is not safe and no rule allows it, or a rule forbids it.
    Method,
    /// Outside the schedule.
    Schedule,
    /// A tunnel (WebSocket) is never copied.
    Upgrade,
    /// As many copies were under way as may be.
    InFlight,
    /// The bodies of copies held as many bytes as they may.
    Bytes,
    /// Its body is larger than what is copied.
    TooLarge,
    /// The caller left before its body was whole, or its framing was wrong.
    CallerLeft,
    /// The mirror could not be connected to, or broke off, and is left in peace for a moment.
    Refused,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 9] = [
        Cause::Sample,
        Cause::Method,
        Cause::Schedule,
        Cause::Upgrade,
        Cause::InFlight,
        Cause::Bytes,
        Cause::TooLarge,
        Cause::CallerLeft,
        Cause::Refused,
    ];

    /// The word for it in figures.
    pub fn word(self) -> &'static str {
        match self {
            Cause::Sample => "sample",
            Cause::Method => "method",
            Cause::Schedule => "schedule",
            Cause::Upgrade => "upgrade",
            Cause::InFlight => "in_flight",
            Cause::Bytes => "bytes",
            Cause::TooLarge => "too_large",
            Cause::CallerLeft => "caller_left",
            Cause::Refused => "refused",
        }
    }
}

impl Default for Kept {
    fn default() -> Kept {
        let (variant, figures) = (Arc::new(Variant::new()), Arc::default());
        Kept { variant, figures, budget: Budget::new(0, 0) }
    }
}

impl MirrorState {
    pub(crate) fn new(plan: plan::Mirror, kept: Kept) -> MirrorState {
        let Kept { variant, figures, budget } = kept;
        budget.set(plan.budget_bytes, plan.in_flight);
        let state = MirrorState {
            plan,
            variant,
            figures,
            budget,
            tickets: Tickets::default(),
            scheduled: AtomicBool::new(true),
        };
        state.look_at_the_clock();
        state
    }

    /// Asks the schedule; called every second, so that requests need not.
    pub(crate) fn look_at_the_clock(&self) {
        self.scheduled.store(self.plan.schedule.holds(jiff::Timestamp::now()), Ordering::Relaxed);
    }

    /// Whether a request is to be copied; if not, why is counted.
    pub(crate) fn wants(&self, method: &Method, path: &str, is_upgrade: bool) -> bool {
        let cause = if is_upgrade {
            Cause::Upgrade
        } else if !self.scheduled.load(Ordering::Relaxed) {
            Cause::Schedule
        } else if !self.allows(method, path) {
            Cause::Method
        } else if !self.plan.share.holds(self.tickets.next()) {
            Cause::Sample
        } else {
            return true;
        };
        self.figures.dropped(cause);
        false
    }

    fn allows(&self, method: &Method, path: &str) -> bool {
        let rule = self.plan.rules.iter().find(|rule| rule.fits(method, path));
        match rule {
            Some(rule) => rule.copy,
            None => matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS),
        }
    }

    /// Copies under way, and bytes their bodies hold.
    pub(crate) fn under_way(&self) -> (usize, usize) {
        self.budget.used()
    }
}

impl MirrorFigures {
    pub(crate) fn dropped(&self, cause: Cause) {
        self.dropped[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Two answers were compared.
    pub(crate) fn compared(&self, is_same: bool) {
        let count = if is_same { &self.same } else { &self.different };
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// Two answers could not be compared.
    pub(crate) fn not_compared(&self) {
        self.not_compared.fetch_add(1, Ordering::Relaxed);
    }

    /// So many differences were told so far, and so many were noise.
    pub(crate) fn learned(&self, told: u64, noisy: u64) {
        self.told.store(told, Ordering::Relaxed);
        self.noisy.store(noisy, Ordering::Relaxed);
    }

    /// What comparing came to.
    pub(crate) fn comparisons(&self) -> ComparedFigures {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ComparedFigures {
            same: load(&self.same),
            different: load(&self.different),
            not_compared: load(&self.not_compared),
            told: load(&self.told),
            noisy: load(&self.noisy),
        }
    }

    /// In the order of [`Cause::ALL`].
    pub(crate) fn all_dropped(&self) -> [u64; Cause::ALL.len()] {
        std::array::from_fn(|at| self.dropped[at].load(Ordering::Relaxed))
    }
}
