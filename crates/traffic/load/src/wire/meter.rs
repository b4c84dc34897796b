//! A TCP or TLS stream that counts its bytes and remembers being reset.
//!
//! Why remember: a server may close an idle connection just as a request is written to it, and
//! a handler may crash and close one in the middle of a request. Both look like an end of file,
//! but after the first the peer's kernel answers our bytes with a reset, which stays in the
//! socket's error. The first is nobody's failure and is retried; the second is what we look for.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// What went over one connection so far.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    pub(crate) received: Cell<u64>,
    pub(crate) sent: Cell<u64>,
    pub(crate) reset: Cell<bool>,
}

#[derive(Debug)]
pub(crate) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

#[derive(Debug)]
pub(crate) struct Metered {
    stream: Stream,
    meter: Rc<Meter>,
}

impl Metered {
    pub(crate) fn new(stream: Stream) -> (Self, Rc<Meter>) {
        let meter = Rc::new(Meter::default());
        (Self { stream, meter: Rc::clone(&meter) }, meter)
    }

    fn note(&self, error: &io::Error) {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) {
            self.meter.reset.set(true);
        }
    }

    fn ended(&self) {
        let tcp = match &self.stream {
            Stream::Plain(tcp) => tcp,
            Stream::Tls(tls) => tls.get_ref().0,
        };
        if let Ok(Some(error)) = tcp.take_error() {
            self.note(&error);
        }
    }

    fn count_sent(&self, result: &io::Result<usize>) {
        match result {
            Ok(n) => self.meter.sent.set(self.meter.sent.get() + *n as u64),
            Err(error) => self.note(error),
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = ready!(match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_read(cx, buf),
        });
        let n = buf.filled().len() - before;
        match &result {
            Ok(()) if n == 0 => self.ended(),
            Ok(()) => self.meter.received.set(self.meter.received.get() + n as u64),
            Err(error) => self.note(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Stream::Tls(tls) => Pin::new(tls).poll_write(cx, buf),
        });
        self.count_sent(&result);
        Poll::Ready(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, bufs),
            Stream::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, bufs),
        });
        self.count_sent(&result);
        Poll::Ready(result)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(tcp) => tcp.is_write_vectored(),
            Stream::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Stream::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
