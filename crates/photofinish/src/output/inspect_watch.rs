//! What changed between two looks, for a person and for programs.

use std::io::Write;
use std::time::Duration;

use jiff::Zoned;
use photofinish_inspect::{Changes, GroupChange, Look};
use serde_json::json;

use super::style::{BOLD, CYAN, DIM, YELLOW, clean, paint, shorten, terminal_width};

/// Groups that are told of.
const TOLD: usize = 8;

/// Prints a line of how many, and one for each group that changed.
pub(crate) fn text(look: &Look, changes: &Changes, every: Duration) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    let time = Zoned::now().strftime("%H:%M:%S").to_string();
    let counts = format!(
        "{} goroutines: {} new, {} gone, {} elsewhere",
        look.goroutines.len(),
        changes.new.len(),
        changes.gone.len(),
        changes.moved.len()
    );
    let every = format!("every {} s", every.as_secs_f64());
    writeln!(out, "{}  {}  {}", paint(DIM, &time), paint(BOLD, &counts), paint(DIM, &every))?;
    let width = terminal_width().unwrap_or(usize::MAX);
    for change in changes.groups.iter().take(TOLD) {
        writeln!(out, "  {}", line(change, width))?;
    }
    if let Some(n_more) = changes.groups.len().checked_sub(TOLD).filter(|n_more| *n_more > 0) {
        writeln!(out, "  {}", paint(DIM, &format!("… {n_more} more groups changed")))?;
    }
    out.flush()?;
    Ok(())
}

/// Prints the same as an object on a line of its own.
pub(crate) fn json(look: &Look, changes: &Changes) -> anyhow::Result<()> {
    let groups: Vec<serde_json::Value> = changes
        .groups
        .iter()
        .map(|group| json!({"group": group.key, "before": group.before, "now": group.now}))
        .collect();
    let value = json!({
        "at": jiff::Timestamp::now().to_string(),
        "goroutines": look.goroutines.len(),
        "new": changes.new,
        "gone": changes.gone,
        "moved": changes.moved,
        "groups": groups,
    });
    let mut out = std::io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()?;
    Ok(())
}

/// `+12  to 40  chan receive  main.serve`.
fn line(change: &GroupChange, width: usize) -> String {
    let (sign, style) = if change.now > change.before { ("+", YELLOW) } else { ("-", CYAN) };
    let size = format!("{:>7}", format!("{sign}{}", change.now.abs_diff(change.before)));
    let now = format!("to {:<6}", change.now);
    let room = width.saturating_sub(size.len() + now.len() + 6);
    format!("{}  {}  {}", paint(style, &size), paint(DIM, &now), shorten(&clean(&change.key), room))
}
