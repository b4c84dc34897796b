//! Where the runtime keeps a variable, in a program whose symbols were stripped.
//!
//! The names of all functions survive stripping, and a function that uses the variable names its
//! address in its code: `runtime.allgadd` for the list of goroutines. Its operands are
//! candidates; what they point at decides. Without a decoder for the processor, all variables
//! are candidates.

use iced_x86::{Decoder, DecoderOptions};

use crate::binary::Architecture;
use crate::memory::{self, Memory};
use crate::symbols::Symbols;
use crate::{Binary, LinkAddr, RuntimeAddr};

/// Longer than this none of the functions asked about is.
const LONGEST_FUNCTION: u64 = 16 << 10;
/// Not searched further than this.
const LARGEST_SEARCH: u64 = 64 << 20;
const CHUNK: u64 = 1 << 20;

/// The addresses that the code of `function` names, in the order it does, each once.
pub(crate) fn named_in(binary: &Binary, symbols: &Symbols, function: &str) -> Vec<LinkAddr> {
    let code = symbols.named(function).and_then(|function| {
        let len = function.end.0.checked_sub(function.entry.0)?.min(LONGEST_FUNCTION);
        Some((function.entry, binary.bytes(function.entry, len)?))
    });
    let Some((entry, code)) = code.filter(|_| binary.architecture == Architecture::Amd64) else {
        return Vec::new();
    };
    let mut named = Vec::new();
    for instruction in Decoder::with_ip(64, &code, entry.0, DecoderOptions::NONE) {
        if instruction.is_ip_rel_memory_operand() {
            let address = LinkAddr(instruction.ip_rel_memory_address());
            if !named.contains(&address) {
                named.push(address);
            }
        }
    }
    named
}

/// Where in `spans` of memory three words may be a slice's head: a pointer, a length, a capacity that
/// is not less.
pub(crate) fn slices_in<'a>(
    memory: &'a dyn Memory,
    spans: [(RuntimeAddr, RuntimeAddr); 2],
) -> impl Iterator<Item = RuntimeAddr> + 'a {
    spans.into_iter().flat_map(move |(from, to)| {
        let len = to.0.saturating_sub(from.0).min(LARGEST_SEARCH);
        (0..len.div_ceil(CHUNK)).flat_map(move |chunk_idx| {
            let start = from.plus(chunk_idx * CHUNK);
            // Two words more, so that no head is cut in two.
            let n_bytes = (CHUNK + 16).min(len - chunk_idx * CHUNK);
            let chunk = memory::bytes(memory, start, n_bytes, CHUNK + 16).unwrap_or_default();
            let words: Vec<u64> = chunk
                .chunks_exact(8)
                .map(|word| word.try_into().map(u64::from_le_bytes).unwrap_or_default())
                .collect();
            let is_slice = |head: &[u64]| {
                head[0] != 0 && head[0].is_multiple_of(8) && head[1] > 0 && head[1] <= head[2]
            };
            let heads: Vec<RuntimeAddr> = words
                .windows(3)
                .enumerate()
                .filter(|(_, head)| is_slice(head))
                .map(|(word_idx, _)| start.plus(8 * word_idx as u64))
                .collect();
            heads
        })
    })
}
