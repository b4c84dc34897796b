//! The sampler, and the workers of `[jobs.workers]`, until somebody wants them to end.

use super::pool::Supervised;
use super::{JobsArgs, refused, wait};
use crate::exit::ExitStatus;
use crate::output::jobs as text;
use crate::signal::on_first_interrupt;
use photofinish_jobs::{Event, Workers, sample};
use std::sync::Arc;
use tokio::sync::Notify;

pub(super) fn run(args: JobsArgs) -> anyhow::Result<ExitStatus> {
    let (config, plan) = args.flags.read(args.every)?;
    let place = args.store.place(&config)?;
    let pool = config.pool_plan(&plan, place.spool.clone()).map_err(refused)?;
    let mut supervised = pool.map(|pool| Supervised::new(pool, &plan, &place)).transpose()?;
    let stop = Arc::new(Notify::new());
    let wish = Arc::clone(&stop);
    on_first_interrupt(move || wish.notify_one())?;
    let told = |event: Event| match event {
        Event::Ready => text::started(&plan).iter().for_each(|line| text::say(line)),
        Event::Mode(mode) => text::say(mode),
        Event::HandedBack(back) => text::say(&text::handed_back(back)),
        Event::Away(error) => text::say(&format!("waiting: {}", text::chain(&error))),
        Event::Back => text::say("the broker answers again"),
    };
    // Nobody else reads the race queue once our workers have ended.
    let hand_back = args.hand_back || supervised.is_some();
    let workers: &mut dyn Workers = match &mut supervised {
        Some(supervised) => supervised,
        None => &mut (),
    };
    let summary = wait(sample(&plan, stop.notified(), hand_back, workers, told))?;
    text::ended(&plan, &summary).iter().for_each(|line| text::say(line));
    if let Some(supervised) = supervised {
        supervised.end();
    }
    Ok(ExitStatus::Success)
}
