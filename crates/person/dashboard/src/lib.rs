//! The page, the HTTP API and the collector: what `photofinish serve` is.
//!
//! In: requests of people (`page`), of programs (`routes::api`) and of other photofinishes that send
//! what they saw (`intake`). Out: HTML made on the server, JSON, metrics. The page is whole without
//! its script, loads nothing from elsewhere and asks the store for one page of findings at a time.
//!
//! The other side, for whoever sends, is [`client`].
//!
//! Who may do what is `guard`'s to say: on the loopback everybody who is really there, elsewhere who
//! has the token. Not here: findings themselves (`store`), flags (the binary).
//! Start at [`Server::bind`] and [`routes`].

#![forbid(unsafe_code)]

mod app;
mod changes;
pub mod client;
mod error;
mod guard;
mod intake;
mod metrics;
mod page;
mod query;
mod reply;
mod routes;
mod server;
mod settings;
mod shelf;
mod source;
mod token;
mod watched;
pub mod wire;

pub use error::ServeError;
pub use server::Server;
pub use settings::{Limits, Settings, Tls};
pub use token::{Token, TokenError};
pub use watched::{Ask, Watched, WatchedKind};
