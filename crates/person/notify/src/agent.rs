//! One request that brings a message, and what comes of it.

use std::sync::Arc;
use std::time::Duration;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::WithBody;
use ureq::{Agent, RequestBuilder};

/// Bytes read of an answer at most.
const ANSWER: u64 = 64 << 10;

/// Why a message was not taken.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) why: String,
    /// What it answered, if it did.
    pub(crate) status: Option<u16>,
    /// How long to wait at least, if the receiver said.
    pub(crate) pause: Option<Duration>,
}

impl Refusal {
    pub(crate) fn because(why: impl ToString) -> Refusal {
        Refusal { why: why.to_string(), status: None, pause: None }
    }
}

/// What asks, trusting the system's certificates; a message takes `time` at most.
pub(crate) fn agent(time: Duration) -> Agent {
    let native = rustls_native_certs::load_native_certs();
    let roots = native.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(time))
        .user_agent(concat!("photofinish/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(roots))).build())
        .build()
        .into()
}

/// Sends JSON; what was answered once it was taken.
pub(crate) fn post(request: RequestBuilder<WithBody>, text: &str) -> Result<Vec<u8>, Refusal> {
    let request = request.header("content-type", "application/json");
    let mut answer = request.send(text.as_bytes()).map_err(Refusal::because)?;
    if answer.status().is_success() {
        // It has said yes, whatever becomes of the rest.
        let body = answer.body_mut().with_config().limit(ANSWER).read_to_vec();
        return Ok(body.unwrap_or_default());
    }
    let wait = answer.headers().get("retry-after").and_then(|wait| wait.to_str().ok());
    Err(Refusal {
        why: format!("it answered {}", answer.status()),
        status: Some(answer.status().as_u16()),
        pause: wait.and_then(|wait| wait.parse().ok()).map(Duration::from_secs),
    })
}

/// The part of an address that may be told.
pub(crate) fn place(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_without_its_secrets() {
        assert_eq!(
            place("https://me:pw@hooks.slack.com/services/T0/B0/x?a"),
            "https://hooks.slack.com/…"
        );
    }
}
