//! A build of the service that runs once, under supervision in a thread of its own.
//!
//! In a thread, since the kernel's promise to end the program when its supervisor dies hangs on it. Reports are not kept: they are
//! counted here, by a sink that remembers when each was printed.

use photofinish_model::{Detector, Fingerprint, Kind};
use photofinish_supervise::run::{self, Event, Outcome, Voice};
use photofinish_supervise::{Delivered, Sighted, Sink, SinkError};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::SystemTime;
use tokio::sync::watch;

/// A service that runs.
pub(super) struct Running {
    thread: Option<JoinHandle<Result<Outcome, run::RunError>>>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
    pid: Arc<AtomicU32>,
    pub(super) heard: Heard,
}

/// Data races that the detector reported, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Arc<Mutex<Vec<(Fingerprint, SystemTime)>>>);

impl Running {
    /// Starts it; what it prints goes to `log`.
    pub(super) fn start(plan: run::Plan, log: &Path) -> std::io::Result<Running> {
        let file = File::options().append(true).open(log)?;
        let voice = Voice::new(Some(file))?;
        let (stop, stopped) = watch::channel(false);
        let (told, events) = mpsc::channel();
        let pid = Arc::new(AtomicU32::new(0));
        let heard = Heard::default();
        let (now, sink) = (Arc::clone(&pid), heard.clone());
        let thread =
            std::thread::Builder::new().name("supervisor".to_owned()).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|cause| run::RunError::Setup { what: "its runtime", cause })?;
                // Nobody listens any more only when the trial itself is over.
                let tell = move |event| {
                    if let Event::Started { pid, .. } = &event {
                        now.store(*pid, Ordering::SeqCst);
                    }
                    drop(told.send(event));
                };
                runtime.block_on(run::run(plan, Box::new(sink), voice, tell, stopped))
            })?;
        Ok(Running { thread: Some(thread), events, stop, pid, heard })
    }

    /// The number of its process; 0 before there is one.
    pub(super) fn pid(&self) -> u32 {
        self.pid.load(Ordering::SeqCst)
    }

    pub(super) fn ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Ends it; how it ended, if by itself, and the most memory it used.
    pub(super) fn finish(&mut self) -> Result<(Option<String>, u64), String> {
        let by_itself = self.ended();
        let _ = self.stop.send(true);
        let outcome = self.thread.take().map(JoinHandle::join).and_then(Result::ok);
        let outcome = outcome
            .ok_or("its supervisor panicked")?
            .map_err(|error| photofinish_supervise::follow::chain(&error))?;
        let crashed =
            self.events.try_iter().any(|event| matches!(event, Event::Ended { crashed: true, .. }));
        let end =
            outcome.end.map_or_else(|| "it was never started".to_owned(), |end| end.to_string());
        let crash = match (crashed, by_itself) {
            (true, _) => Some(format!("the process crashed: {end}")),
            (false, true) => Some(format!("the process ended by itself: {end}")),
            (false, false) => None,
        };
        Ok((crash, outcome.peak_memory))
    }
}

/// A trial that is given up leaves no program behind.
impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.finish();
        }
    }
}

impl Heard {
    /// Each race once, with when it was printed first.
    pub(super) fn races(&self) -> Vec<(Fingerprint, SystemTime)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Sink for Heard {
    fn deliver(&mut self, sighted: &[Sighted]) -> Result<Vec<Delivered>, SinkError> {
        let mut races = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let take = |sighted: &Sighted| {
            let fingerprint = Fingerprint::of(&sighted.race);
            let known = races.iter().any(|(known, _)| *known == fingerprint);
            // A map fatal of the runtime is a symptom, not a detection.
            let counts =
                sighted.race.kind == Kind::DataRace && sighted.race.detector == Detector::GoRace;
            if counts && !known {
                races.push((fingerprint.clone(), sighted.at));
            }
            Delivered { fingerprint, new: !known, regressed: false, duplicate: false }
        };
        Ok(sighted.iter().map(take).collect())
    }

    fn acknowledged(&mut self, _: &Fingerprint) -> Result<bool, SinkError> {
        Ok(true)
    }
}
