//! Which findings a hunt saw, when, and how often: a [`Sink`] in front of the store's.

use crate::{SeenFinding, Variant};
use photofinish_model::Fingerprint;
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What was seen until now. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    load_started: Option<(Variant, Instant)>,
    findings: Vec<SeenFinding>,
}

impl Tally {
    /// Load begins at `variant`: times count from here.
    pub(crate) fn start(&self, variant: Variant) {
        self.state().load_started = Some((variant, Instant::now()));
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

    fn count(&self, variant: Variant, sighted: &Sighted, delivered: &Delivered) {
        let mut state = self.state();
        let started = state.load_started.filter(|(of, _)| *of == variant);
        let first_after = started.map_or_else(Default::default, |(_, at)| at.elapsed());
        let known =
            state.findings.iter_mut().find(|seen| seen.fingerprint == delivered.fingerprint);
        match known {
            Some(seen) => {
                seen.sightings += 1;
                seen.regressed |= delivered.regressed;
            }
            None => state.findings.push(SeenFinding {
                fingerprint: delivered.fingerprint.clone(),
                kind: sighted.race.kind,
                new: delivered.new,
                regressed: delivered.regressed,
                variant,
                first_after,
                sightings: 1,
            }),
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
                self.tally.count(self.variant, sighted, delivered);
            }
        }
        Ok(delivered)
    }

    fn acknowledged(&mut self, fingerprint: &Fingerprint) -> Result<bool, SinkError> {
        self.inner.acknowledged(fingerprint)
    }
}
