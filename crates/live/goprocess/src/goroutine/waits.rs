//! From the semaphore inside a mutex to the mutex.
//!
//! The runtime knows only semaphores. The offsets are those of the structures of package sync, the
//! same from Go 1.21 to 1.27: `Mutex{state int32, sema uint32}`, `RWMutex{w Mutex, writerSem, readerSem uint32, …}`,
//! `WaitGroup{state uint64, sema uint32}`, `Cond{L Locker, notify notifyList, …}`.

use super::{Goroutine, Wait, WaitOn};
use crate::RuntimeAddr;
use crate::process::Process;

/// What the semaphore at `address` is in, going by the wait reason.
pub(super) fn of_semaphore(address: RuntimeAddr, reason: Option<&str>) -> Wait {
    let (on, offset) = match reason {
        Some("sync.Mutex.Lock") => (WaitOn::Mutex, 4),
        Some("sync.RWMutex.RLock") => (WaitOn::RwMutex, 12),
        Some("sync.RWMutex.Lock") => (WaitOn::RwMutex, 8),
        Some("sync.WaitGroup.Wait" | "sync.WaitGroup.Wait (durable)") => (WaitOn::WaitGroup, 8),
        Some("sync.Cond.Wait") => (WaitOn::Cond, 16),
        _ => (WaitOn::Semaphore, 0),
    };
    Wait { on, address: RuntimeAddr(address.0.wrapping_sub(offset)) }
}

/// Whether it waits for a semaphore of package sync.
pub(super) fn is_on_semaphore(goroutine: &Goroutine) -> bool {
    let reason = goroutine.wait_reason.as_deref().unwrap_or_default();
    reason == "semacquire" || (reason.starts_with("sync.") && reason != "sync.Cond.Wait")
}

/// To Go 1.23 a WaitGroup's waiters are called as others are: the stack tells.
pub(crate) fn tell_wait_groups(process: &Process, goroutines: &mut [Goroutine]) {
    let mut known = std::collections::HashMap::new();
    for goroutine in goroutines {
        if goroutine.wait_reason.as_deref() != Some("semacquire") {
            continue;
        }
        let mut is_wait = |pc| {
            *known.entry(pc).or_insert_with(|| {
                process.frames(pc).iter().any(|frame| frame.function == "sync.(*WaitGroup).Wait")
            })
        };
        if goroutine.stack.iter().take(8).any(|pc| is_wait(*pc)) {
            for wait in &mut goroutine.waits {
                *wait = of_semaphore(wait.address, Some("sync.WaitGroup.Wait"));
            }
        }
    }
}
