//! A copy of a goroutine's stack that is known to be whole.

use crate::goroutine::raw::RawG;
use crate::memory;
use crate::{Goroutine, Process, RuntimeAddr};

/// More of a stack than this is not copied.
const LARGEST: u64 = 1 << 20;

/// The stack of a goroutine that did not move while it was copied.
#[derive(Clone, Debug)]
pub(crate) struct StackCopy {
    /// Where the copy begins: the stack pointer.
    pub(crate) base: u64,
    pub(crate) bytes: Vec<u8>,
    /// Of each frame: its stack pointer, and its end behind the return address (the canonical frame address).
    pub(crate) spans: Vec<(u64, u64)>,
}

impl StackCopy {
    /// The bytes at `address`.
    pub(crate) fn at(&self, address: u64, len: usize) -> Option<&[u8]> {
        let skip = usize::try_from(address.checked_sub(self.base)?).ok()?;
        self.bytes.get(skip..skip.checked_add(len)?)
    }
}

impl Process {
    /// Copies the stack of `goroutine`; `None` if it moved since it was read, or runs.
    pub(crate) fn copy_stack(&self, goroutine: &Goroutine) -> Option<StackCopy> {
        let before = self.g_of(goroutine)?;
        let raw = RawG::new(&before, self.layout());
        let (pc, sp) = raw.parked_at()?;
        let is_same = goroutine.stack.first().is_some_and(|first| first.address == pc);
        if raw.mark() != goroutine.mark || !is_same {
            return None;
        }
        let len = raw.stack().1.checked_sub(sp)?.min(LARGEST);
        let bytes = memory::bytes(self.memory(), RuntimeAddr(sp), len, LARGEST)?;
        let after = self.g_of(goroutine)?;
        if RawG::new(&after, self.layout()).mark() != goroutine.mark {
            return None;
        }
        let spans = self.with_unwinder(|unwinder| unwinder.spans(&goroutine.stack, sp));
        Some(StackCopy { base: sp, bytes, spans })
    }
}
