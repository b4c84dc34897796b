//! What a person reads: errors, logs, races.

pub(crate) mod error;
pub(crate) mod load;
pub(crate) mod load_json;
pub(crate) mod load_live;
pub(crate) mod log;
