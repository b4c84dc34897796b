//! A load summary for programs. Keys are a promise: docs/json.md.

use photofinish_load::{Crossed, Latencies, Pace, Replayed, Summary};
use serde_json::{Map, Value, json};
use std::io::Write;
use std::time::Duration;

/// Prints `summary` as one JSON object on stdout.
pub(crate) fn print(summary: &Summary, crossed: &[Crossed]) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &value(summary, crossed))?;
    writeln!(out)?;
    Ok(())
}

/// `summary` as `load --format json` and the `load` of `hunt --format json` show it.
pub(crate) fn value(summary: &Summary, crossed: &[Crossed]) -> Value {
    let status: Map<String, Value> =
        summary.statuses.iter().map(|(status, n)| (status.to_string(), json!(n))).collect();
    let error_kinds: Map<String, Value> = summary
        .error_kinds
        .iter()
        .map(|error| {
            let said = json!({"count": error.count, "samples": error.samples});
            (error.kind.as_str().to_owned(), said)
        })
        .collect();
    json!({
        "loop": if summary.rate.is_some() { "open" } else { "closed" },
        "concurrency": summary.concurrency,
        "rate": summary.rate,
        "threads": summary.threads,
        "planned": summary.planned,
        "sent": summary.sent,
        "completed": summary.completed,
        "errors": summary.errors,
        "error_rate": summary.error_rate(),
        "shed": summary.shed,
        "retried": summary.retried,
        "abandoned": summary.abandoned,
        "interrupted": summary.interrupted,
        "duration_s": summary.duration.as_secs_f64(),
        "rps": summary.rps(),
        "in_flight_max": summary.in_flight_max,
        "bytes": {"received": summary.bytes_received, "sent": summary.bytes_sent},
        "latency_ms": times(&summary.latency),
        "service_time_ms": times(&summary.service_time),
        "own_lag_ms": times(&summary.own_lag),
        "replay": summary.replay.as_ref().map(replay),
        "status": status,
        "error_kinds": error_kinds,
        "thresholds_crossed": crossed.iter().map(|crossed| json!({
            "condition": crossed.condition,
            "measured": crossed.measured,
        })).collect::<Vec<_>>(),
    })
}

fn replay(replay: &Replayed) -> Value {
    let Replayed { recorded, achieved, .. } = replay;
    let speed = match replay.pace {
        Pace::Recorded { speed } => json!(speed),
        Pace::Rate(_) => json!(null),
        Pace::Max { .. } => json!("max"),
    };
    json!({
        "speed": speed,
        "requests": replay.requests,
        "connections": replay.connections,
        "span_s": replay.span.as_secs_f64(),
        "held": replay.held,
        "concurrency": {"peak": achieved.peak, "mean": achieved.mean},
        "recorded_concurrency": {"peak": recorded.peak, "mean": recorded.mean},
    })
}

fn times(times: &Latencies) -> Value {
    let ms = |time: Duration| json!(time.as_micros() as f64 / 1e3);
    let mut all: Map<String, Value> = [
        ("p50", 0.5),
        ("p90", 0.9),
        ("p95", 0.95),
        ("p99", 0.99),
        ("p99.9", 0.999),
        ("p99.99", 0.9999),
    ]
    .into_iter()
    .map(|(name, quantile)| (name.to_owned(), ms(times.quantile(quantile))))
    .collect();
    all.insert("mean".to_owned(), ms(times.mean()));
    all.insert("max".to_owned(), ms(times.max()));
    all.insert("count".to_owned(), json!(times.count()));
    Value::Object(all)
}
