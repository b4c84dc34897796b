//! The life of one supervision: starts, ends, and what lies between them.
//!
//! Not here: what comes before the first start (`prepare`), one process of the program
//! (`process`). Start at [`Supervisor::live`].

use super::child::{End, reap};
use super::health::Status;
use super::plan::{Outcome, Plan};
use super::restart::{Backoff, Restart};
use super::signals::{Signals, asks_to_stop};
use super::{Event, RunError, Voice};
use crate::follow::{Follower, Notice};
use crate::gorace::Gorace;
use crate::program::Program;
use photofinish_model::Fingerprint;
use rustix::process::Signal;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

pub(super) struct Supervisor<T> {
    pub(super) plan: Plan,
    pub(super) follower: Follower,
    pub(super) tell: T,
    pub(super) stop: watch::Receiver<bool>,
    pub(super) signals: Signals,
    pub(super) notices: mpsc::UnboundedReceiver<Notice>,
    pub(super) voice: Voice,
    pub(super) program: Program,
    pub(super) gorace: Gorace,
    pub(super) spool_folder: PathBuf,
    pub(super) carried: Vec<Fingerprint>,
    pub(super) status: Arc<Mutex<Status>>,
    pub(super) outcome: Outcome,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    Time,
    Stop,
}

impl<T: FnMut(Event)> Supervisor<T> {
    /// Starts the program as often as it takes; returns when it has ended for good.
    pub(super) async fn live(&mut self) -> Result<(), RunError> {
        let Plan { max_restarts, first_pause, longest_pause, .. } = self.plan;
        let mut backoff = Backoff::new(max_restarts, first_pause, longest_pause);
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

    /// Tells what is to be told for a while, deaf to everything else.
    pub(super) async fn pump(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                Some(notice) = self.notices.recv() => self.tell(Event::Notice(notice)),
            }
        }
    }
}

fn count(outcome: &mut Outcome, notice: &Notice) {
    if let Notice::Found(found) = notice {
        outcome.reports += 1;
        outcome.new_findings += u64::from(found.new);
    }
}

/// Completes when we are told to stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // Nobody is left who could tell us.
        std::future::pending::<()>().await;
    }
}
