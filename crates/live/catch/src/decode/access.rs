//! What one instruction touches.
//!
//! Left out, since they are no accesses of the program: the stack (Go keeps RBP for frames, and nobody else's stack
//! is reached by RSP), thread-local data, nil checks (`TESTB AX, (reg)` reads a byte that nobody wants), calls and
//! jumps through memory. Atomic ones (LOCK, XCHG) are decoded, to be told from others.

use iced_x86::{
    Instruction, InstructionInfoFactory, Mnemonic, OpAccess, OpKind, Register as Iced, UsedMemory,
};
use photofinish_sys::trace::{Register, Registers};

/// How far a repeated instruction may have gone on when its hit is told: the processor moves whole lines of its
/// cache at once (Intel's manual, volume 3, "fast-string operation").
const FAST_STRING: u64 = 256;

/// One touch of memory by an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemoryAccess {
    base: Option<u8>,
    index: Option<(u8, u8)>,
    /// Of one relative to the instruction: the address, as in the file.
    displacement: u64,
    relative: bool,
    /// The instruction writes a register of the address, which then says nothing afterwards.
    loses_address: bool,
    /// In bytes; of a repeated one, at each time.
    pub(crate) size: u32,
    /// As often as RCX says, forwards: in Go's code the direction flag is clear (`ABIInternal`).
    pub(crate) repeated: bool,
    pub(crate) writes: bool,
    /// LOCK or XCHG: the function of sync/atomic that becomes such an instruction, without `Int64`.
    pub(crate) atomic: Option<&'static str>,
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

    /// How many bytes it will touch.
    pub(crate) fn len(&self, registers: &Registers) -> u64 {
        let times = if self.repeated { registers.get(Register::Rcx) } else { 1 };
        u64::from(self.size).saturating_mul(times)
    }

    /// Whether it may have touched one of the `len` bytes at `at`, when the registers hold this *afterwards*.
    pub(crate) fn has_touched(&self, registers: &Registers, bias: u64, at: u64, len: u64) -> bool {
        if self.loses_address {
            return true;
        }
        let Some(address) = self.address(registers, bias) else { return false };
        let (from, to) = if self.repeated {
            // Forwards, or backwards as `memmove` does where its ranges overlap.
            (address.saturating_sub(FAST_STRING), address.saturating_add(FAST_STRING))
        } else {
            (address, address.saturating_add(u64::from(self.size)))
        };
        from < at.saturating_add(len) && at < to
    }

    /// Where it touched, when the registers hold this afterwards; `None` where that cannot be told.
    pub(crate) fn touched(&self, registers: &Registers, bias: u64) -> Option<u64> {
        if self.loses_address || self.repeated { None } else { self.address(registers, bias) }
    }

    /// The address in the file of a variable that it names itself.
    pub(crate) fn global(&self) -> Option<u64> {
        self.relative.then_some(self.displacement)
    }
}

/// The touches of `instruction`, at most two: `MOVS` reads one place and writes another.
pub(super) fn of(
    instruction: &Instruction,
    factory: &mut InstructionInfoFactory,
) -> [Option<MemoryAccess>; 2] {
    let mut found = [None; 2];
    let is_jump = instruction.is_call_near_indirect() || instruction.is_jmp_near_indirect();
    let names_memory = instruction.op_kinds().any(is_memory);
    if !names_memory || instruction.is_invalid() || is_jump || is_nil_check(instruction) {
        return found;
    }
    let repeated = instruction.has_rep_prefix() || instruction.has_repne_prefix();
    if repeated
        && !matches!(
            instruction.mnemonic(),
            Mnemonic::Movsb
                | Mnemonic::Movsw
                | Mnemonic::Movsd
                | Mnemonic::Movsq
                | Mnemonic::Stosb
                | Mnemonic::Stosw
                | Mnemonic::Stosd
                | Mnemonic::Stosq
        )
    {
        // SCAS and CMPS end when they like; the prefix means something else to others.
        return found;
    }
    let info = factory.info(instruction);
    for memory in info.used_memory().iter().filter(|memory| is_data(memory)) {
        let Some(mut access) = one(instruction, memory, repeated) else { continue };
        access.loses_address = !repeated
            && info.used_registers().iter().any(|used| {
                is_write(used.access()) && access.is_formed_by(used.register().full_register())
            });
        // A place that is read and written may be told as two.
        let place = found.iter_mut().find(|place| place.is_none_or(|known| known.is_at(&access)));
        match place {
            Some(Some(known)) => known.writes |= access.writes,
            Some(place) => *place = Some(access),
            None => {}
        }
    }
    found
}

impl MemoryAccess {
    fn is_formed_by(&self, register: Iced) -> bool {
        let number = general(register);
        number.is_some() && (number == self.base || number == self.index.map(|index| index.0))
    }

    fn is_at(&self, other: &MemoryAccess) -> bool {
        (self.base, self.index, self.displacement) == (other.base, other.index, other.displacement)
    }
}

fn one(instruction: &Instruction, memory: &UsedMemory, repeated: bool) -> Option<MemoryAccess> {
    let relative = instruction.is_ip_rel_memory_operand();
    let is_usable = |register: Iced| register == Iced::None || register.is_gpr64();
    if !(relative || is_usable(memory.base()) && is_usable(memory.index())) {
        // Addresses of 32 bits, or many by one vector.
        return None;
    }
    // What is read or written once has its own size; of a repeated one only the instruction knows it.
    let size = match memory.memory_size().size() {
        0 => instruction.memory_size().size(),
        size => size,
    };
    Some(MemoryAccess {
        base: (!relative).then(|| general(memory.base())).flatten(),
        index: (!relative)
            .then(|| general(memory.index()).map(|index| (index, memory.scale() as u8)))
            .flatten(),
        displacement: if relative {
            instruction.ip_rel_memory_address()
        } else {
            memory.displacement()
        },
        relative,
        loses_address: false,
        size: u32::try_from(size).ok().filter(|size| *size > 0)?,
        repeated,
        writes: is_write(memory.access()),
        atomic: atomic(instruction),
    })
}

fn atomic(instruction: &Instruction) -> Option<&'static str> {
    match instruction.mnemonic() {
        Mnemonic::Xchg => Some("Store"),
        _ if !instruction.has_lock_prefix() => None,
        Mnemonic::Cmpxchg | Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b => Some("CompareAndSwap"),
        Mnemonic::And | Mnemonic::Btr => Some("And"),
        Mnemonic::Or | Mnemonic::Bts => Some("Or"),
        _ => Some("Add"),
    }
}

fn is_write(access: OpAccess) -> bool {
    matches!(
        access,
        OpAccess::Write | OpAccess::ReadWrite | OpAccess::CondWrite | OpAccess::ReadCondWrite
    )
}

/// An operand in memory, in code of 64 bits. What touches it without one (`PUSH`, `RET`) touches the stack.
fn is_memory(kind: OpKind) -> bool {
    use OpKind::{Memory, MemoryESRDI, MemorySegRDI, MemorySegRSI};
    matches!(kind, Memory | MemoryESRDI | MemorySegRDI | MemorySegRSI)
}

fn is_nil_check(instruction: &Instruction) -> bool {
    instruction.mnemonic() == Mnemonic::Test
        && instruction.memory_size().size() == 1
        && instruction.op0_kind() == OpKind::Memory
        && instruction.op1_kind() == OpKind::Register
        && instruction.op1_register() == Iced::AL
}

fn is_data(memory: &UsedMemory) -> bool {
    // CMOV is said to read sometimes; the processor always does.
    let is_read_or_written = !matches!(memory.access(), OpAccess::None | OpAccess::NoMemAccess);
    let is_own_segment = matches!(memory.segment(), Iced::FS | Iced::GS);
    let is_stack = |register: Iced| matches!(register, Iced::RSP | Iced::RBP);
    is_read_or_written && !is_own_segment && !is_stack(memory.base()) && !is_stack(memory.index())
}

/// The number of a 64-bit register; `None` for no register. Others do not form addresses in Go's code.
fn general(register: Iced) -> Option<u8> {
    register.is_gpr64().then(|| register.number() as u8)
}
