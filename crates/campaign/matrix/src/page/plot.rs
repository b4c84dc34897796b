//! One plot: a line per Go version, a dot and its interval on it.

use super::heading;
use crate::stats::Middle;
use crate::{Cell, Column, Outcome};
use maud::{Markup, html};

const LEFT: f64 = 70.0;
const WIDTH: f64 = 220.0;
const ROW: f64 = 22.0;
/// Room for the words behind a dot's line.
const RIGHT: f64 = 60.0;

/// A dot with its interval, and the words behind it.
struct Mark {
    label: String,
    at: f64,
    low: f64,
    high: f64,
    words: String,
}

/// The rates of a column.
pub(super) fn rates(outcome: &Outcome, column: Column) -> Markup {
    let mark = |cell: &Cell| {
        let rate = cell.rate()?;
        let (low, high) = rate.interval();
        let words = format!("{}/{}", rate.hits, rate.n);
        Some(Mark { label: cell.toolchain.clone(), at: rate.share()?, low, high, words })
    };
    let marks = of(outcome, column, &mark);
    let ticks = [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| (share, format!("{:.0} %", share * 100.0)));
    plot(&heading(column), &marks, 1.0, &ticks)
}

/// Times of a column.
pub(super) fn middles(
    outcome: &Outcome,
    column: Column,
    what: &str,
    value: fn(&Cell) -> Option<Middle>,
) -> Markup {
    let mark = |cell: &Cell| {
        let middle = value(cell)?;
        let words = format!("{} (n {})", short(middle.median), middle.n);
        let (at, low, high) = (middle.median, middle.low, middle.high);
        Some(Mark { label: cell.toolchain.clone(), at, low, high, words })
    };
    let marks = of(outcome, column, &mark);
    let largest = marks.iter().map(|mark| mark.high).fold(0.0, f64::max);
    let top = round_up(largest);
    let ticks = [0.0, 0.5, 1.0].map(|share| (share * top, short(share * top)));
    plot(&format!("{column}: {what}"), &marks, top, &ticks)
}

fn of(outcome: &Outcome, column: Column, mark: &dyn Fn(&Cell) -> Option<Mark>) -> Vec<Mark> {
    outcome.cells.iter().filter(|cell| cell.column == column).filter_map(mark).collect()
}

fn plot(title: &str, marks: &[Mark], top: f64, ticks: &[(f64, String)]) -> Markup {
    let height = ROW * marks.len() as f64;
    let x = |value: f64| LEFT + WIDTH * if top > 0.0 { value / top } else { 0.0 };
    let box_ = format!("0 0 {} {}", LEFT + WIDTH + RIGHT, height + 22.0);
    html! {
        @if !marks.is_empty() {
            figure {
                figcaption { (title) }
                svg viewBox=(box_) role="img" aria-label=(title) {
                    @for (value, words) in ticks {
                        line.grid x1=(x(*value)) x2=(x(*value)) y1="0" y2=(height) {}
                        text.dim x=(x(*value)) y=(height + 14.0) text-anchor="middle" { (words) }
                    }
                    @for (row, mark) in marks.iter().enumerate() {
                        @let y = ROW * (row as f64 + 0.5);
                        text x=(LEFT - 8.0) y=(y + 4.0) text-anchor="end" { (mark.label) }
                        line.range x1=(x(mark.low)) x2=(x(mark.high)) y1=(y) y2=(y) {}
                        circle.dot cx=(x(mark.at)) cy=(y) r="4" {}
                        text.dim x=(LEFT + WIDTH + 6.0) y=(y + 4.0) { (mark.words) }
                    }
                }
            }
        }
    }
}

/// The next of 1, 2, 5, 10, 20, 50 …
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let ten = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * ten)
        .into_iter()
        .find(|top| *top >= value)
        .unwrap_or(10.0 * ten)
}

fn short(value: f64) -> String {
    let digits = if value == 0.0 || value >= 10.0 {
        0
    } else if value >= 1.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_what_it_shows() {
        for (value, top) in
            [(0.0, 1.0), (0.3, 0.5), (1.0, 1.0), (7.0, 10.0), (240.0, 500.0), (1820.0, 2000.0)]
        {
            assert!((round_up(value) - top).abs() < 1e-9, "{value}: {}", round_up(value));
        }
    }
}
