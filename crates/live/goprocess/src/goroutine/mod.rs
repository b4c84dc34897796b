//! One goroutine as it was read: what it does, what it waits for, where it is.
//!
//! Not here: reading them (`read`), names for addresses (`symbols`). Start at [`Goroutine`].

mod batch;
mod conds;
mod labels;
pub(crate) mod raw;
pub(crate) mod read;
pub(crate) mod semaphores;
pub(crate) mod still;
pub(crate) mod waits;

use std::collections::HashMap;
use std::sync::Arc;

pub use self::raw::Mark;
use crate::RuntimeAddr;
use crate::process::Process;
use crate::symbols::PcKind;

/// A goroutine.
#[derive(Clone, Debug)]
pub struct Goroutine {
    /// Its number.
    pub id: u64,
    /// Its `runtime.g`.
    pub address: RuntimeAddr,
    /// What it does.
    pub status: Status,
    /// Why it waits, as the runtime calls it; only of one that waits.
    pub wait_reason: Option<Arc<str>>,
    /// For how many nanoseconds it has waited at least: the runtime notes the time when a garbage
    /// collection meets it waiting.
    pub waited_at_least: Option<u64>,
    /// What it waits for, one per case of a select; empty where that is not known.
    pub waits: Vec<Wait>,
    /// The thread it runs on (or is in a system call on), by its number for us.
    pub thread: Option<u32>,
    /// It is tied to a thread (`runtime.LockOSThread`).
    pub locked_to_thread: bool,
    /// The goroutine that started it; 0 for the first ones.
    pub creator: u64,
    /// Behind the `go` statement that started it.
    pub created_at: RuntimeAddr,
    /// The function it was started with.
    pub start: RuntimeAddr,
    /// Its pprof labels.
    pub labels: Arc<[(String, String)]>,
    /// Its stack, innermost first; empty for one that runs.
    pub stack: Vec<Pc>,
    /// How the stack ends.
    pub stack_end: StackEnd,
    /// How the stack was come by.
    pub seen: Seen,
    /// It did not move while it was read.
    pub settled: bool,
    /// Changes when it moves.
    pub mark: Mark,
}

/// A program counter on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pc {
    /// Where.
    pub address: RuntimeAddr,
    /// What it means.
    pub kind: PcKind,
}

/// What a goroutine waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wait {
    /// What it is.
    pub on: WaitOn,
    /// Where it is: of a channel its `runtime.hchan`, of a mutex and its kin the variable itself.
    pub address: RuntimeAddr,
}

/// The sort of thing a goroutine can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WaitOn {
    /// To send to it, to receive from it, or a case of a select.
    Channel,
    /// A `sync.Mutex`.
    Mutex,
    /// A `sync.RWMutex`.
    RwMutex,
    /// A `sync.WaitGroup`.
    WaitGroup,
    /// A `sync.Cond`.
    Cond,
    /// A semaphore in something else.
    Semaphore,
}

/// What a goroutine does: `g.atomicstatus`, `runtime/runtime2.go`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Waits for a processor.
    Runnable,
    /// Runs.
    Running,
    /// In a system call, or in C.
    Syscall,
    /// Waits.
    Waiting,
    /// Its stack is being moved.
    CopyStack,
    /// Stopped to let others run.
    Preempted,
    /// Waits for what nobody can reach (found by the runtime, Go 1.26 on).
    Leaked,
}

/// How a stack ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StackEnd {
    /// Where the goroutine began.
    Complete,
    /// At the most frames that are read.
    Cut,
    /// At something that cannot be.
    Lost,
    /// It was not read: the goroutine runs, or moved.
    #[default]
    Unread,
}

/// How a stack was come by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Seen {
    /// It was read where the runtime had put it down.
    #[default]
    Memory,
    /// The goroutine ran, and a clock sampled its thread: there it was at about that time.
    Sample,
    /// The goroutine ran, and its thread was held still.
    Stop,
}

/// Says what each waits for where it did not say so itself.
pub(crate) fn add_semaphores(process: &Process, goroutines: &mut [Goroutine]) {
    let is_silent = |found: &Goroutine| found.waits.is_empty() && waits::is_on_semaphore(found);
    if goroutines.iter().any(is_silent)
        && let Some(table) = process.semaphores()
    {
        add_waiters(goroutines, &table.waiters(process.memory(), process.layout()));
    }
    tell_by_frames(process, goroutines);
}

/// What each waits for as its stack says, where the runtime says less.
pub(crate) fn tell_by_frames(process: &Process, goroutines: &mut [Goroutine]) {
    waits::tell_wait_groups(process, goroutines);
    conds::tell_conds(process, goroutines);
}

/// The same by what the runtime's table of semaphores said.
pub(crate) fn add_waiters(
    goroutines: &mut [Goroutine],
    waiters: &HashMap<RuntimeAddr, RuntimeAddr>,
) {
    for goroutine in goroutines {
        if goroutine.waits.is_empty() && waits::is_on_semaphore(goroutine) {
            let semaphore = waiters.get(&goroutine.address);
            let reason = goroutine.wait_reason.as_deref();
            goroutine.waits.extend(semaphore.map(|at| waits::of_semaphore(*at, reason)));
        }
    }
}

impl Status {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Status::Runnable => "runnable",
            Status::Running => "running",
            Status::Syscall => "syscall",
            Status::Waiting => "waiting",
            Status::CopyStack => "copystack",
            Status::Preempted => "preempted",
            Status::Leaked => "leaked",
        }
    }

    /// The status behind the runtime's number without its scan bit; `None` for one that is no goroutine
    /// (dead, not begun) or no status.
    fn of(number: u32) -> Option<Status> {
        Some(match number {
            1 => Status::Runnable,
            2 => Status::Running,
            3 => Status::Syscall,
            4 => Status::Waiting,
            8 => Status::CopyStack,
            9 => Status::Preempted,
            10 => Status::Leaked,
            _ => return None,
        })
    }
}

impl Goroutine {
    /// Whether it waits, in the kernel or out of it.
    pub fn is_blocked(&self) -> bool {
        matches!(self.status, Status::Waiting | Status::Leaked | Status::Syscall)
    }

    /// Whether it stands as `before`, another reading of the same goroutine, had it.
    pub fn stands_as(&self, before: &Goroutine) -> bool {
        self.id == before.id && self.mark == before.mark && self.stack == before.stack
    }
}

impl Seen {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Seen::Memory => "memory",
            Seen::Sample => "sample",
            Seen::Stop => "stop",
        }
    }
}

impl WaitOn {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            WaitOn::Channel => "channel",
            WaitOn::Mutex => "mutex",
            WaitOn::RwMutex => "rwmutex",
            WaitOn::WaitGroup => "waitgroup",
            WaitOn::Cond => "cond",
            WaitOn::Semaphore => "semaphore",
        }
    }
}
