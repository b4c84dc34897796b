//! The open loop: requests are sent when they are due, whatever the server does.
//!
//! Each thread has every N-th request. It wakes when its next one is due, begins everything that
//! is due by then, and hands each to a connection that is idle, or to a new one: so a server that
//! stalls meets as many connections as it leaves unanswered, as it would in production. The
//! planned time travels with the request: being late ourselves shows up as latency and as own lag.

use super::alarm::Alarm;
use super::core::{Core, Job};
use super::lane::Lane;
use crate::plan::schedule::Schedule;
use crate::plan::{End, Load};
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
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
    let dispatcher = Rc::new(Dispatcher {
        core: Rc::clone(core),
        idle: RefCell::default(),
        unanswered: Cell::new(0),
        max_in_flight,
    });
    let alarm = Alarm::new();
    let mut number = at as u64;
    loop {
        let mut begun = 0;
        let due = loop {
            let is_over = schedule.total.is_some_and(|total| number >= total);
            let due = core.shared.start.checked_add(schedule.due(number));
            match due.filter(|_| !is_over && !core.stopping.get()) {
                Some(due) if due <= Instant::now() && begun < BURST => {
                    let measured = number >= schedule.warm;
                    dispatcher.begin(Job { number, due: Some(due), measured });
                    number += threads as u64;
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
    while dispatcher.unanswered.get() > 0 {
        core.changed.notified().await;
    }
}

struct Dispatcher {
    core: Rc<Core>,
    /// Lanes that wait for a job, the one used last on top.
    idle: RefCell<Vec<Rc<Seat>>>,
    unanswered: Cell<usize>,
    max_in_flight: Option<usize>,
}

/// Where a job is handed to a lane that waits.
#[derive(Default)]
struct Seat {
    job: Cell<Option<Job>>,
    waker: Cell<Option<Waker>>,
}

impl Dispatcher {
    fn begin(self: &Rc<Self>, job: Job) {
        if !self.core.shared.admit(self.max_in_flight) {
            self.core.recorder.borrow_mut().shed += u64::from(job.measured);
            return;
        }
        self.unanswered.set(self.unanswered.get() + 1);
        let seat = self.idle.borrow_mut().pop();
        match seat {
            Some(seat) => seat.hand(job),
            None => {
                tokio::task::spawn_local(Rc::clone(self).lane(job));
            }
        }
    }

    async fn lane(self: Rc<Self>, first: Job) {
        let mut lane = Lane::new(Rc::clone(&self.core));
        let seat = Rc::new(Seat::default());
        let mut job = first;
        loop {
            lane.serve(job, Instant::now()).await;
            self.core.shared.release();
            self.unanswered.set(self.unanswered.get() - 1);
            if self.unanswered.get() == 0 {
                self.core.changed.notify_waiters();
            }
            self.idle.borrow_mut().push(Rc::clone(&seat));
            job = lane.idle(seat.handed()).await;
        }
    }
}

impl Seat {
    fn hand(&self, job: Job) {
        self.job.set(Some(job));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    async fn handed(&self) -> Job {
        poll_fn(|cx| match self.job.take() {
            Some(job) => Poll::Ready(job),
            None => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        })
        .await
    }
}
