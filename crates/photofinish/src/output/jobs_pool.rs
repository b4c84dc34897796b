//! What is said of the race workers that `jobs` looks after, a line each.

use super::style::clean;
use photofinish_pool::{Event, Plan, Totals};
use photofinish_supervise::follow::chain;

/// What somebody who has just started them wants to know.
pub(crate) fn planned(plan: &Plan) -> Vec<String> {
    let words: Vec<String> =
        plan.worker.command.iter().map(|word| word.to_string_lossy().into()).collect();
    vec![format!(
        "jobs: {} to {} race workers, another one for each {} jobs that wait, replaced above {} MiB: {}",
        plan.least,
        plan.most,
        plan.lag,
        plan.memory_limit() >> 20,
        clean(&words.join(" ")),
    )]
}

/// One line, or nothing where there is nothing to say.
pub(crate) fn line(event: &Event) -> Option<String> {
    Some(match event {
        Event::Wanted { workers, waiting } => {
            format!("jobs: {workers} race workers from now on, {waiting} jobs wait for them")
        }
        // Each of them decides the same.
        Event::Worker(number, photofinish_supervise::run::Event::Decided(_)) if *number > 1 => {
            return None;
        }
        Event::Worker(number, event) => format!("jobs: worker {number}: {}", event.line()?),
        Event::TooLarge { worker, memory } => {
            format!("jobs: worker {worker} uses {} MiB and is replaced", memory >> 20)
        }
        Event::Failed(number, error) => {
            format!("jobs: worker {number} could not be run, tried again soon: {}", chain(error))
        }
    })
}

/// What they came to.
pub(crate) fn ended(totals: &Totals) -> String {
    let Totals { starts, crashes, recycled, reports, left_in_spool, peak_memory, .. } = totals;
    let mut text = format!(
        "jobs: race workers: {starts} started, {crashes} crashed, {recycled} replaced, {reports} reports, \
         {} MiB at most",
        peak_memory >> 20
    );
    if *left_in_spool > 0 {
        text += &format!("; {left_in_spool} reports stay in the spool for the next run to deliver");
    }
    text
}
