//! Two answers that differ, for a person: where, what each build said, one under the other, and how often.

use super::style::{BOLD, DIM, GREEN, RED, clean, clean_lines, paint};
use anstyle::Style;
use photofinish_model::{AnswerDiff, Answered, Race};

/// Columns of the labels.
const LABEL: usize = 7;

/// What differed, as far as `race` tells.
pub(crate) fn answer_diff(race: &Race, width: Option<usize>) -> String {
    let Some(diff) = AnswerDiff::read(&race.raw) else {
        return clean_lines(&race.raw) + "\n";
    };
    let mut text = String::new();
    let mut line = |label: &str, style: Style, value: &str| {
        let room = width.map_or(usize::MAX, |width| width.saturating_sub(LABEL + 2).max(20));
        // Cut at the column, not at spaces: a value is shown as it is.
        let letters: Vec<char> = clean(value).chars().collect();
        for (index, chunk) in letters.chunks(room).enumerate() {
            let label = if index == 0 { label } else { "" };
            let chunk: String = chunk.iter().collect();
            text.push_str(&format!(
                "{}  {}\n",
                paint(DIM, &format!("{label:>LABEL$}")),
                paint(style, &chunk)
            ));
        }
    };
    line("where", BOLD, &format!("{} at {}", diff.route, diff.place));
    line("primary", GREEN, &said(&diff.primary));
    line("mirror", RED, &said(&diff.mirror));
    line("request", Style::new(), diff.request.as_deref().unwrap_or("(hidden)"));
    line("often", Style::new(), &often(&diff));
    text
}

/// `3 of 5214 compared answers of this route`.
fn often(diff: &AnswerDiff) -> String {
    format!("{} of {} compared answers of this route", diff.differed, diff.compared)
}

/// `2998  (200 application/json)`.
fn said(answered: &Answered) -> String {
    let space = if answered.content_type.is_empty() { "" } else { " " };
    format!("{}  ({}{space}{})", answered.value, answered.status, answered.content_type)
}
