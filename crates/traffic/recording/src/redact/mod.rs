//! What must not reach the disk: named headers, query parameters and body fields.
//!
//! A name that is matched in more ways than the service reads it costs a value in a recording;
//! one that is matched in fewer costs a secret. So names match without regard to case, decoded,
//! at any depth; and once body fields are named, a body that cannot be looked into (not JSON, not a
//! form, compressed, torn) is refused and the request not recorded.
//!
//! Not covered: secrets in paths, and in values whose names nobody gave. Start at
//! [`Redactor::apply`]; `json` and `pairs` rewrite text, `names` compares, `stand_in` says what
//! takes a value's place.

mod json;
mod names;
mod pairs;
mod stand_in;

use crate::error::StartError;
use crate::line::Recorded;
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, COOKIE};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use names::Names;
use stand_in::StandIn;

/// What to take out of requests before they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Names of headers, in any case.
    pub headers: Vec<String>,
    /// Names of query parameters, also of URLs in headers (`referer`), in any case.
    pub query: Vec<String>,
    /// Names (`password`) or paths (`card.number`) of fields in JSON and form bodies, in any
    /// case and at any depth. Where one is found, everything below it goes too.
    pub body_fields: Vec<String>,
    /// Equal values get equal stand-ins (`REDACTED-` and a keyed hash; the key is kept nowhere), so that a
    /// sticky session stays one in a replay. Otherwise every value becomes `REDACTED`.
    pub stand_in: bool,
}

impl Default for Redaction {
    /// The headers and query parameters that commonly carry credentials; no body fields.
    fn default() -> Self {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Self { headers: owned(HEADERS), query: owned(QUERY), body_fields: vec![], stand_in: false }
    }
}

const HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-csrf-token",
    "x-xsrf-token",
];

const QUERY: &[&str] = &[
    "access_token",
    "api_key",
    "apikey",
    "auth_token",
    "client_secret",
    "id_token",
    "password",
    "refresh_token",
    "secret",
    "sig",
    "signature",
    "token",
    "x-amz-credential",
    "x-amz-security-token",
    "x-amz-signature",
];

/// A body that cannot be looked into while body fields are to be redacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the body can be read neither as JSON nor as a form")]
pub struct Unredactable;

/// A [`Redaction`] made ready.
#[derive(Debug)]
pub struct Redactor {
    headers: Vec<HeaderName>,
    query: Names,
    body_fields: Names,
    stand_in: StandIn,
}

impl Redactor {
    /// Checks `redaction`, and draws the key of its stand-ins.
    ///
    /// # Errors
    /// A name that can match nothing, or no randomness.
    pub fn new(redaction: &Redaction) -> Result<Self, StartError> {
        let headers = redaction.headers.iter().map(|name| {
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| StartError::Plan {
                what: "redacted header",
                value: name.clone(),
                problem: "no header can have this name",
            })
        });
        let stand_in = if redaction.stand_in { StandIn::keyed()? } else { StandIn::Fixed };
        Ok(Self {
            headers: headers.collect::<Result<_, _>>()?,
            query: Names::new("redacted query parameter", &redaction.query)?,
            body_fields: Names::new("redacted body field", &redaction.body_fields)?,
            stand_in,
        })
    }

    /// The names of the headers that are redacted.
    pub(crate) fn header_names(&self) -> Vec<String> {
        self.headers.iter().map(|name| name.as_str().to_owned()).collect()
    }

    /// Takes out of `request` all that it should.
    ///
    /// # Errors
    /// A body that cannot be looked into; `request` is then for no file.
    pub fn apply(&self, request: &mut Recorded) -> Result<(), Unredactable> {
        if let Some(target) = self.target(request.target.as_str()) {
            request.target = PathAndQuery::try_from(target).map_err(|_| Unredactable)?;
        }
        self.apply_to_headers(&mut request.headers);
        if !self.body_fields.is_empty() && !request.body.is_empty() {
            request.body = self.body(&request.headers, &request.body)?;
        }
        Ok(())
    }

    /// `target` without its secrets, if it has any.
    fn target(&self, target: &str) -> Option<String> {
        let (path, query) = target.split_once('?')?;
        let query = pairs::redact(query, &self.query, &self.stand_in)?;
        Some(format!("{path}?{query}"))
    }

    fn apply_to_headers(&self, headers: &mut HeaderMap) {
        for name in &self.headers {
            if let http::header::Entry::Occupied(mut values) = headers.entry(name) {
                for value in values.iter_mut() {
                    *value = self.header(name, value);
                }
            }
        }
        for value in headers.values_mut().filter(|value| value.as_bytes().contains(&b'?')) {
            let text = String::from_utf8_lossy(value.as_bytes());
            if let Some(clean) = self.target(&text) {
                let nothing = HeaderValue::from_static(stand_in::REDACTED);
                *value = HeaderValue::try_from(clean).unwrap_or(nothing);
            }
        }
    }

    fn header(&self, name: &HeaderName, value: &HeaderValue) -> HeaderValue {
        let text = match (&self.stand_in, value.to_str()) {
            // A service finds its session by the cookie's name.
            (StandIn::Keyed(_), Ok(cookies)) if *name == COOKIE => {
                pairs::redact_cookies(cookies, &self.stand_in)
            }
            _ => self.stand_in.text(value.as_bytes()),
        };
        HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(stand_in::REDACTED))
    }

    fn body(&self, headers: &HeaderMap, body: &Bytes) -> Result<Bytes, Unredactable> {
        let encodings = headers.get_all(CONTENT_ENCODING);
        if encodings.iter().any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Unredactable);
        }
        let text = std::str::from_utf8(body).map_err(|_| Unredactable)?;
        let claim = Claim::of(headers);
        let json = json::redact(text, &self.body_fields, &self.stand_in);
        let clean = match (json, claim) {
            // Whoever reads this as a form must find nothing either.
            (Ok(clean), Claim::Form) => {
                let text = clean.as_deref().unwrap_or(text);
                if pairs::redact(text, &self.body_fields, &self.stand_in).is_some() {
                    return Err(Unredactable);
                }
                clean
            }
            // Services commonly decode JSON whatever it is called.
            (Ok(clean), _) => clean,
            (Err(_), Claim::Form) => pairs::redact(text, &self.body_fields, &self.stand_in),
            (Err(_), Claim::Other) => return Err(Unredactable),
        };
        Ok(clean.map_or_else(|| body.clone(), Bytes::from))
    }
}

/// What a body is said to be.
#[derive(Clone, Copy)]
enum Claim {
    Form,
    Other,
}

impl Claim {
    fn of(headers: &HeaderMap) -> Self {
        let is_form = headers.get_all(CONTENT_TYPE).iter().any(|kind| {
            let kind = kind.as_bytes().to_ascii_lowercase();
            kind.starts_with(b"application/x-www-form-urlencoded")
        });
        if is_form { Self::Form } else { Self::Other }
    }
}

#[cfg(test)]
mod tests;
