//! The thread that writes: requests off the queue, redacted, as lines, in batches.

use super::output::{Full, Output};
use super::{Dropped, Queued, Shared};
use crate::line::Recorded;
use crate::redact::Redactor;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Lines are written when there are so many bytes of them, when what they were made of weighed
/// four times as much, or when nothing waits.
const BATCH: usize = 256 << 10;
/// After the disk refused, it is asked again this often.
const RETRY: Duration = Duration::from_secs(1);

pub(crate) struct Writer {
    redactor: Redactor,
    output: Output,
    shared: Arc<Shared>,
    start: Instant,
    batch: Vec<u8>,
    /// Requests in `batch`.
    n_requests: u64,
    /// What they and those dropped since the last write weighed in the queue.
    weight: usize,
    /// When the disk last refused; `None` while it works.
    refused: Option<Instant>,
}

impl Writer {
    pub(crate) fn new(
        redactor: Redactor,
        output: Output,
        shared: Arc<Shared>,
        start: Instant,
    ) -> Self {
        let batch = Vec::new();
        Self { redactor, output, shared, start, batch, n_requests: 0, weight: 0, refused: None }
    }

    /// Writes until nobody can offer anything any more.
    pub(crate) fn run(mut self, requests: &Receiver<Queued>) {
        while let Ok(first) = requests.recv() {
            self.take(first);
            while let Ok(next) = requests.try_recv() {
                self.take(next);
            }
            self.flush();
        }
        if let Err(error) = self.output.sync() {
            self.shared.say(Some(error.to_string()));
        }
    }

    fn take(&mut self, queued: Queued) {
        let Queued { exchange, weight } = queued;
        self.weight += weight;
        if self.is_refused() {
            self.shared.count(Dropped::Disk, 1);
        } else if self.shared.full.load(Ordering::Relaxed) {
            self.shared.count(Dropped::FileFull, 1);
        } else {
            let mut request = Recorded::new(exchange, self.start);
            match self.redactor.apply(&mut request) {
                Ok(()) => self.add(&request.line()),
                Err(_) => self.shared.count(Dropped::Unredactable, 1),
            }
        }
        if self.batch.len() >= BATCH || self.weight >= 4 * BATCH {
            self.flush();
        }
    }

    fn add(&mut self, line: &[u8]) {
        if !self.output.has_room(self.batch.len() + line.len()) {
            self.write();
            match self.output.make_room(line.len()) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    self.refuse(&error);
                    self.shared.count(Dropped::Disk, 1);
                    return;
                }
                Err(Full) => {
                    self.shared.full.store(self.output.stops(), Ordering::Relaxed);
                    self.shared.count(Dropped::FileFull, 1);
                    return;
                }
            }
        }
        self.batch.extend_from_slice(line);
        self.n_requests += 1;
    }

    fn flush(&mut self) {
        self.write();
        self.shared.queued.fetch_sub(std::mem::take(&mut self.weight), Ordering::Release);
    }

    fn write(&mut self) {
        if self.batch.is_empty() {
            return;
        }
        let (n_bytes, result) = self.output.write(&self.batch);
        let written = self.batch.get(..n_bytes).unwrap_or_default();
        let n_written = memchr::memchr_iter(b'\n', written).count() as u64;
        self.shared.recorded.fetch_add(n_written, Ordering::Relaxed);
        self.shared.bytes.fetch_add(n_bytes as u64, Ordering::Relaxed);
        match result {
            Ok(()) => {
                if self.refused.take().is_some() {
                    self.shared.say(None);
                }
            }
            Err(error) => {
                self.shared.count(Dropped::Disk, self.n_requests - n_written);
                self.refuse(&error);
            }
        }
        self.batch.clear();
        self.batch.shrink_to(BATCH);
        self.n_requests = 0;
    }

    fn refuse(&mut self, error: &std::io::Error) {
        self.refused = Some(Instant::now());
        self.shared.say(Some(error.to_string()));
    }

    /// The disk refused a moment ago; asking it for every request would help nobody.
    fn is_refused(&self) -> bool {
        self.refused.is_some_and(|at| at.elapsed() < RETRY)
    }
}
