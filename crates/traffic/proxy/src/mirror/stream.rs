//! A copy's body that is sent while the caller's arrives.
//!
//! What the mirror has not taken yet counts against the budget. When that is used up, or the caller
//! leaves, the copy is cut: the mirror sees a broken connection, never a body that looks whole.

use super::budget::Held;
use crate::upstream::BodyError;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::Frame;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// Where the caller's bytes go.
pub(crate) struct StreamSender(Rc<RefCell<Stream>>);

/// What the mirror's connection reads.
pub(crate) struct StreamedBody(Rc<RefCell<Stream>>);

struct Stream {
    waiting: VecDeque<Frame<Bytes>>,
    held: Held,
    end: Option<End>,
    waker: Option<Waker>,
    is_read: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    Whole,
    Cut,
}

/// Both ends of a stream whose waiting bytes count in `held`.
pub(crate) fn stream(held: Held) -> (StreamSender, StreamedBody) {
    let stream = Rc::new(RefCell::new(Stream {
        waiting: VecDeque::new(),
        held,
        end: None,
        waker: None,
        is_read: true,
    }));
    (StreamSender(Rc::clone(&stream)), StreamedBody(stream))
}

impl StreamSender {
    /// Passes `data` on; false if there is no room for it, or nobody reads any more.
    pub(crate) fn send(&mut self, data: &Bytes) -> bool {
        let mut stream = self.0.borrow_mut();
        if !stream.is_read || !stream.held.grow(data.len()) {
            return false;
        }
        stream.waiting.push_back(Frame::data(Bytes::copy_from_slice(data)));
        stream.wake();
        true
    }

    /// The body is whole. (Dropped without this, it is cut.)
    pub(crate) fn end(self, trailers: Option<HeaderMap>) {
        let mut stream = self.0.borrow_mut();
        stream.waiting.extend(trailers.map(Frame::trailers));
        stream.end = Some(End::Whole);
        stream.wake();
    }
}

impl Stream {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Drop for StreamSender {
    fn drop(&mut self) {
        let mut stream = self.0.borrow_mut();
        if stream.end.is_none() {
            stream.end = Some(End::Cut);
            stream.waiting.clear();
            stream.wake();
        }
    }
}

impl Drop for StreamedBody {
    fn drop(&mut self) {
        let mut stream = self.0.borrow_mut();
        stream.is_read = false;
        stream.waiting.clear();
        stream.held.shrink(usize::MAX);
    }
}

impl StreamedBody {
    pub(crate) fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut stream = self.0.borrow_mut();
        if let Some(frame) = stream.waiting.pop_front() {
            stream.held.shrink(frame.data_ref().map_or(0, Bytes::len));
            return Poll::Ready(Some(Ok(frame)));
        }
        match stream.end {
            Some(End::Whole) => Poll::Ready(None),
            Some(End::Cut) => Poll::Ready(Some(Err(BodyError::GivenUp))),
            None => {
                stream.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
