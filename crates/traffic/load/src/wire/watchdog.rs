//! A time limit that costs next to nothing as long as it is not reached.
//!
//! Registering a timer for every request would be a fixed tax on each. One timer a lane is
//! enough: it is moved only when it goes off, and it goes off once in a timeout's length.

use super::failure::{ErrorKind, Failure};
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

#[derive(Debug)]
pub(crate) struct Watchdog {
    sleep: Pin<Box<Sleep>>,
    deadline: Instant,
}

impl Watchdog {
    pub(crate) fn new(timeout: Duration) -> Self {
        let deadline = Instant::now() + timeout;
        Self { sleep: Box::pin(tokio::time::sleep_until(deadline.into())), deadline }
    }

    pub(crate) fn set(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            if Instant::now() >= self.deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(self.deadline.into());
        }
        Poll::Pending
    }

    /// `work`, or a timeout.
    pub(crate) async fn bound<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut work = pin!(work);
        std::future::poll_fn(|cx| match work.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => self.poll(cx).map(|()| Err(timed_out())),
        })
        .await
    }
}

pub(crate) fn timed_out() -> Failure {
    Failure::text(ErrorKind::Timeout, "no complete answer in time")
}
