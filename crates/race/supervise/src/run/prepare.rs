//! Everything that is decided, and everything that can fail, before the program is started.

use super::health::{self, Status};
use super::plan::{Outcome, Plan};
use super::signals::Signals;
use super::supervisor::Supervisor;
use super::{Event, RunError, Voice};
use crate::follow::Follower;
use crate::gorace::{Copy, Gorace};
use crate::history;
use crate::program::Program;
use crate::sink::Sink;
use crate::spool::{Folder, Manifest};
use photofinish_model::Fingerprint;
use rustix::process::set_child_subreaper;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};

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
        if self.gorace.copy != Copy::None {
            let text = "reports go to the spool first, and from there to your log_path".to_owned();
            self.tell(Event::Decided(text));
        }
    }
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
