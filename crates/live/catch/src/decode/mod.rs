//! Instructions of amd64 that touch memory: where, how much, and how.
//!
//! In: the bytes of a function. Out: what in it is worth waiting at ([`scan`]), and what the instruction did that
//! stands before a given place ([`ending_at`]): a data breakpoint tells the instruction behind.
//!
//! Not here: what one instruction touches (`access`), what calls of the runtime touch (`bulk`, `maps`).

mod access;
#[cfg(test)]
mod tests;

use iced_x86::{
    Decoder, DecoderOptions, Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpKind,
};

pub(crate) use access::MemoryAccess;

/// An instruction worth waiting at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It touches memory.
    Access(MemoryAccess),
    /// It calls the function at this address.
    Call(u64),
}

/// What is worth waiting at in `code`, which lies at `start` in the file: addresses and kinds. An instruction that
/// touches memory twice is there twice.
pub(crate) fn scan(code: &[u8], start: u64) -> Vec<(u64, Found)> {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut found = Vec::new();
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        if instruction.is_call_near() {
            found.push((instruction.ip(), Found::Call(instruction.near_branch_target())));
            continue;
        }
        let accesses = access::of(&instruction, &mut factory).into_iter().flatten();
        for access in accesses.filter(|access| access.atomic.is_none()) {
            found.push((instruction.ip(), Found::Access(access)));
        }
    }
    found
}

/// The accesses that a thread may just have made that stands at `after`, in `code`, which lies at `start`: those of the
/// instruction before, and those of a repeated one that is not done yet. Decoded from the beginning, since
/// instructions cannot be read backwards.
pub(crate) fn ending_at(code: &[u8], start: u64, after: u64) -> Vec<(u64, MemoryAccess)> {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut found = Vec::new();
    let mut instruction = Instruction::default();
    let mut keep = |instruction: &Instruction, repeated_only: bool| {
        let accesses = access::of(instruction, &mut factory).into_iter().flatten();
        let kept = accesses.filter(|access| access.repeated || !repeated_only);
        found.extend(kept.map(|access| (instruction.ip(), access)));
    };
    while decoder.can_decode() && decoder.ip() < after {
        decoder.decode_out(&mut instruction);
    }
    if instruction.next_ip() == after {
        keep(&instruction, false);
    }
    if decoder.ip() == after && decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        keep(&instruction, true);
    }
    found
}

/// Whom `code` calls, and what it takes the address of (`LEA` of a place that the instruction names).
pub(crate) fn named_by(code: &[u8], start: u64) -> (Vec<u64>, Vec<u64>) {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let (mut called, mut taken) = (Vec::new(), Vec::new());
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        if instruction.is_call_near() {
            called.push(instruction.near_branch_target());
        } else if instruction.mnemonic() == Mnemonic::Lea && instruction.is_ip_rel_memory_operand()
        {
            taken.push(instruction.ip_rel_memory_address());
        }
    }
    (called, taken)
}

/// Variables of four bytes that `code` compares with zero: in the runtime's `typedmemmove` that is
/// the flag of the write barrier.
pub(crate) fn compared_with_zero(code: &[u8], start: u64) -> Vec<u64> {
    Decoder::with_ip(64, code, start, DecoderOptions::NONE)
        .iter()
        .filter(|instruction| {
            instruction.mnemonic() == Mnemonic::Cmp
                && instruction.is_ip_rel_memory_operand()
                && instruction.memory_size() == MemorySize::UInt32
                && instruction.op_count() == 2
                && instruction.try_immediate(1).is_ok_and(|value| value == 0)
        })
        .map(|instruction| instruction.ip_rel_memory_address())
        .collect()
}

/// The vector stores from `code` to the end: where the first is, seen from RDI, and how many bytes all are. That is
/// what a jump into `duffcopy` or `duffzero` writes (runtime/mkduff.go; stores of 16 bytes, one behind the other).
pub(crate) fn stores_of_duff(code: &[u8]) -> Option<(u64, u64)> {
    let mut first = None;
    let mut n_bytes = 0;
    for instruction in &mut Decoder::new(64, code, DecoderOptions::NONE) {
        let is_store =
            instruction.op0_kind() == OpKind::Memory && instruction.memory_size().size() == 16;
        if is_store {
            first.get_or_insert(instruction.memory_displacement64());
            n_bytes += 16;
        }
    }
    first.map(|first| (first, n_bytes))
}
