//! What the code of a function says: which variables it names, which functions it calls.
//!
//! That is how the runtime's variables are found in a program whose symbols were stripped: the names of all
//! functions survive, and `runtime.allgadd` names the list of goroutines. Its operands are
//! candidates; what they point at decides. Without a decoder for the processor, all variables
//! are candidates.

use iced_x86::{Decoder, DecoderOptions, Mnemonic, OpKind};

use crate::binary::Architecture;
use crate::memory::{self, Memory};
use crate::symbols::{Function, Symbols};
use crate::{Binary, LinkAddr, RuntimeAddr};

/// More of a function's code than this is not read.
const LONGEST_FUNCTION: u64 = 64 << 10;
/// Not searched further than this.
const LARGEST_SEARCH: u64 = 64 << 20;
const CHUNK: u64 = 1 << 20;

/// The addresses that the code of `function` names, in the order it does, each once.
pub(crate) fn named_in(binary: &Binary, symbols: &Symbols, function: &str) -> Vec<LinkAddr> {
    symbols.named(function).map(|function| what_it_names(binary, &function).0).unwrap_or_default()
}

/// The addresses that the code of `function` names, and its calls: from where, and to what.
pub(crate) fn what_it_names(
    binary: &Binary,
    function: &Function<'_>,
) -> (Vec<LinkAddr>, Vec<(LinkAddr, LinkAddr)>) {
    let (mut named, mut calls) = (Vec::new(), Vec::new());
    let len = function.end.0.saturating_sub(function.entry.0).min(LONGEST_FUNCTION);
    let code = binary.bytes(function.entry, len).unwrap_or_default();
    if binary.architecture != Architecture::Amd64 {
        return (named, calls);
    }
    for instruction in Decoder::with_ip(64, &code, function.entry.0, DecoderOptions::NONE) {
        if instruction.is_ip_rel_memory_operand() {
            let address = LinkAddr(instruction.ip_rel_memory_address());
            if !named.contains(&address) {
                named.push(address);
            }
        }
        let is_direct = instruction.op0_kind() == OpKind::NearBranch64;
        if instruction.mnemonic() == Mnemonic::Call && is_direct {
            let target = LinkAddr(instruction.near_branch_target());
            calls.push((LinkAddr(instruction.ip()), target));
        }
    }
    (named, calls)
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
