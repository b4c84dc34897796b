//! What a receiver is sent: events in, a body out. No network, no clock.

use crate::otlp;
use crate::settings::Kind;
use jiff::{SignedDuration, Timestamp};
use photofinish_store::{Finding, News, State};
use serde_json::{Value, json};

/// Findings named in one message; the rest is counted, and comes later where a program is told.
pub(crate) const NAMED: usize = 20;
/// An alert that nobody takes back ends by itself.
const ALERT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Something that happened, and the finding as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) news: News,
    pub(crate) finding: Finding,
}

/// The body for a receiver of this kind, where `more` events wait behind these.
pub(crate) fn body(
    kind: Kind,
    events: &[Event],
    more: usize,
    page: Option<&str>,
    now: Timestamp,
) -> Value {
    match kind {
        Kind::Generic => generic(events, more, page),
        Kind::Slack => slack(events, page),
        Kind::Alertmanager => alerts(events, page, now),
        Kind::Otlp => otlp::logs::logs(events, page, now),
    }
}

/// `new` or `regressed`, or the state it went to.
pub(crate) fn what(event: &Event) -> &'static str {
    event.news.change.to.word()
}

pub(crate) fn link(event: &Event, page: Option<&str>) -> Option<String> {
    let page = page?.trim_end_matches('/');
    Some(format!("{page}/findings/{}", event.finding.fingerprint))
}

fn generic(events: &[Event], more: usize, page: Option<&str>) -> Value {
    let told: Vec<Value> = events
        .iter()
        .map(|event| {
            let finding = &event.finding;
            json!({
                "id": event.news.id,
                "event": what(event),
                "at": event.news.change.at.to_string(),
                "why": event.news.change.why,
                "finding": {
                    "id": finding.fingerprint.as_str(),
                    "title": finding.title,
                    "state": finding.state.word(),
                    "kind": finding.kind().word(),
                    "pattern": finding.pattern.word(),
                    "explanation": finding.pattern.explanation(),
                    "hint": finding.pattern.hint(),
                    "count": finding.count,
                    "first_seen": finding.first_seen.to_string(),
                    "last_seen": finding.last_seen.to_string(),
                    "owners": finding.owners,
                    "services": names(&finding.services),
                    "builds": names(&finding.builds),
                    "url": link(event, page),
                },
            })
        })
        .collect();
    json!({"version": 1, "events": told, "more": more})
}

fn slack(events: &[Event], page: Option<&str>) -> Value {
    let n_regressed = events.iter().filter(|e| e.news.change.to == State::Regressed).count();
    let n_new = events.len() - n_regressed;
    let mut parts = Vec::new();
    for (count, word) in [(n_new, "new"), (n_regressed, "regressed")] {
        if count > 0 {
            parts.push(format!("{count} {word} {}", if count == 1 { "race" } else { "races" }));
        }
    }
    let heading = parts.join(", ");
    let mut blocks = vec![json!({
        "type": "header", "text": {"type": "plain_text", "text": heading}
    })];
    for event in events.iter().take(NAMED) {
        let finding = &event.finding;
        let title = escaped(&finding.title);
        let title = match link(event, page) {
            Some(link) => format!("<{link}|{title}>"),
            None => title,
        };
        let mut lines = vec![
            format!("*{title}* `{}`", finding.fingerprint),
            format!("{}: {}", what(event), escaped(finding.pattern.explanation())),
        ];
        let mut facts = vec![format!("seen {} times", finding.count)];
        for (word, of) in [("in", names(&finding.services)), ("owned by", finding.owners.clone())] {
            if !of.is_empty() {
                facts.push(format!("{word} {}", escaped(&of.join(", "))));
            }
        }
        lines.push(facts.join(", "));
        let text: String = lines.join("\n").chars().take(2900).collect();
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": text}}));
    }
    if events.len() > NAMED {
        let more = format!("and {} more", events.len() - NAMED);
        blocks.push(json!({"type": "context", "elements": [{"type": "mrkdwn", "text": more}]}));
    }
    json!({"text": heading, "blocks": blocks})
}

/// One alert a finding: it goes on until somebody decides. The finding's number is a label, since alerts
/// with the same labels are one.
fn alerts(events: &[Event], page: Option<&str>, now: Timestamp) -> Value {
    let alert = |event: &Event| {
        let finding = &event.finding;
        let service = finding.services.last().map(|seen| seen.name.clone()).unwrap_or_default();
        let end = match finding.state.is_open() {
            true => now.checked_add(ALERT).unwrap_or(now),
            false => now,
        };
        let mut alert = json!({
            "labels": {
                "alertname": "PhotofinishFinding",
                "finding": finding.fingerprint.as_str(),
                "pattern": finding.pattern.word(),
                "service": service,
                "owner": finding.owners.join(" "),
                "severity": "warning",
            },
            "annotations": {
                "summary": finding.title,
                "description":
                    format!("{} {}", finding.pattern.explanation(), finding.pattern.hint()),
                "state": finding.state.word(),
            },
            "startsAt": event.news.change.at.to_string(),
            "endsAt": end.to_string(),
        });
        if let Some(link) = link(event, page) {
            alert["generatorURL"] = json!(link);
        }
        alert
    };
    Value::Array(events.iter().map(alert).collect())
}

pub(crate) fn names(seen: &[photofinish_store::Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.name.clone()).collect()
}

/// Slack's three.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
