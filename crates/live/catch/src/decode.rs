//! Instructions of amd64 that touch memory: where, how much, and how.
//!
//! Left out, since they are no accesses of the program: the stack, thread-local data, nil checks
//! (`TESTB AX, (reg)` reads a byte that nobody wants), the flag of the write barrier, calls and
//! jumps through memory. Atomic ones (LOCK, XCHG) are decoded, to be told from others.

use iced_x86::{
    Decoder, DecoderOptions, Instruction, InstructionInfoFactory, MemorySize, Mnemonic, OpAccess,
    OpKind, Register as Iced, UsedMemory,
};
use photofinish_sys::trace::Registers;

/// An instruction that touches memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryAccess {
    base: Option<u8>,
    index: Option<(u8, u8)>,
    /// Of one relative to the instruction: the address, as in the file.
    displacement: u64,
    relative: bool,
    /// In bytes.
    pub(crate) size: u32,
    pub(crate) writes: bool,
    pub(crate) atomic: bool,
}

/// An instruction worth waiting at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// It touches memory.
    Access(MemoryAccess),
    /// It calls the function at this address.
    Call(u64),
}

impl MemoryAccess {
    /// Where it will touch, when the registers hold this; `bias` is added to addresses of the file.
    pub(crate) fn address(&self, registers: &Registers, bias: u64) -> Option<u64> {
        if self.relative {
            return Some(self.displacement.wrapping_add(bias));
        }
        let mut address = self.displacement;
        if let Some(base) = self.base {
            address = address.wrapping_add(registers.numbered(usize::from(base))?);
        }
        if let Some((index, scale)) = self.index {
            let index = registers.numbered(usize::from(index))?;
            address = address.wrapping_add(index.wrapping_mul(u64::from(scale)));
        }
        Some(address)
    }

    /// The address in the file of a variable that it names itself.
    pub(crate) fn global(&self) -> Option<u64> {
        self.relative.then_some(self.displacement)
    }
}

/// What is worth waiting at in `code`, which lies at `start` in the file: addresses and kinds.
pub(crate) fn scan(code: &[u8], start: u64) -> Vec<(u64, Found)> {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut found = Vec::new();
    let mut instruction = Instruction::default();
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        if instruction.is_call_near() {
            found.push((instruction.ip(), Found::Call(instruction.near_branch_target())));
        } else if let Some(access) = access(&instruction, &mut factory)
            && !access.atomic
        {
            found.push((instruction.ip(), Found::Access(access)));
        }
    }
    found
}

/// The access of the instruction before `after`, in `code`, which lies at `start`: a data breakpoint tells
/// the instruction behind. Decoded from the beginning, since instructions cannot be read backwards.
pub(crate) fn access_before(code: &[u8], start: u64, after: u64) -> Option<(u64, MemoryAccess)> {
    let mut decoder = Decoder::with_ip(64, code, start, DecoderOptions::NONE);
    let mut factory = InstructionInfoFactory::new();
    let mut instruction = Instruction::default();
    while decoder.can_decode() && decoder.ip() < after {
        decoder.decode_out(&mut instruction);
    }
    if instruction.next_ip() != after {
        return None;
    }
    access(&instruction, &mut factory).map(|access| (instruction.ip(), access))
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

fn access(instruction: &Instruction, factory: &mut InstructionInfoFactory) -> Option<MemoryAccess> {
    let is_jump = instruction.is_call_near_indirect() || instruction.is_jmp_near_indirect();
    if instruction.is_invalid() || is_jump || is_nil_check(instruction) {
        return None;
    }
    let info = factory.info(instruction);
    let mut usable = info.used_memory().iter().filter(|memory| is_data(memory));
    let memory = usable.next()?;
    // Two operands in memory are string instructions.
    if usable.next().is_some() || instruction.has_rep_prefix() || instruction.has_repne_prefix() {
        return None;
    }
    let relative = instruction.is_ip_rel_memory_operand();
    let writes = matches!(
        memory.access(),
        OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite | OpAccess::ReadCondWrite
    );
    let is_exchange = instruction.mnemonic() == Mnemonic::Xchg;
    Some(MemoryAccess {
        base: (!relative).then(|| general(memory.base())).flatten(),
        index: general(memory.index()).map(|index| (index, memory.scale() as u8)),
        displacement: if relative {
            instruction.ip_rel_memory_address()
        } else {
            memory.displacement()
        },
        relative,
        size: u32::try_from(memory.memory_size().size()).ok().filter(|size| *size > 0)?,
        writes,
        atomic: is_exchange || instruction.has_lock_prefix(),
    })
}

fn is_nil_check(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Test
        && instruction.memory_size().size() == 1
        && instruction.op0_kind() == OpKind::Memory
        && instruction.op1_kind() == OpKind::Register
        && instruction.op1_register() == Iced::AL
}

fn is_data(memory: &UsedMemory) -> bool {
    let is_read_or_written =
        !matches!(memory.access(), OpAccess::None | OpAccess::NoMemAccess | OpAccess::CondRead);
    let is_own_segment = matches!(memory.segment(), Iced::FS | Iced::GS);
    let is_stack = |register: Iced| matches!(register, Iced::RSP | Iced::RBP);
    is_read_or_written && !is_own_segment && !is_stack(memory.base()) && !is_stack(memory.index())
}

/// The number of a 64-bit register; `None` for no register. Others do not form addresses in Go's code.
fn general(register: Iced) -> Option<u8> {
    register.is_gpr64().then(|| register.number() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_stores_and_atomics_are_told_apart() {
        // mov [rax],rcx; mov rdx,[rax+8]; lock inc [rax]; xchg [rax],rcx; mov [rsp],rax; test [rax],al
        let code = [
            0x48, 0x89, 0x08, 0x48, 0x8b, 0x50, 0x08, 0xf0, 0x48, 0xff, 0x00, 0x48, 0x87, 0x08,
            0x48, 0x89, 0x04, 0x24, 0x84, 0x00,
        ];
        let found: Vec<(u64, bool)> = scan(&code, 0x1000)
            .into_iter()
            .map(|(at, found)| match found {
                Found::Access(access) => (at, access.writes),
                Found::Call(_) => panic!("no call here"),
            })
            .collect();
        assert_eq!(found, [(0x1000, true), (0x1003, false)]);
        let (at, lock) = access_before(&code, 0x1000, 0x100b).unwrap();
        assert!(lock.atomic && lock.writes && at == 0x1007);
        assert!(access_before(&code, 0x1000, 0x100e).unwrap().1.atomic, "xchg");
        assert_eq!(access_before(&code, 0x1000, 0x1005), None, "inside an instruction");
        assert_eq!(access_before(&code, 0x1000, 0x1014), None, "a nil check");
    }

    #[test]
    fn a_global_is_named_by_the_instruction_itself() {
        // inc qword [rip+0x10]
        let code = [0x48, 0xff, 0x05, 0x10, 0, 0, 0];
        let [(_, Found::Access(access))] = scan(&code, 0x1000)[..] else { panic!("one access") };
        assert_eq!(access.global(), Some(0x1017));
        assert_eq!(access.address(&Registers::default(), 0x10_0000), Some(0x10_1017));
        assert!(access.writes && access.size == 8 && !access.atomic);
    }

    #[test]
    fn any_bytes_are_decoded_without_harm() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200 {
            let code: Vec<u8> = (0..random.usize(0..200)).map(|_| random.u8(..)).collect();
            for (at, _) in scan(&code, 0x1000) {
                assert!(at >= 0x1000 && at < 0x1000 + code.len() as u64);
            }
            let _ = access_before(&code, 0x1000, 0x1000 + random.u64(0..200));
        }
    }
}
