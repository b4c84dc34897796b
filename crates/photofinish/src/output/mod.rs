//! What a person reads: errors, logs, races.

pub(crate) mod error;
pub(crate) mod log;
