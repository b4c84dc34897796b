//! The race build that answers a share of the requests.
//!
//! Which requests are the canary's is decided by `choice`; how much of its share it gets now, by
//! `breaker`; `probe` asks whether it is well; `answer` holds what it says until it has said it whole.
//! What it cannot answer, stable does, and that is `forward`'s.

pub(crate) mod answer;
mod breaker;
mod choice;
pub(crate) mod probe;
pub(crate) mod ticket;

pub(crate) use breaker::{Change, State};

use crate::event::{Event, Tell};
use crate::plan;
use breaker::Breaker;
use choice::{Mark, mark};
use http::HeaderMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use ticket::Tickets;

/// The canary, shared by all threads.
pub(crate) struct CanaryState {
    pub(crate) plan: plan::Canary,
    health: Arc<Health>,
}

/// What is known about the canary's health; outlives a reload that leaves it where it is.
pub(crate) struct Health {
    breaker: Mutex<Breaker>,
    tickets: Tickets,
    /// Parts in a million of its share that it gets now.
    factor: AtomicU32,
    tell: Tell,
}

impl CanaryState {
    /// The canary of `plan`, with the health of the one before if it is the same.
    pub(crate) fn new(plan: plan::Canary, before: Option<&CanaryState>, tell: &Tell) -> Self {
        let health = match before.filter(|before| before.plan.to == plan.to) {
            Some(before) => Arc::clone(&before.health),
            None => Arc::new(Health {
                breaker: Mutex::new(Breaker::new(plan.breaker.clone())),
                tickets: Tickets::default(),
                factor: AtomicU32::new(plan::Share::WHOLE),
                tell: tell.clone(),
            }),
        };
        health.breaker().set_plan(plan.breaker.clone());
        CanaryState { plan, health }
    }

    /// Whether a request is the canary's.
    pub(crate) fn is_chosen(&self, headers: &HeaderMap, caller: IpAddr) -> bool {
        let place = match mark(&self.plan, headers, caller) {
            // A tester gets the canary even when it is left alone: seeing it fail is why they ask.
            Mark::Always => return true,
            Mark::Never => return false,
            Mark::Place(place) => place,
            Mark::None => self.health.tickets.next(),
        };
        self.share_now().holds(place)
    }

    /// The share it gets now.
    pub(crate) fn share_now(&self) -> plan::Share {
        let factor = self.health.factor.load(Ordering::Relaxed);
        if factor == plan::Share::WHOLE {
            self.plan.share
        } else {
            self.plan.share.scaled(f64::from(factor) / f64::from(plan::Share::WHOLE))
        }
    }

    /// A request of the canary ended.
    pub(crate) fn observe(&self, is_good: bool) {
        let now = Instant::now();
        let mut breaker = self.health.breaker();
        let change = breaker.observe(is_good, now);
        self.health.update(breaker, change, now);
    }

    /// A probe ended.
    pub(crate) fn probed(&self, is_good: bool) {
        let now = Instant::now();
        let mut breaker = self.health.breaker();
        let change = breaker.probed(is_good, now);
        self.health.update(breaker, change, now);
    }

    /// Lets a growing share grow; called several times a second.
    pub(crate) fn tick(&self) {
        let now = Instant::now();
        let mut breaker = self.health.breaker();
        let change = breaker.tick(now);
        self.health.update(breaker, change, now);
    }

    /// Where its breaker stands, and how often it opened.
    pub(crate) fn standing(&self) -> (State, u64) {
        let breaker = self.health.breaker();
        (breaker.state(), breaker.ejections)
    }
}

impl Health {
    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        // A panic while it was held leaves counts behind that still make sense.
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(
        &self,
        breaker: std::sync::MutexGuard<'_, Breaker>,
        change: Option<Change>,
        now: Instant,
    ) {
        let factor = breaker.factor(now) * f64::from(plan::Share::WHOLE);
        self.factor.store(factor as u32, Ordering::Relaxed);
        drop(breaker);
        match change {
            Some(Change::Opened(why)) => (self.tell)(Event::CanaryLeftAlone { why }),
            Some(Change::Ramping) => (self.tell)(Event::CanaryComesBack),
            Some(Change::Closed) => (self.tell)(Event::CanaryIsBack),
            None => {}
        }
    }
}
