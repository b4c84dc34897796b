//! The figures in Prometheus's text format, version 0.0.4.
//!
//! Names follow its conventions (base units, `_total`), `variant` tells the builds apart, and the series
//! an objective is measured on is one of its own, without the canary.

use super::variant::Failure;
use super::{Status, Times, VariantFigures};
use crate::mirror::Cause;
use photofinish_recording::Dropped;
use std::fmt::Write;
use std::time::Duration;

/// Upper bounds of the buckets, in microseconds: 1, 2.5, 5 to each power of ten.
const BOUNDS: [u64; 18] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];

/// The text of `status`.
pub(crate) fn text(status: &Status) -> String {
    let mut page = Page(String::with_capacity(16 << 10));
    let mut variants = vec![("variant=\"stable\"".to_owned(), &status.stable)];
    if let Some(canary) = &status.canary {
        variants.push(("variant=\"canary\"".to_owned(), &canary.variant));
    }
    for mirror in &status.mirrors {
        variants.push((mirror_label(&mirror.name), &mirror.variant));
    }
    page.variants(&variants);
    page.canary(status);
    page.mirrors(status);
    page.recording(status);
    page.callers(status);
    page.0
}

/// Names of mirrors need no escaping: the plan's check allows letters, digits and `-_.` only.
fn mirror_label(name: &str) -> String {
    format!("variant=\"mirror\",mirror=\"{name}\"")
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.0,
            "# HELP photofinish_proxy_{name} {help}\n# TYPE photofinish_proxy_{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let braces = if labels.is_empty() { String::new() } else { format!("{{{labels}}}") };
        let _ = writeln!(self.0, "photofinish_proxy_{name}{braces} {value}");
    }

    fn variants(&mut self, variants: &[(String, &VariantFigures)]) {
        self.family("requests_total", "counter", "Requests sent to a variant, retries included.");
        for (labels, figures) in variants {
            self.line("requests_total", labels, figures.requests);
        }
        self.family("answers_total", "counter", "Answers of a variant by class of status.");
        for (labels, figures) in variants {
            for (class, count) in figures.answers.iter().enumerate().skip(1) {
                self.line("answers_total", &format!("{labels},code=\"{class}xx\""), count);
            }
        }
        self.family("failures_total", "counter", "Requests of a variant without a whole answer.");
        for (labels, figures) in variants {
            for (failure, count) in Failure::ALL.iter().zip(figures.failures) {
                let labels = format!("{labels},cause=\"{}\"", failure.word());
                self.line("failures_total", &labels, count);
            }
        }
        type Pick = fn(&VariantFigures) -> u64;
        let plain: [(&str, &str, &str, Pick); 4] = [
            ("retries_total", "counter", "Requests of a variant that were sent again.", |f| {
                f.retries
            }),
            ("received_bytes_total", "counter", "Bytes of request bodies.", |f| f.bytes_in),
            ("sent_bytes_total", "counter", "Bytes of answer bodies.", |f| f.bytes_out),
            ("in_flight", "gauge", "Requests under way.", |f| f.in_flight),
        ];
        for (name, kind, help, pick) in plain {
            self.family(name, kind, help);
            for (labels, figures) in variants {
                self.line(name, labels, pick(figures));
            }
        }
        self.family("latency_seconds", "histogram", "From arrival to the last byte of the answer.");
        for (labels, figures) in variants {
            self.histogram("latency_seconds", labels, &figures.latency);
        }
    }

    fn canary(&mut self, status: &Status) {
        let Some(canary) = &status.canary else { return };
        self.family("canary_share", "gauge", "Share of the requests asked for.");
        self.line("canary_share", "", canary.share);
        self.family("canary_share_now", "gauge", "Share of the requests it gets now.");
        self.line("canary_share_now", "", canary.share_now);
        self.family("canary_ejections_total", "counter", "Times the canary was left alone.");
        self.line("canary_ejections_total", "", canary.ejections);
    }

    fn mirrors(&mut self, status: &Status) {
        if status.mirrors.is_empty() {
            return;
        }
        self.family("mirror_dropped_total", "counter", "Requests not copied, or not wholly.");
        for mirror in &status.mirrors {
            for (cause, count) in Cause::ALL.iter().zip(mirror.dropped) {
                let labels = format!("mirror=\"{}\",cause=\"{}\"", mirror.name, cause.word());
                self.line("mirror_dropped_total", &labels, count);
            }
        }
        self.family("mirror_held_bytes", "gauge", "Bytes that bodies of copies hold.");
        for mirror in &status.mirrors {
            let labels = format!("mirror=\"{}\"", mirror.name);
            self.line("mirror_held_bytes", &labels, mirror.under_way.1);
        }
        self.family("mirror_compared_total", "counter", "Answers compared with the primary's.");
        for mirror in &status.mirrors {
            let compared = mirror.compared.unwrap_or_default();
            for (result, count) in [
                ("same", compared.same),
                ("different", compared.different),
                ("not_compared", compared.not_compared),
            ] {
                let labels = format!("mirror=\"{}\",result=\"{result}\"", mirror.name);
                self.line("mirror_compared_total", &labels, count);
            }
        }
    }

    fn recording(&mut self, status: &Status) {
        let Some(counts) = &status.recording else { return };
        self.family("recorded_total", "counter", "Requests kept in a file.");
        self.line("recorded_total", "", counts.recorded);
        self.family("not_recorded_total", "counter", "Requests not kept in a file.");
        for cause in Dropped::ALL {
            let labels = format!("cause=\"{}\"", cause.as_str());
            self.line("not_recorded_total", &labels, counts.dropped(cause));
        }
    }

    fn callers(&mut self, status: &Status) {
        let callers = &status.callers;
        self.family(
            "objective_latency_seconds",
            "histogram",
            "Answers the canary had no part in: what an objective is measured on.",
        );
        self.histogram("objective_latency_seconds", "", &callers.objective);
        self.family("overhead_seconds", "histogram", "Time the proxy itself took of a request.");
        self.histogram("overhead_seconds", "", &status.overhead);
        self.family("connections", "gauge", "Connections of callers.");
        self.line("connections", "", callers.connections);
        self.family("connections_total", "counter", "Connections of callers so far.");
        self.line("connections_total", "", callers.connections_all);
        self.family("tunnels", "gauge", "Connections that became tunnels.");
        self.line("tunnels", "", callers.tunnels);
        self.family(
            "callers_left_total",
            "counter",
            "Callers who left before their answer was whole.",
        );
        self.line("callers_left_total", "", callers.left);
        self.family(
            "refused_total",
            "counter",
            "Requests the proxy answered itself, or not at all.",
        );
        for (word, count) in &callers.refused {
            self.line("refused_total", &format!("cause=\"{word}\""), count);
        }
    }

    fn histogram(&mut self, name: &str, labels: &str, times: &Times) {
        let comma = if labels.is_empty() { "" } else { "," };
        let mut seen = 0;
        for bound in BOUNDS {
            // Never less than the bucket before: counts are read one after another.
            seen = times.at_most(Duration::from_micros(bound)).max(seen);
            let seconds = bound as f64 / 1e6;
            self.line(&format!("{name}_bucket"), &format!("{labels}{comma}le=\"{seconds}\""), seen);
        }
        let count = times.count().max(seen);
        self.line(&format!("{name}_bucket"), &format!("{labels}{comma}le=\"+Inf\""), count);
        self.line(&format!("{name}_sum"), labels, times.sum().as_secs_f64());
        self.line(&format!("{name}_count"), labels, count);
    }
}
