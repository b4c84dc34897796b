//! Two accesses as a [`Race`], spelt as a race build spells it, so that both are one finding.

use std::fmt::Write as _;

use photofinish_goprocess::{Pc, PcKind, Process, RuntimeAddr};
use photofinish_model::{
    Access, CodeOrigin, Detector, Frame, GoroutineId, GoroutineState, Kind, Location, Op, Race,
    Stack,
};

use crate::evidence::{Held, Other, Owner};
use crate::sites::SiteKind;

/// The race between `held`, which was about to touch, and `other`, which touched meanwhile.
pub(crate) fn race_of(process: &Process, held: &Held, other: &Other) -> Race {
    let mut race = Race::new(Kind::DataRace, Detector::Photofinish, "DATA RACE");
    let mut last = Access::new(held.op);
    last.address = Some(match &held.site.kind {
        // Of a long range, the part that the other touched.
        SiteKind::Bulk { .. } => held.watched.0,
        SiteKind::Map { .. } | SiteKind::Access(_) => held.address,
    });
    last.size = held.size;
    last.thread = Some(held.tid.to_string());
    last.stack = stack(process, &held.callers);
    if let SiteKind::Map { function, .. } | SiteKind::Bulk { function, .. } = &held.site.kind {
        // It stands before the call: the frame that a race build would have.
        let frame = process.symbols().named(function).map(|function| {
            let (file, line) = function.place(function.entry);
            frame(function.name(), file, line, false)
        });
        last.stack.frames.splice(0..0, frame);
    }
    if matches!(held.site.kind, SiteKind::Map { .. }) {
        let description = format!("map at {:#x}", held.address);
        race.location = Some(Location { description, stack: Stack::default() });
    }
    owned(process, &mut last, held.goroutine);
    let touch = &other.touch;
    let mut previous = Access::new(touch.op);
    previous.address = touch.address.or(last.address);
    previous.size = touch.size;
    previous.thread = Some(other.tid.to_string());
    previous.stack = stack(process, &touch.callers);
    owned(process, &mut previous, other.goroutine);
    race.accesses = vec![last, previous];
    race.raw = printed(&race);
    race
}

/// Whether both stacks lead to code that somebody can repair.
pub(crate) fn is_told(race: &Race) -> bool {
    race.accesses.iter().all(|access| {
        access.stack.frames.iter().any(|frame| CodeOrigin::of(frame) != CodeOrigin::Standard)
    })
}

fn owned(process: &Process, access: &mut Access, owner: Option<Owner>) {
    let Some(owner) = owner else { return };
    // The first goroutine runs `main`, and nobody's `go` statement made it.
    access.goroutine = Some(match owner.id {
        1 => GoroutineId::Main,
        id => GoroutineId::Number(id),
    });
    access.state = Some(GoroutineState::Running);
    if owner.id != 1 && owner.created_at != RuntimeAddr(0) {
        let created_at = Pc { address: owner.created_at, kind: PcKind::Return };
        access.created_at = stack(process, &[created_at]);
    }
}

fn stack(process: &Process, callers: &[Pc]) -> Stack {
    let frames = callers.iter().flat_map(|pc| process.frames(*pc));
    let shown = frames.filter(|found| {
        !found.wrapper && !matches!(found.function, "runtime.goexit" | "runtime.main")
    });
    Stack {
        frames: shown
            .map(|found| frame(found.function, found.file, found.line, found.inlined))
            .collect(),
    }
}

fn frame(function: &str, file: &str, line: u32, inlined: bool) -> Frame {
    Frame {
        file: Some(file.to_owned()),
        line: Some(line).filter(|line| *line > 0),
        inlined,
        ..Frame::new(function)
    }
}

/// The report as Go's detector prints it, for tools that read that.
fn printed(race: &Race) -> String {
    let mut text = String::from("==================\nWARNING: DATA RACE\n");
    for (access_idx, access) in race.accesses.iter().enumerate() {
        let operation = match (access_idx, access.op) {
            (0, Op::Read) => "Read",
            (0, Op::Write) => "Write",
            (0, Op::AtomicRead) => "Atomic read",
            (0, Op::AtomicWrite) => "Atomic write",
            (_, Op::Read) => "Previous read",
            (_, Op::Write) => "Previous write",
            (_, Op::AtomicRead) => "Previous atomic read",
            (_, Op::AtomicWrite) => "Previous atomic write",
        };
        let address = access.address.unwrap_or(0);
        let _ = writeln!(text, "{operation} at {address:#014x} by {}:", by(access));
        print_stack(&mut text, &access.stack);
    }
    for access in &race.accesses {
        if !access.created_at.frames.is_empty() {
            let mut who = by(access);
            if let Some(first) = who.get_mut(..1) {
                first.make_ascii_uppercase();
            }
            let _ = writeln!(text, "{who} (running) created at:");
            print_stack(&mut text, &access.created_at);
        }
    }
    text.truncate(text.trim_end().len());
    text.push_str("\n==================\n");
    text
}

fn by(access: &Access) -> String {
    match access.goroutine {
        Some(GoroutineId::Number(id)) => format!("goroutine {id}"),
        Some(GoroutineId::Main) => "main goroutine".to_owned(),
        None => "goroutine 0".to_owned(),
    }
}

fn print_stack(text: &mut String, stack: &Stack) {
    for frame in &stack.frames {
        let file = frame.file.as_deref().unwrap_or("?");
        let line = frame.line.unwrap_or(0);
        let _ = writeln!(text, "  {}()\n      {file}:{line} +0x0", frame.function);
    }
    text.push('\n');
}
