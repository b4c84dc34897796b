//! A handle that ends a run from another thread.

use tokio::sync::watch;

/// Ends a run early, from any thread; clones are the same handle.
#[derive(Clone, Debug)]
pub struct Stop {
    stopped: watch::Sender<bool>,
}

impl Stop {
    /// A handle that has not been used yet.
    pub fn new() -> Self {
        Self { stopped: watch::Sender::new(false) }
    }

    /// Ends the run: no further request is begun, and those that are not answered within a
    /// second are given up.
    pub fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopped(&self) -> bool {
        *self.stopped.borrow()
    }

    pub(crate) async fn stopped(&self) {
        // The sender is ourselves, so it cannot be gone.
        let _ = self.stopped.subscribe().wait_for(|stopped| *stopped).await;
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
