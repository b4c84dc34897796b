//! System calls that are finished even if we are killed in their midst.
//!
//! Who is sent SIGKILL while the kernel plants probes, or takes them back, leaves them in the other process for good: the
//! kernel gives up at the first page it has to wait for (`uprobe_unregister` of Linux, kernel/events/uprobes.c: "leaking
//! uprobe"). So a child that shares our memory and our descriptors, but not our signals, makes the call, while
//! the calling thread waits for it. What is open when we die is closed by the kernel with no signal
//! pending, if no thread that has it open was ending by itself (`apart`). Who kills the whole control group in just that moment kills the child, too.

use std::cell::Cell;
use std::time::Duration;

/// What the child needs is a few frames, and the kernel has a stack of its own.
const STACK: usize = 64 << 10;

thread_local! {
    /// Processor time of children of the calling thread.
    static SPENT: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Processor time that children made by the calling thread have used.
pub(super) fn spent() -> Duration {
    SPENT.get()
}

/// Runs `call`, which makes system calls and nothing else, and allocates nothing: it runs in a child whose end is waited for, or
/// here where no child is to be had.
pub(super) fn shielded(mut call: impl FnMut()) {
    let mut call: &mut dyn FnMut() = &mut call;
    let mut stack = vec![0_u128; STACK / size_of::<u128>()];
    let signals = block_all();
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_FS | libc::CLONE_VFORK;
    // SAFETY: the child runs `run` on a stack of its own, which ends at the end of `stack` and is aligned to 16 bytes; `call` and
    // `stack` outlive it, since CLONE_VFORK lets this thread go on only when the child has left our memory. The child
    // shares the thread-local storage of this thread, which stands still meanwhile; all signals are blocked, so no handler
    // runs in it. If we are killed, nobody frees that memory: the child keeps it alive.
    let child = unsafe {
        let top = stack.as_mut_ptr().add(stack.len()).cast();
        libc::clone(run, top, flags, (&raw mut call).cast())
    };
    if child < 0 {
        call();
    } else {
        reap(child);
    }
    unblock(&signals);
}

extern "C" fn run(call: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `shielded` gave a pointer to its reference, which lives until the child ends.
    let call = unsafe { &mut *call.cast::<&mut dyn FnMut()>() };
    call();
    0
}

/// Waits for the end of a child that has left our memory already.
fn reap(child: libc::pid_t) {
    let mut status = 0;
    // SAFETY: all-zero is a valid rusage, a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills `status` and `usage`, which are ours. No signal interrupts it: all are blocked.
    let reaped = unsafe { libc::wait4(child, &mut status, libc::__WALL, &mut usage) };
    if reaped == child {
        let time = |at: libc::timeval| {
            Duration::from_secs(at.tv_sec as u64) + Duration::from_micros(at.tv_usec as u64)
        };
        SPENT.set(SPENT.get() + time(usage.ru_utime) + time(usage.ru_stime));
    }
}

/// No signal is handled by the calling thread, or a child of it; the mask that was.
fn block_all() -> libc::sigset_t {
    // SAFETY: all-zero is a valid set; the calls fill sets of ours.
    unsafe {
        let (mut all, mut before) = (std::mem::zeroed(), std::mem::zeroed());
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        before
    }
}

fn unblock(before: &libc::sigset_t) {
    // SAFETY: `before` is the set that pthread_sigmask filled.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shielded_call_shares_our_memory_and_is_another_process() {
        let mut pid = 0;
        shielded(|| pid = unsafe { libc::getpid() });
        assert!(pid > 0);
        assert_ne!(pid as u32, std::process::id());
        let gone = unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) };
        assert_eq!(gone, -1, "it was reaped");
    }
}
