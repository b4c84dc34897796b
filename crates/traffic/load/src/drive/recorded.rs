//! A recorded request becomes one to send: read from the file, headers of its old connection
//! taken off, the plan's own put in their place.

use super::prepare::{Filled, Prepared};
use crate::plan::{HostHeader, Protocol};
use crate::wire::failure::{Cause, ErrorKind, Failure};
use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use photofinish_recording::{Index, Recorded};
use std::borrow::Cow;
use std::sync::Arc;

/// Where recorded requests come from, and what is asked of them.
pub(crate) struct Source {
    pub(crate) index: Arc<Index>,
    pub(crate) host: HostHeader,
    pub(crate) protocol: Protocol,
}

impl Prepared {
    /// Request `number` of the recording, with what the plan's one request says instead.
    pub(crate) fn recorded(&self, source: &Source, number: u64) -> Result<Filled<'_>, Failure> {
        let n_entries = source.index.entries().len().max(1) as u64;
        let recorded = source
            .index
            .fetch((number % n_entries) as usize)
            .map_err(|cause| Failure::new(ErrorKind::Recording, Cause::Recording(cause)))?;
        let Some(ready) = self.turn(number) else {
            return Err(Failure::text(ErrorKind::Template, "the plan has no such request"));
        };
        let mut filled = self.fill(ready, number)?;
        let host = source.host(&recorded);
        let mut uri = filled.uri.into_parts();
        // Byte for byte as it was recorded.
        uri.path_and_query = Some(recorded.target);
        if let (Some(host), Protocol::Http2) = (&host, source.protocol) {
            uri.authority = Authority::try_from(host.as_str()).ok().or(uri.authority);
        }
        filled.uri = Uri::from_parts(uri)
            .map_err(|_| Failure::text(ErrorKind::Recording, "the recorded target is none"))?;
        let mut headers = source.headers(&recorded.headers, &filled.headers);
        if let (Some(host), Protocol::Http1) = (&host, source.protocol)
            && let Ok(host) = HeaderValue::try_from(host)
        {
            headers.insert(HOST, host);
        }
        filled.method = recorded.method;
        filled.headers = Cow::Owned(headers);
        filled.body = recorded.body;
        Ok(filled)
    }
}

impl Source {
    /// The host to name, if it is the recorded one.
    fn host(&self, recorded: &Recorded) -> Option<String> {
        recorded.host.clone().filter(|_| self.host == HostHeader::Recorded)
    }

    /// `recorded` without what belonged to its connection, and with all of `own`.
    fn headers(&self, recorded: &HeaderMap, own: &HeaderMap) -> HeaderMap {
        let mut headers = HeaderMap::with_capacity(recorded.len() + own.len());
        let nominated = nominated(recorded);
        for (name, value) in recorded {
            // gRPC over HTTP/2 wants to hear that trailers are welcome (RFC 9113 section 8.2.2).
            let welcome = self.protocol == Protocol::Http2 && name == TE && value == "trailers";
            let passes = !is_hop_by_hop(name) && !nominated.contains(name);
            if (passes || welcome) && !own.contains_key(name) {
                headers.append(name, value.clone());
            }
        }
        for (name, value) in own {
            headers.append(name, value.clone());
        }
        headers
    }
}

/// Headers that the `connection` header says are for the next hop only (RFC 9110 section 7.6.1).
fn nominated(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

/// Headers of a connection, not of a request; and those that we work out anew.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    let named = [
        CONNECTION,
        CONTENT_LENGTH,
        EXPECT,
        PROXY_AUTHENTICATE,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    named.contains(name)
        || ["keep-alive", "proxy-connection", "http2-settings"].contains(&name.as_str())
}
