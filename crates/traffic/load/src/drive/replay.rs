//! Replaying a recording: an open loop whose due times were recorded, or, as fast as the server
//! answers, a closed one.
//!
//! A thread has whole connections, so who may overtake whom is decided without asking another.

use super::core::{Core, Job};
use super::dispatch::{Bound, Dispatcher};
use super::open::keep_time;
use super::order::Order;
use crate::plan::{Load, Pace, Replay};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// In a closed loop so many requests may wait for others of their connections before we stop
/// looking for some that need not.
const MAX_HELD: usize = 10_000;

/// Runs the share of thread `at` of `threads` until the plan is done or stopped, and waits for
/// the answers.
pub(crate) async fn run(core: &Rc<Core>, at: usize, threads: usize) {
    let Load::Replay(replay) = &core.plan().load else { return };
    let mine: Vec<u64> = (0..)
        .zip(replay.index.entries())
        .filter(|(_, entry)| entry.connection % threads == at)
        .map(|(number, _)| number)
        .collect();
    if mine.is_empty() {
        return;
    }
    let total = replay.total(core.plan().end).unwrap_or(u64::MAX);
    let jobs = (0..)
        .map(|pass: u64| pass.saturating_mul(replay.len()))
        .flat_map(|passed| mine.iter().map(move |number| passed.saturating_add(*number)))
        .take_while(|number| *number < total)
        .map(|number| Job {
            number,
            due: due(core, replay, number),
            measured: true,
            released: None,
        });
    let order = Some(Order::new(Arc::clone(&replay.index)));
    match replay.pace {
        Pace::Max { workers } => {
            // Of workers 0, 1, 2, … this thread has at, at + threads, …
            let workers = (workers + threads - 1 - at) / threads;
            let dispatcher = Dispatcher::new(core, Bound::Wait(workers.max(1)), order);
            keep_busy(core, jobs, &dispatcher).await;
        }
        Pace::Recorded { .. } | Pace::Rate(_) => {
            let bound = Bound::Shed(replay.max_in_flight);
            keep_time(core, jobs, &Dispatcher::new(core, bound, order)).await;
        }
    }
}

fn due(core: &Core, replay: &Replay, number: u64) -> Option<Instant> {
    core.shared.start.checked_add(replay.due(number)?)
}

/// Begins one of `jobs` whenever there is room for it.
async fn keep_busy(core: &Core, jobs: impl Iterator<Item = Job>, dispatcher: &Rc<Dispatcher>) {
    tokio::time::sleep_until(core.shared.start.into()).await;
    let end = core.end();
    for job in jobs {
        while !dispatcher.has_room() || dispatcher.kept() > MAX_HELD {
            core.changed.notified().await;
        }
        if core.stopping.get() || end.is_some_and(|end| Instant::now() >= end) {
            dispatcher.close();
            break;
        }
        dispatcher.begin(job);
    }
    dispatcher.finish().await;
}
