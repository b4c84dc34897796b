//! `photofinish jobs` at real brokers: killed, stopped and doubled samplers, brokers that crash, workers
//! that are dead. `asynq/` are real workers, of asynq's own client library.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod asynq;
mod lists;
mod river;
mod river_workers;
mod settler;
mod support;
