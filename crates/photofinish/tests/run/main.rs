//! `photofinish run` against real race builds: real reports, real signals, real SIGKILLs.
//!
//! `racer/` is the Go program they all supervise; `support` starts things and counts.
//! `kills` has the test that matters most.

mod disk;
mod ends;
mod gate;
mod init;
mod kills;
mod streams;
mod support;
