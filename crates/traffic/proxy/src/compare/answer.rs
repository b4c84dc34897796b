//! One answer as it arrived, and what its headers say about reading it.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it was sent, compressed if it was.
    pub body: Bytes,
    /// The trailers; a gRPC answer has its status there.
    pub trailers: HeaderMap,
    /// The body is only the beginning of what was sent.
    pub truncated: bool,
}

/// The first line of an answer, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The media type without its parameters, in lower case; empty where there is none.
    pub content_type: String,
}

/// How a body is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// By structure.
    Json,
    /// gRPC messages, and the status in the trailers.
    Grpc,
    /// A stream of events, of which each side may have sent more by now.
    Stream,
    /// Byte by byte.
    Bytes,
}

impl Answer {
    /// Its status and media type.
    pub fn head(&self) -> Head {
        Head { status: self.status.as_u16(), content_type: self.media_type() }
    }

    /// Says that it could not serve just then, which says nothing of the request.
    pub(super) fn is_unavailable(&self) -> bool {
        matches!(self.status.as_u16(), 429 | 502 | 503 | 504)
    }

    pub(super) fn form(&self) -> Form {
        let media_type = self.media_type();
        let (_, subtype) = media_type.split_once('/').unwrap_or_default();
        match media_type.as_str() {
            "text/event-stream" => Form::Stream,
            _ if media_type.starts_with("application/grpc") => Form::Grpc,
            // RFC 6839, section 3.1: `+json` is JSON.
            _ if subtype == "json" || subtype.ends_with("+json") => Form::Json,
            _ if ["ndjson", "x-ndjson", "jsonl", "json-seq", "stream+json"].contains(&subtype) => {
                Form::Stream
            }
            _ if media_type.starts_with("multipart/x-mixed-replace") => Form::Stream,
            "" if self.body.trim_ascii_start().first().is_some_and(|b| b"{[".contains(b)) => {
                Form::Json
            }
            _ => Form::Bytes,
        }
    }

    /// What was done to the body, `identity` left out.
    pub(super) fn encoding(&self) -> Option<String> {
        let value = self.headers.get(CONTENT_ENCODING)?;
        let value = String::from_utf8_lossy(value.as_bytes()).trim().to_ascii_lowercase();
        (!value.is_empty() && value != "identity").then_some(value)
    }

    fn media_type(&self) -> String {
        let value =
            self.headers.get(CONTENT_TYPE).map(|value| value.as_bytes()).unwrap_or_default();
        let value = String::from_utf8_lossy(value);
        value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }
}
