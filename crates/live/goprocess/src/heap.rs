//! Go's heap, as far as it takes to follow pointers: where objects begin and end, and which hold pointers.
//!
//! The heap is cut into spans of objects of one size, each described by a `runtime.mspan`; all of those are in
//! one list (`mheap_.allspans`), found by its looks among the runtime's variables. Source: `runtime/mheap.go`,
//! Go 1.21 to 1.27.

use crate::bytes::{u8_at, u64_at};
use crate::code::slices_in;
use crate::memory::{self, Memory, Range};
use crate::module::Module;
use crate::{Layout, RuntimeAddr};

const PAGE: u64 = 8 << 10;
/// `mSpanInUse`.
const IN_USE: u8 = 1;
const MOST_SPANS: u64 = 1 << 24;
/// Spans looked at before the list is believed.
const SAMPLE: u64 = 16;
/// Spans described by one read, or objects.
const BATCH: usize = 1024;
/// Bytes of objects read together.
const LARGEST_BATCH: u64 = 4 << 20;
/// Memory is read in pieces of this size.
const PIECE: u64 = 64 << 10;
/// No more of the heap than this is read.
pub(crate) const LARGEST: u64 = 1 << 30;

/// Objects of one size, side by side.
#[derive(Clone, Debug)]
struct Span {
    start: u64,
    end: u64,
    object: u64,
    has_pointers: bool,
    /// A bit for each object that was reached.
    reached: Vec<u64>,
}

/// The spans of a heap, and which of their objects were reached.
#[derive(Debug)]
pub(crate) struct Heap<'a> {
    memory: &'a dyn Memory,
    spans: Vec<Span>,
    /// Objects reached whose words were not looked at yet: where, and how many bytes.
    open: Vec<(u64, u64)>,
    n_read: u64,
}

impl<'a> Heap<'a> {
    /// Reads the list of spans.
    pub(crate) fn open(
        memory: &'a dyn Memory,
        layout: &Layout,
        module: &Module,
    ) -> Option<Heap<'a>> {
        let list = slices_in(memory, [module.bss[1], module.bss[0]])
            .find(|at| looks_like_spans(memory, layout, *at))?;
        let first = RuntimeAddr(memory::word(memory, list)?);
        let len = memory::word(memory, list.plus(8)).filter(|len| *len <= MOST_SPANS)?;
        let pointers = memory::bytes(memory, first, len * 8, MOST_SPANS * 8)?;
        let size = usize::from(layout.mspan_size);
        let mut spans = Vec::new();
        for batch in pointers.chunks(8 * BATCH) {
            let address = |word: &[u8]| word.try_into().map(u64::from_le_bytes).unwrap_or(0);
            let range = |word| Range { address: address(word), len: size };
            let ranges: Vec<Range> = batch.chunks_exact(8).map(range).collect();
            let mut bytes = vec![0; size * ranges.len()];
            let was_read = memory.read_many(&ranges, &mut bytes).ok()?;
            let described = bytes.chunks_exact(size.max(1)).zip(was_read);
            spans
                .extend(described.filter(|(_, read)| *read).filter_map(|(it, _)| span(it, layout)));
        }
        spans.sort_by_key(|span| span.start);
        spans.dedup_by_key(|span| span.start);
        Some(Heap { memory, spans, open: Vec::new(), n_read: 0 })
    }

    /// Takes every word of `words` for a pointer and reaches what it points at.
    pub(crate) fn reach(&mut self, words: &[u8]) {
        for word in words.chunks_exact(8) {
            let word = word.try_into().map(u64::from_le_bytes).unwrap_or(0);
            self.reach_at(word);
        }
    }

    /// The same for the memory from `from` to `to`.
    pub(crate) fn reach_from(&mut self, from: RuntimeAddr, to: RuntimeAddr) {
        let len = to.0.saturating_sub(from.0).min(LARGEST);
        for piece_idx in 0..len.div_ceil(PIECE) {
            let at = from.plus(piece_idx * PIECE);
            let n_bytes = PIECE.min(len - piece_idx * PIECE);
            if let Some(bytes) = memory::bytes(self.memory, at, n_bytes, PIECE) {
                self.reach(&bytes);
            }
        }
    }

    /// Follows pointers until nothing new is reached; false if that took too much memory. `hole` is the part of an
    /// object, given by where it begins, that is not followed.
    ///
    /// Wave by wave, each in order of addresses, so that neighbours are read together and nothing need be kept.
    pub(crate) fn follow(&mut self, hole: impl Fn(u64) -> Option<(u64, u64)>) -> bool {
        while !self.open.is_empty() {
            let mut wave = std::mem::take(&mut self.open);
            wave.sort_unstable();
            let mut rest = wave.as_slice();
            while !rest.is_empty() {
                let (batch, behind) = rest.split_at(batch_of(rest));
                rest = behind;
                self.n_read += batch.iter().map(|(_, len)| len).sum::<u64>();
                if self.n_read > LARGEST {
                    return false;
                }
                self.follow_batch(batch, &hole);
            }
        }
        true
    }

    /// Reaches what the objects of a batch point at.
    fn follow_batch(&mut self, batch: &[(u64, u64)], hole: &impl Fn(u64) -> Option<(u64, u64)>) {
        if let [(at, len)] = batch
            && *len > LARGEST_BATCH
        {
            let end = at + len;
            let (from, to) = hole(*at).unwrap_or((end, end));
            self.reach_from(RuntimeAddr(*at), RuntimeAddr(from.clamp(*at, end)));
            self.reach_from(RuntimeAddr(to.clamp(*at, end)), RuntimeAddr(end));
            return;
        }
        let size = |len: u64| usize::try_from(len).unwrap_or(0);
        let ranges: Vec<Range> =
            batch.iter().map(|(at, len)| Range { address: *at, len: size(*len) }).collect();
        let mut bytes = vec![0; ranges.iter().map(|range| range.len).sum()];
        let Ok(was_read) = self.memory.read_many(&ranges, &mut bytes) else { return };
        let mut bytes = bytes.as_slice();
        for ((at, len), was_read) in batch.iter().zip(was_read) {
            let (object, rest) = bytes.split_at(size(*len).min(bytes.len()));
            bytes = rest;
            if !was_read {
                continue;
            }
            let end = at + len;
            let (from, to) = hole(*at).unwrap_or((end, end));
            let skip = |address: u64| size(address.clamp(*at, end) - at).min(object.len());
            self.reach(&object[..skip(from)]);
            self.reach(&object[skip(to)..]);
        }
    }

    /// Whether the object around `address` was reached; `None` if there is no object.
    pub(crate) fn is_reached(&self, address: RuntimeAddr) -> Option<bool> {
        let (span_idx, object_idx) = self.object_at(address.0)?;
        let word = self.spans.get(span_idx)?.reached.get(object_idx / 64).copied().unwrap_or(0);
        Some(word >> (object_idx % 64) & 1 == 1)
    }

    /// The object around `address`: where it begins, and its size.
    pub(crate) fn object_around(&self, address: RuntimeAddr) -> Option<(u64, u64)> {
        let (span_idx, object_idx) = self.object_at(address.0)?;
        let span = self.spans.get(span_idx)?;
        Some((span.start + object_idx as u64 * span.object, span.object))
    }

    /// Where the object around `address` begins: before it, if the allocator put a word of its own there.
    pub(crate) fn start_of(&self, address: RuntimeAddr) -> Option<u64> {
        self.object_around(address).map(|(start, _)| start)
    }

    fn reach_at(&mut self, word: u64) {
        let Some((span_idx, object_idx)) = self.object_at(word) else { return };
        let Some(span) = self.spans.get_mut(span_idx) else { return };
        let (word_idx, bit) = (object_idx / 64, 1_u64 << (object_idx % 64));
        if span.reached.len() <= word_idx {
            span.reached.resize(word_idx + 1, 0);
        }
        let Some(known) = span.reached.get_mut(word_idx) else { return };
        if *known & bit == 0 {
            *known |= bit;
            if span.has_pointers {
                self.open.push((span.start + object_idx as u64 * span.object, span.object));
            }
        }
    }

    /// Number of the span around `address`, and of the object in it.
    fn object_at(&self, address: u64) -> Option<(usize, usize)> {
        let behind = self.spans.partition_point(|span| span.start <= address);
        let span_idx = behind.checked_sub(1)?;
        let span = self.spans.get(span_idx).filter(|span| address < span.end)?;
        let object_idx = (address - span.start) / span.object;
        // What is left at the end of a span belongs to no object.
        let is_whole = (object_idx + 1) * span.object <= span.end - span.start;
        is_whole.then_some((span_idx, usize::try_from(object_idx).ok()?))
    }
}

/// How many of `objects` are read together.
fn batch_of(objects: &[(u64, u64)]) -> usize {
    let mut n_bytes = 0;
    let fits = |(_, len): &&(u64, u64)| {
        n_bytes += len;
        n_bytes <= LARGEST_BATCH
    };
    objects.iter().take(BATCH).take_while(fits).count().max(1)
}

/// A span that is in use for objects.
fn span(bytes: &[u8], layout: &Layout) -> Option<Span> {
    let word = |field: u16| u64_at(bytes, usize::from(field));
    let class = u8_at(bytes, usize::from(layout.mspan_spanclass))?;
    let state = u8_at(bytes, usize::from(layout.mspan_state))?;
    let (start, object) = (word(layout.mspan_start)?, word(layout.mspan_elemsize)?);
    let len = word(layout.mspan_npages)?.checked_mul(PAGE)?;
    let end = start.checked_add(len)?;
    let is_sound = start % PAGE == 0 && len > 0 && object >= 8 && object <= len;
    // The lowest bit of a span's class says that its objects hold no pointers.
    let span = Span { start, end, object, has_pointers: class & 1 == 0, reached: Vec::new() };
    (state == IN_USE && is_sound).then_some(span)
}

/// Whether the slice at `at` lists spans.
fn looks_like_spans(memory: &dyn Memory, layout: &Layout, at: RuntimeAddr) -> bool {
    let looks = || {
        let first = RuntimeAddr(memory::word(memory, at)?);
        let len = memory::word(memory, at.plus(8)).filter(|len| *len >= SAMPLE)?;
        let pointers = memory::bytes(memory, first, SAMPLE.min(len) * 8, SAMPLE * 8)?;
        let mut n_in_use = 0;
        for pointer in pointers.chunks_exact(8) {
            let pointer = RuntimeAddr(pointer.try_into().map(u64::from_le_bytes).ok()?);
            let size = u64::from(layout.mspan_size);
            let bytes = memory::bytes(memory, pointer, size, u64::from(u16::MAX))?;
            let start = u64_at(&bytes, usize::from(layout.mspan_start))?;
            let state = u8_at(&bytes, usize::from(layout.mspan_state))?;
            if start % PAGE != 0 || state > 2 {
                return None;
            }
            n_in_use += usize::from(span(&bytes, layout).is_some());
        }
        (n_in_use >= 4).then_some(())
    };
    looks().is_some()
}
