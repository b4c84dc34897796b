//! `photofinish serve`, the real program: its API over sockets, its page in a real browser.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod api;
mod browser;
mod collector;
mod hostile;
mod notify;
mod otlp;
mod pages;
mod senders;
mod support;
