//! The open loop: requests are sent when they are due, whatever the server does.
//!
//! Each thread has every N-th request. It wakes when its next one is due, begins everything that
//! is due by then, and hands each to `dispatch`. The planned time travels with the request: being
//! late ourselves shows up as latency and as own lag.

use super::alarm::Alarm;
use super::core::{Core, Job};
use super::dispatch::{Bound, Dispatcher};
use crate::plan::schedule::Schedule;
use crate::plan::{End, Load};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Requests due within this time are begun together. Waking up costs more than sending, and what
/// it makes us late is below a millisecond and reported. Below 1,000 requests a second nothing is due together, and nothing is late.
const GRAIN: Duration = Duration::from_micros(900);

/// Requests begun in one go before connections get their turn.
const BURST: usize = 64;

/// The schedule of `plan`, which every thread computes alike.
pub(crate) fn schedule(plan: &crate::Plan) -> Option<Schedule> {
    let Load::Open { rate, .. } = &plan.load else { return None };
    let requests = match plan.end {
        End::Requests(requests) => Some(requests),
        End::After(_) | End::Stopped => None,
    };
    Some(Schedule::new(rate, plan.warm_up, plan.length(), requests))
}

/// Runs the share of thread `at` of `threads` until the plan is done or stopped, and waits for
/// the answers.
pub(crate) async fn run(core: &Rc<Core>, at: usize, threads: usize) {
    let Load::Open { max_in_flight, .. } = core.plan().load else { return };
    let Some(schedule) = schedule(core.plan()) else { return };
    let jobs = (at as u64..schedule.total.unwrap_or(u64::MAX)).step_by(threads).map(|number| {
        let due = core.shared.start.checked_add(schedule.due(number));
        Job { number, due, measured: number >= schedule.warm, released: None }
    });
    keep_time(core, jobs, &Dispatcher::new(core, Bound::Shed(max_in_flight), None)).await;
}

/// Begins each of `jobs` when it is due, and waits for the answers. A job that is never due ends
/// them.
pub(crate) async fn keep_time(
    core: &Core,
    jobs: impl Iterator<Item = Job>,
    dispatcher: &Rc<Dispatcher>,
) {
    let alarm = Alarm::new();
    let mut jobs = jobs.peekable();
    loop {
        let mut begun = 0;
        let due = loop {
            let due = jobs.peek().and_then(|job| job.due).filter(|_| !core.stopping.get());
            match due {
                Some(due) if due <= Instant::now() && begun < BURST => {
                    jobs.next().into_iter().for_each(|job| dispatcher.begin(job));
                    begun += 1;
                }
                later => break later,
            }
        };
        let Some(due) = due else { break };
        if begun == BURST {
            tokio::task::yield_now().await;
        } else {
            alarm.until(due.max(Instant::now() + GRAIN)).await;
        }
    }
    dispatcher.finish().await;
}
