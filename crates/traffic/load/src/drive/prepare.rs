//! A plan made ready: URLs taken apart, names resolved, templates compiled, headers encoded.
//!
//! All that can be wrong with a plan is found here, before a thread is started. What is left to
//! do for each request is to fill in templates, if it has any.

use super::recorded::Source;
use super::rotation::rotation;
use crate::LoadError;
use crate::plan::request::{Request, Url, encoded};
use crate::plan::template::{Templates, Text, is_template};
use crate::plan::{Load, Plan, Protocol};
use crate::wire::failure::{Cause, ErrorKind, Failure};
use crate::wire::link::Payload;
use crate::wire::origin::Origin;
use crate::wire::tls;
use http::header::{AUTHORIZATION, CONNECTION, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use hyper::body::Bytes;
use std::borrow::Cow;
use tokio_rustls::TlsConnector;

/// Everything that the threads share and only read.
pub(crate) struct Prepared {
    pub(crate) origins: Vec<Origin>,
    pub(crate) tls: TlsConnector,
    requests: Vec<Ready>,
    /// The size of the largest body, as far as sizes are known beforehand.
    pub(crate) largest: usize,
    /// Which request is whose turn, again and again.
    rotation: Vec<u32>,
    templates: Templates,
    /// What is sent instead, in a replay.
    source: Option<Source>,
}

/// One request of the plan, made ready.
pub(crate) struct Ready {
    origin: usize,
    method: Method,
    uri: Uri,
    path: Option<Text>,
    headers: HeaderMap,
    templated: Vec<(HeaderName, Text)>,
    body: Bytes,
    body_text: Option<Text>,
}

/// A request as it is sent, perhaps twice.
pub(crate) struct Filled<'a> {
    pub(crate) origin: usize,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: Cow<'a, HeaderMap>,
    pub(crate) body: Bytes,
}

impl Filled<'_> {
    pub(crate) fn request(&self) -> hyper::Request<Payload> {
        let mut request = hyper::Request::new(Payload::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = HeaderMap::clone(&self.headers);
        request
    }
}

impl Prepared {
    pub(crate) fn new(plan: &Plan) -> Result<Self, LoadError> {
        let mut origins: Vec<Origin> = Vec::new();
        let mut templates = Templates::new();
        let mut requests = Vec::new();
        for request in &plan.requests {
            let url = Url::parse(&request.url)?;
            let known = origins.iter().position(|origin| {
                (origin.https, origin.host.as_str(), origin.port)
                    == (url.https, url.host.as_str(), url.port)
            });
            let origin = match known {
                Some(known) => known,
                None => {
                    origins.push(Origin::resolve(&url)?);
                    origins.len() - 1
                }
            };
            requests.push(Ready::new(plan, request, &url, origin, &mut templates)?);
        }
        let rotation = rotation(&plan.requests)?;
        let any_https = origins.iter().any(|origin| origin.https);
        let trust =
            if any_https { plan.tls.clone() } else { crate::Tls { insecure: true, ca_file: None } };
        let tls = tls::connector(&trust, plan.protocol)?;
        let source = source(plan)?;
        let largest = requests.iter().map(|ready| ready.body.len()).max().unwrap_or(0);
        let largest = largest.max(source.as_ref().map_or(0, |source| source.index.longest()));
        Ok(Self { origins, tls, requests, largest, rotation, templates, source })
    }

    /// Request `number`, ready to be sent.
    pub(crate) fn request(&self, number: u64) -> Result<Filled<'_>, Failure> {
        if let Some(source) = &self.source {
            return self.recorded(source, number);
        }
        let ready = self.turn(number);
        let none = || Failure::text(ErrorKind::Template, "the plan has no such request");
        self.fill(ready.ok_or_else(none)?, number)
    }

    /// The request whose turn it is at `number`.
    pub(crate) fn turn(&self, number: u64) -> Option<&Ready> {
        let at = (number % (self.rotation.len().max(1) as u64)) as usize;
        self.requests.get(*self.rotation.get(at)? as usize)
    }

    /// `ready` as request number `counter`.
    pub(crate) fn fill<'a>(&self, ready: &'a Ready, counter: u64) -> Result<Filled<'a>, Failure> {
        let text = |text: &Text| {
            self.templates
                .fill(text, counter)
                .map_err(|cause| Failure::new(ErrorKind::Template, Cause::Template(cause)))
        };
        let uri = match &ready.path {
            None => ready.uri.clone(),
            Some(path) => with_path(&ready.uri, &text(path)?)
                .ok_or_else(|| Failure::text(ErrorKind::Template, "the filled-in path is none"))?,
        };
        let mut headers = Cow::Borrowed(&ready.headers);
        for (name, value) in &ready.templated {
            let value = HeaderValue::try_from(text(value)?).map_err(|_| {
                Failure::text(ErrorKind::Template, "the filled-in header value is none")
            })?;
            headers.to_mut().append(name, value);
        }
        let body = match &ready.body_text {
            None => ready.body.clone(),
            Some(body) => Bytes::from(text(body)?),
        };
        Ok(Filled { origin: ready.origin, method: ready.method.clone(), uri, headers, body })
    }
}

impl Ready {
    fn new(
        plan: &Plan,
        request: &Request,
        url: &Url,
        origin: usize,
        templates: &mut Templates,
    ) -> Result<Self, LoadError> {
        let wrong = |what, value: &str| LoadError::Request { what, value: value.to_owned() };
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| wrong("method", &request.method))?;
        let name = |part: &str| format!("{part} of {} {}", request.method, request.url);
        let (mut headers, mut templated) = (HeaderMap::new(), Vec::new());
        for (key, value) in &request.headers {
            let key: HeaderName = key.parse().map_err(|_| wrong("header name", key))?;
            if request.templates && is_template(value) {
                let text = templates.add(value, &name(&format!("the header {key}")))?;
                templated.push((key, text));
            } else {
                let value =
                    HeaderValue::from_str(value).map_err(|_| wrong("header value", value))?;
                headers.append(key, value);
            }
        }
        let has = |headers: &HeaderMap, key: HeaderName| {
            headers.contains_key(&key) || templated.iter().any(|(name, _)| *name == key)
        };
        // In a replay the recorded one is sent.
        if !has(&headers, USER_AGENT) && !matches!(plan.load, Load::Replay(_)) {
            headers.insert(USER_AGENT, HeaderValue::from_static("photofinish"));
        }
        if let Some(credentials) =
            url.credentials.as_ref().filter(|_| !has(&headers, AUTHORIZATION))
        {
            let value = HeaderValue::from_str(credentials)
                .map_err(|_| wrong("header value", credentials))?;
            headers.insert(AUTHORIZATION, value);
        }
        if plan.protocol == Protocol::Http1 {
            if !has(&headers, HOST) {
                let host = HeaderValue::from_str(&url.authority)
                    .map_err(|_| wrong("header value", &url.authority))?;
                headers.insert(HOST, host);
            }
            if !plan.keep_alive {
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
        }
        let path = (request.templates && is_template(&url.path))
            .then(|| templates.add(&url.path, &name("the path")))
            .transpose()?;
        let body_text = std::str::from_utf8(&request.body)
            .ok()
            .filter(|body| request.templates && is_template(body))
            .map(|body| templates.add(body, &name("the body")))
            .transpose()?;
        let fixed = if path.is_some() { "/" } else { url.path.as_str() };
        let uri =
            base_uri(plan, url).and_then(|base| with_path(&base, fixed)).ok_or_else(|| {
                LoadError::Url { url: request.url.clone(), problem: "the path is none".to_owned() }
            })?;
        let body = Bytes::from(request.body.clone());
        Ok(Self { origin, method, uri, path, headers, templated, body, body_text })
    }
}

/// Where a replay has its requests from.
fn source(plan: &Plan) -> Result<Option<Source>, LoadError> {
    let Load::Replay(replay) = &plan.load else { return Ok(None) };
    let [server] = plan.requests.as_slice() else {
        return Err(LoadError::Plan { problem: "a replay goes to one server".to_owned() });
    };
    if Url::parse(&server.url)?.path != "/" {
        return Err(LoadError::Url {
            url: server.url.clone(),
            problem: "in a replay the paths are recorded, and the URL names the server only"
                .to_owned(),
        });
    }
    let (index, host) = (std::sync::Arc::clone(&replay.index), replay.host);
    Ok(Some(Source { index, host, protocol: plan.protocol }))
}

/// HTTP/2 wants to know scheme and host, HTTP/1.1 only the path.
fn base_uri(plan: &Plan, url: &Url) -> Option<Uri> {
    match plan.protocol {
        Protocol::Http1 => Some(Uri::from_static("/")),
        Protocol::Http2 => {
            let scheme = if url.https { "https" } else { "http" };
            format!("{scheme}://{}/", url.authority).parse().ok()
        }
    }
}

fn with_path(base: &Uri, path: &str) -> Option<Uri> {
    let mut parts = base.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(encoded(path)).ok()?);
    Uri::from_parts(parts).ok()
}
