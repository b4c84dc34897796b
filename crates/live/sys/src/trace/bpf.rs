//! Programs for the kernel: made of instructions, loaded, sharing a piece of memory with us.
//!
//! Instructions by `Documentation/bpf/standardization/instruction-set.rst`, the system call by bpf(2).
//! Not here: what the programs do (`program`, `probes`).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use super::shield::shielded;

const MAP_CREATE: libc::c_long = 0;
const PROG_LOAD: libc::c_long = 5;
const LINK_CREATE: libc::c_long = 28;
const MAP_ARRAY: u32 = 2;
const MAP_MMAPABLE: u32 = 1 << 10;
const PAGE: usize = 4096;

/// A register: 0 is what functions return, 1 to 5 what they are given, 6 to 9 stay, 10 is the frame.
pub(super) type Reg = u8;

/// What a program is for: `enum bpf_prog_type`, and `enum bpf_attach_type` where that matters.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// An event of perf.
    PerfEvent,
    /// Many probes at once, Linux 6.6.
    UprobeMulti,
}

/// `union bpf_attr`, its part for making a map.
#[repr(C)]
#[derive(Default)]
struct MapAttr {
    map_type: u32,
    key_size: u32,
    value_size: u32,
    max_entries: u32,
    map_flags: u32,
}

/// `union bpf_attr`, its part for loading a program.
#[repr(C)]
#[derive(Default)]
struct ProgramAttr {
    prog_type: u32,
    insn_cnt: u32,
    insns: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buf: u64,
    kern_version: u32,
    prog_flags: u32,
    prog_name: [u8; 16],
    prog_ifindex: u32,
    expected_attach_type: u32,
}

/// A program being written.
#[derive(Debug, Default)]
pub(super) struct Code {
    instructions: Vec<u64>,
    /// Jumps whose end is not known yet: where they stand, and the label.
    jumps: Vec<(usize, &'static str)>,
    labels: Vec<(&'static str, usize)>,
}

/// Words that programs in the kernel and we both read and write.
#[derive(Debug)]
pub(super) struct SharedWords {
    map: OwnedFd,
    start: NonNull<AtomicU64>,
    n_words: usize,
}

/// Comparisons of a jump.
#[derive(Clone, Copy, Debug)]
pub(super) enum Jump {
    Equal = 0x15,
    SignedAtMost = 0xd5,
    SignedMore = 0x65,
}

impl Code {
    /// Code, registers (source in the upper half), offset, immediate.
    fn push(&mut self, code: u8, to: Reg, from: Reg, offset: i16, immediate: i32) {
        let registers = from << 4 | to;
        let immediate = u64::from(immediate as u32);
        let offset = u64::from(offset as u16);
        self.instructions
            .push(immediate << 32 | offset << 16 | u64::from(registers) << 8 | u64::from(code));
    }

    pub(super) fn set(&mut self, to: Reg, value: i32) {
        self.push(0xb7, to, 0, 0, value);
    }

    pub(super) fn set_wide(&mut self, to: Reg, value: u64) {
        self.push(0x18, to, 0, 0, value as i32);
        self.push(0, 0, 0, 0, (value >> 32) as i32);
    }

    /// The address of the shared words.
    pub(super) fn set_words(&mut self, to: Reg, words: &SharedWords) {
        self.push(0x18, to, 2, 0, words.map.as_raw_fd());
        self.push(0, 0, 0, 0, 0);
    }

    pub(super) fn copy(&mut self, to: Reg, from: Reg) {
        self.push(0xbf, to, from, 0, 0);
    }

    pub(super) fn add(&mut self, to: Reg, value: i32) {
        self.push(0x07, to, 0, 0, value);
    }

    pub(super) fn add_register(&mut self, to: Reg, from: Reg) {
        self.push(0x0f, to, from, 0, 0);
    }

    pub(super) fn and(&mut self, to: Reg, value: i32) {
        self.push(0x57, to, 0, 0, value);
    }

    pub(super) fn multiply(&mut self, to: Reg, value: i32) {
        self.push(0x27, to, 0, 0, value);
    }

    /// `to = *(from + offset)`, eight bytes.
    pub(super) fn load(&mut self, to: Reg, from: Reg, offset: usize) {
        self.push(0x79, to, from, offset as i16, 0);
    }

    /// The same of four bytes; `offset` is from the frame.
    pub(super) fn load_half(&mut self, to: Reg, from: Reg, offset: i16) {
        self.push(0x61, to, from, offset, 0);
    }

    /// `*(to + offset) = from`.
    pub(super) fn store(&mut self, to: Reg, offset: usize, from: Reg) {
        self.push(0x7b, to, from, offset as i16, 0);
    }

    /// Adds `value` to `*(at + offset)`, whose old content `value` is then.
    pub(super) fn fetch_add(&mut self, at: Reg, offset: usize, value: Reg) {
        self.push(0xdb, at, value, offset as i16, 0x01);
    }

    /// Exchanges `value` with `*(at + offset)`.
    pub(super) fn exchange(&mut self, at: Reg, offset: usize, value: Reg) {
        self.push(0xdb, at, value, offset as i16, 0xe1);
    }

    /// Calls a function of the kernel (`enum bpf_func_id`).
    pub(super) fn call(&mut self, function: i32) {
        self.push(0x85, 0, 0, 0, function);
    }

    pub(super) fn jump(&mut self, how: Jump, register: Reg, value: i32, label: &'static str) {
        self.jumps.push((self.instructions.len(), label));
        self.push(how as u8, register, 0, 0, value);
    }

    pub(super) fn label(&mut self, label: &'static str) {
        self.labels.push((label, self.instructions.len()));
    }

    pub(super) fn return_value(&mut self, value: i32) {
        self.set(0, value);
        self.push(0x95, 0, 0, 0, 0);
    }

    /// The instructions, with all jumps resolved. A jump to an unknown label goes on with the next.
    fn finish(mut self) -> Vec<u64> {
        for (at, label) in &self.jumps {
            let end = self.labels.iter().find(|(name, _)| name == label).map(|(_, end)| *end);
            let offset = end.map_or(0, |end| end as i64 - *at as i64 - 1) as i16;
            if let Some(instruction) = self.instructions.get_mut(*at) {
                *instruction |= u64::from(offset as u16) << 16;
            }
        }
        self.instructions
    }

    /// Loads the program.
    pub(super) fn load_program(self, purpose: Purpose) -> io::Result<OwnedFd> {
        /// BPF_PROG_TYPE_PERF_EVENT, BPF_PROG_TYPE_KPROBE.
        const TYPES: [u32; 2] = [7, 2];
        let instructions = self.finish();
        let license = c"MIT";
        let (prog_type, expected_attach_type) = match purpose {
            Purpose::PerfEvent => (TYPES[0], 0),
            Purpose::UprobeMulti => (TYPES[1], UPROBE_MULTI),
        };
        let attr = ProgramAttr {
            prog_type,
            insn_cnt: instructions.len() as u32,
            insns: instructions.as_ptr().expose_provenance() as u64,
            license: license.as_ptr().expose_provenance() as u64,
            expected_attach_type,
            ..ProgramAttr::default()
        };
        bpf(PROG_LOAD, &attr)
    }
}

/// BPF_TRACE_UPROBE_MULTI.
pub(super) const UPROBE_MULTI: u32 = 48;

/// Makes a link (`BPF_LINK_CREATE`) as `attr` says: whole, or not at all, even if we are killed meanwhile.
pub(super) fn link<T>(attr: &T) -> io::Result<OwnedFd> {
    let mut made = Err(io::ErrorKind::Interrupted.into());
    shielded(|| made = bpf(LINK_CREATE, attr));
    made
}

impl SharedWords {
    /// `n_words` of them, all zero: an array map of one entry, mapped.
    pub(super) fn new(n_words: usize) -> io::Result<SharedWords> {
        let attr = MapAttr {
            map_type: MAP_ARRAY,
            key_size: 4,
            value_size: (n_words * 8) as u32,
            max_entries: 1,
            map_flags: MAP_MMAPABLE,
        };
        let map = bpf(MAP_CREATE, &attr)?;
        let len = (n_words * 8).next_multiple_of(PAGE);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let fd = map.as_raw_fd();
        // SAFETY: a new mapping at a place that the kernel chooses, no longer than the map.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, protection, libc::MAP_SHARED, fd, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast())
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        Ok(SharedWords { map, start, n_words })
    }

    /// A word by its number; the last for one beyond.
    pub(super) fn word(&self, number: usize) -> &AtomicU64 {
        let number = number.min(self.n_words - 1);
        // SAFETY: `number` is inside the mapping, which lives until `drop`; it is aligned to a page.
        // The kernel's programs touch the words atomically, as we do.
        unsafe { self.start.add(number).as_ref() }
    }
}

// SAFETY: the words are atomic, and the mapping stays where it is until `drop`.
unsafe impl Send for SharedWords {}
// SAFETY: as above: all access is by atomic words.
unsafe impl Sync for SharedWords {}

impl Drop for SharedWords {
    fn drop(&mut self) {
        let len = (self.n_words * 8).next_multiple_of(PAGE);
        // SAFETY: the mapping is ours since `new`, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), len) };
    }
}

fn bpf<T>(command: libc::c_long, attr: &T) -> io::Result<OwnedFd> {
    let size = size_of::<T>();
    // SAFETY: the kernel reads `size` bytes of `attr`, which is a struct of integers of that size; what
    // it points at lives until the call returns, in our caller.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel just made this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_leads_to_its_label() {
        let mut code = Code::default();
        code.jump(Jump::Equal, 1, 0, "end");
        code.set(2, 7);
        code.label("end");
        code.return_value(0);
        let instructions = code.finish();
        assert_eq!(instructions.len(), 4);
        assert_eq!(instructions[0], 1 << 16 | 1 << 8 | 0x15);
        assert_eq!(instructions[3], 0x95);
    }
}
