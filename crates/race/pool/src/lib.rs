//! A pool of race-built workers: as many as the lag of their queue asks for, none too large.
//!
//! In: a [`Plan`], and twice a second how many jobs wait. Out: workers that run under `supervise`, each in
//! a thread of its own, whose reports go to the sink; and [`Event`]s. The surprising choice: nothing here
//! is measured in processor time. A race build's worker that waits for a lock and one that computes look
//! alike from the queue, and the queue is what must not grow.
//!
//! What a crash, a restart and an orderly end are is `supervise`'s affair; a worker that grew too large
//! is ended like one too many (SIGTERM, time for its jobs, SIGKILL), and another takes its place. When we
//! are killed the kernel ends the workers, each of whose life hangs on a thread of ours.
//!
//! Not here: what a queue is (`jobs`), who decides whether the workers get jobs (`jobs`' gate).
//! Start at [`Pool::follow`]; how many are wanted is in `scale`.

#![forbid(unsafe_code)]

mod plan;
mod pool;
mod scale;
mod worker;

pub use plan::{Plan, SLOWDOWN, most_needed};
pub use pool::{Event, Pool, Sinks, Totals};
