//! The registers of a thread, however they were read: by ptrace from a stopped one, or by perf in a sample.
//!
//! The one file that knows the processor. Sources: `struct user_regs_struct` (ptrace(2)) and
//! `arch/x86/include/uapi/asm/perf_regs.h`.

/// A general register of amd64, numbered as instructions encode it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the manual's names")]
pub enum Register {
    Rax = 0,
    Rcx = 1,
    Rdx = 2,
    Rbx = 3,
    Rsp = 4,
    Rbp = 5,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
    R11 = 11,
    R12 = 12,
    R13 = 13,
    R14 = 14,
    R15 = 15,
}

impl Register {
    /// All of them, by number.
    pub const ALL: [Register; 16] = [
        Register::Rax,
        Register::Rcx,
        Register::Rdx,
        Register::Rbx,
        Register::Rsp,
        Register::Rbp,
        Register::Rsi,
        Register::Rdi,
        Register::R8,
        Register::R9,
        Register::R10,
        Register::R11,
        Register::R12,
        Register::R13,
        Register::R14,
        Register::R15,
    ];
}

/// What the registers held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// By [`Register`].
    general: [u64; 16],
    /// The instruction to be executed next.
    pub ip: u64,
}

impl Registers {
    /// The value of `register`.
    pub fn get(&self, register: Register) -> u64 {
        self.general[register as usize]
    }

    /// Makes `register` hold `value`.
    pub fn set(&mut self, register: Register, value: u64) {
        self.general[register as usize] = value;
    }

    /// The value of the register that instructions encode as `number`.
    pub fn numbered(&self, number: usize) -> Option<u64> {
        self.general.get(number).copied()
    }

    /// The stack pointer.
    pub fn sp(&self) -> u64 {
        self.get(Register::Rsp)
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) fn of_ptrace(user: &libc::user_regs_struct) -> Registers {
        Registers {
            general: [
                user.rax, user.rcx, user.rdx, user.rbx, user.rsp, user.rbp, user.rsi, user.rdi,
                user.r8, user.r9, user.r10, user.r11, user.r12, user.r13, user.r14, user.r15,
            ],
            ip: user.rip,
        }
    }

    /// From a note: the registers by number, then where it was.
    pub(super) fn of_note(values: &[u64; 17]) -> Registers {
        let mut registers = Registers { ip: values[16], ..Registers::default() };
        registers.general.copy_from_slice(&values[..16]);
        registers
    }

    /// From the registers of a sample, in the order of [`SAMPLED`].
    pub(super) fn of_sample(values: &[u64]) -> Option<Registers> {
        // AX BX CX DX SI DI BP SP IP, then R8 to R15.
        const PLACES: [usize; 16] = [0, 2, 3, 1, 7, 6, 4, 5, 9, 10, 11, 12, 13, 14, 15, 16];
        let mut registers = Registers { ip: *values.get(8)?, ..Registers::default() };
        for (register, place) in registers.general.iter_mut().zip(PLACES) {
            *register = *values.get(place)?;
        }
        Some(registers)
    }
}

/// Which registers a sample has: AX to IP are bits 0 to 8, R8 to R15 bits 16 to 23.
pub(super) const SAMPLED: u64 = 0x1ff | 0xff << 16;

/// Where `struct pt_regs` (arch/x86/include/asm/ptrace.h) has each [`Register`], in bytes.
pub(super) const PT_REGS: [usize; 16] =
    [80, 88, 96, 40, 152, 32, 104, 112, 72, 64, 56, 48, 24, 16, 8, 0];
/// And where the instruction's address.
pub(super) const IP_IN_PT_REGS: usize = 128;
