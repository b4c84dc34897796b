//! One variant of the service, run under supervision in a thread of its own.
//!
//! The thread must live as long as the program, since the kernel's promise to stop the program when its
//! supervisor dies hangs on it. The service's output goes to a file beside its binary, so that the terminal
//! stays readable; what the file ends with is shown when the service does not come up.

use crate::tally::Tally;
use crate::{HuntError, Plan, Progress, Variant};
use photofinish_supervise::Sink;
use photofinish_supervise::build::Binary;
use photofinish_supervise::run::{self, Event, Outcome, Restart, RunError, Voice};
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// A variant about to run.
pub(crate) struct Stage<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) variant: Variant,
    pub(crate) binary: &'a Binary,
    pub(crate) build_label: Option<String>,
    pub(crate) tally: &'a Tally,
}

/// A variant that answers.
pub(crate) struct Ready {
    thread: Option<JoinHandle<Result<Outcome, RunError>>>,
    events: mpsc::Receiver<Event>,
    stop: watch::Sender<bool>,
}

impl Stage<'_> {
    /// Starts the variant and waits until it answers.
    pub(crate) fn start(
        &self,
        sink: Box<dyn Sink>,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<Ready, HuntError> {
        let service = &self.plan.service;
        let log = self.create_log()?;
        progress(Progress::Starting(self.variant, self.log_path()));
        let ready = self.spawn(self.tally.in_front_of(sink, self.variant), log)?;
        let waited =
            service.place.wait_until_ready(service.ready.as_deref(), service.ready_timeout, || {
                ready.ended()
            });
        let Some(took) = waited else {
            let ended = ready.ended();
            let outcome = ready.finish();
            return Err(match outcome {
                Err(error) => error.into(),
                Ok(_) => self.not_up(ended),
            });
        };
        progress(Progress::Ready(self.variant, took));
        Ok(ready)
    }

    /// Where the service's output goes.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.binary.path.with_extension(format!("{}.log", self.variant.word()))
    }

    fn create_log(&self) -> Result<File, HuntError> {
        let path = self.log_path();
        File::create(&path).map_err(|source| HuntError::Write { path, source })
    }

    fn spawn(&self, sink: Box<dyn Sink>, log: File) -> Result<Ready, HuntError> {
        let path = self.log_path();
        let write = |source| HuntError::Write { path: path.clone(), source };
        let voice = Voice::new(Some(log.try_clone().map_err(write)?)).map_err(write)?;
        let plan = self.run_plan(log);
        let (stop, stopped) = watch::channel(false);
        let (told, events) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("{}-supervisor", self.variant.word()))
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .map_err(|cause| RunError::Setup { what: "its runtime", cause })?;
                // Nobody listens any more only when the hunt itself is over.
                let tell = move |event| drop(told.send(event));
                runtime.block_on(run::run(plan, sink, voice, tell, stopped))
            })
            .map_err(write)?;
        Ok(Ready { thread: Some(thread), events, stop })
    }

    fn run_plan(&self, log: File) -> run::Plan {
        let service = &self.plan.service;
        let mut command = vec![self.binary.path.clone().into_os_string()];
        command.extend(service.filled_args().into_iter().map(Into::into));
        let mut environment: Vec<_> = service
            .filled_env()
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        if let Some(gorace) = &self.plan.gorace {
            environment.push(("GORACE".into(), gorace.into()));
        }
        run::Plan {
            environment,
            folder: Some(self.plan.folder.clone()),
            stdout: Some(log),
            source: "load".to_owned(),
            service: Some(service.name.clone()),
            build: self.build_label.clone(),
            launcher: self.plan.launcher.clone(),
            restart: Restart::OnCrash,
            max_restarts: u32::MAX,
            first_pause: Duration::from_millis(100),
            memory: self.plan.memory,
            ..run::Plan::new(command, self.plan.spool.clone())
        }
    }

    fn not_up(&self, ended: bool) -> HuntError {
        let (variant, service) = (self.variant, self.plan.service.name.clone());
        let url = self.plan.service.place.url(self.plan.service.ready.as_deref().unwrap_or("/"));
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

impl Ready {
    /// What the supervisor told since the last call.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        self.events.try_iter().collect()
    }

    fn ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Stops the program and waits until its reports are stored.
    pub(crate) fn finish(mut self) -> Result<Outcome, RunError> {
        // The supervisor may have ended already, and nobody listens then.
        let _ = self.stop.send(true);
        let thread = self.thread.take().map(JoinHandle::join);
        thread.and_then(Result::ok).unwrap_or_else(|| {
            Err(RunError::Setup {
                what: "the supervisor, which panicked",
                cause: std::io::ErrorKind::Other.into(),
            })
        })
    }
}
