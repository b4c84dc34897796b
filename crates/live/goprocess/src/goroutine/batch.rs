//! One batch of goroutines between its two readings: the `g`s, and what hangs on them.
//!
//! Three system calls and one for each round of queues, whatever the number of goroutines. Nothing is
//! judged here: `read` compares and decides. Start at [`Reader::read_details`].

use std::ops;

use super::raw::RawG;
use super::read::Reader;
use super::{Pc, Status, Wait, WaitOn};
use crate::bytes::{u8_at, u64_at};
use crate::memory::{self, Range};
use crate::symbols::PcKind;
use crate::{Layout, ReadError, RuntimeAddr};

/// More cases of a select than this are not followed.
const MOST_CASES: usize = 64;

/// A batch between its two readings.
pub(super) struct Batch<'a> {
    pub(super) addresses: &'a [RuntimeAddr],
    pub(super) before: Vec<u8>,
    pub(super) was_read: Vec<bool>,
    pub(super) after: Vec<u8>,
    pub(super) was_read_again: Vec<bool>,
    pub(super) details: Vec<Detail>,
    pub(super) bytes: Vec<u8>,
}

/// What hangs on one goroutine.
#[derive(Default)]
pub(super) struct Detail {
    pub(super) stack: Option<(Range, ops::Range<usize>)>,
    pub(super) stack_is_part: bool,
    pub(super) thread: Option<u32>,
    pub(super) waits: Vec<Wait>,
    /// The next of its places in queues.
    pub(super) next: Option<RuntimeAddr>,
}

impl Reader<'_> {
    pub(super) fn read_gs(
        &self,
        addresses: &[RuntimeAddr],
    ) -> Result<(Vec<u8>, Vec<bool>), ReadError> {
        let size = usize::from(self.layout.g_size);
        let ranges: Vec<Range> =
            addresses.iter().map(|address| Range { address: address.0, len: size }).collect();
        let mut bytes = vec![0; size * ranges.len()];
        let was_read = self.memory.read_many(&ranges, &mut bytes)?;
        Ok((bytes, was_read))
    }

    /// Stacks, and the numbers of threads.
    pub(super) fn read_details(&self, batch: &mut Batch<'_>, window: u64) -> Result<(), ReadError> {
        let mut ranges = Vec::new();
        let mut stacks = Vec::new();
        let mut threads = Vec::new();
        let mut n_bytes = 0;
        for g_idx in 0..batch.addresses.len() {
            let Some(raw) = batch.raw(g_idx, self.layout) else { continue };
            let Some(status) = raw.status() else { continue };
            if let Some((_, sp)) = self.stands_at(raw) {
                let rest = raw.stack().1 - sp;
                let len = usize::try_from(rest.min(window)).unwrap_or(0);
                ranges.push(Range { address: sp, len });
                stacks.push((g_idx, ranges.len() - 1, n_bytes..n_bytes + len, rest > window));
                n_bytes += len;
            }
            let has_thread = matches!(status, Status::Running | Status::Syscall);
            if has_thread && !raw.thread().is_nil() {
                let at = raw.thread().plus(u64::from(self.layout.m_procid));
                ranges.push(Range { address: at.0, len: 8 });
                threads.push((g_idx, ranges.len() - 1, n_bytes));
                n_bytes += 8;
            }
            if status == Status::Waiting && !raw.waiting().is_nil() {
                batch.details[g_idx].next = Some(raw.waiting());
            }
        }
        batch.bytes = vec![0; n_bytes];
        let was_read = self.memory.read_many(&ranges, &mut batch.bytes)?;
        for (g_idx, range_idx, place, is_part) in stacks {
            if was_read.get(range_idx) == Some(&true) {
                batch.details[g_idx].stack = Some((ranges[range_idx], place));
                batch.details[g_idx].stack_is_part = is_part;
            }
        }
        for (g_idx, range_idx, at) in threads {
            if was_read.get(range_idx) == Some(&true) {
                let inside = u64_at(&batch.bytes, at).and_then(|tid| u32::try_from(tid).ok());
                batch.details[g_idx].thread =
                    inside.and_then(|inside| self.threads.get(&inside).copied());
            }
        }
        Ok(())
    }

    /// Program counter and stack pointer: those that the runtime noted when it stopped running, or, of a process that
    /// no longer runs, those of its thread.
    pub(super) fn stands_at(&self, raw: RawG<'_>) -> Option<(Pc, u64)> {
        if let Some((pc, sp)) = raw.parked_at() {
            return Some((Pc { address: pc, kind: PcKind::Return }, sp));
        }
        if self.stopped.is_empty() || raw.status()? != Status::Running {
            return None;
        }
        let procid = raw.thread().plus(u64::from(self.layout.m_procid));
        let inside = u32::try_from(memory::word(self.memory, procid)?).ok()?;
        let thread = self.stopped.get(self.threads.get(&inside)?)?;
        let (lo, hi) = raw.stack();
        let is_on_stack = lo < thread.sp && thread.sp < hi && thread.sp.is_multiple_of(8);
        if is_on_stack {
            return Some((Pc { address: thread.pc, kind: PcKind::Exact }, thread.sp));
        }
        // It is on the runtime's own stack, or in a signal handler: where it left its own was put down.
        let (pc, sp) = raw.left_at().filter(|(pc, _)| self.unwinder.is_switch(*pc))?;
        Some((Pc { address: pc, kind: PcKind::Return }, sp))
    }

    /// What each waits for: its places in queues (`runtime.sudog`), one for each case of a select.
    pub(super) fn read_queues(&self, batch: &mut Batch<'_>) -> Result<(), ReadError> {
        let size = usize::from(self.layout.sudog_size);
        for _ in 0..MOST_CASES {
            let waiting: Vec<(usize, RuntimeAddr)> = batch
                .details
                .iter_mut()
                .enumerate()
                .filter_map(|(g_idx, detail)| Some((g_idx, detail.next.take()?)))
                .collect();
            if waiting.is_empty() {
                break;
            }
            let ranges: Vec<Range> =
                waiting.iter().map(|(_, at)| Range { address: at.0, len: size }).collect();
            let mut bytes = vec![0; size * ranges.len()];
            let was_read = self.memory.read_many(&ranges, &mut bytes)?;
            for ((sudog, was_read), (g_idx, _)) in
                bytes.chunks_exact(size.max(1)).zip(was_read).zip(waiting)
            {
                if was_read {
                    self.add_wait(sudog, batch.addresses[g_idx], &mut batch.details[g_idx]);
                }
            }
        }
        Ok(())
    }

    fn add_wait(&self, sudog: &[u8], g: RuntimeAddr, detail: &mut Detail) {
        let word = |field: u16| u64_at(sudog, usize::from(field)).unwrap_or(0);
        if word(self.layout.sudog_g) != g.0 {
            return;
        }
        let channel = RuntimeAddr(word(self.layout.sudog_c));
        let semaphore = RuntimeAddr(word(self.layout.sudog_elem));
        if !channel.is_nil() {
            detail.waits.push(Wait { on: WaitOn::Channel, address: channel });
        } else if !semaphore.is_nil() {
            detail.waits.push(Wait { on: WaitOn::Semaphore, address: semaphore });
        }
        let is_select = u8_at(sudog, usize::from(self.layout.sudog_is_select)) == Some(1);
        let next = RuntimeAddr(word(self.layout.sudog_waitlink));
        // Of a semaphore, that link leads to other goroutines.
        if is_select && !channel.is_nil() && !next.is_nil() {
            detail.next = Some(next);
        }
    }
}

impl Batch<'_> {
    pub(super) fn raw<'b>(&'b self, g_idx: usize, layout: &'b Layout) -> Option<RawG<'b>> {
        raw_of(&self.before, &self.was_read, g_idx, layout)
    }

    pub(super) fn raw_again<'b>(&'b self, g_idx: usize, layout: &'b Layout) -> Option<RawG<'b>> {
        raw_of(&self.after, &self.was_read_again, g_idx, layout)
    }
}

fn raw_of<'b>(
    bytes: &'b [u8],
    was_read: &[bool],
    g_idx: usize,
    layout: &'b Layout,
) -> Option<RawG<'b>> {
    if was_read.get(g_idx) != Some(&true) {
        return None;
    }
    let size = usize::from(layout.g_size);
    Some(RawG::new(bytes.get(g_idx * size..(g_idx + 1) * size)?, layout))
}
