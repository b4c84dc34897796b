//! The caller's body as it passes, for the copies that want it.
//!
//! Nothing here ever waits: a piece is copied if the budgets have room for it, else the copy is dropped
//! and counted. Pieces are kept once for all mirrors. When the body is whole the copies are sent; when
//! the caller leaves before, they never are.

use super::budget::Held;
use super::copy::Copy;
use super::stream::{StreamSender, stream};
use super::{Cause, WholeBody};
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
}

/// A copy that is sent once the body is whole.
struct Waiting {
    copy: Copy,
    held: Held,
}

/// A copy that is being sent.
struct Streaming {
    sender: StreamSender,
    copy: Copy,
}

impl Tap {
    /// Sends `copies` of a request whose body passes through here.
    pub(crate) fn new(copies: Vec<Copy>) -> Tap {
        let mut tap = Tap::default();
        for copy in copies {
            let held = copy.mirror.state.budget.hold();
            match copy.mirror.state.plan.bodies {
                Bodies::Whole => tap.waiting.push(Waiting { copy, held }),
                Bodies::Streamed => {
                    let (sender, body) = stream(held);
                    let begun = copy.without_primary();
                    copy.send(RequestBody::Streamed(body), None);
                    tap.streams.push(Streaming { sender, copy: begun });
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
                waiting.copy.dropped(Cause::TooLarge);
            } else if !waiting.held.grow(data.len()) {
                waiting.copy.dropped(Cause::Bytes);
            } else {
                return true;
            }
            false
        });
        if self.waiting.is_empty() {
            self.pieces = Vec::new();
        } else {
            // A copy of exactly this size: a slice would keep the whole buffer it was read into.
            self.pieces.push(Bytes::copy_from_slice(data));
        }
        self.streams.retain_mut(|streaming| {
            let passed = streaming.sender.send(data);
            if !passed {
                streaming.copy.dropped(Cause::Bytes);
            }
            passed
        });
    }

    /// Sends `copies` of a request without a body.
    pub(crate) fn without_body(copies: Vec<Copy>) {
        for copy in copies {
            copy.send(RequestBody::Empty, None);
        }
    }

    /// The body is whole.
    pub(crate) fn end(mut self, trailers: Option<HeaderMap>) {
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
            waiting.copy.dropped(Cause::CallerLeft);
        }
        for streaming in &self.streams {
            streaming.copy.dropped(Cause::CallerLeft);
        }
    }
}
