//! The workers: started, ended, replaced, as the lag and their memory ask for.

use crate::plan::Plan;
use crate::scale::Scale;
use crate::worker::{Failed, Worker};
use photofinish_supervise::Sink;
use photofinish_supervise::run::{self, End, Guard, RunError, Voice};
use std::sync::Arc;
use std::time::Instant;

/// Something a person may want to know.
#[derive(Debug)]
pub enum Event {
    /// There are to be so many workers now.
    Wanted {
        /// How many.
        workers: u32,
        /// Jobs that wait.
        waiting: u64,
    },
    /// A worker has something to tell.
    Worker(u32, run::Event),
    /// A worker grew too large and is replaced.
    TooLarge {
        /// Which.
        worker: u32,
        /// What it uses, in bytes.
        memory: u64,
    },
    /// A worker could not be supervised at all; it is tried again.
    Failed(u32, RunError),
}

/// What all workers of a pool came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Processes that were started.
    pub starts: u64,
    /// That crashed, or ended by themselves with a failure.
    pub crashes: u64,
    /// That were replaced since they grew too large.
    pub recycled: u64,
    /// Reports stored.
    pub reports: u64,
    /// Reports that wait in the spool.
    pub left_in_spool: usize,
    /// The most memory that one of them was seen to use, in bytes.
    pub peak_memory: u64,
    /// What the detector was told to remember.
    pub history_size: u64,
}

/// Makes a way into the store, for each worker.
pub type Sinks = Box<dyn FnMut() -> Box<dyn Sink> + Send>;

/// A pool of workers.
pub struct Pool {
    plan: Plan,
    scale: Scale,
    limit: u64,
    sinks: Sinks,
    voice: Voice,
    guard: Option<Arc<Guard>>,
    workers: Vec<Worker>,
    failed: Option<Failed>,
    said: u32,
    number: u32,
    totals: Totals,
}

impl Pool {
    /// A pool in which nobody works before the first [`follow`](Pool::follow).
    pub fn new(plan: Plan, sinks: Sinks, voice: Voice) -> Pool {
        Pool {
            scale: Scale::new(plan.least, plan.most, plan.lag, plan.idle),
            limit: plan.memory_limit(),
            plan,
            sinks,
            voice,
            guard: None,
            workers: Vec::new(),
            failed: None,
            said: 0,
            number: 0,
            totals: Totals::default(),
        }
    }

    /// Hears how many jobs wait, and sees to the workers. Waits for nothing; to be called about twice a
    /// second.
    pub fn follow(&mut self, waiting: u64, tell: &mut dyn FnMut(Event)) {
        let now = Instant::now();
        self.hear(tell);
        self.bury(now, tell);
        self.weigh(tell);
        let wanted = self.scale.wanted(waiting, now);
        if wanted != self.said {
            self.said = wanted;
            tell(Event::Wanted { workers: wanted, waiting });
        }
        self.fit(wanted, now, tell);
    }

    /// How many can take jobs.
    pub fn ready(&self) -> usize {
        self.workers.iter().filter(|worker| worker.is_ready()).count()
    }

    /// The processes that run.
    pub fn pids(&self) -> Vec<u32> {
        self.workers.iter().filter_map(|worker| worker.pid).collect()
    }

    /// So many at most, from now on.
    pub fn set_most(&mut self, most: u32) {
        self.scale.set_most(most);
    }

    /// So many at most.
    pub fn most(&self) -> u32 {
        self.scale.most()
    }

    /// What the workers came to, as far as is known by now.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// Ends all of them in good order, at once, and waits until each has said everything.
    pub fn stop(&mut self, tell: &mut dyn FnMut(Event)) {
        self.workers.iter_mut().for_each(|worker| worker.stop("the pool ends"));
        while let Some(mut worker) = self.workers.pop() {
            while !worker.is_over() {
                std::thread::sleep(std::time::Duration::from_millis(10));
                hear(&mut worker, &mut self.totals, tell);
            }
            hear(&mut worker, &mut self.totals, tell);
            self.count(worker, Instant::now(), tell);
        }
    }

    fn hear(&mut self, tell: &mut dyn FnMut(Event)) {
        for worker in &mut self.workers {
            hear(worker, &mut self.totals, tell);
        }
    }

    /// Takes leave of those that are over.
    fn bury(&mut self, now: Instant, tell: &mut dyn FnMut(Event)) {
        let (over, rest) = self.workers.drain(..).partition(Worker::is_over);
        self.workers = rest;
        let over: Vec<Worker> = over;
        for mut worker in over {
            hear(&mut worker, &mut self.totals, tell);
            self.count(worker, now, tell);
        }
    }

    fn count(&mut self, worker: Worker, now: Instant, tell: &mut dyn FnMut(Event)) {
        let number = worker.number;
        match worker.join() {
            Ok(outcome) => {
                self.totals.left_in_spool += outcome.left_in_spool;
                self.totals.peak_memory = self.totals.peak_memory.max(outcome.peak_memory);
                self.totals.history_size = outcome.history_size;
                self.failed = None;
            }
            Err(error) => {
                let in_a_row = self.failed.map_or(0, |failed| failed.in_a_row) + 1;
                let doubled = 1_u32.checked_shl(in_a_row - 1).unwrap_or(u32::MAX);
                let pause = self.plan.worker.first_pause.saturating_mul(doubled);
                let again = now + pause.min(self.plan.worker.longest_pause);
                self.failed = Some(Failed { again, in_a_row });
                tell(Event::Failed(number, error));
            }
        }
    }

    /// Ends the largest of those that grew too large: one at a time, so that the others go on.
    fn weigh(&mut self, tell: &mut dyn FnMut(Event)) {
        if self.workers.iter().any(|worker| worker.leaving.is_some()) {
            return;
        }
        let weighed = self.workers.iter_mut().map(|worker| (worker.memory(), worker));
        let largest = weighed.max_by_key(|(memory, _)| *memory);
        if let Some((memory, worker)) = largest.filter(|(memory, _)| *memory > self.limit) {
            self.totals.recycled += 1;
            self.totals.peak_memory = self.totals.peak_memory.max(memory);
            tell(Event::TooLarge { worker: worker.number, memory });
            worker.stop("it grew too large");
        }
    }

    /// Starts and ends workers until there are as many as are wanted. One that is leaving still counts:
    /// its memory is not free yet.
    fn fit(&mut self, wanted: u32, now: Instant, tell: &mut dyn FnMut(Event)) {
        let wanted = wanted as usize;
        let staying = self.workers.iter().filter(|worker| worker.leaving.is_none()).count();
        if staying > wanted {
            let stays = self.workers.iter_mut().filter(|worker| worker.leaving.is_none());
            // The largest has the most to gain from a new beginning.
            if let Some(worker) = stays.max_by_key(|worker| worker.memory()) {
                worker.stop("one too many");
            }
        }
        if self.failed.is_some_and(|failed| now < failed.again) {
            return;
        }
        while self.workers.len() < wanted {
            self.number += 1;
            let (plan, guard) = (self.plan.one(), self.guard());
            let started =
                Worker::start(self.number, plan, (self.sinks)(), self.voice.clone(), guard);
            match started {
                Ok(worker) => self.workers.push(worker),
                Err(cause) => {
                    tell(Event::Failed(self.number, RunError::Setup { what: "a worker", cause }));
                    return;
                }
            }
        }
    }

    /// Who ends workers that go on after we were killed; another one when it has died.
    fn guard(&mut self) -> Option<Arc<Guard>> {
        if self.guard.as_ref().is_none_or(|guard| !guard.lives()) && !self.plan.guard.is_empty() {
            // Without one, workers that do as SIGTERM says end all the same.
            self.guard = Guard::start(&self.plan.guard).ok().map(Arc::new);
            let pids = self.pids();
            self.guard.iter().for_each(|guard| pids.iter().for_each(|pid| guard.watch(*pid)));
        }
        self.guard.clone()
    }
}

/// Its jobs were done; the second is the race detector's, which has found something.
fn is_good(end: End) -> bool {
    matches!(end, End::Exited(0 | 66))
}

fn hear(worker: &mut Worker, totals: &mut Totals, tell: &mut dyn FnMut(Event)) {
    for event in worker.events() {
        match &event {
            run::Event::Started { .. } => totals.starts += 1,
            run::Event::Ended { end, crashed, .. } => {
                let failed = worker.leaving.is_none() && !is_good(*end);
                totals.crashes += u64::from(*crashed || failed);
            }
            run::Event::Notice(photofinish_supervise::follow::Notice::Found(_)) => {
                totals.reports += 1;
            }
            _ => {}
        }
        tell(Event::Worker(worker.number, event));
    }
}
