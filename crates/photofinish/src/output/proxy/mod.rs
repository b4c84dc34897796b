//! What `photofinish proxy` shows: what a plan would do, and how a running proxy stands.

pub(crate) mod figures;
pub(crate) mod live;
pub(crate) mod plan;
pub(crate) mod units;
