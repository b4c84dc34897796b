//! What is asked of a NATS server: a connection that is made again when it broke, and JetStream's API.
//!
//! The API is JSON over subjects (ADR-1 of nats-io/nats-architecture-and-design, `server/jetstream_api.go`).
//! A server that refuses for want of permission says so beside the answer that never comes, and a server
//! that went away says nothing at all; both end a question at once here. Start at [`Line::ask`].

use crate::error::JobsError;
use async_nats::{
    Client, ConnectOptions, Event, HeaderValue, Message, Request, ServerAddr, Subscriber,
};
use futures_util::stream::SelectAll;
use futures_util::{FutureExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::sync::watch;

/// How long NATS may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a consumer may take to find jobs.
const PULL: Duration = Duration::from_millis(300);

/// The oldest server whose API has all that is asked here (`next_by_subj`, purge up to a sequence).
const OLDEST: (u32, u32) = (2, 9);

/// What a server says of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Lost,
    Refused(String),
}

/// An answer of JetStream that is none.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text} ({code})")]
pub(super) struct Refusal {
    /// `err_code` of `server/errors.json`.
    pub(super) code: u64,
    text: String,
}

/// A server, by a connection that comes back.
pub(super) struct Line {
    url: String,
    place: String,
    prefix: String,
    /// What is listened to, beside answers.
    topic: String,
    connected: Option<Connected>,
}

struct Connected {
    client: Client,
    said: watch::Receiver<Said>,
    heard: Subscriber,
    /// One message of each of these, if it is listened to them.
    calls: Option<SelectAll<Subscriber>>,
}

/// A message that is sent, and answered.
pub(super) struct Question {
    pub(super) subject: String,
    pub(super) request: Request,
}

impl Question {
    /// One of the API.
    pub(super) fn new(subject: &str, body: &Value) -> Question {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Question { subject: subject.to_owned(), request: Request::new().payload(body.into()) }
    }

    /// With an id by which a stream knows it when it comes twice.
    pub(super) fn with_id(mut self, id: &str) -> Question {
        if let Ok(id) = id.parse::<HeaderValue>() {
            self.request.headers.get_or_insert_default().insert("Nats-Msg-Id", id);
        }
        self
    }
}

impl Line {
    /// Connects, and looks whether this NATS will do. `?creds=FILE` and `?domain=NAME` of the URL are ours;
    /// what is said under `topic` is kept for [`Line::heard`].
    pub(super) async fn open(url: &str, place: String, topic: &str) -> Result<Line, JobsError> {
        let domain = parameter(url, "domain").map_or(String::new(), |domain| format!("{domain}."));
        let prefix = format!("$JS.{domain}API.");
        let (url, topic) = (url.to_owned(), topic.to_owned());
        let mut line = Line { url, place, prefix, topic, connected: None };
        let version = line.client().await?.0.server_info().version;
        let mut parts = version.split('.').map_while(|part| part.parse().ok());
        if let (Some(major), Some(minor)) = (parts.next(), parts.next())
            && (major, minor) < OLDEST
        {
            return Err(line.unsuited("is older than 2.9", "use a newer nats-server"));
        }
        Ok(line)
    }

    /// Asks the API; the inner error is JetStream's answer.
    pub(super) async fn ask(
        &mut self,
        doing: &'static str,
        subject: &str,
        body: &Value,
    ) -> Result<Result<Value, Refusal>, JobsError> {
        let question = Question::new(&format!("{}{subject}", self.prefix), body);
        let mut answers = self.ask_all(doing, vec![question]).await?;
        let Some(message) = answers.pop() else {
            return Err(self.failed(doing, "no answer".into()));
        };
        self.read(doing, &message)
    }

    /// As [`Line::ask`], where a refusal is an error.
    pub(super) async fn must(
        &mut self,
        doing: &'static str,
        subject: &str,
        body: &Value,
    ) -> Result<Value, JobsError> {
        let answer = self.ask(doing, subject, body).await?;
        answer.map_err(|refusal| self.refused(doing, refusal))
    }

    /// The subject of the API for `what`.
    pub(super) fn api(&self, what: &str) -> String {
        format!("{}{what}", self.prefix)
    }

    /// Sends all, in order and without waiting in between, and returns their answers in that order.
    pub(super) async fn ask_all(
        &mut self,
        doing: &'static str,
        questions: Vec<Question>,
    ) -> Result<Vec<Message>, JobsError> {
        let (client, mut said) = self.client().await?;
        let asked = questions.into_iter().map(|Question { subject, request }| {
            client.send_request(subject, request.timeout(Some(PATIENCE)))
        });
        said.borrow_and_update();
        let outcome = tokio::select! {
            answers = futures_util::future::try_join_all(asked) => answers.map_err(|cause| {
                let no_answer = cause.kind() == async_nats::client::RequestErrorKind::NoResponders;
                (no_answer, cause.into())
            }),
            said = until_said(&mut said) => Err((false, said.into())),
        };
        outcome.map_err(|(no_answer, cause): (bool, Box<dyn std::error::Error + Send + Sync>)| {
            if no_answer {
                return self.unsuited(
                    "has no JetStream that answers",
                    "start it with -js or a jetstream { } block, and let the account of `url` use it",
                );
            }
            self.failed(doing, cause)
        })
    }

    /// Takes at most `many` messages of a consumer, whose API has this subject.
    pub(super) async fn pull(
        &mut self,
        subject: &str,
        many: usize,
    ) -> Result<Vec<Message>, JobsError> {
        let doing = "give jobs";
        if many == 0 {
            return Ok(Vec::new());
        }
        let (client, _) = self.client().await?;
        let inbox = client.new_inbox();
        let body = json!({"batch": many, "no_wait": true, "expires": PULL.as_nanos() as u64});
        let asked = async {
            let answers = client.subscribe(inbox.clone()).await?;
            let body = body.to_string().into();
            client.publish_with_reply(subject.to_owned(), inbox, body).await?;
            client.flush().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(answers)
        };
        let mut answers = asked.await.map_err(|cause| self.failed(doing, cause))?;
        let mut messages = Vec::new();
        // Ends with a message that has a status, or with silence.
        while messages.len() < many
            && let Ok(Some(message)) = tokio::time::timeout(PULL * 2, answers.next()).await
            && message.status.is_none()
        {
            messages.push(message);
        }
        Ok(messages)
    }

    /// An answer of the API.
    pub(super) fn read(
        &mut self,
        doing: &'static str,
        message: &Message,
    ) -> Result<Result<Value, Refusal>, JobsError> {
        let answer: Value = serde_json::from_slice(&message.payload)
            .map_err(|cause| self.failed(doing, cause.into()))?;
        let Some(error) = answer.get("error") else { return Ok(Ok(answer)) };
        let text = error["description"].as_str().unwrap_or("refused").to_owned();
        Ok(Err(Refusal { code: error["err_code"].as_u64().unwrap_or(0), text }))
    }

    async fn client(&mut self) -> Result<(Client, watch::Receiver<Said>), JobsError> {
        if let Some(Connected { client, said, .. }) = &self.connected {
            return Ok((client.clone(), said.clone()));
        }
        let refused =
            |cause| JobsError::Connect { broker: "NATS", place: self.place.clone(), cause };
        let (tell, said) = watch::channel(Said::Nothing);
        let mut options = ConnectOptions::new()
            .name("photofinish jobs")
            .connection_timeout(PATIENCE)
            .event_callback(move |event| {
                let news = match event {
                    Event::Disconnected | Event::Closed => Said::Lost,
                    // Without the right to listen we go on.
                    Event::ServerError(error) if !error.to_string().contains("Subscription") => {
                        Said::Refused(error.to_string())
                    }
                    _ => Said::Nothing,
                };
                if news != Said::Nothing {
                    tell.send_replace(news);
                }
                async {}
            });
        if let Some(file) = parameter(&self.url, "creds") {
            options =
                options.credentials_file(file).await.map_err(|cause| refused(cause.into()))?;
        }
        let bare = self.url.split('?').next().unwrap_or(&self.url);
        let server: ServerAddr =
            bare.parse().map_err(|cause: std::io::Error| JobsError::Url { cause: cause.into() })?;
        // The client library leaves these two to us.
        options = match (server.username().map(decoded), server.password().map(decoded)) {
            (Some(user), Some(password)) => options.user_and_password(user, password),
            (Some(token), None) => options.token(token),
            _ => options,
        };
        let client = options.connect(server).await.map_err(|cause| refused(cause.into()))?;
        let heard = client.subscribe(self.topic.clone()).await;
        let heard = heard.map_err(|cause| refused(cause.into()))?;
        let known = Connected { client: client.clone(), said: said.clone(), heard, calls: None };
        self.connected = Some(known);
        Ok((client, said))
    }

    /// Listens to subjects, unless it does already; `true` when it has begun to, and something may have been said before.
    pub(super) async fn listen(&mut self, subjects: &[String]) -> Result<bool, JobsError> {
        let doing = "let jobs be listened for";
        let (client, _) = self.client().await?;
        if self.connected.as_ref().is_some_and(|connected| connected.calls.is_some()) {
            return Ok(false);
        }
        let begun = async {
            let mut calls = SelectAll::new();
            for subject in subjects {
                let mut call = client.subscribe(subject.clone()).await?;
                // The server ends it by itself: one message, and no more until it is listened again.
                call.unsubscribe_after(1).await?;
                calls.push(call);
            }
            client.flush().await?;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(calls)
        };
        match tokio::time::timeout(PATIENCE, begun).await {
            Ok(Ok(calls)) => {
                if let Some(connected) = &mut self.connected {
                    connected.calls = Some(calls);
                }
                Ok(true)
            }
            Ok(Err(cause)) => Err(self.failed(doing, cause)),
            Err(late) => Err(self.failed(doing, late.into())),
        }
    }

    /// Waits at most so long until something is said under a subject that is listened to.
    pub(super) async fn wait_for_call(&mut self, most: Duration) -> bool {
        let Some(calls) = self.connected.as_mut().and_then(|connected| connected.calls.as_mut())
        else {
            return false;
        };
        let is_called = tokio::time::timeout(most, calls.next()).await.is_ok();
        if is_called && let Some(connected) = &mut self.connected {
            connected.calls = None;
        }
        is_called
    }

    /// Ends listening; whether something was said meanwhile.
    pub(super) fn listen_no_more(&mut self) -> bool {
        let calls = self.connected.as_mut().and_then(|connected| connected.calls.take());
        calls.is_some_and(|mut calls| calls.next().now_or_never().is_some())
    }

    /// What was said under the topic since last asked.
    pub(super) fn heard(&mut self) -> Vec<Value> {
        let mut heard = Vec::new();
        if let Some(connected) = &mut self.connected {
            while let Some(Some(message)) = connected.heard.next().now_or_never() {
                heard.extend(serde_json::from_slice(&message.payload).ok());
            }
        }
        heard
    }

    /// Whatever it was: the next question has a connection of its own.
    pub(super) fn failed(
        &mut self,
        doing: &'static str,
        cause: Box<dyn std::error::Error + Send + Sync>,
    ) -> JobsError {
        self.connected = None;
        JobsError::Ask { broker: "NATS", place: self.place.clone(), doing, cause }
    }

    /// A refusal as an error; the connection is none the worse for it.
    pub(super) fn refused(&self, doing: &'static str, refusal: Refusal) -> JobsError {
        // JSNotEnabledErr and JSNotEnabledForAccountErr.
        if matches!(refusal.code, 10039 | 10076) {
            return self.unsuited(
                "has no JetStream for this account",
                "start it with -js or a jetstream { } block, and let the account of `url` use it",
            );
        }
        JobsError::Ask { broker: "NATS", place: self.place.clone(), doing, cause: refusal.into() }
    }

    /// A NATS that will not do.
    pub(super) fn unsuited(&self, problem: &'static str, hint: &'static str) -> JobsError {
        JobsError::Unsuited { broker: "NATS", place: self.place.clone(), problem, hint }
    }
}

/// Waits until the server says something that ends the question.
async fn until_said(said: &mut watch::Receiver<Said>) -> String {
    loop {
        if said.changed().await.is_err() {
            return "the connection is closed".to_owned();
        }
        match said.borrow_and_update().clone() {
            Said::Nothing => {}
            Said::Lost => return "the connection is lost".to_owned(),
            Said::Refused(why) => return why,
        }
    }
}

/// A part of a URL without its percent signs.
fn decoded(part: &str) -> String {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let hex = behind.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (rest, _) = match (first, byte) {
            (b'%', Some(byte)) => (&behind[2..], bytes.push(byte)),
            _ => (behind, bytes.push(*first)),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A parameter behind the `?` of a URL.
fn parameter<'a>(url: &'a str, name: &str) -> Option<&'a str> {
    let (_, parameters) = url.split_once('?')?;
    parameters.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}
