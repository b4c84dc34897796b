//! Whether the receiver heard what it was promised.

use crate::hour::receiver::Message;
use anyhow::{Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;

/// The three webhooks.
pub(crate) const PATHS: [&str; 3] = ["/program", "/chat", "/alerts"];
/// Events in a message to a program, and findings named in a chat.
const NAMED: usize = 20;
/// Between two messages to one receiver at least, in milliseconds.
const EVERY: i64 = 30_000;

/// Which findings are to be told after the hour.
pub(crate) struct Expected {
    /// New or regressed, and nobody has decided.
    told: BTreeSet<String>,
    /// To an Alertmanager: the decided ones, too.
    alerts: BTreeSet<String>,
    decided: BTreeSet<String>,
    regressed: String,
}

impl Expected {
    pub(crate) fn new(fresh: &[String], decided: &BTreeSet<String>, regressed: &str) -> Expected {
        let mut alerts: BTreeSet<String> = fresh.iter().map(|name| title(name)).collect();
        alerts.insert(title(regressed));
        let decided: BTreeSet<String> = decided.iter().map(|name| title(name)).collect();
        let told = alerts.difference(&decided).cloned().collect();
        Expected { told, alerts, decided, regressed: title(regressed) }
    }

    /// Everything has come, to all three.
    pub(crate) fn is_told(&self, messages: &[Message]) -> bool {
        let has = |path, all: &BTreeSet<String>| {
            titles(messages, path).into_iter().collect::<BTreeSet<_>>().is_superset(all)
        };
        let chat = messages.iter().any(|message| message.path == "/chat");
        has("/program", &self.told) && has("/alerts", &self.alerts) && chat
    }

    /// Prints a row for each webhook; `back` is when the receiver was there again, in milliseconds.
    pub(crate) fn judge(&self, messages: &[Message], back: i64) -> Result<()> {
        for path in PATHS {
            let own: Vec<&Message> = messages.iter().filter(|m| m.path == path).collect();
            let times: Vec<i64> = own.iter().map(|message| message.at).collect();
            let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
            let seconds = |millis: i64| millis / 1000;
            println!(
                "| {path}: messages, findings, seconds until the first, between two at least | {}, {}, {}, {} |",
                own.len(),
                own.iter().map(|message| named(message).len()).sum::<usize>(),
                times.first().map_or(0, |first| seconds(first - back)),
                gaps.clone().min().map_or_else(|| "-".to_owned(), |gap| seconds(gap).to_string()),
            );
            ensure!(gaps.clone().all(|gap| gap >= EVERY), "{path} was told too fast: {times:?}");
        }
        self.judge_program(messages)?;
        self.judge_chat(messages)?;
        self.judge_alerts(messages)
    }

    /// Each once, in the order in which it happened, twenty in a message, signed.
    fn judge_program(&self, messages: &[Message]) -> Result<()> {
        let own: Vec<&Message> = messages.iter().filter(|m| m.path == "/program").collect();
        ensure!(own.iter().all(|message| message.is_signed == Some(true)), "a wrong signature");
        let told = titles(messages, "/program");
        let all: BTreeSet<String> = told.iter().cloned().collect();
        ensure!(all == self.told && told.len() == all.len(), "not each once: {told:?}");
        let all: Vec<&Value> = own.iter().flat_map(|m| events(m)).collect();
        let numbers: Vec<i64> = all.iter().filter_map(|event| event["id"].as_i64()).collect();
        ensure!(numbers.is_sorted() && numbers.len() == told.len(), "not in order: {numbers:?}");
        for (event, title) in all.iter().zip(&told) {
            let what = if *title == self.regressed { "regressed" } else { "new" };
            ensure!(event["event"] == what, "{title} is {}", event["event"]);
        }
        let mut rest = told.len();
        for message in own {
            let n_events = events(message).len();
            ensure!(n_events == rest.min(NAMED), "{n_events} of {rest} in a message");
            rest -= n_events;
            ensure!(message.body["more"] == rest, "{rest} wait, not {}", message.body["more"]);
        }
        Ok(())
    }

    /// All in one message.
    fn judge_chat(&self, messages: &[Message]) -> Result<()> {
        let own: Vec<&Message> = messages.iter().filter(|m| m.path == "/chat").collect();
        ensure!(own.len() == 1, "{} messages in the chat", own.len());
        let heading = format!("{} new races, 1 regressed race", self.told.len() - 1);
        ensure!(own[0].body["text"] == heading.as_str(), "the chat says {}", own[0].body["text"]);
        let more = format!("and {} more", self.told.len() - NAMED);
        ensure!(own[0].body["blocks"].to_string().contains(&more), "the chat says not {more:?}");
        Ok(())
    }

    /// Each once; over are those that somebody has decided about, the others go on.
    fn judge_alerts(&self, messages: &[Message]) -> Result<()> {
        let own: Vec<&Message> = messages.iter().filter(|m| m.path == "/alerts").collect();
        let told = titles(messages, "/alerts");
        let all: BTreeSet<String> = told.iter().cloned().collect();
        ensure!(all == self.alerts && told.len() == all.len(), "not each alert once: {told:?}");
        for message in own {
            for alert in events(message) {
                let end: jiff::Timestamp = alert["endsAt"].as_str().unwrap_or_default().parse()?;
                let is_over = end.as_millisecond() <= message.at;
                let title = alert["annotations"]["summary"].as_str().unwrap_or_default();
                ensure!(is_over == self.decided.contains(title), "{title} ends {end}");
            }
        }
        Ok(())
    }
}

/// What the race of that name is called.
fn title(name: &str) -> String {
    format!("main.get{name} ↔ main.set{name}")
}

/// The findings that a webhook was told of, in order; a chat's are texts for people.
pub(crate) fn titles(messages: &[Message], path: &str) -> Vec<String> {
    messages.iter().filter(|message| message.path == path).flat_map(named).collect()
}

fn named(message: &Message) -> Vec<String> {
    let events = events(message).into_iter();
    let title = |event: &Value| match message.path.as_str() {
        "/program" => event["finding"]["title"].as_str().map(str::to_owned),
        "/alerts" => event["annotations"]["summary"].as_str().map(str::to_owned),
        _ => event["text"]["text"].as_str().map(str::to_owned),
    };
    events.filter_map(title).collect()
}

fn events(message: &Message) -> Vec<&Value> {
    let all = match message.path.as_str() {
        "/program" => message.body["events"].as_array(),
        "/alerts" => message.body.as_array(),
        // The first is the heading; behind the findings stands how many more there are.
        _ => message.body["blocks"].as_array(),
    };
    let is_one = |event: &&Value| message.path != "/chat" || event["type"] == "section";
    all.into_iter().flatten().filter(is_one).collect()
}
