//! Callers' connections: accepted, dealt to threads, kept within limits, drained.
//!
//! One thread accepts and looks after everything that is not a request (`control`); each of the others
//! moves requests on a single-threaded runtime (`worker`), so a request never changes threads and shares
//! nothing but counters. A connection goes to the thread that has the fewest.
//!
//! Start at [`Proxy::start`]; then `connection` (one caller), `wire` (its bytes), `reap` (its time).

mod accept;
mod admin;
mod connection;
mod control;
mod listen;
mod proxy;
mod reap;
mod shared;
mod tls;
mod wire;
mod worker;

pub(crate) use connection::{Busy, Connection};
pub use listen::ListenError;
pub use proxy::{Hooks, Proxy, ReloadError, StartError};
pub(crate) use worker::{Local, Worker};
