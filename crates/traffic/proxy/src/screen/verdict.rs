//! What the screen says of the bytes fed to it: how many may be handed on, or no more at all.

use super::reason::Reason;

/// What [`Screen::feed`](super::Screen::feed) found nothing wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `bytes[..pass]` may be handed on. Fewer than were fed only while the screen
    /// [is waiting](super::Screen::is_waiting); the rest is to be kept, and fed again afterwards.
    pub pass: usize,
}

/// The bytes of a connection are not handed on any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("refused a request's {part}")]
pub struct Refused {
    /// How many of the bytes just fed may still be handed on.
    pub pass: usize,
    /// What is wrong with what follows.
    #[source]
    pub reason: Reason,
    /// Whether the parser behind is waiting for a head or inside a body: there, its reader has to
    /// be given an error, since the request has begun.
    pub part: Part,
}

/// The part of a request in which something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request line and the header lines.
    Head,
    /// A chunk or the trailer section.
    Body,
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Part::Head => "head",
            Part::Body => "body",
        })
    }
}

/// What to give hyper in place of the rest behind a [`Refused`], and then the end of the stream.
///
/// Wherever the refusal left its parser, it gives up on these bytes: in a head with 400, after what
/// it still owes to earlier requests, and in a body with an error to whoever reads it.
pub const POISON: &[u8] = b"\0\n\n\r\r";
