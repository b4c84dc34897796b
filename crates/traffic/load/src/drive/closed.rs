//! The closed loop: so many workers, each sending its next request when it has its answer.
//!
//! Workers are dealt out to the threads once and never move. A worker that a ramp does not want
//! (yet, or any more) sleeps and keeps its connection.

use super::core::{Core, Job};
use super::lane::Lane;
use crate::plan::{End, Load, Ramp};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// How often a ramp is looked at.
const STEP: Duration = Duration::from_millis(20);
/// How long a worker waits when nobody listens: a service that is being restarted would otherwise be
/// counted as failing thousands of requests a second, which no caller of it would have made.
const REFUSED_PAUSE: Duration = Duration::from_millis(100);

/// Runs the share of thread `at` of `threads` until the plan is done or stopped.
pub(crate) async fn run(core: &Rc<Core>, at: usize, threads: usize) {
    let Load::Closed { workers, think_time } = &core.plan().load else { return };
    tokio::time::sleep_until(core.shared.start.into()).await;
    let allowed = Rc::new(Cell::new(0));
    let mut tasks = JoinSet::new();
    let mut spawned = 0;
    loop {
        let wanted = wanted(workers, core);
        // Of workers 0, 1, 2, … this thread has at, at + threads, …
        let mine = (wanted + threads - 1 - at) / threads;
        allowed.set(mine);
        while spawned < mine {
            let worker = Worker {
                core: Rc::clone(core),
                index: spawned,
                allowed: Rc::clone(&allowed),
                think_time: *think_time,
            };
            tasks.spawn_local(worker.run());
            spawned += 1;
        }
        core.changed.notify_waiters();
        let over = core.stopping.get() || core.end().is_some_and(|end| Instant::now() >= end);
        if over || workers.stages.is_empty() {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    while tasks.join_next().await.is_some() {}
}

fn wanted(workers: &Ramp, core: &Core) -> usize {
    let now = Instant::now();
    let value = match now.checked_duration_since(core.shared.measured_from) {
        Some(after) => workers.at(after),
        None => workers.first(),
    };
    // Up to one worker while the ramp is above nothing, so that it begins at once.
    value.ceil() as usize
}

struct Worker {
    core: Rc<Core>,
    index: usize,
    allowed: Rc<Cell<usize>>,
    think_time: Duration,
}

impl Worker {
    async fn run(self) {
        let core = &self.core;
        let end = core.end();
        let mut lane = Lane::new(Rc::clone(core));
        let mut now = Instant::now();
        loop {
            if core.stopping.get() || end.is_some_and(|end| now >= end) {
                return;
            }
            if self.index >= self.allowed.get() {
                lane.idle(core.changed.notified()).await;
                now = Instant::now();
                continue;
            }
            let Some(job) = self.next_job(now) else { return };
            now = lane.serve(job, now).await;
            if lane.was_refused() {
                tokio::time::sleep(REFUSED_PAUSE).await;
                now = Instant::now();
            }
            if !self.think_time.is_zero() {
                lane.idle(tokio::time::sleep(self.think_time)).await;
                now = Instant::now();
            }
        }
    }

    fn next_job(&self, now: Instant) -> Option<Job> {
        let shared = &self.core.shared;
        let measured = now >= shared.measured_from;
        if let (true, End::Requests(requests)) = (measured, shared.plan.end)
            && shared.taken.fetch_add(1, Ordering::Relaxed) >= requests
        {
            return None;
        }
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        Some(Job { number, due: None, measured, released: None })
    }
}
