//! One variant of the service, run under supervision in a thread of its own.
//!
//! The thread must live as long as the program, since the kernel's promise to stop the program when its
//! supervisor dies hangs on it. The service's output goes to a file beside its binary, so that the terminal
//! stays readable; what the file ends with is shown when the service does not come up.

use crate::tally::Tally;
use crate::{HuntError, Place, Plan, Progress, Variant};
use photofinish_supervise::Sink;
use photofinish_supervise::build::Binary;
use photofinish_supervise::run::{self, Event, Gate, Outcome, Restart, RunError, Voice};
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// A variant about to run.
pub(crate) struct Stage<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) variant: Variant,
    /// Where it is to listen.
    pub(crate) place: Place,
    pub(crate) binary: &'a Binary,
    pub(crate) build_label: Option<String>,
    /// What it may use, in bytes.
    pub(crate) memory: Option<u64>,
    /// How long a start after a crash waits for an acknowledgement.
    pub(crate) gate: Option<Gate>,
    pub(crate) tally: &'a Tally,
}

/// A variant that runs.
pub(crate) struct Running {
    thread: Option<JoinHandle<Result<Outcome, RunError>>>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
    pid: Arc<AtomicU32>,
}

impl Stage<'_> {
    /// Starts the variant.
    pub(crate) fn start(
        &self,
        sink: Box<dyn Sink>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Running, HuntError> {
        let log = self.create_log()?;
        progress(Progress::Starting(self.variant, self.log_path()));
        self.spawn(self.tally.in_front_of(sink, self.variant), log)
    }

    /// Waits until it answers.
    pub(crate) fn wait(
        &self,
        running: &mut Running,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<(), HuntError> {
        let service = &self.plan.service;
        let (ready, limit) = (service.ready.as_deref(), service.ready_timeout);
        let Some(took) = self.place.wait_until_ready(ready, limit, || running.ended()) else {
            let ended = running.ended();
            return Err(match running.finish() {
                Err(error) => error.into(),
                Ok(_) => self.not_up(ended),
            });
        };
        progress(Progress::Ready(self.variant, &self.place, took));
        Ok(())
    }

    /// Where the service's output goes.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.binary.path.with_extension(format!("{}.log", self.variant.word()))
    }

    fn create_log(&self) -> Result<File, HuntError> {
        let path = self.log_path();
        File::create(&path).map_err(|source| HuntError::Write { path, source })
    }

    fn spawn(&self, sink: Box<dyn Sink>, log: File) -> Result<Running, HuntError> {
        let path = self.log_path();
        let write = |source| HuntError::Write { path: path.clone(), source };
        let voice = Voice::new(Some(log.try_clone().map_err(write)?)).map_err(write)?;
        let plan = self.run_plan(log);
        let (stop, stopped) = watch::channel(false);
        let (told, events) = mpsc::channel();
        let pid = Arc::new(AtomicU32::new(0));
        let now = Arc::clone(&pid);
        let thread = std::thread::Builder::new()
            .name(format!("{}-supervisor", self.variant.word()))
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|cause| RunError::Setup { what: "its runtime", cause })?;
                // Nobody listens any more only when the hunt itself is over.
                let tell = move |event| {
                    if let Event::Started { pid, .. } = &event {
                        now.store(*pid, Ordering::SeqCst);
                    }
                    drop(told.send(event));
                };
                runtime.block_on(run::run(plan, sink, voice, tell, stopped))
            })
            .map_err(write)?;
        Ok(Running { thread: Some(thread), events, stop, pid })
    }

    fn run_plan(&self, log: File) -> run::Plan {
        let service = &self.plan.service;
        let mut command = vec![self.binary.path.clone().into_os_string()];
        command.extend(service.args_at(&self.place).into_iter().map(Into::into));
        let mut environment: Vec<_> = service
            .env_at(&self.place)
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        if let Some(gorace) = &self.plan.gorace {
            environment.push(("GORACE".into(), gorace.into()));
        }
        let (first_pause, longest_pause) = self.pauses();
        run::Plan {
            environment,
            folder: Some(self.plan.folder.clone()),
            stdout: Some(log.into()),
            source: self.variant.source().to_owned(),
            service: Some(service.name.clone()),
            build: self.build_label.clone(),
            launcher: self.plan.launcher.clone(),
            restart: Restart::OnCrash,
            max_restarts: u32::MAX,
            first_pause,
            longest_pause,
            memory: self.memory,
            gate: self.gate,
            ..run::Plan::new(command, self.plan.spool.clone())
        }
    }

    /// The first pause before a restart, and the longest. Callers pay for every moment that the normal
    /// build is away. A race build that is away finds nothing, and a hunt is short.
    fn pauses(&self) -> (Duration, Duration) {
        let (first, longest) = match self.variant {
            Variant::Stable => (10, 200),
            _ => (20, 1000),
        };
        (Duration::from_millis(first), Duration::from_millis(longest))
    }

    fn not_up(&self, ended: bool) -> HuntError {
        let (variant, service) = (self.variant, self.plan.service.name.clone());
        let url = self.place.url(self.plan.service.ready.as_deref().unwrap_or("/"));
        let tail = self.log_tail();
        if ended {
            HuntError::Ended { variant, service, url, tail }
        } else {
            HuntError::NotReady {
                variant,
                service,
                url,
                waited: self.plan.service.ready_timeout,
                tail,
            }
        }
    }

    fn log_tail(&self) -> String {
        const LINES: usize = 12;
        let text = std::fs::read(self.log_path()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(4096)..]).into_owned();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..]
            .iter()
            .map(|line| format!("    {line}\n"))
            .collect()
    }
}

impl Running {
    /// What the supervisor told since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events.try_iter().collect()
    }

    /// The number of its process, of the newest if there were several; 0 before the first.
    pub(crate) fn pid(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.pid)
    }

    fn ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Tells it to stop, and waits for nothing.
    pub(crate) fn stop(&self) {
        // The supervisor may have ended already, and nobody listens then.
        let _ = self.stop.send(true);
    }

    /// Stops the program and waits until its reports are stored.
    pub(crate) fn finish(&mut self) -> Result<Outcome, RunError> {
        self.stop();
        let thread = self.thread.take().map(JoinHandle::join);
        thread.and_then(Result::ok).unwrap_or_else(|| {
            Err(RunError::Setup {
                what: "the supervisor, which panicked",
                cause: std::io::ErrorKind::Other.into(),
            })
        })
    }
}

/// A hunt that gives up half-way leaves no program behind.
impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.finish();
        }
    }
}
