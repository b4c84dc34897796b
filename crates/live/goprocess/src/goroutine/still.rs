//! All goroutines of a process that is held still: copied as fast as can be, made sense of after it goes on.
//!
//! Others wait while we read, so nothing is read twice, a thousand goroutines are read by one call, and stacks
//! are walked afterwards, in the copies; unless there are so many that the copies would fill our
//! own memory.
//!
//! Start at [`Still::copy`].

use photofinish_sys::monotonic_now;
use photofinish_sys::trace::StillThread;

use super::Goroutine;
use super::batch::{Batch, Detail};
use super::read::{DEEP, Outcome, Reader};
use crate::{ReadError, RuntimeAddr, StoppedThread};

/// Goroutines read by one call: the kernel's UIO_MAXIOV.
const BATCH: usize = 1024;
/// Copies larger than this are made sense of at once.
const LARGEST_COPY: usize = 64 << 20;

/// Goroutines, copied.
pub(crate) struct Still {
    copies: Vec<Copied>,
    n_bytes: usize,
    goroutines: Vec<Goroutine>,
}

/// A batch that owns what it is about.
struct Copied {
    addresses: Vec<RuntimeAddr>,
    before: Vec<u8>,
    was_read: Vec<bool>,
    details: Vec<Detail>,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// From here on nothing moves, and threads stand where `threads` says.
    pub(crate) fn stand_still(&mut self, threads: &[StillThread]) {
        let stopped = |thread: &StillThread| {
            let registers = thread.registers?;
            let (pc, sp) = (RuntimeAddr(registers.ip), registers.sp());
            Some((thread.tid, StoppedThread { tid: thread.tid, pc, sp }))
        };
        self.stopped = threads.iter().filter_map(stopped).collect();
        self.is_still = true;
        self.now = Some(monotonic_now());
    }

    /// Labels may be gone once the process goes on.
    fn learn_labels(&mut self, batch: &Batch<'_>) {
        for g_idx in 0..batch.addresses.len() {
            if let Some(raw) = batch.raw(g_idx, self.layout).filter(|raw| raw.status().is_some()) {
                self.labels.get(self.memory, self.layout, raw.labels());
            }
        }
    }
}

impl Still {
    /// Copies the goroutines at `addresses`.
    pub(crate) fn copy(
        reader: &mut Reader<'_>,
        addresses: &[RuntimeAddr],
    ) -> Result<Still, ReadError> {
        let mut still = Still { copies: Vec::new(), n_bytes: 0, goroutines: Vec::new() };
        for addresses in addresses.chunks(BATCH) {
            let batch = reader.copy_batch(addresses, DEEP)?;
            reader.learn_labels(&batch);
            still.n_bytes += batch.before.len() + batch.bytes.len();
            let Batch { before, was_read, details, bytes, .. } = batch;
            let addresses = addresses.to_vec();
            still.copies.push(Copied { addresses, before, was_read, details, bytes });
            if still.n_bytes > LARGEST_COPY {
                still.make_sense(reader);
            }
        }
        Ok(still)
    }

    /// What was copied, by number.
    pub(crate) fn goroutines(mut self, reader: &mut Reader<'_>) -> Vec<Goroutine> {
        self.make_sense(reader);
        self.goroutines.sort_by_key(|goroutine| goroutine.id);
        self.goroutines
    }

    fn make_sense(&mut self, reader: &mut Reader<'_>) {
        for copied in self.copies.drain(..) {
            let mut batch = Batch {
                addresses: &copied.addresses,
                before: copied.before,
                was_read: copied.was_read,
                after: Vec::new(),
                was_read_again: Vec::new(),
                details: copied.details,
                bytes: copied.bytes,
            };
            for g_idx in 0..copied.addresses.len() {
                if let Outcome::Read(goroutine) = reader.outcome(&mut batch, g_idx) {
                    self.goroutines.push(*goroutine);
                }
            }
        }
        self.n_bytes = 0;
    }
}
