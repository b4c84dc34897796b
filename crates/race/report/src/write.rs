//! Prints a [`Race`] as Go itself would: a `WARNING: DATA RACE` block, or a crash with its trace.
//!
//! What Go's layout has no place for (sizes, threads, columns, locations) is left out; a race
//! that Go could have printed reads back the same.
//!
//! Start at [`write`].

use photofinish_model::{Access, Frame, Goroutine, GoroutineId, Kind, Op, Race, Stack};
use std::fmt::Write;

const DELIMITER: &str = "==================\n";

/// The text of `race`, in Go's layout.
pub fn write(race: &Race) -> String {
    match race.kind {
        Kind::ConcurrentMap | Kind::Deadlock | Kind::FatalError => crash(race, "fatal error: "),
        Kind::ClosedChannel | Kind::SyncMisuse | Kind::Panic => crash(race, "panic: "),
        Kind::DetectorFailure => format!("{}\n", race.headline),
        Kind::DataRace | Kind::UseAfterFree | Kind::ThreadLeak | Kind::SignalUnsafe => block(race),
        // No detector prints one: its text is all there is.
        Kind::AnswerDiff => race.raw.clone(),
        Kind::GoroutineLeak => crash(race, ""),
    }
}

/// The first line of an access: `Previous write at 0x00c00011e058 by goroutine 7:`.
pub(crate) fn access_line(access: &Access, previous: bool) -> String {
    let op = match (access.op, previous) {
        (Op::Read | Op::AtomicRead, false) => "Read",
        (Op::Write | Op::AtomicWrite, false) => "Write",
        (Op::Read | Op::AtomicRead, true) => "Previous read",
        (Op::Write | Op::AtomicWrite, true) => "Previous write",
    };
    let place = access.address.map(|address| format!(" at {address:#014x}")).unwrap_or_default();
    let who = match access.goroutine {
        Some(GoroutineId::Number(number)) => format!("goroutine {number}"),
        Some(GoroutineId::Main) | None => "main goroutine".to_owned(),
    };
    format!("{op}{place} by {who}:")
}

fn block(race: &Race) -> String {
    let mut text = format!("{DELIMITER}WARNING: DATA RACE\n");
    for (idx, access) in race.accesses.iter().enumerate() {
        if idx > 0 {
            text.push('\n');
        }
        line(&mut text, format_args!("{}", access_line(access, idx > 0)));
        stack(&mut text, &access.stack);
    }
    for access in &race.accesses {
        let (Some(GoroutineId::Number(number)), Some(state)) = (access.goroutine, access.state)
        else {
            continue;
        };
        line(&mut text, format_args!("\nGoroutine {number} ({state}) created at:"));
        stack(&mut text, &access.created_at);
    }
    text.push_str(DELIMITER);
    text
}

fn stack(text: &mut String, stack: &Stack) {
    for frame in &stack.frames {
        let place = place(frame);
        let offset = frame.offset.unwrap_or(0);
        line(text, format_args!("  {}()\n      {place} +{offset:#x}", frame.function));
    }
}

fn place(frame: &Frame) -> String {
    format!("{}:{}", frame.file.as_deref().unwrap_or("-"), frame.line.unwrap_or(0))
}

fn crash(race: &Race, words: &str) -> String {
    let mut text = format!("{words}{}\n", race.headline);
    for access in &race.accesses {
        let id = match access.goroutine {
            Some(GoroutineId::Number(number)) => number,
            Some(GoroutineId::Main) => 1,
            None => continue,
        };
        trace(&mut text, id, "running", &access.stack, &access.created_at);
    }
    for Goroutine { id, status, stack, created_at } in &race.others {
        let id = if let GoroutineId::Number(number) = id { *number } else { 1 };
        trace(&mut text, id, status, stack, created_at);
    }
    text
}

fn trace(text: &mut String, id: u64, status: &str, stack: &Stack, created_at: &Stack) {
    line(text, format_args!("\ngoroutine {id} [{status}]:"));
    for frame in &stack.frames {
        let args = if frame.inlined { "..." } else { "" };
        line(text, format_args!("{}({args})", frame.function));
        trace_place(text, frame);
    }
    for frame in &created_at.frames {
        line(text, format_args!("created by {}", frame.function));
        trace_place(text, frame);
    }
}

fn trace_place(text: &mut String, frame: &Frame) {
    let offset = frame.offset.map(|offset| format!(" +{offset:#x}")).unwrap_or_default();
    line(text, format_args!("\t{}{offset}", place(frame)));
}

/// Appends a line; a `String` takes everything.
fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(text, "{line}");
}
