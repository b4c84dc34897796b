//! A Go process or core file as data: how it was built, functions and lines, threads, goroutines, stacks.
//!
//! In: a process number. Out: what every goroutine of it does, read while the process runs on. Everything is
//! found in stripped programs too, since a Go program carries its function table and the record of its
//! module always; where the fields of the runtime's structures lie comes from debug information or
//! from a table by Go version. What is read of another process is a claim that may be false: bounded,
//! and checked before it is believed; garbage gives an error or less data.
//!
//! Not here: what the answers mean (`inspect`), system calls (`sys`). Start at [`Process::open`].
#![forbid(unsafe_code)]

mod address;
mod allgs;
mod belongs;
mod binary;
mod bytes;
mod code;
mod core;
mod defers;
mod error;
mod glimpse;
mod goroutine;
mod heap;
mod holding;
mod keepers;
mod layout;
mod map_call;
mod memory;
mod module;
mod plugins;
mod process;
mod reach;
mod symbols;
mod thing;
mod unwind;
mod variables;
mod waited;

pub use crate::core::StoppedThread;
pub use address::{LinkAddr, LoadBias, RuntimeAddr};
pub use belongs::Belongs;
pub use binary::build_info::BuildInfo;
pub use binary::{Architecture, Binary};
pub use defers::Deferred;
pub use error::{OpenError, ReadError};
pub use glimpse::{Glimpse, Glimpses, Pace, glimpses_still};
pub use goroutine::{Goroutine, Mark, Pc, Seen, StackEnd, Status, Wait, WaitOn};
pub use layout::{Layout, LayoutSource, wait_reasons_in};
pub use map_call::{MapCall, MapCalls};
pub use memory::{Memory, Range};
pub use photofinish_sys::trace::{TraceError, block_child_signals};
pub use photofinish_sys::{
    Descriptor, NumaNodes, Socket, Syscall, Thread, ThreadState, descriptor, monotonic_now,
    syscall, threads,
};
pub use process::{Origin, Process, Snapshot};
pub use reach::{NoHeap, Objects};
pub use symbols::{Frame, Function, PcKind, Symbols};
pub use thing::{Direction, Thing};
pub use variables::{Field, FrameValues, Limits, Role, State, Values, Variable};
