//! One report while its lines come in.
//!
//! Each sort of report has its own reader: `go` for Go's detector, `tsan` for C's, `crash` for
//! the Go runtime's last words, `failure` for a detector's own. All of them sit in an
//! [`Envelope`], which knows where the report stands and what its lines have in front.
//!
//! Not here: which report a line belongs to (`assemble`).

pub(crate) mod crash;
pub(crate) mod go;
mod stack;
pub(crate) mod tsan;

use crate::prefix::{Fit, Prefix};
use crash::CrashBlock;
use go::GoBlock;
use photofinish_model::{Detector, Kind, Race};
use std::ops::Range;
use tsan::TsanBlock;

/// A report that has not ended.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) envelope: Envelope,
    pub(crate) block: Block,
}

/// What is known of every report, whatever it says.
#[derive(Debug)]
pub(crate) struct Envelope {
    /// The writer, as the log format names it.
    pub(crate) source: String,
    pub(crate) prefix: Prefix,
    /// Whether a second line had the prefix: then it is one, and not something glued in front.
    pub(crate) confirmed: bool,
    pub(crate) range: Range<u64>,
    /// From where the stream has to be read again to find this report as it is.
    pub(crate) anchor: u64,
    /// Lines seen, and bytes of them, since one belonged to the report.
    pub(crate) quiet_lines: u32,
    pub(crate) quiet_bytes: usize,
    /// When a line was last taken, counted in lines.
    pub(crate) touched: u64,
    /// When it was opened.
    pub(crate) opened: u64,
    /// The line taken last, to drop the copy that a doubling `tee` makes.
    pub(crate) last: String,
}

/// The readers.
#[derive(Debug)]
pub(crate) enum Block {
    Go(GoBlock),
    Tsan(TsanBlock),
    Crash(CrashBlock),
    /// A detector's complaint about itself: one line.
    Failure(String),
}

/// A line as a report sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer<'a> {
    /// The line without the report's prefix, tabs as blanks.
    pub(crate) text: &'a str,
    /// How the prefix fitted.
    pub(crate) fit: Fit,
}

/// What a report says to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Not mine.
    Foreign,
    /// Mine.
    Taken,
    /// Mine, and the last one.
    Ended,
}

/// Why a report ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It said so itself.
    Said,
    /// Nothing of it came for long, or something else began.
    Expired,
    /// The stream ended.
    Stream,
}

/// A report that nothing more is heard of is given up after so much other output.
const MAX_QUIET_LINES: u32 = 1000;
const MAX_QUIET_BYTES: usize = 4 << 20;
/// The raw text is cut here.
const MAX_RAW: usize = 256 << 10;

impl Open {
    /// Whether to stop waiting for more.
    pub(crate) fn expired(&self) -> bool {
        let patience = match &self.block {
            Block::Go(block) => block.patience(),
            Block::Tsan(block) => block.patience(),
            Block::Crash(block) => block.patience(),
            Block::Failure(_) => 0,
        };
        self.envelope.quiet_lines > patience.min(MAX_QUIET_LINES)
            || self.envelope.quiet_bytes > MAX_QUIET_BYTES
    }

    /// The race, if what came is enough to be one.
    pub(crate) fn into_race(self, ending: Ending) -> Option<Race> {
        match self.block {
            Block::Go(block) => block.into_race(ending),
            Block::Tsan(block) => block.into_race(ending),
            Block::Crash(block) => block.into_race(ending, &self.envelope),
            Block::Failure(message) => {
                let mut race =
                    Race::new(Kind::DetectorFailure, Detector::GoRace, message.trim().to_owned());
                race.raw = format!("{}\n", message.trim());
                Some(race)
            }
        }
    }
}

/// Adds a line to a report's raw text, within bounds.
pub(crate) fn push_raw(raw: &mut String, indent: &str, line: &str) {
    if raw.len() + indent.len() + line.len() < MAX_RAW {
        raw.push_str(indent);
        raw.push_str(line);
        raw.push('\n');
    }
}
