//! Many values, or many rows, in one statement.
//!
//! Statements are prepared and kept by their text, so they come in a few sizes only: a question for a few things asks
//! for some of them more than once, and rows are written in statements of the largest size that they fill.

use super::{DatabaseError, Value};
use std::fmt::Write;

/// How many there are in a statement.
const SIZES: [usize; 4] = [512, 64, 8, 1];

/// The most that a statement asks for.
pub(crate) const MOST: usize = SIZES[0];

/// `SELECT … IN (?2, ?3, …) …` and its values: those in `before`, which `select` names, and `MOST` at most in the list.
pub(crate) fn among(
    select: &str,
    before: &[Value],
    list: impl Iterator<Item = Value>,
    rest: &str,
) -> (String, Vec<Value>) {
    let mut values: Vec<Value> = before.iter().cloned().chain(list).collect();
    let n = values.len() - before.len();
    let size = SIZES.into_iter().rev().find(|size| *size >= n).unwrap_or(n);
    if let Some(last) = values.last().cloned() {
        values.resize(before.len() + size, last);
    }
    (format!("{select} {}{rest}", places(before.len(), size)), values)
}

/// Calls `write` with `(?1, ?2), (?3, ?4), …` and what is in those rows until all are written.
pub(crate) fn in_rows(
    rows: &[Vec<Value>],
    mut write: impl FnMut(&str, &[Value]) -> Result<(), DatabaseError>,
) -> Result<(), DatabaseError> {
    let mut rest = rows;
    while let Some(size) = SIZES.into_iter().find(|size| *size <= rest.len()) {
        let (some, more) = rest.split_at(size);
        let mut text = String::new();
        let mut values = Vec::new();
        for row in some {
            let separator = if values.is_empty() { "" } else { ", " };
            let _ = write!(text, "{separator}{}", places(values.len(), row.len()));
            values.extend_from_slice(row);
        }
        write(&text, &values)?;
        rest = more;
    }
    Ok(())
}

/// `(?3, ?4)`: so many behind the first so many.
fn places(behind: usize, n: usize) -> String {
    let places: Vec<String> = (behind + 1..=behind + n).map(|place| format!("?{place}")).collect();
    format!("({})", places.join(", "))
}
