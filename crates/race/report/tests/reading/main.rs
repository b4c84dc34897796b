//! What the reader makes of real and of mangled reports. `read` is the one door to the parser.

#![expect(clippy::unwrap_used, reason = "a test that cannot set up its text should die")]

mod crashes;
mod lookalikes;
mod properties;
mod read;
mod samples;
mod stream;
mod torn;
mod transports;
mod tsan;

pub(crate) use read::{cut, read};
