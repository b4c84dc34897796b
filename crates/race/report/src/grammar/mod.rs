//! What one line of a report can be. Pure functions from a line's text to its parts.
//!
//! Each finds its part wherever it stands in the line, since other output may be glued in front;
//! whether the line belongs to a report, and to which, is `assemble`'s business.
//!
//! `head` opens a report; `access` and `frame` are common to all detectors; `trace` is what the
//! Go runtime prints when it dies, `tsan` what only C's ThreadSanitizer prints.

pub(crate) mod access;
mod cursor;
pub(crate) mod frame;
pub(crate) mod head;
pub(crate) mod trace;
pub(crate) mod tsan;

pub(crate) use cursor::Cursor;

/// The delimiter of a block is a line of 18 `=`; something may be glued in front of it.
const DELIMITER: &str = "==================";

/// Whether `text` is the line above or below a block.
pub(crate) fn is_delimiter(text: &str) -> bool {
    text.trim_end().ends_with(DELIMITER)
}
