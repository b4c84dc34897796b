//! `photofinish jobs` at real brokers: killed, stopped and doubled samplers, brokers that crash, workers
//! that are dead (`matrix` has what is the same for all). `asynq/` and `workers/` are real workers, of the client
//! libraries that teams use.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests are tests")]

mod asynq;
mod lists;
mod matrix;
mod nats;
mod rabbitmq;
mod river;
mod river_workers;
mod settler;
mod sqlite;
mod streams;
mod support;
mod tls;
mod workers;
