//! Findings for a receiver: looks for news, waits for more, sends, and moves on once it was taken.

use crate::agent::{Refusal, agent, place, post};
use crate::message::{Event, NAMED, body};
use crate::otlp;
use crate::settings::{Kind, Pace, Receiver};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use photofinish_store::{News, Store, StoreError};
use sha2::{Digest, Sha256};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use ureq::Agent;

/// Between two looks for news.
const LOOK: Duration = Duration::from_millis(500);
/// Changes read at a time.
const AT_ONCE: usize = 500;
/// For one message.
const EXCHANGE: Duration = Duration::from_secs(15);

/// The thread's side.
pub(crate) struct Courier {
    store: Store,
    agent: Agent,
    receiver: Receiver,
    /// Where messages go.
    url: String,
    page: Option<String>,
    pace: Pace,
    reader: String,
    /// Everything up to this change was told.
    cursor: i64,
}

impl Courier {
    /// For a receiver; one that was never told of anything hears what happens from now on.
    pub(crate) fn new(
        mut store: Store,
        receiver: Receiver,
        url: String,
        page: Option<String>,
        pace: Pace,
    ) -> Result<Courier, StoreError> {
        let reader = reader(&receiver);
        let cursor = store.cursor(&reader)?;
        Ok(Courier { store, agent: agent(EXCHANGE), receiver, url, page, pace, reader, cursor })
    }

    /// Tells until somebody stops it.
    pub(crate) fn run(mut self, stopped: &std::sync::mpsc::Receiver<()>) {
        let nap =
            |length| matches!(stopped.recv_timeout(length), Err(RecvTimeoutError::Disconnected));
        let mut retry = self.pace.first_retry;
        let mut was_refused = false;
        loop {
            let pause = match self.has_news() {
                Ok(false) => LOOK.min(self.pace.group.max(Duration::from_millis(50))),
                Ok(true) => {
                    if nap(self.pace.group) {
                        return;
                    }
                    match self.tell() {
                        Ok(()) => {
                            if std::mem::take(&mut was_refused) {
                                tracing::info!("{} takes messages again", place(&self.url));
                            }
                            retry = self.pace.first_retry;
                            self.pace.every
                        }
                        Err(refusal) => {
                            if !std::mem::replace(&mut was_refused, true) {
                                tracing::warn!(
                                    "{} was not told, trying again: {}",
                                    place(&self.url),
                                    refusal.why
                                );
                            }
                            let pause = refusal.pause.unwrap_or(retry).max(retry);
                            retry = (retry * 2).min(self.pace.last_retry);
                            pause.min(self.pace.last_retry)
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!("cannot read what happened to findings: {error}");
                    self.pace.first_retry.max(LOOK)
                }
            };
            if nap(pause) {
                return;
            }
        }
    }

    /// Whether there is something to tell; moves past what is not for this receiver.
    fn has_news(&mut self) -> Result<bool, StoreError> {
        loop {
            let news = self.store.news(self.cursor, AT_ONCE)?;
            let Some(last) = news.last().map(|news| news.id) else { return Ok(false) };
            if news.iter().any(|news| self.is_told(news)) {
                return Ok(true);
            }
            self.store.move_cursor(&self.reader, last)?;
            self.cursor = last;
        }
    }

    fn is_told(&self, news: &News) -> bool {
        // An alert ends when somebody decides; the others hear of what is alarming only.
        self.receiver.kind == Kind::Alertmanager || news.is_alarming()
    }

    /// Sends what there is as one message, or the first part of it.
    fn tell(&mut self) -> Result<(), Refusal> {
        let trouble = |error: StoreError| Refusal::because(error);
        let news = self.store.news(self.cursor, AT_ONCE).map_err(trouble)?;
        let Some(mut last) = news.last().map(|news| news.id) else { return Ok(()) };
        let mut events = self.events(news).map_err(trouble)?;
        let more = events.len().saturating_sub(NAMED);
        if self.receiver.kind == Kind::Generic && more > 0 {
            // A program wants each of them: the others come with the next messages.
            events.truncate(NAMED);
            last = events.last().map_or(last, |event| event.news.id);
        }
        if !events.is_empty() {
            self.send(&events, more, last)?;
        }
        self.store.move_cursor(&self.reader, last).map_err(trouble)?;
        self.cursor = last;
        Ok(())
    }

    /// The latest of each finding, as far as it is still worth telling.
    fn events(&self, news: Vec<News>) -> Result<Vec<Event>, StoreError> {
        let mut events: Vec<Event> = Vec::new();
        for news in news.into_iter().filter(|news| self.is_told(news)) {
            let finding = match self.store.finding(&news.fingerprint) {
                Err(StoreError::Unknown { .. }) => continue,
                finding => finding?,
            };
            let owners = &self.receiver.owners;
            let is_theirs = owners.is_empty()
                || owners.iter().any(|wanted| {
                    finding.owners.iter().any(|owner| owner.eq_ignore_ascii_case(wanted))
                });
            // Somebody decided meanwhile: nothing to be alarmed about.
            let is_over = !finding.state.is_open() && self.receiver.kind != Kind::Alertmanager;
            if !is_theirs || is_over {
                continue;
            }
            events.retain(|event| event.news.fingerprint != news.fingerprint);
            events.push(Event { news, finding });
        }
        Ok(events)
    }

    fn send(&self, events: &[Event], more: usize, last: i64) -> Result<(), Refusal> {
        let now = Timestamp::now();
        let value = body(self.receiver.kind, events, more, self.page.as_deref(), now);
        let text = value.to_string();
        let mut request = self
            .agent
            .post(&self.url)
            .header("idempotency-key", format!("photofinish-{}-{last}", self.cursor));
        if let Some(secret) = &self.receiver.secret {
            let at = now.as_second().to_string();
            request = request
                .header("x-photofinish-signature", format!("v1={}", sign(&secret.0, &at, &text)))
                .header("x-photofinish-timestamp", at);
        }
        let answer = post(request, &text)?;
        if self.receiver.kind == Kind::Otlp
            && let Some(what) = otlp::left_out(&answer)
        {
            tracing::warn!("{} took findings in part: {what}", place(&self.url));
        }
        Ok(())
    }
}

/// HMAC-SHA256 of `TIMESTAMP.BODY`, in hex: who checks it knows who sent the body, and when.
fn sign(secret: &str, at: &str, text: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new(); // never: any length of key will do
    };
    for part in [at, ".", text] {
        mac.update(part.as_bytes());
    }
    hex(&mac.finalize().into_bytes())
}

/// A name for the cursor that does not tell the address, which may hold a secret.
fn reader(receiver: &Receiver) -> String {
    let digest = Sha256::digest(format!("{:?} {}", receiver.kind, receiver.url).as_bytes());
    format!("webhook {}", hex(&digest[..8]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_covers_the_time_and_the_text() {
        // RFC 4231, test case 2: key "Jefe", data "what do ya want for nothing?".
        let known = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let mut mac = Hmac::<Sha256>::new_from_slice(b"Jefe").unwrap_or_else(|_| unreachable!());
        mac.update(b"what do ya want for nothing?");
        assert_eq!(hex(&mac.finalize().into_bytes()), known);
        assert_ne!(sign("k", "1", "a"), sign("k", "2", "a"));
        assert_ne!(sign("k", "1", "a"), sign("k", "1", "b"));
    }
}
