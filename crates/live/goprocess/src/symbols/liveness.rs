//! Which words of a frame hold pointers that are still needed: what the garbage collector looks at.
//!
//! At every call the compiler notes the live pointers among a function's locals and arguments, as bits; variables
//! whose address is taken are listed besides, and count as live. Source: `runtime/stkframe.go` (`getStackMap`) and
//! `runtime/symtab.go` (`stackmap`), Go 1.21 to 1.27.

use super::Function;
use crate::LinkAddr;
use crate::bytes::{i32_at, u64_at};

/// `PCDATA_StackMapIndex` and `FUNCDATA_…` of `internal/abi/symtab.go`.
const PCDATA_STACK_MAP: u32 = 1;
const FUNCDATA_ARGUMENTS: u32 = 0;
const FUNCDATA_LOCALS: u32 = 1;
const FUNCDATA_OBJECTS: u32 = 2;

/// More of a frame than this is not described.
const MOST_BITS: i32 = 1 << 20;
const MOST_OBJECTS: u64 = 1 << 12;

impl Function<'_> {
    /// The spans of a frame that hold live pointers, when it is in a call that returns to `pc`, its stack pointer is `sp`
    /// and its frame ends (with the return address) at `end`. `None` if the compiler does not say.
    pub(crate) fn live_spans(&self, pc: LinkAddr, sp: u64, end: u64) -> Option<Vec<(u64, u64)>> {
        let call = LinkAddr(pc.0.checked_sub(1)?.max(self.entry.0));
        let index = self.pcdata(PCDATA_STACK_MAP).and_then(|table| self.value(table, call));
        // Before the first call: the map at the function's entry.
        let index = u64::try_from(index.unwrap_or(-1).max(0)).ok()?;
        // Below the return address stands the caller's frame pointer, if there is a frame at all.
        let above_locals = if end.checked_sub(8)? > sp { end.checked_sub(16)? } else { end - 8 };
        let mut spans = Vec::new();
        if above_locals > sp {
            let (n_bits, bits) = self.bits(FUNCDATA_LOCALS, index)?;
            let base = above_locals.checked_sub(n_bits * 8)?;
            spans.extend(words(&bits, n_bits, base));
        }
        if let Some((n_bits, bits)) = self.bits(FUNCDATA_ARGUMENTS, index) {
            spans.extend(words(&bits, n_bits, end));
        }
        self.add_objects(above_locals, end, &mut spans);
        Some(spans)
    }

    /// The bits of the `index`th map, and how many there are.
    fn bits(&self, funcdata: u32, index: u64) -> Option<(u64, Vec<u8>)> {
        let map = self.funcdata(funcdata)?;
        let mut head = [0; 8];
        self.symbols.binary.read(map, &mut head)?;
        let n_maps = u64::try_from(i32_at(&head, 0)?).ok()?;
        let n_bits = i32_at(&head, 4).filter(|bits| (0..=MOST_BITS).contains(bits))?;
        let n_bits = u64::try_from(n_bits).ok()?;
        let len = n_bits.div_ceil(8);
        if index >= n_maps {
            return None;
        }
        let mut bits = vec![0; usize::try_from(len).ok()?];
        let at = map.0.checked_add(8)?.checked_add(index.checked_mul(len)?)?;
        self.symbols.binary.read(LinkAddr(at), &mut bits)?;
        Some((n_bits, bits))
    }

    /// Variables whose address is taken: below zero from the locals' upper end, else from the arguments.
    fn add_objects(&self, above_locals: u64, arguments: u64, spans: &mut Vec<(u64, u64)>) {
        const RECORD: usize = 16;
        let Some(list) = self.funcdata(FUNCDATA_OBJECTS) else { return };
        let mut head = [0; 8];
        if self.symbols.binary.read(list, &mut head).is_none() {
            return;
        }
        let n_objects = u64_at(&head, 0).unwrap_or(0).min(MOST_OBJECTS);
        for object_idx in 0..n_objects {
            let mut record = [0; RECORD];
            let at = LinkAddr(list.0.wrapping_add(8 + object_idx * RECORD as u64));
            if self.symbols.binary.read(at, &mut record).is_none() {
                return;
            }
            let (Some(offset), Some(size)) = (i32_at(&record, 0), i32_at(&record, 4)) else {
                return;
            };
            let base = if offset < 0 { above_locals } else { arguments };
            let from = base.wrapping_add_signed(i64::from(offset));
            if let Ok(size) = u64::try_from(size) {
                spans.push((from, from.wrapping_add(size)));
            }
        }
    }
}

/// A span for each run of bits that are set.
fn words(bits: &[u8], n_bits: u64, base: u64) -> Vec<(u64, u64)> {
    let is_set = |bit: u64| {
        let byte = usize::try_from(bit / 8).ok().and_then(|at| bits.get(at)).copied();
        byte.unwrap_or(0) >> (bit % 8) & 1 == 1
    };
    let mut spans: Vec<(u64, u64)> = Vec::new();
    for bit in (0..n_bits).filter(|bit| is_set(*bit)) {
        let at = base.wrapping_add(8 * bit);
        match spans.last_mut() {
            Some((_, end)) if *end == at => *end = at.wrapping_add(8),
            _ => spans.push((at, at.wrapping_add(8))),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn runs_of_bits_become_spans() {
        assert_eq!(
            words(&[0b0001_1010, 0b1], 9, 0x100),
            [(0x108, 0x110), (0x118, 0x128), (0x140, 0x148)]
        );
        assert_eq!(words(&[], 64, 0x100), []);
    }
}
