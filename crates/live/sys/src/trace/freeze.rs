//! A whole process held still for a moment: ptrace(2), `PTRACE_SEIZE` and `PTRACE_INTERRUPT`.
//!
//! All of it happens in a thread of its own: the kernel knows a tracer by its thread, and lets everything go
//! when that thread ends, however it ends. A thread that is deep in the kernel does not reach its stop, but does
//! not touch the process's memory either; it is waited for a while, then counts as still without
//! registers. Nothing of the other process is changed; system calls go on where they were, but for those few that
//! any stop interrupts (signal(7)).
//!
//! Start at [`freeze`].

use std::io;
use std::time::{Duration, Instant};

use super::tracer::{self, Status};
use super::{Registers, TraceError, hurry};
use crate::SysError;

/// How long threads are waited for that do not stop.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long the wait for one stop is, where its signal goes astray.
const NAP: Duration = Duration::from_millis(1);
/// Threads that are made meanwhile are looked for so often.
const ROUNDS: usize = 16;

/// A process that stands still.
#[derive(Debug)]
pub struct Frozen {
    /// Its threads, by number.
    pub threads: Vec<StillThread>,
}

/// A thread that stands still.
#[derive(Clone, Copy, Debug)]
pub struct StillThread {
    /// Its number.
    pub tid: u32,
    /// What its registers hold; `None` of one that stays in the kernel.
    pub registers: Option<Registers>,
}

/// A seized thread, and how it stopped.
#[derive(Clone, Copy, Debug)]
struct Seized {
    tid: u32,
    /// The signal that it was about to get, or 0.
    stopped: Option<i32>,
}

/// Holds all threads of process `pid` still while `look` looks, and says for how long they stood: from
/// the first that was asked to stop to the last that was let go.
///
/// # Errors
/// The process is gone or traced already, or we have not the right. Then nothing was stopped.
pub fn freeze<R: Send>(
    pid: u32,
    look: impl FnOnce(&Frozen) -> R + Send,
) -> Result<(R, Duration), TraceError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("freeze".to_owned());
        let held = thread
            .spawn_scoped(scope, || hold(pid, look))
            .map_err(|cause| TraceError::Thread { cause })?;
        held.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn hold<R>(pid: u32, look: impl FnOnce(&Frozen) -> R) -> Result<(R, Duration), TraceError> {
    tracer::block_in_this_thread();
    hurry();
    let mut seized: Vec<Seized> = Vec::new();
    // Seizing stops nothing, so it does not count.
    while seize_new(pid, &mut seized)? {}
    let start = Instant::now();
    for round in 0..ROUNDS {
        if round > 0 && !seize_new(pid, &mut seized)? {
            break;
        }
        for thread in seized.iter().filter(|thread| thread.stopped.is_none()) {
            // One that ended meanwhile is found when it is waited for.
            let _ = tracer::ptrace(libc::PTRACE_INTERRUPT, thread.tid, 0);
        }
        wait_for(&mut seized, start + PATIENCE);
    }
    let still = |thread: &Seized| {
        let registers = thread.stopped.and_then(|_| tracer::read_registers(thread.tid).ok());
        StillThread { tid: thread.tid, registers }
    };
    let found = look(&Frozen { threads: seized.iter().map(still).collect() });
    for thread in &seized {
        if let Some(signal) = thread.stopped {
            // It may have been killed meanwhile; then there is nothing to let go.
            let _ = tracer::ptrace(libc::PTRACE_DETACH, thread.tid, signal as usize);
        }
    }
    // The rest is let go by the end of this thread.
    Ok((found, start.elapsed()))
}

/// Seizes the threads that are not yet; whether there were any.
fn seize_new(pid: u32, seized: &mut Vec<Seized>) -> Result<bool, TraceError> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/task"))
        .map_err(|cause| SysError::of(pid, "list the threads", cause))?;
    let tids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut is_new = false;
    for tid in tids {
        if seized.iter().any(|known| known.tid == tid) {
            continue;
        }
        match tracer::ptrace(libc::PTRACE_SEIZE, tid, 0) {
            Ok(()) => {
                seized.push(Seized { tid, stopped: None });
                is_new = true;
            }
            Err(cause) if is_gone(&cause) && tid != pid => {}
            // A main thread that ended stays listed as long as others run.
            Err(_) if !seized.is_empty() => {}
            Err(cause) => return Err(TraceError::seize(pid, cause)),
        }
    }
    Ok(is_new)
}

/// Waits until all of `seized` stand still, or have ended and are left out; until `deadline` at most.
fn wait_for(seized: &mut Vec<Seized>, deadline: Instant) {
    loop {
        seized.retain_mut(|thread| {
            if thread.stopped.is_some() {
                return true;
            }
            match tracer::state_of(thread.tid) {
                Some(Status::Stopped { signal, event }) => {
                    // A stop that is no signal's delivers none.
                    thread.stopped = Some(if event == 0 { signal } else { 0 });
                    true
                }
                Some(Status::Ended) => false,
                None => true,
            }
        });
        let is_still = seized.iter().all(|thread| thread.stopped.is_some());
        if is_still || Instant::now() >= deadline {
            return;
        }
        tracer::sleep_until_signal(NAP);
    }
}

fn is_gone(cause: &io::Error) -> bool {
    cause.raw_os_error() == Some(libc::ESRCH)
}
