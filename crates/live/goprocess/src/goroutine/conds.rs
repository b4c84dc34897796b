//! Which `sync.Cond` a goroutine waits for, to Go 1.25: later a goroutine says itself.
//!
//! A Cond's waiters are in a list that hangs on it and in no table; the Cond itself is found among the words of the frame
//! of `(*Cond).Wait`, and believed when its list has the goroutine. Source: `sync/cond.go`, `notifyList` of
//! `runtime/sema.go`, Go 1.21 to 1.25.

use std::collections::{HashMap, HashSet};

use super::{Goroutine, Wait, WaitOn};
use crate::memory::{self, Memory};
use crate::process::Process;
use crate::{Layout, Pc, RuntimeAddr};

/// In a Cond: `L Locker`, then the list, whose head is behind two tickets and a lock.
const HEAD: u64 = 16 + 16;
/// More waiters than this are not followed.
const MOST_WAITING: usize = 1 << 20;

/// Adds the Cond to those that wait for one and do not say which.
pub(super) fn tell_conds(process: &Process, goroutines: &mut [Goroutine]) {
    let all: HashSet<RuntimeAddr> = goroutines.iter().map(|goroutine| goroutine.address).collect();
    let mut known: HashMap<RuntimeAddr, RuntimeAddr> = HashMap::new();
    for goroutine in goroutines {
        let is_silent = goroutine.waits.is_empty()
            && goroutine.wait_reason.as_deref() == Some("sync.Cond.Wait");
        if !is_silent {
            continue;
        }
        if !known.contains_key(&goroutine.address)
            && let Some((cond, waiting)) = find(process, goroutine, &all)
        {
            known.extend(waiting.into_iter().map(|g| (g, cond)));
        }
        let cond = known.get(&goroutine.address).copied();
        goroutine.waits.extend(cond.map(|address| Wait { on: WaitOn::Cond, address }));
    }
}

/// The Cond that `goroutine` waits for, and the `g`s of all who do.
fn find(
    process: &Process,
    goroutine: &Goroutine,
    all: &HashSet<RuntimeAddr>,
) -> Option<(RuntimeAddr, Vec<RuntimeAddr>)> {
    let is_wait =
        |pc: &Pc| process.frames(*pc).iter().any(|frame| frame.function == "sync.(*Cond).Wait");
    let frame_idx = goroutine.stack.iter().position(is_wait)?;
    let frames = process.frame_words(goroutine)?;
    let mut candidates: Vec<u64> = frames.get(frame_idx)?.clone();
    candidates.sort_unstable();
    candidates.dedup();
    candidates.into_iter().filter(|word| word.is_multiple_of(8)).find_map(|word| {
        let waiting = waiting(process.memory(), process.layout(), RuntimeAddr(word), all)?;
        waiting.contains(&goroutine.address).then_some((RuntimeAddr(word), waiting))
    })
}

/// Who is in the list of the Cond at `at`; `None` if it has others than goroutines in it.
fn waiting(
    memory: &dyn Memory,
    layout: &Layout,
    at: RuntimeAddr,
    all: &HashSet<RuntimeAddr>,
) -> Option<Vec<RuntimeAddr>> {
    let mut next = RuntimeAddr(memory::word(memory, at.plus(HEAD))?);
    let mut waiting = Vec::new();
    while !next.is_nil() && next.0.is_multiple_of(8) && waiting.len() < MOST_WAITING {
        let word = |field: u16| memory::word(memory, next.plus(u64::from(field)));
        waiting.push(RuntimeAddr(word(layout.sudog_g)?));
        if !waiting.last().is_some_and(|last| all.contains(last)) {
            return None;
        }
        next = RuntimeAddr(word(layout.sudog_next)?);
    }
    Some(waiting)
}
