//! What differs between the primary's answer and the mirror's.

/// What is compared and what not.
#[derive(Clone, Debug, Default)]
pub struct Rules;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: http::StatusCode,
    /// Headers.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: bytes::Bytes,
    /// Cut.
    pub truncated: bool,
}
