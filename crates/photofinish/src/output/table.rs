//! Findings as a table that fits the terminal.
//!
//! Wide: one line each. Narrow: a second line for where and whose. Where stdout is no terminal
//! nothing is cut, so that `grep` and `awk` find whole names. Start at [`findings_table`].

use super::stack::{Line, is_about_memory};
use super::style::{BOLD, DIM, ago, clean, of_state, shorten, terminal_width};
use anstyle::Style;
use jiff::Timestamp;
use photofinish_store::{Finding, State};

/// Columns from which a finding takes one line.
const WIDE: usize = 130;
const GAP: &str = "  ";

/// `findings` for a person, fitted to the terminal, with a line that sums them up.
pub(crate) fn findings_table(findings: &[Finding]) -> String {
    table(findings, terminal_width(), Timestamp::now())
}

/// The first digits of an id: enough for a person, and unique but for bad luck.
pub(crate) fn short_id(finding: &Finding) -> &str {
    let id = finding.fingerprint.as_str();
    id.get(..8).unwrap_or(id)
}

/// `12 findings: 1 regressed, 3 new, 8 fixed`.
pub(crate) fn summary(findings: &[Finding]) -> String {
    let counts: Vec<String> = State::ALL
        .iter()
        .map(|state| (findings.iter().filter(|finding| finding.state == *state).count(), state))
        .filter(|(count, _)| *count > 0)
        .map(|(count, state)| format!("{count} {state}"))
        .collect();
    let plural = if findings.len() == 1 { "" } else { "s" };
    format!("{} finding{plural}: {}", findings.len(), counts.join(", "))
}

fn table(findings: &[Finding], width: Option<usize>, now: Timestamp) -> String {
    if findings.is_empty() {
        return "no findings\n".to_owned();
    }
    let rows: Vec<Row> = findings.iter().map(|finding| Row::new(finding, now)).collect();
    let mut text = String::new();
    let lines = match width {
        Some(width) if width < WIDE => narrow(&rows, width),
        width => wide(&rows, width),
    };
    for line in lines {
        text.push_str(line.text.trim_end());
        text.push('\n');
    }
    text.push_str(&format!("\n{}\n", summary(findings)));
    text
}

struct Row {
    id: String,
    state: State,
    pattern: String,
    place: String,
    count: String,
    sources: String,
    last_seen: String,
    owner: String,
}

impl Row {
    fn new(finding: &Finding, now: Timestamp) -> Row {
        let light = if finding.light_only { " (light only)" } else { "" };
        let sources: Vec<&str> = finding.sources.keys().map(|source| source.word()).collect();
        Row {
            id: short_id(finding).to_owned(),
            state: finding.state,
            pattern: finding.pattern.word().to_owned(),
            place: format!("{}{light}", clean(&place_of(finding))),
            count: finding.count.to_string(),
            sources: sources.join(", "),
            last_seen: ago(finding.last_seen, now),
            owner: clean(&finding.owners.join(" ")),
        }
    }
}

/// Both ends of a race; for a crash also what it said.
fn place_of(finding: &Finding) -> String {
    let race = &finding.race;
    if is_about_memory(race.kind) || finding.title == race.headline {
        finding.title.clone()
    } else {
        format!("{}: {}", finding.title, race.headline)
    }
}

fn wide(rows: &[Row], width: Option<usize>) -> Vec<Line> {
    let longest = |title: &str, get: fn(&Row) -> &str| {
        rows.iter().map(|row| get(row).chars().count()).chain([title.chars().count()]).max()
    };
    let column = |title: &str, get: fn(&Row) -> &str| longest(title, get).unwrap_or(0);
    let id = column("ID", |row| &row.id);
    let state = column("STATE", |row| row.state.word());
    let pattern = column("PATTERN", |row| &row.pattern);
    let count = column("COUNT", |row| &row.count);
    let sources = column("SOURCES", |row| &row.sources);
    let last_seen = column("LAST SEEN", |row| &row.last_seen);
    let owner = column("OWNER", |row| &row.owner).min(24);
    let mut place = column("WHERE", |row| &row.place);
    if let Some(width) = width {
        let others = id + state + pattern + count + sources + last_seen + owner + 7 * GAP.len();
        place = place.min(width.saturating_sub(others).max(20));
    }
    let line = |style: Style, cells: [(&str, usize, Style); 8]| {
        let mut line = Line::default();
        for (index, (cell, column, own)) in cells.into_iter().enumerate() {
            let cell = if width.is_some() { shorten(cell, column) } else { cell.to_owned() };
            let cell = if index == 4 { format!("{cell:>column$}") } else { cell };
            let start = line.width;
            line.push(if style == Style::new() { own } else { style }, &cell);
            line.pad(start + column + GAP.len());
        }
        line
    };
    let plain = Style::new();
    let head = line(
        DIM,
        [
            ("ID", id, plain),
            ("STATE", state, plain),
            ("PATTERN", pattern, plain),
            ("WHERE", place, plain),
            ("COUNT", count, plain),
            ("SOURCES", sources, plain),
            ("LAST SEEN", last_seen, plain),
            ("OWNER", owner, plain),
        ],
    );
    let body = rows.iter().map(|row| {
        line(
            plain,
            [
                (&row.id, id, BOLD),
                (row.state.word(), state, of_state(row.state)),
                (&row.pattern, pattern, plain),
                (&row.place, place, plain),
                (&row.count, count, plain),
                (&row.sources, sources, DIM),
                (&row.last_seen, last_seen, plain),
                (&row.owner, owner, plain),
            ],
        )
    });
    std::iter::once(head).chain(body).collect()
}

fn narrow(rows: &[Row], width: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    for row in rows {
        let mut first = Line::default();
        first.push(BOLD, &row.id).push(Style::new(), GAP);
        first.push(of_state(row.state), row.state.word()).pad(24);
        first.push(Style::new(), &shorten(&row.place, width.saturating_sub(24)));
        lines.push(first);
        let mut second = Line::plain("          ");
        let seen = format!("{} × {}, {}", row.count, row.sources, row.last_seen);
        let mut parts = vec![row.pattern.as_str(), seen.as_str()];
        if !row.owner.is_empty() {
            parts.push(&row.owner);
        }
        second.push(DIM, &shorten(&parts.join(" · "), width.saturating_sub(10)));
        lines.push(second);
    }
    lines
}

#[cfg(test)]
mod tests;
