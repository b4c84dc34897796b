//! One build after the other on the service's own port: the normal build for a short while, the race build
//! for the whole of the load.

use crate::catching::Catching;
use crate::drive::drive;
use crate::queue::Queue;
use crate::stage::{Running, Stage};
use crate::{
    CatchCommand, CatchOutcome, Field, HuntError, Progress, Ran, Target, Variant, VariantOutcome,
};
use photofinish_supervise::build::Binary;
use std::time::Duration;

impl Field<'_> {
    /// Runs them.
    pub(crate) fn alone(&mut self) -> Result<Ran, HuntError> {
        let mut ran = Ran::default();
        let wanted = [
            (Variant::Stable, &self.package.normal, self.plan.baseline),
            (Variant::Race, &self.package.race, self.plan.duration),
        ];
        for (variant, binary, duration) in wanted {
            let binary = binary.as_ref().filter(|_| !duration.is_zero());
            if let Some(binary) = binary.filter(|_| !self.stop.is_stopped()) {
                // Beside the build that has the whole load.
                let queue = if variant == Variant::Race { self.queue()? } else { None };
                let (outcome, catch) = self.one(variant, binary, duration)?;
                ran.jobs = ran.jobs.or(queue.and_then(Queue::finish));
                ran.variants.push(outcome);
                ran.catch = ran.catch.or(catch);
            }
        }
        Ok(ran)
    }

    fn one(
        &mut self,
        variant: Variant,
        binary: &Binary,
        duration: Duration,
    ) -> Result<(VariantOutcome, Option<CatchOutcome>), HuntError> {
        let place = &self.plan.service.place;
        let stage = Stage {
            plan: self.plan,
            variant,
            place: place.clone(),
            binary,
            build_label: self.package.revision.label(),
            memory: self.plan.memory,
            gate: None,
            tally: self.tally,
        };
        let mut running = stage.start(self.keep.sink(), self.progress)?;
        stage.wait(&mut running, self.progress)?;
        let catching = match variant {
            Variant::Stable => self.catching(&running)?,
            _ => None,
        };
        let load = self.straight(variant, place, &mut running, duration);
        (self.progress)(Progress::Stopping);
        let catch = catching.map(Catching::finish);
        let outcome = running.finish();
        Ok((VariantOutcome::new(&stage, outcome?, Some(load?)), catch))
    }

    /// Somebody who looks at the normal build while it runs, if that is wanted.
    pub(crate) fn catching(&self, running: &Running) -> Result<Option<Catching>, HuntError> {
        let start = |command: &CatchCommand| Catching::start(command, running.pid(), self.tally);
        let catching = self.plan.catch.as_ref().map(start).transpose();
        catching.map_err(|source| HuntError::Thread { source })
    }

    /// Drives load at one build that runs at `place`.
    pub(crate) fn straight(
        &mut self,
        variant: Variant,
        place: &crate::Place,
        running: &mut Running,
        duration: Duration,
    ) -> Result<photofinish_load::Summary, HuntError> {
        let load = crate::drive::moved(&self.plan.load, &self.plan.service.place, place);
        let (tally, progress) = (self.tally, &mut *self.progress);
        tally.start(variant);
        drive(&load, place, duration, self.stop, |now| {
            for event in running.events() {
                progress(Progress::Supervisor(variant, &event));
            }
            progress(Progress::Load(Target::Build(variant), now, tally.len()));
        })
    }
}
