//! What a comparison says: the same, different here and here, or why it cannot be told.

use http::HeaderName;
use http::header::CONTENT_TYPE;
use std::fmt;

/// What comparing two answers came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Nothing that the rules look at differs.
    Same,
    /// It differs in these places, each named once, at most [`MOST_PLACES`](super::MOST_PLACES).
    Different(Vec<Difference>),
    /// Nothing differs that could be compared, but not everything could.
    Skipped(Skip),
}

/// One place where two answers differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Where.
    pub at: Place,
    /// What the primary said there, an excerpt; or only its type and length (`Values::Hidden`).
    pub primary: String,
    /// What the mirror said there.
    pub mirror: String,
    /// How often in these two answers: elements of an array share one place.
    pub times: u32,
}

/// Where answers differ, without what changes from request to request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The status.
    Status,
    /// A header, or a trailer.
    Header(HeaderName),
    /// A value in a JSON body: `$.items[*].total`, keys that look like ids written `{}`.
    Json(String),
    /// The body as bytes.
    Body,
}

/// Why two answers could not be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Skip {
    /// Only the beginning of a body is known.
    Truncated,
    /// A body is larger than [`Rules`](super::Rules) allow, packed or unpacked.
    TooLarge,
    /// JSON nested deeper than 128 levels.
    TooDeep,
    /// Compressed in a way that is not read here, or damaged.
    Encoding,
    /// A stream of events or of JSON lines.
    Stream,
    /// One side could not serve just then (429, 502, 503, 504), the other could: a race build has less
    /// breath than the build it shadows.
    Unavailable,
}

impl Skip {
    /// Every reason, in the order of its definition.
    pub const ALL: &'static [Skip] = &[
        Skip::Truncated,
        Skip::TooLarge,
        Skip::TooDeep,
        Skip::Encoding,
        Skip::Stream,
        Skip::Unavailable,
    ];

    /// The word for it in figures.
    pub fn word(self) -> &'static str {
        match self {
            Skip::Truncated => "truncated",
            Skip::TooLarge => "too-large",
            Skip::TooDeep => "too-deep",
            Skip::Encoding => "encoding",
            Skip::Stream => "stream",
            Skip::Unavailable => "unavailable",
        }
    }
}

impl Place {
    pub(super) fn is_content_type(&self) -> bool {
        matches!(self, Place::Header(name) if *name == CONTENT_TYPE)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Status => f.write_str("status"),
            Place::Header(name) => write!(f, "header {name}"),
            Place::Json(path) => f.write_str(path),
            Place::Body => f.write_str("body"),
        }
    }
}

impl fmt::Display for Skip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
