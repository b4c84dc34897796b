//! An HTTP/1.1 connection that requests are exchanged on.
//!
//! An HTTP/1.1 connection is driven by the same task that waits for the answer: a second task,
//! which hyper's examples spawn, costs a wake-up in each direction of every request.
//!
//! Not here: HTTP/2 (`http2`). Start at [`Http1::exchange`].

use super::failure::{ErrorKind, Failure};
use super::gate::Gates;
use super::meter::{Meter, Metered, Stream};
use super::watchdog::{Watchdog, timed_out};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

/// The body of every request.
pub(crate) type Payload = Full<Bytes>;

/// A whole answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
}

/// Requests with a body larger than this are written from two buffers, head and body; smaller
/// ones are cheaper to copy into one.
const ONE_BUFFER: usize = 16 << 10;

/// As often as this the two halves of an exchange may wake each other before other connections
/// get their turn.
const ROUNDS: usize = 32;

/// What moves the bytes of an HTTP/1.1 connection while it is polled.
type Driver = Pin<Box<http1::Connection<TokioIo<Metered>, Payload>>>;

/// One HTTP/1.1 connection.
pub(crate) struct Http1 {
    sender: http1::SendRequest<Payload>,
    /// Dropped when it is done, which tells the sender.
    driver: Option<Driver>,
    gates: Gates,
    meter: Rc<Meter>,
    used: bool,
}

impl Http1 {
    /// `largest`: the size of the largest body that will be sent.
    pub(crate) async fn start(stream: Stream, largest: usize) -> Result<Self, Failure> {
        let (stream, meter) = Metered::new(stream);
        let (sender, driver) = http1::Builder::new()
            .writev(largest > ONE_BUFFER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(Failure::head)?;
        let (driver, gates) = (Some(Box::pin(driver)), Gates::new());
        Ok(Self { sender, driver, gates, meter, used: false })
    }

    /// Whether another request may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.driver.is_some() && !self.sender.is_closed()
    }

    /// Bytes received and sent since the last call.
    pub(crate) fn traffic(&self) -> (u64, u64) {
        (self.meter.received.take(), self.meter.sent.take())
    }

    /// Goes on when the server closes the connection. Cancel safe.
    pub(crate) async fn closed(&mut self) {
        poll_fn(|cx| match &mut self.driver {
            None => Poll::Ready(()),
            Some(driver) => driver.as_mut().poll(cx).map(|_| ()),
        })
        .await;
        self.driver = None;
    }

    /// Sends `request` and reads its answer to the end. After a failure the connection is done.
    pub(crate) async fn exchange(
        &mut self,
        request: Request<Payload>,
        watchdog: &mut Watchdog,
        max_response: u64,
    ) -> Result<Answer, Failure> {
        let received = self.meter.received.get();
        let Self { sender, driver, gates, .. } = self;
        let mut talk = pin!(talk(sender, request, max_response));
        gates.exchange.wake();
        gates.driver.wake();
        let result = poll_fn(|cx| {
            gates.enter(cx);
            let done = advance(gates, talk.as_mut(), driver);
            let unseen = gates.leave();
            match done {
                Some(result) => Poll::Ready(result),
                None => {
                    if unseen {
                        cx.waker().wake_by_ref();
                    }
                    watchdog.poll(cx).map(|()| Err(timed_out()))
                }
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

/// Polls whichever half was woken until neither is.
fn advance<T>(
    gates: &Gates,
    mut talk: Pin<&mut impl Future<Output = T>>,
    driver: &mut Option<Driver>,
) -> Option<T> {
    for _ in 0..ROUNDS {
        let mut idle = true;
        if let Some(mut cx) = gates.exchange.woken() {
            idle = false;
            if let Poll::Ready(result) = talk.as_mut().poll(&mut cx) {
                return Some(result);
            }
        }
        if let Some(mut cx) = gates.driver.woken()
            && let Some(connection) = driver
        {
            idle = false;
            if connection.as_mut().poll(&mut cx).is_ready() {
                *driver = None;
                gates.exchange.wake();
            }
        }
        if idle {
            break;
        }
    }
    None
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

/// Reads an answer to its end.
pub(crate) async fn read(
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
