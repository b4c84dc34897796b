//! Three processes behind one port: the normal build, and race builds as canary and as mirror.
//!
//! The normal build is started first and gets its baseline while nothing else runs; the same process then
//! answers behind the proxy. The race builds share the memory there is.

use crate::catching::Catching;
use crate::drive::{drive, resendable};
use crate::front::{Builds, Front, News};
use crate::outcome::Through;
use crate::queue::Queue;
use crate::stage::{Running, Stage};
use crate::{Field, HuntError, Progress, Proxied, Ran, Share, Target, Variant, VariantOutcome};
use photofinish_load::Summary;
use photofinish_supervise::build::Binary;
use photofinish_supervise::history;
use photofinish_supervise::run::Gate;

/// A build that runs, and its part in the hunt.
struct Member<'a> {
    stage: Stage<'a>,
    running: Running,
}

/// What a build gets.
struct Given {
    memory: Option<u64>,
    gate: Option<Gate>,
}

impl<'a> Field<'a> {
    /// Runs them, and drives the whole load at the proxy in front of them.
    pub(crate) fn together(&mut self, proxied: &Proxied) -> Result<Ran, HuntError> {
        let (Some(normal), Some(race)) = (&self.package.normal, &self.package.race) else {
            return Ok(Ran::default());
        };
        if self.stop.is_stopped() {
            return Ok(Ran::default());
        }
        let given = Given { memory: self.plan.memory, gate: None };
        let mut members = vec![self.member(Variant::Stable, normal, &given, &[])?];
        self.wait(&mut members)?;
        let baseline = self.baseline(&mut members[0])?;
        let gate = (!proxied.gate.is_zero()).then_some(Gate { bound: proxied.gate });
        let given = Given { memory: self.memory_of_each(proxied), gate };
        let wanted = [(Variant::Canary, proxied.canary), (Variant::Mirror, proxied.mirror)];
        for (variant, share) in wanted {
            if share != Share::NONE && !self.stop.is_stopped() {
                members.push(self.member(variant, race, &given, &members)?);
            }
        }
        self.wait(&mut members[1..])?;
        let mut ran = Ran::default();
        if !self.stop.is_stopped() {
            let queue = self.queue()?;
            let catching = self.catching(&members[0].running)?;
            ran.through = Some(self.through(proxied, &mut members, queue.as_ref())?);
            (self.progress)(Progress::Stopping);
            ran.jobs = queue.and_then(Queue::finish);
            ran.catch = catching.map(Catching::finish);
        }
        ran.variants = finish(members, baseline)?;
        Ok(ran)
    }

    fn member(
        &mut self,
        variant: Variant,
        binary: &'a Binary,
        given: &Given,
        others: &[Member<'_>],
    ) -> Result<Member<'a>, HuntError> {
        let others: Vec<_> = others.iter().map(|member| &member.stage.place).collect();
        let stage = Stage {
            plan: self.plan,
            variant,
            place: self.plan.service.place.beside(&others)?,
            binary,
            build_label: self.package.revision.label(),
            memory: given.memory,
            gate: given.gate,
            tally: self.tally,
        };
        let running = stage.start(self.keep.sink(), self.progress)?;
        Ok(Member { stage, running })
    }

    /// What one race build may use.
    fn memory_of_each(&self, proxied: &Proxied) -> Option<u64> {
        match proxied.n_race_builds() {
            0 | 1 => self.plan.memory,
            n => Some(history::available(None).bytes / n)
                .map(|share| self.plan.memory.map_or(share, |asked| asked.min(share))),
        }
    }

    /// The queue, at work.
    pub(crate) fn queue(&mut self) -> Result<Option<Queue>, HuntError> {
        let Some((jobs, package)) = self.jobs else { return Ok(None) };
        let sinks = self.keep.job_sinks(&jobs.queue);
        Queue::start(self.plan, jobs, package, self.tally, sinks)
    }

    fn wait(&mut self, members: &mut [Member<'_>]) -> Result<(), HuntError> {
        for member in members {
            member.stage.wait(&mut member.running, self.progress)?;
        }
        Ok(())
    }

    /// What the normal build makes of the load, straight and with the machine to itself.
    fn baseline(&mut self, stable: &mut Member<'_>) -> Result<Option<Summary>, HuntError> {
        if self.plan.baseline.is_zero() {
            return Ok(None);
        }
        let place = stable.stage.place.clone();
        let (running, duration) = (&mut stable.running, self.plan.baseline);
        self.straight(Variant::Stable, &place, running, duration).map(Some)
    }

    fn through(
        &mut self,
        proxied: &Proxied,
        members: &mut [Member<'_>],
        queue: Option<&Queue>,
    ) -> Result<Through, HuntError> {
        let sink = self.tally.in_front_of(self.keep.sink(), Variant::Mirror);
        let build = self.package.revision.label();
        let tell = self
            .keep
            .differences(sink, build.as_deref())
            .map_err(|source| HuntError::Thread { source })?;
        let place = |variant| {
            let member = members.iter().find(|member| member.stage.variant == variant);
            member.map(|member| &member.stage.place)
        };
        let builds = Builds {
            stable: &members[0].stage.place,
            canary: place(Variant::Canary),
            mirror: place(Variant::Mirror),
        };
        let front = Front::start(self.plan, proxied, &builds, tell)?;
        let variants: Vec<Variant> = members.iter().map(|member| member.stage.variant).collect();
        (self.progress)(Progress::Proxied(&variants));
        for variant in variants {
            self.tally.start(variant);
        }
        let load = match proxied.resend {
            true => resendable(&self.plan.load),
            false => self.plan.load.clone(),
        };
        let (plan, tally, progress) = (self.plan, self.tally, &mut *self.progress);
        let summary = drive(&load, &plan.service.place, plan.duration, self.stop, |now| {
            for member in members.iter_mut() {
                for event in member.running.events() {
                    progress(Progress::Supervisor(member.stage.variant, &event));
                }
            }
            for event in queue.iter().flat_map(|queue| queue.events()) {
                progress(Progress::Supervisor(Variant::Jobs, &event));
            }
            for news in front.news() {
                progress(match &news {
                    News::Proxy(event) => Progress::Proxy(event),
                    News::Differs(line) => Progress::Differs(line),
                });
            }
            progress(Progress::Load(Target::Proxy(&front.status()), now, tally.len()));
        });
        let (status, differences) = front.finish();
        Ok(Through { load: summary?, status, differences })
    }
}

/// Stops all of them at once, and waits until each has said everything.
fn finish(
    members: Vec<Member<'_>>,
    mut baseline: Option<Summary>,
) -> Result<Vec<VariantOutcome>, HuntError> {
    members.iter().for_each(|member| member.running.stop());
    let ended = members.into_iter().map(|mut member| {
        let outcome = member.running.finish()?;
        // The normal build's, which is the first.
        Ok(VariantOutcome::new(&member.stage, outcome, baseline.take()))
    });
    ended.collect()
}
