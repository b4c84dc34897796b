//! What is waited for between two turns: a job, where the broker can say that there is one.
//!
//! A broker that says so and then has none to give (a queue that is paused, a job that another sampler took) is
//! asked again ever more slowly: it would say so again at once. Start at [`Rest::after`].

use crate::broker::Broker;
use std::time::Duration;

/// How long it is rested after a call in vain: at first, and at most.
const FIRST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_millis(100);

/// How long a job is waited for at least: to some brokers no time is for ever.
const SHORTEST: Duration = Duration::from_millis(1);

/// How it stands with calls for jobs.
#[derive(Debug)]
pub(crate) struct Rest {
    was_called: bool,
    in_vain: Duration,
}

impl Rest {
    pub(crate) fn new() -> Rest {
        Rest { was_called: false, in_vain: FIRST }
    }

    /// Waits after a turn, which was `idle` or not, for a job, at most so long.
    pub(crate) async fn after(&mut self, broker: &mut impl Broker, idle: bool, most: Duration) {
        let was_called = std::mem::take(&mut self.was_called);
        if !idle {
            self.in_vain = FIRST;
            tokio::task::yield_now().await;
        } else if was_called {
            let rest = self.in_vain;
            self.in_vain = (rest * 2).min(LONGEST);
            tokio::time::sleep(rest).await;
        } else {
            self.was_called = broker.wait(most.max(SHORTEST)).await;
            if !self.was_called {
                self.in_vain = FIRST;
            }
        }
    }
}
