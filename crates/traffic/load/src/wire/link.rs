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

/// What an answer has to be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Its body is no larger, in bytes.
    pub(crate) max_response: u64,
    /// Where it says that it is JSON, it is.
    pub(crate) json: bool,
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
        wanted: Wanted,
    ) -> Result<Answer, Failure> {
        let received = self.meter.received.get();
        let Self { sender, driver, gates, .. } = self;
        let mut talk = pin!(talk(sender, request, wanted));
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
    wanted: Wanted,
) -> Result<Answer, Failure> {
    if let Err(error) = sender.ready().await {
        return Err(Failure { stale: true, ..Failure::head(error) });
    }
    let response = sender.try_send_request(request).await.map_err(|mut error| {
        let unsent = error.take_message().is_some();
        Failure { stale: unsent, ..Failure::head(error.into_error()) }
    })?;
    read(response, wanted, Failure::body).await
}

/// Reads an answer to its end.
pub(crate) async fn read(
    response: Response<Incoming>,
    wanted: Wanted,
    failed: fn(hyper::Error) -> Failure,
) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let mut json = (wanted.json && says_json(response.headers())).then(Vec::new);
    let mut body = response.into_body();
    let mut size = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(failed)?;
        let Some(data) = frame.data_ref() else { continue };
        size += data.len() as u64;
        if size > wanted.max_response {
            return Err(Failure::text(ErrorKind::TooLarge, "the body is larger than allowed"));
        }
        if let Some(json) = &mut json {
            json.extend_from_slice(data);
        }
    }
    // What has no body, as the answer to HEAD, is not broken.
    if json.is_some_and(|json| !json.is_empty() && !is_json(&json)) {
        return Err(Failure::text(
            ErrorKind::BrokenJson,
            "the body says that it is JSON and is not",
        ));
    }
    Ok(Answer { status })
}

fn says_json(headers: &hyper::HeaderMap) -> bool {
    let kind = headers.get(hyper::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    // Encoded bodies are somebody else's format.
    !headers.contains_key(hyper::header::CONTENT_ENCODING)
        && (kind.eq_ignore_ascii_case("application/json") || kind.ends_with("+json"))
}

fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok()
}
