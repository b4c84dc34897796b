//! One of each N jobs of a queue to race-built workers: nothing lost, nothing twice.
//!
//! A [`Plan`] names a broker, the queue that is sampled and the queue that the race build's workers
//! read. Three things are done differently from a forwarder that pops here and pushes there. A job
//! moves in one step *inside* the broker, so that no moment of our death can lose or double it. Which
//! job is chosen is decided from a number that the broker keeps (`rule`), so that a crash needs no
//! checkpoint. And the race build's workers may fail, the jobs may not: nothing more is sent to
//! workers that lag or stand still, and what waits there too long goes back (`gate`, `HandBack`).
//!
//! Not here: building and running the workers (`supervise`), flags and tables (the binary's
//! `commands/jobs`), and any idea of a race. Start at [`sample`], then `broker` (what a broker has to
//! be able to do), then `redis`, `river` and `sqlite` (what each does).

#![forbid(unsafe_code)]

mod broker;
mod error;
mod gate;
mod nats;
mod plan;
mod rabbitmq;
mod redis;
mod rest;
mod river;
mod rule;
mod sampler;
mod sqlite;

pub use broker::{Counts, HandedBack, InFlight, Look, Pace, Undone};
pub use error::JobsError;
pub use plan::{Kind, Limits, Plan, Push};
pub use rule::pick;
pub use sampler::{Event, Summary, Workers, in_flight, pace, sample, status, undo};
