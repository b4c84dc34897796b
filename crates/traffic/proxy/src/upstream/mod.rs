//! Whom the proxy calls: connections kept, requests sent on them, and what became of it.
//!
//! Each thread keeps its own connections, so nothing is shared on the way of a request. Start at
//! [`Pool::send`]; `connect` opens a connection, `body` is what is sent on it.

mod body;
mod connect;
mod pool;

pub(crate) use body::{BodyError, RequestBody, Source};
pub(crate) use connect::UpstreamTlsError;
pub(crate) use connect::{Connector, TlsSetup};
pub(crate) use pool::{Lease, Pool, SendError, Sent};
