//! Where requests go: scheme, host, port, and the addresses that a name has.
//!
//! Names are resolved once, before the run: a load test should measure the server, not the
//! resolver. The address that worked last is tried first.

use crate::LoadError;
use crate::plan::request::Url;
use http::HeaderValue;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};

/// One server.
#[derive(Debug)]
pub(crate) struct Origin {
    pub(crate) https: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// What the `Host` header says.
    pub(crate) authority: HeaderValue,
    pub(crate) addresses: Vec<SocketAddr>,
    worked: AtomicUsize,
}

impl Origin {
    pub(crate) fn resolve(url: &Url) -> Result<Self, LoadError> {
        let host = format!("{}:{}", url.host, url.port);
        let problem = |cause| LoadError::Resolve { host: host.clone(), cause };
        let mut addresses: Vec<SocketAddr> =
            (url.host.as_str(), url.port).to_socket_addrs().map_err(problem)?.collect();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(problem(std::io::Error::other("the name has no address")));
        }
        let authority = HeaderValue::try_from(&url.authority).map_err(|_| LoadError::Request {
            what: "header value",
            value: url.authority.clone(),
        })?;
        Ok(Self {
            https: url.https,
            host: url.host.clone(),
            port: url.port,
            authority,
            addresses,
            worked: AtomicUsize::new(0),
        })
    }

    /// The addresses, the one that worked last in front.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (usize, SocketAddr)> + '_ {
        let first = self.worked.load(Ordering::Relaxed);
        let count = self.addresses.len();
        (0..count).filter_map(move |step| {
            let at = (first + step) % count;
            self.addresses.get(at).map(|address| (at, *address))
        })
    }

    pub(crate) fn worked(&self, at: usize) {
        self.worked.store(at, Ordering::Relaxed);
    }

    /// How messages name it.
    pub(crate) fn name(&self) -> String {
        let scheme = if self.https { "https" } else { "http" };
        format!("{scheme}://{}", self.authority.to_str().unwrap_or(&self.host))
    }
}
