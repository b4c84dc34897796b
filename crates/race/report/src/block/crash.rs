//! The last words of a Go program: `fatal error: …` or `panic: …`, and the goroutines behind it.
//!
//! Ordinary logs say `panic:` too, so a goroutine's header has to follow with the same prefix as
//! the message. What needs none are the few messages that nobody else prints, when they have the
//! line to themselves (`GOTRACEBACK=none`), and a panic at the very end of the stream.
//!
//! Source: `runtime/panic.go` (`printpanics`, `dopanic_m`), `runtime/traceback.go`.
//! Start at [`CrashBlock::offer`].

use super::stack::Frames;
use super::{Answer, Ending, Envelope, Offer, push_raw};
use crate::grammar::frame::{Quality, parse_function, parse_place};
use crate::grammar::head::Sort;
use crate::grammar::trace::{
    DEADLOCKS, GoroutineLine, MAP_FATALS, is_filler, parse_created_by, parse_goroutine,
};
use crate::prefix::Fit;
use photofinish_model::{
    Access, Detector, Goroutine, GoroutineId, GoroutineState, Kind, Op, Race, Stack,
};

/// A crash.
#[derive(Debug)]
pub(crate) struct CrashBlock {
    sort: Sort,
    message: String,
    /// Something that is no prefix may stand in front: half a line of somebody else's.
    glued: bool,
    goroutines: Vec<Goroutine>,
    section: Section,
    frames: Frames,
    n_frames: usize,
    /// Something came that only a dying program prints.
    proven: bool,
    /// Lines between the message and the trace.
    waited: u32,
    nested: u32,
    raw: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Message,
    /// `runtime stack:`, the scheduler's own frames.
    Runtime,
    Stack,
    Created,
}

/// Lines of a message, or of others, before the trace.
const MAX_WAIT: u32 = 40;
/// Lines of others inside the trace.
const TRACE_PATIENCE: u32 = 100;
/// Goroutines, and frames in all, that are kept.
const MAX_GOROUTINES: usize = 4096;
const MAX_FRAMES: usize = 65_536;
const MAX_MESSAGE: usize = 2048;
const MAX_NESTED: u32 = 32;

impl CrashBlock {
    pub(crate) fn new(sort: Sort, message: &str, glued: bool) -> Self {
        let mut end = message.len().min(MAX_MESSAGE);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        let mut block = CrashBlock {
            sort,
            message: String::new(),
            glued,
            goroutines: Vec::new(),
            section: Section::Message,
            frames: Frames::default(),
            n_frames: 0,
            proven: false,
            waited: 0,
            nested: 0,
            raw: String::new(),
        };
        let words = match sort {
            Sort::Fatal => "fatal error: ",
            Sort::Serving => "http: panic serving: ",
            _ => "panic: ",
        };
        block.message = known_in(&message[..end]).unwrap_or(&message[..end]).trim().to_owned();
        push_raw(&mut block.raw, words, &block.message);
        for mark in [" [recovered, repanicked]", " [recovered]"] {
            if let Some(message) = block.message.strip_suffix(mark) {
                block.message = message.to_owned();
            }
        }
        block
    }

    /// Whether the trace has begun.
    pub(crate) fn has_trace(&self) -> bool {
        self.section != Section::Message
    }

    /// Whether the message is one that only the Go runtime prints.
    pub(crate) fn is_known(&self) -> bool {
        self.sort == Sort::Fatal && is_known(&self.message)
    }

    pub(crate) fn patience(&self) -> u32 {
        if self.has_trace() { TRACE_PATIENCE } else { MAX_WAIT }
    }

    /// Takes a further `panic: …` of the same death; false if it must be another.
    pub(crate) fn nest(&mut self, sort: Sort, message: &str) -> bool {
        if self.has_trace()
            || self.nested >= MAX_NESTED
            || (sort == Sort::Fatal && message.is_empty())
        {
            return false;
        }
        self.nested += 1;
        push_raw(&mut self.raw, "\t", &format!("panic: {}", message.trim()));
        true
    }

    /// Takes a line.
    pub(crate) fn offer(&mut self, offer: Offer<'_>, prefix_is_empty: bool) -> Answer {
        let text = offer.text.trim();
        if text.is_empty() {
            return Answer::Foreign;
        }
        if let Some(line) = parse_goroutine(offer.text) {
            let clean = offer.text[..line.start].trim().is_empty();
            let same = match offer.fit {
                Fit::Exact | Fit::Shape => true,
                Fit::Plain => prefix_is_empty,
                Fit::None => self.glued,
            };
            if (same && clean) || self.is_known() || self.has_trace() {
                self.goroutine(line, &offer.text[line.start..]);
                return Answer::Taken;
            }
            return Answer::Foreign;
        }
        if text.starts_with("exit status ") || text == "FAIL" || text.starts_with("FAIL ") {
            self.proven = true;
            return Answer::Ended;
        }
        if is_filler(text) {
            self.proven |= text.starts_with("[signal ");
            push_raw(&mut self.raw, "", text);
            return Answer::Taken;
        }
        if text == "runtime stack:" {
            self.section = Section::Runtime;
            push_raw(&mut self.raw, "\n", text);
            return Answer::Taken;
        }
        match self.section {
            Section::Message => self.wait(text),
            Section::Runtime => Answer::Foreign,
            Section::Stack | Section::Created => self.frame(offer.text),
        }
    }

    /// A line before the trace: the message's rest if it was torn, its continuation, or another's.
    fn wait(&mut self, text: &str) -> Answer {
        self.waited += 1;
        if self.sort == Sort::Fatal
            && !is_known(&self.message)
            && let Some(known) = known_in(text)
            && text.starts_with(known)
        {
            self.message = known.to_owned();
            push_raw(&mut self.raw, "", known);
            return Answer::Taken;
        }
        Answer::Foreign
    }

    fn goroutine(&mut self, line: GoroutineLine<'_>, text: &str) {
        self.end_stack();
        push_raw(&mut self.raw, "\n", text);
        self.section = Section::Stack;
        if self.goroutines.len() < MAX_GOROUTINES {
            self.goroutines.push(Goroutine {
                id: GoroutineId::Number(line.id),
                status: line.status.to_owned(),
                stack: Stack::default(),
                created_at: Stack::default(),
            });
        }
    }

    fn frame(&mut self, text: &str) -> Answer {
        let section = self.section;
        let Some(goroutine) = self.goroutines.last_mut() else { return Answer::Foreign };
        if let Some(name) = parse_created_by(text) {
            self.frames.flush(&mut goroutine.stack);
            self.frames.name(name, &mut goroutine.created_at);
            self.section = Section::Created;
            push_raw(&mut self.raw, "", text.trim());
            return Answer::Taken;
        }
        let stack = match section {
            Section::Created => &mut goroutine.created_at,
            _ => &mut goroutine.stack,
        };
        if self.frames.is_pending()
            && let Some(place) = parse_place(text, true)
        {
            self.n_frames += 1;
            self.frames.place(place, stack);
            push_raw(&mut self.raw, "\t", &text[place.start..]);
            if self.n_frames > MAX_FRAMES {
                stack.frames.pop();
            }
            return Answer::Taken;
        }
        match parse_function(text) {
            Some(line) if section == Section::Stack && line.quality > Quality::Weak => {
                self.frames.function(line, stack);
                push_raw(&mut self.raw, "", &text[line.start..]);
                Answer::Taken
            }
            _ => Answer::Foreign,
        }
    }

    fn end_stack(&mut self) {
        let Some(goroutine) = self.goroutines.last_mut() else { return };
        match self.section {
            Section::Created => self.frames.flush(&mut goroutine.created_at),
            _ => self.frames.flush(&mut goroutine.stack),
        }
    }

    /// The race, if this was a crash and not a line that looks like one.
    pub(crate) fn into_race(mut self, ending: Ending, envelope: &Envelope) -> Option<Race> {
        let torn = self.frames.is_pending();
        self.end_stack();
        let kind = kind(self.sort, &self.message);
        let own = matches!(kind, Kind::ClosedChannel | Kind::SyncMisuse);
        let first = self.goroutines.first();
        if self.sort == Sort::Serving && !(own && first.is_some()) {
            return None;
        }
        let top = first.and_then(|goroutine| goroutine.stack.frames.first());
        let logged = top.is_some_and(|frame| frame.function == "runtime/debug.Stack");
        if (logged && !own) || (first.is_none() && !self.stands_alone(ending, envelope)) {
            return None;
        }
        let mut race = Race::new(kind, Detector::GoRuntime, self.message.clone());
        race.partial = torn || self.goroutines.is_empty();
        race.raw = self.raw;
        let mut goroutines = self.goroutines.into_iter();
        let op = operation(kind, &self.message);
        if kind != Kind::Deadlock {
            let crashed = goroutines.next();
            match (crashed, kind) {
                (Some(goroutine), _) => race.accesses.push(access(op, goroutine)),
                (None, Kind::ConcurrentMap) => race.accesses.push(Access::new(op)),
                (None, _) => {}
            }
        }
        race.others = goroutines.collect();
        Some(race)
    }

    /// Whether the message is believed without a trace.
    fn stands_alone(&self, ending: Ending, envelope: &Envelope) -> bool {
        let plausible = envelope.prefix.plausible() && !self.message.is_empty();
        let last = ending == Ending::Stream && self.waited <= 3;
        let own = matches!(kind(self.sort, &self.message), Kind::ClosedChannel | Kind::SyncMisuse);
        match () {
            () if self.is_known() || self.proven || self.has_trace() => plausible,
            () if last => plausible && (own || envelope.prefix.is_empty()),
            () => false,
        }
    }
}

/// The crashing goroutine as the access of its race.
fn access(op: Op, goroutine: Goroutine) -> Access {
    let mut access = Access::new(op);
    access.goroutine = Some(goroutine.id);
    access.stack = goroutine.stack;
    access.created_at = goroutine.created_at;
    access.state = goroutine.status.starts_with("running").then_some(GoroutineState::Running);
    access
}

/// What sort of crash a message tells of.
fn kind(sort: Sort, message: &str) -> Kind {
    const CHANNEL: &[&str] =
        &["send on closed channel", "close of closed channel", "close of nil channel"];
    match () {
        () if sort == Sort::Fatal && map_fatal(message).is_some() => Kind::ConcurrentMap,
        () if DEADLOCKS.contains(&message) => Kind::Deadlock,
        () if CHANNEL.iter().any(|words| message.starts_with(words)) => Kind::ClosedChannel,
        () if message.starts_with("sync: ") => Kind::SyncMisuse,
        () if sort == Sort::Fatal => Kind::FatalError,
        () => Kind::Panic,
    }
}

/// What the crashing goroutine was doing. A channel's state and a lock's are written by the calls
/// that fail on them; of any other crash nothing is known, and a read claims the least.
fn operation(kind: Kind, message: &str) -> Op {
    let writes = match kind {
        Kind::ConcurrentMap => map_fatal(message).unwrap_or(false),
        Kind::ClosedChannel | Kind::SyncMisuse => true,
        _ => false,
    };
    if writes { Op::Write } else { Op::Read }
}

fn map_fatal(message: &str) -> Option<bool> {
    MAP_FATALS.iter().find(|(words, _)| message.starts_with(words)).map(|(_, writes)| *writes)
}

fn is_known(message: &str) -> bool {
    known_in(message).is_some_and(|known| known == message)
}

/// The runtime's own message in a text that may have others glued to it.
fn known_in(text: &str) -> Option<&str> {
    let known = MAP_FATALS.iter().map(|(words, _)| words).chain(DEADLOCKS);
    let (at, words) = known.filter_map(|words| Some((text.find(words)?, words))).min()?;
    Some(&text[at..at + words.len()])
}
