//! The threads of a run, and the merging of what they record.
//!
//! A recorder travels to the merging thread on every tick and comes back empty, so threads that
//! send wait for nobody.

use super::core::{Core, Shared};
use super::stop::Stop;
use crate::LoadError;
use crate::measure::Snapshot;
use crate::measure::record::Recorder;
use crate::plan::{Load, Pace, Plan, Ramp, template};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::runtime::LocalRuntime;

/// The rate that one thread is trusted with: a tenth of what it can do, so that it is on time.
const RATE_OF_A_THREAD: f64 = 5000.0;

/// The threads of a run, and where their recorders arrive.
pub(crate) struct Team {
    threads: Vec<JoinHandle<()>>,
    full: Receiver<(usize, Recorder)>,
    empty: Vec<Sender<Recorder>>,
}

impl Team {
    /// Starts the threads, which begin at `shared.start`.
    pub(crate) fn start(shared: &Arc<Shared>, stop: &Stop) -> Result<Self, LoadError> {
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

    pub(crate) fn size(&self) -> usize {
        self.threads.len()
    }

    /// Merges until the last thread is done; also says when that was.
    pub(crate) fn merge(
        self,
        shared: &Shared,
        on_tick: &mut impl FnMut(&Snapshot<'_>),
    ) -> (Recorder, Instant) {
        let plan = &shared.plan;
        let is_open = plan.is_open();
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
                    planned: super::planned(plan),
                    warming_up: now < shared.measured_from,
                    sent: total.sent,
                    completed: total.completed,
                    errors: total.failed + total.bad_status,
                    shed: total.shed,
                    in_flight: in_flight.iter().map(|(now, _)| now).sum(),
                    rps: (total.completed - completed) as f64 / since.as_secs_f64(),
                    latency: if is_open { &total.latency } else { &total.service },
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
        std::thread::Builder::new().name("load".to_owned()).spawn(
            move || match super::runtime() {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    work(runtime);
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            },
        )?;
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
                match &core.plan().load {
                    Load::Closed { .. } => super::closed::run(&core, self.at, self.count).await,
                    Load::Open { .. } => super::open::run(&core, self.at, self.count).await,
                    Load::Replay(_) => super::replay::run(&core, self.at, self.count).await,
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

fn threads(plan: &Plan) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let peak = plan.ramp().map_or(0.0, Ramp::peak);
    let useful = match &plan.load {
        Load::Closed { .. } => peak,
        Load::Open { .. } => (peak / RATE_OF_A_THREAD).ceil(),
        Load::Replay(replay) => {
            // Recorded traffic comes in bursts.
            let useful = match replay.pace {
                Pace::Max { workers } => workers as f64,
                _ => (replay.rate().unwrap_or(0.0) * 2.0 / RATE_OF_A_THREAD).ceil(),
            };
            useful.min(replay.index.connections() as f64)
        }
    };
    plan.threads.unwrap_or(cores.min(useful as usize)).max(1)
}
