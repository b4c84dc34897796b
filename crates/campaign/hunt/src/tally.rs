//! Which findings a hunt saw, by which way, when, and how often: a [`Sink`] in front of the store's.

use crate::{SeenBy, SeenFinding, Variant};
use photofinish_model::{Fingerprint, Kind};
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What was seen until now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    load_started: HashMap<Variant, Instant>,
    findings: Vec<SeenFinding>,
}

impl Tally {
    /// Load begins at `variant`: times count from here.
    pub(crate) fn start(&self, variant: Variant) {
        self.state().load_started.entry(variant).or_insert_with(Instant::now);
    }

    pub(crate) fn len(&self) -> usize {
        self.state().findings.len()
    }

    pub(crate) fn findings(&self) -> Vec<SeenFinding> {
        self.state().findings.clone()
    }

    /// A sink that counts here what `inner` takes.
    pub(crate) fn in_front_of(&self, inner: Box<dyn Sink>, variant: Variant) -> Box<dyn Sink> {
        Box::new(TallySink { tally: self.clone(), inner, variant })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic while it was locked leaves it as good as it was.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `variant` saw a finding of this kind, and the store took it.
    pub(crate) fn count(&self, variant: Variant, kind: Kind, delivered: &Delivered) {
        let mut state = self.state();
        let started = state.load_started.get(&variant);
        let first_after = started.map_or(Duration::ZERO, Instant::elapsed);
        let seen = state.findings.iter().position(|seen| seen.fingerprint == delivered.fingerprint);
        let seen = match seen {
            Some(at) => &mut state.findings[at],
            None => {
                state.findings.push(SeenFinding {
                    fingerprint: delivered.fingerprint.clone(),
                    kind,
                    new: delivered.new,
                    regressed: false,
                    by: Vec::new(),
                });
                let last = state.findings.len() - 1;
                &mut state.findings[last]
            }
        };
        seen.regressed |= delivered.regressed;
        match seen.by.iter_mut().find(|by| by.variant == variant) {
            Some(by) => by.sightings += 1,
            None => seen.by.push(SeenBy { variant, first_after, sightings: 1 }),
        }
    }
}

struct TallySink {
    tally: Tally,
    inner: Box<dyn Sink>,
    variant: Variant,
}

impl Sink for TallySink {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        let delivered = self.inner.deliver(sighted)?;
        for (sighted, delivered) in sighted.iter().zip(&delivered) {
            if !delivered.duplicate {
                self.tally.count(self.variant, sighted.race.kind, delivered);
            }
        }
        Ok(delivered)
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        self.inner.acknowledged(fingerprint)
    }

    fn started(&mut self, service: &str, build: &str, at: SystemTime) -> Result<(), SinkError> {
        self.inner.started(service, build, at)
    }
}
