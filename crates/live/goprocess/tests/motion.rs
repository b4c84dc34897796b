//! A process that never stands still, and bytes that are no process at all.

#![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod common;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use photofinish_goprocess::{
    Binary, Goroutine, LoadBias, Memory, Origin, Pc, Process, Range, ReadError, StackEnd, Status,
};
use photofinish_sys::ForeignMemory;
use photofinish_testkit::{BuildOptions, wait_until};

/// Wait reasons of goroutines that do not wait but work on a thread's system stack, so that their own can be scanned
/// meanwhile (`isWaitingForSuspendG`, runtime/runtime2.go, Go 1.26; those that this program can have).
const WORKS_ELSEWHERE: [&str; 7] = [
    "GC assist marking",
    "GC mark termination",
    "GC worker (active)",
    "flushing proc caches",
    "garbage collection",
    "garbage collection scan",
    "stopping the world",
];

#[test]
fn no_settled_stack_of_a_process_in_motion_is_torn() {
    let running = common::start("churn", &BuildOptions::normal());
    let process = Process::open(running.pid()).unwrap();
    let mut n_settled = 0;
    let mut n_seen = 0;
    let mut names = HashMap::new();
    for _ in 0..15 {
        let snapshot = process.snapshot().unwrap();
        assert!(snapshot.goroutines.len() > 1100, "{}", snapshot.goroutines.len());
        n_seen += snapshot.goroutines.len();
        for goroutine in snapshot.goroutines.iter().filter(|goroutine| goroutine.settled) {
            n_settled += 1;
            assert_is_whole(&process, goroutine, &mut names);
        }
    }
    assert!(n_settled * 10 > n_seen * 9, "{n_settled} of {n_seen} were settled");
    // And it went on.
    let n_lines = running.output().lines().count();
    wait_until(common::PATIENCE, "more meetings", || running.output().lines().count() > n_lines);
}

#[track_caller]
fn assert_is_whole(process: &Process, goroutine: &Goroutine, names: &mut HashMap<Pc, Vec<String>>) {
    assert_eq!(goroutine.stack_end, StackEnd::Complete, "{goroutine:?}");
    let named = |pc: Pc| process.frames(pc).iter().map(|frame| frame.function.to_owned()).collect();
    let mut functions: Vec<String> = Vec::new();
    for pc in &goroutine.stack {
        functions.extend_from_slice(names.entry(*pc).or_insert_with(|| named(*pc)));
    }
    let started = process.started(goroutine.start).unwrap().name().to_owned();
    // One that has not begun yet stands at the wrapper that will call it.
    let has_begun = goroutine.status != Status::Runnable || functions.len() > 1;
    assert!(
        !has_begun || functions.contains(&started),
        "{started} is not at the end of {functions:?}"
    );
    let grows = functions.iter().filter(|name| *name == "main.grow").count();
    assert!(grows <= 300, "{functions:?}");
    if goroutine.status == Status::Waiting {
        let reason = goroutine.wait_reason.as_deref().unwrap_or_default();
        let works = WORKS_ELSEWHERE.contains(&reason);
        let top = if works { "runtime.systemstack_switch" } else { "runtime.gopark" };
        assert_eq!(functions[0], top, "{goroutine:?}");
    }
}

/// The memory of a real process, in which some words are not what they were.
#[derive(Debug)]
struct Garbage {
    real: ForeignMemory,
    state: AtomicU64,
    /// Of so many reads one is spoilt.
    one_in: u64,
}

impl Garbage {
    fn random(&self) -> u64 {
        // xorshift64: the same garbage in every run.
        let mut state = self.state.load(Ordering::Relaxed);
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.state.store(state, Ordering::Relaxed);
        state
    }
}

impl Memory for Garbage {
    fn read_many(&self, ranges: &[Range], into: &mut [u8]) -> Result<Vec<bool>, ReadError> {
        let mut was_read = Memory::read_many(&self.real, ranges, into)?;
        for read in &mut was_read {
            if self.random().is_multiple_of(self.one_in * 4) {
                *read = false;
            }
        }
        for word in into.chunks_mut(8) {
            if self.random().is_multiple_of(self.one_in) {
                let value = match self.random() % 5 {
                    0 => 0,
                    1 => u64::MAX,
                    2 => self.random(),
                    3 => self.random() % 4096,
                    _ => u64::from(word[0]) << 40,
                };
                word.copy_from_slice(&value.to_le_bytes()[..word.len()]);
            }
        }
        Ok(was_read)
    }

    fn is_live(&self) -> bool {
        true
    }
}

#[test]
fn garbage_in_the_process_is_survived_in_bounded_time() {
    let running = common::start("parked", &BuildOptions::normal().flag("-ldflags=-s -w"));
    let path = std::path::PathBuf::from(format!("/proc/{}/exe", running.pid()));
    let start = Instant::now();
    let mut n_opened = 0;
    for (round, one_in) in (0..60).zip([3, 20, 300, 5_000].into_iter().cycle()) {
        let real = ForeignMemory::open(running.pid()).unwrap();
        let state = AtomicU64::new(0x9e37_79b9_7f4a_7c15 + round);
        let garbage = Garbage { real, state, one_in };
        let binary = Binary::open(&path, &path).unwrap();
        let Ok(process) = Process::assemble(
            Origin::Live(running.pid()),
            Box::new(garbage),
            Arc::new(binary),
            LoadBias(0),
        ) else {
            continue;
        };
        n_opened += 1;
        if let Ok(snapshot) = process.snapshot() {
            for goroutine in &snapshot.goroutines {
                for pc in &goroutine.stack {
                    assert!(process.frames(*pc).len() <= 70);
                }
            }
        }
    }
    assert!(n_opened > 0, "no round got as far as the goroutines");
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_program_cut_or_spoilt_anywhere_gives_an_error_or_less() {
    let running = common::start("parked", &BuildOptions::normal());
    let whole = std::fs::read(format!("/proc/{}/exe", running.pid())).unwrap();
    let folder = photofinish_testkit::temp_dir();
    let path = folder.path().join("program");
    let mut n_opened = 0;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..60_u64 {
        let mut bytes = whole.clone();
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            usize::try_from(random >> 1).unwrap()
        };
        if round % 2 == 0 {
            bytes.truncate(next() % whole.len());
        } else {
            // Headers first, then all over the file.
            let reach = if round % 4 == 1 { 1024 } else { whole.len() };
            for _ in 0..1 + round * 4 {
                bytes[next() % reach] = next() as u8;
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let Ok(binary) = Binary::open(&path, &path) else { continue };
        let memory = Box::new(ForeignMemory::open(running.pid()).unwrap());
        let opened =
            Process::assemble(Origin::Live(running.pid()), memory, Arc::new(binary), LoadBias(0));
        if let Ok(snapshot) = opened.as_ref().map(Process::snapshot) {
            n_opened += 1;
            let process = opened.unwrap();
            for goroutine in &snapshot.unwrap().goroutines {
                for pc in &goroutine.stack {
                    process.frames(*pc);
                }
            }
        }
    }
    assert!(n_opened > 0, "no round got as far as the goroutines");
}
