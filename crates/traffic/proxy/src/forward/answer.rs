//! An answer on its way to the caller, and the end of a request's account.
//!
//! The account is closed when the body is dropped, whatever happened: read to its end, broken off by the
//! upstream, or left by the caller. A connection whose answer was read to the end goes back to its pool.

use crate::canary::CanaryState;
use crate::figures::{Caller, Failure, Underway, Variant};
use crate::keeping::Kept;
use crate::mirror::Collector;
use crate::serve::Busy;
use crate::upstream::{Lease, Source};
use bytes::Bytes;
use http::StatusCode;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// What hyper is given as an answer's body.
pub(crate) struct AnswerBody {
    pieces: Pieces,
    account: Option<Account>,
    /// For whoever compares this answer with a mirror's.
    compared: Option<Compared>,
    /// The caller's connection is busy as long as this is here.
    busy: Option<Busy>,
    /// How long the upstream may say nothing, and when that is over; no limit for streams.
    patience: Option<Patience>,
}

/// Waiting for an upstream in the middle of its answer.
struct Patience {
    limit: Duration,
    /// Only while it is waited for.
    until: Option<Pin<Box<Sleep>>>,
}

/// Why an answer is broken off: a caller of HTTP/1.1 sees the connection end, one of HTTP/2 a reset stream.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the upstream broke off")]
    Upstream(#[source] hyper::Error),
    #[error("the upstream stopped in the middle of its answer")]
    Stalled,
}

enum Pieces {
    /// Our own words.
    Own(Option<Bytes>),
    /// The upstream's, as they come.
    Passing(Incoming),
    /// Held until they were whole, or nearly.
    Held { first: VecDeque<Frame<Bytes>>, rest: Option<Incoming> },
}

/// One request's figures, counted when it ends.
pub(crate) struct Account {
    pub(crate) variant: Arc<Variant>,
    #[expect(dead_code, reason = "held, not read")]
    pub(crate) underway: Underway,
    pub(crate) caller: Arc<Caller>,
    pub(crate) canary: Option<Arc<CanaryState>>,
    /// The canary had no part in it, so its time counts for the service's objective.
    pub(crate) counts: bool,
    pub(crate) started: Instant,
    pub(crate) source: Option<Source>,
    /// What keeps the request in a file, and the answer's status for it.
    pub(crate) kept: Option<(Kept, StatusCode)>,
    pub(crate) lease: Option<Lease>,
    pub(crate) bytes: u64,
    pub(crate) end: End,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It has not.
    Open,
    /// At its end.
    Whole,
    /// The upstream broke it off.
    Cut,
}

/// The answer as the caller gets it, kept for comparing.
pub(crate) struct Compared {
    pub(crate) collector: Collector,
    pub(crate) to: Vec<oneshot::Sender<crate::compare::Answer>>,
}

impl AnswerBody {
    pub(crate) fn own(text: Bytes) -> AnswerBody {
        AnswerBody::new(Pieces::Own(Some(text)), None, None)
    }

    pub(crate) fn none() -> AnswerBody {
        AnswerBody::new(Pieces::Own(None), None, None)
    }

    /// Breaks off an answer that is no stream if nothing of it comes for `limit`.
    pub(crate) fn wait_at_most(&mut self, limit: Duration) {
        self.patience = Some(Patience { limit, until: None });
    }

    /// Keeps the caller's connection busy until the answer is over.
    pub(crate) fn keep_busy(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }

    pub(crate) fn passing(
        body: Incoming,
        account: Account,
        compared: Option<Compared>,
    ) -> AnswerBody {
        AnswerBody::new(Pieces::Passing(body), Some(account), compared)
    }

    pub(crate) fn held(
        first: VecDeque<Frame<Bytes>>,
        rest: Option<Incoming>,
        account: Account,
        compared: Option<Compared>,
    ) -> AnswerBody {
        AnswerBody::new(Pieces::Held { first, rest }, Some(account), compared)
    }

    fn new(pieces: Pieces, account: Option<Account>, compared: Option<Compared>) -> AnswerBody {
        AnswerBody { pieces, account, compared, busy: None, patience: None }
    }

    /// Whether the upstream was waited for long enough.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(Patience { limit, until }) = &mut self.patience else { return false };
        let until = until.get_or_insert_with(|| Box::pin(tokio::time::sleep(*limit)));
        until.as_mut().poll(cx).is_ready()
    }

    fn ended(&mut self, end: End) {
        if let Some(account) = &mut self.account {
            account.end = end;
        }
    }
}

impl Pieces {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Pieces::Own(text) => Poll::Ready(text.take().map(Frame::data).map(Ok)),
            Pieces::Passing(body) => Pin::new(body).poll_frame(cx),
            Pieces::Held { first, rest } => match (first.pop_front(), rest) {
                (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
                (None, Some(body)) => Pin::new(body).poll_frame(cx),
                (None, None) => Poll::Ready(None),
            },
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = AnswerError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, AnswerError>>> {
        let polled = match self.pieces.poll(cx) {
            Poll::Ready(polled) => {
                if let Some(patience) = &mut self.patience {
                    patience.until = None;
                }
                Poll::Ready(polled.map(|frame| frame.map_err(AnswerError::Upstream)))
            }
            Poll::Pending if self.is_over(cx) => Poll::Ready(Some(Err(AnswerError::Stalled))),
            Poll::Pending => Poll::Pending,
        };
        match &polled {
            Poll::Pending => {}
            Poll::Ready(None) => self.ended(End::Whole),
            Poll::Ready(Some(Err(_))) => self.ended(End::Cut),
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(account), Some(data)) = (&mut self.account, frame.data_ref()) {
                    account.bytes += data.len() as u64;
                }
                if let Some(compared) = &mut self.compared {
                    compared.collector.frame(frame);
                }
                if self.is_end_stream() {
                    self.ended(End::Whole);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        match &self.pieces {
            Pieces::Own(text) => text.is_none(),
            Pieces::Passing(body) => body.is_end_stream(),
            Pieces::Held { first, rest } => {
                first.is_empty() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.pieces {
            Pieces::Own(text) => SizeHint::with_exact(text.as_ref().map_or(0, |t| t.len() as u64)),
            Pieces::Passing(body) => body.size_hint(),
            Pieces::Held { first, rest } => {
                let held: usize =
                    first.iter().filter_map(|frame| frame.data_ref()).map(Bytes::len).sum();
                // Trailers need chunks, which a known length would rule out.
                if first.iter().any(Frame::is_trailers) {
                    return SizeHint::default();
                }
                match rest.as_ref().map(Body::size_hint) {
                    None => SizeHint::with_exact(held as u64),
                    Some(rest) => rest.exact().map_or_else(SizeHint::default, |rest| {
                        SizeHint::with_exact(rest + held as u64)
                    }),
                }
            }
        }
    }
}

impl Drop for AnswerBody {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.ended(End::Whole);
        }
        let is_whole = self.account.as_ref().is_some_and(|account| account.end == End::Whole);
        if let Some(Compared { collector, to }) = self.compared.take().filter(|_| is_whole) {
            let answer = collector.answer();
            for sender in to {
                // Whoever compares may have given up.
                let _ = sender.send(answer.clone());
            }
        }
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        let took = self.started.elapsed();
        if let Some(source) = &self.source {
            self.variant.received(source.passed());
        }
        match self.end {
            End::Whole => {
                self.variant.took(took, self.bytes);
                if self.counts {
                    self.caller.objective.count(took);
                }
                if let Some((kept, status)) = self.kept.take() {
                    kept.answered(status);
                }
                if let Some(lease) = self.lease.take() {
                    lease.give_back();
                }
            }
            End::Cut => self.variant.failed(Failure::Cut),
            End::Open => self.caller.left(),
        }
        if let Some(canary) = &self.canary {
            canary.observe(self.end != End::Cut);
        }
    }
}
