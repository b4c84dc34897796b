//! The life of one supervision, step by step.

use super::child::{Child, End, Start, our_children, reap};
use super::health::Status;
use super::plan::{Outcome, Plan};
use super::restart::{Backoff, Restart};
use super::signals::{Signals, asks_to_stop};
use super::{Event, RunError, Voice, health};
use crate::follow::{Follower, Notice, Settled};
use crate::gorace::Gorace;
use crate::history;
use crate::program::Program;
use crate::sink::Sink;
use crate::spool::{Folder, Manifest};
use photofinish_model::Fingerprint;
use rustix::process::{Signal, kill_process, set_child_subreaper, test_kill_process_group};
use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How often we look for the child's end without having been told.
const LOOK: Duration = Duration::from_millis(500);

pub(super) struct Supervisor<T> {
    pub(super) plan: Plan,
    pub(super) follower: Follower,
    tell: T,
    stop: watch::Receiver<bool>,
    signals: Signals,
    notices: mpsc::UnboundedReceiver<Notice>,
    voice: Voice,
    program: Program,
    gorace: Gorace,
    spool_folder: PathBuf,
    carried: Vec<Fingerprint>,
    status: Arc<Mutex<Status>>,
    outcome: Outcome,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Time,
    Stop,
}

impl<T: FnMut(Event)> Supervisor<T> {
    /// Everything that can fail before the program is started.
    pub(super) async fn prepare(
        plan: Plan,
        sink: Box<dyn Sink>,
        voice: Voice,
        tell: T,
        stop: watch::Receiver<bool>,
    ) -> Result<Supervisor<T>, RunError> {
        let name = plan.command.first().cloned().unwrap_or_default();
        let program = Program::find(&name)?;
        let mut manifest = Manifest::of(&program, &plan.command, &plan.source);
        manifest.light |= plan.light;
        manifest.keep = plan.keep_spool;
        manifest.service = plan.service.clone().unwrap_or(manifest.service);
        manifest.build = plan.build.clone().unwrap_or(manifest.build);
        let log_path = plan.spool.root().join(&manifest.run);
        let log_path = Folder::log_path_in(&log_path, 1);
        let mut gorace = Gorace::decide(&user_gorace(&plan), &log_path)?;
        manifest.copy = gorace.copy.clone();
        let history_size = decide_history(&plan, &mut gorace);
        if plan.init {
            set_child_subreaper(Some(rustix::process::getpid()))
                .map_err(|cause| RunError::setup("reaping of orphans")(cause.into()))?;
        }
        let signals = Signals::listen(plan.init)?;
        let status = Arc::new(Mutex::new(Status::default()));
        let listening = match plan.health {
            Some(health) => Some(health::listen(health, status.clone()).await?),
            None => None,
        };
        let own = plan.spool.create(manifest)?;
        let left_over = plan.spool.left_over()?;
        let carried = left_over.iter().flat_map(|folder| folder.state.gate.iter());
        let carried = carried.map(Fingerprint::from_stored).collect();
        let spool_folder = own.path().to_owned();
        let (inbox, notices) = mpsc::unbounded_channel();
        let follower = Follower::start(own, left_over, sink, voice.clone(), inbox)?;
        let outcome = Outcome {
            end: None,
            starts: 0,
            reports: 0,
            new_findings: 0,
            left_in_spool: 0,
            history_size: history_size.0,
            peak_memory: 0,
        };
        let mut supervisor = Supervisor {
            plan,
            follower,
            tell,
            stop,
            signals,
            notices,
            voice,
            program,
            gorace,
            spool_folder,
            carried,
            status,
            outcome,
        };
        supervisor.tell_decisions(&history_size.1);
        if let Some(address) = listening {
            supervisor.tell(Event::Listening(address));
        }
        Ok(supervisor)
    }

    /// Starts the program as often as it takes; returns when it has ended for good.
    pub(super) async fn live(&mut self) -> Result<(), RunError> {
        let mut backoff = Backoff::new(self.plan.max_restarts, self.plan.first_pause);
        let left_over = self.follower.settle(0).await;
        let carried = std::mem::take(&mut self.carried);
        if !self.pass_gate(&left_over.found, carried).await {
            return Ok(());
        }
        loop {
            let started = Instant::now();
            let attempt = self.outcome.starts + 1;
            let mut child = self.start(attempt)?;
            let (end, asked) = self.wait(&mut child).await;
            self.clear_away(&child).await;
            self.outcome.end = Some(end);
            self.outcome.peak_memory = self.outcome.peak_memory.max(child.peak_memory());
            let settled = self.store_all(attempt, asked.stop).await;
            let crashed = self.crashed(end, &asked, &settled);
            self.note_end();
            while let Ok(notice) = self.notices.try_recv() {
                self.tell(Event::Notice(notice));
            }
            self.tell(Event::Ended { pid: child.pid(), end, crashed });
            let again = match self.plan.restart {
                Restart::No => false,
                Restart::OnCrash => crashed,
                Restart::OnFailure => end != End::Exited(0),
                Restart::Always => true,
            };
            if !again || asked.stop {
                return Ok(());
            }
            let bad = crashed || end != End::Exited(0);
            let Some(pause) = backoff.next(bad, started.elapsed()) else {
                self.tell(Event::GivenUp { crashes: backoff.in_a_row() });
                return Ok(());
            };
            if !self.pass_gate(&settled.found, Vec::new()).await {
                return Ok(());
            }
            self.tell(Event::RestartIn { pause, crashes: backoff.in_a_row() });
            if self.sleep_until(Instant::now() + pause).await == Wake::Stop {
                return Ok(());
            }
        }
    }

    /// Delivers what there is, leaves the rest to the next run, and says everything to the end.
    pub(super) async fn close(mut self, lived: Result<(), RunError>) -> Result<Outcome, RunError> {
        let left = self.follower.settle(self.outcome.starts).await.waiting;
        self.outcome.left_in_spool = left;
        if left > 0 {
            self.tell(Event::LeftInSpool { waiting: left });
        }
        let Supervisor { follower, mut notices, mut tell, voice, mut outcome, .. } = self;
        follower.stop();
        while let Some(notice) = notices.recv().await {
            count(&mut outcome, &notice);
            tell(Event::Notice(notice));
        }
        voice.flush(Duration::from_secs(5));
        lived.map(|()| outcome)
    }

    pub(super) fn tell(&mut self, event: Event) {
        if let Event::Notice(notice) = &event {
            count(&mut self.outcome, notice);
            if let Ok(mut status) = self.status.lock() {
                status.reports = self.outcome.reports;
                status.new_findings = self.outcome.new_findings;
            }
        }
        (self.tell)(event);
    }

    pub(super) fn gate_closed(&mut self, findings: Option<Vec<Fingerprint>>) {
        if let Ok(mut status) = self.status.lock() {
            status.gate =
                findings.iter().flatten().map(|found| found.as_str().to_owned()).collect();
        }
        if let Some(findings) = findings {
            self.tell(Event::GateClosed { findings });
        }
    }

    /// Waits without a program, telling what is to be told.
    pub(super) async fn sleep_until(&mut self, until: Instant) -> Wake {
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return Wake::Time,
                signal = self.signals.next() => {
                    if self.plan.init && signal == Signal::CHILD {
                        reap();
                    } else if asks_to_stop(signal) {
                        return Wake::Stop;
                    }
                }
                () = stopped(&mut self.stop) => return Wake::Stop,
                Some(notice) = self.notices.recv() => self.tell(Event::Notice(notice)),
            }
        }
    }

    fn start(&mut self, attempt: u32) -> Result<Child, RunError> {
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
    async fn wait(&mut self, child: &mut Child) -> (End, Asked) {
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
    async fn clear_away(&mut self, child: &Child) {
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

    /// Tells what is to be told for a while, deaf to everything else.
    async fn pump(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                Some(notice) = self.notices.recv() => self.tell(Event::Notice(notice)),
            }
        }
    }

    /// Has everything stored that the dead printed, within bounds.
    async fn store_all(&mut self, attempt: u32, stopping: bool) -> Settled {
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

    fn crashed(&self, end: End, asked: &Asked, settled: &Settled) -> bool {
        match end {
            End::Signalled(signal) => !asked.signals.iter().any(|sent| sent.as_raw() == signal),
            // What the Go runtime exits with after a fatal error or a panic.
            End::Exited(2) if settled.fatal => true,
            End::Exited(code) => {
                self.gorace.halts() && i32::from(code) == self.gorace.exit_code() && settled.raced
            }
        }
    }

    fn note_end(&mut self) {
        if let Ok(mut status) = self.status.lock() {
            status.pid = None;
        }
    }

    fn tell_decisions(&mut self, history: &str) {
        if let Some(doubt) = self.program.doubt() {
            match self.program.go {
                Some(_) => self.tell(Event::Warning(doubt)),
                None => self.tell(Event::Decided(doubt)),
            }
        }
        for name in self.gorace.unknown.clone() {
            self.tell(Event::Warning(format!(
                "GORACE: the race runtime knows no option `{name}` and will ignore it"
            )));
        }
        if let Some(bytes) = history::address_space_limited() {
            self.tell(Event::Warning(format!(
                "the address space is limited to {} MiB (ulimit -v); race builds cannot start \
                 with any such limit",
                bytes >> 20
            )));
        }
        let text = format!("GORACE=\"{}\" ({history})", self.gorace);
        self.tell(Event::Decided(text));
        if self.gorace.copy != crate::gorace::Copy::None {
            let text = "reports go to the spool first, and from there to your log_path".to_owned();
            self.tell(Event::Decided(text));
        }
    }
}

/// What was asked of a process.
#[derive(Debug, Default)]
struct Asked {
    signals: Vec<Signal>,
    stop: bool,
}

fn user_gorace(plan: &Plan) -> String {
    let given = plan.environment.iter().rev().find(|(name, _)| name == "GORACE");
    let given = given.map(|(_, value)| value.clone());
    let value: OsString = given.or_else(|| std::env::var_os("GORACE")).unwrap_or_default();
    value.to_string_lossy().into_owned()
}

/// The value and why.
fn decide_history(plan: &Plan, gorace: &mut Gorace) -> (u64, String) {
    let users = gorace.get("history_size").and_then(|size| size.parse().ok());
    if let Some(size) = plan.history_size.or(users) {
        gorace.set("history_size", size.to_string());
        return (size, format!("history_size={size}, as asked"));
    }
    let choice = history::choose(history::available(plan.memory));
    gorace.set("history_size", choice.history_size.to_string());
    (choice.history_size, choice.to_string())
}

fn count(outcome: &mut Outcome, notice: &Notice) {
    if let Notice::Found(found) = notice {
        outcome.reports += 1;
        outcome.new_findings += u64::from(found.new);
    }
}

/// Completes when we are told to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody is left who could tell us.
        std::future::pending::<()>().await;
    }
}

impl Child {
    fn has_group_left(&self) -> bool {
        self.group().is_some_and(|group| test_kill_process_group(group).is_ok())
    }
}
