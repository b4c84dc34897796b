//! Calls of the runtime that move or clear memory for the program: which ranges they read and write.
//!
//! `copy`, `append`, conversions and large assignments are such calls; the memory is the program's, the code is not. As
//! with maps, the place to hold a thread is the call, where the arguments are in registers (`ABIInternal`). Sources:
//! `runtime/{memmove_amd64.s,mbarrier.go,slice.go,string.go,iface.go}` and `cmd/compile/internal/walk`, Go 1.21 to
//! 1.27.

use photofinish_model::Op;
use photofinish_sys::trace::{Register, Registers};

use Length::{Bytes, Elements, In, OfType};
use Register::{Rax, Rbx, Rcx, Rdi, Rsi};

/// A range that a call reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bulk {
    pub(crate) op: Op,
    at: Register,
    /// Added to what the register holds.
    offset: u64,
    length: Length,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    /// So many.
    Bytes(u64),
    /// As many as the register says.
    In(Register),
    /// One value of the type that the register points to.
    OfType(Register),
    /// So many values of such a type: the first register less the second.
    Elements(Register, Option<Register>, Register),
}

impl Bulk {
    /// The range: where, and how many bytes. `word` reads the process.
    pub(crate) fn range(
        &self,
        registers: &Registers,
        word: impl Fn(u64) -> Option<u64>,
    ) -> Option<(u64, u64)> {
        let len = match self.length {
            Bytes(len) => len,
            In(register) => registers.get(register),
            // `abi.Type.Size_` is its first word.
            OfType(of) => word(registers.get(of))?,
            Elements(count, less, of) => {
                let less = less.map_or(0, |less| registers.get(less));
                let size = word(registers.get(of))?;
                registers.get(count).checked_sub(less)?.checked_mul(size)?
            }
        };
        let at = registers.get(self.at).wrapping_add(self.offset);
        // No larger than an address space: a length that is none is no length.
        (len > 0 && len < 1 << 47 && at.checked_add(len).is_some()).then_some((at, len))
    }
}

/// The ranges of a call of the runtime's function `name`; empty for one that is none such.
pub(crate) fn ranges(name: &str) -> Vec<Bulk> {
    let read = |at, length| Bulk { op: Op::Read, at, offset: 0, length };
    let write = |at, length| Bulk { op: Op::Write, at, offset: 0, length };
    match name {
        "runtime.memmove" => vec![write(Rax, In(Rcx)), read(Rbx, In(Rcx))],
        "runtime.memclrNoHeapPointers" | "runtime.memclrHasPointers" => vec![write(Rax, In(Rbx))],
        "runtime.typedmemmove" => vec![write(Rbx, OfType(Rax)), read(Rcx, OfType(Rax))],
        "runtime.typedmemclr" => vec![write(Rbx, OfType(Rax))],
        "runtime.typedslicecopy" => {
            vec![write(Rbx, Elements(Rcx, None, Rax)), read(Rdi, Elements(Rsi, None, Rax))]
        }
        // What was in the old array: the new length less what is appended.
        "runtime.growslice"
        | "runtime.growsliceNoAlias"
        | "runtime.growsliceBuf"
        | "runtime.growsliceBufNoAlias" => vec![read(Rax, Elements(Rbx, Some(Rdi), Rsi))],
        "runtime.slicebytetostring" => vec![read(Rbx, In(Rcx))],
        "runtime.convT" | "runtime.convTnoptr" => vec![read(Rbx, OfType(Rax))],
        _ => Vec::new(),
    }
}

/// The ranges of a call into `duffcopy` or `duffzero`, whose code from there on stores as `decode::stores_of_duff` says.
pub(crate) fn duff(name: &str, (first, n_bytes): (u64, u64)) -> Vec<Bulk> {
    let write = Bulk { op: Op::Write, at: Rdi, offset: first, length: Bytes(n_bytes) };
    match name {
        "runtime.duffcopy" => vec![write, Bulk { op: Op::Read, at: Rsi, ..write }],
        "runtime.duffzero" => vec![write],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges_of(name: &str, registers: &Registers) -> Vec<(Op, u64, u64)> {
        // A type of 24 bytes at 0x700.
        let word = |at| (at == 0x700).then_some(24);
        let of = |bulk: Bulk| bulk.range(registers, word).map(|(at, len)| (bulk.op, at, len));
        ranges(name).into_iter().filter_map(of).collect()
    }

    fn registers(values: &[(Register, u64)]) -> Registers {
        let mut registers = Registers::default();
        for (register, value) in values {
            registers.set(*register, *value);
        }
        registers
    }

    #[test]
    fn a_move_reads_one_range_and_writes_another() {
        let held = registers(&[(Rax, 0x1000), (Rbx, 0x2000), (Rcx, 10)]);
        let expected = [(Op::Write, 0x1000, 10), (Op::Read, 0x2000, 10)];
        assert_eq!(ranges_of("runtime.memmove", &held), expected);
        let held = registers(&[(Rax, 0x700), (Rbx, 0x1000), (Rcx, 0x2000)]);
        let expected = [(Op::Write, 0x1000, 24), (Op::Read, 0x2000, 24)];
        assert_eq!(ranges_of("runtime.typedmemmove", &held), expected);
        assert_eq!(ranges_of("runtime.makeslice", &held), []);
    }

    #[test]
    fn a_slice_that_grows_is_read_as_far_as_it_was_filled() {
        let held = registers(&[(Rax, 0x1000), (Rbx, 5), (Rcx, 4), (Rdi, 1), (Rsi, 0x700)]);
        assert_eq!(ranges_of("runtime.growslice", &held), [(Op::Read, 0x1000, 96)]);
        let empty = registers(&[(Rax, 0x1000), (Rbx, 1), (Rdi, 1), (Rsi, 0x700)]);
        assert_eq!(ranges_of("runtime.growslice", &empty), []);
    }

    #[test]
    fn lengths_that_make_no_sense_are_no_ranges() {
        for (len, pointer) in [(u64::MAX, 0x1000), (1 << 47, 0x1000), (0, 0x1000), (16, u64::MAX)] {
            let held = registers(&[(Rax, pointer), (Rbx, pointer), (Rcx, len)]);
            assert_eq!(ranges_of("runtime.memmove", &held), [], "{len}");
        }
        let held = registers(&[(Rbx, u64::MAX), (Rdi, 1), (Rsi, 0x700)]);
        assert_eq!(ranges_of("runtime.growslice", &held), [], "more than there is memory");
    }
}
