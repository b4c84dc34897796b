//! One server, one connection, one exchange.
//!
//! Raw hyper connections, without a pool: who uses which connection is decided in `drive`.
//! Start at [`link::Http1::exchange`].

pub(crate) mod connect;
pub(crate) mod failure;
pub(crate) mod gate;
pub(crate) mod http2;
pub(crate) mod link;
pub(crate) mod meter;
pub(crate) mod origin;
pub(crate) mod tls;
pub(crate) mod watchdog;
