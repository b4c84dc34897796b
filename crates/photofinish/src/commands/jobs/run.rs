//! The sampler, and the workers of `[jobs.workers]`, until somebody wants them to end.
//!
//! Everything that is said goes through one [`Voice`]: the workers' stderr is passed on by it too, and lines
//! of two writers would end up inside one another.

use super::figures::{Figures, Noted};
use super::pool::Supervised;
use super::{JobsArgs, admin, refused, wait};
use crate::exit::ExitStatus;
use crate::output::jobs as text;
use crate::output::jobs_metrics::Crew;
use crate::signal::on_first_interrupt;
use anyhow::Context;
use photofinish_jobs::{Event, Plan, Summary, Workers, sample};
use photofinish_supervise::run::Voice;
use std::fs::File;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

pub(super) fn run(args: JobsArgs) -> anyhow::Result<ExitStatus> {
    let (config, plan) = args.flags.read(args.every, args.key.clone())?;
    let place = args.store.place(&config)?;
    let pool = config.pool_plan(&plan, place.spool.clone()).map_err(refused)?;
    let fixed = config.jobs.workers.as_ref().is_some_and(|workers| workers.most.is_some());
    let normal = config.jobs.workers.as_ref().and_then(|workers| workers.normal);
    let figures = Figures::new(&plan);
    let log = Log::new()?;
    if let Some(admin) = args.admin.or(config.jobs.admin) {
        let bound = admin::serve(admin, figures.clone());
        let bound = bound.with_context(|| format!("cannot serve metrics at {admin}"))?;
        log.say(&format!("metrics at http://{bound}/metrics"));
    }
    let stop = Arc::new(Notify::new());
    let wish = Arc::clone(&stop);
    on_first_interrupt(move || wish.notify_one())?;
    // Nobody else reads the race queue once our workers have ended.
    let hand_back = args.hand_back || pool.is_some();
    let summary = match pool {
        None => sampled(&plan, &stop, hand_back, &figures, &log, &mut (), |()| None)?,
        Some(pool) => {
            let mut workers = Supervised::new(pool, &plan, &place, log.0.clone())?;
            if !fixed {
                workers.as_many_as_needed(normal);
            }
            let crew = |workers: &Supervised| Some(workers.crew());
            let summary = sampled(&plan, &stop, hand_back, &figures, &log, &mut workers, crew)?;
            workers.end();
            summary
        }
    };
    text::ended(&plan, &summary).iter().for_each(|line| log.say(line));
    Ok(ExitStatus::Success)
}

/// What is said, in whole lines, until the end.
struct Log(Voice);

impl Log {
    fn new() -> std::io::Result<Log> {
        // Where stderr is closed, nobody wants to hear.
        let stderr = std::io::stderr().as_fd().try_clone_to_owned().ok();
        Voice::new(stderr.map(File::from)).map(Log)
    }

    fn say(&self, line: &str) {
        self.0.say(text::line(line));
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush(Duration::from_secs(5));
    }
}

fn sampled<W: Workers>(
    plan: &Plan,
    stop: &Notify,
    hand_back: bool,
    figures: &Figures,
    log: &Log,
    workers: &mut W,
    crew: fn(&W) -> Option<Crew>,
) -> anyhow::Result<Summary> {
    let told = |event: Event| {
        figures.hear(&event);
        match event {
            Event::Ready => text::started(plan).iter().for_each(|line| log.say(line)),
            Event::Mode(mode) => log.say(mode),
            Event::HandedBack(back) => log.say(&text::handed_back(back)),
            Event::Moved { .. } => {}
            Event::Away(error) => {
                log.say(&format!("waiting: {}", photofinish_supervise::follow::chain(&error)))
            }
            Event::Back => log.say("the broker answers again"),
        }
    };
    let mut noted = Noted { figures, workers, crew };
    wait(sample(plan, stop.notified(), hand_back, &mut noted, told))
}
