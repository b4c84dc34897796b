//! Builds and runs a program built with `-race`, and loses nothing of what it prints.
//!
//! [`build`] makes such a program. [`run`] supervises it: it decides `GORACE` ([`gorace`], [`history`]), has the
//! program write its reports straight into a folder of the [`spool`], follows those files
//! ([`follow`]) and hands every report to a [`Sink`], exactly once, whoever is killed when.
//! The surprising choice: nothing the program prints passes through a pipe of ours. A pipe dies
//! with its reader, and takes a Go program with it; a file stays.
//!
//! Not here: what a report says (`photofinish-report`), where findings are kept (the binary
//! implements [`Sink`] over the store).
//! Start at [`build::build`] and [`run::run`]; after a crash, [`spool::recover`].

#![forbid(unsafe_code)]

pub mod build;
pub mod follow;
pub mod gorace;
pub mod history;
pub mod program;
pub mod run;
pub mod sink;
pub mod spool;

pub use sink::{Delivered, Sighted, Sink, SinkError};
