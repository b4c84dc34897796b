//! A request's body on its way to an upstream: read once from the caller, seen by all who need it.
//!
//! The body is read only as fast as the upstream that answers the caller takes it. While it passes it
//! is counted, given to the [`Tap`] of copies, and, for a request that stable may have to answer after
//! all, held up to a limit. An [`Attempt`] reads from the start what is held and then goes on with
//! what comes, so that a second attempt sees the same bytes as the first.
//!
//! (linkerd2-proxy's `ReplayBody` is the pattern; here all is on one thread.)

use crate::mirror::Tap;
use bytes::Bytes;
use http::HeaderMap;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

/// What hyper is given as a request's body.
pub(crate) enum RequestBody {
    /// None.
    Empty,
    /// The caller's.
    Caller(Attempt),
    /// A copy's, which we hold.
    Whole(crate::mirror::WholeBody),
    /// A copy sent while the caller's body arrives.
    Streamed(crate::mirror::StreamedBody),
}

/// One reading of the caller's body.
pub(crate) struct Attempt {
    source: Source,
    number: u32,
    next: usize,
    trailers_told: bool,
}

/// The caller's body, shared by the attempts to send it.
#[derive(Clone)]
pub(crate) struct Source(Rc<RefCell<Inner>>);

struct Inner {
    incoming: Incoming,
    held: Vec<Bytes>,
    held_bytes: usize,
    /// How much may be held; 0: nothing is.
    hold: usize,
    /// What is held is not all that passed.
    lost: bool,
    trailers: Option<HeaderMap>,
    passed: u64,
    limit: u64,
    /// When the last of it came.
    last: Instant,
    /// The upstream waits for the caller (and not the other way round).
    is_awaited: bool,
    state: State,
    tap: Option<Tap>,
    /// The number of the newest attempt; older ones read no more.
    newest: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Ended,
    Failed(BodyError),
}

/// Why the caller's body could not be passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// The caller's connection, or its framing, broke.
    Broken,
    /// More than the limit.
    TooLarge,
    /// Another attempt has taken over.
    Replaced,
    /// A copy was given up.
    GivenUp,
}

impl Source {
    /// `incoming`, of at most `limit` bytes, of which `hold` are kept for a second attempt.
    pub(crate) fn new(incoming: Incoming, limit: u64, hold: usize, tap: Option<Tap>) -> Source {
        Source(Rc::new(RefCell::new(Inner {
            incoming,
            held: Vec::new(),
            held_bytes: 0,
            hold,
            lost: false,
            trailers: None,
            passed: 0,
            limit,
            last: Instant::now(),
            is_awaited: false,
            state: State::Open,
            tap,
            newest: 0,
        })))
    }

    /// The body from its start, or from where it is if nothing was held.
    pub(crate) fn attempt(&self) -> RequestBody {
        let number = {
            let mut inner = self.0.borrow_mut();
            inner.newest += 1;
            inner.newest
        };
        RequestBody::Caller(Attempt { source: self.clone(), number, next: 0, trailers_told: false })
    }

    /// Whether a new attempt would see the body from its first byte.
    pub(crate) fn is_whole(&self) -> bool {
        let inner = self.0.borrow();
        !inner.lost && !matches!(inner.state, State::Failed(_))
    }

    /// Nothing more is held: the answer is being given.
    pub(crate) fn release(&self) {
        // What is held may still be on its way in a second attempt, so it is kept until that has passed it.
        self.0.borrow_mut().hold = 0;
    }

    /// Whether all of it was read.
    pub(crate) fn is_ended(&self) -> bool {
        self.0.borrow().state == State::Ended
    }

    /// Why it could not be read, if it could not.
    pub(crate) fn error(&self) -> Option<BodyError> {
        match self.0.borrow().state {
            State::Failed(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the upstream waits for more of it.
    pub(crate) fn is_awaited(&self) -> bool {
        self.0.borrow().is_awaited
    }

    /// When the last of it came.
    pub(crate) fn last(&self) -> Instant {
        self.0.borrow().last
    }

    /// Bytes that came so far.
    pub(crate) fn passed(&self) -> u64 {
        self.0.borrow().passed
    }
}

impl Inner {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.is_awaited = true;
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        self.is_awaited = false;
        let Some(frame) = frame else {
            self.end();
            return Poll::Ready(None);
        };
        let Ok(frame) = frame else { return Poll::Ready(Some(Err(self.fail(BodyError::Broken)))) };
        let frame = match frame.into_data() {
            Ok(data) => {
                self.passed += data.len() as u64;
                self.last = Instant::now();
                if self.passed > self.limit {
                    return Poll::Ready(Some(Err(self.fail(BodyError::TooLarge))));
                }
                if let Some(tap) = &mut self.tap {
                    tap.data(&data);
                }
                self.keep(&data);
                Frame::data(data)
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                self.trailers = Some(trailers.clone());
                // Nothing comes behind them, and whoever sends them does not ask again.
                self.end();
                Frame::trailers(trailers)
            }
        };
        if self.incoming.is_end_stream() {
            self.end();
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn keep(&mut self, data: &Bytes) {
        if self.hold == 0 || self.lost || self.held_bytes + data.len() > self.hold {
            self.lost = true;
            self.held.clear();
            return;
        }
        self.held_bytes += data.len();
        // A copy, since a slice would keep the whole buffer it was read into.
        self.held.push(Bytes::copy_from_slice(data));
    }

    fn end(&mut self) {
        if self.state == State::Open {
            self.state = State::Ended;
            if let Some(tap) = self.tap.take() {
                tap.end(self.trailers.clone());
            }
        }
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.state = State::Failed(error);
        self.tap = None;
        error
    }
}

impl Body for Attempt {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = &mut *self;
        let mut inner = this.source.0.borrow_mut();
        if this.number != inner.newest {
            return Poll::Ready(Some(Err(BodyError::Replaced)));
        }
        if let Some(data) = inner.held.get(this.next) {
            this.next += 1;
            return Poll::Ready(Some(Ok(Frame::data(data.clone()))));
        }
        match inner.state {
            State::Failed(error) => return Poll::Ready(Some(Err(error))),
            State::Ended if this.trailers_told => return Poll::Ready(None),
            State::Ended => {
                this.trailers_told = true;
                return Poll::Ready(inner.trailers.clone().map(Frame::trailers).map(Ok));
            }
            State::Open => {}
        }
        let polled = inner.poll(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            if frame.is_data() {
                this.next = inner.held.len();
            } else {
                this.trailers_told = true;
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.source.0.borrow();
        self.next >= inner.held.len()
            && (inner.incoming.is_end_stream() || inner.state == State::Ended)
            && (self.trailers_told || inner.trailers.is_none())
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.source.0.borrow();
        let held: usize = inner.held.iter().skip(self.next).map(Bytes::len).sum();
        let rest = inner.incoming.size_hint();
        match rest.exact() {
            Some(rest) => SizeHint::with_exact(rest + held as u64),
            None => SizeHint::default(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            RequestBody::Empty => Poll::Ready(None),
            RequestBody::Caller(attempt) => Pin::new(attempt).poll_frame(cx),
            RequestBody::Whole(body) => Poll::Ready(body.next().map(Ok)),
            RequestBody::Streamed(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            RequestBody::Empty => true,
            RequestBody::Caller(attempt) => attempt.is_end_stream(),
            RequestBody::Whole(body) => body.is_end(),
            RequestBody::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            RequestBody::Empty => SizeHint::with_exact(0),
            RequestBody::Caller(attempt) => attempt.size_hint(),
            RequestBody::Whole(body) => {
                body.len().map_or_else(SizeHint::default, SizeHint::with_exact)
            }
            RequestBody::Streamed(_) => SizeHint::default(),
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BodyError::Broken => "the caller's body broke off",
            BodyError::TooLarge => "the caller's body is larger than the limit",
            BodyError::Replaced => "the request was given to another upstream",
            BodyError::GivenUp => "the copy was given up",
        })
    }
}

impl std::error::Error for BodyError {}
