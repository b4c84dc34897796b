//! OpenTelemetry's protocol (OTLP 1.x over HTTP, in JSON): findings as log records, figures as metrics.
//!
//! The JSON is that of Protocol Buffers, with whole numbers of 64 bits as texts. Nothing is sent as a trace: the requests
//! that met in a race are the service's own, and what the detector prints does not say which they were.

pub(crate) mod logs;
pub(crate) mod metrics;

use jiff::Timestamp;
use serde_json::{Value, json};

/// One of the things a receiver may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Logs,
    Metrics,
}

impl Signal {
    fn path(self) -> &'static str {
        match self {
            Signal::Logs => "/v1/logs",
            Signal::Metrics => "/v1/metrics",
        }
    }

    /// Where this goes for a receiver at `url`; nowhere if that is the address of the other one. As for
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, the path of a signal is put behind an address that has none.
    pub(crate) fn url(self, url: &str) -> Option<String> {
        let url = url.trim_end_matches('/');
        let ends = |signal: Signal| url.ends_with(signal.path());
        match [Signal::Logs, Signal::Metrics].into_iter().find(|signal| ends(*signal)) {
            Some(named) => (named == self).then(|| url.to_owned()),
            None => Some(format!("{url}{}", self.path())),
        }
    }
}

/// What a receiver that took a message left out of it, in words; `answer` is its body.
pub(crate) fn left_out(answer: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let partial = &answer["partialSuccess"];
    let count = |key: &str| match &partial[key] {
        Value::String(text) => text.parse().unwrap_or(0),
        number => number.as_u64().unwrap_or(0),
    };
    let rejected = count("rejectedLogRecords") + count("rejectedDataPoints");
    let why = partial["errorMessage"].as_str().unwrap_or_default();
    (rejected > 0).then(|| format!("it left out {rejected}: {why}"))
}

/// Who says it, as each part of a message has it.
fn scope() -> Value {
    json!({ "name": "photofinish", "version": env!("CARGO_PKG_VERSION") })
}

fn attribute(key: &str, value: Value) -> Value {
    json!({ "key": key, "value": value })
}

fn text(text: &str) -> Value {
    json!({ "stringValue": text })
}

fn nanos(at: Timestamp) -> String {
    at.as_nanosecond().max(0).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receivers_address_leads_to_what_it_takes() {
        for (url, logs, metrics) in [
            ("http://otel:4318", "http://otel:4318/v1/logs", "http://otel:4318/v1/metrics"),
            ("http://otel:4318/", "http://otel:4318/v1/logs", "http://otel:4318/v1/metrics"),
            (
                "https://o.example/otlp",
                "https://o.example/otlp/v1/logs",
                "https://o.example/otlp/v1/metrics",
            ),
            ("https://o.example/otlp/v1/logs", "https://o.example/otlp/v1/logs", ""),
            (
                "http://prom:9090/api/v1/otlp/v1/metrics",
                "",
                "http://prom:9090/api/v1/otlp/v1/metrics",
            ),
        ] {
            assert_eq!(Signal::Logs.url(url).unwrap_or_default(), logs);
            assert_eq!(Signal::Metrics.url(url).unwrap_or_default(), metrics);
        }
    }

    #[test]
    fn what_was_taken_in_part_is_told() {
        let of = |answer: &str| left_out(answer.as_bytes());
        let some = r#"{"partialSuccess": {"rejectedDataPoints": "3", "errorMessage": "too old"}}"#;
        assert_eq!(of(some).as_deref(), Some("it left out 3: too old"));
        for all in ["", "{}", r#"{"partialSuccess": {}}"#, "<html>"] {
            assert_eq!(of(all), None, "{all}");
        }
    }
}
