//! One race as somebody saw it: the accesses, their stacks, and the text it came from.
//!
//! A `Race` is what one report says and no more: nothing is guessed, and what the report did not
//! say is `None` or empty. Fatal errors of the Go runtime and panics are `Race`s of their own
//! [`Kind`]s with one access, or none.

use std::fmt;

/// One report of something that went wrong between goroutines (or threads).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Race {
    /// What sort of report it is.
    pub kind: Kind,
    /// Who made the report.
    pub detector: Detector,
    /// What the detector called it, without its prefix: `DATA RACE`,
    /// `concurrent map read and map write`, `send on closed channel`, `lock-order-inversion (potential deadlock)`.
    pub headline: String,
    /// The accesses, the one printed first (which the detector saw last) in front. Two for a
    /// data race, one (the crashing goroutine) for a fatal map error, none for a deadlock.
    pub accesses: Vec<Access>,
    /// Other goroutines that the report shows, as a fatal error does with `GOTRACEBACK=all`.
    pub others: Vec<Goroutine>,
    /// The object raced on, where the detector knows it (LLVM's ThreadSanitizer, `catch`).
    pub location: Option<Location>,
    /// The report stops before its end: a crash cut it short, or the log was torn.
    pub partial: bool,
    /// Found by a `--light` build, whose verdict wants confirming in a full one.
    pub light: bool,
    /// The report as printed, transport prefixes undone.
    pub raw: String,
}

/// What sort of report a [`Race`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Two unordered accesses, at least one a write.
    DataRace,
    /// `fatal error: concurrent map …` of the Go runtime.
    ConcurrentMap,
    /// `all goroutines are asleep - deadlock!`, or LLVM's lock-order inversion.
    Deadlock,
    /// Send on, or close of, a closed channel.
    ClosedChannel,
    /// `negative WaitGroup counter`, `WaitGroup misuse`, `unlock of unlocked mutex` and their kin.
    SyncMisuse,
    /// Any other unrecovered panic.
    Panic,
    /// Any other `fatal error:` of the Go runtime (out of memory, stack overflow, …).
    FatalError,
    /// LLVM: use after free, seen through a race.
    UseAfterFree,
    /// LLVM: a thread that nobody joined.
    ThreadLeak,
    /// Goroutines that wait for what cannot happen any more.
    GoroutineLeak,
    /// LLVM: a signal handler that does what it must not.
    SignalUnsafe,
    /// The detector itself failed: out of shadow memory, too many goroutines, a bad option.
    DetectorFailure,
    /// The race build answered a copy of a request differently: no report, but perhaps what a race did.
    /// See [`AnswerDiff`](crate::AnswerDiff).
    AnswerDiff,
}

/// Who saw the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Detector {
    /// The detector in a Go `-race` build.
    GoRace,
    /// The Go runtime's own checks (fatal errors, panics).
    GoRuntime,
    /// ThreadSanitizer of LLVM or GCC: C, C++, Rust, Swift.
    LlvmTsan,
    /// photofinish itself (`catch`, `inspect`, answers compared by `proxy`).
    Photofinish,
}

/// One access to the memory raced on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Read or write, atomic or not.
    pub op: Op,
    /// Where, in the address space of the process.
    pub address: Option<u64>,
    /// How many bytes, where the detector says (Go never does).
    pub size: Option<u32>,
    /// The goroutine. From a Go race report this is ThreadSanitizer's number, *not* the runtime's goid.
    pub goroutine: Option<GoroutineId>,
    /// The thread, as printed by LLVM (`T2`, `main`), or its tid (`catch`).
    pub thread: Option<String>,
    /// Innermost frame first.
    pub stack: Stack,
    /// Where the goroutine was created, innermost frame first; empty for the main goroutine.
    pub created_at: Stack,
    /// Whether the goroutine still ran when the race was printed.
    pub state: Option<GoroutineState>,
}

/// A goroutine shown beside the accesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goroutine {
    /// Its number.
    pub id: GoroutineId,
    /// What the trace says in brackets, without them: `chan receive, 2 minutes`.
    pub status: String,
    /// Innermost frame first.
    pub stack: Stack,
    /// Where it was created.
    pub created_at: Stack,
}

/// The name a report gives a goroutine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GoroutineId {
    /// `main goroutine`.
    Main,
    /// `goroutine 7`.
    Number(u64),
}

/// Whether a goroutine still ran at the time of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GoroutineState {
    /// `(running)`.
    Running,
    /// `(finished)`.
    Finished,
}

/// What an access did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Op {
    /// A plain read.
    Read,
    /// A plain write.
    Write,
    /// A read by an atomic operation.
    AtomicRead,
    /// A write by an atomic operation.
    AtomicWrite,
}

/// A call stack, innermost frame first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Stack {
    /// The frames.
    pub frames: Vec<Frame>,
}

/// One frame of a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The symbol as printed, without the `()` behind it: `main.(*Cart).Add`.
    pub function: String,
    /// The source file as printed, any prefix included.
    pub file: Option<String>,
    /// The line, from 1.
    pub line: Option<u32>,
    /// The column, from 1 (LLVM).
    pub column: Option<u32>,
    /// `+0x…` behind a Go frame: bytes from the entry of the physical function.
    pub offset: Option<u64>,
    /// The module and offset behind an LLVM frame, as printed: `server+0xd1a2f`.
    pub module: Option<String>,
    /// Known to be inlined into the next frame (a race report does not say, a panic trace does).
    pub inlined: bool,
}

/// The object raced on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// In words: `heap block of size 64 at 0x720c00000000`, `global 'hits' of size 8`.
    pub description: String,
    /// Where it was allocated, if known.
    pub stack: Stack,
}

impl Race {
    /// A race with nothing in it but its kind, for a reader to fill.
    pub fn new(kind: Kind, detector: Detector, headline: impl Into<String>) -> Self {
        Race {
            kind,
            detector,
            headline: headline.into(),
            accesses: Vec::new(),
            others: Vec::new(),
            location: None,
            partial: false,
            light: false,
            raw: String::new(),
        }
    }
}

impl Access {
    /// An access of which only the operation is known.
    pub fn new(op: Op) -> Self {
        Access {
            op,
            address: None,
            size: None,
            goroutine: None,
            thread: None,
            stack: Stack::default(),
            created_at: Stack::default(),
            state: None,
        }
    }
}

impl Op {
    /// Whether memory is changed.
    pub fn is_write(self) -> bool {
        matches!(self, Op::Write | Op::AtomicWrite)
    }

    /// Whether the operation is atomic.
    pub fn is_atomic(self) -> bool {
        matches!(self, Op::AtomicRead | Op::AtomicWrite)
    }
}

impl Frame {
    /// A frame of which only the function is known.
    pub fn new(function: impl Into<String>) -> Self {
        Frame { function: function.into(), ..Frame::default() }
    }
}

impl From<Vec<Frame>> for Stack {
    fn from(frames: Vec<Frame>) -> Self {
        Stack { frames }
    }
}

/// A word that names nothing known, in a file or on a command line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is not a {what}; one of: {known}")]
pub struct UnknownWord {
    /// What was expected: `kind`, `detector`, …
    pub what: &'static str,
    /// What came.
    pub word: String,
    /// What would have been understood.
    pub known: String,
}

/// Gives an enum its words: what JSON, flags, pages and the database call each value, both ways
/// (`ALL`, `word`, `Display`, `FromStr`).
#[macro_export]
macro_rules! words {
    ($name:ident, $what:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $name {
            /// Every value, in the order of its definition.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word for it in JSON, flags and pages.
            pub fn word(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.word())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> ::std::result::Result<Self, $crate::UnknownWord> {
                match word {
                    $($word => Ok($name::$variant),)+
                    _ => Err($crate::UnknownWord {
                        what: $what,
                        word: word.to_owned(),
                        known: [$($word),+].join(", "),
                    }),
                }
            }
        }
    };
}

words!(Kind, "kind", {
    DataRace => "data-race",
    ConcurrentMap => "concurrent-map",
    Deadlock => "deadlock",
    ClosedChannel => "closed-channel",
    SyncMisuse => "sync-misuse",
    Panic => "panic",
    FatalError => "fatal-error",
    UseAfterFree => "use-after-free",
    ThreadLeak => "thread-leak",
    GoroutineLeak => "goroutine-leak",
    SignalUnsafe => "signal-unsafe",
    DetectorFailure => "detector-failure",
    AnswerDiff => "answer-diff",
});

words!(Detector, "detector", {
    GoRace => "go-race",
    GoRuntime => "go-runtime",
    LlvmTsan => "llvm-tsan",
    Photofinish => "photofinish",
});

words!(Op, "operation", {
    Read => "read",
    Write => "write",
    AtomicRead => "atomic-read",
    AtomicWrite => "atomic-write",
});

words!(GoroutineState, "goroutine state", {
    Running => "running",
    Finished => "finished",
});

impl fmt::Display for GoroutineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GoroutineId::Main => f.write_str("main"),
            GoroutineId::Number(number) => write!(f, "{number}"),
        }
    }
}
