//! Figures for whoever takes OpenTelemetry's metrics: a thread per receiver, a message now and then.
//!
//! Nothing is kept for a receiver that is away: the next message has everything that this one had.

use crate::agent::{Refusal, agent, place, post};
use crate::otlp;
use jiff::Timestamp;
use photofinish_store::Figure;
use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;
use ureq::Agent;

/// For one message, and for the last one, which somebody waits for.
const EXCHANGE: Duration = Duration::from_secs(15);
const LAST: Duration = Duration::from_secs(3);

/// Who tells: two that tell the same figures differ in this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `service.instance.id`.
    pub id: String,
    /// `host.name`.
    pub host: String,
}

/// The figures of now, or why there are none.
pub type Read = Arc<dyn Fn() -> Result<Vec<Figure>, String> + Send + Sync>;

/// Where figures come from.
#[derive(Clone)]
pub struct Figures {
    /// Who tells them.
    pub instance: Instance,
    /// What is told; may wait.
    pub read: Read,
}

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").field("instance", &self.instance).finish_non_exhaustive()
    }
}

/// Tells one receiver.
pub(crate) struct Teller {
    pub(crate) figures: Figures,
    pub(crate) url: String,
    pub(crate) every: Duration,
}

impl Teller {
    /// Tells at once, then every now and then, and once more at the end.
    pub(crate) fn run(self, stopped: &Receiver<()>) {
        let agent = agent(EXCHANGE);
        let mut was_refused = false;
        loop {
            match self.tell(&agent) {
                Ok(()) => {
                    if std::mem::take(&mut was_refused) {
                        tracing::info!("{} takes figures again", place(&self.url));
                    }
                }
                Err(refusal) => {
                    if !std::mem::replace(&mut was_refused, true) {
                        tracing::warn!("{} got no figures: {}", place(&self.url), refusal.why);
                    }
                }
            }
            if matches!(stopped.recv_timeout(self.every), Err(RecvTimeoutError::Disconnected)) {
                break;
            }
        }
        if !was_refused && let Err(refusal) = self.tell(&self::agent(LAST)) {
            tracing::debug!("{} did not get the last figures: {}", place(&self.url), refusal.why);
        }
    }

    fn tell(&self, agent: &Agent) -> Result<(), Refusal> {
        let figures = (self.figures.read)().map_err(Refusal::because)?;
        let body = otlp::metrics::metrics(&figures, &self.figures.instance, Timestamp::now());
        let answer = post(agent.post(&self.url), &body.to_string()).map_err(|refusal| {
            let hint = "; if it takes findings only, let its address end in /v1/logs";
            let hint = if refusal.status == Some(404) { hint } else { "" };
            Refusal { why: format!("{}{hint}", refusal.why), ..refusal }
        })?;
        if let Some(what) = otlp::left_out(&answer) {
            tracing::warn!("{} took figures in part: {what}", place(&self.url));
        }
        Ok(())
    }
}
