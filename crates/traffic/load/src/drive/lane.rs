//! One request after another, over connections of its own: what a worker of a closed loop and a
//! connection of an open loop have in common.
//!
//! A connection that the server closed while it was idle is replaced and the request sent again,
//! once; see `wire::meter` for how that is told from a server that failed.

use super::core::{Core, Job};
use super::prepare::Filled;
use crate::wire::connect::connect;
use crate::wire::failure::{ErrorKind, Failure};
use crate::wire::http2::Http2;
use crate::wire::link::{Answer, Http1};
use crate::wire::watchdog::Watchdog;
use std::rc::Rc;
use std::time::Instant;

pub(crate) struct Lane {
    core: Rc<Core>,
    watchdog: Watchdog,
    /// One connection for each origin.
    links: Vec<Option<Http1>>,
    /// Nobody listened when the last request was made.
    refused: bool,
}

impl Lane {
    pub(crate) fn new(core: Rc<Core>) -> Self {
        let watchdog = Watchdog::new(core.plan().timeout);
        let links = core.shared.prepared.origins.iter().map(|_| None).collect();
        Self { core, watchdog, links, refused: false }
    }

    /// Makes the request of `job`, begun at `begun`; the moment at which it ended.
    pub(crate) async fn serve(&mut self, job: Job, begun: Instant) -> Instant {
        let core = Rc::clone(&self.core);
        let _in_flight = core.enter();
        if job.measured {
            // Waiting for another's answer is not our lateness.
            let could = job.due.max(job.released);
            let lag = job.due.and(could).map(|could| begun.saturating_duration_since(could));
            core.recorder.borrow_mut().begun(lag);
        }
        self.watchdog.set(begun + core.plan().timeout);
        let outcome = self.answer(&core, job).await;
        self.refused =
            outcome.as_ref().is_err_and(|failure| failure.kind == ErrorKind::ConnectRefused);
        let now = Instant::now();
        if job.measured {
            let mut recorder = core.recorder.borrow_mut();
            let latency = job.due.map(|due| now.saturating_duration_since(due));
            let service = now.saturating_duration_since(begun);
            recorder.busy += service;
            match outcome {
                Ok(Answer { status }) => {
                    recorder.answered(status, core.plan().ok.allows(status), latency, service);
                }
                Err(failure) => recorder.failed(&failure, latency, service),
            }
        }
        now
    }

    /// Whether nobody listened when the last request was made.
    pub(crate) fn was_refused(&self) -> bool {
        self.refused
    }

    /// Waits for `wake`, and meanwhile lets go of connections that the server closes.
    pub(crate) async fn idle<T>(&mut self, wake: impl Future<Output = T>) -> T {
        let mut wake = std::pin::pin!(wake);
        loop {
            let Some(open) = self.links.iter_mut().position(|link| link.is_some()) else {
                return wake.await;
            };
            // Others (there seldom are any) are looked at when they are used.
            let Some(link) = self.links.get_mut(open) else { return wake.await };
            let Some(connection) = link else { return wake.await };
            tokio::select! {
                biased;
                woken = &mut wake => return woken,
                () = connection.closed() => *link = None,
            }
        }
    }

    async fn answer(&mut self, core: &Core, job: Job) -> Result<Answer, Failure> {
        let prepared = &core.shared.prepared;
        let filled = prepared.request(job.number)?;
        match self.attempt(core, &filled).await {
            Err(failure) if failure.stale => {
                core.recorder.borrow_mut().retried += u64::from(job.measured);
                if let Some(link) = self.links.get_mut(filled.origin) {
                    *link = None;
                }
                self.attempt(core, &filled).await
            }
            result => result,
        }
    }

    async fn attempt(&mut self, core: &Core, filled: &Filled<'_>) -> Result<Answer, Failure> {
        let origin = filled.origin;
        if core.is_http2() {
            let mut link = self.http2(core, origin).await?;
            let wanted = core.plan().wanted();
            return link.exchange(filled.request(), &mut self.watchdog, wanted).await;
        }
        let link = self.links.get(origin).and_then(Option::as_ref);
        if !link.is_some_and(Http1::is_open) {
            let fresh = self.open(core, origin).await?;
            if let Some(link) = self.links.get_mut(origin) {
                *link = Some(fresh);
            }
        }
        let Some(Some(link)) = self.links.get_mut(origin) else { return Err(closed_plan()) };
        let wanted = core.plan().wanted();
        let result = link.exchange(filled.request(), &mut self.watchdog, wanted).await;
        let (received, sent) = link.traffic();
        let mut recorder = core.recorder.borrow_mut();
        recorder.bytes_received += received;
        recorder.bytes_sent += sent;
        if result.is_err() || !core.plan().keep_alive {
            self.links[origin] = None;
        }
        result
    }

    async fn open(&mut self, core: &Core, origin: usize) -> Result<Http1, Failure> {
        let prepared = &core.shared.prepared;
        let Some(origin) = prepared.origins.get(origin) else { return Err(closed_plan()) };
        let connecting = connect(origin, &prepared.tls, core.plan().protocol);
        let stream = self.watchdog.bound(connecting).await?.map_err(Failure::connect)?;
        Http1::start(stream, prepared.largest).await
    }

    /// A connection with room for one more, shared with the other lanes of this thread.
    async fn http2(&mut self, core: &Core, at: usize) -> Result<Http2, Failure> {
        if let Some(link) = core.http2_with_room(at) {
            return Ok(link);
        }
        let _opening = self.watchdog.bound(core.opening.lock()).await?;
        if let Some(link) = core.http2_with_room(at) {
            return Ok(link);
        }
        let prepared = &core.shared.prepared;
        let Some(origin) = prepared.origins.get(at) else { return Err(closed_plan()) };
        let connecting = connect(origin, &prepared.tls, core.plan().protocol);
        let stream = self.watchdog.bound(connecting).await?.map_err(Failure::connect)?;
        let link = self.watchdog.bound(Http2::start(stream)).await??;
        if let Some(links) = core.http2.borrow_mut().get_mut(at) {
            links.retain(Http2::is_open);
            links.push(link.clone());
        }
        Ok(link)
    }
}

/// Cannot be: requests and origins are numbered by the plan that made them.
fn closed_plan() -> Failure {
    Failure::text(crate::ErrorKind::Template, "the plan has no such request")
}
