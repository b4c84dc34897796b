//! Calls that a goroutine has put off with `defer` and not made yet.
//!
//! They are in one of two places. A list hangs on the goroutine (`runtime._defer`); functions whose `defer`s are in no
//! loop keep bits and closures in their own frame instead, and the compiler notes where (`FUNCDATA_OpenCodedDeferInfo`).
//! Source: `runtime/panic.go`, `emitOpenDeferInfo` of `cmd/compile/internal/ssagen/ssa.go`, Go 1.21 to 1.27.
//!
//! Start at [`Process::deferred`].

use crate::bytes::{u64_at, uvarint};
use crate::goroutine::raw::RawG;
use crate::memory;
use crate::symbols::Function;
use crate::variables::StackCopy;
use crate::{Goroutine, LinkAddr, Pc, PcKind, Process, RuntimeAddr};

/// `FUNCDATA_OpenCodedDeferInfo` of `internal/abi/symtab.go`.
const FUNCDATA_OPEN_CODED: u32 = 4;
/// Defers that a function keeps in its frame, at most: bits of a byte.
const MOST_OPEN_CODED: u64 = 8;
/// More of a list is not followed.
const MOST: usize = 1024;
/// Words of a closure that are read: the code, then what it captured.
const CLOSURE: usize = 5;
/// Two to three numbers, or one for each defer.
const LONGEST_INFO: u64 = 64;

/// A call put off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// Which of the goroutine's program counters the frame with the `defer` is at.
    pub frame_idx: Option<usize>,
    /// The function that will be called: often one that the compiler made for the purpose (`….deferwrap1`).
    pub function: RuntimeAddr,
    /// The first words that its closure has captured; of one that captured less, what lies behind.
    pub captured: Vec<u64>,
}

/// Offsets in a `runtime._defer`.
struct Layout {
    sp: u64,
    function: u64,
    link: u64,
}

impl Process {
    /// Whether `goroutine` may have put off anything: then it is worth asking.
    pub fn may_have_deferred(&self, goroutine: &Goroutine) -> bool {
        let keeps = |pc: &Pc| {
            let function = self.symbols().function_at(pc.address.linked(self.bias()));
            function.is_some_and(|function| function.funcdata(FUNCDATA_OPEN_CODED).is_some())
        };
        goroutine.mark.has_deferred() || goroutine.stack.iter().any(keeps)
    }

    /// What `goroutine` has put off, the next to be called first; `None` if it moved since it was read.
    pub fn deferred(&self, goroutine: &Goroutine) -> Option<Vec<Deferred>> {
        let stack = self.copy_stack(goroutine)?;
        let mut deferred = self.listed(goroutine, &stack);
        for (frame_idx, (pc, span)) in goroutine.stack.iter().zip(&stack.spans).enumerate() {
            let closures = self.open_coded(*pc, *span, &stack).unwrap_or_default();
            let one = |closure| self.deferred_by(RuntimeAddr(closure), Some(frame_idx));
            deferred.extend(closures.into_iter().filter_map(one));
        }
        deferred.sort_by_key(|deferred| deferred.frame_idx);
        self.copy_stack(goroutine)?;
        Some(deferred)
    }

    /// Those in the goroutine's list.
    fn listed(&self, goroutine: &Goroutine, stack: &StackCopy) -> Vec<Deferred> {
        let layout = Layout::of(self.build().minor());
        let mut deferred = Vec::new();
        let mut next =
            self.g_of(goroutine).map_or(0, |bytes| RawG::new(&bytes, self.layout()).deferred().0);
        while next != 0 && deferred.len() < MOST {
            let Some(record) = memory::bytes(self.memory(), RuntimeAddr(next), 48, 48) else {
                break;
            };
            let word = |at: u64| usize::try_from(at).ok().and_then(|at| u64_at(&record, at));
            let (Some(sp), Some(function), Some(link)) =
                (word(layout.sp), word(layout.function), word(layout.link))
            else {
                break;
            };
            let frame_idx = stack.spans.iter().position(|(from, to)| (*from..*to).contains(&sp));
            deferred.extend(self.deferred_by(RuntimeAddr(function), frame_idx));
            next = link;
        }
        deferred
    }

    /// The closures that a frame keeps, the next to be called first.
    fn open_coded(&self, pc: Pc, span: (u64, u64), stack: &StackCopy) -> Option<Vec<u64>> {
        let function = self.symbols().function_at(pc.address.linked(self.bias()))?;
        let info = self.info_of(&function)?;
        // Below the return address and the caller's frame pointer.
        let top = span.1.checked_sub(16)?;
        let (bits_offset, skip) = uvarint(&info)?;
        let bits = stack.at(top.checked_sub(bits_offset)?, 1)?.first().copied()?;
        let mut rest = info.get(skip..)?;
        let mut number = || {
            let (number, skip) = uvarint(rest)?;
            rest = rest.get(skip..)?;
            Some(number)
        };
        let second = number()?;
        let is_old = self.build().minor() == Some(21);
        let mut closures = Vec::new();
        for defer_idx in (0..MOST_OPEN_CODED).rev() {
            let offset = match is_old {
                // How many there are, then where each is, the last first.
                true if defer_idx >= second => continue,
                true => number()?,
                // Where the first is; the others lie behind it.
                false => second.wrapping_sub(8 * defer_idx),
            };
            if bits >> defer_idx & 1 == 1 {
                closures.push(u64_at(stack.at(top.checked_sub(offset)?, 8)?, 0)?);
            }
        }
        Some(closures)
    }

    fn info_of(&self, function: &Function<'_>) -> Option<Vec<u8>> {
        let at: LinkAddr = function.funcdata(FUNCDATA_OPEN_CODED)?;
        let len = self.binary().available(at)?.min(LONGEST_INFO);
        self.binary().bytes(at, len)
    }

    fn deferred_by(&self, closure: RuntimeAddr, frame_idx: Option<usize>) -> Option<Deferred> {
        // A closure that captures nothing is the code's address alone, maybe at the end of what is mapped.
        let whole = memory::bytes(self.memory(), closure, 8 * CLOSURE as u64, 64);
        let bytes = whole.or_else(|| memory::bytes(self.memory(), closure, 8, 8))?;
        let function = RuntimeAddr(u64_at(&bytes, 0)?);
        let pc = Pc { address: function, kind: PcKind::Exact };
        if self.frames(pc).is_empty() {
            return None;
        }
        let captured = (1..CLOSURE).filter_map(|word| u64_at(&bytes, 8 * word)).collect();
        Some(Deferred { frame_idx, function, captured })
    }
}

impl Layout {
    /// `_defer` of `runtime/runtime2.go`; the same from Go 1.22 on.
    fn of(minor: Option<u32>) -> Layout {
        let link = if minor == Some(21) { 40 } else { 32 };
        Layout { sp: 8, function: 24, link }
    }
}
