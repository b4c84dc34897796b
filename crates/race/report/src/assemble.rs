//! Decides which open report a line belongs to, and when a report begins and ends.
//!
//! Several can be open: the containers of one log, two processes on one pipe, a crash beside a
//! race. A line goes to the report whose prefix it has; where that does not tell, an access goes
//! to the report with its address, a creation to the one with its goroutine, a frame to the one
//! that spoke last.
//!
//! Not here: what the lines mean (`block`, `grammar`). Start at [`Assembler::line`].

use crate::Report;
use crate::block::crash::CrashBlock;
use crate::block::go::GoBlock;
use crate::block::tsan::TsanBlock;
use crate::block::{Answer, Block, Ending, Envelope, Offer, Open};
use crate::grammar::access::{self, AccessLine, Who};
use crate::grammar::head::{self, Head, Sort};
use crate::grammar::is_delimiter;
use crate::prefix::{Fit, Prefix};
use std::ops::Range;

/// Reports that have begun and not ended.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    /// In the order they were opened.
    open: Vec<Open>,
    /// Lines seen.
    clock: u64,
    /// The last start given out, and the line it was given for: no two reports share one.
    last_start: Option<(u64, u64)>,
}

/// A line of the program, its transport undone.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// The writer, as the log format names it.
    pub(crate) source: &'a str,
    pub(crate) text: &'a str,
    /// The bytes of the stream it came from.
    pub(crate) at: Range<u64>,
}

/// Reports open at once; one more ends the oldest.
const MAX_OPEN: usize = 8;

impl Assembler {
    pub(crate) fn is_idle(&self) -> bool {
        self.open.is_empty()
    }

    pub(crate) fn oldest_open(&self) -> Option<u64> {
        self.open.iter().map(|open| open.envelope.anchor).min()
    }

    /// Takes the next line.
    pub(crate) fn line(&mut self, line: Line<'_>, out: &mut impl FnMut(Report)) {
        self.clock += 1;
        let spaced;
        let text = match line.text.contains('\t') {
            true => {
                spaced = line.text.replace('\t', " ");
                spaced.as_str()
            }
            false => line.text,
        };
        let taken = match head::find(text) {
            Some(head) => self.head(&line, text, head, out) || self.route(&line, text, out),
            None => self.route(&line, text, out),
        };
        self.age(&line, taken, out);
    }

    /// Ends everything that is open.
    pub(crate) fn finish(&mut self, out: &mut impl FnMut(Report)) {
        for open in std::mem::take(&mut self.open) {
            emit(open, Ending::Stream, out);
        }
    }

    /// Ends what one writer left open.
    pub(crate) fn finish_source(&mut self, source: &str, out: &mut impl FnMut(Report)) {
        let (ended, open) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|open| open.envelope.source.starts_with(source));
        self.open = open;
        for open in ended {
            emit(open, Ending::Stream, out);
        }
    }

    /// Opens a report at its first words. False if they are no beginning here.
    fn head(
        &mut self,
        line: &Line<'_>,
        text: &str,
        head: Head<'_>,
        out: &mut impl FnMut(Report),
    ) -> bool {
        let prefix = Prefix::new(&text[..head.start]);
        let block = match head.sort {
            Sort::GoRace => Block::Go(GoBlock::new(false)),
            Sort::Tsan => Block::Tsan(TsanBlock::new(head.rest, false)),
            Sort::Failure if self.repeated(line) => return true,
            Sort::Failure if failure_prefix(&prefix, &text[..head.start]) => {
                Block::Failure(text[head.start..].to_owned())
            }
            Sort::Failure => return false,
            Sort::Serving => Block::Crash(CrashBlock::new(head.sort, head.rest, false)),
            Sort::Fatal | Sort::Panic => {
                if self.nested(line, text, &prefix, head) {
                    return true;
                }
                let glued = head.start > 0 && !text[..head.start].ends_with(' ');
                Block::Crash(CrashBlock::new(head.sort, head.rest, glued))
            }
        };
        // `http: panic serving` stands behind the logger's time stamp, its trace does not.
        let prefix =
            if head.sort == Sort::Serving { serving_prefix(&text[..head.start]) } else { prefix };
        self.make_room(line, &prefix, &block, out);
        self.push(line, prefix, block, text);
        true
    }

    /// Ends or forgets what the new report's first words show to be over.
    fn make_room(
        &mut self,
        line: &Line<'_>,
        prefix: &Prefix,
        new: &Block,
        out: &mut impl FnMut(Report),
    ) {
        let mut idx = 0;
        while idx < self.open.len() {
            let open = &self.open[idx];
            let same =
                open.envelope.source == line.source && same_prefix(&open.envelope.prefix, prefix);
            let over = same
                && match (&open.block, new) {
                    (Block::Go(old), Block::Go(_)) => old.is_empty() || old.is_complete(),
                    (Block::Tsan(_), Block::Tsan(_)) => true,
                    (Block::Crash(_), Block::Crash(_)) => true,
                    (Block::Failure(_), _) => true,
                    _ => false,
                };
            if over {
                self.close(idx, Ending::Expired, out);
                continue;
            }
            // The delimiter that seemed to come too early was the new report's.
            if let (true, Block::Go(old)) = (same, &mut self.open[idx].block) {
                old.reopen();
            }
            idx += 1;
        }
        if self.open.len() >= MAX_OPEN {
            self.close(0, Ending::Expired, out);
        }
    }

    /// Whether the words belong to a crash that is being told: a panic while panicking, the same
    /// line doubled, a second thread's last words.
    fn nested(&mut self, line: &Line<'_>, text: &str, prefix: &Prefix, head: Head<'_>) -> bool {
        let clock = self.clock;
        for open in self.open.iter_mut().rev() {
            let Block::Crash(crash) = &mut open.block else { continue };
            let near = open.envelope.touched + 2 >= clock;
            // A panic while panicking is indented by a tab.
            let (_, at) = open.envelope.prefix.strip(text);
            let gap = text.get(at..head.start).filter(|gap| gap.trim().is_empty());
            let indented = gap.is_some_and(|gap| gap.len() > usize::from(at > 0));
            if open.envelope.source == line.source
                && same_prefix(&open.envelope.prefix, prefix)
                && (near || indented)
                && crash.nest(head.sort, head.rest)
            {
                touch(&mut open.envelope, line, clock);
                return true;
            }
        }
        false
    }

    /// Whether a detector that just failed is still complaining: one failure, several lines.
    fn repeated(&mut self, line: &Line<'_>) -> bool {
        let clock = self.clock;
        let failing = self.open.iter_mut().find(|open| {
            matches!(open.block, Block::Failure(_)) && open.envelope.source == line.source
        });
        failing.map(|open| touch(&mut open.envelope, line, clock)).is_some()
    }

    fn push(&mut self, line: &Line<'_>, prefix: Prefix, block: Block, text: &str) {
        let start = match self.last_start {
            Some((of_line, last)) if of_line == line.at.start => last + 1,
            _ => line.at.start,
        };
        self.last_start = Some((line.at.start, start));
        let envelope = Envelope {
            source: line.source.to_owned(),
            prefix,
            confirmed: false,
            range: start..line.at.end,
            anchor: line.at.start,
            quiet_lines: 0,
            quiet_bytes: 0,
            touched: self.clock,
            opened: self.clock,
            last: text.trim().to_owned(),
        };
        self.open.push(Open { envelope, block });
    }

    /// Gives the line to the report it belongs to, if to any.
    fn route(&mut self, line: &Line<'_>, text: &str, out: &mut impl FnMut(Report)) -> bool {
        if let Some(access) = access::parse(text)
            && self.access(line, text, &access)
        {
            return true;
        }
        let created = access::parse_created(text);
        let delimiter = is_delimiter(text);
        let mut order: Vec<(u8, u8, u64, usize)> = Vec::new();
        for (idx, open) in self.open.iter().enumerate() {
            if open.envelope.source != line.source {
                continue;
            }
            let rank = rank(&open.envelope, text);
            let wants = match (&open.block, &created) {
                (Block::Go(go), Some(created)) => go.wants_created(created),
                (Block::Go(go), None) if delimiter && go.is_complete() => 1,
                _ => 0,
            };
            // A prefix that was confirmed and is missing here is overruled by a creation only.
            if rank > 0 || (created.is_some() && wants > 1) {
                order.push((wants, rank, open.envelope.touched, idx));
            }
        }
        order.sort_unstable_by(|a, b| b.cmp(a));
        for (wants, _, _, idx) in order {
            let open = &mut self.open[idx];
            let (fit, at) = open.envelope.prefix.strip(text);
            let offer = Offer { text: &text[at..], fit };
            if !delimiter
                && !offer.text.trim().is_empty()
                && offer.text.trim() == open.envelope.last
            {
                touch(&mut open.envelope, line, self.clock);
                return true;
            }
            let prefix_is_empty = open.envelope.prefix.is_empty();
            let answer = match (&mut open.block, &created) {
                (Block::Go(go), Some(created)) if wants > 0 => {
                    go.created(created);
                    if fit == Fit::None {
                        open.envelope.prefix = Prefix::new(&text[..created.start]);
                    }
                    Answer::Taken
                }
                (Block::Go(go), _) if delimiter => go.delimiter(),
                (Block::Go(go), _) => go.offer(offer),
                (Block::Tsan(tsan), _) if delimiter => tsan.delimiter(),
                (Block::Tsan(tsan), _) => tsan.offer(offer),
                (Block::Crash(crash), _) => crash.offer(offer, prefix_is_empty),
                (Block::Failure(_), _) => Answer::Foreign,
            };
            if answer == Answer::Foreign {
                continue;
            }
            open.envelope.confirmed |= fit >= Fit::Shape;
            open.envelope.last = offer.text.trim().to_owned();
            touch(&mut open.envelope, line, self.clock);
            if answer == Answer::Ended {
                self.end(idx, out);
            }
            return true;
        }
        false
    }

    /// Gives an access to the report that wants it most, or lets it open one without a head.
    fn access(&mut self, line: &Line<'_>, text: &str, access: &AccessLine) -> bool {
        let clock = self.clock;
        let doubled = self.open.iter_mut().find(|open| {
            let (_, at) = open.envelope.prefix.strip(text);
            // Directly behind it only: a program that dies and starts over prints it again, too.
            open.envelope.source == line.source
                && open.envelope.quiet_lines == 0
                && text[at..].trim() == open.envelope.last
        });
        if let Some(open) = doubled {
            touch(&mut open.envelope, line, clock);
            return true;
        }
        let wants = |open: &Open| match &open.block {
            Block::Go(go) => go.wants_access(access),
            Block::Tsan(tsan) => tsan.wants_access(access),
            Block::Crash(_) | Block::Failure(_) => 0,
        };
        let best = self
            .open
            .iter()
            .enumerate()
            .filter(|(_, open)| open.envelope.source == line.source)
            .map(|(idx, open)| {
                // Where nothing tells two reports apart, the prefix comes first.
                let rank = rank(&open.envelope, text);
                (wants(open).min(if rank == 0 { 2 } else { 3 }), rank, open.envelope.touched, idx)
            })
            .filter(|(wants, rank, _, _)| *wants > 0 && (*rank > 0 || *wants > 1))
            .max_by_key(|(wants, rank, touched, _)| (*rank, *wants, *touched));
        let Some((_, _, _, idx)) = best else { return self.headless(line, text, access) };
        let open = &mut self.open[idx];
        let (fit, _) = open.envelope.prefix.strip(text);
        if fit == Fit::None {
            open.envelope.prefix = Prefix::new(&text[..access.start]);
            open.envelope.confirmed = false;
        }
        match &mut open.block {
            Block::Go(go) => go.access(access, text),
            Block::Tsan(tsan) => tsan.access(access, text),
            Block::Crash(_) | Block::Failure(_) => {}
        }
        open.envelope.confirmed |= fit >= Fit::Shape;
        let (_, at) = open.envelope.prefix.strip(text);
        open.envelope.last = text[at..].trim().to_owned();
        touch(&mut open.envelope, line, self.clock);
        true
    }

    /// Opens a report whose first line was lost: only at a whole access line.
    fn headless(&mut self, line: &Line<'_>, text: &str, access: &AccessLine) -> bool {
        let prefix = Prefix::new(&text[..access.start]);
        if !access.colon || access.address.is_none() || !prefix.plausible() {
            return false;
        }
        if self.open.len() >= MAX_OPEN {
            return false;
        }
        let mut block = match &access.who {
            Some(Who::Goroutine(_)) => GoBlock::new(true),
            Some(Who::Thread(_)) => {
                let mut block = TsanBlock::new("data race", true);
                block.access(access, text);
                self.push(line, prefix, Block::Tsan(block), text);
                return true;
            }
            None => return false,
        };
        block.access(access, text);
        self.push(line, prefix, Block::Go(block), text);
        true
    }

    /// Ends the report `idx`, and those before it that it left no hope for.
    fn end(&mut self, mut idx: usize, out: &mut impl FnMut(Report)) {
        let Envelope { opened, ref source, ref prefix, .. } = self.open[idx].envelope;
        let (source, prefix) = (source.clone(), prefix.clone());
        let mut before = 0;
        while before < idx {
            let old = &self.open[before].envelope;
            if old.touched < opened && old.source == source && old.prefix == prefix {
                self.close(before, Ending::Expired, out);
                idx -= 1;
            } else {
                before += 1;
            }
        }
        self.close(idx, Ending::Said, out);
    }

    /// Lets the report `idx` out. One that began before its last line must not be read again
    /// without it: what belonged to this one would look like a report without a head.
    fn close(&mut self, idx: usize, ending: Ending, out: &mut impl FnMut(Report)) {
        let closed = self.open.remove(idx);
        let Envelope { touched, opened, anchor, .. } = closed.envelope;
        for open in self.open.iter_mut().filter(|_| touched > opened) {
            if open.envelope.opened < touched {
                open.envelope.anchor = open.envelope.anchor.min(anchor);
            }
        }
        emit(closed, ending, out);
    }

    /// Counts the line for every report that it does not belong to.
    fn age(&mut self, line: &Line<'_>, taken: bool, out: &mut impl FnMut(Report)) {
        let clock = self.clock;
        let mut expired = Vec::new();
        for (idx, open) in self.open.iter_mut().enumerate() {
            if taken && open.envelope.touched == clock {
                continue;
            }
            if !line.text.trim().is_empty() {
                open.envelope.quiet_lines += 1;
            }
            open.envelope.quiet_bytes += line.text.len() + 1;
            if open.expired() {
                expired.push(idx);
            }
        }
        for (gone, idx) in expired.into_iter().enumerate() {
            self.close(idx - gone, Ending::Expired, out);
        }
    }
}

/// How likely a line with this beginning is the report's; 0 is not, by its prefix.
fn rank(envelope: &Envelope, text: &str) -> u8 {
    match envelope.prefix.strip(text).0 {
        Fit::Exact => 3,
        Fit::Shape => 2,
        Fit::Plain => 1,
        Fit::None if !envelope.confirmed => 1,
        Fit::None => 0,
    }
}

/// Whether two first lines carry the same prefix, but for the clock.
fn same_prefix(old: &Prefix, new: &Prefix) -> bool {
    old == new || (!old.is_empty() && old.strip(new.text()) == (Fit::Exact, new.text().len()))
}

fn touch(envelope: &mut Envelope, line: &Line<'_>, clock: u64) {
    envelope.range.end = envelope.range.end.max(line.at.end);
    envelope.quiet_lines = 0;
    envelope.quiet_bytes = 0;
    envelope.touched = clock;
}

fn emit(open: Open, ending: Ending, out: &mut impl FnMut(Report)) {
    let range = open.envelope.range.clone();
    if let Some(race) = open.into_race(ending) {
        out(Report { race, range });
    }
}

/// A detector's complaint stands at the start of a line, behind `==PID==` or a shipper's prefix.
fn failure_prefix(prefix: &Prefix, text: &str) -> bool {
    prefix.plausible() || text.trim_end().ends_with("==")
}

/// What stands before the logger's own time stamp and `http: `.
fn serving_prefix(before: &str) -> Prefix {
    let before = before.trim_end().strip_suffix("http:").unwrap_or(before).trim_end();
    let stamp = before.len() - "2006/01/02 15:04:05".len().min(before.len());
    match before.get(stamp..) {
        Some(time) if time.contains('/') && time.contains(':') => Prefix::new(&before[..stamp]),
        _ => Prefix::new(before),
    }
}
