//! The races that were caught so far, and whether it is looked for more.
//!
//! One that is seen again counts as the one it is. Start at [`Catches::add`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use photofinish_model::Fingerprint;

use crate::evidence::{Held, Other};
use crate::learnt::SiteIdx;
use crate::race::{is_told, race_of};
use crate::watch::{News, PROGRESS, Watch};
use crate::{Caught, Outcome, Plan};

/// Races, and who hears of them.
pub(crate) struct Catches<'a> {
    plan: &'a Plan,
    stop: &'a AtomicBool,
    tell: &'a mut (dyn FnMut(News) + Send),
    /// Where each is in `outcome`.
    known: BTreeMap<Fingerprint, usize>,
    pub(crate) outcome: Outcome,
}

impl<'a> Catches<'a> {
    /// None yet.
    pub(crate) fn new(
        plan: &'a Plan,
        stop: &'a AtomicBool,
        tell: &'a mut (dyn FnMut(News) + Send),
    ) -> Catches<'a> {
        Catches { plan, stop, tell, known: BTreeMap::new(), outcome: Outcome::default() }
    }

    /// Whether it is looked for more.
    pub(crate) fn go_on(&self, watch: &Watch<'_>) -> bool {
        let is_enough = self.plan.until_first && !self.outcome.caught.is_empty();
        let is_time = watch.budget.elapsed() >= self.plan.duration;
        !watch.over && !is_enough && !is_time && !self.stop.load(Ordering::Relaxed)
    }

    /// When the loop has to come round again.
    pub(crate) fn end_of_step(&self, watch: &Watch<'_>) -> Instant {
        let rest = self.plan.duration.saturating_sub(watch.budget.elapsed());
        Instant::now() + rest.min(PROGRESS)
    }

    /// Tells how far it is, if it is time.
    pub(crate) fn tell_progress(&mut self, watch: &mut Watch<'_>) {
        if watch.has_progressed() {
            (self.tell)(News::Progress(watch.effort()));
        }
    }

    /// Two threads met at a site.
    pub(crate) fn add(
        &mut self,
        watch: &mut Watch<'_>,
        site_idx: SiteIdx,
        held: Held,
        other: &Other,
    ) {
        let race = race_of(watch.process, &held, other);
        if !is_told(&race) {
            return;
        }
        watch.queue.known.mark(site_idx).caught += 1;
        let fingerprint = Fingerprint::of(&race);
        match self.known.get(&fingerprint).and_then(|at| self.outcome.caught.get_mut(*at)) {
            Some(caught) => caught.sightings += 1,
            None => {
                self.known.insert(fingerprint, self.outcome.caught.len());
                let caught = Caught { race, sightings: 1, after: watch.budget.elapsed() };
                (self.tell)(News::Caught(Box::new((caught.clone(), held))));
                self.outcome.caught.push(caught);
            }
        }
    }
}
