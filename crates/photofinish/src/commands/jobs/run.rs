//! The sampler, and the workers of `[jobs.workers]`, until somebody wants them to end.

use super::figures::{Figures, Noted};
use super::pool::Supervised;
use super::{JobsArgs, admin, refused, wait};
use crate::exit::ExitStatus;
use crate::output::jobs as text;
use crate::output::jobs_metrics::Crew;
use crate::signal::on_first_interrupt;
use anyhow::Context;
use photofinish_jobs::{Event, Plan, Summary, Workers, sample};
use std::sync::Arc;
use tokio::sync::Notify;

pub(super) fn run(args: JobsArgs) -> anyhow::Result<ExitStatus> {
    let (config, plan) = args.flags.read(args.every, args.key.clone())?;
    let place = args.store.place(&config)?;
    let pool = config.pool_plan(&plan, place.spool.clone()).map_err(refused)?;
    let fixed = config.jobs.workers.as_ref().is_some_and(|workers| workers.most.is_some());
    let normal = config.jobs.workers.as_ref().and_then(|workers| workers.normal);
    let figures = Figures::new(&plan);
    if let Some(admin) = args.admin.or(config.jobs.admin) {
        let bound = admin::serve(admin, figures.clone());
        let bound = bound.with_context(|| format!("cannot serve metrics at {admin}"))?;
        text::say(&format!("metrics at http://{bound}/metrics"));
    }
    let stop = Arc::new(Notify::new());
    let wish = Arc::clone(&stop);
    on_first_interrupt(move || wish.notify_one())?;
    // Nobody else reads the race queue once our workers have ended.
    let hand_back = args.hand_back || pool.is_some();
    let summary = match pool {
        None => sampled(&plan, &stop, hand_back, &figures, &mut (), |()| None)?,
        Some(pool) => {
            let mut workers = Supervised::new(pool, &plan, &place)?;
            if !fixed {
                workers.as_many_as_needed(normal);
            }
            let crew = |workers: &Supervised| Some(workers.crew());
            let summary = sampled(&plan, &stop, hand_back, &figures, &mut workers, crew)?;
            workers.end();
            summary
        }
    };
    text::ended(&plan, &summary).iter().for_each(|line| text::say(line));
    Ok(ExitStatus::Success)
}

fn sampled<W: Workers>(
    plan: &Plan,
    stop: &Notify,
    hand_back: bool,
    figures: &Figures,
    workers: &mut W,
    crew: fn(&W) -> Option<Crew>,
) -> anyhow::Result<Summary> {
    let told = |event: Event| {
        figures.hear(&event);
        match event {
            Event::Ready => text::started(plan).iter().for_each(|line| text::say(line)),
            Event::Mode(mode) => text::say(mode),
            Event::HandedBack(back) => text::say(&text::handed_back(back)),
            Event::Moved { .. } => {}
            Event::Away(error) => {
                text::say(&format!("waiting: {}", photofinish_supervise::follow::chain(&error)))
            }
            Event::Back => text::say("the broker answers again"),
        }
    };
    let mut noted = Noted { figures, workers, crew };
    wait(sample(plan, stop.notified(), hand_back, &mut noted, told))
}
