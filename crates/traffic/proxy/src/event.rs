//! What the proxy has to say while it runs.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The breaker opened: the canary gets no requests.
    CanaryLeftAlone {
        /// Why.
        why: String,
    },
    /// The canary answers probes again, its share grows.
    CanaryComesBack,
    /// The canary has its whole share again.
    CanaryIsBack,
    /// A variant did not answer a request; told at most once a second for each thread.
    UpstreamFailed {
        /// `stable` or `canary`.
        variant: &'static str,
        /// Why.
        why: String,
    },
    /// A caller's TLS handshake, or its first bytes, made no sense.
    CallerRefused {
        /// Who.
        caller: SocketAddr,
        /// Why.
        why: String,
    },
    /// Connections cannot be accepted: out of descriptors, mostly.
    CannotAccept {
        /// What the kernel says.
        why: String,
    },
    /// Requests are not kept in their file.
    NotRecorded {
        /// Why.
        why: String,
    },
}

/// Where events go.
pub(crate) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::CanaryLeftAlone { why } => {
                write!(
                    f,
                    "canary left alone: {why}; stable answers everything, the canary is probed"
                )
            }
            Event::CanaryComesBack => f.write_str("canary answers probes again, its share grows"),
            Event::CanaryIsBack => f.write_str("canary has its whole share again"),
            Event::UpstreamFailed { variant, why } => {
                write!(f, "{variant} did not answer a request: {why}")
            }
            Event::CallerRefused { caller, why } => write!(f, "caller {caller} refused: {why}"),
            Event::CannotAccept { why } => write!(f, "connections cannot be accepted: {why}"),
            Event::NotRecorded { why } => write!(f, "requests are not recorded: {why}"),
        }
    }
}
