//! One finding: what goes wrong, the two accesses side by side, where it was seen, what was decided.

use super::decide::decide;
use super::list::state;
use super::words::{ago, counted, minute, number, sentence, spaced, when};
use super::{Frame, layout, plot, stack};
use crate::routes::{DAYS, DecisionJson};
use crate::source::Excerpt;
use jiff::Timestamp;
use maud::{Markup, html};
use photofinish_model::Kind;
use photofinish_store::{Finding, Seen};

/// Builds, hosts, services shown.
const PLACES: usize = 20;
/// Letters of a report shown on the page.
const RAW: usize = 64 << 10;

/// What is shown.
pub(crate) struct Shown {
    pub(crate) finding: Finding,
    pub(crate) activity: Vec<(Timestamp, u64)>,
    /// One for each access, where source was found.
    pub(crate) excerpts: Vec<Option<Excerpt>>,
    pub(crate) said: Said,
}

/// What became of what was asked for.
pub(crate) enum Said {
    /// The word of what was done; empty if nothing was asked.
    Done(String),
    /// It was not done.
    Refused { why: String, decision: Box<DecisionJson> },
}

pub(crate) fn finding(frame: &Frame, shown: &Shown) -> Markup {
    let finding = &shown.finding;
    let main = html! {
        (said(&shown.said))
        p.crumb { a href="/findings" { "Findings" } " / " code { (finding.fingerprint) } }
        h1.title { (finding.title) }
        div id="facts" data-live { (facts(frame, shown)) }
        div.advice {
            p { strong { "What goes wrong. " } (finding.pattern.explanation()) }
            p { strong { "How to repair it. " } (finding.pattern.hint()) }
        }
        (race(shown))
        div.columns {
            section aria-labelledby="decide" { h2 id="decide" { "Decide" } (decide(frame, shown)) }
            section aria-labelledby="history" {
                h2 id="history" { "History" }
                div id="changes" data-live { (history(frame, finding)) }
            }
        }
        section aria-labelledby="seen" {
            h2 id="seen" { "Where it was seen" }
            div.places id="places" data-live {
                (places(frame, "Builds", &finding.builds))
                (places(frame, "Hosts", &finding.hosts))
                (places(frame, "Services", &finding.services))
            }
        }
        (raw(finding))
    };
    layout(&finding.title, Some(frame), &main)
}

fn said(said: &Said) -> Markup {
    html! {
        @match said {
            Said::Done(word) => {
                @let text = match word.as_str() {
                    "acknowledge" => "Acknowledged.",
                    "mute" => "Muted.",
                    "fix" => "Closed as fixed.",
                    "wont-fix" => "Suppressed: it will not be fixed.",
                    "reopen" => "Reopened.",
                    "assign" => "Owners changed.",
                    _ => "",
                };
                @if !text.is_empty() { p.said role="status" { (text) } }
            }
            Said::Refused { why, .. } => {
                p.said.wrong role="alert" { "Not done: " (why) "." }
            }
        }
    }
}

fn facts(frame: &Frame, shown: &Shown) -> Markup {
    let finding = &shown.finding;
    let sources: Vec<String> = finding
        .sources
        .iter()
        .map(|(source, count)| format!("{source} ×{}", number(*count)))
        .collect();
    html! {
        p.about {
            (state(finding.state)) " "
            (spaced(finding.pattern.word())) " · " (sentence(&finding.race.headline))
            @if finding.light_only {
                " · seen by light builds only: confirm in a full build"
            }
        }
        div.summary {
            dl {
                div { dt { "Seen" } dd { (counted(finding.count, "time")) } }
                div { dt { "Last" } dd { (when(finding.last_seen, frame.now)) } }
                div { dt { "First" } dd { (when(finding.first_seen, frame.now)) } }
                div { dt { "By" } dd { (sources.join(", ")) } }
                div { dt { (if finding.owners.len() > 1 { "Owners" } else { "Owner" }) } dd {
                    @if finding.owners.is_empty() { "nobody yet" } @else { (finding.owners.join(", ")) }
                    @if finding.owners_assigned { " (assigned)" }
                } }
                @if let Some(build) = &finding.fixed_in { div { dt { "Fixed in" } dd { (build) } } }
                @if let Some(until) = finding.muted_until {
                    div { dt { "Muted until" } dd { (minute(until)) } }
                }
            }
            (plot::days(&shown.activity, DAYS, frame.now))
        }
    }
}

fn race(shown: &Shown) -> Markup {
    let race = &shown.finding.race;
    html! {
        section aria-labelledby="race" {
            h2 id="race" { (if race.kind == Kind::AnswerDiff { "The two answers" } else { "The race" }) }
            @if race.kind == Kind::AnswerDiff {
                pre.raw tabindex="0" aria-label="The two answers" { (race.raw) }
            }
            @if let Some(location) = &race.location {
                p { "On " (location.description) }
                @if !location.stack.frames.is_empty() {
                    details { summary { "Where it was allocated" } (stack::stack(&location.stack)) }
                }
            }
            div.accesses {
                @for (index, access) in race.accesses.iter().enumerate() {
                    @let excerpt = shown.excerpts.get(index).and_then(Option::as_ref);
                    (stack::access(race.kind, access, index > 0, excerpt))
                }
            }
            @if race.partial { p.help { "The report was cut short." } }
            @if !race.others.is_empty() {
                details {
                    summary { (counted(race.others.len() as u64, "other goroutine")) }
                    @for goroutine in race.others.iter().take(50) {
                        h3 { (sentence(&stack::name(goroutine.id))) " " span.whose { (goroutine.status) } }
                        (stack::stack(&goroutine.stack))
                    }
                }
            }
        }
    }
}

fn history(frame: &Frame, finding: &Finding) -> Markup {
    html! {
        ol.history {
            @for change in finding.history.iter().rev() {
                li {
                    p { (state(change.to)) " " (when(change.at, frame.now))
                        @if let Some(by) = &change.by { " by " strong { (by) } } }
                    @if !change.why.is_empty() { p.why { (change.why) } }
                }
            }
        }
    }
}

/// The latest places, the one seen last in front.
fn places(frame: &Frame, name: &str, seen: &[Seen]) -> Markup {
    let mut latest: Vec<&Seen> = seen.iter().collect();
    latest.sort_by_key(|seen| std::cmp::Reverse(seen.last_seen));
    html! {
        @if !latest.is_empty() {
            table {
                caption { (name) }
                thead { tr { th scope="col" { "Name" } th.n scope="col" { "Seen" } th scope="col" { "Last" } } }
                tbody {
                    @for seen in latest.iter().take(PLACES) {
                        tr {
                            td.name { (seen.name) }
                            td.n { (number(seen.count)) }
                            td { (ago(seen.last_seen, frame.now)) }
                        }
                    }
                }
                @if latest.len() > PLACES {
                    tfoot { tr { td colspan="3" { "and " (latest.len() - PLACES) " more" } } }
                }
            }
        }
    }
}

fn raw(finding: &Finding) -> Markup {
    let text = &finding.latest_raw;
    let end = (0..=text.len().min(RAW)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    let link = format!("/findings/{}/raw", finding.fingerprint);
    html! {
        section aria-labelledby="report" {
            h2 id="report" { "The report" }
            details.report {
                summary { "As printed the last time" }
                pre.raw tabindex="0" aria-label="The report" { (&text[..end]) }
                @if end < text.len() { p { "The rest is in " a href=(link) { "the whole report" } "." } }
            }
            p { a href=(link) { "As text" } " · "
                a href=(format!("/api/v1/findings/{}", finding.fingerprint)) { "As JSON" } }
        }
    }
}
