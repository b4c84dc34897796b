//! `photofinish proxy` in front of real Go services: real sockets, real signals.
//!
//! `service.go` is the Go program behind it; `support` starts things and asks for them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod check;
mod ends;
mod reload;
mod status;
mod support;
mod takeover;
mod ways;
