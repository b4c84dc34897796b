//! How a proxy stands, as a table: of the JSON that its `/status` serves, whoever asked for it.

use super::units::{bytes, count, time};
use crate::output::style::{BOLD, DIM, RED, YELLOW, clean, paint};
use anstyle::Style;
use serde_json::Value;
use std::time::Duration;

/// The table of `status`. Rates are those since `earlier`, or of the whole life without it.
pub(crate) fn text(status: &Value, earlier: Option<&Value>) -> String {
    let variants = list(&status["variants"]);
    let names: Vec<String> = variants.iter().map(name).collect();
    let first = names.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(6);
    let mut text = row(first, "WAY", HEAD.map(str::to_owned), DIM);
    for (variant, name) in variants.iter().zip(&names) {
        let before = earlier.and_then(|earlier| same(earlier, variant));
        let uptime = number(&status["uptime_s"]);
        let seconds = uptime - earlier.map_or(0.0, |earlier| number(&earlier["uptime_s"]));
        let requests = whole(&variant["requests"]);
        let new = requests.saturating_sub(before.map_or(0, |before| whole(&before["requests"])));
        let rate = if seconds > 0.0 { new as f64 / seconds } else { 0.0 };
        let failures = sum(&variant["failures"]);
        let cells = [
            format!("{rate:.0}"),
            count(requests),
            count(failures),
            count(whole(&variant["answers"]["5xx"])),
            latency(variant, "p50"),
            latency(variant, "p99"),
            count(whole(&variant["in_flight"])),
            bytes(whole(&variant["bytes_in"])),
            bytes(whole(&variant["bytes_out"])),
            count(whole(&variant["retries"])),
        ];
        text += &row(first, name, cells, if failures > 0 { YELLOW } else { Style::new() });
    }
    text.push('\n');
    for (variant, name) in variants.iter().zip(&names) {
        text += &details(variant, name);
    }
    text + &callers(status)
}

const HEAD: [&str; 10] = [
    "REQ/S",
    "REQUESTS",
    "ERRORS",
    "5XX",
    "P50",
    "P99",
    "IN FLIGHT",
    "RECEIVED",
    "SENT",
    "RETRIES",
];
const WIDTHS: [usize; 10] = [8, 12, 9, 8, 9, 9, 11, 11, 11, 9];

/// One line; `style` is of the errors, or of a head.
fn row(first: usize, name: &str, cells: [String; 10], style: Style) -> String {
    let is_head = style == DIM;
    let mut line = paint(if is_head { DIM } else { BOLD }, &format!("{name:<first$}"));
    for (place, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        let cell = format!("{cell:>width$}");
        let is_styled = is_head || HEAD[place] == "ERRORS";
        line += &if is_styled && style != Style::new() { paint(style, &cell) } else { cell };
    }
    line + "\n"
}

fn details(variant: &Value, name: &str) -> String {
    let mut text = String::new();
    let mut say = |what: &str, words: &str| text += &format!("{}  {words}\n", paint(DIM, what));
    if variant["variant"] == "canary" {
        let percent = |value: &Value| format!("{}%", round(number(value) * 100.0));
        let state = match variant["breaker"].as_str() {
            Some("open") => paint(RED, "left alone"),
            Some("ramp") => paint(YELLOW, "coming back"),
            _ => "well".to_owned(),
        };
        let ejections = whole(&variant["ejections"]);
        say(
            "canary",
            &format!(
                "{state}, gets {} of {} asked for, left alone {}",
                percent(&variant["share_now"]),
                percent(&variant["share"]),
                crate::output::style::times(ejections).replace("0 times", "never"),
            ),
        );
    }
    if let Some(causes) = pairs(&variant["failures"]) {
        say(&format!("{name} errors"), &causes);
    }
    if let Some(causes) = pairs(&variant["dropped"]) {
        say(&format!("{name} not copied"), &causes);
    }
    if let Some(results) = pairs(&variant["compared"]) {
        say(&format!("{name} answers compared"), &results);
    }
    text
}

fn callers(status: &Value) -> String {
    let callers = &status["callers"];
    let mut text = format!(
        "{}  {} connections ({} so far), {} tunnels, {} left before their answer was whole\n",
        paint(DIM, "callers"),
        count(whole(&callers["connections"])),
        count(whole(&callers["connections_total"])),
        count(whole(&callers["tunnels"])),
        count(whole(&callers["left"])),
    );
    if let Some(causes) = pairs(&callers["refused"]) {
        text += &format!("{}  {causes}\n", paint(DIM, "answered by the proxy itself"));
    }
    if status["recording"].is_object() {
        let recording = &status["recording"];
        let dropped = pairs(&recording["dropped"]);
        text += &format!(
            "{}  {} requests, {}{}\n",
            paint(DIM, "recorded"),
            count(whole(&recording["recorded"])),
            bytes(whole(&recording["bytes"])),
            dropped.map_or(String::new(), |causes| format!("; not recorded: {causes}")),
        );
    }
    for (what, times) in [
        ("without the canary", &status["objective"]["latency_ms"]),
        ("own overhead", &status["overhead_ms"]),
    ] {
        if !times.is_null() {
            text += &format!(
                "{}  p50 {}  p99 {}  max {}\n",
                paint(DIM, what),
                millis(&times["p50"]),
                millis(&times["p99"]),
                millis(&times["max"])
            );
        }
    }
    text
}

/// `mirror shadow`, `stable`.
fn name(variant: &Value) -> String {
    let word = |value: &Value| clean(value.as_str().unwrap_or("?"));
    let (kind, name) = (word(&variant["variant"]), word(&variant["name"]));
    if kind == name { kind } else { format!("{kind} {name}") }
}

fn same<'a>(status: &'a Value, variant: &Value) -> Option<&'a Value> {
    let is_same =
        |other: &&Value| other["name"] == variant["name"] && other["variant"] == variant["variant"];
    list(&status["variants"]).iter().find(is_same)
}

/// `3 reset, 1 timeout`, the most first; nothing of nothing.
fn pairs(counts: &Value) -> Option<String> {
    let counts = counts.as_object()?;
    let mut said: Vec<_> = counts.iter().filter(|(_, n)| whole(n) > 0).collect();
    said.sort_by_key(|(_, n)| std::cmp::Reverse(whole(n)));
    let words: Vec<String> = said
        .iter()
        .map(|(word, n)| format!("{} {}", count(whole(n)), clean(&word.replace('_', " "))))
        .collect();
    (!words.is_empty()).then(|| words.join(", "))
}

fn latency(variant: &Value, quantile: &str) -> String {
    match &variant["latency_ms"] {
        Value::Null => "-".to_owned(),
        times => millis(&times[quantile]),
    }
}

fn millis(value: &Value) -> String {
    time(Duration::try_from_secs_f64(number(value) / 1e3).unwrap_or_default())
}

/// At most four digits behind the point, and none that says nothing.
fn round(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(0.0)
}

fn whole(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().map_or(0, |counts| counts.values().map(whole).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_is_a_table_and_what_needs_attention_below_it() {
        let variant = |kind: &str, name: &str, requests: u64| {
            json!({
                "variant": kind, "name": name, "requests": requests, "in_flight": 3, "retries": 1,
                "answers": {"2xx": requests, "5xx": 2}, "failures": {"connect": 0, "reset": 2},
                "bytes_in": 1_000_000, "bytes_out": 64 << 20,
                "latency_ms": {"p50": 1.25, "p99": 48.0, "max": 120.0},
            })
        };
        let mut canary = variant("canary", "canary", 40);
        canary["share"] = json!(0.02);
        canary["share_now"] = json!(0.002);
        canary["breaker"] = json!("ramp");
        canary["ejections"] = json!(1);
        let mut mirror = variant("mirror", "shadow", 0);
        mirror["dropped"] = json!({"sample": 1500, "in_flight": 7, "bytes": 0});
        mirror["compared"] = json!({"same": 9, "different": 1, "not_compared": 0});
        mirror["failures"] = json!({});
        mirror["latency_ms"] = Value::Null;
        let status = json!({
            "uptime_s": 20.0,
            "variants": [variant("stable", "stable", 2000), canary, mirror],
            "objective": {"latency_ms": {"p50": 1.0, "p99": 4.0, "max": 9.0}},
            "callers": {"connections": 12, "connections_total": 80, "tunnels": 1, "left": 0,
                        "refused": {"malformed": 2}},
            "overhead_ms": null,
        });
        let mut earlier = status.clone();
        earlier["uptime_s"] = json!(10.0);
        earlier["variants"][0]["requests"] = json!(1000);
        let plain = anstream::adapter::strip_str(&text(&status, Some(&earlier))).to_string();
        insta::assert_snapshot!(plain, @r"
        WAY             REQ/S    REQUESTS   ERRORS     5XX      P50      P99  IN FLIGHT   RECEIVED       SENT  RETRIES
        stable            100       2,000        2       2    1.2ms   48.0ms          3  976.6 KiB     64 MiB        1
        canary              0          40        2       2    1.2ms   48.0ms          3  976.6 KiB     64 MiB        1
        mirror shadow       0           0        0       2        -        -          3  976.6 KiB     64 MiB        1

        stable errors  2 reset
        canary  coming back, gets 0.2% of 2% asked for, left alone once
        canary errors  2 reset
        mirror shadow not copied  1,500 sample, 7 in flight
        mirror shadow answers compared  9 same, 1 different
        callers  12 connections (80 so far), 1 tunnels, 0 left before their answer was whole
        answered by the proxy itself  2 malformed
        without the canary  p50 1.0ms  p99 4.0ms  max 9.0ms
        ");
    }

    #[test]
    fn what_another_version_serves_does_no_harm() {
        for status in [json!(null), json!([]), json!({"variants": [{}, 1], "callers": 3})] {
            assert!(text(&status, Some(&status)).contains("REQ/S"));
        }
    }
}
