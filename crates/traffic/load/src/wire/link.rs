//! A connection that requests are exchanged on.
//!
//! An HTTP/1.1 connection is driven by the same task that waits for the answer: a second task,
//! which hyper's examples spawn, costs a wake-up in each direction of every request. An HTTP/2
//! connection is shared by many exchanges and has its own task.

use super::failure::{ErrorKind, Failure};
use super::meter::{Meter, Metered, Stream};
use super::watchdog::{Watchdog, timed_out};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// The body of every request.
pub(crate) type Payload = Full<Bytes>;

/// Streams that a client opens on one HTTP/2 connection at most; servers commonly allow
/// 100 (RFC 9113 recommends no fewer) to 250.
const STREAMS: usize = 100;

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
}

/// One HTTP/1.1 connection.
pub(crate) struct Http1 {
    sender: http1::SendRequest<Payload>,
    driver: Pin<Box<http1::Connection<TokioIo<Metered>, Payload>>>,
    meter: Rc<Meter>,
    ended: bool,
    used: bool,
}

impl Http1 {
    pub(crate) async fn start(stream: Stream) -> Result<Self, Failure> {
        let (stream, meter) = Metered::new(stream);
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(Failure::head)?;
        Ok(Self { sender, driver: Box::pin(driver), meter, ended: false, used: false })
    }

    /// Whether another request may be sent.
    pub(crate) fn is_open(&self) -> bool {
        !self.ended && !self.sender.is_closed()
    }

    /// Bytes received and sent since the last call.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.meter.received.take(), self.meter.sent.take())
    }

    /// Goes on when the server closes the connection. Cancel safe.
    pub(crate) async fn closed(&mut self) {
        if !self.ended {
            let _ = poll_fn(|cx| self.driver.as_mut().poll(cx)).await;
            self.ended = true;
        }
    }

    /// Sends `request` and reads its answer to the end. After a failure the connection is done.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Payload>,
        watchdog: &mut Watchdog,
        max_response: u64,
    ) -> Result<Answer, Failure> {
        let received = self.meter.received.get();
        let Self { sender, driver, ended, .. } = self;
        let mut talk = pin!(talk(sender, request, max_response));
        let result = poll_fn(|cx| {
            // Twice, because what one of them does is often what the other waits for.
            for _ in 0..2 {
                if let Poll::Ready(result) = talk.as_mut().poll(cx) {
                    return Poll::Ready(result);
                }
                if !*ended && driver.as_mut().poll(cx).is_ready() {
                    *ended = true;
                }
            }
            match talk.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(result),
                Poll::Pending if *ended => Poll::Ready(Err(closed())),
                Poll::Pending => watchdog.poll(cx).map(|()| Err(timed_out())),
            }
        })
        .await;
        let silent = self.meter.received.get() == received;
        let result = result.map_err(|mut failure| {
            failure.stale |= self.used && silent && self.meter.reset.get();
            if silent && self.meter.reset.get() && failure.kind == ErrorKind::Closed {
                failure.kind = ErrorKind::Reset;
            }
            failure
        });
        self.used = true;
        result
    }
}

async fn talk(
    sender: &mut http1::SendRequest<Payload>,
    request: Request<Payload>,
    max_response: u64,
) -> Result<Answer, Failure> {
    if let Err(error) = sender.ready().await {
        return Err(Failure { stale: true, ..Failure::head(error) });
    }
    let response = sender.try_send_request(request).await.map_err(|mut error| {
        let unsent = error.take_message().is_some();
        Failure { stale: unsent, ..Failure::head(error.into_error()) }
    })?;
    read(response, max_response, Failure::body).await
}

async fn read(
    response: Response<Incoming>,
    max_response: u64,
    failed: fn(hyper::Error) -> Failure,
) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        size += frame.map_err(failed)?.data_ref().map_or(0, |data| data.len() as u64);
        if size > max_response {
            return Err(Failure::text(ErrorKind::TooLarge, "the body is larger than allowed"));
        }
    }
    Ok(Answer { status })
}

fn closed() -> Failure {
    Failure::text(ErrorKind::Closed, "the server closed the connection")
}

/// A handle on one HTTP/2 connection, which others share.
#[derive(Clone)]
pub(crate) struct Http2 {
    sender: http2::SendRequest<Payload>,
    meter: Rc<Meter>,
    streams: Rc<Cell<usize>>,
}

impl Http2 {
    pub(crate) async fn start(stream: Stream) -> Result<Self, Failure> {
        let (stream, meter) = Metered::new(stream);
        let (sender, driver) = http2::Builder::new(LocalTasks)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Failure::http2)?;
        tokio::task::spawn_local(async move {
            // Its end is seen by every exchange on it.
            let _ = driver.await;
        });
        Ok(Self { sender, meter, streams: Rc::new(Cell::new(0)) })
    }

    /// Whether one more exchange may begin.
    pub(crate) fn has_room(&self) -> bool {
        !self.sender.is_closed() && self.streams.get() < STREAMS
    }

    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Bytes received and sent since the last call, by all exchanges.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.meter.received.take(), self.meter.sent.take())
    }

    pub(crate) async fn exchange(
        &mut self,
        request: Request<Payload>,
        watchdog: &mut Watchdog,
        max_response: u64,
    ) -> Result<Answer, Failure> {
        self.streams.set(self.streams.get() + 1);
        let _leave = Leave(Rc::clone(&self.streams));
        let sender = &mut self.sender;
        let work = async move {
            if let Err(error) = sender.ready().await {
                return Err(Failure { stale: true, ..Failure::http2(error) });
            }
            let response = sender.try_send_request(request).await.map_err(|mut error| {
                let unsent = error.take_message().is_some();
                Failure { stale: unsent, ..Failure::http2(error.into_error()) }
            })?;
            read(response, max_response, Failure::http2).await
        };
        watchdog.bound(work).await?
    }
}

/// Gives a stream back, however its exchange ended.
struct Leave(Rc<Cell<usize>>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// Spawns hyper's own tasks on the thread of the connection.
#[derive(Clone, Copy)]
struct LocalTasks;

impl<F: Future + 'static> hyper::rt::Executor<F> for LocalTasks {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            let _ = future.await;
        });
    }
}
