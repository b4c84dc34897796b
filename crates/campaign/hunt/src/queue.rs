//! The queue of a hunt: its producer, a normal worker and race-built ones, sampled while load is driven.
//!
//! Everything happens in one thread, which lives until all of it has ended: the workers are two pools, the
//! producer a program that is started again whenever it has ended, and the sampler is the one of `photofinish
//! jobs`. What the race workers find counts as [`Variant::Jobs`]; a normal worker that dies of a map fatal
//! is a finding too. Start at [`Queue::start`].

use crate::plan::Jobs;
use crate::tally::Tally;
use crate::{HuntError, JobsOutcome, Plan, Variant};
use photofinish_jobs::{Look, Workers, sample, status, undo};
use photofinish_pool::{Event, Pool, Sinks};
use photofinish_supervise::build::BuiltPackage;
use photofinish_supervise::follow;
use photofinish_supervise::run::{self, Voice};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use tokio::sync::Notify;

/// So many jobs may wait for the normal worker before the producer pauses.
const MOST_WAITING: u64 = 2000;

/// So many race workers at most: the machine has other builds to run.
const MOST_WORKERS: u32 = 2;

/// A queue at work.
pub(crate) struct Queue {
    thread: Option<JoinHandle<JobsOutcome>>,
    events: mpsc::Receiver<run::Event>,
    stop: Arc<Notify>,
}

impl Queue {
    /// Starts it; `sinks` are ways into the store for its workers.
    pub(crate) fn start(
        plan: &Plan,
        jobs: &Jobs,
        built: &BuiltPackage,
        tally: &Tally,
        sinks: Sinks,
    ) -> Result<Option<Queue>, HuntError> {
        let (Some(normal), Some(race)) = (&built.normal, &built.race) else { return Ok(None) };
        let log = race.path.with_extension("jobs.log");
        let file = File::create(&log);
        let file = file.map_err(|source| HuntError::Write { path: log.clone(), source })?;
        let stage = Stage { plan, jobs, built, log: file };
        tally.start(Variant::Jobs);
        let thread = |source| HuntError::Thread { source };
        let (told, events) = mpsc::channel();
        let crew = stage.crew(&normal.path, &race.path, shared(sinks, tally), told);
        let mut crew = crew.map_err(thread)?;
        let stop = Arc::new(Notify::new());
        let (queue, wish) = (jobs.queue.clone(), Arc::clone(&stop));
        let handle = std::thread::Builder::new().name("queue".to_owned());
        let handle = handle.spawn(move || crew.work(&queue, &wish, log)).map_err(thread)?;
        Ok(Some(Queue { thread: Some(handle), events, stop }))
    }

    /// What the workers' supervisors told since the last call.
    pub(crate) fn events(&self) -> Vec<run::Event> {
        self.events.try_iter().collect()
    }

    /// Ends it in good order; what it came to.
    pub(crate) fn finish(mut self) -> Option<JobsOutcome> {
        self.end()
    }

    fn end(&mut self) -> Option<JobsOutcome> {
        let thread = self.thread.take()?;
        self.stop.notify_one();
        thread.join().ok()
    }
}

/// A hunt that gives up half-way leaves no worker behind.
impl Drop for Queue {
    fn drop(&mut self) {
        self.end();
    }
}

/// Sinks that count what they take, for two pools.
fn shared(mut sinks: Sinks, tally: &Tally) -> impl Fn() -> Sinks {
    let tally = tally.clone();
    let counted: Sinks = Box::new(move || tally.in_front_of(sinks(), Variant::Jobs));
    let counted = Arc::new(Mutex::new(counted));
    move || {
        let counted = Arc::clone(&counted);
        // A panic while it was locked leaves it as good as it was.
        Box::new(move || (counted.lock().unwrap_or_else(PoisonError::into_inner))())
    }
}

/// What the crew is made from.
struct Stage<'a> {
    plan: &'a Plan,
    jobs: &'a Jobs,
    built: &'a BuiltPackage,
    log: File,
}

impl Stage<'_> {
    fn crew(
        &self,
        normal: &Path,
        race: &Path,
        sinks: impl Fn() -> Sinks,
        told: mpsc::Sender<run::Event>,
    ) -> std::io::Result<Crew> {
        let voice = Voice::new(Some(self.log.try_clone()?))?;
        let queue = &self.jobs.queue;
        let producer = match self.jobs.produce.as_slice() {
            [] => None,
            words => {
                let mut command = self.plan.launcher.clone();
                command.push(normal.into());
                command.extend(words.iter().map(|word| queue.fill(word, &queue.source).into()));
                let env = self.environment(&queue.source);
                let (folder, log) = (self.jobs.folder.clone(), self.log.try_clone()?);
                Some(Producer { command, env, folder, log, child: None })
            }
        };
        Ok(Crew {
            normal: Pool::new(self.pool(normal, &queue.main, 1)?, sinks(), voice.clone()),
            race: Pool::new(self.pool(race, &queue.race, MOST_WORKERS)?, sinks(), voice),
            producer,
            told,
        })
    }

    fn pool(
        &self,
        binary: &Path,
        queue: &str,
        most: u32,
    ) -> std::io::Result<photofinish_pool::Plan> {
        let mut command = vec![binary.as_os_str().to_owned()];
        command.extend(self.jobs.work.iter().map(|word| self.jobs.queue.fill(word, queue).into()));
        let mut plan = photofinish_pool::Plan::new(command, self.plan.spool.clone());
        plan.worker.environment = self.environment(queue);
        plan.worker.folder = Some(self.jobs.folder.clone());
        plan.worker.stdout = Some(self.log.try_clone()?.into());
        plan.worker.service = Some(self.jobs.name.clone());
        plan.worker.build = self.built.revision.label();
        plan.worker.launcher = self.plan.launcher.clone();
        let (gorace, guard) = (self.plan.gorace.clone(), self.plan.guard.clone());
        Ok(photofinish_pool::Plan { gorace, guard, most, ..plan })
    }

    fn environment(&self, queue: &str) -> Vec<(OsString, OsString)> {
        let env = self.jobs.env.iter();
        env.map(|(name, value)| (name.into(), self.jobs.queue.fill(value, queue).into())).collect()
    }
}

/// Everybody at the queue.
struct Crew {
    normal: Pool,
    race: Pool,
    producer: Option<Producer>,
    told: mpsc::Sender<run::Event>,
}

impl Crew {
    /// Samples until `stop`, then ends everybody and leaves the broker as it was.
    fn work(&mut self, queue: &photofinish_jobs::Plan, stop: &Notify, log: PathBuf) -> JobsOutcome {
        let mut outcome = JobsOutcome {
            source: queue.source.clone(),
            broker: queue.kind.word(),
            every: queue.every,
            log,
            ..JobsOutcome::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let mut is_new = false;
        match &runtime {
            Ok(runtime) => {
                let is_made_now = queue.is_to_be_made();
                let before = runtime.block_on(status(queue)).ok();
                is_new = is_made_now || before.as_ref().is_some_and(|look| look.mode.is_none());
                let sampled = runtime.block_on(sample(queue, stop.notified(), true, self, |_| {}));
                let after = runtime.block_on(status(queue)).ok();
                match sampled {
                    Ok(summary) => outcome.handed_back = summary.handed_back.total(),
                    Err(error) => outcome.failure = Some(follow::chain(&error)),
                }
                outcome.counts(before, after);
            }
            Err(cause) => outcome.failure = Some(cause.to_string()),
        }
        let told = self.told.clone();
        self.normal.stop(&mut |event| tell(&told, event));
        if let (Ok(runtime), true) = (runtime, is_new) {
            // Nobody knew of a sampler before: as if there had never been one.
            if let Err(error) = runtime.block_on(undo(queue)) {
                let why = format!("the sampling could not be undone: {}", follow::chain(&error));
                outcome.failure.get_or_insert(why);
            }
        }
        (outcome.normal, outcome.race) = (self.normal.totals(), self.race.totals());
        outcome
    }
}

impl Workers for Crew {
    fn follow(&mut self, look: &Look) -> Option<usize> {
        let told = self.told.clone();
        self.race.follow(look.race, &mut |event| tell(&told, event));
        self.normal.follow(0, &mut |event| tell(&told, event));
        let behind = look.main + look.source.unwrap_or(0);
        if let Some(producer) = &mut self.producer {
            producer.go_on(behind < MOST_WAITING);
        }
        Some(self.race.ready())
    }

    fn stop(&mut self) {
        self.producer = None;
        let told = self.told.clone();
        self.race.stop(&mut |event| tell(&told, event));
    }
}

fn tell(told: &mpsc::Sender<run::Event>, event: Event) {
    if let Event::Worker(_, event) = event {
        // Nobody listens any more only when the hunt itself is over.
        drop(told.send(event));
    }
}

/// A program that writes jobs and ends, again and again.
struct Producer {
    command: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: PathBuf,
    log: File,
    child: Option<Child>,
}

impl Producer {
    /// Starts it again if it has ended; not while there are jobs enough.
    fn go_on(&mut self, wanted: bool) {
        if let Some(child) = &mut self.child
            && matches!(child.try_wait(), Ok(None))
        {
            return;
        }
        self.child = None;
        let (Some((program, words)), true) = (self.command.split_first(), wanted) else { return };
        let (Ok(out), Ok(err)) = (self.log.try_clone(), self.log.try_clone()) else { return };
        let mut command = Command::new(program);
        command.args(words).current_dir(&self.folder).stdin(Stdio::null());
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        // One that cannot be started is tried again; that no jobs came is seen in the end.
        self.child = command.stdout(out).stderr(err).spawn().ok();
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
