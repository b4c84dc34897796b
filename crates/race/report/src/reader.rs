//! Bytes in, reports out: splits a stream into lines, and skips those that need no look.
//!
//! While no report is open, whole blocks are searched for a report's first words and skipped; a
//! line is cut out only around a hit. Lines longer than 1 MiB are read in pieces of that size, at
//! the same places however the stream is cut into calls of [`Reader::feed`]. UTF-16 is known by
//! its byte-order mark, or by its zeros, and read line by line.
//!
//! Not here: what a line means (`transport`, `assemble`). Start at [`Reader::feed`].

use crate::assemble::Assembler;
use crate::transport::Transport;
use crate::trigger::Triggers;
use memchr::{memchr, memrchr};
use photofinish_model::Race;
use std::ops::Range;
use std::sync::Arc;

/// One race and where in the stream it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What was reported.
    pub race: Race,
    /// Byte offsets in the stream: from the line with the report's first words to the end of its
    /// last line. The start tells a report from every other one of the same stream, and is the
    /// same when the stream is read again from any [`Reader::safe_offset`] before it.
    pub range: Range<u64>,
}

/// Finds reports in a stream of bytes.
#[derive(Debug)]
pub struct Reader {
    triggers: Arc<Triggers>,
    transport: Transport,
    assembler: Assembler,
    encoding: Option<Encoding>,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// The offset of `carry`, or of the next byte if it is empty.
    line_start: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16 { big_endian: bool },
}

/// Longer lines are read in pieces.
const MAX_LINE: usize = 1 << 20;
/// Small enough that the searches for all phrases find the bytes in the cache.
const BLOCK: usize = 64 << 10;
/// How many bytes tell the encoding.
const SNIFF: usize = 16;

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::starting_at(0)
    }

    /// A reader that is fed from byte `offset` of a stream on: an earlier [`Reader::safe_offset`].
    pub fn starting_at(offset: u64) -> Self {
        Reader {
            triggers: Arc::new(Triggers::new()),
            transport: Transport::default(),
            assembler: Assembler::default(),
            encoding: None,
            carry: Vec::new(),
            line_start: offset,
        }
    }

    /// Reads the next bytes of the stream; `out` is given each report as it ends.
    pub fn feed(&mut self, bytes: &[u8], out: &mut impl FnMut(Report)) {
        let mut bytes = bytes;
        if self.encoding.is_none() {
            let taken = bytes.len().min(SNIFF - self.carry.len());
            self.carry.extend_from_slice(&bytes[..taken]);
            bytes = &bytes[taken..];
            if self.carry.len() < SNIFF {
                return;
            }
            self.settle_encoding(out);
        }
        for block in bytes.chunks(BLOCK) {
            self.feed_block(block, out);
        }
    }

    /// Ends the stream: what is still open comes out, partial. The reader can then be fed what
    /// follows, as after a pause in a log.
    pub fn finish(&mut self, out: &mut impl FnMut(Report)) {
        if self.encoding.is_none() {
            self.settle_encoding(out);
        }
        if !self.carry.is_empty() {
            let line = std::mem::take(&mut self.carry);
            self.line(&line, out);
        }
        self.transport.finish(&mut self.assembler, out);
        self.assembler.finish(out);
    }

    /// The offset from which reading the stream again would miss nothing that has not come out:
    /// where the oldest open report starts, or the last unfinished line.
    pub fn safe_offset(&self) -> u64 {
        let open = self.assembler.oldest_open().into_iter().chain(self.transport.oldest_open());
        open.fold(self.line_start, u64::min)
    }

    fn settle_encoding(&mut self, out: &mut impl FnMut(Report)) {
        let head = std::mem::take(&mut self.carry);
        let encoding = sniff(&head);
        self.encoding = Some(encoding);
        let mark: &[u8] = match encoding {
            Encoding::Utf8 => &[0xef, 0xbb, 0xbf],
            Encoding::Utf16 { big_endian: false } => &[0xff, 0xfe],
            Encoding::Utf16 { big_endian: true } => &[0xfe, 0xff],
        };
        let text = head.strip_prefix(mark).unwrap_or(&head);
        self.line_start += (head.len() - text.len()) as u64;
        self.feed_block(text, out);
    }

    fn feed_block(&mut self, block: &[u8], out: &mut impl FnMut(Report)) {
        if let Some(Encoding::Utf16 { big_endian }) = self.encoding {
            return self.feed_utf16(block, big_endian, out);
        }
        let mut at = 0;
        if !self.carry.is_empty() {
            let room = block.len().min(MAX_LINE - self.carry.len());
            let newline = memchr(b'\n', &block[..room]);
            at = newline.map_or(room, |newline| newline + 1);
            self.carry.extend_from_slice(&block[..at]);
            if newline.is_none() && self.carry.len() < MAX_LINE {
                return;
            }
            let mut line = std::mem::take(&mut self.carry);
            self.line(&line, out);
            line.clear();
            self.carry = line;
        }
        self.feed_lines(block, at, out);
    }

    /// Reads `block` from `at`, where a line starts, and keeps its unfinished end.
    fn feed_lines(&mut self, block: &[u8], mut at: usize, out: &mut impl FnMut(Report)) {
        let scan_start = at;
        let triggers = Arc::clone(&self.triggers);
        let mut scan = triggers.scan(&block[scan_start..]);
        while at < block.len() {
            if self.idle() {
                let hit = scan.first_from(at - scan_start);
                let until = hit.map_or(block.len(), |hit| scan_start + hit);
                let skipped = memrchr(b'\n', &block[at..until]).map_or(0, |newline| newline + 1);
                self.line_start += skipped as u64;
                at += skipped;
                if hit.is_none() {
                    break;
                }
            }
            let Some(newline) = memchr(b'\n', &block[at..]) else { break };
            self.line(&block[at..=at + newline], out);
            at += newline + 1;
        }
        self.carry.extend_from_slice(&block[at..]);
    }

    fn feed_utf16(&mut self, block: &[u8], big_endian: bool, out: &mut impl FnMut(Report)) {
        for &byte in block {
            self.carry.push(byte);
            let len = self.carry.len();
            if len % 2 == 1 {
                continue;
            }
            let unit = [self.carry[len - 2], self.carry[len - 1]];
            let newline = if big_endian { [0, b'\n'] } else { [b'\n', 0] };
            if unit == newline || len >= MAX_LINE {
                let mut line = std::mem::take(&mut self.carry);
                self.line(&line, out);
                line.clear();
                self.carry = line;
            }
        }
    }

    fn idle(&self) -> bool {
        self.assembler.is_idle() && self.transport.is_idle()
    }

    /// Reads one line, its end included, that starts at `line_start`.
    fn line(&mut self, line: &[u8], out: &mut impl FnMut(Report)) {
        let at = self.line_start..self.line_start + line.len() as u64;
        self.line_start = at.end;
        let decoded;
        let line = match self.encoding {
            Some(Encoding::Utf16 { big_endian }) => {
                decoded = decode_utf16(line, big_endian);
                decoded.as_bytes()
            }
            _ => line,
        };
        if self.idle() && !self.triggers.in_line(line) {
            return;
        }
        self.transport.undo(line, at, &self.triggers, &mut self.assembler, out);
    }
}

/// The encoding of a stream that starts with `head`.
fn sniff(head: &[u8]) -> Encoding {
    let zeros = |parity: usize| head.iter().skip(parity).step_by(2).filter(|b| **b == 0).count();
    let half = head.len() / 2;
    match head {
        [0xff, 0xfe, ..] => Encoding::Utf16 { big_endian: false },
        [0xfe, 0xff, ..] => Encoding::Utf16 { big_endian: true },
        _ if half >= 4 && zeros(1) >= half - 1 && zeros(0) == 0 => {
            Encoding::Utf16 { big_endian: false }
        }
        _ if half >= 4 && zeros(0) >= half - 1 && zeros(1) == 0 => {
            Encoding::Utf16 { big_endian: true }
        }
        _ => Encoding::Utf8,
    }
}

fn decode_utf16(line: &[u8], big_endian: bool) -> String {
    let units = line.chunks_exact(2).map(|pair| match pair {
        [high, low] if big_endian => u16::from_be_bytes([*high, *low]),
        [low, high] => u16::from_le_bytes([*low, *high]),
        _ => 0,
    });
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}
