//! One worker, supervised in a thread of its own.
//!
//! The thread lives as long as the worker, since the kernel's promise to end the worker when we die
//! hangs on it.

use photofinish_supervise::Sink;
use photofinish_supervise::run::{self, Event, Guard, Outcome, RunError, Voice};
use rustix::process::{Pid, test_kill_process};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::watch;

/// A worker that was started.
pub(crate) struct Worker {
    /// Tells it from the others, for good.
    pub(crate) number: u32,
    /// Its process; none before the first start and between two.
    pub(crate) pid: Option<u32>,
    /// Why it is being ended, if it is.
    pub(crate) leaving: Option<&'static str>,
    thread: Option<JoinHandle<Result<Outcome, RunError>>>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
    began: bool,
}

impl Worker {
    pub(crate) fn start(
        number: u32,
        plan: run::Plan,
        sink: Box<dyn Sink>,
        voice: Voice,
        guard: Option<Arc<Guard>>,
    ) -> std::io::Result<Worker> {
        let (stop, stopped) = watch::channel(false);
        let (told, events) = mpsc::channel();
        let thread =
            std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|cause| RunError::Setup { what: "its runtime", cause })?;
                let tell = move |event| {
                    match (&guard, &event) {
                        (Some(guard), Event::Started { pid, .. }) => guard.watch(*pid),
                        (Some(guard), Event::Ended { pid, .. }) => guard.forget(*pid),
                        _ => {}
                    }
                    // Nobody listens any more only when the pool itself is gone.
                    drop(told.send(event));
                };
                runtime.block_on(run::run(plan, sink, voice, tell, stopped))
            })?;
        Ok(Worker {
            number,
            pid: None,
            leaving: None,
            thread: Some(thread),
            events,
            stop,
            began: false,
        })
    }

    /// What happened since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let events: Vec<Event> = self.events.try_iter().collect();
        for event in &events {
            match event {
                Event::Started { pid, .. } => (self.pid, self.began) = (Some(*pid), true),
                Event::Ended { .. } => self.pid = None,
                _ => {}
            }
        }
        events
    }

    /// Whether it can take jobs: it runs, or is about to for the first time.
    pub(crate) fn is_ready(&self) -> bool {
        // One that has ended is told of as ended only when its reports are stored, which may take a while.
        let runs = self.pid.map_or(!self.began, is_alive);
        self.leaving.is_none() && runs && !self.is_over()
    }

    /// Tells it to end, and waits for nothing.
    pub(crate) fn stop(&mut self, why: &'static str) {
        self.leaving = Some(why);
        // It may have ended by itself, and nobody listens then.
        let _ = self.stop.send(true);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits for its end.
    pub(crate) fn join(mut self) -> Result<Outcome, RunError> {
        self.take()
    }

    /// The memory that it uses now, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        let Some(pid) = self.pid else { return 0 };
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
        kib.unwrap_or(0_u64) << 10
    }

    fn take(&mut self) -> Result<Outcome, RunError> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended.and_then(Result::ok).unwrap_or_else(|| {
            Err(RunError::Setup {
                what: "the supervisor, which panicked",
                cause: std::io::ErrorKind::Other.into(),
            })
        })
    }
}

/// Whether there is such a process, which is a child of ours: the dead are reaped at once.
fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

/// A pool that is dropped half-way leaves no worker behind.
impl Drop for Worker {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.stop("the pool is gone");
            let _ = self.take();
        }
    }
}

/// When a worker that could not be supervised at all is tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failed {
    pub(crate) again: Instant,
    pub(crate) in_a_row: u32,
}
