//! What the proxy counts: of each variant, of its callers, and of itself.
//!
//! Counting is a few relaxed additions; reading takes a snapshot. Counts outlive a reload.

mod caller;
mod histogram;
mod prometheus;
mod status;
mod variant;

pub(crate) use caller::Caller;
pub use histogram::Times;
pub(crate) use prometheus::text as prometheus_text;
pub use status::{CallerFigures, CanaryFigures, ComparedFigures, MirrorFigures, Status};
pub use variant::{Failure, VariantFigures};
pub(crate) use variant::{Underway, Variant};
