//! Turns what race detectors and the Go runtime print into [`Race`]s, and back.
//!
//! In: bytes, cut anywhere, of any log. Out: races in the order they end, each with the range of
//! bytes it stands in. A log without a report costs a few vector searches per block of bytes;
//! lines are looked at one by one only around a report. Torn input is no error: a report that
//! stops half-way comes out too, marked partial, since a crash in the middle of printing is when
//! it is wanted most.
//!
//! A report is recognised by its grammar wherever it stands in a line; what log shippers put
//! around it is undone first (`transport`), what stands in front of it is learned from its first
//! line (`prefix`), and several reports may be open at once (`assemble`).
//!
//! Not here: reading the log (`supervise`), deciding that two races are one (`model`).
//! No I/O, no clock, no threads. Start at [`Reader::feed`].

#![forbid(unsafe_code)]

mod assemble;
mod block;
mod grammar;
mod prefix;
mod reader;
mod transport;
mod trigger;
mod write;

pub use reader::{Reader, Report};
pub use write::write;

use photofinish_model::Race;

/// Reads a whole text: every race in it, in the order of their first lines.
pub fn read_all(text: &[u8]) -> Vec<Race> {
    let mut reports = Vec::new();
    let mut reader = Reader::new();
    reader.feed(text, &mut |report| reports.push(report));
    reader.finish(&mut |report| reports.push(report));
    reports.sort_by_key(|report: &Report| report.range.start);
    reports.into_iter().map(|report| report.race).collect()
}
