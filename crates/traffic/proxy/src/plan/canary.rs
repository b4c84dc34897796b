//! The canary: a race build that answers a share of the requests.

use super::{Share, Upstream};
use http::HeaderName;
use std::time::Duration;

/// A race build that answers a share of the requests. What it cannot answer, stable does.
#[derive(Clone, Debug)]
pub struct Canary {
    /// Where it is.
    pub to: Upstream,
    /// How many of the requests it gets while it is well.
    pub share: Share,
    /// More than [`Canary::ADVISED`] was asked for on purpose.
    pub confirmed: bool,
    /// What keeps a caller on one side, in order of preference; a request that has none of it is
    /// counted out, so that the share is exact.
    pub sticky: Vec<Sticky>,
    /// The header by which a tester chooses: `always` or `never`. Taken off what is sent on.
    pub tester: HeaderName,
    /// How long a request that stable could still answer waits for the canary's first byte. A race build
    /// is 2 to 20 times slower than the build beside it.
    pub patience: Duration,
    /// How long any other request waits.
    pub answer: Duration,
    /// How much of a request's body is held, for stable to answer it after all.
    pub hold_bytes: usize,
    /// An answer is held until it is whole, up to this size, so that a canary which dies in the middle
    /// of it can still be replaced. Streams (`text/event-stream`, gRPC) are never held.
    pub hold_answer_bytes: usize,
    /// How long an answer is held at most, from its head.
    pub hold_answer: Duration,
    /// Statuses that stable is asked about, if the request may be sent twice.
    pub failed: Vec<u16>,
    /// A request with this header may be sent twice whatever its method.
    pub idempotency_header: HeaderName,
    /// When the canary is left alone.
    pub breaker: Breaker,
}

/// When the canary is left alone, and how it comes back.
#[derive(Clone, Debug, PartialEq)]
pub struct Breaker {
    /// Failures one after another that open it.
    pub failures: u32,
    /// Share of failures, between 0 and 1, that opens it: of the last ten seconds, from 20 requests.
    pub failure_rate: f64,
    /// The path asked for to see whether the canary is well; without it, a connection is enough.
    pub path: Option<String>,
    /// How often it is asked, well or not.
    pub interval: Duration,
    /// How long one probe may take.
    pub timeout: Duration,
    /// Good probes in a row after which it gets requests again.
    pub successes: u32,
    /// How long it takes from a tenth of its share to all of it.
    pub ramp: Duration,
}

/// What keeps a caller on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// The value of a cookie.
    Cookie(String),
    /// The value of a header.
    Header(HeaderName),
    /// The caller's address (of the last proxy's `X-Forwarded-For` entry, if [`super::Forwarded::Append`]).
    Address,
}

impl Canary {
    /// The largest share that needs no confirmation: a race build is slow, and stands in for no fleet.
    pub const ADVISED: Share = Share::ppm(50_000);

    /// A canary at `to` that gets 2 % of the requests.
    pub fn new(to: Upstream) -> Canary {
        Canary {
            to,
            share: Share::ppm(20_000),
            confirmed: false,
            sticky: Vec::new(),
            tester: HeaderName::from_static("x-photofinish-canary"),
            patience: Duration::from_secs(3),
            answer: Duration::from_secs(60),
            hold_bytes: 64 << 10,
            hold_answer_bytes: 64 << 10,
            hold_answer: Duration::from_millis(250),
            failed: vec![502, 503, 504],
            idempotency_header: HeaderName::from_static("idempotency-key"),
            breaker: Breaker::default(),
        }
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Breaker {
            failures: 5,
            failure_rate: 0.5,
            path: None,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(5),
            successes: 2,
            ramp: Duration::from_secs(10),
        }
    }
}
