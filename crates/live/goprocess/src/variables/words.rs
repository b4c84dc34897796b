//! Arguments of a function as words: what there is without debug information, and what Go's own stack traces show.
//!
//! Arguments in registers have places on the stack where the function may have put them; the compiler notes at which
//! instructions it has. Source: `printArgs` of `runtime/traceback.go` and `internal/abi/symtab.go`, Go 1.21 to 1.27.

use super::stack::StackCopy;
use crate::symbols::Function;
use crate::{LinkAddr, Pc, PcKind, Process};

/// `PCDATA_ArgLiveIndex` and `FUNCDATA_…` of `internal/abi/symtab.go`.
const PCDATA_LIVE: u32 = 3;
const FUNCDATA_ARGUMENTS: u32 = 5;
const FUNCDATA_LIVE: u32 = 6;

/// Signs in the list of arguments (`TraceArgs…`).
const END: u8 = 0xff;
const OPEN: u8 = 0xfe;
const CLOSE: u8 = 0xfd;
const MORE: u8 = 0xfc;
const TOO_FAR: u8 = 0xfb;

/// A list is not longer than this (`TraceArgsMaxLen`, generously).
const LONGEST: usize = 128;

/// The words passed to the function at `pc`, whose frame ends at `frame_end`: `0x2a, {0x4d8652, 0x2}, ?`. `None` where the
/// function's own record does not tell.
pub(super) fn arguments(
    process: &Process,
    pc: Pc,
    frame_end: u64,
    stack: &StackCopy,
) -> Option<String> {
    let linked = pc.address.linked(process.bias());
    let function = process.symbols().function_at(linked)?;
    let at = match pc.kind {
        PcKind::Return => LinkAddr(linked.0.checked_sub(1)?.max(function.entry.0)),
        PcKind::Exact => linked,
    };
    let list = bytes(process, function.funcdata(FUNCDATA_ARGUMENTS)?)?;
    let live = Live::of(process, &function, at);
    let mut text = String::new();
    let mut is_first = true;
    let mut slot = 0;
    let mut signs = list.into_iter();
    for _ in 0..LONGEST {
        let sign = signs.next()?;
        if sign == END {
            return Some(text);
        }
        if !is_first && sign != CLOSE {
            text.push_str(", ");
        }
        is_first = sign == OPEN;
        match sign {
            OPEN => text.push('{'),
            CLOSE => text.push('}'),
            MORE => text.push_str("..."),
            TOO_FAR => text.push('_'),
            offset => {
                let size = signs.next()?;
                let address = frame_end.checked_add(u64::from(offset))?;
                let word = stack.at(address, usize::from(size.min(8)));
                match word.filter(|_| live.is_live(offset, slot)) {
                    Some(word) => text.push_str(&format!("{:#x}", little_endian(word))),
                    None => text.push('?'),
                }
                slot += usize::from(offset >= live.start);
            }
        }
    }
    None
}

/// Which arguments have been put in their places.
struct Live {
    /// Places before this one hold what was passed on the stack: always there.
    start: u8,
    bits: Option<Vec<u8>>,
}

impl Live {
    fn of(process: &Process, function: &Function<'_>, at: LinkAddr) -> Live {
        let info = function.funcdata(FUNCDATA_LIVE);
        let start = info.and_then(|info| bytes(process, info)?.first().copied());
        let index = function.pcdata(PCDATA_LIVE).and_then(|table| function.value(table, at));
        let index = index.and_then(|index| u64::try_from(index).ok()).filter(|index| *index > 0);
        let bits = info
            .zip(index)
            .and_then(|(info, index)| bytes(process, LinkAddr(info.0.checked_add(index)?)));
        Live { start: start.unwrap_or(u8::MAX), bits }
    }

    fn is_live(&self, offset: u8, slot: usize) -> bool {
        let Some(bits) = &self.bits else { return true };
        offset < self.start || bits.get(slot / 8).is_some_and(|byte| byte >> (slot % 8) & 1 == 1)
    }
}

/// As many bytes at `at` in the program's file as a list may have; fewer at the end of a segment.
fn bytes(process: &Process, at: LinkAddr) -> Option<Vec<u8>> {
    let len = process.binary().available(at)?.min(LONGEST as u64);
    process.binary().bytes(at, len)
}

fn little_endian(word: &[u8]) -> u64 {
    word.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
