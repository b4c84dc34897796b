//! All goroutines of a process that goes on running, each as it was at one moment.
//!
//! In batches: the `g`s, then what hangs on them (stacks, threads, queues), then the `g`s again. One whose
//! mark is the same both times did not move meanwhile, so its stack is whole; the others are
//! read again, and those that keep moving come out marked as unsettled, without a stack. A batch is
//! small, since what matters is the time between its two readings.
//!
//! There is no moment at which all of this was true at once. Start at [`Reader::read_all`].

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::{Batch, Detail};
use super::labels::LabelCache;
use super::raw::RawG;
use super::waits::of_semaphore;
use super::{Goroutine, Pc, Seen, StackEnd, Status, WaitOn};
use crate::memory::{self, Memory};
use crate::unwind::{Unwinder, Window};
use crate::{Layout, ReadError, RuntimeAddr, StoppedThread};

/// Goroutines read between two looks at their marks.
const BATCH: usize = 32;
/// Bytes of a stack read at first, and for those that turn out deeper.
const SHALLOW: u64 = 8 << 10;
pub(super) const DEEP: u64 = 1 << 20;
/// How often one that moves is read.
const ATTEMPTS: usize = 6;
/// More frames than this are not kept.
const MOST_FRAMES: usize = 1024;

/// What is read alike for all goroutines of a process.
pub(crate) struct Reader<'a> {
    pub(crate) memory: &'a dyn Memory,
    pub(crate) layout: &'a Layout,
    pub(crate) unwinder: Unwinder<'a>,
    pub(crate) wait_reasons: &'a [Arc<str>],
    /// Our numbers of threads by the process's own.
    pub(crate) threads: HashMap<u32, u32>,
    /// Where threads stood that no longer move, by our numbers.
    pub(crate) stopped: HashMap<u32, StoppedThread>,
    /// Nothing moves: each goroutine is read once.
    pub(crate) is_still: bool,
    /// The runtime's clock.
    pub(crate) now: Option<u64>,
    pub(super) labels: LabelCache,
}

/// How one goroutine of a batch came out.
pub(super) enum Outcome {
    Read(Box<Goroutine>),
    /// Dead, or not begun.
    None,
    /// It moved: to be read again.
    Moved,
    /// Its stack is deeper than what was read of it.
    Deeper,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(
        memory: &'a dyn Memory,
        layout: &'a Layout,
        unwinder: Unwinder<'a>,
        wait_reasons: &'a [Arc<str>],
    ) -> Reader<'a> {
        let labels = LabelCache::default();
        let (threads, stopped) = (HashMap::new(), HashMap::new());
        Reader {
            memory,
            layout,
            unwinder,
            wait_reasons,
            threads,
            stopped,
            is_still: false,
            now: None,
            labels,
        }
    }

    /// The goroutines at `addresses`, the dead left out.
    pub(crate) fn read_all(
        &mut self,
        addresses: &[RuntimeAddr],
    ) -> Result<Vec<Goroutine>, ReadError> {
        let mut goroutines = Vec::with_capacity(addresses.len().min(1 << 20));
        let mut again: Vec<(RuntimeAddr, u64)> = Vec::new();
        for batch in addresses.chunks(BATCH) {
            let outcomes = self.read_batch(batch, SHALLOW)?;
            for (address, outcome) in batch.iter().zip(outcomes) {
                match outcome {
                    Outcome::Read(goroutine) => goroutines.push(*goroutine),
                    Outcome::None => {}
                    Outcome::Moved => again.push((*address, SHALLOW)),
                    Outcome::Deeper => again.push((*address, DEEP)),
                }
            }
        }
        for (address, window) in again {
            goroutines.extend(self.read_moving(address, window)?);
        }
        goroutines.sort_by_key(|goroutine| goroutine.id);
        Ok(goroutines)
    }

    /// One that moved or is deep, by itself, until it holds still.
    fn read_moving(
        &mut self,
        address: RuntimeAddr,
        mut window: u64,
    ) -> Result<Option<Goroutine>, ReadError> {
        for _ in 0..ATTEMPTS {
            match self.read_batch(&[address], window)?.pop() {
                Some(Outcome::Read(goroutine)) => return Ok(Some(*goroutine)),
                Some(Outcome::None) | None => return Ok(None),
                Some(Outcome::Deeper) => window = DEEP,
                Some(Outcome::Moved) => std::thread::yield_now(),
            }
        }
        let size = u64::from(self.layout.g_size);
        let bytes = memory::bytes(self.memory, address, size, u64::from(u16::MAX));
        Ok(bytes.and_then(|bytes| {
            let raw = RawG::new(&bytes, self.layout);
            let status = raw.status().filter(|_| raw.is_plausible())?;
            Some(self.goroutine(address, raw, status, Detail::default()))
        }))
    }

    fn read_batch(
        &mut self,
        addresses: &[RuntimeAddr],
        window: u64,
    ) -> Result<Vec<Outcome>, ReadError> {
        let mut batch = self.copy_batch(addresses, window)?;
        (batch.after, batch.was_read_again) = self.read_gs(addresses)?;
        Ok((0..addresses.len()).map(|g_idx| self.outcome(&mut batch, g_idx)).collect())
    }

    /// The first reading of a batch, and what hangs on it.
    pub(super) fn copy_batch<'b>(
        &self,
        addresses: &'b [RuntimeAddr],
        window: u64,
    ) -> Result<Batch<'b>, ReadError> {
        let (before, was_read) = self.read_gs(addresses)?;
        let mut batch = Batch {
            addresses,
            before,
            was_read,
            after: Vec::new(),
            was_read_again: Vec::new(),
            details: addresses.iter().map(|_| Detail::default()).collect(),
            bytes: Vec::new(),
        };
        self.read_details(&mut batch, window)?;
        self.read_queues(&mut batch)?;
        Ok(batch)
    }

    pub(super) fn outcome(&mut self, batch: &mut Batch<'_>, g_idx: usize) -> Outcome {
        let detail = std::mem::take(&mut batch.details[g_idx]);
        let Some(raw) = batch.raw(g_idx, self.layout) else { return Outcome::None };
        if !raw.is_plausible() {
            return Outcome::None;
        }
        if !self.is_still {
            let Some(again) = batch.raw_again(g_idx, self.layout) else { return Outcome::Moved };
            if raw.mark() != again.mark() || raw.is_scanned() {
                return Outcome::Moved;
            }
        }
        let Some(status) = raw.status() else { return Outcome::None };
        if status == Status::CopyStack && !self.is_still {
            return Outcome::Moved;
        }
        let walk = self.walk(raw, &detail, &batch.bytes);
        let Ok((stack, stack_end)) = walk else { return Outcome::Deeper };
        let mut goroutine = self.goroutine(batch.addresses[g_idx], raw, status, detail);
        goroutine.settled = match status {
            Status::Running => self.is_still || !self.memory.is_live(),
            status => status != Status::CopyStack,
        };
        if status == Status::Running && self.is_still && !stack.is_empty() {
            goroutine.seen = Seen::Stop;
        }
        (goroutine.stack, goroutine.stack_end) = (stack, stack_end);
        Outcome::Read(Box::new(goroutine))
    }

    fn walk(
        &mut self,
        raw: RawG<'_>,
        detail: &Detail,
        bytes: &[u8],
    ) -> Result<(Vec<Pc>, StackEnd), crate::unwind::TooSmall> {
        let (Some((pc, sp)), Some((range, place))) = (self.stands_at(raw), &detail.stack) else {
            return Ok((Vec::new(), StackEnd::Unread));
        };
        let is_deep = u64::try_from(range.len).is_ok_and(|len| len >= DEEP);
        let window = Window {
            base: range.address,
            bytes: bytes.get(place.clone()).unwrap_or_default(),
            is_part: detail.stack_is_part && !is_deep,
        };
        self.unwinder.walk(pc, sp, window, MOST_FRAMES)
    }

    /// All but the stack.
    fn goroutine(
        &mut self,
        address: RuntimeAddr,
        raw: RawG<'_>,
        status: Status,
        detail: Detail,
    ) -> Goroutine {
        let waits = matches!(status, Status::Waiting | Status::Leaked);
        let reason = self.wait_reasons.get(raw.wait_reason()).filter(|reason| !reason.is_empty());
        let since = Some(raw.wait_since()).filter(|since| *since > 0);
        let blocks = waits || status == Status::Syscall;
        let mut detail = detail;
        for wait in &mut detail.waits {
            if wait.on == WaitOn::Semaphore {
                *wait = of_semaphore(wait.address, reason.map(|reason| &**reason));
            }
        }
        Goroutine {
            id: raw.id(),
            address,
            status,
            wait_reason: reason.filter(|_| waits).cloned(),
            waited_at_least: since
                .zip(self.now)
                .and_then(|(since, now)| now.checked_sub(since))
                .filter(|_| blocks),
            waits: detail.waits,
            thread: detail.thread,
            locked_to_thread: !raw.locked_thread().is_nil(),
            creator: raw.creator(),
            created_at: raw.created_at(),
            start: raw.start(),
            labels: self.labels.get(self.memory, self.layout, raw.labels()),
            stack: Vec::new(),
            stack_end: StackEnd::Unread,
            seen: Seen::Memory,
            settled: false,
            mark: raw.mark(),
        }
    }
}
