//! A matrix for a person: a table for each column, and what it supports in words. As Markdown for a page in a repository.

use super::matrix_live::length;
use super::style::{BOLD, DIM, RED, paint, terminal_width, wrap};
use photofinish_matrix::page::{MIB, middle, rate};
use photofinish_matrix::{Cell, Outcome};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const HEAD: [&str; 9] = [
    "GO",
    "SYMPTOM",
    "DETECTION",
    "RACES",
    "FIRST MS",
    "P50 MS",
    "P99 MS",
    "CPU MS/REQ",
    "MEMORY MIB",
];

/// Prints the matrix.
pub(crate) fn print(outcome: &Outcome, page: &Path) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    for column in &outcome.columns {
        let own = outcome.cells.iter().filter(|cell| cell.column == *column);
        let (broken, rows): (Vec<bool>, Vec<[String; 9]>) =
            own.map(|cell| (cell.is_broken_promise(), row(cell))).unzip();
        writeln!(out, "{}", paint(BOLD, &column.to_string()))?;
        let widths: Vec<usize> = (0..HEAD.len())
            .map(|at| {
                rows.iter()
                    .map(|row| row[at].chars().count())
                    .chain([HEAD[at].len()])
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        // What is nothing in all rows has no place in the terminal.
        let shown: Vec<usize> =
            (0..HEAD.len()).filter(|at| rows.iter().any(|row| row[*at] != "-")).collect();
        let line = |cells: &[String]| {
            let cells =
                shown.iter().map(|at| format!("{:<width$}", cells[*at], width = widths[*at]));
            format!("  {}", cells.collect::<Vec<_>>().join("  ").trim_end())
        };
        writeln!(out, "{}", paint(DIM, &line(&HEAD.map(str::to_owned))))?;
        for (row, is_broken) in rows.iter().zip(broken) {
            let text = line(row);
            writeln!(out, "{}", if is_broken { paint(RED, &text) } else { text })?;
        }
        writeln!(out)?;
    }
    for words in &outcome.words {
        let width = terminal_width().unwrap_or(usize::MAX);
        let lines = wrap(words, width.saturating_sub(2));
        for (at, text) in lines.iter().enumerate() {
            writeln!(out, "{}{text}", if at == 0 { "- " } else { "  " })?;
        }
    }
    writeln!(out)?;
    for text in conditions(outcome) {
        writeln!(out, "{}", paint(DIM, &text))?;
    }
    writeln!(out, "{}", paint(DIM, &format!("The page: {}", page.display())))
}

/// Prints it as Markdown.
pub(crate) fn print_markdown(outcome: &Outcome) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(
        out,
        "| Go | build, detector | symptom | detection | races | first, ms | p50, ms | p99, ms | CPU ms/request | memory, MiB |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|---|---|---|")?;
    for cell in &outcome.cells {
        let [go, rest @ ..] = row(cell);
        writeln!(out, "| {go} | {} | {} |", cell.column, rest.join(" | "))?;
    }
    writeln!(out)?;
    for words in &outcome.words {
        writeln!(out, "- {words}")?;
    }
    writeln!(out)?;
    for text in conditions(outcome) {
        writeln!(out, "{text}")?;
    }
    Ok(())
}

fn row(cell: &Cell) -> [String; 9] {
    let mut symptom = rate(cell.symptom);
    if !cell.symptoms.is_empty() {
        let kinds: Vec<String> =
            cell.symptoms.iter().map(|(what, n)| format!("{what} {n}")).collect();
        symptom = format!("{symptom}; {}", kinds.join(", "));
    }
    let races = if cell.detection.is_some() { cell.n_races.to_string() } else { "-".to_owned() };
    [
        cell.toolchain.clone(),
        symptom,
        rate(cell.detection),
        races,
        middle(cell.first_ms, 1.0),
        middle(cell.p50_ms, 1.0),
        middle(cell.p99_ms, 1.0),
        middle(cell.cpu_ms, 1.0),
        middle(cell.memory, MIB),
    ]
}

fn conditions(outcome: &Outcome) -> Vec<String> {
    let c = &outcome.conditions;
    let mut lines = vec![
        format!(
            "{} trials a cell, each a fresh process, in rounds of shuffled order (seed {}), {} in all. GOMAXPROCS={} on {} processors ({}, Linux {}).",
            outcome.trials, c.seed, length(Duration::from_secs_f64(outcome.took_s)), c.gomaxprocs, c.processors, c.processor, c.kernel
        ),
        format!("The load of a trial: {}. A symptom is that {}.", c.load, c.symptoms),
        "Rates with Wilson 95 % intervals; times are medians over trials with bootstrap 95 % intervals, p50 and p99 of trials that lived to the end of their load.".to_owned(),
    ];
    if outcome.is_partial {
        lines.push("It was ended early: some cells have fewer trials.".to_owned());
    }
    lines
}
