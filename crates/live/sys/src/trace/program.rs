//! A few instructions in the kernel: the first thread at an armed breakpoint is sent SIGURG.
//!
//! A perf program (`BPF_PROG_TYPE_PERF_EVENT`) that exchanges a flag for zero and, where it was set,
//! calls `bpf_send_signal_thread` (Linux 5.5; the exchange needs 5.12). The flag lies in a map that we have
//! mapped, so arming is one store. SIGURG, because Go's runtime uses it itself and bears spurious ones, and
//! because it is ignored by default: if we die with it pending, nothing happens.
//!
//! Instructions by `Documentation/bpf/standardization/instruction-set.rst`.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::TraceError;

const BPF_MAP_CREATE: libc::c_long = 0;
const BPF_PROG_LOAD: libc::c_long = 5;
const MAP_ARRAY: u32 = 2;
const MAP_MMAPABLE: u32 = 1 << 10;
const PROGRAM_PERF_EVENT: u32 = 7;
/// `bpf_send_signal_thread`.
const SEND_SIGNAL_THREAD: i32 = 117;
const PAGE: usize = 4096;

/// The program, loaded, and its flag.
#[derive(Debug)]
pub struct StopProgram {
    program: OwnedFd,
    /// The map keeps the page of the flag alive.
    _map: OwnedFd,
    flag: NonNull<AtomicU64>,
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
}

impl StopProgram {
    /// Loads it, not armed.
    ///
    /// # Errors
    /// The kernel has no such programs, or does not let us.
    pub fn load() -> Result<StopProgram, TraceError> {
        let failed = |cause| TraceError::Program { cause };
        let map = MapAttr {
            map_type: MAP_ARRAY,
            key_size: 4,
            value_size: 8,
            max_entries: 1,
            map_flags: MAP_MMAPABLE,
        };
        let map = bpf(BPF_MAP_CREATE, &map).map_err(failed)?;
        let code = code(map.as_raw_fd());
        let license = c"MIT";
        let program = ProgramAttr {
            prog_type: PROGRAM_PERF_EVENT,
            insn_cnt: code.len() as u32,
            insns: code.as_ptr().expose_provenance() as u64,
            license: license.as_ptr().expose_provenance() as u64,
            ..ProgramAttr::default()
        };
        let program = bpf(BPF_PROG_LOAD, &program).map_err(failed)?;
        let flag = mapped(&map).map_err(failed)?;
        Ok(StopProgram { program, _map: map, flag })
    }

    /// From now on the first thread to arrive is stopped, and none after it.
    pub fn arm(&self) {
        self.flag().store(1, Ordering::SeqCst);
    }

    /// From now on no thread is stopped. Whether one was, or is about to be, since it was armed.
    pub fn disarm(&self) -> bool {
        self.flag().swap(0, Ordering::SeqCst) == 0
    }

    /// Whether a thread arrived since it was armed.
    pub fn has_fired(&self) -> bool {
        self.flag().load(Ordering::SeqCst) == 0
    }

    pub(super) fn fd(&self) -> RawFd {
        self.program.as_raw_fd()
    }

    fn flag(&self) -> &AtomicU64 {
        // SAFETY: `flag` points at a page that `mapped` mapped and that only `drop` unmaps; it is
        // aligned and lives as long as `self`. The kernel touches it atomically, as we do.
        unsafe { self.flag.as_ref() }
    }
}

impl Drop for StopProgram {
    fn drop(&mut self) {
        // SAFETY: the page is ours since `mapped`, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.flag.as_ptr().cast(), PAGE) };
    }
}

/// Code, registers (source in the upper half), offset, immediate.
fn instruction(code: u8, registers: u8, offset: i16, immediate: i32) -> u64 {
    let immediate = u64::from(immediate as u32);
    let offset = u64::from(offset as u16);
    immediate << 32 | offset << 16 | u64::from(registers) << 8 | u64::from(code)
}

fn code(map: RawFd) -> [u64; 9] {
    [
        // r1 = the address of the map's value: two slots, of which the second is an offset.
        instruction(0x18, 0x21, 0, map),
        0,
        // r2 = 0; exchange it with *r1.
        instruction(0xb7, 0x02, 0, 0),
        instruction(0xdb, 0x21, 0, 0xe1),
        // Not armed: to the end.
        instruction(0x15, 0x02, 2, 0),
        instruction(0xb7, 0x01, 0, libc::SIGURG),
        instruction(0x85, 0x00, 0, SEND_SIGNAL_THREAD),
        // Return 0: no sample is wanted.
        instruction(0xb7, 0x00, 0, 0),
        instruction(0x95, 0x00, 0, 0),
    ]
}

fn bpf<T>(command: libc::c_long, attr: &T) -> io::Result<OwnedFd> {
    let size = size_of::<T>();
    // SAFETY: the kernel reads `size` bytes of `attr`, which is a struct of integers of that size; the
    // instructions and the licence it points at live until the call returns, in our caller.
    let fd = unsafe { libc::syscall(libc::SYS_bpf, command, attr, size) };
    let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel just made this descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn mapped(map: &OwnedFd) -> io::Result<NonNull<AtomicU64>> {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at a place that the kernel chooses, of a map of one page.
    let page = unsafe {
        libc::mmap(std::ptr::null_mut(), PAGE, protection, libc::MAP_SHARED, map.as_raw_fd(), 0)
    };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(page.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}
