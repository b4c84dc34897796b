//! The restart gate: no next start before somebody has seen why the last one ended.

use super::supervisor::{Supervisor, Wake};
use super::{Event, Gate};
use crate::follow::Found;
use photofinish_model::Fingerprint;
use std::time::Duration;
use tokio::time::Instant;

const ASK_EVERY: Duration = Duration::from_millis(250);

impl<T: FnMut(Event)> Supervisor<T> {
    /// Waits until everything in `found` and `carried` (what an earlier run was waiting for) is
    /// acknowledged, the bound passes, or we are told to stop. True if the next start may come.
    pub(super) async fn pass_gate(&mut self, found: &[Found], carried: Vec<Fingerprint>) -> bool {
        let Some(Gate { bound }) = self.plan.gate else { return true };
        let mut asked = carried;
        asked.extend(found.iter().map(|found| found.fingerprint.clone()));
        asked.sort();
        asked.dedup();
        let mut open = self.follower.open(asked).await;
        if open.is_empty() {
            return true;
        }
        self.gate_closed(Some(open.clone()));
        let until = Instant::now() + bound;
        while !open.is_empty() && Instant::now() < until {
            if self.sleep_until(until.min(Instant::now() + ASK_EVERY)).await == Wake::Stop {
                return false;
            }
            open = self.follower.open(open).await;
        }
        let acknowledged = open.is_empty();
        self.follower.open(Vec::new()).await;
        self.gate_closed(None);
        self.tell(Event::GateOpened { acknowledged });
        true
    }
}
