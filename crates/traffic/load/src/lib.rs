//! HTTP load that tells the truth about latency.
//!
//! A [`Plan`] goes in, a [`Summary`] comes out, of a server of which nothing else is known. Two
//! things are done differently from most load generators. In an open loop latency counts from
//! when a request was *due*, so a server that stalls cannot hide it by keeping us from sending
//! (coordinated omission); and every request that is due is sent, or counted as shed. Memory does
//! not grow with the number of requests.
//!
//! ```no_run
//! # fn main() -> Result<(), photofinish_load::LoadError> {
//! use photofinish_load::{Load, Plan, Request, Stop, run};
//! let plan = Plan::new(vec![Request::get("http://127.0.0.1:8080/")], Load::closed(50));
//! let summary = run(&plan, &Stop::new(), |now| eprintln!("{} answers", now.completed))?;
//! eprintln!("p99 {:?}", summary.latency.quantile(0.99));
//! # Ok(())
//! # }
//! ```
//!
//! Not here: flags, tables and JSON (the binary's `commands/load.rs` and `output/load.rs`), and
//! any idea of a race. Start at [`run`], then `plan` (what is sent when), `drive` (sending it),
//! `wire` (one exchange), `measure` (what it took).

#![forbid(unsafe_code)]

mod drive;
mod error;
mod measure;
pub mod open_files;
mod plan;
mod wire;

pub use drive::{Stop, run};
pub use error::LoadError;
pub use measure::{Crossed, ErrorCount, Latencies, Replayed, Snapshot, Summary, Threshold};
pub use plan::{
    End, HostHeader, Load, OkStatus, Pace, Plan, Protocol, Ramp, Replay, Request, Stage, Tls,
    targets, units,
};
pub use wire::failure::ErrorKind;
