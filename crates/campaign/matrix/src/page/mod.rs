//! The matrix as one self-contained HTML page: the sentences first, then plots, then every figure.
//!
//! No script, nothing from elsewhere; plots are inline SVG whose colours are the page's, so they follow dark and light. Text is
//! escaped by maud. Start at [`html`].

mod plot;

use crate::stats::{Middle, Rate};
use crate::{Cell, Column, Outcome, Way};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The page.
pub fn html(outcome: &Outcome) -> String {
    let title = format!("{}: how often its races show", outcome.service);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (title) }
                (conditions(outcome))
                h2 { "What the figures support" }
                ul.words { @for words in &outcome.words { li { (words) } } }
                h2 { "How often" }
                p.note { "Dots are the share of trials, lines are Wilson 95 % intervals. Versions whose lines overlap little may still not differ: the sentences above go by an exact test." }
                div.plots { @for column in &outcome.columns { (plot::rates(outcome, *column)) } }
                (times(outcome))
                h2 { "Every figure" }
                (table(outcome))
                (comparisons(outcome))
            }
        }
    };
    page.into_string()
}

fn conditions(outcome: &Outcome) -> Markup {
    let c = &outcome.conditions;
    html! {
        p {
            (outcome.trials) " trials a cell, each a fresh process, in rounds of shuffled order (seed " (c.seed) "). GOMAXPROCS=" (c.gomaxprocs)
            " on " (c.processors) " processors (" (c.processor) ", Linux " (c.kernel) "). The load of a trial: " (c.load) "."
        }
        p { "A symptom is that " (c.symptoms) "." }
        @if outcome.is_partial {
            p.partial { "It was ended early: some cells have fewer trials." }
        }
    }
}

fn times(outcome: &Outcome) -> Markup {
    type Value = fn(&Cell) -> Option<Middle>;
    let kinds: [(&str, Value); 3] = [
        ("p50, ms", |cell| cell.p50_ms),
        ("p99, ms", |cell| cell.p99_ms),
        ("time to the first detection, ms", |cell| cell.first_ms),
    ];
    html! {
        h2 { "How long" }
        p.note { "Dots are medians over trials, lines are bootstrap 95 % intervals. Trials that ended before their load are left out of p50 and p99." }
        div.plots {
            @for (what, value) in kinds {
                @for column in outcome.columns.iter().filter(|column| column.way != Way::Test) {
                    (plot::middles(outcome, *column, what, value))
                }
            }
        }
    }
}

fn table(outcome: &Outcome) -> Markup {
    html! {
        div.scroll { table {
            thead { tr {
                th { "Go" } th { "build, detector" } th { "trials" } th { "symptom" } th { "detection" } th { "races" } th { "first, ms" }
                th { "p50, ms" } th { "p99, ms" } th { "CPU ms/request" } th { "memory, MiB" }
            } }
            tbody {
                @for cell in &outcome.cells {
                    tr.broken[cell.is_broken_promise()] {
                        td { (cell.toolchain) }
                        td { (cell.column) }
                        td { (cell.trials) @if cell.failed.0 > 0 { " (+" (cell.failed.0) " not run)" } }
                        td { (rate(cell.symptom)) (symptoms(cell)) }
                        td { (rate(cell.detection)) }
                        td { @if cell.detection.is_some() { (cell.n_races) } @else { "-" } }
                        td { (middle(cell.first_ms, 1.0)) }
                        td { (middle(cell.p50_ms, 1.0)) }
                        td { (middle(cell.p99_ms, 1.0)) }
                        td { (middle(cell.cpu_ms, 1.0)) }
                        td { (middle(cell.memory, MIB)) }
                    }
                }
            }
        } }
    }
}

fn comparisons(outcome: &Outcome) -> Markup {
    html! {
        @if !outcome.comparisons.is_empty() {
            details {
                summary { "Every pair of versions" }
                div.scroll { table {
                    thead { tr { th { "build, detector" } th { "from" } th { "to" } th { "difference, points" } th { "95 % (Newcombe)" } th { "p (Fisher)" } th { "p after Holm" } } }
                    tbody { @for pair in &outcome.comparisons { tr {
                        td { (pair.column) } td { (pair.from) } td { (pair.to) }
                        td { (format!("{:+.0}", pair.difference.seen * 100.0)) }
                        td { (format!("{:+.0} to {:+.0}", pair.difference.low * 100.0, pair.difference.high * 100.0)) }
                        td { (format!("{:.3}", pair.p)) }
                        td { (format!("{:.3}", pair.p_corrected)) @if pair.differs() { " differs" } }
                    } } }
                } }
            }
        }
    }
}

/// Bytes of a MiB.
pub const MIB: f64 = 1_048_576.0;

/// `4/10 = 40 % (17 to 69)`, or a dash.
pub fn rate(rate: Option<Rate>) -> String {
    let Some((rate, share)) = rate.and_then(|rate| Some((rate, rate.share()?))) else {
        return "-".to_owned();
    };
    let (low, high) = rate.interval();
    format!(
        "{}/{} = {:.0} % ({:.0} to {:.0})",
        rate.hits,
        rate.n,
        share * 100.0,
        low * 100.0,
        high * 100.0
    )
}

/// Fewer values than this have no interval worth printing.
const FEW: usize = 5;

/// `12.3 (11.0 to 14.2)`, `12.3 (n 2)` of few values, or a dash; what is given divided by `unit`.
pub fn middle(middle: Option<Middle>, unit: f64) -> String {
    let Some(middle) = middle else { return "-".to_owned() };
    let digits = if middle.median / unit < 10.0 { 2 } else { 0 };
    let number = |value: f64| format!("{:.digits$}", value / unit);
    let (median, low, high) = (number(middle.median), number(middle.low), number(middle.high));
    match middle.n {
        n @ ..FEW => format!("{median} (n {n})"),
        _ => format!("{median} ({low} to {high})"),
    }
}

/// ` crashed 3, errors 1`, or nothing.
fn symptoms(cell: &Cell) -> String {
    let all: Vec<String> = cell.symptoms.iter().map(|(what, n)| format!("{what} {n}")).collect();
    if all.is_empty() { String::new() } else { format!("; {}", all.join(", ")) }
}

/// What a column is called in a plot.
fn heading(column: Column) -> String {
    let what = match column.way {
        Way::Normal => "symptoms",
        Way::Catch => "caught",
        Way::Race | Way::Test => "reported",
    };
    format!("{column}: {what}")
}
