//! One race as text: what happened, both accesses with their stacks, and how it is repaired.
//!
//! On a wide terminal the accesses stand side by side, else one under the other. Start at
//! [`race_text`].

use super::answer_diff::answer_diff;
use super::stack::{Line, View, access_lines, stack_lines};
use super::style::{BOLD, CYAN, DIM, GREEN, YELLOW, clean, paint, terminal_width, wrap};
use photofinish_model::{Fingerprint, Goroutine, Kind, Pattern, Race};
use std::collections::HashMap;

/// Columns from which two accesses stand side by side.
const SIDE_BY_SIDE: usize = 170;
/// Columns of running text.
const PROSE: usize = 100;
/// Groups of goroutines shown beside the accesses.
const GROUPS: usize = 6;

/// `race` for a person, fitted to the terminal.
pub(crate) fn race_text(race: &Race) -> String {
    race_text_in(race, &mut View { width: terminal_width(), ..View::default() })
}

/// `race` for a person, as `view` shows stacks.
pub(crate) fn race_text_in(race: &Race, view: &mut View) -> String {
    let pattern = Pattern::of(race);
    let mut text = format!(
        "{}  {}  {}\n",
        paint(BOLD, &clean(&race.headline)),
        paint(CYAN, pattern.word()),
        paint(DIM, Fingerprint::of(race).as_str())
    );
    text.push('\n');
    text.push_str(&explanation(race, pattern, view.width));
    text.push('\n');
    text.push_str(&accesses(race, view));
    text
}

/// What goes wrong, how it is repaired, and what to mind about this report.
pub(crate) fn explanation(race: &Race, pattern: Pattern, width: Option<usize>) -> String {
    let mut text = String::new();
    paragraph(&mut text, "what", anstyle::Style::new(), pattern.explanation(), width);
    paragraph(&mut text, "repair", GREEN, pattern.hint(), width);
    if race.partial {
        let note = "the report was cut short (a crash, a torn log): more may have been known";
        paragraph(&mut text, "mind", YELLOW, note, width);
    }
    if race.light {
        let note =
            "seen by a --light build: confirm in a full build (photofinish build without --light)";
        paragraph(&mut text, "mind", YELLOW, note, width);
    }
    text
}

/// The accesses and what else the report shows.
pub(crate) fn accesses(race: &Race, view: &mut View) -> String {
    if race.kind == Kind::AnswerDiff {
        return answer_diff(race, view.width);
    }
    let mut text = String::new();
    match (race.accesses.as_slice(), view.width) {
        ([first, second], Some(width)) if width >= SIDE_BY_SIDE => {
            let column = (width - 3) / 2;
            view.width = Some(column);
            let left = access_lines(race.kind, first, false, view);
            let right = access_lines(race.kind, second, true, view);
            view.width = Some(width);
            text.push_str(&side_by_side(left, right, column));
        }
        (accesses, _) => {
            for (index, access) in accesses.iter().enumerate() {
                if index > 0 {
                    text.push('\n');
                }
                push_lines(&mut text, &access_lines(race.kind, access, index > 0, view));
            }
        }
    }
    if let Some(location) = &race.location {
        text.push_str(&format!("\n{} {}\n", paint(BOLD, "location"), clean(&location.description)));
        push_lines(&mut text, &stack_lines(&location.stack, view, false));
    }
    text.push_str(&others(&race.others, view));
    text
}

/// A labelled paragraph.
pub(crate) fn paragraph(
    text: &mut String,
    label: &str,
    style: anstyle::Style,
    words: &str,
    width: Option<usize>,
) {
    let room = width.unwrap_or(PROSE).min(PROSE).saturating_sub(10);
    for (index, line) in wrap(words, room).iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        text.push_str(&format!("{}  {}\n", paint(DIM, &format!("{label:>7}")), paint(style, line)));
    }
}

/// Goroutines of one stack are told together: a crash shows hundreds that wait alike.
fn others(others: &[Goroutine], view: &mut View) -> String {
    let mut groups: Vec<Vec<&Goroutine>> = Vec::new();
    let mut index = HashMap::new();
    for goroutine in others {
        let at = *index.entry((&goroutine.stack, &goroutine.created_at)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.push(goroutine),
            None => groups.push(vec![goroutine]),
        }
    }
    let mut text = String::new();
    let shown = if view.every_frame { groups.len() } else { GROUPS };
    for group in groups.iter().take(shown) {
        text.push('\n');
        push_lines(&mut text, &group_lines(group, view));
    }
    let hidden: usize = groups.iter().skip(shown).map(Vec::len).sum();
    if hidden > 0 {
        let more = format!("… and {hidden} more goroutines in the report");
        text.push_str(&format!("\n{}\n", paint(DIM, &more)));
    }
    text
}

fn group_lines(group: &[&Goroutine], view: &mut View) -> Vec<Line> {
    let mut ids: Vec<String> = group.iter().take(6).map(|one| one.id.to_string()).collect();
    if group.len() > ids.len() {
        ids.push("…".to_owned());
    }
    let mut head = Line::default();
    if group.len() == 1 {
        head.push(BOLD, &format!("goroutine {}", ids.join("")));
    } else {
        head.push(BOLD, &format!("{} goroutines", group.len()));
        head.push(DIM, &format!(" {}", ids.join(", ")));
    }
    let Some(first) = group.first() else { return vec![head] };
    head.push(DIM, &format!("  {}", clean(&first.status)));
    let mut lines = vec![head];
    lines.extend(stack_lines(&first.stack, view, true));
    if !first.created_at.frames.is_empty() {
        lines.push(Line::plain("  created at"));
        lines.extend(stack_lines(&first.created_at, view, false));
    }
    lines
}

fn side_by_side(left: Vec<Line>, right: Vec<Line>, column: usize) -> String {
    let mut text = String::new();
    for index in 0..left.len().max(right.len()) {
        let mut line = left.get(index).cloned().unwrap_or_default();
        if let Some(other) = right.get(index) {
            line.pad(column).push(DIM, " │ ");
            line.text.push_str(&other.text);
        } else {
            line.pad(column).push(DIM, " │");
        }
        text.push_str(line.text.trim_end());
        text.push('\n');
    }
    text
}

fn push_lines(text: &mut String, lines: &[Line]) {
    for line in lines {
        text.push_str(&line.text);
        text.push('\n');
    }
}
