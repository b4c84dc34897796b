//! What the answers took, kept so that memory does not grow with their number.
//!
//! Each thread records into its own [`record::Recorder`]; the caller's thread merges them on
//! every tick. Start at [`Summary`].

pub(crate) mod latencies;
pub(crate) mod record;
pub(crate) mod summary;
pub(crate) mod threshold;

pub use latencies::Latencies;
pub use summary::{ErrorCount, Replayed, Snapshot, Summary};
pub use threshold::{Crossed, Threshold};
