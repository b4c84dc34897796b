//! Goroutines for programs. Keys are a promise: docs/json.md.
//!
//! One goroutine a line, written as it is made: a hundred thousand of them with their stacks are
//! more than should lie in memory.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};

use photofinish_goprocess::{Goroutine, StackEnd, ThreadState};
use photofinish_inspect::{Deadlocks, Line, Look};
use photofinish_model::Frame;
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
struct GoroutineJson<'a> {
    id: u64,
    status: &'a str,
    wait_reason: Option<&'a str>,
    waiting_for: Option<String>,
    /// Each case of a select.
    waits: Vec<WaitJson>,
    waited_at_least_ms: Option<u64>,
    thread: Option<u32>,
    cpu: Option<u32>,
    numa_node: Option<u32>,
    locked_to_thread: bool,
    labels: BTreeMap<&'a str, &'a str>,
    start_function: &'a str,
    created_by: Option<CreatorJson<'a>>,
    user_frame: Option<FrameJson<'a>>,
    stack: Vec<FrameJson<'a>>,
    stack_complete: bool,
    /// `memory`, `sample` or `stop`; null without a stack.
    stack_seen_by: Option<&'static str>,
    system: bool,
    settled: bool,
}

#[derive(Serialize)]
struct WaitJson {
    on: &'static str,
    address: String,
}

#[derive(Serialize)]
struct CreatorJson<'a> {
    goroutine: u64,
    #[serde(flatten)]
    frame: FrameJson<'a>,
}

#[derive(Serialize)]
pub(super) struct FrameJson<'a> {
    function: &'a str,
    file: Option<&'a str>,
    line: Option<u32>,
    inlined: bool,
}

/// Prints `goroutines` as an array on stdout.
pub(crate) fn goroutines(
    look: &Look,
    goroutines: &[&Goroutine],
    all_frames: bool,
) -> anyhow::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    write!(out, "[")?;
    for (goroutine_idx, goroutine) in goroutines.iter().enumerate() {
        writeln!(out, "{}", if goroutine_idx == 0 { "" } else { "," })?;
        serde_json::to_writer(&mut out, &value(look, goroutine, all_frames))?;
    }
    writeln!(out, "\n]")?;
    out.flush()?;
    Ok(())
}

/// One goroutine as in a list of them.
pub(super) fn goroutine_value(
    look: &Look,
    goroutine: &Goroutine,
    all_frames: bool,
) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::to_value(value(look, goroutine, all_frames))?)
}

/// Prints rings and leaks as one object on stdout.
pub(crate) fn deadlocks(deadlocks: &Deadlocks, limit: usize) -> anyhow::Result<()> {
    let cycles: Vec<Vec<serde_json::Value>> = deadlocks
        .cycles
        .iter()
        .take(limit)
        .map(|ring| {
            ring.iter()
                .map(|link| {
                    json!({
                        "goroutine": link.goroutine,
                        "waits_for": link.waits_for.to_string(),
                        "held_by": link.held_by,
                        "evidence": link.evidence.word(),
                    })
                })
                .collect()
        })
        .collect();
    let leaks: Vec<serde_json::Value> = deadlocks
        .leaks
        .iter()
        .take(limit.saturating_sub(cycles.len()))
        .map(|leak| {
            json!({
                "count": leak.count,
                "goroutines": leak.goroutines,
                "wait_reason": leak.wait_reason,
                "waiting_for": leak.waiting_for.map(|at| at.to_string()),
                "function": leak.function,
                "created_at": leak.created_at.as_ref().map(frame),
                "evidence": leak.evidence.word(),
            })
        })
        .collect();
    let not_looked = deadlocks.not_looked.map(|why| why.to_string());
    let value = json!({"cycles": cycles, "leaks": leaks, "reachability_not_looked_at": not_looked});
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &value)?;
    writeln!(out)?;
    Ok(())
}

/// Prints the threads as an array on stdout.
pub(crate) fn threads(look: &Look) -> anyhow::Result<()> {
    let threads: Vec<serde_json::Value> = look
        .threads
        .iter()
        .map(|thread| {
            let goroutine = look.on_thread(thread.tid);
            json!({
                "thread": thread.tid,
                "name": thread.name,
                "state": thread_state(thread.state),
                "cpu": thread.cpu,
                "numa_node": look.node_of(thread),
                "goroutine": goroutine.map(|goroutine| goroutine.id),
                "function": goroutine.and_then(|one| look.user_frame(one)).map(frame),
            })
        })
        .collect();
    let mut out = std::io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, &threads)?;
    writeln!(out)?;
    Ok(())
}

/// The word for what a thread does.
pub(crate) fn thread_state(state: ThreadState) -> &'static str {
    match state {
        ThreadState::Running => "running",
        ThreadState::Sleeping => "sleeping",
        ThreadState::Uninterruptible => "uninterruptible",
        ThreadState::Stopped => "stopped",
        ThreadState::Dead => "dead",
        ThreadState::Other => "other",
    }
}

fn value<'a>(look: &'a Look, goroutine: &'a Goroutine, all_frames: bool) -> GoroutineJson<'a> {
    let wait_reason = goroutine.wait_reason.as_deref();
    let waits: Vec<WaitJson> = goroutine
        .waits
        .iter()
        .map(|wait| WaitJson { on: wait.on.word(), address: wait.address.to_string() })
        .collect();
    let is_shown = |line: &&Line| all_frames || line.is_shown;
    GoroutineJson {
        id: goroutine.id,
        status: goroutine.status.word(),
        wait_reason,
        // Of a select there is no one thing.
        waiting_for: match &waits[..] {
            [wait] => Some(wait.address.clone()),
            _ => None,
        },
        waits,
        waited_at_least_ms: goroutine.waited_at_least.map(|nanoseconds| nanoseconds / 1_000_000),
        thread: goroutine.thread,
        cpu: look.cpu(goroutine),
        numa_node: look.numa_node(goroutine),
        locked_to_thread: goroutine.locked_to_thread,
        labels: goroutine.labels.iter().map(|(name, value)| (&**name, &**value)).collect(),
        start_function: look.start_function(goroutine),
        created_by: look.creator(goroutine).map(|creator| CreatorJson {
            goroutine: creator.goroutine,
            frame: frame(creator.frame),
        }),
        user_frame: look.user_frame(goroutine).map(frame),
        stack: look.every_line(goroutine).filter(is_shown).map(|line| frame(&line.frame)).collect(),
        stack_complete: goroutine.stack_end == StackEnd::Complete,
        stack_seen_by: (!goroutine.stack.is_empty()).then(|| goroutine.seen.word()),
        system: look.is_system(goroutine),
        settled: goroutine.settled,
    }
}

pub(super) fn frame(frame: &Frame) -> FrameJson<'_> {
    FrameJson {
        function: &frame.function,
        file: frame.file.as_deref(),
        line: frame.line,
        inlined: frame.inlined,
    }
}
