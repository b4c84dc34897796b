//! The sampler, until somebody wants it to end.

use super::wait;
use crate::exit::ExitStatus;
use crate::output::jobs as text;
use crate::signal::on_first_interrupt;
use photofinish_jobs::{Event, Plan, sample};
use std::sync::Arc;
use tokio::sync::Notify;

pub(super) fn run(plan: &Plan, hand_back: bool) -> anyhow::Result<ExitStatus> {
    let stop = Arc::new(Notify::new());
    let wish = Arc::clone(&stop);
    on_first_interrupt(move || wish.notify_one())?;
    let told = |event: Event| match event {
        Event::Ready => text::started(plan).iter().for_each(|line| text::say(line)),
        Event::Mode(mode) => text::say(mode),
        Event::HandedBack(back) => text::say(&text::handed_back(back)),
        Event::Away(error) => text::say(&format!("waiting: {}", text::chain(&error))),
        Event::Back => text::say("the broker answers again"),
    };
    let summary = wait(sample(plan, stop.notified(), hand_back, told))?;
    text::ended(plan, &summary).iter().for_each(|line| text::say(line));
    Ok(ExitStatus::Success)
}
