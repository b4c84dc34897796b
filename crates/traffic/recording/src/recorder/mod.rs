//! Recording beside live traffic: [`Recorder::offer`] takes a request or counts it, and returns.
//!
//! One thread redacts, serialises and writes. What waits for it is bounded in bytes, not in
//! requests, so the memory that a slow disk can cost is known beforehand. The thread writes
//! whenever it has caught up, so what a SIGKILL costs is what still waited and at most one torn
//! line. A disk that is full costs the requests that come meanwhile; writing is tried again every
//! second.
//!
//! Start at [`Recorder::start`]; `writer` is the thread, `output` the files.

mod counts;
mod hold;
mod output;
mod writer;

pub use counts::{Counts, Dropped};
pub use hold::Hold;

use crate::error::StartError;
use crate::exchange::Exchange;
use crate::redact::{Redaction, Redactor};
use counts::Shared;
use output::Output;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Instant;

/// Where to record to, what not to record, and how much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The file. Made with mode 0600; older ones of a rotation are `FILE.1`, `FILE.2`, ….
    pub path: PathBuf,
    /// Most bytes of one file.
    pub max_bytes: u64,
    /// What happens when it has them.
    pub when_full: WhenFull,
    /// A request with a larger body than this many bytes is not recorded.
    pub max_body: usize,
    /// Most bytes of requests that wait to be written, and of bodies held until they are whole.
    pub max_queued: usize,
    /// What never reaches the disk.
    pub redaction: Redaction,
}

/// What happens when a file is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// No further request is recorded.
    Stop,
    /// Another file is begun; the oldest of more than so many is deleted. A file that is there
    /// when recording begins is moved out of the way alike.
    Rotate {
        /// Files to keep, the current one included.
        files: usize,
    },
}

/// A recording under way. Shared by reference; the last one dropped waits for the disk.
#[derive(Debug)]
pub struct Recorder {
    /// Taken when it is dropped, which tells the thread to finish.
    queue: Option<Sender<Queued>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
    max_body: usize,
    max_queued: usize,
}

#[derive(Debug)]
struct Queued {
    exchange: Exchange,
    weight: usize,
}

impl Recorder {
    /// Makes the file and starts the thread that writes it.
    ///
    /// # Errors
    /// A plan that makes no sense, a file that cannot be made, or one that is there already.
    pub fn start(plan: &Plan) -> Result<Self, StartError> {
        check(plan)?;
        let redactor = Redactor::new(&plan.redaction)?;
        let output = Output::create(plan, &redactor)?;
        let shared = Arc::new(Shared::default());
        let (queue, requests) = channel();
        let writer = writer::Writer::new(redactor, output, Arc::clone(&shared), Instant::now());
        let thread = std::thread::Builder::new()
            .name("recorder".to_owned())
            .spawn(move || writer.run(&requests))
            .map_err(|cause| StartError::System { cause })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            shared,
            max_body: plan.max_body,
            max_queued: plan.max_queued,
        })
    }

    /// Takes `exchange` to be written. Never waits.
    ///
    /// # Errors
    /// Why it was not taken, which is counted already. One that is taken may still be dropped
    /// (by the disk, by redaction); then that is counted.
    pub fn offer(&self, exchange: Exchange) -> Result<(), Dropped> {
        self.take(exchange).inspect_err(|cause| self.shared.count(*cause, 1))
    }

    /// Counts a request that was not offered, because it ended before its body was whole.
    pub fn missed(&self, cause: Dropped) {
        self.shared.count(cause, 1);
    }

    /// Whether the file is full, and nothing more will be recorded.
    pub fn is_full(&self) -> bool {
        self.shared.full.load(Ordering::Relaxed)
    }

    /// How it stands.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }

    /// Writes what waits, to the disk, and says what it came to. Blocks.
    pub fn finish(mut self) -> Counts {
        self.close();
        self.counts()
    }

    fn take(&self, exchange: Exchange) -> Result<(), Dropped> {
        if self.shared.full.load(Ordering::Relaxed) {
            return Err(Dropped::FileFull);
        }
        if exchange.body_len() > self.max_body {
            return Err(Dropped::BodyTooLarge);
        }
        let weight = exchange.weight();
        if !self.shared.reserve(weight, self.max_queued) {
            return Err(Dropped::QueueFull);
        }
        let queued = Queued { exchange, weight };
        if self.queue.as_ref().is_none_or(|queue| queue.send(queued).is_err()) {
            self.shared.queued.fetch_sub(weight, Ordering::Relaxed);
            return Err(Dropped::QueueFull);
        }
        Ok(())
    }

    fn close(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has written what it counted.
            let _ = thread.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

fn check(plan: &Plan) -> Result<(), StartError> {
    let wrong = |what, value: &dyn ToString, problem| {
        Err(StartError::Plan { what, value: value.to_string(), problem })
    };
    if plan.max_bytes < 4096 {
        return wrong("max_bytes", &plan.max_bytes, "a file of less than 4096 bytes keeps nothing");
    }
    // A line is at most about two and a half times as long as its body, and readers stop at
    // `read::MAX_LINE`.
    if plan.max_body > 64 << 20 {
        return wrong("max_body", &plan.max_body, "at most 64 MiB");
    }
    match plan.when_full {
        WhenFull::Rotate { files } if !(2..=1000).contains(&files) => {
            wrong("files", &files, "a rotation has 2 to 1000 files")
        }
        _ => Ok(()),
    }
}
