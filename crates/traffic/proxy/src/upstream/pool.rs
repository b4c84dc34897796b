//! The connections one thread keeps to one upstream.
//!
//! HTTP/1.1: the connection used last is used first, so the others grow old and are closed. A
//! connection comes back once its answer was read to the end and its request sent to the end. HTTP/2: one
//! connection carries everything. A request that a connection never began to write is not lost: it
//! goes to the next one.

use super::body::{RequestBody, Source};
use super::connect::Connector;
use crate::figures::Failure;
use crate::plan::{Protocol, Scheme};
use crate::rt::LocalExecutor;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Connections without a request that are kept, for each thread and upstream.
const IDLE_MOST: usize = 1024;
/// How long they are kept: shorter than servers usually wait, so that they seldom close first.
const IDLE_FOR: Duration = Duration::from_secs(30);
/// What of an answer is read ahead, and its largest head.
const READ_AHEAD: usize = 128 << 10;
/// HTTP/2 bytes that may be under way unasked, on a stream and on the connection.
const WINDOWS: (u32, u32) = (256 << 10, 4 << 20);

/// The connections one thread keeps to one upstream.
pub(crate) struct Pool {
    connector: Connector,
    idle: RefCell<Vec<Idle>>,
    http2: RefCell<Option<http2::SendRequest<RequestBody>>>,
    opening_http2: tokio::sync::Mutex<()>,
}

struct Idle {
    sender: http1::SendRequest<RequestBody>,
    since: Instant,
}

/// An answer that began, and the connection it comes on.
pub(crate) struct Sent {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

/// A connection in use; goes back to its pool by [`Lease::give_back`], else it is closed.
pub(crate) enum Lease {
    Http1 { pool: Rc<Pool>, sender: http1::SendRequest<RequestBody>, source: Option<Source> },
    Http2,
}

/// No answer.
pub(crate) struct SendError {
    pub(crate) failure: Failure,
    /// Something of the request may have reached the upstream.
    pub(crate) was_sent: bool,
    /// It was sent on a connection used before, which the upstream may have closed meanwhile.
    pub(crate) was_reused: bool,
    pub(crate) cause: String,
}

impl Pool {
    pub(crate) fn new(connector: Connector) -> Rc<Pool> {
        Rc::new(Pool {
            connector,
            idle: RefCell::default(),
            http2: RefCell::default(),
            opening_http2: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// Whether a connection of this pool is as good as one by `connector`.
    pub(crate) fn reaches_like(&self, connector: &Connector) -> bool {
        // Certificates may have been renewed under the same name.
        self.connector.upstream() == connector.upstream()
            && connector.upstream().scheme == Scheme::Http
    }

    /// Whether a request goes by HTTP/2.
    pub(crate) fn speaks_http2(&self, is_grpc: bool) -> bool {
        match self.connector.upstream().protocol {
            Protocol::Auto => is_grpc,
            Protocol::Http1 => false,
            Protocol::Http2 => true,
        }
    }

    /// Sends `request`, whose body is `source` if it is the caller's, and waits for the answer's head.
    pub(crate) async fn send(
        self: &Rc<Pool>,
        request: Request<RequestBody>,
        source: Option<&Source>,
        http2: bool,
    ) -> Result<Sent, SendError> {
        if http2 { self.send_http2(request).await } else { self.send_http1(request, source).await }
    }

    async fn send_http1(
        self: &Rc<Pool>,
        mut request: Request<RequestBody>,
        source: Option<&Source>,
    ) -> Result<Sent, SendError> {
        loop {
            let idle = self.idle.borrow_mut().pop();
            let was_reused = idle.is_some();
            let mut sender = match idle {
                Some(idle) => idle.sender,
                None => self.open_http1().await?,
            };
            if was_reused && sender.ready().await.is_err() {
                continue;
            }
            match sender.try_send_request(request).await {
                Ok(response) => {
                    let lease =
                        Lease::Http1 { pool: Rc::clone(self), sender, source: source.cloned() };
                    return Ok(Sent { response, lease });
                }
                Err(mut error) => match error.take_message() {
                    Some(unsent) if was_reused => request = unsent,
                    unsent => {
                        return Err(SendError {
                            failure: Failure::Reset,
                            was_sent: unsent.is_none(),
                            was_reused,
                            cause: chain(&error.into_error()),
                        });
                    }
                },
            }
        }
    }

    async fn open_http1(&self) -> Result<http1::SendRequest<RequestBody>, SendError> {
        let stream = self.connector.connect(false).await.map_err(|error| not_connected(&error))?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(READ_AHEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| not_connected(&error))?;
        tokio::task::spawn_local(async move {
            // What went wrong is told to whoever waits for an answer.
            let _ = connection.with_upgrades().await;
        });
        Ok(sender)
    }

    async fn send_http2(&self, mut request: Request<RequestBody>) -> Result<Sent, SendError> {
        let mut is_last_try = false;
        loop {
            let mut sender = self.open_http2().await?;
            match sender.try_send_request(request).await {
                Ok(response) => return Ok(Sent { response, lease: Lease::Http2 }),
                Err(mut error) => match error.take_message() {
                    Some(unsent) if !is_last_try => request = unsent,
                    unsent => {
                        return Err(SendError {
                            failure: Failure::Reset,
                            was_sent: unsent.is_none(),
                            was_reused: true,
                            cause: chain(&error.into_error()),
                        });
                    }
                },
            }
            is_last_try = true;
        }
    }

    async fn open_http2(&self) -> Result<http2::SendRequest<RequestBody>, SendError> {
        let open = || self.http2.borrow().clone().filter(|sender| !sender.is_closed());
        if let Some(sender) = open() {
            return Ok(sender);
        }
        let _one_at_a_time = self.opening_http2.lock().await;
        if let Some(sender) = open() {
            return Ok(sender);
        }
        let stream = self.connector.connect(true).await.map_err(|error| not_connected(&error))?;
        let (sender, connection) = http2::Builder::new(LocalExecutor)
            .initial_stream_window_size(WINDOWS.0)
            .initial_connection_window_size(WINDOWS.1)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| not_connected(&error))?;
        tokio::task::spawn_local(async move {
            let _ = connection.await;
        });
        *self.http2.borrow_mut() = Some(sender.clone());
        Ok(sender)
    }

    /// Closes all connections without a request.
    pub(crate) fn forget_idle(&self) {
        self.idle.borrow_mut().clear();
    }

    /// Closes what was not used for long, or is closed already; called every second.
    pub(crate) fn tidy(&self, now: Instant) {
        self.idle.borrow_mut().retain(|idle| {
            !idle.sender.is_closed() && now.saturating_duration_since(idle.since) < IDLE_FOR
        });
    }
}

impl Lease {
    /// The answer was read to its end: the connection may carry the next request.
    pub(crate) fn give_back(self) {
        let Lease::Http1 { pool, sender, source } = self else { return };
        if sender.is_closed() || source.is_some_and(|source| !source.is_ended()) {
            return;
        }
        let mut idle = pool.idle.borrow_mut();
        if idle.len() < IDLE_MOST {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }
}

fn not_connected(error: &(dyn std::error::Error + 'static)) -> SendError {
    SendError { failure: Failure::Connect, was_sent: false, was_reused: false, cause: chain(error) }
}

/// An error and what caused it, on one line.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
