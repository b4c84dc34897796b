//! Undoes what stands between a program's stderr and us: container log formats, JSON, escaped
//! newlines, colours, HTML.
//!
//! One line of the stream becomes one line of the program, or several where somebody put a whole
//! report into one string, or none where it is half a line whose rest is still to come. A prefix
//! that is plain text is left to `prefix`, which learns it.
//!
//! Start at [`Transport::undo`].

mod clean;
mod escape;
mod json;

use crate::Report;
use crate::assemble::{Assembler, Line};
use crate::grammar::head;
use crate::trigger::Triggers;
use std::ops::Range;

/// Halves of lines that wait for their other half.
#[derive(Debug, Default)]
pub(crate) struct Transport {
    halves: Vec<Half>,
}

#[derive(Debug)]
struct Half {
    source: String,
    text: String,
    start: u64,
}

/// One string taken out of its wrapping.
#[derive(Debug, Default, PartialEq)]
struct Unwrapped {
    /// What tells this writer from others in the same stream.
    source: String,
    text: String,
    /// The line goes on in the next one from the same source.
    unfinished: bool,
}

/// Wrappings within wrappings that are still undone.
const MAX_DEPTH: usize = 4;
/// A joined line grows no longer than this.
const MAX_JOINED: usize = 1 << 20;
/// Halves waiting at once.
const MAX_HALVES: usize = 16;
/// A half of this length is looked through for reports while idle.
const DOCKER_SPLIT: usize = 16 << 10;

impl Transport {
    pub(crate) fn is_idle(&self) -> bool {
        self.halves.is_empty()
    }

    pub(crate) fn oldest_open(&self) -> Option<u64> {
        self.halves.iter().map(|half| half.start).min()
    }

    /// Takes one line of the stream, standing at `at`, and gives `assembler` what was in it.
    pub(crate) fn undo(
        &mut self,
        line: &[u8],
        at: Range<u64>,
        triggers: &Triggers,
        assembler: &mut Assembler,
        out: &mut impl FnMut(Report),
    ) {
        let mut unwrapped = unwrap(&clean::clean(line));
        let mut start = at.start;
        if let Some(idx) = self.halves.iter().position(|half| half.source == unwrapped.source) {
            let half = self.halves.swap_remove(idx);
            start = half.start;
            unwrapped.text.insert_str(0, &half.text);
        }
        if unwrapped.unfinished && unwrapped.text.len() < MAX_JOINED {
            if self.halves.len() >= MAX_HALVES {
                let oldest = self.halves.remove(0);
                let at = oldest.start..at.start;
                give(&oldest.source, &oldest.text, at, MAX_DEPTH, triggers, assembler, out);
            }
            self.halves.push(Half { source: unwrapped.source, text: unwrapped.text, start });
            return;
        }
        let at = start..at.end;
        give(&unwrapped.source, &unwrapped.text, at, MAX_DEPTH, triggers, assembler, out);
    }

    /// Gives up waiting for other halves.
    pub(crate) fn finish(&mut self, assembler: &mut Assembler, out: &mut impl FnMut(Report)) {
        let triggers = Triggers::new();
        for half in std::mem::take(&mut self.halves) {
            let end = half.start + half.text.len() as u64;
            give(&half.source, &half.text, half.start..end, MAX_DEPTH, &triggers, assembler, out);
        }
    }
}

/// Hands over a finished text: line by line if it has several, each of which may be wrapped.
fn give(
    source: &str,
    text: &str,
    at: Range<u64>,
    depth: usize,
    triggers: &Triggers,
    assembler: &mut Assembler,
    out: &mut impl FnMut(Report),
) {
    let wanted = triggers.in_line(text.as_bytes());
    let inner = unwrap(text);
    let source = format!("{source}{}", inner.source);
    let text = inner.text.strip_suffix('\n').unwrap_or(&inner.text);
    let text = match wanted && !text.contains('\n') {
        true => escape::newlines(text),
        false => text.into(),
    };
    let text = text.trim_end_matches(['\n', '\r']);
    if depth == 0 || !text.contains('\n') {
        return assembler.line(Line { source: &source, text, at }, out);
    }
    // A string with a report in it is a document of its own: nothing before it belongs to it.
    let document = if wanted { format!("{source}\u{0}{}", at.start) } else { source };
    for text in text.split('\n') {
        let text = text.trim_end_matches('\r');
        give(&document, text, at.clone(), depth - 1, triggers, assembler, out);
    }
    if wanted {
        assembler.finish_source(&document, out);
    }
}

/// Takes the text out of CRI, JSON and `key="…"` wrappings, outermost first.
fn unwrap(text: &str) -> Unwrapped {
    let mut done = Unwrapped { text: text.to_owned(), ..Unwrapped::default() };
    for _ in 0..MAX_DEPTH {
        let inner = cri(&done.text)
            .or_else(|| json::unwrap(&done.text, DOCKER_SPLIT))
            .or_else(|| json::unwrap_quoted(&done.text));
        let Some(inner) = inner else { break };
        if !inner.source.is_empty() {
            done.source.push('\u{1}');
            done.source.push_str(&inner.source);
        }
        done.unfinished |= inner.unfinished;
        done.text = clean::clean(inner.text.as_bytes());
        if done.unfinished {
            break;
        }
    }
    done
}

/// `2026-11-21T10:00:00.123Z stderr F text`, as containerd and CRI-O write it; `P` for a part.
fn cri(text: &str) -> Option<Unwrapped> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut fields = text.splitn(4, ' ');
    let (time, stream, tag) = (fields.next()?, fields.next()?, fields.next()?);
    let rest = fields.next().unwrap_or("");
    let tag = tag.split(':').next()?;
    if time.len() < 19 || !time.contains('T') || !matches!(stream, "stdout" | "stderr") {
        return None;
    }
    let unfinished = match tag {
        "F" => false,
        "P" => true,
        _ => return None,
    };
    Some(Unwrapped { source: stream.to_owned(), text: rest.to_owned(), unfinished })
}

/// Whether `prefix`, in front of a JSON object, is a log shipper's and not the torn half of a
/// report's own line.
fn may_wrap(prefix: &str) -> bool {
    let torn = prefix.trim_end().ends_with(" by") || prefix.contains(" at 0x");
    prefix.is_empty()
        || (prefix.ends_with([' ', '\t', '|', ':', ']']) && !torn && head::find(prefix).is_none())
}
