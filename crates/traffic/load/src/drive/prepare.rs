//! A plan made ready: URLs taken apart, names resolved, templates compiled, headers encoded.
//!
//! All that can be wrong with a plan is found here, before a thread is started. What is left to
//! do for each request is to fill in templates, if it has any.

use crate::LoadError;
use crate::plan::request::{Request, Url, encoded};
use crate::plan::template::{Templates, Text, is_template};
use crate::plan::{Plan, Protocol};
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

/// The weights of all requests together may not need a longer rotation than this.
const LONGEST_ROTATION: u64 = 1 << 20;

/// Everything that the threads share and only read.
pub(crate) struct Prepared {
    pub(crate) origins: Vec<Origin>,
    pub(crate) tls: TlsConnector,
    pub(crate) requests: Vec<Ready>,
    /// Which request is whose turn, again and again.
    rotation: Vec<u32>,
    templates: Templates,
}

/// One request of the plan, made ready.
pub(crate) struct Ready {
    pub(crate) origin: usize,
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
    method: &'a Method,
    uri: Uri,
    headers: Cow<'a, HeaderMap>,
    body: Bytes,
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
        Ok(Self { origins, tls, requests, rotation, templates })
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
        Ok(Filled { method: &ready.method, uri, headers, body })
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
        if !has(&headers, USER_AGENT) {
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

/// Request numbers in an order that spreads each as evenly as its weight allows: every turn
/// goes to the one that is furthest behind its share.
fn rotation(requests: &[Request]) -> Result<Vec<u32>, LoadError> {
    let wrong = |problem: &str| LoadError::Plan { problem: problem.to_owned() };
    let divisor = requests.iter().fold(0, |divisor, request| gcd(divisor, request.weight));
    if divisor == 0 {
        return Err(wrong("there is no request to send"));
    }
    let weights: Vec<i64> = requests.iter().map(|r| i64::from(r.weight / divisor)).collect();
    let turns: i64 = weights.iter().sum();
    if turns as u64 > LONGEST_ROTATION {
        return Err(wrong("the weights of the requests are too far apart: use smaller ones"));
    }
    if weights.iter().all(|weight| *weight == 1) {
        return Ok((0..weights.len() as u32).collect());
    }
    let mut behind = vec![0; weights.len()];
    let mut rotation = Vec::with_capacity(turns as usize);
    for _ in 0..turns {
        behind.iter_mut().zip(&weights).for_each(|(behind, weight)| *behind += weight);
        let most = behind.iter().enumerate().max_by_key(|(at, b)| (**b, std::cmp::Reverse(*at)));
        let Some(next) = most.map(|(at, _)| at) else { break };
        if let Some(behind) = behind.get_mut(next) {
            *behind -= turns;
        }
        rotation.push(next as u32);
    }
    Ok(rotation)
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[u32]) -> Vec<u32> {
        let request = |weight: &u32| Request::get("http://127.0.0.1/").weight(*weight);
        rotation(&weights.iter().map(request).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn turns_are_spread_by_weight() {
        assert_eq!(turns(&[1, 1, 1]), [0, 1, 2]);
        assert_eq!(turns(&[50, 50]), [0, 1]);
        assert_eq!(turns(&[3, 1]), [0, 0, 1, 0]);
        assert_eq!(turns(&[0, 2]), [1]);
    }

    #[test]
    fn no_weight_at_all_is_refused() {
        assert!(rotation(&[Request::get("/").weight(0)]).is_err());
        assert!(rotation(&[]).is_err());
    }
}
