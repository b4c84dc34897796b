//! A Go program that tells the truth about its goroutines, and the truth in a form to compare with.

#![allow(dead_code, reason = "each test program takes what it needs")]

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use photofinish_goprocess::{Goroutine, Process, Status};
use photofinish_testkit::{BuildOptions, Running, build_go, workspace_root};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What the runtime says of one goroutine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// Wait reason or status.
    pub(crate) state: String,
    pub(crate) frames: Vec<String>,
    /// Where frames were left out.
    pub(crate) gap: Option<usize>,
    pub(crate) created_by: String,
}

/// Builds and starts the program below `tests/programs`, and waits until it stands still.
pub(crate) fn start(program: &str, options: &BuildOptions) -> Running {
    let folder = workspace_root().join("crates/live/goprocess/tests/programs").join(program);
    let running = Running::start(&mut Command::new(build_go(folder, options)));
    running.wait_for_line(PATIENCE, "READY");
    running
}

/// A value that the program printed: `told(&running, "mutex=")`.
pub(crate) fn told(running: &Running, name: &str) -> String {
    let line = running.wait_for_line(PATIENCE, name);
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

/// The dump between DUMP and END, by goroutine.
pub(crate) fn truth(running: &Running) -> BTreeMap<u64, Told> {
    let output = running.output();
    let dump = output.split_once("DUMP\n").unwrap().1.split_once("END\n").unwrap().0;
    dump.split("\n\n").map(told_of).collect()
}

fn told_of(block: &str) -> (u64, Told) {
    let mut lines = block.trim().lines();
    let head = lines.next().unwrap().strip_prefix("goroutine ").unwrap();
    let (id, rest) = head.split_once(" [").unwrap();
    let state = rest.trim_end_matches("]:").split(", ").next().unwrap();
    let mut told = Told { state: state.to_owned(), ..Told::default() };
    while let Some(line) = lines.next() {
        if line.contains("frames elided") {
            told.gap = Some(told.frames.len());
            continue;
        }
        let place = lines.next().unwrap().trim().split(" +0x").next().unwrap();
        if let Some(creator) = line.strip_prefix("created by ") {
            told.created_by = format!("{creator} {place}");
        } else {
            told.frames.push(format!("{} {place}", &line[..line.rfind('(').unwrap()]));
        }
    }
    (id.parse().unwrap(), told)
}

/// The same of a goroutine as it was read, in the words of the runtime's own dump.
pub(crate) fn seen(process: &Process, goroutine: &Goroutine) -> Told {
    let frames = goroutine.stack.iter().flat_map(|pc| process.frames(*pc));
    let frames = frames.filter(|frame| !frame.wrapper && is_shown(frame.function));
    let creator = process.frames(photofinish_goprocess::Pc {
        address: goroutine.created_at,
        kind: photofinish_goprocess::PcKind::Return,
    });
    let created_by = creator.last().map(|frame| {
        let name = printed(frame.function);
        format!("{name} in goroutine {} {}:{}", goroutine.creator, frame.file, frame.line)
    });
    Told {
        state: match (&goroutine.wait_reason, goroutine.status) {
            (Some(reason), _) => reason.to_string(),
            (None, Status::Syscall) => "syscall".to_owned(),
            (None, status) => status.word().to_owned(),
        },
        frames: frames
            .map(|frame| format!("{} {}:{}", printed(frame.function), frame.file, frame.line))
            .collect(),
        gap: None,
        created_by: created_by.unwrap_or_default(),
    }
}

/// `showfuncinfo` of `runtime/traceback.go`.
fn is_shown(function: &str) -> bool {
    match function.strip_prefix("runtime.") {
        Some(name) => name == "gopanic" || name.starts_with(|c: char| c.is_ascii_uppercase()),
        None => function.contains('.'),
    }
}

/// `printFuncName` of `runtime/traceback.go`.
fn printed(function: &str) -> String {
    if function == "runtime.gopanic" {
        return "panic".to_owned();
    }
    match (function.find('['), function.rfind(']')) {
        (Some(open), Some(close)) => {
            format!("{}[...]{}", &function[..open], &function[close + 1..])
        }
        _ => function.to_owned(),
    }
}

/// Compares what was read with what the runtime said, goroutine by goroutine; the main one has moved on
/// since the dump.
#[track_caller]
pub(crate) fn compare(running: &Running, process: &Process) {
    let truth = truth(running);
    let snapshot = process.snapshot().unwrap();
    let seen: BTreeMap<u64, Told> =
        snapshot.goroutines.iter().map(|found| (found.id, seen(process, found))).collect();
    let mut n_compared = 0;
    for (id, told) in truth.iter().filter(|(id, _)| **id != 1) {
        let mut seen = seen.get(id).unwrap_or_else(|| panic!("goroutine {id} is missing")).clone();
        if let Some(gap) = told.gap {
            let n_behind = told.frames.len() - gap;
            let n_seen = seen.frames.len();
            seen.frames.drain(gap..n_seen - n_behind);
            seen.gap = told.gap;
        }
        assert_eq!(seen, *told, "goroutine {id}");
        n_compared += 1;
    }
    assert!(n_compared >= 25, "only {n_compared} goroutines were compared");
    // The runtime's own may run at any time.
    let told = |goroutine: &&Goroutine| goroutine.id != 1 && truth.contains_key(&goroutine.id);
    for goroutine in snapshot.goroutines.iter().filter(told) {
        assert!(goroutine.settled, "{goroutine:?}");
        assert_eq!(goroutine.stack_end, photofinish_goprocess::StackEnd::Complete, "{goroutine:?}");
    }
}
