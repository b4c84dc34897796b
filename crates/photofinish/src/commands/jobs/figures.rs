//! What a sampler knows at this moment, for whoever asks: how the queues stood when it last looked, what it
//! did, what its race workers came to.

use crate::output::jobs as text;
use crate::output::jobs_metrics::{self, Crew, Steps};
use photofinish_jobs::{Event, Look, Pace, Plan, Workers};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Clones share what is known.
#[derive(Clone)]
pub(super) struct Figures {
    plan: Plan,
    known: Arc<Mutex<Known>>,
}

/// What is known.
#[derive(Default)]
struct Known {
    look: Look,
    steps: Steps,
    crew: Option<Crew>,
}

impl Figures {
    pub(super) fn new(plan: &Plan) -> Figures {
        Figures { plan: plan.clone(), known: Arc::default() }
    }

    /// Takes in what happened.
    pub(super) fn hear(&self, event: &Event) {
        let steps = &mut self.known().steps;
        match event {
            Event::Moved { jobs, took } => {
                steps.moved += jobs;
                steps.many += 1;
                steps.took += *took;
            }
            Event::Mode(mode) => steps.paused = *mode != SAMPLING,
            Event::Away(_) => {
                // Told again when it refuses for another reason, and away only once.
                steps.away += u64::from(!std::mem::replace(&mut steps.is_away, true));
            }
            Event::Back => steps.is_away = false,
            Event::Ready | Event::HandedBack(_) => {}
        }
    }

    /// In Prometheus's text format.
    pub(super) fn prometheus(&self) -> String {
        let Known { look, steps, crew } = &*self.known();
        jobs_metrics::text(&self.plan, look, steps, crew.as_ref())
    }

    /// As `jobs status --format json`.
    pub(super) fn json(&self) -> String {
        text::json(&self.plan, &self.known().look).to_string()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // A panic while it was locked leaves it as good as it was.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The mode in which jobs are sent, as the sampler calls it.
const SAMPLING: &str = "sampling";

/// Workers whose look is noted on the way.
pub(super) struct Noted<'a, W: Workers> {
    pub(super) figures: &'a Figures,
    pub(super) workers: &'a mut W,
    pub(super) crew: fn(&W) -> Option<Crew>,
}

impl<W: Workers> Workers for Noted<'_, W> {
    fn follow(&mut self, look: &Look) -> Option<usize> {
        let ready = self.workers.follow(look);
        let mut known = self.figures.known();
        known.look = look.clone();
        known.crew = (self.crew)(self.workers);
        ready
    }

    fn paced(&mut self, pace: Pace) {
        self.workers.paced(pace);
    }

    fn stop(&mut self) {
        self.workers.stop();
    }
}
