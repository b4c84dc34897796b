//! What the reader makes of real and of mangled reports. `read` is the one door to the parser.

mod read;
mod samples;
mod transports;

pub(crate) use read::{cut, read};
