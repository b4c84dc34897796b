//! The format: a request becomes one line of JSON, and a line a request.
//!
//! ```text
//! {"photofinish_recording":1,"started_at":"2026-01-31T22:15:00Z","redacted":{…}}
//! {"at_us":1520,"took_us":830,"connection":7,"method":"POST","target":"/pay?id=3","host":"shop",
//!  "version":"1.1","status":200,"headers":[["content-type","application/json"]],"body":"{}"}
//! ```
//!
//! (the second in one line). A header value or body that is not text stands as
//! `{"base64":"…"}`; text is UTF-8 without control characters other than tab and line ends, so
//! that looking into a file cannot upset a terminal. Readers ignore keys that they do not know, and only
//! `at_us`, `method` and `target` must be there: a file may be written by hand.

use crate::exchange::Exchange;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::header::HOST;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::time::{Duration, Instant};

/// The version of the format that is written here.
pub(crate) const FORMAT: u64 = 1;

/// How every first line begins; inside another line it cannot stand, for there its quotes would
/// be escaped.
pub(crate) const MARK: &[u8] = b"{\"photofinish_recording\":";

/// The first line of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    photofinish_recording: u64,
    /// The moment that offsets are counted from.
    pub started_at: jiff::Timestamp,
    /// What stands as `REDACTED`: header names.
    #[serde(default)]
    pub redacted_headers: Vec<String>,
}

/// A request as a recording has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// When it arrived, since the recording began.
    pub at: Duration,
    /// How long its answer took.
    pub took: Duration,
    /// On which downstream connection it came.
    pub connection: Option<u64>,
    /// The version of HTTP.
    pub version: Version,
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: PathAndQuery,
    /// The authority: host, and port if it had one. Never credentials.
    pub host: Option<String>,
    /// All but `host`.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// The status of the answer it got.
    pub status: Option<u16>,
}

impl Head {
    pub(crate) fn new(started_at: jiff::Timestamp, redacted_headers: Vec<String>) -> Self {
        Self { photofinish_recording: FORMAT, started_at, redacted_headers }
    }

    /// Its line, with the line end.
    pub(crate) fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// The version of the format, and the head if that is known.
    pub(crate) fn parse(line: &[u8]) -> Result<(u64, Option<Self>), serde_json::Error> {
        #[derive(Deserialize)]
        struct Mark {
            photofinish_recording: u64,
        }
        let Mark { photofinish_recording: version } = serde_json::from_slice(line)?;
        let head = if version == FORMAT { Some(serde_json::from_slice(line)?) } else { None };
        Ok((version, head))
    }
}

impl Recorded {
    /// `exchange` as it is written, but for redaction; offsets count from `start`.
    pub(crate) fn new(exchange: Exchange, start: Instant) -> Self {
        let Exchange { arrived, took, connection, version, method, uri, mut headers, body, status } =
            exchange;
        let named = headers.remove(HOST);
        let authority = uri.authority().map(http::uri::Authority::as_str);
        let host = authority.or_else(|| named.as_ref().and_then(|host| host.to_str().ok()));
        // Credentials in front of the host are for no file.
        let host = host.map(|host| host.rsplit('@').next().unwrap_or(host).to_owned());
        let root = PathAndQuery::from_static("/");
        Self {
            at: arrived.saturating_duration_since(start),
            took,
            connection: Some(connection),
            version,
            method,
            target: uri.path_and_query().cloned().unwrap_or(root),
            host,
            headers,
            body: joined(body),
            status,
        }
    }

    /// Its line, with the line end.
    pub fn line(&self) -> Vec<u8> {
        let line = Line {
            at_us: micros(self.at),
            took_us: micros(self.took),
            connection: self.connection,
            method: self.method.as_str().into(),
            target: self.target.as_str().into(),
            host: self.host.as_deref().map(Cow::Borrowed),
            version: version_word(self.version).map(Cow::Borrowed),
            status: self.status,
            headers: self
                .headers
                .iter()
                .map(|(name, value)| (name.as_str().into(), Text::of(value.as_bytes())))
                .collect(),
            body: (!self.body.is_empty()).then(|| Text::of(&self.body)),
        };
        let mut line = serde_json::to_vec(&line).unwrap_or_default();
        line.push(b'\n');
        line
    }

    /// The request in `line`.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let line: Line<'_> =
            serde_json::from_slice(line).map_err(|error| format!("not a request: {error}"))?;
        let mut headers = HeaderMap::new();
        for (name, value) in line.headers {
            let problem = || format!("header {name:?} is not one that HTTP allows");
            let value = HeaderValue::from_maybe_shared(value.bytes()?).map_err(|_| problem())?;
            let name: HeaderName = name.parse().map_err(|_| problem())?;
            headers.try_append(name, value).map_err(|_| "too many headers".to_owned())?;
        }
        Ok(Self {
            at: Duration::from_micros(line.at_us),
            took: Duration::from_micros(line.took_us),
            connection: line.connection,
            version: version(line.version.as_deref().unwrap_or("1.1"))?,
            method: Method::from_bytes(line.method.as_bytes())
                .map_err(|_| format!("method {:?} is none", line.method))?,
            target: PathAndQuery::try_from(line.target.as_ref())
                .ok()
                .filter(|target| target.as_str().starts_with('/') || target.as_str() == "*")
                .ok_or_else(|| format!("target {:?} is no path", line.target))?,
            host: line.host.map(Cow::into_owned),
            headers,
            body: line.body.map_or(Ok(Bytes::new()), Text::bytes)?,
            status: line.status,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Line<'a> {
    at_us: u64,
    #[serde(default)]
    took_us: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connection: Option<u64>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    host: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    #[serde(default)]
    status: Option<u16>,
    #[serde(borrow, default)]
    headers: Vec<(Cow<'a, str>, Text<'a>)>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    body: Option<Text<'a>>,
}

/// Bytes, as text where they are text.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Text<'a> {
    Plain(Cow<'a, str>),
    Base64 { base64: Cow<'a, str> },
}

impl<'a> Text<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let is_odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r');
        match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains(is_odd) => Self::Plain(text.into()),
            _ => Self::Base64 { base64: BASE64.encode(bytes).into() },
        }
    }

    fn bytes(self) -> Result<Bytes, String> {
        match self {
            Self::Plain(text) => Ok(text.into_owned().into()),
            Self::Base64 { base64 } => BASE64
                .decode(base64.as_bytes())
                .map(Bytes::from)
                .map_err(|error| format!("what should be base64 is not: {error}")),
        }
    }
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() == 1 {
        return pieces.pop().unwrap_or_default();
    }
    pieces.concat().into()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn version_word(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        Version::HTTP_3 => Some("3"),
        _ => None,
    }
}

fn version(word: &str) -> Result<Version, String> {
    match word {
        "1.0" => Ok(Version::HTTP_10),
        "1.1" => Ok(Version::HTTP_11),
        "2" => Ok(Version::HTTP_2),
        "3" => Ok(Version::HTTP_3),
        _ => Err(format!("version {word:?} is none of 1.0, 1.1, 2 and 3")),
    }
}
