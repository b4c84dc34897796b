//! The table `[proxy]`: who listens where, and who gets which share.
//!
//! Here are the keys. What a key that is not there means is decided by the proxy's own plan
//! (`plan` makes one of these tables); how values are written is in `words`. Start at [`ProxyConfig`].

mod plan;
mod recording;
mod words;

use super::word::{OneOrMany, WordOrTable, Worded};
use super::{Bytes, Percent, Span};
use http::{HeaderName, Method};
use photofinish_proxy::compare::Values;
use photofinish_proxy::plan::{Bodies, Forwarded, Protocol, Share, Sticky, Upstream};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use words::Headers;

/// The proxy in front of the service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ProxyConfig {
    /// Where callers connect to.
    pub(crate) listen: Option<OneOrMany<WordOrTable<ListenConfig>>>,
    /// The certificate of all addresses that have none of their own.
    pub(crate) tls: Option<TlsConfig>,
    /// Where `/metrics` and `/status` are served.
    pub(crate) admin: Option<Worded<SocketAddr>>,
    /// The build that answers all that nothing else answers.
    pub(crate) stable: Option<WordOrTable<UpstreamConfig>>,
    /// What is said about the caller to upstreams.
    pub(crate) forwarded: Option<Worded<Forwarded>>,
    /// Threads that move requests.
    pub(crate) workers: Option<usize>,
    /// The race build that answers a share of the requests.
    pub(crate) canary: Option<CanaryConfig>,
    /// Race builds that get copies.
    pub(crate) mirror: Vec<MirrorConfig>,
    /// Requests kept in a file.
    pub(crate) recording: Option<RecordingConfig>,
    /// What one caller may take.
    pub(crate) limits: LimitsConfig,
    /// How long anything may take.
    pub(crate) timeouts: TimeoutsConfig,
}

/// An address, with a certificate of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListenConfig {
    pub(crate) address: Worded<SocketAddr>,
    pub(crate) tls: Option<TlsConfig>,
}

/// PEM files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TlsConfig {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// Whom the proxy calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamConfig {
    pub(crate) url: Worded<Upstream>,
    /// The HTTP version spoken.
    pub(crate) protocol: Option<Worded<Protocol>>,
    /// Certificate authorities to believe, as a PEM file.
    pub(crate) authorities: Option<PathBuf>,
}

/// A race build that answers a share of the requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CanaryConfig {
    pub(crate) to: Option<WordOrTable<UpstreamConfig>>,
    pub(crate) share: Option<Worded<Share>>,
    /// A share above the advised one is meant.
    pub(crate) large_share: bool,
    pub(crate) sticky: Option<OneOrMany<Worded<Sticky>>>,
    /// The header by which a tester chooses.
    pub(crate) tester: Option<Worded<HeaderName>>,
    /// How long a request that stable could still answer waits for the first byte.
    pub(crate) patience: Option<Span>,
    /// How long any other request waits.
    pub(crate) answer: Option<Span>,
    /// How much of a request's body is held for stable.
    pub(crate) hold_body: Option<Worded<Bytes>>,
    /// How large an answer may be that is held until it is whole.
    pub(crate) hold_answer: Option<Worded<Bytes>>,
    /// How long it is held at most.
    pub(crate) hold_answer_for: Option<Span>,
    /// Statuses that stable is asked about.
    pub(crate) failed: Option<Vec<u16>>,
    /// The header of requests that may be sent twice.
    pub(crate) idempotency_header: Option<Worded<HeaderName>>,
    pub(crate) breaker: BreakerConfig,
}

/// When the canary is left alone, and how it comes back.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct BreakerConfig {
    pub(crate) failures: Option<u32>,
    pub(crate) failure_rate: Option<Percent>,
    pub(crate) path: Option<String>,
    pub(crate) interval: Option<Span>,
    pub(crate) timeout: Option<Span>,
    pub(crate) successes: Option<u32>,
    pub(crate) ramp: Option<Span>,
}

/// A race build that gets copies of requests.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MirrorConfig {
    /// Its name in figures; `mirror`, `mirror-2` and so on when it has none.
    pub(crate) name: Option<String>,
    pub(crate) to: Option<WordOrTable<UpstreamConfig>>,
    pub(crate) share: Option<Worded<Share>>,
    pub(crate) rules: Vec<RuleConfig>,
    /// Windows like `0 22 * * 1-5 for 8h`.
    pub(crate) schedule: Option<OneOrMany<String>>,
    /// The time zone of the schedule; the machine's.
    pub(crate) timezone: Option<String>,
    pub(crate) bodies: Option<Worded<Bodies>>,
    /// The largest body that is copied.
    pub(crate) body: Option<Worded<Bytes>>,
    /// What the bodies of all copies under way may take.
    pub(crate) budget: Option<Worded<Bytes>>,
    pub(crate) in_flight: Option<usize>,
    pub(crate) deadline: Option<Span>,
    /// The `Host` of copies; the caller's.
    pub(crate) host: Option<String>,
    /// The header that marks a copy.
    pub(crate) marker: Option<Worded<HeaderName>>,
    pub(crate) headers: CopyHeadersConfig,
    /// How its answers are compared with the primary's; not at all without it.
    pub(crate) compare: Option<CompareConfig>,
}

/// Which requests may be copied.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuleConfig {
    /// All when there are none.
    #[serde(default)]
    pub(crate) methods: Vec<Worded<Method>>,
    /// With `*` for anything.
    #[serde(default = "any_path")]
    pub(crate) path: String,
    #[serde(default = "yes")]
    pub(crate) copy: bool,
}

/// Headers changed on copies.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CopyHeadersConfig {
    pub(crate) remove: Vec<Worded<HeaderName>>,
    pub(crate) set: Headers,
    pub(crate) replace: Headers,
}

/// How a mirror's answers are compared with the primary's.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct CompareConfig {
    pub(crate) headers: Option<Vec<String>>,
    pub(crate) ignore_headers: Vec<String>,
    pub(crate) ignore: Vec<String>,
    pub(crate) unordered: Vec<String>,
    pub(crate) numbers_within: Option<Percent>,
    pub(crate) times_within: Option<Span>,
    pub(crate) only: Vec<String>,
    pub(crate) except: Vec<String>,
    pub(crate) values: Option<Worded<Values>>,
    /// The largest answer that is compared.
    pub(crate) answer: Option<Worded<Bytes>>,
}

/// Requests kept in a file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RecordingConfig {
    pub(crate) file: Option<PathBuf>,
    pub(crate) share: Option<Worded<Share>>,
    /// The largest file.
    pub(crate) size: Option<Worded<Bytes>>,
    /// Files kept, the current one included; 1 stops when it is full.
    pub(crate) files: Option<usize>,
    /// The largest body that is kept.
    pub(crate) body: Option<Worded<Bytes>>,
    /// What may wait to be written.
    pub(crate) budget: Option<Worded<Bytes>>,
    pub(crate) redact: RedactConfig,
}

/// What of a request never reaches the disk.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RedactConfig {
    /// More headers than the usual credentials.
    pub(crate) headers: Vec<String>,
    /// More query parameters than the usual credentials.
    pub(crate) query: Vec<String>,
    /// Fields of JSON and form bodies.
    pub(crate) body_fields: Vec<String>,
    /// Equal values get equal stand-ins.
    pub(crate) stand_in: bool,
}

/// What one caller may take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LimitsConfig {
    pub(crate) connections: Option<usize>,
    pub(crate) head: Option<Worded<Bytes>>,
    pub(crate) header_lines: Option<usize>,
    pub(crate) body: Option<Worded<Bytes>>,
    pub(crate) streams: Option<u32>,
}

/// How long anything may take.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TimeoutsConfig {
    pub(crate) head: Option<Span>,
    pub(crate) idle: Option<Span>,
    pub(crate) stalled: Option<Span>,
    pub(crate) connect: Option<Span>,
    pub(crate) answer: Option<Span>,
    pub(crate) drain: Option<Span>,
}

fn any_path() -> String {
    "*".to_owned()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
