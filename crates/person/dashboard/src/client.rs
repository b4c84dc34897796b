//! Sending to a `serve` somewhere else: the other side of the collector.
//!
//! A call waits, on a thread that may: there is one connection, kept. What is sent is cut into requests
//! that the other side takes; whatever fails is for the caller to send again, with the same keys, after
//! [`SendError::pause`]. A report that is too long even alone is sent without its end rather than never.
//!
//! Start at [`Client::new`], then [`Client::send`].

use crate::token::Token;
use crate::wire::{BuildJson, CampaignJson, ErrorJson, RecordedJson, SightingJson, StateJson};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

/// Bytes of one request, about.
const REQUEST: usize = 4 << 20;
/// Sightings of one request at most.
const MOST: usize = 500;
/// Bytes kept of a report that is too long.
const CUT: usize = 256 << 10;
/// Bytes of an answer at most.
const ANSWER: u64 = 32 << 20;
/// To connect, and for a whole exchange.
const CONNECT: Duration = Duration::from_secs(5);
const EXCHANGE: Duration = Duration::from_secs(60);

/// A `serve` to send to.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    token: Option<Token>,
    agent: Agent,
}

/// Why no client can be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is none of ours.
    #[error("`{url}` is no address to send to")]
    Url {
        /// What was given.
        url: String,
    },
    /// The certificates to trust cannot be read.
    #[error("cannot read the certificates in {}", path.display())]
    Certificates {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl ClientError {
    /// What to do next.
    pub fn hint(&self) -> Option<String> {
        match self {
            ClientError::Url { .. } => Some("write it like https://findings.internal:7071".into()),
            ClientError::Certificates { .. } => Some("it has to be a PEM file".into()),
        }
    }
}

/// Why something was not sent. It may be sent again.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Nobody answered.
    #[error("{url} does not answer")]
    Away {
        /// Where.
        url: String,
        /// Why.
        #[source]
        cause: Box<ureq::Error>,
    },
    /// It is there, and wants it later.
    #[error("{url} wants it later")]
    Later {
        /// Where.
        url: String,
        /// How long to wait at least.
        pause: Duration,
    },
    /// It is there, and does not want it.
    #[error("{url} refused with status {status}: {error}")]
    Refused {
        /// Where.
        url: String,
        /// The status.
        status: u16,
        /// What it said.
        error: String,
    },
    /// It answered something else than expected.
    #[error("{url} answered what cannot be understood")]
    Strange {
        /// Where.
        url: String,
        /// Why.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SendError {
    /// How long to wait at least before it is sent again, if the other side said.
    pub fn pause(&self) -> Option<Duration> {
        match self {
            SendError::Later { pause, .. } => Some(*pause),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            SendError::Refused { status: 401 | 403, .. } => {
                Some("check the token: --token-file FILE".into())
            }
            SendError::Strange { .. } => Some("check that it is a photofinish serve".into()),
            _ => None,
        }
    }
}

impl Client {
    /// For the `serve` at `url`, with its token, trusting the certificates in the PEM file
    /// `authorities` instead of the system's.
    ///
    /// # Errors
    /// The address makes no sense, or the file cannot be read.
    pub fn new(
        url: &str,
        token: Option<Token>,
        authorities: Option<&Path>,
    ) -> Result<Client, ClientError> {
        let base = url.trim_end_matches('/').to_owned();
        let wrong = || ClientError::Url { url: url.to_owned() };
        let parsed: axum::http::Uri = base.parse().map_err(|_| wrong())?;
        let host = parsed.host().ok_or_else(wrong)?;
        if !matches!(parsed.scheme_str(), Some("http" | "https")) || parsed.query().is_some() {
            return Err(wrong());
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(CONNECT))
            .timeout_global(Some(EXCHANGE))
            .user_agent(concat!("photofinish/", env!("CARGO_PKG_VERSION")));
        if is_near(host) {
            config = config.proxy(None);
        }
        if parsed.scheme_str() == Some("https") {
            let roots = RootCerts::Specific(Arc::new(roots(authorities)?));
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Ok(Client { base, token, agent: config.build().into() })
    }

    /// Where it sends to.
    pub fn url(&self) -> &str {
        &self.base
    }

    /// Sends sightings and answers once they are on the other side's disk, in their order.
    ///
    /// # Errors
    /// They were not all recorded; some may have been.
    pub fn send(&self, sightings: &[SightingJson]) -> Result<Vec<RecordedJson>, SendError> {
        let mut recorded = Vec::with_capacity(sightings.len());
        let mut rest = sightings;
        while !rest.is_empty() {
            let (batch, more) = rest.split_at(fitting(rest));
            // Larger than a request alone: nobody would take it, and say so by hanging up.
            let answered = match batch {
                [long] if size_of(long) > REQUEST => self.send_some(&[shortened(long)]),
                batch => self.send_some(batch),
            };
            recorded.extend(answered?);
            rest = more;
        }
        Ok(recorded)
    }

    /// Where the finding with this id stands.
    ///
    /// # Errors
    /// It was not told.
    pub fn state(&self, id: &str) -> Result<StateJson, SendError> {
        let request = self.agent.get(format!("{}/api/v1/findings/{id}/state", self.base));
        self.read(self.authorized(request).call())
    }

    /// Tells of a build that was started.
    ///
    /// # Errors
    /// It was not recorded.
    pub fn build(&self, build: &BuildJson) -> Result<(), SendError> {
        self.post("/api/v1/builds", build).map(|_: serde_json::Value| ())
    }

    /// Tells what a campaign came to.
    ///
    /// # Errors
    /// It was not recorded.
    pub fn campaign(&self, campaign: &CampaignJson) -> Result<(), SendError> {
        self.post("/api/v1/campaigns", campaign).map(|_: serde_json::Value| ())
    }

    fn send_some(&self, batch: &[SightingJson]) -> Result<Vec<RecordedJson>, SendError> {
        match self.post::<Vec<RecordedJson>>("/api/v1/sightings", &batch) {
            Err(SendError::Refused { status: 413, .. }) if batch.len() > 1 => {
                let (front, back) = batch.split_at(batch.len() / 2);
                let mut recorded = self.send_some(front)?;
                recorded.extend(self.send_some(back)?);
                Ok(recorded)
            }
            Err(SendError::Refused { status: 413, .. }) if batch.iter().any(is_long) => {
                let short: Vec<SightingJson> = batch.iter().map(shortened).collect();
                self.post("/api/v1/sightings", &short)
            }
            Ok(recorded) if recorded.len() != batch.len() => {
                let text = format!("{} answers to {} sightings", recorded.len(), batch.len());
                Err(SendError::Strange { url: self.base.clone(), cause: text.into() })
            }
            answered => answered,
        }
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, SendError> {
        let body = serde_json::to_vec(body)
            .map_err(|cause| SendError::Strange { url: self.base.clone(), cause: cause.into() })?;
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = self.authorized(request).header("content-type", "application/json");
        self.read(request.send(&body[..]))
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {}", token.reveal())),
            None => request,
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<axum::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, SendError> {
        let url = || self.base.clone();
        let away = |cause: ureq::Error| SendError::Away { url: url(), cause: Box::new(cause) };
        let mut answer = answer.map_err(away)?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok());
        let wait = wait.and_then(|wait| wait.parse().ok()).unwrap_or(1_u64).min(300);
        let body = answer.body_mut().with_config().limit(ANSWER).read_to_vec().map_err(away)?;
        match status {
            200 => serde_json::from_slice(&body)
                .map_err(|cause| SendError::Strange { url: url(), cause: cause.into() }),
            408 | 429 | 502..=504 => {
                Err(SendError::Later { url: url(), pause: Duration::from_secs(wait) })
            }
            _ => {
                let told: ErrorJson = serde_json::from_slice(&body).unwrap_or_default();
                let because = told.because.map(|because| format!(": {because}"));
                let error = told.error + &because.unwrap_or_default();
                Err(SendError::Refused { url: url(), status, error })
            }
        }
    }
}

/// How many of `sightings` fit into a request; one at least.
fn fitting(sightings: &[SightingJson]) -> usize {
    let mut n_bytes = 0;
    let fit = sightings.iter().take(MOST).take_while(|sighting| {
        n_bytes += size_of(sighting);
        n_bytes <= REQUEST
    });
    fit.count().max(1)
}

/// About: the report is there twice, printed and taken apart.
fn size_of(sighting: &SightingJson) -> usize {
    sighting.race.raw.len() * 3 + 1024
}

fn is_long(sighting: &SightingJson) -> bool {
    sighting.race.raw.len() > CUT || sighting.race.others.len() > 100
}

/// Without the end of its text and most of the other goroutines.
fn shortened(sighting: &SightingJson) -> SightingJson {
    let mut short = sighting.clone();
    short.race.others.truncate(100);
    let raw = &mut short.race.raw;
    if raw.len() > CUT {
        let end = (0..=CUT).rev().find(|end| raw.is_char_boundary(*end)).unwrap_or(0);
        raw.truncate(end);
        raw.push_str("\n… the rest was too long to be sent\n");
    }
    short
}

fn is_near(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn roots(authorities: Option<&Path>) -> Result<Vec<Certificate<'static>>, ClientError> {
    let Some(path) = authorities else {
        let native = rustls_native_certs::load_native_certs();
        return Ok(native.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect());
    };
    let wrong = |cause: Box<dyn std::error::Error + Send + Sync>| ClientError::Certificates {
        path: path.to_owned(),
        cause,
    };
    let pem = std::fs::read(path).map_err(|cause| wrong(cause.into()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|cause| wrong(cause.into()))? {
            certificates.push(certificate);
        }
    }
    match certificates.is_empty() {
        true => Err(wrong("there is no certificate in it".into())),
        false => Ok(certificates),
    }
}
