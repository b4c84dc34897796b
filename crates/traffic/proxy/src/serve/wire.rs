//! A caller's bytes, looked at on their way to hyper.
//!
//! Three things hyper cannot do happen here. Requests are screened before they are parsed; after a refusal
//! hyper is given bytes that are no HTTP, so that it answers 400 behind whatever it still has to say, and
//! closes. How long the caller takes is noted for `reap`. And answers of class 1xx are written between
//! those that hyper writes.

use super::shared::Clock;
use crate::figures::Caller;
use crate::plan;
use crate::screen::{self, POISON, Screen};
use http::{HeaderMap, StatusCode};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A caller's connection.
pub(super) type Stream = crate::stream::Stream<TlsStream<TcpStream>>;

/// A caller's connection, looked at.
pub(super) struct Wire {
    stream: Stream,
    state: Arc<WireState>,
    caller: Arc<Caller>,
    /// None for HTTP/2, whose frames leave no room for two readings.
    screen: Option<Screen>,
    /// Bytes read and not yet screened: those that showed the protocol, those behind an upgrade.
    waiting: Vec<u8>,
    /// How much of [`POISON`] was given; then nothing but the end follows.
    poisoned: Option<usize>,
    /// hyper wrote something that is not flushed.
    is_dirty: bool,
}

/// What others know, or want, of a caller's connection.
pub(crate) struct WireState {
    clock: Clock,
    phase: AtomicU8,
    /// When the phase began, or the last byte of a body came.
    since: AtomicU64,
    /// Since when the caller takes nothing; [`NOT_BLOCKED`] if it does.
    blocked: AtomicU64,
    upgrade: AtomicU8,
    interim: Mutex<Vec<u8>>,
}

const NOT_BLOCKED: u64 = u64::MAX;
/// Bytes of 1xx answers that wait for a caller.
const INTERIM_MOST: usize = 64 << 10;

/// What the caller is sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing: no request has begun.
    Between,
    /// A head.
    Head,
    /// A body.
    Body,
}

/// What became of a request to become something else.
mod upgrade {
    pub(super) const UNKNOWN: u8 = 0;
    pub(super) const TUNNEL: u8 = 1;
    pub(super) const HTTP: u8 = 2;
}

impl WireState {
    pub(super) fn new(clock: Clock) -> WireState {
        let now = clock.now();
        WireState {
            clock,
            phase: AtomicU8::new(0),
            since: AtomicU64::new(now),
            blocked: AtomicU64::new(NOT_BLOCKED),
            upgrade: AtomicU8::new(upgrade::UNKNOWN),
            interim: Mutex::default(),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Between,
            1 => Phase::Head,
            _ => Phase::Body,
        }
    }

    fn enter(&self, phase: Phase) {
        let same = self.phase.swap(phase as u8, Ordering::Relaxed) == phase as u8;
        // A head has one time for all of it, a body one for each piece.
        if !same || phase == Phase::Body {
            self.touched();
        }
    }

    /// Time begins anew.
    pub(super) fn touched(&self) {
        self.since.store(self.clock.now(), Ordering::Relaxed);
    }

    /// When the phase began, or the last byte of a body came.
    pub(super) fn since(&self) -> u64 {
        self.since.load(Ordering::Relaxed)
    }

    /// Since when the caller takes nothing.
    pub(super) fn blocked_since(&self) -> Option<u64> {
        Some(self.blocked.load(Ordering::Relaxed)).filter(|since| *since != NOT_BLOCKED)
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.upgrade.load(Ordering::Relaxed) == upgrade::TUNNEL
    }

    pub(super) fn became_tunnel(&self) {
        self.upgrade.store(upgrade::TUNNEL, Ordering::Relaxed);
    }

    /// The answer switched no protocols.
    pub(super) fn stays_http(&self) {
        let _ = self.upgrade.compare_exchange(
            upgrade::UNKNOWN,
            upgrade::HTTP,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    /// Lets an answer of class 1xx out before the final one.
    pub(super) fn interim(&self, status: StatusCode, headers: &HeaderMap) {
        if status == StatusCode::CONTINUE || status == StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let mut text = format!(
            "HTTP/1.1 {} {}\r\n",
            status.as_u16(),
            status.canonical_reason().unwrap_or("Interim")
        )
        .into_bytes();
        let mut kept = headers.clone();
        crate::forward::strip_hop_by_hop(&mut kept);
        for (name, value) in &kept {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        let mut interim = self.interim.lock().unwrap_or_else(PoisonError::into_inner);
        // A caller who takes none of them gets no more.
        if interim.len() + text.len() <= INTERIM_MOST {
            interim.extend_from_slice(&text);
        }
    }
}

impl Wire {
    /// `first` was read already. With `limits`, requests are screened.
    pub(super) fn new(
        stream: Stream,
        first: Vec<u8>,
        state: Arc<WireState>,
        caller: &Arc<Caller>,
        limits: Option<&plan::Limits>,
    ) -> Wire {
        // hyper answers 431 itself at the plan's limits, so the screen's lie beyond.
        let screen = limits.map(|limits| {
            Screen::new(screen::Limits {
                head_bytes: limits.head_bytes.saturating_mul(2),
                header_lines: limits.header_lines.saturating_mul(4),
                ..screen::Limits::default()
            })
        });
        Wire {
            stream,
            state,
            caller: Arc::clone(caller),
            screen,
            waiting: first,
            poisoned: None,
            is_dirty: false,
        }
    }

    /// Looks at what `out` holds from `before` on: what may not be handed on is taken back.
    fn look(&mut self, out: &mut ReadBuf<'_>, before: usize) {
        let Some(screen) = &mut self.screen else {
            self.state.touched();
            return;
        };
        let bytes = &out.filled()[before..];
        let pass = match screen.feed(bytes) {
            Ok(progress) => {
                self.waiting.splice(0..0, bytes[progress.pass..].iter().copied());
                progress.pass
            }
            Err(refused) => {
                self.poisoned = Some(0);
                self.caller.malformed();
                refused.pass
            }
        };
        out.set_filled(before + pass);
        self.state.enter(if screen.is_between_requests() || screen.is_waiting() {
            Phase::Between
        } else if screen.is_in_head() {
            Phase::Head
        } else {
            Phase::Body
        });
    }

    /// Gives a refused caller's parser what no parser takes, and then the end.
    fn give_poison(&mut self, out: &mut ReadBuf<'_>) -> bool {
        let Some(given) = &mut self.poisoned else { return false };
        let rest = &POISON[*given..];
        let n = rest.len().min(out.remaining());
        out.put_slice(&rest[..n]);
        *given += n;
        true
    }

    /// Gives what was read before and may go on now.
    fn give_waiting(&mut self, out: &mut ReadBuf<'_>) {
        if let Some(screen) = &mut self.screen
            && screen.is_waiting()
        {
            match self.state.upgrade.load(Ordering::Relaxed) {
                upgrade::HTTP => {
                    self.state.upgrade.store(upgrade::UNKNOWN, Ordering::Relaxed);
                    screen.not_upgraded();
                }
                upgrade::TUNNEL => screen.upgraded(),
                _ => return,
            }
        }
        if !self.waiting.is_empty() {
            let (before, n) = (out.filled().len(), self.waiting.len().min(out.remaining()));
            out.put_slice(&self.waiting[..n]);
            self.waiting.drain(..n);
            if self.waiting.is_empty() {
                // Most connections wait most of the time: for nothing that this would hold.
                self.waiting = Vec::new();
            }
            self.look(out, before);
        }
    }

    fn is_held_back(&self) -> bool {
        self.screen.as_ref().is_some_and(Screen::is_waiting)
            && self.state.upgrade.load(Ordering::Relaxed) == upgrade::UNKNOWN
    }

    /// Writes answers of class 1xx, if nothing of hyper's is half-written.
    fn write_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_dirty {
            return Poll::Ready(Ok(()));
        }
        let mut interim = self.state.interim.lock().unwrap_or_else(PoisonError::into_inner);
        while !interim.is_empty() {
            let n = ready!(Pin::new(&mut self.stream).poll_write(cx, &interim))?;
            interim.drain(..n);
        }
        Poll::Ready(Ok(()))
    }

    /// Notes whether the caller takes what it is sent.
    fn note<T>(&mut self, polled: Poll<T>) -> Poll<T> {
        let blocked = &self.state.blocked;
        if polled.is_pending() {
            if blocked.load(Ordering::Relaxed) == NOT_BLOCKED {
                blocked.store(self.state.clock.now(), Ordering::Relaxed);
            }
        } else {
            blocked.store(NOT_BLOCKED, Ordering::Relaxed);
        }
        polled
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = out.filled().len();
        loop {
            if out.remaining() == 0 || this.give_poison(out) {
                return Poll::Ready(Ok(()));
            }
            this.give_waiting(out);
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            if this.poisoned.is_some() {
                continue;
            }
            if this.is_held_back() {
                // Whoever answers the request lets hyper read on; what the caller says meanwhile waits.
                return Poll::Pending;
            }
            ready!(Pin::new(&mut this.stream).poll_read(cx, out))?;
            if out.filled().len() == before {
                return Poll::Ready(Ok(()));
            }
            this.look(out, before);
            if out.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.write_interim(cx))?;
        this.is_dirty = true;
        let polled = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note(polled)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.write_interim(cx))?;
        this.is_dirty = true;
        let polled = Pin::new(&mut this.stream).poll_write_vectored(cx, bytes);
        this.note(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.stream).poll_flush(cx);
        ready!(this.note(polled))?;
        this.is_dirty = false;
        this.write_interim(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
