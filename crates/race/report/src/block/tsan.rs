//! A report of C's ThreadSanitizer while its lines come in.
//!
//! Accesses go to `accesses`, the object to `location`, where a thread was created to its
//! access. Kinds without accesses (lock order, mutexes, thread leaks, signals) have stacks too:
//! those go to `others`, each under the words that introduce it.
//!
//! Start at [`TsanBlock::offer`].

use super::{Answer, Ending, Offer, push_raw};
use crate::grammar::access::{AccessLine, Who};
use crate::grammar::tsan::{parse_frame, parse_location, parse_thread};
use photofinish_model::{
    Access, Detector, Frame, Goroutine, GoroutineId, Kind, Location, Race, Stack,
};

/// A report.
#[derive(Debug)]
pub(crate) struct TsanBlock {
    race: Race,
    section: Section,
    headless: bool,
    /// `SUMMARY:` came.
    summed_up: bool,
    delimited: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    /// Behind the head: the report's own stack, if frames come.
    Head,
    Access(usize),
    Created(usize),
    Location,
    Other(usize),
    Ignored,
}

const HEAD_PATIENCE: u32 = 200;
const MAX_ACCESSES: usize = 16;
const MAX_OTHERS: usize = 64;
const MAX_FRAMES: usize = 512;

impl TsanBlock {
    /// A report with this title, as it stands behind `WARNING: ThreadSanitizer: `.
    pub(crate) fn new(title: &str, headless: bool) -> Self {
        let title = title.split(" (pid=").next().unwrap_or(title).trim();
        let mut race = Race::new(kind(title), Detector::LlvmTsan, title);
        if !headless {
            push_raw(&mut race.raw, "", "==================");
            push_raw(&mut race.raw, "WARNING: ThreadSanitizer: ", title);
        }
        TsanBlock { race, section: Section::Head, headless, summed_up: false, delimited: false }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.race.accesses.is_empty() && self.race.others.is_empty()
    }

    pub(crate) fn patience(&self) -> u32 {
        match () {
            () if self.is_empty() => HEAD_PATIENCE,
            () if self.summed_up => 4,
            () => u32::MAX,
        }
    }

    /// How much the report wants this access; 0 is not at all.
    pub(crate) fn wants_access(&self, line: &AccessLine) -> u8 {
        let ours = matches!(line.who, Some(Who::Thread(_)) | None) || line.size.is_some();
        let room = self.race.accesses.len() < MAX_ACCESSES;
        let order = line.previous || self.race.accesses.is_empty();
        if ours && room && order && !self.summed_up { 2 } else { 0 }
    }

    pub(crate) fn access(&mut self, line: &AccessLine, text: &str) {
        let mut access = Access::new(line.op);
        access.address = line.address;
        access.size = line.size;
        match &line.who {
            Some(Who::Thread(name)) => access.thread = Some(name.clone()),
            Some(Who::Goroutine(goroutine)) => access.goroutine = Some(*goroutine),
            None => {}
        }
        self.section = Section::Access(self.race.accesses.len());
        self.race.accesses.push(access);
        push_raw(&mut self.race.raw, "  ", &text[line.start..]);
    }

    pub(crate) fn delimiter(&mut self) -> Answer {
        if self.is_empty() {
            return Answer::Foreign;
        }
        self.delimited = true;
        Answer::Ended
    }

    /// Takes a line that is neither access nor delimiter.
    pub(crate) fn offer(&mut self, offer: Offer<'_>) -> Answer {
        let text = offer.text.trim();
        if let Some(frame) = parse_frame(text)
            && (text.starts_with('#') || frame.module.is_some())
        {
            return self.frame(frame, text);
        }
        if text.contains("SUMMARY: ThreadSanitizer:") && !self.is_empty() {
            self.summed_up = true;
            push_raw(&mut self.race.raw, "\n", text);
            return Answer::Taken;
        }
        if text.starts_with("ThreadSanitizer: reported ") && !self.is_empty() {
            return Answer::Ended;
        }
        if self.summed_up || !self.header(text) {
            return Answer::Foreign;
        }
        push_raw(&mut self.race.raw, "\n  ", text);
        Answer::Taken
    }

    /// Takes the first line of a section.
    fn header(&mut self, text: &str) -> bool {
        if let Some(thread) = parse_thread(text) {
            let accesses = &mut self.race.accesses;
            let own = |access: &Access| access.thread.as_deref() == Some(&thread.name);
            let mut mine = accesses.iter_mut().enumerate().filter(|(_, access)| own(access));
            self.section = match mine.next() {
                Some((idx, access)) => {
                    access.state = thread.state;
                    Section::Created(idx)
                }
                None if self.race.kind == Kind::ThreadLeak => self.other(text),
                None => Section::Ignored,
            };
            return true;
        }
        if let Some(description) = parse_location(text) {
            // A second one says less: it is the segment that a stack or a heap lies in.
            self.section = Section::Ignored;
            if self.race.location.is_none() {
                self.race.location = Some(Location { description, stack: Stack::default() });
                self.section = Section::Location;
            }
            return true;
        }
        if let Some(cycle) = text.strip_prefix("Cycle in lock order graph: ") {
            let description = format!("locks {}", cycle.trim());
            self.race.location = Some(Location { description, stack: Stack::default() });
            self.section = Section::Ignored;
            return true;
        }
        let acquired = text.starts_with("Mutex ") && text.contains(" acquired ");
        if acquired || text == "and:" {
            self.section = self.other(text);
            return true;
        }
        let ignored = (text.starts_with("Mutex ") || text.starts_with("And "))
            || text.starts_with("As if synchronized via sleep")
            || text.starts_with("Hint: ")
            || text.starts_with("HINT: ");
        if ignored {
            self.section = Section::Ignored;
        }
        ignored || text == "[failed to restore the stack]"
    }

    /// A section of `others` under the words `text`.
    fn other(&mut self, text: &str) -> Section {
        if self.race.others.len() >= MAX_OTHERS {
            return Section::Ignored;
        }
        let number = text
            .rsplit_once("thread T")
            .or_else(|| text.split_once("Thread T"))
            .map(|(_, rest)| rest)
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
        self.race.others.push(Goroutine {
            id: number.map_or(GoroutineId::Main, GoroutineId::Number),
            status: text.trim_end_matches(':').to_owned(),
            stack: Stack::default(),
            created_at: Stack::default(),
        });
        Section::Other(self.race.others.len() - 1)
    }

    fn frame(&mut self, frame: Frame, text: &str) -> Answer {
        if self.section == Section::Head {
            let title = self.race.headline.clone();
            self.section = self.other(&title);
        }
        let leak = self.race.kind == Kind::ThreadLeak;
        let stack = match self.section {
            Section::Access(idx) => self.race.accesses.get_mut(idx).map(|a| &mut a.stack),
            Section::Created(idx) => self.race.accesses.get_mut(idx).map(|a| &mut a.created_at),
            Section::Location => self.race.location.as_mut().map(|location| &mut location.stack),
            Section::Other(idx) => self
                .race
                .others
                .get_mut(idx)
                .map(|other| if leak { &mut other.created_at } else { &mut other.stack }),
            Section::Head | Section::Ignored => None,
        };
        push_raw(&mut self.race.raw, "    ", text);
        if let Some(stack) = stack.filter(|stack| stack.frames.len() < MAX_FRAMES) {
            stack.frames.push(frame);
        }
        Answer::Taken
    }

    /// The race, if anything came behind its head.
    pub(crate) fn into_race(mut self, _ending: Ending) -> Option<Race> {
        let bare = |access: &Access| access.stack.frames.is_empty();
        if self.is_empty() || (self.headless && self.race.accesses.iter().all(bare)) {
            return None;
        }
        self.race.partial = !(self.summed_up || self.delimited) || self.headless;
        if self.delimited {
            push_raw(&mut self.race.raw, "", "==================");
        }
        // Both accesses may be the same thread's creation twice over: copy what one section told.
        let known: Vec<_> = self
            .race
            .accesses
            .iter()
            .filter(|access| access.state.is_some())
            .map(|access| (access.thread.clone(), access.state, access.created_at.clone()))
            .collect();
        for access in self.race.accesses.iter_mut().filter(|access| access.state.is_none()) {
            if let Some((_, state, created)) = known.iter().find(|known| known.0 == access.thread) {
                (access.state, access.created_at) = (*state, created.clone());
            }
        }
        Some(self.race)
    }
}

/// The kind that a title stands for.
fn kind(title: &str) -> Kind {
    match title {
        _ if title.starts_with("heap-use-after-free") => Kind::UseAfterFree,
        _ if title.starts_with("thread leak") => Kind::ThreadLeak,
        _ if title.starts_with("lock-order-inversion") => Kind::Deadlock,
        _ if title.contains("signal") => Kind::SignalUnsafe,
        _ if title.contains("mutex") => Kind::SyncMisuse,
        _ => Kind::DataRace,
    }
}
