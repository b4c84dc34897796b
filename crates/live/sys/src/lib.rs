//! What the kernel lets us see of another process: its memory, mappings, threads and processors.
//!
//! The one room of photofinish with `unsafe` in it. Nothing here knows of Go. What is read is a claim
//! of the other process about itself: bounded here, believed nowhere. Only [`trace`] stops threads;
//! nothing changes the other process.
//!
//! Not here: what the bytes mean (`goprocess`). Start at [`ForeignMemory`].

mod auxv;
mod clock;
mod denied;
mod descriptors;
mod error;
mod image;
mod maps;
mod memory;
mod numa;
mod threads;
pub mod trace;

pub use auxv::{AuxEntry, auxv, parse_auxv};
pub use clock::monotonic_now;
pub use descriptors::{Descriptor, Socket, Syscall, descriptor, syscall};
pub use error::SysError;
pub use image::Image;
pub use maps::{Mapping, mappings};
pub use memory::{ForeignMemory, Range};
pub use numa::NumaNodes;
pub use threads::{
    Thread, ThreadState, process_ticks, thread_numbers, threads, tid_inside, times_scheduled,
};
