//! A breakpoint of the processor on one thread: perf_event_open(2), `PERF_TYPE_BREAKPOINT`.
//!
//! A thread has four, shared by everybody who uses its debug registers. (Breakpoints on processors would be cheaper
//! to move, but take the registers from every other process of the machine.) Opening one reserves its place;
//! [`Breakpoint::watch`] and [`Breakpoint::rest`] move and silence it with one call
//! (`PERF_EVENT_IOC_MODIFY_ATTRIBUTES`, Linux 4.17). Hits of data breakpoints come through a ring in
//! shared memory, without stopping the thread; the kernel's own accesses are left out.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use super::registers::SAMPLED;
use super::sample::{self, Hit, SAMPLE_TYPE, STACK};
use super::{StopProgram, TraceError};

const PERF_TYPE_BREAKPOINT: u32 = 5;
const MODIFY_ATTRIBUTES: libc::c_ulong = 0x4008_240b;
const SET_BPF: libc::c_ulong = 0x4004_2408;
const ENABLE: libc::c_ulong = 0x2400;
const REFRESH: libc::c_ulong = 0x2402;
/// PERF_FLAG_FD_CLOEXEC.
const CLOEXEC: libc::c_ulong = 8;
/// `disabled`.
const DISABLED: u64 = 1;
/// `exclude_kernel`, `exclude_hv`, `exclude_callchain_kernel`.
pub(super) const USER_ONLY: u64 = 1 << 5 | 1 << 6 | 1 << 21;
const PAGE: usize = 4096;
/// Pages of a ring behind its first: a power of two.
const RING_PAGES: usize = 8;
const RING: usize = RING_PAGES * PAGE;
/// Where `data_head` and `data_tail` are in the first page of a ring.
const HEAD: usize = 1024;
const TAIL: usize = 1032;

/// What a breakpoint waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watching {
    /// The instruction at `address`.
    Execution {
        /// Its first byte.
        address: u64,
    },
    /// Writes to `len` bytes at `address`.
    Writes {
        /// A multiple of `len`.
        address: u64,
        /// 1, 2, 4 or 8.
        len: u8,
    },
    /// Reads and writes; amd64 cannot watch reads alone.
    Accesses {
        /// A multiple of `len`.
        address: u64,
        /// 1, 2, 4 or 8.
        len: u8,
    },
}

/// A breakpoint of one thread.
#[derive(Debug)]
pub struct Breakpoint {
    tid: u32,
    /// None after it could not be opened again.
    fd: Option<OwnedFd>,
    attr: Attr,
    ring: Option<Ring>,
    /// Of one that stops threads: its place.
    place: Option<usize>,
    tid_inside: u32,
    /// What [`StopProgram`] had silenced when it was woken last.
    silenced: u64,
}

/// `struct perf_event_attr`, as of its version 5.
#[repr(C)]
#[derive(Clone, Debug, Default)]
pub(super) struct Attr {
    pub(super) kind: u32,
    pub(super) size: u32,
    config: u64,
    pub(super) sample_period: u64,
    pub(super) sample_type: u64,
    read_format: u64,
    pub(super) flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    bp_addr: u64,
    bp_len: u64,
    branch_sample_type: u64,
    pub(super) sample_regs_user: u64,
    pub(super) sample_stack_user: u32,
    pub(super) clockid: i32,
    sample_regs_intr: u64,
    aux_watermark: u32,
    sample_max_stack: u16,
    reserved: u16,
}

#[derive(Debug)]
pub(super) struct Ring {
    start: NonNull<u8>,
}

impl Breakpoint {
    /// A silent breakpoint on thread `tid`, which has the number `tid_inside` for itself; arrivals run
    /// `program` for `place`. It waits at `somewhere`, an
    /// address of the other process's code, when it is first woken without another.
    ///
    /// # Errors
    /// The thread has no place left or is gone, or we have not the right.
    pub fn stopping(
        (tid, tid_inside): (u32, u32),
        somewhere: u64,
        program: &StopProgram,
        place: usize,
    ) -> Result<Breakpoint, TraceError> {
        let watching = Watching::Execution { address: somewhere };
        let mut breakpoint = Breakpoint::open(tid, Attr::new(watching))?;
        breakpoint.control(SET_BPF, program.place_fd(place) as libc::c_ulong)?;
        (breakpoint.place, breakpoint.tid_inside) = (Some(place), tid_inside);
        Ok(breakpoint)
    }

    /// A silent breakpoint on data of thread `tid`, whose hits are sampled. The calling thread is sent SIGIO
    /// when there are some, which [`Tracer::wait`](super::Tracer::wait) tells.
    ///
    /// # Errors
    /// As [`Breakpoint::stopping`].
    pub fn sampling(tid: u32, somewhere: u64) -> Result<Breakpoint, TraceError> {
        let mut attr = Attr::new(Watching::Writes { address: somewhere & !7, len: 8 });
        attr.sample_type = SAMPLE_TYPE;
        attr.sample_regs_user = SAMPLED;
        attr.sample_stack_user = STACK;
        attr.wakeup_events = 1;
        let mut breakpoint = Breakpoint::open(tid, attr)?;
        let fd = breakpoint.fd();
        let failed = |cause| TraceError::Breakpoint { tid, cause };
        breakpoint.ring = Some(Ring::of(fd).map_err(failed)?);
        tell_by_signal(fd).map_err(failed)?;
        Ok(breakpoint)
    }

    /// A silent breakpoint at an instruction that tells nobody of arrivals.
    pub(super) fn counting(tid: u32, address: u64) -> Result<Breakpoint, TraceError> {
        Breakpoint::open(tid, Attr::new(Watching::Execution { address }))
    }

    /// Is awake where it is.
    pub(super) fn wake(&mut self) -> Result<(), TraceError> {
        self.control(ENABLE, 0)
    }

    /// The thread.
    pub fn tid(&self) -> u32 {
        self.tid
    }

    /// Moves to `watching`, and is awake.
    ///
    /// # Errors
    /// The thread ended, or the address is not one that can be watched.
    pub fn watch(&mut self, watching: Watching) -> Result<(), TraceError> {
        (self.attr.bp_type, self.attr.bp_addr, self.attr.bp_len) = watching.parts();
        self.attr.flags &= !DISABLED;
        self.modify()
    }

    /// Moves to the instruction at `address` and is awake, until `program` wants no more arrivals.
    ///
    /// # Errors
    /// As [`Breakpoint::watch`].
    pub fn wait_at(&mut self, address: u64, program: &StopProgram) -> Result<(), TraceError> {
        let Some(place) = self.place else {
            return self.watch(Watching::Execution { address });
        };
        self.attr.bp_addr = address;
        self.attr.flags |= DISABLED;
        let silenced = program.silenced(self.tid_inside, place);
        if silenced == self.silenced && self.fd.is_some() {
            self.modify()?;
            return self.control(ENABLE, 0);
        }
        // Where the kernel silenced an event, some versions never run its program again: a new one is needed.
        self.fd = None;
        let tid = self.tid;
        let fd = self.attr.open(tid).map_err(|cause| TraceError::Breakpoint { tid, cause })?;
        self.fd = Some(fd);
        self.silenced = silenced;
        self.control(SET_BPF, program.place_fd(place) as libc::c_ulong)?;
        self.control(REFRESH, 1)
    }

    /// Is silent from now on.
    ///
    /// # Errors
    /// The thread ended.
    pub fn rest(&mut self) -> Result<(), TraceError> {
        self.attr.flags |= DISABLED;
        self.modify()
    }

    /// The hits since the last call.
    pub fn hits(&mut self) -> Vec<Hit> {
        self.ring.as_mut().map(Ring::take).unwrap_or_default()
    }

    fn open(tid: u32, attr: Attr) -> Result<Breakpoint, TraceError> {
        let fd = attr.open(tid).map_err(|cause| TraceError::Breakpoint { tid, cause })?;
        Ok(Breakpoint {
            tid,
            fd: Some(fd),
            attr,
            ring: None,
            place: None,
            tid_inside: 0,
            // Unlike any number of times: its first turn makes it ready to be silenced.
            silenced: u64::MAX,
        })
    }

    /// An invalid one where there is none.
    fn fd(&self) -> RawFd {
        self.fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }

    fn modify(&self) -> Result<(), TraceError> {
        self.control(MODIFY_ATTRIBUTES, (&raw const self.attr).expose_provenance() as libc::c_ulong)
    }

    fn control(&self, request: libc::c_ulong, argument: libc::c_ulong) -> Result<(), TraceError> {
        // SAFETY: the requests used here take a number, or, as MODIFY_ATTRIBUTES, the address of `attr`,
        // which the kernel reads and whose `size` field says how long it is.
        let result = unsafe { libc::ioctl(self.fd(), request, argument) };
        if result < 0 {
            return Err(TraceError::Breakpoint {
                tid: self.tid,
                cause: io::Error::last_os_error(),
            });
        }
        Ok(())
    }
}

/// Samples of `fd` are told by a SIGIO to the calling thread.
fn tell_by_signal(fd: RawFd) -> io::Result<()> {
    /// `F_OWNER_TID` of linux/fcntl.h.
    const OWNER_TID: libc::c_int = 0;
    /// `struct f_owner_ex`.
    #[repr(C)]
    struct Owner {
        kind: libc::c_int,
        id: libc::pid_t,
    }
    const SET_OWNER: libc::c_int = 15;
    // SAFETY: takes nothing, and cannot fail.
    let owner = Owner { kind: OWNER_TID, id: unsafe { libc::gettid() } };
    // SAFETY: the kernel reads `owner`, which is ours and of the type this command takes.
    if unsafe { libc::fcntl(fd, SET_OWNER, &raw const owner) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: sets a flag of a descriptor of ours.
    if unsafe { libc::fcntl(fd, libc::F_SETFL, libc::O_ASYNC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

impl Watching {
    /// `bp_type`, `bp_addr`, `bp_len` (linux/hw_breakpoint.h).
    fn parts(self) -> (u32, u64, u64) {
        match self {
            Watching::Execution { address } => (4, address, size_of::<libc::c_long>() as u64),
            Watching::Writes { address, len } => (2, address, u64::from(len)),
            Watching::Accesses { address, len } => (3, address, u64::from(len)),
        }
    }
}

impl Attr {
    fn new(watching: Watching) -> Attr {
        let (bp_type, bp_addr, bp_len) = watching.parts();
        Attr {
            kind: PERF_TYPE_BREAKPOINT,
            size: size_of::<Attr>() as u32,
            sample_period: 1,
            flags: DISABLED | USER_ONLY,
            bp_type,
            bp_addr,
            bp_len,
            ..Attr::default()
        }
    }

    /// The event on thread `tid`, on whatever processor it runs.
    pub(super) fn open(&self, tid: u32) -> io::Result<OwnedFd> {
        self.open_on(i32::try_from(tid).map_err(io::Error::other)?, -1)
    }

    /// The event on processor `cpu`, whatever runs there.
    pub(super) fn open_on_processor(&self, cpu: u32) -> io::Result<OwnedFd> {
        self.open_on(-1, i32::try_from(cpu).map_err(io::Error::other)?)
    }

    fn open_on(&self, tid: i32, cpu: i32) -> io::Result<OwnedFd> {
        let no_group = -1_i32;
        // SAFETY: the kernel reads `self`, whose `size` field says how long it is; the rest are numbers.
        let fd =
            unsafe { libc::syscall(libc::SYS_perf_event_open, self, tid, cpu, no_group, CLOEXEC) };
        let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0);
        let fd = fd.ok_or_else(io::Error::last_os_error)?;
        // SAFETY: the kernel just made this descriptor, and nobody else has it.
        Ok(unsafe { OwnedFd::from_raw_fd(fd) })
    }
}

impl Ring {
    pub(super) fn of(fd: RawFd) -> io::Result<Ring> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at a place that the kernel chooses.
        let start = unsafe {
            libc::mmap(std::ptr::null_mut(), PAGE + RING, protection, libc::MAP_SHARED, fd, 0)
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast())
            .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))?;
        Ok(Ring { start })
    }

    /// The samples that the kernel wrote since the last call.
    pub(super) fn take(&mut self) -> Vec<Hit> {
        let head = self.word(HEAD).load(Ordering::Acquire);
        let mut tail = self.word(TAIL).load(Ordering::Relaxed);
        let mut hits = Vec::new();
        while tail < head {
            let size = usize::from(u16::from_le_bytes([self.byte(tail + 6), self.byte(tail + 7)]));
            if size < 8 || size as u64 > head - tail {
                break;
            }
            let record: Vec<u8> = (tail..tail + size as u64).map(|at| self.byte(at)).collect();
            hits.extend(sample::parse(&record));
            tail += size as u64;
        }
        self.word(TAIL).store(head, Ordering::Release);
        hits
    }

    fn word(&self, at: usize) -> &AtomicU64 {
        debug_assert!(at == HEAD || at == TAIL);
        // SAFETY: `at` is HEAD or TAIL, aligned words of the first page, mapped as long as `self` lives;
        // the kernel touches them atomically.
        unsafe { &*self.start.as_ptr().add(at).cast::<AtomicU64>() }
    }

    fn byte(&self, at: u64) -> u8 {
        let within = PAGE + (at % RING as u64) as usize;
        // SAFETY: `within` is inside the mapping. The kernel writes behind `data_head` only, and
        // whatever it may write there is a byte; nothing is believed of it.
        unsafe { self.start.as_ptr().add(within).read_volatile() }
    }
}

// SAFETY: the mapping belongs to the process, not to a thread; whoever has the value is the only one that uses it, since
// taking samples needs it exclusively.
unsafe impl Send for Ring {}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours since `of`, and no reference to it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), PAGE + RING) };
    }
}
