//! Findings as log records of OpenTelemetry.
//!
//! The shape is that of `opentelemetry/proto/logs/v1/logs.proto`. Each record belongs to the service that raced, so a backend shows it beside that service's own
//! traces; names of attributes are the semantic conventions' where there are any, else begin with `photofinish.`.

use super::{attribute, nanos, scope, text};
use crate::message::{Event, link, names, what};
use jiff::Timestamp;
use photofinish_store::{Seen, State};
use serde_json::{Value, json};

/// `WARN` and `ERROR` of the data model's table of severities.
const WARN: (u8, &str) = (13, "WARN");
const ERROR: (u8, &str) = (17, "ERROR");

/// An `ExportLogsServiceRequest`.
pub(crate) fn logs(events: &[Event], page: Option<&str>, now: Timestamp) -> Value {
    let logs: Vec<Value> = events.iter().map(|event| resource_logs(event, page, now)).collect();
    json!({ "resourceLogs": logs })
}

fn resource_logs(event: &Event, page: Option<&str>, now: Timestamp) -> Value {
    let finding = &event.finding;
    let mut resource = Vec::new();
    for (key, seen) in [
        ("service.name", &finding.services),
        ("service.version", &finding.builds),
        ("host.name", &finding.hosts),
    ] {
        resource.extend(latest(seen).map(|name| attribute(key, text(name))));
    }
    let (number, word) = if event.news.change.to == State::Regressed { ERROR } else { WARN };
    json!({
        "resource": { "attributes": resource },
        "scopeLogs": [{
            "scope": scope(),
            "logRecords": [{
                "timeUnixNano": nanos(event.news.change.at),
                "observedTimeUnixNano": nanos(now),
                "severityNumber": number,
                "severityText": word,
                "eventName": format!("photofinish.finding.{}", what(event)),
                "body": text(&finding.title),
                "attributes": attributes(event, page),
            }],
        }],
    })
}

fn attributes(event: &Event, page: Option<&str>) -> Vec<Value> {
    let finding = &event.finding;
    let list = |of: &[String]| {
        let values: Vec<Value> = of.iter().map(|one| text(one)).collect();
        json!({ "arrayValue": { "values": values } })
    };
    let mut attributes = vec![
        attribute("photofinish.finding.id", text(finding.fingerprint.as_str())),
        attribute("photofinish.finding.state", text(finding.state.word())),
        attribute("photofinish.finding.kind", text(finding.kind().word())),
        attribute("photofinish.finding.pattern", text(finding.pattern.word())),
        attribute("photofinish.finding.explanation", text(finding.pattern.explanation())),
        attribute("photofinish.finding.hint", text(finding.pattern.hint())),
        attribute("photofinish.finding.count", json!({ "intValue": finding.count.to_string() })),
        attribute("photofinish.finding.why", text(&event.news.change.why)),
    ];
    for (key, of) in [
        ("photofinish.finding.owners", finding.owners.clone()),
        ("photofinish.finding.builds", names(&finding.builds)),
    ] {
        if !of.is_empty() {
            attributes.push(attribute(key, list(&of)));
        }
    }
    attributes.extend(link(event, page).map(|link| attribute("url.full", text(&link))));
    attributes
}

/// Where it was seen last.
fn latest(seen: &[Seen]) -> Option<&str> {
    seen.iter().max_by_key(|seen| seen.last_seen).map(|seen| seen.name.as_str())
}
