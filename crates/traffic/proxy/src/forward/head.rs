//! A request's head as it is sent on: what belongs to the caller's connection is off, what an upstream
//! needs is on.

use super::headers;
use super::own::Refusal;
use crate::plan::{Forwarded, Scheme, Upstream};
use crate::upstream::RequestBody;
use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, request};
use hyper::body::Body;

/// A request's head as it is sent on, to any upstream and as often as need be.
#[derive(Clone)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) target: PathAndQuery,
    pub(crate) host: HeaderValue,
    pub(crate) headers: HeaderMap,
    /// What a tunnel is asked for, by its name.
    pub(crate) upgrade: Option<HeaderValue>,
    /// The caller knows answers of class 1xx, as HTTP/1.0 does not.
    pub(crate) takes_interim: bool,
}

impl Head {
    /// The head of a request as it came.
    pub(crate) fn new(parts: request::Parts) -> Result<Head, Refusal> {
        if parts.method == Method::CONNECT {
            return Err(Refusal::Connect);
        }
        let host = host(&parts)?;
        let target =
            parts.uri.path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
        let mut all = parts.headers;
        let takes_interim = parts.version >= Version::HTTP_11;
        let upgrade = if parts.version == Version::HTTP_11 { headers::upgrade(&all) } else { None };
        headers::strip(&mut all);
        headers::strip_expect(&mut all);
        all.remove(HOST);
        Ok(Head { method: parts.method, target, host, headers: all, upgrade, takes_interim })
    }

    /// Adds what upstreams are told about the caller.
    pub(crate) fn say_who_called(&mut self, said: &Said<'_>) {
        let Said { forwarded, address, is_tls } = *said;
        headers::say_who_called(&mut self.headers, forwarded, address, is_tls, &self.host);
    }

    /// The same in memory of its own: as it came, its values are slices of the buffer that it was read
    /// into, which may be a hundred times their size and would be kept with them.
    pub(crate) fn detached(&self) -> Head {
        let target = self.target.as_str();
        let size = self.headers.values().map(HeaderValue::len).sum::<usize>();
        let mut all = BytesMut::with_capacity(size + self.host.len() + target.len());
        let mut copy = |bytes: &[u8]| {
            all.extend_from_slice(bytes);
            all.split().freeze()
        };
        let mut headers = HeaderMap::with_capacity(self.headers.len());
        for (name, value) in &self.headers {
            // It was a value before.
            if let Ok(mut same) = HeaderValue::from_maybe_shared(copy(value.as_bytes())) {
                same.set_sensitive(value.is_sensitive());
                headers.append(name.clone(), same);
            }
        }
        let host = HeaderValue::from_maybe_shared(copy(self.host.as_bytes()));
        let target = PathAndQuery::from_maybe_shared(copy(target.as_bytes()));
        Head {
            method: self.method.clone(),
            target: target.unwrap_or_else(|_| self.target.clone()),
            host: host.unwrap_or_else(|_| self.host.clone()),
            headers,
            upgrade: self.upgrade.clone(),
            takes_interim: self.takes_interim,
        }
    }

    /// Whether it is gRPC, which needs HTTP/2 all the way.
    pub(crate) fn is_grpc(&self) -> bool {
        self.headers
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
    }

    /// Whether it may be sent twice (RFC 9110 9.2.2, or the caller says so). A wish to become something
    /// else is a GET like any other until `101`.
    pub(crate) fn is_idempotent(&self, header: Option<&http::HeaderName>) -> bool {
        self.method.is_idempotent() || header.is_some_and(|name| self.headers.contains_key(name))
    }

    /// The request for `upstream`, which may speak HTTP/2.
    pub(crate) fn to_request(
        &self,
        upstream: &Upstream,
        http2: bool,
        body: RequestBody,
    ) -> Request<RequestBody> {
        self.clone().into_request(upstream, http2, body)
    }

    /// The same for the last time.
    pub(crate) fn into_request(
        self,
        upstream: &Upstream,
        http2: bool,
        body: RequestBody,
    ) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.headers_mut() = self.headers;
        if http2 {
            *request.version_mut() = Version::HTTP_2;
            *request.uri_mut() = absolute(upstream, &self.host, self.target);
        } else {
            // Of a GET with a body of unknown length hyper would send none of it.
            if request.body().size_hint().exact().is_none()
                && !request.headers().contains_key(CONTENT_LENGTH)
            {
                let chunked = HeaderValue::from_static("chunked");
                request.headers_mut().insert(TRANSFER_ENCODING, chunked);
            }
            *request.uri_mut() = Uri::from(self.target);
            request.headers_mut().insert(HOST, self.host);
            if let Some(wish) = self.upgrade {
                let connection = HeaderValue::from_static("upgrade");
                request.headers_mut().insert(CONNECTION, connection);
                request.headers_mut().insert(UPGRADE, wish);
            }
        }
        request
    }

    /// Changes the host of a finished request, whichever way it carries it.
    pub(crate) fn set_host(request: &mut Request<RequestBody>, host: HeaderValue) {
        if request.version() == Version::HTTP_2 {
            let mut parts = request.uri().clone().into_parts();
            parts.authority = authority(&host).or(parts.authority);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        } else {
            request.headers_mut().insert(HOST, host);
        }
    }
}

/// What is said about the caller.
pub(crate) struct Said<'a> {
    pub(crate) forwarded: Forwarded,
    pub(crate) address: &'a HeaderValue,
    pub(crate) is_tls: bool,
}

/// Whom the request is for. One host only: what HTTP/1.1 says twice was refused before it was parsed
/// (`screen`), here it is HTTP/2's `:authority` against `Host`.
fn host(parts: &request::Parts) -> Result<HeaderValue, Refusal> {
    let mut named = parts.headers.get_all(HOST).iter();
    let (first, second) = (named.next(), named.next());
    if second.is_some() {
        return Err(Refusal::Hosts);
    }
    match (parts.uri.authority(), first) {
        (Some(authority), named) => {
            let authority = authority.as_str();
            if authority.contains('@') {
                return Err(Refusal::Hosts);
            }
            let differs = named
                .is_some_and(|named| !named.as_bytes().eq_ignore_ascii_case(authority.as_bytes()));
            if differs && parts.version >= Version::HTTP_2 {
                return Err(Refusal::Hosts);
            }
            HeaderValue::from_str(authority).map_err(|_| Refusal::Hosts)
        }
        (None, Some(named)) => Ok(named.clone()),
        // HTTP/1.0 need not say; an empty Host is what HTTP/1.1 says then (RFC 9112 3.2).
        (None, None) => Ok(HeaderValue::from_static("")),
    }
}

fn absolute(upstream: &Upstream, host: &HeaderValue, target: PathAndQuery) -> Uri {
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(match upstream.scheme {
        Scheme::Http => http::uri::Scheme::HTTP,
        Scheme::Https => http::uri::Scheme::HTTPS,
    });
    parts.authority = authority(host).or_else(|| upstream.authority().parse().ok());
    parts.path_and_query =
        Some(if target == "*" { PathAndQuery::from_static("/") } else { target });
    Uri::from_parts(parts).unwrap_or_default()
}

fn authority(host: &HeaderValue) -> Option<Authority> {
    Authority::try_from(host.as_bytes()).ok()
}
