//! What the code of a function says: which variables it names, which functions it calls.
//!
//! That is how the runtime's variables are found in a program whose symbols were stripped: the names of all
//! functions survive, and `runtime.allgadd` names the list of goroutines. Its operands are
//! candidates; what they point at decides. Without a decoder for the processor, all variables
//! are candidates.

use iced_x86::{
    Decoder, DecoderOptions, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register,
};

use crate::binary::Architecture;
use crate::memory::{self, Memory};
use crate::symbols::{Function, Symbols};
use crate::{Binary, LinkAddr, RuntimeAddr};

/// More of a function's code than this is not read.
const LONGEST_FUNCTION: u64 = 64 << 10;
/// More than this is not decoded for what it does to its frame.
const LONGEST_DECODED: u64 = 1 << 20;
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

/// An instruction that stores in its own frame, or takes the address of a place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameAccess {
    /// The instruction.
    pub(crate) at: LinkAddr,
    /// From the canonical frame address.
    pub(crate) offset: i64,
    /// In bytes; of an address taken, 1.
    pub(crate) len: usize,
    pub(crate) is_store: bool,
    /// How deep the frame is there: 0 before it is made and after it is gone.
    pub(crate) depth: u64,
}

/// What a function does to its own frame, by address. `None` where the processor's code is not understood.
pub(crate) fn frame_accesses(binary: &Binary, function: &Function<'_>) -> Option<Vec<FrameAccess>> {
    let len = function.end.0.saturating_sub(function.entry.0);
    if binary.architecture != Architecture::Amd64 || len > LONGEST_DECODED {
        return None;
    }
    let code = binary.bytes(function.entry, len)?;
    let mut factory = InstructionInfoFactory::new();
    let mut accesses = Vec::new();
    for instruction in Decoder::with_ip(64, &code, function.entry.0, DecoderOptions::NONE) {
        let at = LinkAddr(instruction.ip());
        let is_lea = instruction.mnemonic() == Mnemonic::Lea;
        if is_lea && is_in_frame(instruction.memory_base(), instruction.memory_index()) {
            let displacement = instruction.memory_displacement64().cast_signed();
            accesses.extend(frame_access(function, at, displacement, 1, false));
        }
        for memory in factory.info(&instruction).used_memory() {
            let is_write = matches!(
                memory.access(),
                OpAccess::Write
                    | OpAccess::CondWrite
                    | OpAccess::ReadWrite
                    | OpAccess::ReadCondWrite
            );
            if is_write && !is_lea && is_in_frame(memory.base(), memory.index()) {
                let displacement = memory.displacement().cast_signed();
                let len = memory.memory_size().size().max(1);
                accesses.extend(frame_access(function, at, displacement, len, true));
            }
        }
    }
    Some(accesses)
}

fn is_in_frame(base: Register, index: Register) -> bool {
    base == Register::RSP && index == Register::None
}

fn frame_access(
    function: &Function<'_>,
    at: LinkAddr,
    displacement: i64,
    len: usize,
    is_store: bool,
) -> Option<FrameAccess> {
    let depth = function.stack_depth(at)?;
    // The return address lies between.
    let offset = displacement.checked_sub(i64::try_from(depth).ok()?)?.checked_sub(8)?;
    Some(FrameAccess { at, offset, len, is_store, depth })
}
