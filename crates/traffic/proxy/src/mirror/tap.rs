//! The caller's body as it passes, for the copies that want it.
//!
//! Nothing here ever waits: a piece is copied if the budgets have room for it, else the copy is dropped
//! and counted. Pieces are kept once for all mirrors. When the body is whole the copies are sent; when
//! the caller leaves before, they never are.

use super::budget::Held;
use super::copy::{Copy, Tally};
use super::stream::{StreamSender, stream};
use super::{Cause, WholeBody};
use crate::keeping::Kept;
use crate::plan::Bodies;
use crate::upstream::RequestBody;
use bytes::Bytes;
use http::HeaderMap;

/// Receives the caller's body.
#[derive(Default)]
pub(crate) struct Tap {
    pieces: Vec<Bytes>,
    size: usize,
    waiting: Vec<Waiting>,
    streams: Vec<Streaming>,
    kept: Option<Kept>,
}

/// A copy that is sent once the body is whole.
struct Waiting {
    copy: Copy,
    held: Held,
}

/// A copy that is being sent.
struct Streaming {
    sender: StreamSender,
    tally: Tally,
}

impl Tap {
    /// Sends `copies` of a request whose body passes through here, and keeps it in a file.
    pub(crate) fn new(copies: Vec<Copy>, kept: Option<Kept>) -> Tap {
        let mut tap = Tap::default();
        tap.kept = kept;
        for copy in copies {
            let held = copy.mirror.state.budget.hold();
            match copy.mirror.state.plan.bodies {
                Bodies::Whole => tap.waiting.push(Waiting { copy, held }),
                Bodies::Streamed => {
                    let (sender, body) = stream(held);
                    let tally = copy.tally.clone();
                    copy.send(RequestBody::Streamed(body), None);
                    tap.streams.push(Streaming { sender, tally });
                }
            }
        }
        tap
    }

    pub(crate) fn data(&mut self, data: &Bytes) {
        self.size += data.len();
        let size = self.size;
        self.waiting.retain_mut(|waiting| {
            if size > waiting.copy.mirror.state.plan.body_bytes {
                waiting.copy.tally.dropped(Cause::TooLarge);
            } else if !waiting.held.grow(data.len()) {
                waiting.copy.tally.dropped(Cause::Bytes);
            } else {
                return true;
            }
            false
        });
        if self.waiting.is_empty() {
            self.pieces = Vec::new();
        }
        if !self.waiting.is_empty() || self.kept.is_some() {
            // A copy of exactly this size: a slice would keep the whole buffer it was read into.
            let piece = Bytes::copy_from_slice(data);
            self.kept = self.kept.take().filter(|kept| kept.data(&piece));
            if !self.waiting.is_empty() {
                self.pieces.push(piece);
            }
        }
        self.streams.retain_mut(|streaming| {
            let passed = streaming.sender.send(data);
            if !passed {
                streaming.tally.dropped(Cause::Bytes);
            }
            passed
        });
    }

    /// Sends `copies` of a request without a body, and keeps it in a file.
    pub(crate) fn without_body(copies: Vec<Copy>, kept: Option<&Kept>) {
        if let Some(kept) = kept {
            kept.body_ended();
        }
        for copy in copies {
            copy.send(RequestBody::Empty, None);
        }
    }

    /// The body is whole.
    pub(crate) fn end(mut self, trailers: Option<HeaderMap>) {
        if let Some(kept) = &self.kept {
            kept.body_ended();
        }
        for streaming in std::mem::take(&mut self.streams) {
            streaming.sender.end(trailers.clone());
        }
        let body = WholeBody::new(std::mem::take(&mut self.pieces), trailers);
        for waiting in std::mem::take(&mut self.waiting) {
            waiting.copy.send(RequestBody::Whole(body.clone()), Some(waiting.held));
        }
    }
}

impl Drop for Tap {
    /// What is left belongs to a caller who left.
    fn drop(&mut self) {
        for waiting in &self.waiting {
            waiting.copy.tally.dropped(Cause::CallerLeft);
        }
        for streaming in &self.streams {
            streaming.tally.dropped(Cause::CallerLeft);
        }
    }
}
