//! Connections that take too long, or must end.
//!
//! A few times a second every connection is looked at; nothing is set and reset for each request. So all
//! limits are met within a tick, and ten thousand idle connections cost a walk through a table.

use super::connection::{Closing, Connection};
use super::wire::Phase;
use super::worker::{TICK, Worker};
use crate::plan::Timeouts;
use std::time::{Duration, Instant};

/// While draining, how long an idle connection may still send a request, to be told `Connection: close`
/// with its answer: closing it at once would lose a request that is on its way.
const LAST_CHANCE: Duration = Duration::from_secs(3);

impl Worker {
    pub(super) fn reap(&self, now: Instant) {
        let local = self.local();
        let timeouts = &local.live.plan.timeouts;
        let is_full =
            self.shared.caller.connections().0 as usize >= local.live.plan.limits.connections;
        let drained = self.drains(now);
        for connection in self.connections.borrow().values() {
            let clock = self.shared.clock.now();
            match verdict(connection, timeouts, clock, is_full) {
                Closing::No => {}
                how => {
                    if how == Closing::AtOnce {
                        self.shared.caller.too_slow();
                    }
                    connection.close(how);
                    continue;
                }
            }
            // HTTP/2 can say "no more requests" without losing any.
            let may_go = connection.is_http2 || (connection.is_idle() && drained >= LAST_CHANCE);
            if self.is_draining() && may_go {
                connection.close(Closing::Gracefully);
            }
        }
    }

    /// Waits until nobody waits for a caller's first request any more.
    pub(super) async fn drained(&self) {
        let is_over = || {
            let since = self.draining_since.get();
            since.is_some_and(|since| since.elapsed() >= LAST_CHANCE)
        };
        while !is_over() {
            tokio::time::sleep(TICK).await;
        }
    }

    /// For how long the proxy is draining.
    fn drains(&self, now: Instant) -> Duration {
        if !self.is_draining() {
            return Duration::ZERO;
        }
        let since = self.draining_since.get().unwrap_or(now);
        self.draining_since.set(Some(since));
        now.saturating_duration_since(since)
    }
}

fn verdict(connection: &Connection, timeouts: &Timeouts, clock: u64, is_full: bool) -> Closing {
    let wire = &connection.wire;
    let over =
        |since: u64, limit: Duration| u128::from(clock.saturating_sub(since)) > limit.as_millis();
    if wire.is_tunnel() {
        return Closing::No;
    }
    if wire.blocked_since().is_some_and(|since| over(since, timeouts.stalled)) {
        return Closing::AtOnce;
    }
    let since = wire.since();
    match wire.phase() {
        // The head of a request behind one that is being answered is not waited for yet.
        Phase::Head if connection.is_idle() && over(since, timeouts.head) => Closing::AtOnce,
        Phase::Body if over(since, timeouts.stalled) => Closing::AtOnce,
        Phase::Between if connection.is_idle() => {
            let limit =
                if is_full { timeouts.idle.min(Duration::from_secs(1)) } else { timeouts.idle };
            if over(since, limit) { Closing::Gracefully } else { Closing::No }
        }
        _ => Closing::No,
    }
}
