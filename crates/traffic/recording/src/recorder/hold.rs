//! Room for a body that is still arriving.
//!
//! Requests are offered when they have ended, but their bodies are held before: many slow
//! uploads could hold any amount. So what is held counts as waiting to be written.

use super::{Dropped, Recorder, Shared};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The bytes of one body that are held for a [`Recorder`], given back when it is dropped.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    max_body: usize,
    max_queued: usize,
    n_bytes: usize,
}

impl Recorder {
    /// Begins to hold the body of one request, from its first byte until it is offered.
    pub fn hold(&self) -> Hold {
        Hold {
            shared: Arc::clone(&self.shared),
            max_body: self.max_body,
            max_queued: self.max_queued,
            n_bytes: 0,
        }
    }
}

impl Hold {
    /// Asks to hold `more` bytes.
    ///
    /// # Errors
    /// Why not, which is counted already: let go of the body, and do not offer the request.
    pub fn grow(&mut self, more: usize) -> Result<(), Dropped> {
        let cause = if self.shared.full.load(Ordering::Relaxed) {
            Dropped::FileFull
        } else if self.n_bytes.saturating_add(more) > self.max_body {
            Dropped::BodyTooLarge
        } else if self.shared.reserve(more, self.max_queued) {
            self.n_bytes += more;
            return Ok(());
        } else {
            Dropped::QueueFull
        };
        self.shared.count(cause, 1);
        Err(cause)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.queued.fetch_sub(self.n_bytes, Ordering::Release);
    }
}
