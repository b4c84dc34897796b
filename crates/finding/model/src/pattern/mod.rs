//! What sort of mistake a race is, told from its report: a name, an explanation, a repair hint.
//!
//! The taxonomy follows what is known of races in Go (Chabbi and Ramanathan, "A Study of Real-World
//! Data Races in Golang", PLDI 2022, arXiv 2204.00764). A report shows some patterns by itself; others
//! need the source line, which the caller may supply ([`Pattern::with_source`]). Where nothing more particular
//! shows, the answer is [`Pattern::UnsynchronizedAccess`], never a guess.
//!
//! Here: the words. How a race is classified is in `classify.rs`.

mod classify;

use crate::{Frame, Race, words};

/// The sort of mistake behind a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pattern {
    /// A map used by several goroutines without a lock.
    ConcurrentMap,
    /// `append` to, or growth of, a slice that another goroutine uses.
    SliceHeader,
    /// A goroutine's closure reads the variable of the loop that starts it.
    LoopVariableCapture,
    /// A goroutine's closure shares the function's `err`.
    ErrCapture,
    /// A goroutine's closure shares another variable of the function around it.
    CapturedVariable,
    /// One side takes a lock, the other does not.
    PartialLock,
    /// A write while only a read lock is held.
    WriteUnderReadLock,
    /// Methods of one type touch its fields with no lock.
    MissingLock,
    /// `Add`, `Done` or `Wait` of a WaitGroup in the wrong place.
    WaitGroupMisuse,
    /// One side atomic, the other plain.
    MixedAtomic,
    /// One `bytes.Buffer`, `strings.Builder`, encoder or bufio value used by two goroutines.
    SharedBuffer,
    /// A value of a library type that is not safe for concurrent use, shared.
    UnsafeApi,
    /// Something made once at first use, with nothing guarding the first use.
    LazyInit,
    /// Read, change, write back (`n++`) by two goroutines: updates are lost.
    LostUpdate,
    /// A package variable changed while others use it.
    GlobalVariable,
    /// Parallel tests that share state.
    ParallelTest,
    /// Send or close racing with close.
    ChannelClose,
    /// Goroutines that wait for each other, or locks taken in two orders.
    Deadlock,
    /// Goroutines that nobody can wake any more.
    GoroutineLeak,
    /// Any other misuse of a lock or WaitGroup that the runtime noticed.
    SyncMisuse,
    /// A panic or fatal error that is no race by itself.
    Crash,
    /// The race build answers differently from the primary, now and then.
    AnswerDiff,
    /// Memory used after it was freed.
    UseAfterFree,
    /// A signal handler or a leaked thread.
    ThreadMisuse,
    /// The detector could not do its work.
    DetectorFailure,
    /// Nothing more particular can be told from the report.
    UnsynchronizedAccess,
}

impl Pattern {
    /// Classifies `race` from its report alone.
    pub fn of(race: &Race) -> Pattern {
        classify::classify(race, &mut |_, _| None)
    }

    /// Classifies `race` with the help of the source: `line_of(frame, line)` gives the text of a line of
    /// the frame's file, or `None` where there is none to be had.
    pub fn with_source(
        race: &Race,
        mut line_of: impl FnMut(&Frame, u32) -> Option<String>,
    ) -> Pattern {
        classify::classify(race, &mut line_of)
    }

    /// What goes wrong, in one line.
    pub fn explanation(self) -> &'static str {
        self.texts().0
    }

    /// How it is usually repaired, in one line.
    pub fn hint(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Pattern::ConcurrentMap => (
                "Several goroutines use one map without a lock; a Go map may crash the process or give wrong answers.",
                "Guard the map with a sync.RWMutex held around every read, write and iteration, or use sync.Map for keys written once and read often.",
            ),
            Pattern::SliceHeader => (
                "A goroutine appends to or copies a slice while another uses it; elements are lost or read from the old array.",
                "Hold one lock around append and around reading the slice variable itself, or let each goroutine fill its own slice and join them after Wait.",
            ),
            Pattern::LoopVariableCapture => (
                "The goroutine's closure reads the loop's variable, which the loop has meanwhile moved on.",
                "Pass the variable as an argument of the function, or copy it inside the loop; since go 1.22 in go.mod each iteration has its own.",
            ),
            Pattern::ErrCapture => (
                "A goroutine assigns the err of the function around it while that function uses it.",
                "Declare a new err inside the closure (err := ...) and hand it back over a channel or an errgroup.Group.",
            ),
            Pattern::CapturedVariable => (
                "A goroutine's closure and the function around it (or its sibling closure) share a local variable.",
                "Give the closure its own copy, return the result over a channel, or wait for the goroutine before touching the variable.",
            ),
            Pattern::PartialLock => (
                "One side holds a lock, the other touches the same data without it.",
                "Take the same lock on the side that has none; a helper that expects the lock held should say so in its name.",
            ),
            Pattern::WriteUnderReadLock => (
                "The data is changed while only a read lock is held, which other readers hold too.",
                "Use Lock instead of RLock around the write.",
            ),
            Pattern::MissingLock => (
                "Methods of one type touch its fields from several goroutines with no lock.",
                "Put a sync.Mutex beside the fields and hold it in every method that touches them, or confine the value to one goroutine.",
            ),
            Pattern::WaitGroupMisuse => (
                "The WaitGroup's counter is raised or waited for in the wrong place, so Wait may return too early.",
                "Call Add before the go statement, never inside the goroutine; since Go 1.25 use WaitGroup.Go.",
            ),
            Pattern::MixedAtomic => (
                "One side uses sync/atomic, the other reads or writes the same word plainly.",
                "Use an atomic type (atomic.Int64, atomic.Pointer) so that no plain access is possible.",
            ),
            Pattern::SharedBuffer => (
                "One buffer, builder or encoder is used by two goroutines; its bytes get mixed and nothing crashes.",
                "Give each goroutine its own buffer (or take one from a sync.Pool for the time of the call), or guard it with a lock.",
            ),
            Pattern::UnsafeApi => (
                "A value of a library type that is not safe for concurrent use is shared by two goroutines.",
                "Read the type's documentation on concurrency: give each goroutine its own value, or guard it with a lock.",
            ),
            Pattern::LazyInit => (
                "Something is made at its first use and nothing guards the first use: it may be made twice, or seen half made.",
                "Use sync.Once or sync.OnceValue.",
            ),
            Pattern::LostUpdate => (
                "Two goroutines read, change and write back the same value; some of the updates are lost.",
                "Use an atomic type (atomic.Int64 and its Add) or hold a lock around the whole update.",
            ),
            Pattern::GlobalVariable => (
                "A package variable is changed while other goroutines use it.",
                "Set it before any goroutine starts, pass the value along instead, or guard it with a lock or an atomic type.",
            ),
            Pattern::ParallelTest => (
                "Tests marked t.Parallel share a variable.",
                "Give each test its own value; copy what a table test's closure captures.",
            ),
            Pattern::ChannelClose => (
                "A channel is closed while another goroutine sends on it or closes it.",
                "Let only the sender close, once, after its last send; tell senders to stop with a context or a done channel.",
            ),
            Pattern::Deadlock => (
                "Goroutines wait for each other, and none can go on.",
                "Look at what each one waits for below: take locks in one order, and give every channel operation a way out.",
            ),
            Pattern::GoroutineLeak => (
                "Goroutines wait for what cannot happen any more, and pile up.",
                "Give every wait a way out: a buffered channel for an answer that may not be fetched, a context to select on, a close when the sender is done.",
            ),
            Pattern::SyncMisuse => (
                "A lock or WaitGroup was used against its contract.",
                "Pair every Unlock with a Lock by defer, never copy a lock, and call Add before Wait.",
            ),
            Pattern::Crash => (
                "The process died of this; a race may or may not be behind it.",
                "Look at the races found in the same process first: what they corrupt often shows as a crash elsewhere.",
            ),
            Pattern::AnswerDiff => (
                "Now and then the race build answers a copy of a request differently from the primary. A race that mixes up memory does this without a report; so does an answer that depends on more than the request.",
                "Look whether the mirror's value belongs to another request: then a buffer, a pooled object (sync.Pool) or a struct is shared by two handlers, or used after it was given back. Look at the races found in this service, and drive this route under the race build with more concurrency: photofinish hunt. If the value may differ (random, a cache, the mirror's own database), put its place into the mirror's ignored paths.",
            ),
            Pattern::UseAfterFree => (
                "Memory was used by one thread after another had freed it.",
                "Make the owner outlive its users, or count references.",
            ),
            Pattern::ThreadMisuse => (
                "A thread or signal handler was used against its contract.",
                "Join or detach every thread; do only async-signal-safe work in a handler.",
            ),
            Pattern::DetectorFailure => (
                "The race detector itself could not go on, so races of this process may be missing.",
                "Give the process more memory, or read the message: it names the option or the limit.",
            ),
            Pattern::UnsynchronizedAccess => (
                "Two goroutines touch the same memory, at least one writes, and nothing orders them.",
                "Find who owns the data: guard it with a lock, hand it over by a channel, or make it immutable once shared.",
            ),
        }
    }
}

words!(Pattern, "pattern", {
    ConcurrentMap => "concurrent-map",
    SliceHeader => "slice-header",
    LoopVariableCapture => "loop-variable-capture",
    ErrCapture => "err-capture",
    CapturedVariable => "captured-variable",
    PartialLock => "partial-lock",
    WriteUnderReadLock => "write-under-read-lock",
    MissingLock => "missing-lock",
    WaitGroupMisuse => "wait-group-misuse",
    MixedAtomic => "mixed-atomic",
    SharedBuffer => "shared-buffer",
    UnsafeApi => "unsafe-api",
    LazyInit => "lazy-init",
    LostUpdate => "lost-update",
    GlobalVariable => "global-variable",
    ParallelTest => "parallel-test",
    ChannelClose => "channel-close",
    Deadlock => "deadlock",
    GoroutineLeak => "goroutine-leak",
    SyncMisuse => "sync-misuse",
    Crash => "crash",
    AnswerDiff => "answer-diff",
    UseAfterFree => "use-after-free",
    ThreadMisuse => "thread-misuse",
    DetectorFailure => "detector-failure",
    UnsynchronizedAccess => "unsynchronized-access",
});
