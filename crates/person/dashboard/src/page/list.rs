//! All findings: what to search and filter by, and a table that is a list of cards on a phone.

use super::words::{ago, counted, number, sentence, spaced};
use super::{Frame, layout, plot};
use crate::query::{ListQuery, ORDERS, PAGE, PLOT_DAYS, SINCE};
use maud::{Markup, html};
use photofinish_store::{Choices, Listing, Source, State, Summary};

/// Services and owners named in a row.
const NAMED: usize = 3;

pub(crate) fn list(
    frame: &Frame,
    query: &ListQuery,
    listing: &Listing,
    choices: &Choices,
) -> Markup {
    let main = html! {
        h1 { "Findings" }
        (filters(query, choices))
        div id="findings" data-live data-total=(listing.by_state.values().sum::<u64>()) {
            (states(query, listing))
            @if listing.findings.is_empty() {
                (nothing(query, listing))
            } @else {
                (table(frame, listing))
                (pages(query, listing))
            }
        }
    };
    layout("Findings", Some(frame), &main)
}

/// The form; what it asks for is in the address.
fn filters(query: &ListQuery, choices: &Choices) -> Markup {
    let source = query.sources.first().map(|source| source.word());
    let pattern = query.patterns.first().map(|pattern| pattern.word());
    let sources = Source::ALL.iter().map(|source| (source.word(), source.word().to_owned()));
    let patterns = choices.patterns.iter().map(|p| (p.word(), spaced(p.word())));
    let services = choices.services.iter().map(|name| (name.as_str(), name.clone()));
    let owners = choices.owners.iter().map(|name| (name.as_str(), name.clone()));
    let since = SINCE.iter().map(|(word, text, _)| (*word, (*text).to_owned()));
    let order = ORDERS.iter().find(|(.., order)| *order == query.order).map(|(word, ..)| *word);
    html! {
        form.filters role="search" method="get" action="/findings" {
            @for state in &query.states { input type="hidden" name="state" value=(state); }
            div.search {
                label.sr for="q" { "Search" }
                input id="q" name="q" type="search" value=(query.search) data-search
                    placeholder="Function, file, id, owner…" aria-keyshortcuts="/";
                button.primary { "Search" }
            }
            div.choices {
                (select("source", "Source", "any source", source, sources))
                (select("pattern", "Pattern", "any pattern", pattern, patterns))
                @if !choices.services.is_empty() {
                    (select("service", "Service", "any service",
                        query.services.first().map(String::as_str), services))
                }
                @if !choices.owners.is_empty() {
                    (select("owner", "Owner", "any owner",
                        query.owners.first().map(String::as_str), owners))
                }
                (select("since", "Seen", "at any time", query.since, since))
                (select("sort", "Order", ORDERS[0].1, order,
                    ORDERS.iter().skip(1).map(|(word, text, _)| (*word, (*text).to_owned()))))
            }
        }
    }
}

fn select<'a>(
    name: &str,
    label: &str,
    any: &str,
    chosen: Option<&str>,
    options: impl Iterator<Item = (&'a str, String)>,
) -> Markup {
    html! {
        label { span { (label) }
            select name=(name) {
                option value="" { (any) }
                @for (word, text) in options {
                    option value=(word) selected[chosen == Some(word)] { (text) }
                }
            }
        }
    }
}

/// One link per state, with how many there are.
fn states(query: &ListQuery, listing: &Listing) -> Markup {
    let all: u64 = listing.by_state.values().sum();
    let link = |states: Vec<State>| ListQuery { states, page: 1, ..query.clone() }.link();
    let current = |is: bool| is.then_some("page");
    html! {
        nav.states aria-label="States" {
            a href=(link(Vec::new())) aria-current=[current(query.states.is_empty())] {
                "All " span.count { (number(all)) }
            }
            @for state in State::ALL {
                @let count = listing.by_state.get(state).copied().unwrap_or(0);
                a href=(link(vec![*state])) aria-current=[current(query.states == [*state])] {
                    (sentence(state.word())) " " span.count { (number(count)) }
                }
            }
        }
    }
}

fn nothing(query: &ListQuery, listing: &Listing) -> Markup {
    html! {
        div.nothing {
            @if query.is_narrowed() || !query.states.is_empty() || listing.total > 0 {
                p { "No finding is like that." }
                p { a href="/findings" { "Show all findings" } }
            } @else {
                p { "No race has been seen yet." }
                p { "Look for some: " code { "photofinish hunt" } ", or send what other machines see: "
                    code { "photofinish run --to URL -- CMD" } "." }
            }
        }
    }
}

fn table(frame: &Frame, listing: &Listing) -> Markup {
    html! {
        table.findings {
            caption.sr { "Findings" }
            thead { tr {
                th scope="col" { "Finding" }
                th scope="col" { (PLOT_DAYS) " days" }
                th.n scope="col" { "Seen" }
                th scope="col" { "Last" }
                th scope="col" { "First" }
                th scope="col" { "Owner" }
            } }
            tbody { @for finding in &listing.findings { (row(frame, finding)) } }
        }
    }
}

fn row(frame: &Frame, finding: &Summary) -> Markup {
    html! {
        tr id=(format!("f-{}", finding.fingerprint)) {
            td.what {
                a.title href=(format!("/findings/{}", finding.fingerprint)) data-item {
                    (finding.title)
                }
                p.about {
                    (state(finding.state)) " "
                    span { (spaced(finding.pattern.word())) }
                    " · " (by(finding))
                    @if !finding.services.is_empty() { " · " (some(&finding.services)) }
                    @if finding.light_only { " · " span title="Only light builds have seen it: confirm in a full build" { "light" } }
                }
            }
            td.plot { (plot::spark(&finding.activity, PLOT_DAYS, frame.now)) }
            td.n data-label="seen" { (number(finding.count)) }
            td.when data-label="last" { (ago(finding.last_seen, frame.now)) }
            td.when data-label="first" { (ago(finding.first_seen, frame.now)) }
            td.owner data-label="owner" { (some(&finding.owners)) }
        }
    }
}

/// The state as a coloured word.
pub(super) fn state(state: State) -> Markup {
    html! { span class=(format!("state {}", state.word())) { (state.word()) } }
}

/// `canary, mirror`.
fn by(finding: &Summary) -> String {
    let sources: Vec<&str> = finding.sources.keys().map(|source| source.word()).collect();
    sources.join(", ")
}

/// The first few names.
fn some(names: &[String]) -> String {
    let mut text = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > NAMED {
        text.push_str(&format!(" and {} more", names.len() - NAMED));
    }
    text
}

fn pages(query: &ListQuery, listing: &Listing) -> Markup {
    let limit = query.limit.unwrap_or(PAGE);
    let n_pages = usize::try_from(listing.total).unwrap_or(usize::MAX).div_ceil(limit).max(1);
    let first = (query.page - 1) * limit + 1;
    let last = first + listing.findings.len().saturating_sub(1);
    let link = |page: usize| ListQuery { page, ..query.clone() }.link();
    html! {
        nav.pages aria-label="More findings" {
            @if query.page > 1 { a rel="prev" href=(link(query.page - 1)) { "← Back" } }
            p { (number(first as u64)) " to " (number(last as u64)) " of "
                (counted(listing.total, "finding")) }
            @if query.page < n_pages { a rel="next" href=(link(query.page + 1)) { "More →" } }
        }
    }
}
