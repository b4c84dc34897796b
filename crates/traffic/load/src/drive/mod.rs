//! Running a plan: threads, their runtimes, the merging of what they record.
//!
//! One single-threaded runtime for each core, on a thread of its own, and connections dealt out
//! once: no work moves between cores, so nothing is shared but a few counters. The caller's
//! thread merges the recorders and tells the progress. Start at [`run`].

mod alarm;
mod closed;
mod core;
mod lane;
mod open;
mod prepare;
mod stop;

pub use stop::Stop;

use crate::LoadError;
use crate::measure::record::Recorder;
use crate::measure::{Snapshot, Summary};
use crate::plan::{End, Load, Plan, template};
use crate::wire::connect::connect;
use core::{Core, Shared};
use prepare::Prepared;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

/// The rate that one thread is trusted with: a tenth of what it can do, so that it is on time.
const RATE_OF_A_THREAD: f64 = 5000.0;

/// Time for the threads to get ready in.
const LEAD_IN: Duration = Duration::from_millis(10);

/// Runs `plan` to its end, or until `stop` is used, telling `on_tick` how it stands. Blocks.
///
/// # Errors
/// Only what keeps the run from starting: a plan that makes no sense, a server that cannot be
/// connected to. What fails later is counted.
pub fn run(
    plan: &Plan,
    stop: &Stop,
    mut on_tick: impl FnMut(&Snapshot<'_>),
) -> Result<Summary, LoadError> {
    check(plan)?;
    let prepared = Prepared::new(plan)?;
    reach(plan, &prepared)?;
    let start = Instant::now() + LEAD_IN;
    let shared = Arc::new(Shared {
        plan: plan.clone(),
        prepared,
        start,
        measured_from: start + plan.warm_up,
        next: 0.into(),
        taken: 0.into(),
        in_flight: 0.into(),
        in_flight_max: 0.into(),
    });
    let team = Team::start(&shared, stop)?;
    let threads = team.threads.len();
    let (total, ended) = team.merge(&shared, &mut on_tick);
    let in_flight_max = shared.in_flight_max.load(std::sync::atomic::Ordering::Relaxed);
    let mut summary = Summary::new(plan, total, planned(plan));
    if matches!(plan.load, Load::Open { .. }) {
        summary.in_flight_max = in_flight_max;
    }
    summary.duration = ended.saturating_duration_since(shared.measured_from);
    summary.threads = threads;
    summary.interrupted = stop.is_stopped() && plan.end != End::Stopped;
    Ok(summary)
}

/// How many requests the plan asks for, where it says.
fn planned(plan: &Plan) -> Option<u64> {
    match (open::schedule(plan), plan.end) {
        (Some(schedule), _) => Some(schedule.total? - schedule.warm),
        (None, End::Requests(requests)) => Some(requests),
        (None, _) => None,
    }
}

fn check(plan: &Plan) -> Result<(), LoadError> {
    let wrong = |problem: &str| Err(LoadError::Plan { problem: problem.to_owned() });
    let peak = plan.ramp().peak();
    match &plan.load {
        Load::Closed { .. } if peak < 1.0 => return wrong("a closed loop needs a worker"),
        Load::Closed { .. } if peak > 1e6 => return wrong("more than a million workers"),
        Load::Open { .. } if !peak.is_finite() || peak <= 0.0 => {
            return wrong("an open loop needs a rate above nothing");
        }
        Load::Open { max_in_flight: Some(0), .. } => {
            return wrong("with no request in flight allowed, nothing can be sent");
        }
        _ => {}
    }
    if plan.end == End::Requests(0) || plan.length() == Some(Duration::ZERO) {
        return wrong("it ends before its first request");
    }
    if plan.timeout.is_zero() {
        return wrong("no answer can come in a timeout of nothing");
    }
    Ok(())
}

/// Connects to every server once, so that "nothing listens" is said before anything is sent.
fn reach(plan: &Plan, prepared: &Prepared) -> Result<(), LoadError> {
    let runtime = runtime().map_err(|cause| LoadError::Thread { cause })?;
    for origin in &prepared.origins {
        let trial = connect(origin, &prepared.tls, plan.protocol);
        let limit = plan.timeout.min(Duration::from_secs(10));
        let outcome = runtime.block_on(async { tokio::time::timeout(limit, trial).await });
        let outcome = outcome.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        outcome.map_err(|cause| LoadError::Connect {
            origin: origin.name(),
            addresses: origin
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", "),
            cause,
        })?;
    }
    Ok(())
}

fn runtime() -> std::io::Result<LocalRuntime> {
    Builder::new_current_thread().enable_all().build_local(LocalOptions::default())
}

fn threads(plan: &Plan) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let peak = plan.ramp().peak();
    let useful = match plan.load {
        Load::Closed { .. } => peak,
        Load::Open { .. } => (peak / RATE_OF_A_THREAD).ceil(),
    };
    plan.threads.unwrap_or(cores.min(useful as usize)).max(1)
}

/// The threads of a run, and where their recorders arrive.
struct Team {
    threads: Vec<JoinHandle<()>>,
    full: Receiver<(usize, Recorder)>,
    empty: Vec<Sender<Recorder>>,
}

impl Team {
    fn start(shared: &Arc<Shared>, stop: &Stop) -> Result<Self, LoadError> {
        let count = threads(&shared.plan);
        let (full_in, full) = channel();
        let (mut threads, mut empty) = (Vec::new(), Vec::new());
        for at in 0..count {
            let (empty_in, empty_out) = channel();
            let (shared, own_stop, full_in) = (Arc::clone(shared), stop.clone(), full_in.clone());
            let started = runtime_on_thread(move |runtime| {
                let seat = Seat { at, count, stop: own_stop, full: full_in, empty: empty_out };
                runtime.block_on(seat.work(shared));
            });
            match started {
                Ok(thread) => threads.push(thread),
                Err(cause) => {
                    stop.stop();
                    return Err(LoadError::Thread { cause });
                }
            }
            empty.push(empty_in);
        }
        Ok(Self { threads, full, empty })
    }

    /// Merges until the last thread is done; also says when that was.
    fn merge(
        self,
        shared: &Shared,
        on_tick: &mut impl FnMut(&Snapshot<'_>),
    ) -> (Recorder, Instant) {
        let plan = &shared.plan;
        let mut total = Recorder::default();
        let mut in_flight = vec![(0, 0); self.threads.len()];
        let (mut told, mut completed) = (Instant::now(), 0);
        loop {
            match self.full.recv_timeout(plan.tick) {
                Ok((at, recorder)) => {
                    total.merge(&recorder);
                    if let Some(seen) = in_flight.get_mut(at) {
                        *seen = (recorder.in_flight, recorder.in_flight_max);
                    }
                    if let Some(empty) = self.empty.get(at) {
                        let _ = empty.send(recorder);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            let now = Instant::now();
            let since = now.saturating_duration_since(told);
            if since >= plan.tick {
                on_tick(&Snapshot {
                    elapsed: now.saturating_duration_since(shared.measured_from),
                    length: plan.length(),
                    planned: planned(plan),
                    warming_up: now < shared.measured_from,
                    sent: total.sent,
                    completed: total.completed,
                    errors: total.failed + total.bad_status,
                    shed: total.shed,
                    in_flight: in_flight.iter().map(|(now, _)| now).sum(),
                    rps: (total.completed - completed) as f64 / since.as_secs_f64(),
                    latency: &total.latency,
                });
                (told, completed) = (now, total.completed);
            }
        }
        let ended = Instant::now();
        for thread in self.threads {
            // A thread that panicked has recorded up to its last tick; the rest is `abandoned`.
            let _ = thread.join();
        }
        total.in_flight_max = in_flight.iter().map(|(_, max)| max).sum();
        (total, ended)
    }
}

fn runtime_on_thread(
    work: impl FnOnce(LocalRuntime) + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    let (ready, is_ready) = channel();
    let thread =
        std::thread::Builder::new().name("load".to_owned()).spawn(move || match runtime() {
            Ok(runtime) => {
                let _ = ready.send(Ok(()));
                work(runtime);
            }
            Err(error) => {
                let _ = ready.send(Err(error));
            }
        })?;
    is_ready.recv().unwrap_or_else(|_| Err(std::io::Error::other("the thread ended")))?;
    Ok(thread)
}

/// One thread's place in the team.
struct Seat {
    at: usize,
    count: usize,
    stop: Stop,
    full: Sender<(usize, Recorder)>,
    empty: Receiver<Recorder>,
}

impl Seat {
    async fn work(self, shared: Arc<Shared>) {
        if let Some(seed) = shared.plan.seed {
            template::seed(seed.wrapping_add(self.at as u64));
        }
        let core = Rc::new(Core::new(shared));
        tokio::select! {
            biased;
            () = self.stopped(&core) => {}
            () = self.tell(&core) => {}
            () = async {
                match core.plan().load {
                    Load::Closed { .. } => closed::run(&core, self.at, self.count).await,
                    Load::Open { .. } => open::run(&core, self.at, self.count).await,
                }
            } => {}
        }
        let _ = self.full.send((self.at, core.take_record(Recorder::default())));
    }

    /// Ends when the run was stopped and what was unanswered had its time.
    async fn stopped(&self, core: &Core) {
        self.stop.stopped().await;
        core.stopping.set(true);
        core.changed.notify_waiters();
        tokio::time::sleep(Shared::GRACE).await;
    }

    /// Sends the recorder off on every tick.
    async fn tell(&self, core: &Core) {
        loop {
            tokio::time::sleep(core.plan().tick).await;
            let empty = self.empty.try_recv().unwrap_or_default();
            if self.full.send((self.at, core.take_record(empty))).is_err() {
                return;
            }
        }
    }
}
