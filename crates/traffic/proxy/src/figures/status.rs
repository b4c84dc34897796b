//! The figures of one moment, as JSON and as values.

use super::variant::Failure;
use super::{Times, VariantFigures};
use crate::mirror::Cause;
use photofinish_recording::Dropped;
use serde_json::{Value, json};
use std::time::Duration;

/// Everything counted, at one moment. Counts are since the start.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// How long the proxy runs.
    pub uptime: Duration,
    /// Requests answered by the stable build.
    pub stable: VariantFigures,
    /// The canary.
    pub canary: Option<CanaryFigures>,
    /// The mirrors, in the order of the plan.
    pub mirrors: Vec<MirrorFigures>,
    /// Requests kept in a file.
    pub recording: Option<photofinish_recording::Counts>,
    /// What callers saw.
    pub callers: CallerFigures,
    /// Time the proxy itself took of a request, connecting to an upstream excluded.
    pub overhead: Times,
}

/// The canary at one moment.
#[derive(Clone, Debug, Default)]
pub struct CanaryFigures {
    /// Its requests.
    pub variant: VariantFigures,
    /// `closed`, `open` (it is left alone) or `ramp` (its share grows).
    pub breaker: &'static str,
    /// How often the breaker opened.
    pub ejections: u64,
    /// The share asked for, between 0 and 1.
    pub share: f64,
    /// The share it gets now.
    pub share_now: f64,
}

/// A mirror at one moment. Every request is in `variant.requests`, in `variant.in_flight` or in `dropped`.
#[derive(Clone, Debug, Default)]
pub struct MirrorFigures {
    /// Its name.
    pub name: String,
    /// Copies that were sent; each counts once it is answered, or once it is clear that it never will be.
    pub variant: VariantFigures,
    /// Requests not copied, or not wholly, in the order of [`Cause::ALL`].
    pub dropped: [u64; Cause::ALL.len()],
    /// Copies under way, and bytes their bodies hold.
    pub under_way: (usize, usize),
    /// What comparing its answers with the primary's came to, if they are.
    pub compared: Option<ComparedFigures>,
}

/// What comparing answers came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComparedFigures {
    /// Answers that were the primary's.
    pub same: u64,
    /// Answers that differed anywhere.
    pub different: u64,
    /// Answers that could not be compared: too large, streams, too many at once, a copy that failed.
    pub not_compared: u64,
    /// Differences worth a person's time.
    pub told: u64,
    /// Differences in places that nearly always differ.
    pub noisy: u64,
}

/// What callers saw.
#[derive(Clone, Debug, Default)]
pub struct CallerFigures {
    /// Connections now.
    pub connections: u64,
    /// Connections so far.
    pub connections_all: u64,
    /// Tunnels (WebSocket) now.
    pub tunnels: u64,
    /// Callers who left before their answer was whole.
    pub left: u64,
    /// Requests this proxy answered itself, or not at all, by cause.
    pub refused: Vec<(&'static str, u64)>,
    /// From arrival to last byte, of answers the canary had no part in.
    pub objective: Times,
}

impl Status {
    /// As `/status` serves it; stable, described in `docs/json.md`.
    pub fn to_json(&self) -> Value {
        let mut variants = vec![variant("stable", None, &self.stable)];
        if let Some(canary) = &self.canary {
            let mut value = variant("canary", None, &canary.variant);
            value["share"] = json!(canary.share);
            value["share_now"] = json!(canary.share_now);
            value["breaker"] = json!(canary.breaker);
            value["ejections"] = json!(canary.ejections);
            variants.push(value);
        }
        for mirror in &self.mirrors {
            let mut value = variant("mirror", Some(&mirror.name), &mirror.variant);
            value["dropped"] = pairs(Cause::ALL.iter().map(|cause| cause.word()), &mirror.dropped);
            value["copies_held"] = json!(mirror.under_way.0);
            value["bytes_held"] = json!(mirror.under_way.1);
            value["compared"] = mirror.compared.map_or(Value::Null, |compared| {
                json!({
                    "same": compared.same,
                    "different": compared.different,
                    "not_compared": compared.not_compared,
                    "differences_told": compared.told,
                    "differences_noisy": compared.noisy,
                })
            });
            variants.push(value);
        }
        let callers = &self.callers;
        json!({
            "uptime_s": self.uptime.as_secs_f64(),
            "variants": variants,
            "objective": {
                "excludes": ["canary"],
                "requests": callers.objective.count(),
                "latency_ms": latency(&callers.objective),
            },
            "callers": {
                "connections": callers.connections,
                "connections_total": callers.connections_all,
                "tunnels": callers.tunnels,
                "left": callers.left,
                "refused": callers.refused.iter().map(|(word, count)| ((*word).to_owned(), json!(count)))
                    .collect::<serde_json::Map<_, _>>(),
            },
            "overhead_ms": latency(&self.overhead),
            "recording": self.recording.as_ref().map(recording),
        })
    }
}

fn variant(kind: &str, name: Option<&str>, figures: &VariantFigures) -> Value {
    json!({
        "variant": kind,
        "name": name.unwrap_or(kind),
        "in_objective": kind == "stable",
        "requests": figures.requests,
        "in_flight": figures.in_flight,
        "answers": pairs(["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter(), &figures.answers[1..]),
        "failures": pairs(Failure::ALL.iter().map(|failure| failure.word()), &figures.failures),
        "retries": figures.retries,
        "bytes_in": figures.bytes_in,
        "bytes_out": figures.bytes_out,
        "latency_ms": latency(&figures.latency),
    })
}

fn recording(counts: &photofinish_recording::Counts) -> Value {
    let dropped: Vec<u64> = Dropped::ALL.iter().map(|cause| counts.dropped(*cause)).collect();
    json!({
        "recorded": counts.recorded,
        "bytes": counts.bytes,
        "dropped": pairs(Dropped::ALL.iter().map(|cause| cause.as_str()), &dropped),
        "trouble": counts.trouble,
    })
}

fn pairs(words: impl Iterator<Item = &'static str>, counts: &[u64]) -> Value {
    words.zip(counts).map(|(word, count)| (word.to_owned(), json!(count))).collect()
}

fn latency(times: &Times) -> Value {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let count = times.count();
    if count == 0 {
        return Value::Null;
    }
    json!({
        "mean": ms(times.sum()) / count as f64,
        "p50": ms(times.quantile(0.5)),
        "p90": ms(times.quantile(0.9)),
        "p99": ms(times.quantile(0.99)),
        "p99.9": ms(times.quantile(0.999)),
        "max": ms(times.max()),
    })
}
