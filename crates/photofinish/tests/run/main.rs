//! `photofinish run` against real race builds: real reports, real signals, real SIGKILLs.
//!
//! `racer/` is the Go program they all supervise; `support` starts things and counts.
//! `kills` has the test that matters most.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

mod disk;
mod ends;
mod gate;
mod init;
mod kills;
mod streams;
mod support;
