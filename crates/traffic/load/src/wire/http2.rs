//! An HTTP/2 connection, which many exchanges share and which therefore has a task of its own.

use super::failure::Failure;
use super::link::{Answer, Payload, Wanted, read};
use super::meter::{Meter, Metered, Stream};
use super::watchdog::Watchdog;
use hyper::Request;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use std::cell::Cell;
use std::rc::Rc;

/// Streams that a client opens on one HTTP/2 connection at most; servers commonly allow
/// 100 (RFC 9113 recommends no fewer) to 250.
const STREAMS: usize = 100;

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
        wanted: Wanted,
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
            read(response, wanted, Failure::http2).await
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
