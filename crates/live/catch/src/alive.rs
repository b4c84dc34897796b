//! Which functions of a large program run at all: those are looked at first.
//!
//! A program has ten thousand places that touch memory and uses a few dozen. Two looks tell which, and neither holds
//! anybody: the stacks of some goroutines, parked ones included, show code that comes back seldom (who sleeps between
//! two loads of a configuration) and keep functions to be called later; a clock that samples running threads shows the hot
//! code. What those functions call directly is alive, too. Start at [`alive`].

use std::collections::HashSet;
use std::time::{Duration, Instant};

use photofinish_goprocess::{Glimpses, LinkAddr, Pace, Pc, Process};
use photofinish_sys::threads;

use crate::closures::{kept, values_at};
use crate::decode::named_by;
use crate::sites::code;

/// Goroutines whose stacks are read: of more, so many, evenly chosen.
const MOST_GOROUTINES: usize = 1024;
/// How long running threads are sampled, and how often.
const SAMPLED: Duration = Duration::from_millis(60);
const TAKE: Duration = Duration::from_millis(4);
const PACE: Pace = Pace { every: Duration::from_micros(300), copied: 512 };
/// Threads sampled.
const MOST_THREADS: usize = 64;
/// How far calls are followed, and how many functions that may give.
const DEPTH: usize = 3;
const MOST_FUNCTIONS: usize = 4000;

/// Functions, by where they begin.
#[derive(Debug, Default)]
pub(crate) struct Alive {
    /// Those that a clock saw running, or in the callers of who ran.
    pub(crate) hot: HashSet<LinkAddr>,
    /// Those on the stacks of goroutines: they may go on in their midst, and never begin again.
    pub(crate) on_stacks: HashSet<LinkAddr>,
    /// All.
    pub(crate) all: HashSet<LinkAddr>,
}

/// The functions that were seen alive. What cannot be read is left out.
pub(crate) fn alive(process: &Process) -> Alive {
    let mut found = Seen::default();
    sample(process, &mut found);
    let hot = found.known.clone();
    let goroutines = process.some_goroutines(MOST_GOROUTINES).unwrap_or_default();
    for goroutine in &goroutines {
        found.add_stack(process, &goroutine.stack);
    }
    let on_stacks = found.known.clone();
    found.add_all(kept(process, &goroutines));
    for _ in 0..DEPTH {
        let callers: Vec<LinkAddr> = found.new.drain(..).collect();
        let mut taken = Vec::new();
        for caller in callers {
            found.add_called(process, caller, &mut taken);
        }
        taken.sort_unstable();
        taken.dedup();
        taken.iter_mut().for_each(|at| *at = LinkAddr(*at).loaded(process.bias()).0);
        found.add_all(values_at(process, &taken).functions);
    }
    Alive { hot, on_stacks, all: found.known }
}

#[derive(Debug, Default)]
struct Seen {
    /// Those whose calls were not followed yet.
    new: Vec<LinkAddr>,
    known: HashSet<LinkAddr>,
}

impl Seen {
    fn add(&mut self, entry: LinkAddr) {
        if self.known.len() < MOST_FUNCTIONS && self.known.insert(entry) {
            self.new.push(entry);
        }
    }

    fn add_all(&mut self, entries: Vec<LinkAddr>) {
        entries.into_iter().for_each(|entry| self.add(entry));
    }

    fn add_stack(&mut self, process: &Process, stack: &[Pc]) {
        for pc in stack {
            if let Some(function) = process.symbols().function_at(pc.address.linked(process.bias()))
            {
                self.add(function.entry);
            }
        }
    }

    /// Adds whom `caller` calls; what it takes the address of goes into `taken`.
    fn add_called(&mut self, process: &Process, caller: LinkAddr, taken: &mut Vec<u64>) {
        let Some(function) = process.symbols().function_at(caller) else { return };
        if function.name().starts_with("runtime.") {
            return;
        }
        let Some(code) = code(process, function.entry, function.end) else { return };
        let (called, named) = named_by(&code, function.entry.0);
        for target in called {
            if let Some(called) = process.symbols().function_at(LinkAddr(target)) {
                self.add(called.entry);
            }
        }
        taken.extend(named);
    }
}

/// Samples threads for a moment.
fn sample(process: &Process, found: &mut Seen) {
    let Some(Ok(threads)) = process.pid().map(threads) else { return };
    let threads: Vec<u32> = threads.iter().map(|thread| thread.tid).take(MOST_THREADS).collect();
    let Ok(mut glimpses) = Glimpses::open(process, &threads, PACE) else { return };
    let end = Instant::now() + SAMPLED;
    while Instant::now() < end {
        std::thread::sleep(TAKE);
        for glimpse in glimpses.take() {
            found.add_stack(process, &glimpse.stack);
        }
    }
}
