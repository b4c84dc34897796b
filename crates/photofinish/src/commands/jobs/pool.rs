//! The pool of race workers, as the sampler knows it: told how many jobs wait, asked who can take them.

use crate::commands::place::Place;
use crate::job_sink::JobSink;
use crate::output::jobs_metrics::Crew;
use crate::output::jobs_pool as text;
use crate::sink::StoreSink;
use photofinish_jobs::{Look, Pace, Plan as Queue, Workers};
use photofinish_pool::{Plan, Pool, most_needed};
use photofinish_supervise::program::Program;
use photofinish_supervise::run::{RunError, Voice};
use std::fs::File;
use std::os::fd::AsFd;

/// Workers of ours.
pub(super) struct Supervised {
    pool: Pool,
    voice: Voice,
    every: u32,
    /// How many there may be follows from how many times longer their jobs take; with how many normal ones.
    needed: Option<Option<u32>>,
}

impl Supervised {
    /// Makes a pool of workers of `queue` that delivers to the findings at `place`; nobody works yet.
    ///
    /// # Errors
    /// There is no such program.
    pub(super) fn new(
        plan: Plan,
        queue: &Queue,
        place: &Place,
        voice: Voice,
    ) -> anyhow::Result<Supervised> {
        // Now, rather than again and again once jobs wait for it.
        let name = plan.worker.command.first().cloned().unwrap_or_default();
        Program::find(&name).map_err(RunError::from).map_err(|error| {
            let hint = error.hint();
            crate::output::error::hinted(error, hint)
        })?;
        let stdout = std::io::stdout().as_fd().try_clone_to_owned()?;
        let mut plan = plan;
        plan.worker.launcher = crate::launcher()?;
        // And so an empty stdin, which several processes could not share.
        plan.worker.stdout = Some(File::from(stdout).into());
        plan.guard = crate::guard(plan.worker.stop_timeout)?;
        text::planned(&plan).iter().for_each(|line| voice.say(line));
        let every = queue.every;
        let (store, queue) = (place.store.clone(), queue.clone());
        let sinks = Box::new(move || {
            Box::new(JobSink::new(StoreSink::new(store.clone()), queue.clone())) as Box<_>
        });
        let pool = Pool::new(plan, sinks, voice.clone());
        Ok(Supervised { pool, voice, every, needed: None })
    }

    /// There may be as many as it takes to keep up with their share of the jobs of `normal` workers, once it
    /// was measured how many times longer theirs take.
    pub(super) fn as_many_as_needed(&mut self, normal: Option<u32>) {
        self.needed = Some(normal);
    }

    /// How they do.
    pub(super) fn crew(&self) -> Crew {
        Crew { ready: self.pool.ready(), most: self.pool.most(), totals: self.pool.totals() }
    }

    /// Says what they came to.
    pub(super) fn end(self) {
        self.voice.say(text::ended(&self.pool.totals()));
    }
}

impl Workers for Supervised {
    fn follow(&mut self, look: &Look) -> Option<usize> {
        let voice = &self.voice;
        self.pool.follow(look.race, &mut |event| {
            if let Some(line) = text::line(&event) {
                voice.say(line);
            }
        });
        Some(self.pool.ready())
    }

    fn paced(&mut self, pace: Pace) {
        let Some(normal) = self.needed else { return };
        let most = most_needed(normal, self.every, pace.slowdown());
        if most != self.pool.most() {
            self.pool.set_most(most);
            let (most, slowdown) = (self.pool.most(), pace.slowdown());
            self.voice.say(format!(
                "jobs: at most {most} race workers from now on: their jobs take {slowdown:.1} times as long"
            ));
        }
    }

    fn stop(&mut self) {
        let voice = &self.voice;
        self.pool.stop(&mut |event| {
            if let Some(line) = text::line(&event) {
                voice.say(line);
            }
        });
    }
}
