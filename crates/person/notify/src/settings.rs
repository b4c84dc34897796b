//! Who is told, how and how often.

use photofinish_store::StorePlace;
use std::fmt;
use std::time::Duration;

/// Everything that is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the findings are kept.
    pub store: StorePlace,
    /// Where people open the page: `https://findings.internal`; links begin so.
    pub page: Option<String>,
    /// Who is told.
    pub receivers: Vec<Receiver>,
    /// How often.
    pub pace: Pace,
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// How it is told.
    pub kind: Kind,
    /// Where.
    pub url: String,
    /// Signs what a [`Kind::Generic`] receiver gets.
    pub secret: Option<Secret>,
    /// Only of findings owned by one of these, in any case; of all if empty.
    pub owners: Vec<String>,
}

/// How a receiver wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// JSON of our own, signed.
    Generic,
    /// An incoming webhook of Slack, or what understands the same (Mattermost, Discord's `/slack`).
    Slack,
    /// `/api/v2/alerts` of Alertmanager.
    Alertmanager,
    /// OpenTelemetry: a log record each, and figures, to whoever takes OTLP over HTTP. An address that ends in `/v1/logs`
    /// or `/v1/metrics` gets one of them only.
    Otlp,
}

/// A word known to us and the receiver. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

/// How often a receiver is told.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// So long is waited for more after the first, to tell both together.
    pub group: Duration,
    /// Between two messages at least.
    pub every: Duration,
    /// After a failure; doubled up to `last_retry` while it goes on failing.
    pub first_retry: Duration,
    /// Between two tries at most.
    pub last_retry: Duration,
    /// Between two messages with figures.
    pub metrics_every: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            group: Duration::from_secs(10),
            every: Duration::from_secs(30),
            first_retry: Duration::from_secs(2),
            last_retry: Duration::from_secs(300),
            metrics_every: Duration::from_secs(60),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
