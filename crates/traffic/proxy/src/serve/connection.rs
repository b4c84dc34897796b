//! One caller: TLS or not, HTTP/1.1 or HTTP/2, served until it ends or has to.

use super::wire::{Stream, Wire, WireState};
use super::worker::Worker;
use crate::event::Event;
use crate::figures::Caller;
use crate::forward::{address_line, forward};
use crate::rt::LocalExecutor;
use crate::upstream::RequestBody;
use http::{HeaderValue, Request};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

/// With what HTTP/2 begins when both sides know it beforehand (RFC 9113 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// How often an HTTP/2 caller who says nothing is asked whether it is there.
const PING: Duration = Duration::from_secs(30);
/// HTTP/2 bytes a caller may send unasked, on a stream and on the connection.
const WINDOWS: (u32, u32) = (256 << 10, 1 << 20);
/// What of a body is read ahead.
const READ_AHEAD: usize = 128 << 10;

/// A connection as it was accepted.
pub(super) struct Incoming {
    pub(super) stream: std::net::TcpStream,
    pub(super) caller: SocketAddr,
    /// Which of the plan's listeners it came by.
    pub(super) listener: usize,
    pub(super) counted: Counted,
}

/// Counts a connection while it lives.
pub(super) struct Counted {
    number: u64,
    figures: Arc<Caller>,
    load: Arc<std::sync::atomic::AtomicUsize>,
}

/// One caller.
pub(crate) struct Connection {
    /// No other has it.
    pub(crate) number: u64,
    pub(crate) caller: SocketAddr,
    pub(crate) caller_line: HeaderValue,
    pub(crate) is_tls: bool,
    pub(crate) is_http2: bool,
    pub(super) wire: Arc<WireState>,
    figures: Arc<Caller>,
    in_flight: Cell<usize>,
    closing: Cell<Closing>,
    waker: RefCell<Option<Waker>>,
}

/// A request of a connection, from its head to the last byte of its answer.
pub(crate) struct Busy {
    connection: Rc<Connection>,
    is_answered: bool,
}

/// Whether, and how, a connection is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Closing {
    No,
    /// After the requests under way.
    Gracefully,
    /// Now.
    AtOnce,
}

impl Counted {
    pub(super) fn new(
        figures: &Arc<Caller>,
        load: &Arc<std::sync::atomic::AtomicUsize>,
    ) -> Counted {
        load.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Counted {
            number: figures.connected(),
            figures: Arc::clone(figures),
            load: Arc::clone(load),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.figures.disconnected();
        self.load.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Busy {
    /// The head of its answer is there; one that asked for another protocol and did not get it lets what
    /// comes behind it be read.
    pub(crate) fn answered(&mut self, asked_to_upgrade: bool) {
        self.is_answered = true;
        if asked_to_upgrade {
            self.connection.wire.stays_http();
            // hyper was told that nothing came yet (`Wire::is_held_back`), and asks again only if woken.
            if let Some(waker) = &*self.connection.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let in_flight = &self.connection.in_flight;
        in_flight.set(in_flight.get().saturating_sub(1));
        self.connection.wire.touched();
        if !self.is_answered {
            self.connection.figures.left();
        }
    }
}

impl Connection {
    /// A request of it began.
    pub(crate) fn begun(self: &Rc<Self>) -> Busy {
        self.in_flight.set(self.in_flight.get() + 1);
        Busy { connection: Rc::clone(self), is_answered: false }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.get() == 0
    }

    pub(crate) fn figures(&self) -> &Arc<Caller> {
        &self.figures
    }

    /// What comes after the `101` that is about to be written is no HTTP.
    pub(crate) fn became_tunnel(&self) {
        self.wire.became_tunnel();
    }

    /// Lets answers of class 1xx through to the caller. HTTP/1.1 only: hyper's HTTP/2 cannot send them.
    pub(crate) fn pass_interim(&self, request: &mut Request<RequestBody>) {
        if self.is_http2 {
            return;
        }
        let (wire, waker) = (Arc::clone(&self.wire), self.waker.borrow().clone());
        hyper::ext::on_informational(request, move |interim| {
            wire.interim(interim.status(), interim.headers());
            if let Some(waker) = &waker {
                waker.wake_by_ref();
            }
        });
    }

    /// Lets it end.
    pub(super) fn close(&self, how: Closing) {
        if how > self.closing.get() {
            self.closing.set(how);
            if let Some(waker) = &*self.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }
}

/// Serves a connection to its end.
pub(super) async fn serve(worker: Rc<Worker>, incoming: Incoming) {
    let caller = incoming.caller;
    if let Err(error) = attend(&worker, incoming).await {
        worker.shared.caller.malformed();
        (worker.shared.tell)(Event::CallerRefused { caller, why: error.to_string() });
    }
}

async fn attend(worker: &Rc<Worker>, incoming: Incoming) -> io::Result<()> {
    let counted = incoming.counted;
    let local = worker.local();
    let limit = local.live.plan.timeouts.head;
    let stream = TcpStream::from_std(incoming.stream)?;
    stream.set_nodelay(true)?;
    let opening = tokio::time::timeout(limit, async {
        match local.live.acceptors.of(incoming.listener) {
            Some(acceptor) => {
                let stream = acceptor.accept(stream).await?;
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                Ok((Stream::Tls(Box::new(stream)), Vec::new(), is_http2))
            }
            None => sniff(stream).await,
        }
    });
    let opened = tokio::select! {
        opened = opening => opened,
        () = worker.drained() => return Ok(()),
    };
    let Ok(opened) = opened else {
        worker.shared.caller.too_slow();
        return Ok(());
    };
    let (stream, first, is_http2) = match opened {
        Ok(opened) => opened,
        // Gone before it said anything: a health check by connecting, a port scan.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(()),
        Err(error) => return Err(error),
    };
    let wire = Arc::new(WireState::new(worker.shared.clock.clone()));
    let connection = Rc::new(Connection {
        number: counted.number,
        caller: incoming.caller,
        caller_line: address_line(incoming.caller.ip()),
        is_tls: matches!(stream, Stream::Tls(_)),
        is_http2,
        wire: Arc::clone(&wire),
        figures: Arc::clone(&worker.shared.caller),
        in_flight: Cell::new(0),
        closing: Cell::new(Closing::No),
        waker: RefCell::default(),
    });
    let limits = &local.live.plan.limits;
    let wire = Wire::new(stream, first, wire, &worker.shared.caller, (!is_http2).then_some(limits));
    let number = worker.remember(&connection);
    if is_http2 {
        serve_http2(worker, &connection, wire).await;
    } else {
        serve_http1(worker, &connection, wire).await;
    }
    worker.forget(number);
    drop(counted);
    Ok(())
}

/// Whether a connection begins with HTTP/2, and the bytes read to see it.
async fn sniff(mut stream: TcpStream) -> io::Result<(Stream, Vec<u8>, bool)> {
    let mut first = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut first).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let common = first.len().min(PREFACE.len());
        if first[..common] != PREFACE[..common] {
            if is_no_http(&first) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it speaks no HTTP"));
            }
            return Ok((Stream::Plain(stream), first, false));
        }
        if common == PREFACE.len() {
            return Ok((Stream::Plain(stream), first, true));
        }
    }
}

/// Whether the first line names no version of HTTP: some other protocol, or a broken preface of HTTP/2,
/// whose sender must not be answered in HTTP/1.1 (RFC 9113 3.4).
fn is_no_http(first: &[u8]) -> bool {
    let mut lines = first.split_inclusive(|byte| *byte == b'\n');
    let line = lines.find(|line| !matches!(*line, b"\n" | b"\r\n")).unwrap_or_default();
    line.ends_with(b"\n") && memchr::memmem::find(line, b" HTTP/").is_none()
}

async fn serve_http1(worker: &Rc<Worker>, connection: &Rc<Connection>, wire: Wire) {
    let limits = worker.local().live.plan.limits.clone();
    let (to, by) = (Rc::clone(worker), Rc::clone(connection));
    let service = service_fn(move |request| {
        let (worker, connection) = (Rc::clone(&to), Rc::clone(&by));
        async move { Ok::<_, Infallible>(forward(worker, connection, request).await) }
    });
    let serving = http1::Builder::new()
        // Time is kept by `reap`, which knows a caller who waits from one who dawdles.
        .header_read_timeout(None)
        .max_headers(limits.header_lines)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes.max(READ_AHEAD))
        .serve_connection(TokioIo::new(wire), service)
        .with_upgrades();
    until_closed(connection, pin!(serving), |serving| serving.graceful_shutdown()).await;
}

async fn serve_http2(worker: &Rc<Worker>, connection: &Rc<Connection>, wire: Wire) {
    let limits = worker.local().live.plan.limits.clone();
    let (to, by) = (Rc::clone(worker), Rc::clone(connection));
    let service = service_fn(move |request| {
        let (worker, connection) = (Rc::clone(&to), Rc::clone(&by));
        async move { Ok::<_, Infallible>(forward(worker, connection, request).await) }
    });
    let serving = http2::Builder::new(LocalExecutor)
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(limits.streams)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .serve_connection(TokioIo::new(wire), service);
    until_closed(connection, pin!(serving), |serving| serving.graceful_shutdown()).await;
}

/// Drives `serving` until it ends, or the connection is told to.
async fn until_closed<F, E>(
    connection: &Connection,
    mut serving: Pin<&mut F>,
    gracefully: impl Fn(Pin<&mut F>),
) where
    F: Future<Output = Result<(), E>>,
{
    let mut was_told = false;
    std::future::poll_fn(|cx| {
        if connection.waker.borrow().as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            *connection.waker.borrow_mut() = Some(cx.waker().clone());
        }
        match connection.closing.get() {
            Closing::AtOnce => return Poll::Ready(()),
            Closing::Gracefully if !was_told => {
                was_told = true;
                gracefully(serving.as_mut());
            }
            _ => {}
        }
        // How it ended concerns only the caller, who saw it.
        serving.as_mut().poll(cx).map(drop)
    })
    .await;
}
