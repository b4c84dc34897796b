//! One request that was answered, as the proxy hands it over: references, nothing copied.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, Version};
use std::time::{Duration, Instant};

/// A request, whole, and what became of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When its head had arrived.
    pub arrived: Instant,
    /// From then until the last byte of the primary's answer.
    pub took: Duration,
    /// Which downstream connection it came on: any number that no other connection has.
    pub connection: u64,
    /// As the caller spoke.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// As it arrived: path and query, or absolute.
    pub uri: Uri,
    /// As they arrived.
    pub headers: HeaderMap,
    /// The whole body, in the pieces in which it arrived.
    pub body: Vec<Bytes>,
    /// What the primary answered; `None` if nothing came.
    pub status: Option<u16>,
}

impl Exchange {
    /// Bytes of the body.
    pub fn body_len(&self) -> usize {
        self.body.iter().map(Bytes::len).sum()
    }

    /// About how much memory it holds on to.
    pub(crate) fn weight(&self) -> usize {
        /// The buffer that the head was read into, which header values are slices of (hyper's begins with
        /// 8 KiB, `INIT_BUFFER_SIZE` in `src/proto/h1/io.rs` of hyper 1.12), and the struct itself.
        const FIXED: usize = 9 << 10;
        let headers: usize =
            self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        FIXED + headers + self.body_len() + self.body.len() * size_of::<Bytes>()
    }
}
