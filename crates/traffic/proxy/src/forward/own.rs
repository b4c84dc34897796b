//! Answers of the proxy's own: what it refuses, and what no upstream answered.

use super::answer::AnswerBody;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};

/// Why the proxy answers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// CONNECT: this is no forward proxy.
    Connect,
    /// Not exactly one host.
    Hosts,
    /// The body is too large.
    TooLarge,
    /// The body broke off, or its framing is wrong.
    BrokenBody,
    /// The body stopped coming.
    StalledBody,
    /// No upstream could be reached.
    Unreachable,
    /// The upstream broke off.
    Broken,
    /// The upstream did not answer in time.
    Late,
}

impl Refusal {
    /// All of them.
    pub(crate) const ALL: [Refusal; 8] = [
        Refusal::Connect,
        Refusal::Hosts,
        Refusal::TooLarge,
        Refusal::BrokenBody,
        Refusal::StalledBody,
        Refusal::Unreachable,
        Refusal::Broken,
        Refusal::Late,
    ];

    /// The word for it in figures.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Refusal::Connect => "connect_method",
            Refusal::Hosts => "hosts",
            Refusal::TooLarge => "body_too_large",
            Refusal::BrokenBody => "body_broken",
            Refusal::StalledBody => "body_stalled",
            Refusal::Unreachable => "upstream_unreachable",
            Refusal::Broken => "upstream_broken",
            Refusal::Late => "upstream_late",
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Refusal::Connect => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Hosts | Refusal::BrokenBody => StatusCode::BAD_REQUEST,
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::StalledBody => StatusCode::REQUEST_TIMEOUT,
            Refusal::Unreachable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Broken => StatusCode::BAD_GATEWAY,
            Refusal::Late => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Refusal::Connect => "this is a reverse proxy, it opens no tunnels by CONNECT\n",
            Refusal::Hosts => "a request has to name exactly one host\n",
            Refusal::TooLarge => "the request's body is larger than this proxy lets through\n",
            Refusal::BrokenBody => "the request's body broke off, or its framing makes no sense\n",
            Refusal::StalledBody => "the request's body stopped coming\n",
            Refusal::Unreachable => "the service cannot be reached\n",
            Refusal::Broken => "the service broke the connection off before it answered\n",
            Refusal::Late => "the service did not answer in time\n",
        }
    }

    /// The answer.
    pub(crate) fn answer(self) -> Response<AnswerBody> {
        let body = AnswerBody::own(Bytes::from_static(self.sentence().as_bytes()));
        let mut answer = Response::new(body);
        *answer.status_mut() = self.status();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        answer.headers_mut().insert(CONTENT_TYPE, text);
        if self == Refusal::Unreachable {
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}
