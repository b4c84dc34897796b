//! A block of Go's race detector while its lines come in.
//!
//! Two accesses, then where each goroutine was created. The closing delimiter is the opening one
//! of another process's block if this one is not complete yet, so it ends nothing by itself then.
//!
//! Source: `tsan_report.cpp`, the Go half of `PrintReport`; Go ≤ 1.6 and the `racelite`
//! experiment differ in the access line. Start at [`GoBlock::offer`].

use super::stack::Frames;
use super::{Answer, Ending, Offer, push_raw};
use crate::grammar::access::{AccessLine, CreatedLine, Who, parse_rest};
use crate::grammar::frame::{Quality, parse_function, parse_place};
use crate::prefix::Fit;
use photofinish_model::{Access, Detector, GoroutineId, Kind, Race, Stack};

/// A block.
#[derive(Debug)]
pub(crate) struct GoBlock {
    race: Race,
    section: Section,
    frames: Frames,
    /// The access whose line was torn behind `by`.
    torn: Option<usize>,
    /// The first line was lost.
    headless: bool,
    /// A delimiter came too early.
    delimited: bool,
    /// `racelite`: frames as in a traceback, no created-at.
    lite: bool,
    /// Which accesses' created-at came.
    created: [bool; 2],
    /// Accesses that said they have no stack.
    stackless: [bool; 2],
}

/// Whose frames come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Nobody,
    Access(usize),
    Created(usize),
    /// An ancestor's, with `print_full_thread_history`.
    Ancestor,
}

/// Lines that may pass between the head and the first access.
const HEAD_PATIENCE: u32 = 200;

impl GoBlock {
    pub(crate) fn new(headless: bool) -> Self {
        let mut race = Race::new(Kind::DataRace, Detector::GoRace, "DATA RACE");
        if !headless {
            push_raw(&mut race.raw, "", "==================");
            push_raw(&mut race.raw, "", "WARNING: DATA RACE");
        }
        GoBlock {
            race,
            section: Section::Nobody,
            frames: Frames::default(),
            torn: None,
            headless,
            delimited: false,
            lite: false,
            created: [false; 2],
            stackless: [false; 2],
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.race.accesses.is_empty()
    }

    pub(crate) fn patience(&self) -> u32 {
        match () {
            () if self.is_empty() => HEAD_PATIENCE,
            () if self.delimited => 4,
            () => u32::MAX,
        }
    }

    /// Whether everything a block has was seen.
    pub(crate) fn is_complete(&self) -> bool {
        let whole = |(idx, access): (usize, &Access)| {
            let stack = !access.stack.frames.is_empty() || self.stackless[idx];
            let created = self.created[idx]
                && (!access.created_at.frames.is_empty() || self.section != Section::Created(idx));
            stack && (created || self.lite || access.goroutine == Some(GoroutineId::Main))
        };
        self.race.accesses.len() == 2
            && self.torn.is_none()
            && !self.frames.is_pending()
            && self.race.accesses.iter().enumerate().all(whole)
    }

    /// How much the block wants this access; 0 is not at all.
    pub(crate) fn wants_access(&self, line: &AccessLine) -> u8 {
        if line.size.is_some() || matches!(line.who, Some(Who::Thread(_))) {
            return 0;
        }
        let first = self.race.accesses.first();
        match (first, self.race.accesses.len(), line.previous) {
            (None, _, false) => 2,
            (None, _, true) => 1,
            (Some(first), 1, true) => match (first.address, line.address) {
                (Some(a), Some(b)) if a == b => 3,
                (Some(a), Some(b)) if a.abs_diff(b) < 64 => 2,
                (None, None) => 2,
                _ => 1,
            },
            _ => 0,
        }
    }

    pub(crate) fn access(&mut self, line: &AccessLine, text: &str) {
        self.end_section();
        let mut access = Access::new(line.op);
        access.address = line.address;
        let idx = self.race.accesses.len();
        if idx > 0 {
            push_raw(&mut self.race.raw, "", "");
        }
        let who = line.who.clone().or_else(|| parse_rest(text));
        match who {
            Some(Who::Goroutine(goroutine)) => {
                access.goroutine = Some(goroutine);
                self.lite |= !line.colon && line.who.is_some();
                push_raw(&mut self.race.raw, "", &describe(&access, line.previous, self.lite));
            }
            _ => self.torn = Some(idx),
        }
        self.race.accesses.push(access);
        self.section = Section::Access(idx);
        self.delimited = false;
    }

    /// Whether the goroutine is one of the accesses' whose creation was not told yet.
    pub(crate) fn wants_created(&self, line: &CreatedLine) -> u8 {
        let goroutine = Some(GoroutineId::Number(line.goroutine));
        let mut accesses = self.race.accesses.iter().zip(self.created);
        match accesses.find(|(access, _)| access.goroutine == goroutine) {
            Some((_, false)) => 2,
            _ => u8::from(!self.is_empty()),
        }
    }

    pub(crate) fn created(&mut self, line: &CreatedLine) {
        self.end_section();
        let state = line.state.word();
        push_raw(&mut self.race.raw, "", "");
        let text = format!("Goroutine {} ({state}) created at:", line.goroutine);
        push_raw(&mut self.race.raw, "", &text);
        let goroutine = Some(GoroutineId::Number(line.goroutine));
        let accesses = &mut self.race.accesses;
        // An access line whose tail was lost gets its goroutine from here: nobody else is left.
        let untold = accesses.iter().zip(self.created).position(|(access, created)| {
            !created && (access.goroutine == goroutine || access.goroutine.is_none())
        });
        self.section = Section::Ancestor;
        if let Some(idx) = untold {
            accesses[idx].goroutine = goroutine;
            accesses[idx].state = Some(line.state);
            self.created[idx] = true;
            self.section = Section::Created(idx);
        }
        self.delimited = false;
    }

    pub(crate) fn delimiter(&mut self) -> Answer {
        if self.is_empty() {
            return Answer::Foreign;
        }
        let complete = self.is_complete();
        self.delimited = true;
        if complete { Answer::Ended } else { Answer::Taken }
    }

    /// Takes back that a delimiter came: it was another's.
    pub(crate) fn reopen(&mut self) {
        self.delimited = false;
    }

    /// Takes a line that is neither access, created-at nor delimiter.
    pub(crate) fn offer(&mut self, offer: Offer<'_>) -> Answer {
        let text = offer.text;
        if let Some(idx) = self.torn
            && let Some(Who::Goroutine(goroutine)) = parse_rest(text)
        {
            self.torn = None;
            self.race.accesses[idx].goroutine = Some(goroutine);
            let line = describe(&self.race.accesses[idx], idx > 0, self.lite);
            push_raw(&mut self.race.raw, "", &line);
            return Answer::Taken;
        }
        if is_found(text) && !self.is_empty() && offer.fit != Fit::None {
            self.delimited = true;
            return Answer::Ended;
        }
        if self.section == Section::Nobody {
            return Answer::Foreign;
        }
        let answer = self.frame(text);
        if answer == Answer::Taken {
            self.delimited = false;
        }
        answer
    }

    fn frame(&mut self, text: &str) -> Answer {
        if text.contains("[failed to restore the stack]") {
            if let Section::Access(idx) = self.section {
                self.stackless[idx] = true;
            }
            push_raw(&mut self.race.raw, "  ", "[failed to restore the stack]");
            return Answer::Taken;
        }
        let lite = self.lite;
        let Some(stack) = section_stack(&mut self.race, self.section) else {
            return match parse_function(text).map(|line| line.quality) {
                Some(Quality::Exact) => Answer::Taken,
                _ if parse_place(text, lite).is_some() => Answer::Taken,
                _ => Answer::Foreign,
            };
        };
        if self.frames.is_pending()
            && let Some(place) = parse_place(text, lite)
        {
            self.frames.place(place, stack);
            let frame = stack.frames.last().cloned().unwrap_or_default();
            push_raw(&mut self.race.raw, "  ", &format!("{}()", frame.function));
            push_raw(&mut self.race.raw, "      ", &text[place.start..]);
            return Answer::Taken;
        }
        match parse_function(text) {
            Some(line) if line.args.is_empty() || lite => {
                self.frames.function(line, stack);
                Answer::Taken
            }
            _ => Answer::Foreign,
        }
    }

    fn end_section(&mut self) {
        if let Some(stack) = section_stack(&mut self.race, self.section) {
            self.frames.flush(stack);
        }
        self.torn = None;
    }

    /// The race, if an access line came (and, without a head, a frame).
    pub(crate) fn into_race(mut self, ending: Ending) -> Option<Race> {
        let complete = self.is_complete() && !self.headless;
        let whole = complete && (self.delimited || ending == Ending::Said);
        self.end_section();
        let bare = |access: &Access| access.stack.frames.is_empty();
        if self.is_empty() || (self.headless && self.race.accesses.iter().all(bare)) {
            return None;
        }
        if self.delimited {
            push_raw(&mut self.race.raw, "", "==================");
        }
        self.race.partial = !whole;
        Some(self.race)
    }
}

fn section_stack(race: &mut Race, section: Section) -> Option<&mut Stack> {
    match section {
        Section::Access(idx) => race.accesses.get_mut(idx).map(|access| &mut access.stack),
        Section::Created(idx) => race.accesses.get_mut(idx).map(|access| &mut access.created_at),
        Section::Nobody | Section::Ancestor => None,
    }
}

/// The access line that was printed, put together again.
fn describe(access: &Access, previous: bool, lite: bool) -> String {
    let line = crate::write::access_line(access, previous);
    if lite { line.trim_end_matches(':').to_owned() } else { line }
}

/// `Found 3 data race(s)`.
fn is_found(text: &str) -> bool {
    let text = text.trim();
    text.starts_with("Found ") && text.ends_with(" data race(s)")
}
