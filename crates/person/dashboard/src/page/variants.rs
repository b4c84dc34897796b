//! How stable, canary, mirrors and workers do at the moment.

use super::words::{ago, number, sentence};
use super::{Frame, layout, plot};
use crate::watched::{Known, WatchedKind, variants as variants_of};
use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};
use serde_json::Value;

pub(crate) fn variants(frame: &Frame, known: &[Known]) -> Markup {
    let main = html! {
        h1 { "Variants" }
        div id="variants" data-live data-every="2000" {
            @if known.is_empty() {
                div.nothing {
                    p { "No proxy and no queue is watched." }
                    p { "Name the admin addresses of proxies: " code { "photofinish serve --proxy 127.0.0.1:8081" }
                        ". The queue is the one of " code { "[jobs]" } " in the configuration." }
                }
            }
            @for one in known {
                section {
                    h2 { (match one.kind { WatchedKind::Proxy => "Proxy ", WatchedKind::Queue => "Queue " }) (one.name) }
                    @match (&one.latest, one.kind) {
                        (Err(why), WatchedKind::Proxy) => {
                            p.wrong { "It does not answer: " (why) }
                            p.help {
                                "This has to be the address of its figures, which it says at its start, not the one that callers use."
                            }
                        }
                        (Err(why), WatchedKind::Queue) => p.wrong { "It does not answer: " (why) },
                        (Ok(status), WatchedKind::Proxy) => (proxy(one, status, frame.now)),
                        (Ok(status), WatchedKind::Queue) => (queue(one, status)),
                    }
                }
            }
        }
    };
    layout("Variants", Some(frame), &main)
}

fn proxy(known: &Known, status: &Value, now: Timestamp) -> Markup {
    let uptime = i64::try_from(whole(&status["uptime_s"])).unwrap_or(0);
    let started = now.checked_sub(SignedDuration::from_secs(uptime)).unwrap_or(now);
    html! {
        table.findings.figures {
            caption.sr { "Variants of " (known.name) }
            thead { tr {
                th scope="col" { "Variant" } th scope="col" { "5 minutes" }
                th.n scope="col" { "Requests/s" } th.n scope="col" { "p50" } th.n scope="col" { "p99" }
                th.n scope="col" { "Failed" } th.n scope="col" { "5xx" } th.n scope="col" { "Under way" }
            } }
            tbody { @for (index, variant) in variants_of(status).enumerate() {
                @let rates = known.rates(index);
                tr {
                    td.what {
                        strong { (name(variant)) }
                        p.about { (about(variant)) }
                    }
                    td.plot { (plot::line(&rates, "requests a second")) }
                    td.n data-label="requests/s" { (rates.last().map_or("–".to_owned(), |rate| format!("{rate:.1}"))) }
                    td.n data-label="p50" { (latency(variant, "p50")) }
                    td.n data-label="p99" { (latency(variant, "p99")) }
                    td.n data-label="failed" { (number(sum(&variant["failures"]))) }
                    td.n data-label="5xx" { (number(whole(&variant["answers"]["5xx"]))) }
                    td.n data-label="under way" { (number(whole(&variant["in_flight"]))) }
                }
            } }
        }
        p.help {
            @let objective = &status["objective"];
            "What callers saw without the canary's part: " (number(whole(&objective["requests"])))
            " answers, p99 " (latency(objective, "p99")) ". Latencies are since the proxy started, "
            (ago(started, now)) "."
        }
    }
}

fn queue(known: &Known, status: &Value) -> Markup {
    let queues = ["source", "main", "race"].into_iter().enumerate();
    html! {
        table.findings.figures {
            caption.sr { "Queues of " (known.name) }
            thead { tr {
                th scope="col" { "Queue" } th scope="col" { "5 minutes" } th.n scope="col" { "Jobs waiting" }
            } }
            tbody { @for (index, place) in queues {
                @if let Some(name) = status[place]["queue"].as_str() {
                    tr {
                        td.what { strong { (name) } p.about { (match place {
                            "source" => "what producers write to",
                            "main" => "for the normal workers",
                            _ => "for the race build's workers",
                        }) } }
                        td.plot { (plot::line(&known.levels(index), "jobs waiting")) }
                        td.n data-label="waiting" { (number(whole(&status[place]["waiting"]))) }
                    }
                }
            } }
        }
        @let counts = &status["counts"];
        @if counts.is_object() {
            p.help { "Of " (number(whole(&counts["seen"]))) " jobs " (number(whole(&counts["race"])))
                " went to the race build; " (number(sum(&status["handed_back"]))) " were handed back." }
        }
    }
}

fn name(variant: &Value) -> String {
    let kind = variant["variant"].as_str().unwrap_or_default();
    match variant["name"].as_str().filter(|name| !name.is_empty() && *name != kind) {
        Some(name) => format!("{} {name}", sentence(kind)),
        None => sentence(kind),
    }
}

/// What is particular about a variant, in a line.
fn about(variant: &Value) -> String {
    let mut parts = Vec::new();
    if variant["in_objective"] == false {
        parts.push("not in the objective".to_owned());
    }
    if let Some(share) = variant["share_now"].as_f64() {
        parts.push(format!("gets {:.2}% now", share * 100.0));
    }
    match variant["breaker"].as_str() {
        Some("open") => parts.push("left alone, it failed too often".to_owned()),
        Some("ramp") => parts.push("coming back".to_owned()),
        _ => {}
    }
    if let Some(ejections) = variant["ejections"].as_u64().filter(|n| *n > 0) {
        parts.push(format!("left alone {ejections} times"));
    }
    let n_dropped = sum(&variant["dropped"]);
    if n_dropped > 0 {
        parts.push(format!("{} requests not copied", number(n_dropped)));
    }
    let n_different = whole(&variant["compared"]["different"]);
    if n_different > 0 {
        parts.push(format!("{} answers differed", number(n_different)));
    }
    parts.join(" · ")
}

fn latency(of: &Value, name: &str) -> String {
    match of["latency_ms"][name].as_f64() {
        Some(ms) if ms >= 1000.0 => format!("{:.2} s", ms / 1000.0),
        Some(ms) if ms >= 10.0 => format!("{ms:.0} ms"),
        Some(ms) => format!("{ms:.2} ms"),
        None => "–".to_owned(),
    }
}

fn whole(value: &Value) -> u64 {
    // Seconds have a fraction.
    value.as_u64().or_else(|| value.as_f64().map(|number| number as u64)).unwrap_or(0)
}

fn sum(counts: &Value) -> u64 {
    counts.as_object().map_or(0, |counts| counts.values().map(whole).sum())
}
