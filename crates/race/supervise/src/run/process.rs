//! One process of the program: started, waited for, cleared away, and its reports stored.

use super::child::{Child, End, Start, our_children, reap};
use super::signals::asks_to_stop;
use super::supervisor::{Supervisor, stopped};
use super::{Event, RunError};
use crate::follow::Settled;
use crate::spool::Folder;
use rustix::process::{Signal, kill_process};
use std::io::IsTerminal;
use std::time::Duration;
use tokio::time::Instant;

/// How often we look for the child's end without having been told.
const LOOK: Duration = Duration::from_millis(500);

/// What was asked of a process.
#[derive(Debug, Default)]
pub(super) struct Asked {
    signals: Vec<Signal>,
    pub(super) stop: bool,
}

impl<T: FnMut(Event)> Supervisor<T> {
    pub(super) fn start(&mut self, attempt: u32) -> Result<Child, RunError> {
        let (path, stderr) = Folder::stderr_in(&self.spool_folder, attempt)?;
        let passing = self.voice.follow(&path).map_err(RunError::setup("passing on stderr"))?;
        self.follower.starting(attempt, passing);
        let log_path = Folder::log_path_in(&self.spool_folder, attempt);
        self.gorace.set("log_path", log_path.to_string_lossy().into_owned());
        let mut environment = self.plan.environment.clone();
        environment.push(("GORACE".into(), self.gorace.to_string().into()));
        if !environment.iter().any(|(name, _)| name == "GOTRACEBACK")
            && std::env::var_os("GOTRACEBACK").is_none()
        {
            environment.push(("GOTRACEBACK".into(), "all".into()));
        }
        let stdout = match &self.plan.stdout {
            Some(file) => Some(file.try_clone().map_err(RunError::setup("stdout"))?),
            None => None,
        };
        let child = Child::start(Start {
            launcher: &self.plan.launcher,
            program: &self.program.path,
            command: &self.plan.command,
            environment: &environment,
            folder: self.plan.folder.as_deref(),
            stdout,
            stderr,
            own_group: !(self.plan.init && std::io::stdin().is_terminal()),
        })?;
        self.outcome.starts = attempt;
        self.follower.started(attempt, child.pid());
        if let Ok(mut status) = self.status.lock() {
            status.pid = Some(child.pid());
            status.starts = attempt;
            status.started = Some(std::time::Instant::now());
        }
        self.tell(Event::Started { attempt, pid: child.pid() });
        Ok(child)
    }

    /// Waits for the end of `child`, passing on signals.
    pub(super) async fn wait(&mut self, child: &mut Child) -> (End, Asked) {
        let mut asked = Asked::default();
        let mut kill_at: Option<Instant> = None;
        let shares_terminal = self.plan.init && std::io::stdin().is_terminal();
        loop {
            if let Some(end) = child.ended(self.plan.init) {
                return (end, asked);
            }
            let look = Instant::now() + LOOK;
            let wake = kill_at.map_or(look, |kill_at| kill_at.min(look));
            tokio::select! {
                signal = self.signals.next() => {
                    if signal == Signal::CHILD {
                        continue;
                    }
                    asked.signals.push(signal);
                    // The terminal has sent those to the program as well, being in our group.
                    let from_terminal = matches!(signal, Signal::INT | Signal::QUIT | Signal::WINCH);
                    if !(shares_terminal && from_terminal) {
                        child.tell(signal);
                    }
                    if asks_to_stop(signal) && !asked.stop {
                        asked.stop = true;
                        kill_at = Some(Instant::now() + self.plan.stop_timeout);
                    }
                }
                () = stopped(&mut self.stop), if !asked.stop => {
                    asked.stop = true;
                    asked.signals.push(Signal::TERM);
                    child.tell(Signal::TERM);
                    kill_at = Some(Instant::now() + self.plan.stop_timeout);
                }
                Some(notice) = self.notices.recv() => self.tell(Event::Notice(notice)),
                () = tokio::time::sleep_until(wake) => {
                    if kill_at.is_some_and(|at| Instant::now() >= at) {
                        asked.signals.push(Signal::KILL);
                        child.tell_group(Signal::KILL);
                        kill_at = Some(Instant::now() + self.plan.stop_timeout);
                    }
                }
            }
        }
    }

    /// Ends what the program left running: it would hold its port, and print where nobody reads.
    pub(super) async fn clear_away(&mut self, child: &Child) {
        let until = Instant::now() + self.plan.stop_timeout;
        let mut told = false;
        loop {
            let others = if self.plan.init { our_children() } else { Vec::new() };
            let group = child.has_group_left();
            let lives = if self.plan.init { reap() && !others.is_empty() } else { group };
            if !lives && !group {
                return;
            }
            let late = Instant::now() >= until;
            if !told || late {
                let signal = if late { Signal::KILL } else { Signal::TERM };
                child.tell_group(signal);
                for pid in others {
                    let _ = kill_process(pid, signal);
                }
                told = true;
            }
            if late && Instant::now() >= until + Duration::from_secs(1) {
                return;
            }
            self.pump(Duration::from_millis(20)).await;
        }
    }

    /// Has everything stored that the dead printed, within bounds.
    pub(super) async fn store_all(&mut self, attempt: u32, stopping: bool) -> Settled {
        let patience = self.plan.store_patience;
        let patience = if stopping { patience.min(Duration::from_secs(2)) } else { patience };
        let until = Instant::now() + patience;
        loop {
            let settled = self.follower.settle(attempt).await;
            if settled.waiting == 0 || Instant::now() >= until {
                return settled;
            }
            self.pump(Duration::from_millis(200)).await;
        }
    }

    pub(super) fn crashed(&self, end: End, asked: &Asked, settled: &Settled) -> bool {
        match end {
            End::Signalled(signal) => !asked.signals.iter().any(|sent| sent.as_raw() == signal),
            // What the Go runtime exits with after a fatal error or a panic.
            End::Exited(2) if settled.fatal => true,
            End::Exited(code) => {
                self.gorace.halts() && i32::from(code) == self.gorace.exit_code() && settled.raced
            }
        }
    }

    pub(super) fn note_end(&mut self) {
        if let Ok(mut status) = self.status.lock() {
            status.pid = None;
        }
    }
}
