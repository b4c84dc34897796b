//! What became of the requests of a recording: every one is written, or counted by its cause.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Why a request was not recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dropped {
    /// Too much waits to be written already.
    QueueFull,
    /// Its body is larger than [`Plan::max_body`](super::Plan::max_body).
    BodyTooLarge,
    /// The file is full, or the request alone is larger than a file may be.
    FileFull,
    /// The disk refused it.
    Disk,
    /// Its body cannot be redacted ([`Unredactable`](crate::Unredactable)).
    Unredactable,
    /// It ended before its body was whole.
    Incomplete,
}

impl Dropped {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::QueueFull,
        Self::BodyTooLarge,
        Self::FileFull,
        Self::Disk,
        Self::Unredactable,
        Self::Incomplete,
    ];

    /// The name in output.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue-full",
            Self::BodyTooLarge => "body-too-large",
            Self::FileFull => "file-full",
            Self::Disk => "disk",
            Self::Unredactable => "unredactable",
            Self::Incomplete => "incomplete",
        }
    }
}

/// How a recording stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that were written.
    pub recorded: u64,
    /// Bytes that were written, of all files.
    pub bytes: u64,
    /// Bytes that wait to be written or are held, about.
    pub queued: usize,
    /// Requests that were not recorded, in the order of [`Dropped::ALL`].
    dropped: [u64; Dropped::ALL.len()],
    /// What the disk said when it last refused, until it accepts again.
    pub trouble: Option<String>,
}

impl Counts {
    /// Requests that were not recorded because of `cause`.
    pub fn dropped(&self, cause: Dropped) -> u64 {
        self.dropped.get(cause as usize).copied().unwrap_or(0)
    }
}

/// What the callers and the thread share.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) queued: AtomicUsize,
    pub(crate) recorded: AtomicU64,
    pub(crate) bytes: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
    /// The file is full and stays so.
    pub(crate) full: AtomicBool,
    trouble: Mutex<Option<String>>,
}

impl Shared {
    pub(crate) fn count(&self, cause: Dropped, n: u64) {
        if let Some(count) = self.dropped.get(cause as usize) {
            count.fetch_add(n, Ordering::Relaxed);
        }
    }

    /// Counts `more` bytes in if there are no more than `max` then.
    pub(crate) fn reserve(&self, more: usize, max: usize) -> bool {
        let before = self.queued.fetch_add(more, Ordering::Relaxed);
        let has_room = before.saturating_add(more) <= max;
        if !has_room {
            self.queued.fetch_sub(more, Ordering::Relaxed);
        }
        has_room
    }

    pub(crate) fn say(&self, trouble: Option<String>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }

    pub(crate) fn counts(&self) -> Counts {
        // First, so that when nothing waits all of it is in the other counts.
        let queued = self.queued.load(Ordering::Acquire);
        Counts {
            recorded: self.recorded.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
            queued,
            dropped: std::array::from_fn(|at| {
                self.dropped.get(at).map_or(0, |count| count.load(Ordering::Relaxed))
            }),
            trouble: self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}
