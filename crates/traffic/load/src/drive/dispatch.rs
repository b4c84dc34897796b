//! Jobs that are due, handed to a connection that is idle, or to a new one.
//!
//! So a server that stalls meets as many connections as it leaves unanswered, as it would in
//! production.

use super::core::{Core, Job};
use super::lane::Lane;
use super::order::Order;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Instant;

/// How many jobs are unanswered at most.
#[derive(Clone, Copy)]
pub(crate) enum Bound {
    /// Over all threads; what is more is shed.
    Shed(Option<usize>),
    /// In this thread; what is more waits.
    Wait(usize),
}

pub(crate) struct Dispatcher {
    core: Rc<Core>,
    /// Lanes that wait for a job, the one used last on top.
    idle: RefCell<Vec<Rc<Seat>>>,
    unanswered: Cell<usize>,
    bound: Bound,
    /// In a replay: which jobs may begin.
    order: Option<RefCell<Order>>,
    /// Those that may, and wait for others to be answered.
    ready: RefCell<VecDeque<Job>>,
    is_closed: Cell<bool>,
}

/// Where a job is handed to a lane that waits.
#[derive(Default)]
struct Seat {
    job: Cell<Option<Job>>,
    waker: Cell<Option<Waker>>,
}

impl Dispatcher {
    pub(crate) fn new(core: &Rc<Core>, bound: Bound, order: Option<Order>) -> Rc<Self> {
        Rc::new(Self {
            core: Rc::clone(core),
            idle: RefCell::default(),
            unanswered: Cell::new(0),
            bound,
            order: order.map(RefCell::new),
            ready: RefCell::default(),
            is_closed: Cell::new(false),
        })
    }

    /// Begins `job`, or keeps it until those are answered that it may not overtake.
    pub(crate) fn begin(self: &Rc<Self>, job: Job) {
        let admitted = match &self.order {
            None => Some(job),
            Some(order) => order.borrow_mut().admit(job),
        };
        match admitted {
            Some(job) => self.ready.borrow_mut().push_back(job),
            None => self.core.recorder.borrow_mut().held += u64::from(job.measured),
        }
        self.send_ready();
    }

    /// Jobs that were begun and are kept.
    pub(crate) fn kept(&self) -> usize {
        let held = self.order.as_ref().map_or(0, |order| order.borrow().n_held());
        self.ready.borrow().len() + held
    }

    /// Sends nothing more, not even what is kept.
    pub(crate) fn close(&self) {
        self.is_closed.set(true);
    }

    /// Whether another job could be sent at once, were it not held.
    pub(crate) fn has_room(&self) -> bool {
        match self.bound {
            Bound::Shed(_) => true,
            Bound::Wait(max) => self.unanswered.get() < max,
        }
    }

    /// Goes on when all are answered.
    pub(crate) async fn finish(&self) {
        while self.unanswered.get() > 0 {
            self.core.changed.notified().await;
        }
    }

    fn send_ready(self: &Rc<Self>) {
        while self.has_room() && !self.is_closed.get() && !self.core.stopping.get() {
            let Some(job) = self.ready.borrow_mut().pop_front() else { return };
            self.send(job);
        }
    }

    fn send(self: &Rc<Self>, job: Job) {
        let max = match self.bound {
            Bound::Shed(max) => max,
            Bound::Wait(_) => None,
        };
        if !self.core.shared.admit(max) {
            self.core.recorder.borrow_mut().shed += u64::from(job.measured);
            self.done(job);
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

    /// Lets those begin that waited for `job`.
    fn done(&self, job: Job) {
        if let Some(order) = &self.order {
            order.borrow_mut().done(job, &mut self.ready.borrow_mut());
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
            self.idle.borrow_mut().push(Rc::clone(&seat));
            // What waited for this one goes out on the same connection: ours is on top.
            self.done(job);
            self.send_ready();
            if self.unanswered.get() == 0 || matches!(self.bound, Bound::Wait(_)) {
                self.core.changed.notify_waiters();
            }
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
