//! What the goroutines of a process do: listed, filtered, grouped, and who waits for whom.
//!
//! In: a [`Process`](photofinish_goprocess::Process). Out: a [`Look`], which is one reading of all its goroutines
//! with names for everything, and what follows from it. It is not a moment of the process: each goroutine
//! is as it was when it was read.
//!
//! Not here: reading memory (`goprocess`), printing (`photofinish`). Start at [`Look::take`].
#![forbid(unsafe_code)]

mod cycles;
mod deadlocks;
mod deferred;
mod detail;
mod dump;
mod filter;
mod finding;
mod group;
mod holders;
mod leaks;
mod look;
mod maps;
mod names;
mod shared;
mod syscalls;
mod watch;

pub use deadlocks::{Deadlocks, Link};
pub use deferred::PutOff;
pub use detail::{Detail, InSyscall, Polled, Waited};
pub use dump::{Dump, DumpError, Title};
pub use filter::{BadFilter, Filter};
pub use group::{Group, GroupBy, group};
pub use holders::{Evidence, Holder};
pub use leaks::Leak;
pub use look::{Approach, Creator, Look};
pub use maps::{MapUse, MapUser, Maps};
pub use names::Line;
pub use shared::{Company, company_of};
pub use watch::{Changes, GroupChange, Watch};
