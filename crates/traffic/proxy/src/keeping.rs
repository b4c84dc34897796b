//! Requests kept in a file while they pass: what `load --replay` sends again.
//!
//! A request is offered once its answer is whole, with its body as the caller sent it. The recorder never
//! waits: what it has no room for is dropped and counted by it.

use crate::canary::ticket::Tickets;
use crate::forward::Head;
use crate::plan;
use bytes::Bytes;
use http::{StatusCode, Version};
use photofinish_recording::{Dropped, Exchange, Hold, Recorder, StartError};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The recorder, shared by all threads.
pub(crate) struct Keeper {
    pub(crate) plan: plan::Recording,
    recorder: Arc<Recorder>,
    tickets: Tickets,
}

/// A request that will be offered, unless it ends early.
#[derive(Clone)]
pub(crate) struct Kept(Rc<RefCell<Inner>>);

struct Inner {
    keeper: Arc<Keeper>,
    exchange: Option<Exchange>,
    hold: Hold,
    /// The body is all there.
    is_whole: bool,
}

impl Keeper {
    /// Opens the file.
    pub(crate) fn start(plan: plan::Recording) -> Result<Keeper, StartError> {
        let recorder = Arc::new(Recorder::start(&plan.file)?);
        Ok(Keeper { plan, recorder, tickets: Tickets::default() })
    }

    /// The same file, for another share of the requests.
    pub(crate) fn with_share(&self, share: plan::Share) -> Keeper {
        let plan = plan::Recording { share, ..self.plan.clone() };
        Keeper { plan, recorder: Arc::clone(&self.recorder), tickets: Tickets::default() }
    }

    /// A request to be kept, if it is in the share and there is room.
    pub(crate) fn keep(
        self: &Arc<Keeper>,
        head: &Head,
        version: Version,
        connection: u64,
        arrived: Instant,
    ) -> Option<Kept> {
        if self.recorder.is_full() || !self.plan.share.holds(self.tickets.next()) {
            return None;
        }
        let head = head.detached();
        let mut headers = head.headers;
        headers.insert(http::header::HOST, head.host);
        let exchange = Exchange {
            arrived,
            took: std::time::Duration::ZERO,
            connection,
            version,
            method: head.method,
            uri: head.target.into(),
            headers,
            body: Vec::new(),
            status: None,
        };
        Some(Kept(Rc::new(RefCell::new(Inner {
            keeper: Arc::clone(self),
            exchange: Some(exchange),
            hold: self.recorder.hold(),
            is_whole: false,
        }))))
    }

    /// What became of the requests so far.
    pub(crate) fn counts(&self) -> photofinish_recording::Counts {
        self.recorder.counts()
    }
}

impl Kept {
    /// The next piece of the body; false once the request cannot be kept.
    pub(crate) fn data(&self, piece: &Bytes) -> bool {
        let mut inner = self.0.borrow_mut();
        if inner.exchange.is_none() {
            return false;
        }
        if inner.hold.grow(piece.len()).is_err() {
            // Counted there.
            inner.exchange = None;
            return false;
        }
        if let Some(exchange) = &mut inner.exchange {
            exchange.body.push(piece.clone());
        }
        true
    }

    /// The body is whole.
    pub(crate) fn body_ended(&self) {
        self.0.borrow_mut().is_whole = true;
    }

    /// The answer is whole: the request is offered.
    pub(crate) fn answered(&self, status: StatusCode) {
        let mut inner = self.0.borrow_mut();
        if !inner.is_whole {
            return;
        }
        if let Some(mut exchange) = inner.exchange.take() {
            exchange.took = exchange.arrived.elapsed();
            exchange.status = Some(status.as_u16());
            // What is not taken is counted by the recorder.
            let _ = inner.keeper.recorder.offer(exchange);
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.exchange.is_some() {
            self.keeper.recorder.missed(Dropped::Incomplete);
        }
    }
}
