//! Waking up at an exact moment.
//!
//! tokio's timers, like epoll's, count in milliseconds. A request that is due in 300 µs would be
//! a millisecond late, or the thread would have to spin. A timerfd is exact to some
//! microseconds and costs one system call to set; where there is none, tokio's timer does.

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};
use tokio::io::{Interest, unix::AsyncFd};

pub(crate) struct Alarm {
    timer: Option<AsyncFd<OwnedFd>>,
}

impl Alarm {
    /// Must be called inside a runtime.
    #[expect(
        deprecated,
        reason = "the constructor is unsound only for types that give up their descriptor; an \
                  OwnedFd does not, and the replacement is unsafe"
    )]
    pub(crate) fn new() -> Self {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags).ok();
        Self {
            timer: timer.and_then(|timer| AsyncFd::with_interest(timer, Interest::READABLE).ok()),
        }
    }

    /// Goes on at `at`.
    pub(crate) async fn until(&self, at: Instant) {
        loop {
            let left = at.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if !self.ring(left).await {
                tokio::time::sleep_until(at.into()).await;
            }
        }
    }

    /// Goes on after `left`, or earlier; says whether that could be arranged.
    async fn ring(&self, left: Duration) -> bool {
        let Some(timer) = &self.timer else { return false };
        let value = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()) as _,
        };
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value: value };
        if timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &once).is_err() {
            return false;
        }
        // Setting the timer again forgets that it rang, so nothing has to be read from it.
        match poll_fn(|cx| timer.poll_read_ready(cx)).await {
            Ok(mut rang) => {
                rang.clear_ready();
                true
            }
            Err(_) => false,
        }
    }
}
