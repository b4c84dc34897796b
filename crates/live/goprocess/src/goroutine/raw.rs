//! The bytes of a `runtime.g`, and what its fields say. Nothing is believed: a field beyond the bytes is 0.

use super::Status;
use crate::bytes::{u8_at, u32_at, u64_at};
use crate::{Layout, RuntimeAddr};

/// Set while the garbage collector reads the stack (`_Gscan`).
const SCAN: u32 = 0x1000;
/// `_Gdead`, `_Gidle`, `_Gdeadextra` and their kin have no [`Status`].
const LAST_STATUS: u32 = 11;
/// No goroutine's stack is larger (`runtime.maxstackceiling`, twice).
const LARGEST_STACK: u64 = 4 << 30;

#[derive(Clone, Copy)]
pub(crate) struct RawG<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
}

/// What stays equal as long as the goroutine does not move. `trackingSeq` counts how often it stopped
/// running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    status: u32,
    words: [u64; 10],
    sequence: u8,
}

impl Mark {
    /// Whether it has a list of calls put off.
    pub(crate) fn has_deferred(&self) -> bool {
        self.words.last().is_some_and(|first| *first != 0)
    }
}

impl<'a> RawG<'a> {
    pub(crate) fn new(bytes: &'a [u8], layout: &'a Layout) -> RawG<'a> {
        RawG { bytes, layout }
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn id(&self) -> u64 {
        self.word(self.layout.g_goid)
    }

    pub(crate) fn status(&self) -> Option<Status> {
        Status::of(self.status_number() & !SCAN)
    }

    pub(crate) fn is_scanned(&self) -> bool {
        self.status_number() & SCAN != 0
    }

    pub(crate) fn stack(&self) -> (u64, u64) {
        (self.word(self.layout.g_stack_lo), self.word(self.layout.g_stack_hi))
    }

    /// Program counter and stack pointer of a goroutine that does not run.
    pub(crate) fn parked_at(&self) -> Option<(RuntimeAddr, u64)> {
        let (pc, sp) = match self.status()? {
            Status::Running | Status::CopyStack => return None,
            Status::Syscall => (self.layout.g_syscallpc, self.layout.g_syscallsp),
            _ => (self.layout.g_sched_pc, self.layout.g_sched_sp),
        };
        self.place(pc, sp)
    }

    /// Where a goroutine was when it last left its own stack.
    pub(crate) fn left_at(&self) -> Option<(RuntimeAddr, u64)> {
        self.place(self.layout.g_sched_pc, self.layout.g_sched_sp)
    }

    fn place(&self, pc: u16, sp: u16) -> Option<(RuntimeAddr, u64)> {
        let (lo, hi) = self.stack();
        let (pc, sp) = (self.word(pc), self.word(sp));
        (pc != 0 && sp.is_multiple_of(8) && lo < sp && sp < hi).then_some((RuntimeAddr(pc), sp))
    }

    pub(crate) fn mark(&self) -> Mark {
        let layout = self.layout;
        Mark {
            status: self.status_number(),
            words: [
                layout.g_goid,
                layout.g_sched_sp,
                layout.g_sched_pc,
                layout.g_stack_lo,
                layout.g_stack_hi,
                layout.g_syscallsp,
                layout.g_syscallpc,
                layout.g_waiting,
                layout.g_m,
                layout.g_defer,
            ]
            .map(|field| self.word(field)),
            sequence: u8_at(self.bytes, usize::from(layout.g_tracking_seq)).unwrap_or(0),
        }
    }

    /// Whether these bytes can be a goroutine at all, dead ones too.
    pub(crate) fn is_plausible(&self) -> bool {
        let (lo, hi) = self.stack();
        let status = self.status_number() & !SCAN;
        let is_alive = self.status().is_some();
        let has_stack =
            lo < hi && hi - lo <= LARGEST_STACK && lo.is_multiple_of(8) && hi.is_multiple_of(8);
        status <= LAST_STATUS
            && (has_stack || (!is_alive && lo == 0 && hi == 0))
            && (!is_alive || (self.id() > 0 && self.id() < 1 << 56))
    }

    pub(crate) fn wait_reason(&self) -> usize {
        u8_at(self.bytes, usize::from(self.layout.g_waitreason)).map_or(0, usize::from)
    }

    pub(crate) fn wait_since(&self) -> u64 {
        self.word(self.layout.g_waitsince)
    }

    pub(crate) fn thread(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_m))
    }

    pub(crate) fn locked_thread(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_lockedm))
    }

    pub(crate) fn creator(&self) -> u64 {
        self.word(self.layout.g_parent_goid)
    }

    pub(crate) fn created_at(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_gopc))
    }

    pub(crate) fn start(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_startpc))
    }

    pub(crate) fn waiting(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_waiting))
    }

    /// The first of its calls put off (`runtime._defer`).
    pub(crate) fn deferred(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_defer))
    }

    /// Its own timer.
    pub(crate) fn timer(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_timer))
    }

    /// When a sleep ends, by the runtime's clock; only from Go 1.23 on.
    pub(crate) fn sleeps_until(&self) -> Option<u64> {
        self.layout.g_sleep_when.map(|field| self.word(field))
    }

    pub(crate) fn labels(&self) -> RuntimeAddr {
        RuntimeAddr(self.word(self.layout.g_labels))
    }

    fn status_number(&self) -> u32 {
        u32_at(self.bytes, usize::from(self.layout.g_atomicstatus)).unwrap_or(0)
    }

    fn word(&self, field: u16) -> u64 {
        u64_at(self.bytes, usize::from(field)).unwrap_or(0)
    }
}
