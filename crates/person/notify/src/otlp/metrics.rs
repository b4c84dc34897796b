//! Figures as metrics of OpenTelemetry.
//!
//! The shape is that of `opentelemetry/proto/metrics/v1/metrics.proto`. Counters are cumulative, so a message that is lost
//! costs resolution and no count. One that goes on counting over our restarts has no start: a new start would say that it
//! began again at zero, and everything before would be added once more.

use super::{attribute, nanos, scope, text};
use crate::figures::Instance;
use jiff::Timestamp;
use photofinish_store::{Figure, FigureKind};
use serde_json::{Value, json};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;

/// An `ExportMetricsServiceRequest`.
pub(crate) fn metrics(figures: &[Figure], instance: &Instance, now: Timestamp) -> Value {
    let resource = [
        attribute("service.name", text("photofinish")),
        attribute("service.version", text(env!("CARGO_PKG_VERSION"))),
        attribute("service.instance.id", text(&instance.id)),
        attribute("host.name", text(&instance.host)),
    ];
    let metrics: Vec<Value> = figures.iter().map(|figure| metric(figure, now)).collect();
    json!({
        "resourceMetrics": [{
            "resource": { "attributes": resource },
            "scopeMetrics": [{ "scope": scope(), "metrics": metrics }],
        }],
    })
}

fn metric(figure: &Figure, now: Timestamp) -> Value {
    let start = match figure.kind {
        FigureKind::CountedSince(start) => Some(nanos(start)),
        FigureKind::Gauge | FigureKind::CountedAlways => None,
    };
    let point = |(label, word, value): &(&str, &str, u64)| {
        let attributes: Vec<Value> =
            (!label.is_empty()).then(|| attribute(label, text(word))).into_iter().collect();
        let mut point = json!({
            "attributes": attributes,
            "timeUnixNano": nanos(now),
            "asInt": value.to_string(),
        });
        if let Some(start) = &start {
            point["startTimeUnixNano"] = json!(start);
        }
        point
    };
    let points: Vec<Value> = figure.points.iter().map(point).collect();
    let mut metric = json!({
        "name": format!("photofinish.{}", figure.name),
        "description": figure.help,
        "unit": figure.unit,
    });
    match figure.kind {
        FigureKind::Gauge => metric["gauge"] = json!({ "dataPoints": points }),
        FigureKind::CountedSince(_) | FigureKind::CountedAlways => {
            metric["sum"] = json!({
                "dataPoints": points,
                "aggregationTemporality": CUMULATIVE,
                "isMonotonic": true,
            });
        }
    }
    metric
}
