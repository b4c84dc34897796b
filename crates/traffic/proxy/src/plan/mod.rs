//! What the proxy is asked to do: plain data, checked once, swapped whole on a reload.
//!
//! Every field has a default that suits a service behind one port. Whoever reads a file or flags
//! fills a [`Plan`]; [`Plan::check`] says what makes no sense in it. Nothing here waits or opens
//! anything.
//!
//! Start at [`Plan`]; `share` (parts per million), `canary`, `mirror`, `schedule` (when) are beside it.

mod canary;
mod check;
mod mirror;
mod recording;
pub mod schedule;
mod share;
mod upstream;

pub use canary::{Breaker, Canary, Sticky};
pub use check::PlanError;
pub use mirror::{Bodies, Compare, CopyHeaders, CopyHost, Mirror, Rule};
pub use recording::Recording;
pub use schedule::Schedule;
pub use share::Share;
pub use upstream::{Protocol, Scheme, Upstream};

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Everything the proxy is asked to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where callers connect to. Not changed by a reload.
    pub listen: Vec<Listener>,
    /// Where `/metrics` and `/status` are served, if anywhere. Not changed by a reload.
    pub admin: Option<SocketAddr>,
    /// The build that answers all that nothing else answers.
    pub stable: Upstream,
    /// The race build that answers a share of the requests.
    pub canary: Option<Canary>,
    /// Race builds that get copies; their answers are dropped.
    pub mirrors: Vec<Mirror>,
    /// Requests kept in a file.
    pub recording: Option<Recording>,
    /// What one caller may take.
    pub limits: Limits,
    /// How long anything may take.
    pub timeouts: Timeouts,
    /// What is said about the caller to upstreams.
    pub forwarded: Forwarded,
    /// Threads that move requests. Not changed by a reload.
    pub workers: usize,
}

/// One address callers connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS, with ALPN for HTTP/2; plain text (HTTP/1.1, and HTTP/2 with prior knowledge) without.
    pub tls: Option<TlsFiles>,
}

/// A certificate and its key, as PEM files. Read again on a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The chain, leaf first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What one caller may take. Over it, the caller gets an error and the proxy's memory stays bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; over it, idle ones are closed first, then new ones wait in the kernel.
    pub connections: usize,
    /// Bytes of a request's head (431 over it).
    pub head_bytes: usize,
    /// Header lines of a request (431 over it).
    pub header_lines: usize,
    /// Bytes of a request's body (413 over it); `None` is no limit, since nothing is buffered.
    pub body_bytes: Option<u64>,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
}

/// How long anything may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// A request's head, from its first byte (or the connection's start) to its last.
    pub head: Duration,
    /// A connection without a request.
    pub idle: Duration,
    /// A body of which no byte arrives, either way, or a caller who reads nothing.
    pub stalled: Duration,
    /// Connecting to an upstream.
    pub connect: Duration,
    /// From a request sent to the first byte of the stable build's answer.
    pub answer: Duration,
    /// What a drain waits for requests under way before it cuts them.
    pub drain: Duration,
}

/// What is said about the caller to upstreams, in `X-Forwarded-For`, `-Proto` and `-Host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// Added to what a proxy in front of us said.
    #[default]
    Append,
    /// What the caller says is thrown away: right where callers connect to us directly.
    Replace,
    /// Headers pass as they came.
    Off,
}

impl Plan {
    /// A proxy for `stable` on `listen` that does nothing else.
    pub fn new(listen: SocketAddr, stable: Upstream) -> Plan {
        Plan {
            listen: vec![Listener { address: listen, tls: None }],
            admin: None,
            stable,
            canary: None,
            mirrors: Vec::new(),
            recording: None,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
            forwarded: Forwarded::default(),
            workers: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            connections: 20_000,
            head_bytes: 64 << 10,
            header_lines: 128,
            body_bytes: None,
            streams: 250,
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            head: Duration::from_secs(15),
            idle: Duration::from_secs(75),
            stalled: Duration::from_secs(60),
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(60),
            drain: Duration::from_secs(30),
        }
    }
}
