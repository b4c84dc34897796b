//! Catching a thread in the act: breakpoints of the processor, a program in the kernel that stops the thread
//! which arrives, and the right to hold it.
//!
//! The order of use: [`Tracer::attach`], [`StopProgram::load`], a [`Breakpoint`] per thread and place. A
//! thread that arrives at an armed execution breakpoint is sent SIGURG by the program, and comes out
//! of [`Tracer::wait`] as a [`Stopped`] value, standing exactly on the instruction. Nothing of the
//! other process is written. When we die, the kernel closes the events and lets the threads go on.
//!
//! Not here: which instructions to wait at, and what a hit means (`catch`).

mod apart;
mod bpf;
mod breakpoint;
mod clock_sample;
mod cost;
mod error;
mod freeze;
mod namespace;
mod priority;
mod probes;
mod program;
mod registers;
mod sample;
mod shield;
mod tracer;

pub use breakpoint::{Breakpoint, Watching};
pub use clock_sample::ClockSampler;
pub use cost::trap_cost;
pub use error::TraceError;
pub use freeze::{Frozen, StillThread, freeze};
pub use priority::{hurry, thread_cpu_time};
pub use probes::{Planted, Probe, ProbeProgram};
pub use program::{Note, PLACES, StopProgram};
pub use registers::{Register, Registers};
pub use sample::Hit;
pub use tracer::{Event, Stopped, Tracer, block_child_signals};
