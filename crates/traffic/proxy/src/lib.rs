//! A reverse proxy that gives a race build a share of live traffic (canary) or a copy of it
//! (mirror), and never lets the caller pay for either.
//!
//! Not here: supervising the race build (`supervise`), what a race is (`model`), where differing
//! answers are kept (the binary). Knows nothing of races: it moves requests.

#![forbid(unsafe_code)]

pub mod compare;
pub mod plan;
pub mod screen;
