//! What to send, how much of it, and when to end: the input of a run.
//!
//! A closed loop keeps N requests in flight (each worker waits for its answer), which is what
//! "twice production concurrency" asks for. An open loop sends at a rate whatever the server
//! does, which is what "twice production rate" asks for. They differ when the server is slow,
//! as a race build is, so the caller says which.
//!
//! A recording is either, with the requests and the times of another day.
//!
//! Start at [`Plan::new`]. Sending is in `drive`.

mod replay;
pub(crate) mod request;
pub(crate) mod schedule;
pub mod targets;
pub(crate) mod template;
pub mod units;

pub use replay::{HostHeader, Pace, Replay};
pub use request::Request;
pub use schedule::{Ramp, Stage};

use crate::wire::link::Wanted;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a run needs to know. Fields have defaults; see [`Plan::new`].
#[derive(Clone, Debug)]
pub struct Plan {
    /// Sent in turn, each as often as its weight says. Of a replay: one, with the server's URL and
    /// the headers that stand in place of recorded ones.
    pub requests: Vec<Request>,
    /// Closed or open loop, and how much of it.
    pub load: Load,
    /// When to stop sending. Stages end a run too: whichever comes first.
    pub end: End,
    /// Load before the measured part: sent, and forgotten.
    pub warm_up: Duration,
    /// How long one request may take, connecting included.
    pub timeout: Duration,
    /// HTTP/1.1, or HTTP/2: by ALPN over TLS, by prior knowledge without.
    pub protocol: Protocol,
    /// Use a connection for many requests (HTTP/1.1 only).
    pub keep_alive: bool,
    /// Whom to trust on https.
    pub tls: Tls,
    /// Which answers are not errors.
    pub ok: OkStatus,
    /// An answer with a larger body than this many bytes is an error.
    pub max_response: u64,
    /// An answer that says it is JSON and is not is an error.
    pub json: bool,
    /// Threads to send from; `None`: one a core for a closed loop, as many as the rate needs for an open one.
    pub threads: Option<usize>,
    /// Makes the random values of templates repeatable (in the order of one thread).
    pub seed: Option<u64>,
    /// How often progress is told.
    pub tick: Duration,
}

/// Closed or open loop.
#[derive(Clone, Debug)]
pub enum Load {
    /// So many workers, each sending its next request when it has its answer.
    Closed {
        /// Workers over time.
        workers: Ramp,
        /// A pause of each worker after each answer.
        think_time: Duration,
    },
    /// So many requests a second, whether or not earlier ones were answered.
    Open {
        /// Requests a second over time.
        rate: Ramp,
        /// Requests that come due while this many are unanswered are shed (and counted);
        /// `None`: every request is sent.
        max_in_flight: Option<usize>,
    },
    /// Requests that were recorded, each when it is due.
    Replay(Replay),
}

/// When to stop sending.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// After exactly so many requests.
    Requests(u64),
    /// After this long.
    After(Duration),
    /// When [`Stop::stop`](crate::Stop::stop) is called, or the stages are over.
    Stopped,
}

/// The version of HTTP to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// One request at a time on a connection.
    #[default]
    Http1,
    /// Up to 100 at a time on a connection.
    Http2,
}

/// Whom to trust on https.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// Trust any certificate.
    pub insecure: bool,
    /// Trust these (PEM) instead of the system's.
    pub ca_file: Option<PathBuf>,
}

/// Which answers are not errors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OkStatus {
    /// Every status below 400.
    #[default]
    Below400,
    /// These and no others.
    Only(Vec<u16>),
}

impl OkStatus {
    pub(crate) fn allows(&self, status: u16) -> bool {
        match self {
            Self::Below400 => status < 400,
            Self::Only(allowed) => allowed.contains(&status),
        }
    }
}

impl Plan {
    /// A plan with everything but the question of what and how much at its default: 10 s, no
    /// warm-up, 30 s timeout, HTTP/1.1 with keep-alive, answers below 400 are good and no larger
    /// than 256 MiB.
    pub fn new(requests: Vec<Request>, load: Load) -> Self {
        Self {
            requests,
            load,
            end: End::After(Duration::from_secs(10)),
            warm_up: Duration::ZERO,
            timeout: Duration::from_secs(30),
            protocol: Protocol::Http1,
            keep_alive: true,
            tls: Tls::default(),
            ok: OkStatus::Below400,
            max_response: 256 << 20,
            json: false,
            threads: None,
            seed: None,
            tick: Duration::from_millis(200),
        }
    }

    pub(crate) fn wanted(&self) -> Wanted {
        Wanted { max_response: self.max_response, json: self.json }
    }

    /// Workers or rate over time; a replay has neither.
    pub(crate) fn ramp(&self) -> Option<&Ramp> {
        match &self.load {
            Load::Closed { workers, .. } => Some(workers),
            Load::Open { rate, .. } => Some(rate),
            Load::Replay(_) => None,
        }
    }

    /// Whether requests are due at times, rather than when others are answered.
    pub(crate) fn is_open(&self) -> bool {
        match &self.load {
            Load::Closed { .. } => false,
            Load::Open { .. } => true,
            Load::Replay(replay) => replay.is_open(),
        }
    }

    /// How long the measured part lasts, where that is known beforehand.
    pub fn length(&self) -> Option<Duration> {
        let end = match self.end {
            End::After(after) => Some(after),
            End::Requests(_) | End::Stopped => None,
        };
        match (end, self.ramp().and_then(Ramp::length)) {
            (Some(end), Some(stages)) => Some(end.min(stages)),
            (end, stages) => end.or(stages),
        }
    }
}

impl Load {
    /// A closed loop of `workers`, without pauses.
    pub fn closed(workers: usize) -> Self {
        Self::Closed { workers: Ramp::constant(workers as f64), think_time: Duration::ZERO }
    }

    /// An open loop of `rate` requests a second, none shed.
    pub fn open(rate: f64) -> Self {
        Self::Open { rate: Ramp::constant(rate), max_in_flight: None }
    }
}
