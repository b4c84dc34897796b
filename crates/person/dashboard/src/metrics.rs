//! What we count of ourselves, and `/metrics` in the text format of Prometheus.
//!
//! Labels are bounded: source, state, outcome, never a finding or a host.

use crate::intake::Intake;
use photofinish_store::{Source, State, Totals};
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Sightings that were sent to us and recorded.
    pub(crate) recorded: AtomicU64,
    /// Sightings that had been recorded before.
    pub(crate) duplicates: AtomicU64,
    /// Sightings that could not be written.
    pub(crate) failed: AtomicU64,
    /// Requests told to come back later.
    pub(crate) pushed_back: AtomicU64,
    /// Requests without the token, or from another site.
    pub(crate) refused: AtomicU64,
    /// Requests.
    pub(crate) requests: AtomicU64,
    /// Connections there are.
    pub(crate) connections: AtomicU64,
}

impl Metrics {
    /// All of it, with what the store holds.
    pub(crate) fn text(&self, totals: &Totals, intake: &Intake) -> String {
        let mut text = String::new();
        family(&mut text, "findings", "gauge", "Findings by state.");
        for state in State::ALL {
            let count = totals.findings.get(state).copied().unwrap_or(0);
            line(&mut text, "findings", &format!("{{state=\"{state}\"}}"), count);
        }
        family(&mut text, "sightings_total", "counter", "Sightings by who saw them.");
        for source in Source::ALL {
            let count = totals.sightings.get(source).copied().unwrap_or(0);
            line(&mut text, "sightings_total", &format!("{{source=\"{source}\"}}"), count);
        }
        let help = "Sightings sent to this process, by what became of them.";
        family(&mut text, "collector_sightings_total", "counter", help);
        for (outcome, counter) in [
            ("recorded", &self.recorded),
            ("duplicate", &self.duplicates),
            ("failed", &self.failed),
        ] {
            let labels = format!("{{outcome=\"{outcome}\"}}");
            line(&mut text, "collector_sightings_total", &labels, read(counter));
        }
        let mut single = |name: &str, kind: &str, help: &str, value: u64| {
            family(&mut text, name, kind, help);
            line(&mut text, name, "", value);
        };
        single(
            "collector_pushed_back_total",
            "counter",
            "Requests with sightings that were told to come back later.",
            read(&self.pushed_back),
        );
        single(
            "collector_pending_bytes",
            "gauge",
            "Bytes of sightings that are being received or written.",
            intake.pending() as u64,
        );
        single("http_requests_total", "counter", "Requests.", read(&self.requests));
        single(
            "http_refused_total",
            "counter",
            "Requests without the token, or sent by another site.",
            read(&self.refused),
        );
        single("http_connections", "gauge", "Open connections.", read(&self.connections));
        family(&mut text, "build_info", "gauge", "The version of photofinish.");
        let labels = format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
        line(&mut text, "build_info", &labels, 1);
        text
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn family(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP photofinish_{name} {help}\n# TYPE photofinish_{name} {kind}");
}

fn line(text: &mut String, name: &str, labels: &str, value: u64) {
    let _ = writeln!(text, "photofinish_{name}{labels} {value}");
}
