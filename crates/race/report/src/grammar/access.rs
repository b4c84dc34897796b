//! `Previous write at 0x00c00011e058 by goroutine 7:` and its relatives.
//!
//! One grammar for all: Go (with or without an address, Go 1.6 and before had none), Go's
//! `racelite` (no colon), C (`Write of size 4 at … by thread T2 (mutexes: …):`), Swift. The line
//! may be torn behind `by`, where the detector starts another write.
//!
//! Start at [`parse`].

use super::Cursor;
use photofinish_model::{GoroutineId, GoroutineState, Op};

/// An access line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AccessLine {
    /// Where in the text it starts.
    pub(crate) start: usize,
    pub(crate) previous: bool,
    pub(crate) op: Op,
    pub(crate) address: Option<u64>,
    pub(crate) size: Option<u32>,
    /// `None` if the line is torn.
    pub(crate) who: Option<Who>,
    /// `racelite` has no colon, and traces like those of a panic.
    pub(crate) colon: bool,
}

/// Who made an access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    Goroutine(GoroutineId),
    /// `main`, `T2`.
    Thread(String),
}

/// A line `Goroutine 11 (running) created at:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CreatedLine {
    pub(crate) start: usize,
    pub(crate) goroutine: u64,
    pub(crate) state: GoroutineState,
}

/// The access line in `text`.
pub(crate) fn parse(text: &str) -> Option<AccessLine> {
    // Every access line has the word; most lines do not.
    if !text.contains(" by") {
        return None;
    }
    let tails = ["ead", "rite", "ead-only access of", "odifying access of"];
    let mut starts: Vec<usize> = tails
        .iter()
        .flat_map(|tail| text.match_indices(tail).take(64).map(|(at, _)| at))
        .filter_map(|at| at.checked_sub(1))
        .collect();
    starts.sort_unstable();
    starts.into_iter().find_map(|at| parse_at(text, at))
}

/// The access line whose `Read` or `Write` starts at `at`.
fn parse_at(text: &str, at: usize) -> Option<AccessLine> {
    let mut cursor = Cursor::new(text.get(at..)?);
    let (write, any_case) = match () {
        () if swift(&mut cursor, &["Read-only access of", "read-only access of"]) => (false, true),
        () if swift(&mut cursor, &["Modifying access of", "modifying access of"]) => (true, true),
        () if cursor.word("Read") || cursor.word("read") => (false, false),
        () if cursor.word("Write") || cursor.word("write") => (true, false),
        () => return None,
    };
    let (start, atomic, previous) = words_before(text, at);
    let size = if cursor.word("of size") { Some(cursor.number()?) } else { None };
    let address = if cursor.word("at") { Some(cursor.hex()?) } else { None };
    if !cursor.word("by") {
        return None;
    }
    let (who, colon) = parse_who(&mut cursor);
    // Without an address the line could be any sentence, unless it ends as it must.
    if address.is_none() && !(who.is_some() && colon && cursor.at_end()) {
        return None;
    }
    if !any_case && !previous && !atomic && !text[at..].starts_with(['R', 'W']) {
        return None;
    }
    let op = match (write, atomic) {
        (false, false) => Op::Read,
        (true, false) => Op::Write,
        (false, true) => Op::AtomicRead,
        (true, true) => Op::AtomicWrite,
    };
    Some(AccessLine { start, previous, op, address, size, who, colon })
}

/// Steps over `Modifying access of Swift variable`.
fn swift(cursor: &mut Cursor<'_>, words: &[&str]) -> bool {
    if !words.iter().any(|word| cursor.word(word)) {
        return false;
    }
    if let Some(at) = cursor.rest.find(" at 0x") {
        cursor.rest = &cursor.rest[at..];
    }
    true
}

/// `Previous` and `atomic` in front of the operation at `at`, and where the first of them starts.
fn words_before(text: &str, at: usize) -> (usize, bool, bool) {
    let (mut start, mut atomic, mut previous) = (at, false, false);
    for (words, flag) in
        [(["atomic", "Atomic"], &mut atomic), (["Previous", "previous"], &mut previous)]
    {
        let before = text[..start].trim_end();
        if before.len() < start
            && let Some(rest) = words.iter().find_map(|word| before.strip_suffix(word))
        {
            (start, *flag) = (rest.len(), true);
        }
    }
    (start, atomic, previous)
}

/// `main goroutine:`, `thread T2 (mutexes: …):`, and whether the colon was there.
fn parse_who(cursor: &mut Cursor<'_>) -> (Option<Who>, bool) {
    let torn = *cursor;
    let who = if cursor.word("main goroutine") {
        Who::Goroutine(GoroutineId::Main)
    } else if cursor.word("main thread") {
        Who::Thread("main".to_owned())
    } else if cursor.word("goroutine ") {
        let Some(number) = cursor.number() else {
            *cursor = torn;
            return (None, false);
        };
        Who::Goroutine(GoroutineId::Number(number))
    } else if cursor.word("thread T") {
        let digits = cursor.rest.bytes().take_while(u8::is_ascii_digit).count();
        let name = format!("T{}", &cursor.rest[..digits]);
        let colon = cursor.rest.rfind(':').map_or(cursor.rest.len(), |colon| colon);
        cursor.rest = &cursor.rest[colon..];
        Who::Thread(name)
    } else {
        return (None, false);
    };
    if cursor.rest.starts_with(" (") || cursor.rest.starts_with(" [") {
        let colon = cursor.rest.rfind(':').unwrap_or(0);
        cursor.rest = &cursor.rest[colon..];
    }
    let colon = cursor.word(":");
    (Some(who), colon)
}

/// The rest of a torn access line: nothing but `goroutine 7:`, at the end of `text`.
pub(crate) fn parse_rest(text: &str) -> Option<Who> {
    let text = text.trim_end();
    let start = text
        .rfind("main goroutine:")
        .or_else(|| text.rfind("main thread"))
        .or_else(|| text.rfind("goroutine "))
        .or_else(|| text.rfind("thread T"))?;
    let mut cursor = Cursor::new(&text[start..]);
    let (who, colon) = parse_who(&mut cursor);
    who.filter(|_| colon && cursor.at_end())
}

/// The created-at line in `text`.
pub(crate) fn parse_created(text: &str) -> Option<CreatedLine> {
    for (start, word) in text.match_indices("oroutine ").take(16) {
        let Some(start) = start.checked_sub(1) else { continue };
        let mut cursor = Cursor::new(&text[start + 1 + word.len()..]);
        let Some(goroutine) = cursor.number() else { continue };
        let state = if cursor.word("(running)") {
            GoroutineState::Running
        } else if cursor.word("(finished)") {
            GoroutineState::Finished
        } else {
            continue;
        };
        if cursor.word("created at") && text.is_char_boundary(start) {
            return Some(CreatedLine { start, goroutine, state });
        }
    }
    None
}
