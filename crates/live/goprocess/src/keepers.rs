//! What a goroutine keeps alive: what its `g` points at, and of its stack the words that the compiler calls live pointers.
//!
//! Other words may be left from whoever had the stack before. All words count where the compiler does not say, or of
//! a goroutine that runs. Stacks repeat a great deal, so what is live at a return address is found out once, and
//! many goroutines are read together.
//!
//! Start at [`Keepers::reach`].

use std::collections::HashMap;

use crate::goroutine::raw::RawG;
use crate::heap::Heap;
use crate::symbols::PcKind;
use crate::unwind::Unwinder;
use crate::{Goroutine, Pc, Process, Range, RuntimeAddr, StackEnd, Status};

/// Goroutines read together, and how many bytes of their stacks.
const BATCH: usize = 512;
const LARGEST_BATCH: u64 = 4 << 20;
/// More of a stack than this is not followed.
const LARGEST_STACK: u64 = 64 << 20;
/// Where a frame is thought to be when it is asked what is live in it.
const ANYWHERE: u64 = 1 << 40;

/// The live words of a frame, from its stack pointer on.
type Live = Vec<(i64, i64)>;

/// Reads what goroutines keep alive.
pub(crate) struct Keepers<'a> {
    process: &'a Process,
    unwinder: Unwinder<'a>,
    live: HashMap<RuntimeAddr, Option<Live>>,
}

/// A stack to be read.
struct Stack<'g> {
    /// `None` of one that does not stand as it was read.
    goroutine: Option<&'g Goroutine>,
    from: u64,
    to: u64,
}

impl<'a> Keepers<'a> {
    pub(crate) fn new(process: &'a Process) -> Keepers<'a> {
        let unwinder = Unwinder::new(process.symbols(), process.bias());
        Keepers { process, unwinder, live: HashMap::new() }
    }

    /// Whether each is still as it was when it was read.
    pub(crate) fn stand(&self, goroutines: &[&Goroutine]) -> Vec<bool> {
        let mut stand = Vec::with_capacity(goroutines.len());
        for batch in goroutines.chunks(BATCH) {
            self.read_gs(batch, |goroutine, raw| {
                stand.push(raw.is_some_and(|raw| raw.mark() == goroutine.mark));
            });
        }
        stand
    }

    /// Reaches what `goroutines` keep alive.
    pub(crate) fn reach(&mut self, heap: &mut Heap<'_>, goroutines: &[&Goroutine]) {
        for batch in goroutines.chunks(BATCH) {
            let mut stacks = Vec::with_capacity(batch.len());
            self.read_gs(batch, |goroutine, raw| {
                let Some(raw) = raw else { return };
                heap.reach(raw.bytes());
                let (lo, hi) = raw.stack();
                let hi = hi.min(lo.saturating_add(LARGEST_STACK));
                // Who was interrupted between two calls has pointers where the compiler says nothing of them.
                let interrupted = |pc: &Pc| pc.kind == PcKind::Exact;
                let is_plain = !goroutine.stack.iter().skip(1).any(interrupted)
                    && goroutine.settled
                    && goroutine.status == Status::Waiting;
                let parked = raw.parked_at();
                let parked = parked.filter(|_| is_plain && raw.mark() == goroutine.mark);
                stacks.push(match parked {
                    Some((_, sp)) => Stack { goroutine: Some(goroutine), from: sp, to: hi.max(sp) },
                    None => Stack { goroutine: None, from: lo, to: hi.max(lo) },
                });
            });
            let mut rest = stacks.as_slice();
            while !rest.is_empty() {
                let mut n_bytes = 0;
                let fits = |stack: &&Stack<'_>| {
                    n_bytes += stack.to - stack.from;
                    n_bytes <= LARGEST_BATCH
                };
                let (now, later) = rest.split_at(rest.iter().take_while(fits).count().max(1));
                self.reach_stacks(heap, now);
                rest = later;
            }
        }
    }

    fn read_gs<'g>(
        &self,
        goroutines: &[&'g Goroutine],
        mut then: impl FnMut(&'g Goroutine, Option<RawG<'_>>),
    ) {
        let layout = self.process.layout();
        let size = usize::from(layout.g_size);
        let range = |goroutine: &&Goroutine| Range { address: goroutine.address.0, len: size };
        let ranges: Vec<Range> = goroutines.iter().map(range).collect();
        let mut bytes = vec![0; size * ranges.len()];
        let was_read = self.process.memory().read_many(&ranges, &mut bytes).unwrap_or_default();
        for (g_idx, goroutine) in goroutines.iter().enumerate() {
            let bytes = bytes.get(g_idx * size..(g_idx + 1) * size);
            let bytes = bytes.filter(|_| was_read.get(g_idx) == Some(&true));
            then(goroutine, bytes.map(|bytes| RawG::new(bytes, layout)));
        }
    }

    fn reach_stacks(&mut self, heap: &mut Heap<'_>, stacks: &[Stack<'_>]) {
        let size = |stack: &Stack<'_>| usize::try_from(stack.to - stack.from).unwrap_or(0);
        let range = |stack: &Stack<'_>| Range { address: stack.from, len: size(stack) };
        let ranges: Vec<Range> = stacks.iter().map(range).collect();
        let mut bytes = vec![0; ranges.iter().map(|range| range.len).sum()];
        let Ok(was_read) = self.process.memory().read_many(&ranges, &mut bytes) else { return };
        let mut bytes = bytes.as_slice();
        for (stack, was_read) in stacks.iter().zip(was_read) {
            let (words, rest) = bytes.split_at(size(stack).min(bytes.len()));
            bytes = rest;
            match stack.goroutine {
                // A part of it may be there all the same.
                _ if !was_read => heap.reach_from(RuntimeAddr(stack.from), RuntimeAddr(stack.to)),
                Some(goroutine) => self.reach_frames(heap, goroutine, stack.from, words),
                None => heap.reach(words),
            }
        }
    }

    /// Reaches what the frames of a goroutine keep, whose stack from `sp` on is `words`.
    fn reach_frames(&mut self, heap: &mut Heap<'_>, goroutine: &Goroutine, sp: u64, words: &[u8]) {
        let part = |from: u64, to: u64| {
            let place = |at: u64| usize::try_from(at.saturating_sub(sp)).unwrap_or(usize::MAX);
            let to = place(to).min(words.len());
            words.get(place(from).min(to)..to).unwrap_or_default()
        };
        let spans = self.unwinder.spans(&goroutine.stack, sp);
        let mut known_to = sp;
        for (pc, (from, to)) in goroutine.stack.iter().zip(spans) {
            match self.live_at(*pc, to - from) {
                Some(live) => {
                    for (first, last) in live {
                        let at = |offset: i64| from.wrapping_add_signed(offset);
                        heap.reach(part(at(*first), at(*last)));
                    }
                }
                None => heap.reach(part(from, to)),
            }
            known_to = to;
        }
        if goroutine.stack_end != StackEnd::Complete {
            heap.reach(part(known_to, u64::MAX));
        }
    }

    /// The live words of a frame of `size` bytes in a call that returns to `pc`; `None` where nobody says.
    fn live_at(&mut self, pc: Pc, size: u64) -> Option<&Live> {
        if pc.kind != PcKind::Return {
            return None;
        }
        let process = self.process;
        let live = self.live.entry(pc.address).or_insert_with(|| {
            let linked = pc.address.linked(process.bias());
            let function = process.symbols().function_at(linked)?;
            let spans = function.live_spans(linked, ANYWHERE, ANYWHERE.checked_add(size)?)?;
            let offset = |at: u64| at.wrapping_sub(ANYWHERE).cast_signed();
            Some(spans.into_iter().map(|(from, to)| (offset(from), offset(to))).collect())
        });
        live.as_ref()
    }
}
