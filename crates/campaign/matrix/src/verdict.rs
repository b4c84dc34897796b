//! What the figures support, in words that a sceptic lets pass.
//!
//! Within a column every pair of Go versions is compared by Fisher's exact test, and the probabilities are corrected for how
//! many pairs were looked at (Holm). "No difference shown" is never "no difference": the interval of the difference says how large a one
//! could hide at this number of trials.

use crate::stats::{Difference, fisher, holm};
use crate::table::Cell;
use crate::{Column, Subject, Way};

/// Below this probability (after the correction) a difference is called one.
const LEVEL: f64 = 0.05;

/// Two Go versions in one column.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The column.
    pub column: Column,
    /// The first version.
    pub from: String,
    /// The second.
    pub to: String,
    /// The second's rate minus the first's, with Newcombe's 95 % interval.
    pub difference: Difference,
    /// Fisher's exact test, two-sided.
    pub p: f64,
    /// The same after Holm's correction for all pairs of the column.
    pub p_corrected: f64,
}

impl Comparison {
    /// There is more to it than chance.
    pub fn differs(&self) -> bool {
        self.p_corrected < LEVEL
    }
}

/// Every pair of versions in each column.
pub(crate) fn comparisons(columns: &[Column], cells: &[Cell]) -> Vec<Comparison> {
    columns.iter().flat_map(|column| of_column(*column, cells)).collect()
}

fn of_column(column: Column, cells: &[Cell]) -> Vec<Comparison> {
    let own: Vec<&Cell> = cells.iter().filter(|cell| cell.column == column).collect();
    let mut pairs = Vec::new();
    for (index, from) in own.iter().enumerate() {
        for to in &own[index + 1..] {
            let (Some(a), Some(b)) = (from.rate(), to.rate()) else { continue };
            if let Some(difference) = a.difference(b) {
                pairs.push(Comparison {
                    column,
                    from: from.toolchain.clone(),
                    to: to.toolchain.clone(),
                    difference,
                    p: fisher(a, b),
                    p_corrected: 1.0,
                });
            }
        }
    }
    let corrected = holm(&pairs.iter().map(|pair| pair.p).collect::<Vec<_>>());
    pairs.iter_mut().zip(corrected).for_each(|(pair, p)| pair.p_corrected = p);
    pairs
}

/// A sentence or two for each column, and one for what should be zero.
pub(crate) fn words(columns: &[Column], cells: &[Cell], comparisons: &[Comparison]) -> Vec<String> {
    let mut words: Vec<String> = columns
        .iter()
        .filter(|column| column.subject == Subject::Racy)
        .filter_map(|column| column_words(*column, cells, comparisons))
        .collect();
    words.extend(repaired_words(columns, cells));
    let failed: u32 = cells.iter().map(|cell| cell.failed.0).sum();
    if failed > 0 {
        let reason =
            cells.iter().rev().find_map(|cell| cell.failed.1.as_deref()).unwrap_or_default();
        let reason = reason.lines().next().unwrap_or_default();
        words.push(format!(
            "{failed} trials could not be run and count nowhere; the last: {reason}."
        ));
    }
    words
}

fn column_words(column: Column, cells: &[Cell], comparisons: &[Comparison]) -> Option<String> {
    let own: Vec<&Cell> =
        cells.iter().filter(|cell| cell.column == column && cell.trials > 0).collect();
    let what = match column.way {
        Way::Normal => "symptoms",
        Way::Catch => "races caught",
        Way::Race | Way::Test => "races reported",
    };
    let (hits, n) = own
        .iter()
        .filter_map(|cell| cell.rate())
        .fold((0, 0), |(hits, n), rate| (hits + rate.hits, n + rate.n));
    if n == 0 {
        return None;
    }
    let mut text = format!("{}: {what} in {hits} of {n} trials over all Go versions.", column);
    let pairs: Vec<&Comparison> = comparisons.iter().filter(|pair| pair.column == column).collect();
    let differing: Vec<&&Comparison> = pairs.iter().filter(|pair| pair.differs()).collect();
    for pair in &differing {
        let (from, to, d) = (&pair.from, &pair.to, pair.difference);
        let more = if d.seen > 0.0 { "more often" } else { "less often" };
        text.push_str(&format!(
            " With {to} {more} than with {from}: {} (95 %: {}; p = {:.3} after correction for {} comparisons).",
            points(d.seen), points_range(d), pair.p_corrected, pairs.len(),
        ));
    }
    if differing.is_empty() && !pairs.is_empty() {
        let smallest = own.iter().map(|cell| cell.trials).min().unwrap_or(0);
        let widest = pairs
            .iter()
            .map(|pair| pair.difference.low.abs().max(pair.difference.high.abs()))
            .fold(0.0, f64::max);
        let between = match pairs.as_slice() {
            [pair] => format!("between {} and {}", pair.from, pair.to),
            _ => "between any two Go versions".to_owned(),
        };
        text.push_str(&format!(
            " No difference {between} is shown at {smallest} trials each; one of up to {} could hide.",
            points(widest).trim_start_matches('+'),
        ));
    }
    Some(text)
}

fn repaired_words(columns: &[Column], cells: &[Cell]) -> Option<String> {
    if !columns.iter().any(|column| column.subject == Subject::Repaired) {
        return None;
    }
    let own = cells.iter().filter(|cell| cell.column.subject == Subject::Repaired);
    let (broken, n) = own.fold((Vec::new(), 0), |(mut broken, n), cell| {
        if cell.is_broken_promise() {
            broken.push(format!("{} with {}", cell.column, cell.toolchain));
        }
        (broken, n + cell.trials)
    });
    let most = crate::stats::Rate { hits: 0, n }.interval().1;
    Some(match broken.as_slice() {
        _ if n == 0 => return None,
        [] => format!(
            "The repaired program showed nothing in {n} trials, and nothing was reported or caught in it: at most {:.1} % of such trials would (95 %).",
            most * 100.0
        ),
        broken => format!("The repaired program is not silent: {}.", broken.join(", ")),
    })
}

fn points(share: f64) -> String {
    format!("{:+.0} points", share * 100.0)
}

fn points_range(d: Difference) -> String {
    format!("{:+.0} to {:+.0}", d.low * 100.0, d.high * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Rate;

    const NORMAL: Column = Column { subject: Subject::Racy, way: Way::Normal };

    fn cell(toolchain: &str, column: Column, hits: u32, n: u32) -> Cell {
        Cell {
            toolchain: toolchain.to_owned(),
            column,
            trials: n,
            failed: (0, None),
            symptom: Some(Rate { hits, n }),
            symptoms: Vec::new(),
            detection: None,
            n_races: 0,
            first_ms: None,
            p50_ms: None,
            p99_ms: None,
            cpu_ms: None,
            memory: None,
        }
    }

    fn said(columns: &[Column], cells: &[Cell]) -> String {
        words(columns, cells, &comparisons(columns, cells)).join("\n")
    }

    #[test]
    fn a_few_trials_show_no_difference_and_say_how_large_a_one_could_hide() {
        let cells = [cell("1.23.9", NORMAL, 4, 10), cell("1.24.11", NORMAL, 6, 10)];
        let text = said(&[NORMAL], &cells);
        assert_eq!(
            text,
            "normal build: symptoms in 10 of 20 trials over all Go versions. No difference between 1.23.9 and 1.24.11 is \
             shown at 10 trials each; one of up to 53 points could hide."
        );
    }

    #[test]
    fn a_difference_that_chance_does_not_make_is_told_with_its_interval() {
        let cells = [cell("1.22.10", NORMAL, 42, 100), cell("1.24.11", NORMAL, 16, 100)];
        let text = said(&[NORMAL], &cells);
        assert!(
            text.contains(
                "With 1.24.11 less often than with 1.22.10: -26 points (95 %: -37 to -14;"
            ),
            "{text}"
        );
    }

    #[test]
    fn looking_at_many_pairs_makes_no_difference_out_of_chance() {
        // The largest of 21 differences has p = 0.011 by itself.
        let hits = [5, 4, 3, 7, 5, 9, 4];
        let cells: Vec<Cell> = hits
            .iter()
            .enumerate()
            .map(|(i, hits)| cell(&format!("1.2{i}"), NORMAL, *hits, 10))
            .collect();
        let text = said(&[NORMAL], &cells);
        assert!(text.contains("No difference between any two"), "{text}");
    }

    #[test]
    fn a_repaired_program_that_shows_something_is_named() {
        let repaired = Column { subject: Subject::Repaired, way: Way::Normal };
        let clean = [cell("1.24", repaired, 0, 10), cell("1.25", repaired, 0, 10)];
        assert!(said(&[repaired], &clean).contains("showed nothing in 20 trials"));
        let broken = [cell("1.24", repaired, 0, 10), cell("1.25", repaired, 1, 10)];
        assert!(
            said(&[repaired], &broken).contains("not silent: repaired, normal build with 1.25")
        );
    }
}
