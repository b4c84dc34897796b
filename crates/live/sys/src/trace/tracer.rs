//! The right to stop threads of another process: ptrace(2), `PTRACE_SEIZE`.
//!
//! Attaching stops nothing. From then on every signal to the process stops the thread it is for, until
//! it is passed on, so [`Tracer::wait`] must be called all the time. A stopped thread is a [`Stopped`]
//! value; dropping it lets the thread go on with its signal. The kernel knows a tracer by its *thread*:
//! a [`Tracer`] cannot leave the one that made it, and when that thread ends, however it ends, the
//! kernel lets everything go.

use std::collections::BTreeSet;
use std::io;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::error::is_dead;
use super::{Registers, TraceError};
use crate::thread_numbers;

/// New threads are seized from their first instruction; a new program is told.
const OPTIONS: libc::c_int = libc::PTRACE_O_TRACECLONE | libc::PTRACE_O_TRACEEXEC;
/// Another thread of ours may have taken the signal that wakes [`Tracer::wait`]: then we look so often.
const NAP: Duration = Duration::from_millis(1);
/// The same where [`block_child_signals`] was called.
const LONG_NAP: Duration = Duration::from_millis(50);
/// It was.
static IS_BLOCKED: AtomicBool = AtomicBool::new(false);
/// Tracers there are: of several, one takes the signals of the others.
static N_TRACERS: AtomicUsize = AtomicUsize::new(0);

/// The threads of a process, seized.
#[derive(Debug)]
pub struct Tracer {
    pid: u32,
    threads: BTreeSet<u32>,
    /// Bound to its thread.
    _not_send: PhantomData<*const ()>,
}

/// What [`Tracer::wait`] saw.
#[derive(Debug)]
pub enum Event {
    /// A signal for a thread, not delivered yet.
    Signal(Stopped, i32),
    /// A new thread, which stands before its first instruction.
    Began(Stopped),
    /// A thread ended.
    Ended(u32),
    /// A [`Breakpoint`](super::Breakpoint) has samples.
    Sampled,
    /// The process runs another program now, or is no more.
    Over,
}

/// A thread that does not run, until it is dropped.
#[derive(Debug)]
pub struct Stopped {
    tid: u32,
    /// What it gets when it goes on.
    signal: i32,
    listens: bool,
    _not_send: PhantomData<*const ()>,
}

impl Tracer {
    /// Seizes all threads of process `pid`. None is stopped by it.
    ///
    /// # Errors
    /// It is gone or traced already, or we have not the right.
    pub fn attach(pid: u32) -> Result<Tracer, TraceError> {
        block_in_this_thread();
        let mut tracer = Tracer { pid, threads: BTreeSet::new(), _not_send: PhantomData };
        N_TRACERS.fetch_add(1, Ordering::Relaxed);
        // Threads may be made while we look; those made by seized ones are seized.
        loop {
            let mut new = thread_numbers(pid)?;
            new.retain(|tid| !tracer.threads.contains(tid));
            if new.is_empty() {
                return Ok(tracer);
            }
            for tid in new {
                match seize(tid) {
                    Ok(()) => {}
                    Err(cause) if cause.raw_os_error() == Some(libc::ESRCH) && tid != pid => {}
                    // One that a seized thread made is seized already.
                    Err(_) if !tracer.threads.is_empty() && is_ours(tid) => {}
                    Err(_) if tid != pid && is_dead(pid, tid) => {}
                    Err(cause) => return Err(TraceError::seize(pid, cause)),
                }
                tracer.threads.insert(tid);
            }
        }
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Its threads, as far as seized.
    pub fn threads(&self) -> impl Iterator<Item = u32> {
        self.threads.iter().copied()
    }

    /// The next event until `deadline`.
    pub fn wait(&mut self, deadline: Instant) -> Option<Event> {
        loop {
            while let Some((tid, status)) = next(self.pid) {
                if let Some(event) = self.event(tid, status) {
                    return Some(event);
                }
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return None;
            }
            let is_alone = N_TRACERS.load(Ordering::Relaxed) == 1;
            let nap = if is_alone && IS_BLOCKED.load(Ordering::Relaxed) { LONG_NAP } else { NAP };
            if sleep_until_signal(rest.min(nap)) == libc::SIGIO {
                return Some(Event::Sampled);
            }
        }
    }

    fn event(&mut self, tid: u32, status: Status) -> Option<Event> {
        match status {
            Status::Ended => {
                self.threads.remove(&tid);
                Some(if tid == self.pid { Event::Over } else { Event::Ended(tid) })
            }
            Status::Stopped { signal, event } => {
                let mut stopped =
                    Stopped { tid, signal: 0, listens: false, _not_send: PhantomData };
                match event {
                    0 => {
                        stopped.signal = signal;
                        Some(Event::Signal(stopped, signal))
                    }
                    libc::PTRACE_EVENT_STOP if self.threads.insert(tid) => {
                        Some(Event::Began(stopped))
                    }
                    // The whole process is stopped, as by Ctrl-Z: it stays so, but for SIGCONT.
                    libc::PTRACE_EVENT_STOP if signal != libc::SIGTRAP => {
                        stopped.listens = true;
                        None
                    }
                    libc::PTRACE_EVENT_EXEC => Some(Event::Over),
                    _ => None,
                }
            }
        }
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        N_TRACERS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Stopped {
    /// Its number.
    pub fn tid(&self) -> u32 {
        self.tid
    }

    /// What its registers hold.
    ///
    /// # Errors
    /// It was killed meanwhile.
    pub fn registers(&self) -> io::Result<Registers> {
        read_registers(self.tid)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        let request = if self.listens { libc::PTRACE_LISTEN } else { libc::PTRACE_CONT };
        // It may have been killed meanwhile; then there is nothing to let go.
        let _ = ptrace(request, self.tid, self.signal as usize);
    }
}

pub(super) enum Status {
    Ended,
    Stopped { signal: i32, event: i32 },
}

/// The next change of a thread that this thread of ours traces. The end of the process itself is seen, but left
/// for its parent, which may be another thread of ours.
fn next(pid: u32) -> Option<(u32, Status)> {
    // SAFETY: all-zero is a valid siginfo_t, a struct of integers.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let peek = libc::WEXITED
        | libc::WSTOPPED
        | libc::WNOHANG
        | libc::WNOWAIT
        | libc::__WALL
        | libc::__WNOTHREAD;
    // SAFETY: the kernel fills `info`, which is ours.
    let result = unsafe { libc::waitid(libc::P_ALL, 0, &mut info, peek) };
    if result != 0 {
        return None;
    }
    // SAFETY: waitid filled the fields of a SIGCHLD, or left zeroes.
    let tid = u32::try_from(unsafe { info.si_pid() }).ok().filter(|tid| *tid != 0)?;
    let is_end = matches!(info.si_code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED);
    if is_end && tid == pid {
        return Some((tid, Status::Ended));
    }
    Some((tid, state_of(tid)?))
}

/// What thread `tid`, which this thread of ours traces, came to since it was asked for last. One that is not
/// there counts as ended.
pub(super) fn state_of(tid: u32) -> Option<Status> {
    let mut status = 0;
    let how = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
    // SAFETY: the kernel fills `status`, which is ours.
    let waited = unsafe { libc::waitpid(tid as libc::pid_t, &mut status, how) };
    if waited == 0 {
        return None;
    }
    let is_stop = waited > 0 && libc::WIFSTOPPED(status);
    Some(if is_stop {
        Status::Stopped { signal: libc::WSTOPSIG(status), event: status >> 16 }
    } else {
        Status::Ended
    })
}

fn seize(tid: u32) -> io::Result<()> {
    ptrace(libc::PTRACE_SEIZE, tid, OPTIONS as usize)
}

/// Whether the calling thread's process traces `tid`.
fn is_ours(tid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{tid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    tracer.and_then(|tracer| tracer.trim().parse().ok()) == Some(std::process::id())
        || tracer.is_some_and(|tracer| is_own_thread(tracer.trim()))
}

/// `TracerPid` is the number of the thread that traces.
fn is_own_thread(tid: &str) -> bool {
    std::path::Path::new("/proc/self/task").join(tid).exists()
}

pub(super) fn ptrace(request: libc::c_uint, tid: u32, data: usize) -> io::Result<()> {
    // SAFETY: the requests used here (SEIZE, INTERRUPT, CONT, LISTEN, DETACH) take numbers and no pointers. On a thread that
    // is not ours, or is not stopped, the call fails.
    let result = unsafe { libc::ptrace(request, tid as libc::pid_t, 0_usize, data) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(target_arch = "x86_64")]
pub(super) fn read_registers(tid: u32) -> io::Result<Registers> {
    // SAFETY: all-zero is a valid user_regs_struct, a struct of integers.
    let mut user: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills `user`, which is ours and of the type this request writes.
    let result =
        unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid as libc::pid_t, 0_usize, &raw mut user) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Registers::of_ptrace(&user))
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) fn read_registers(_tid: u32) -> io::Result<Registers> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Keeps SIGCHLD, by which the kernel tells of a stop, and SIGIO, by which it tells of samples, for [`Tracer::wait`], in this thread and those it begins
/// later. To be called before there are others: one that takes the signal delays the notice of a stop.
pub fn block_child_signals() {
    block_in_this_thread();
    IS_BLOCKED.store(true, Ordering::Relaxed);
}

pub(super) fn block_in_this_thread() {
    let set = own_signals();
    // SAFETY: `set` is a signal set of ours; the old set is not asked for.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()) };
}

/// Which signal came, if one did.
pub(super) fn sleep_until_signal(most: Duration) -> libc::c_int {
    let set = own_signals();
    let most = libc::timespec {
        tv_sec: most.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(most.subsec_nanos()),
    };
    // SAFETY: `set` and `most` are ours and live through the call; no information is asked for.
    unsafe { libc::sigtimedwait(&set, std::ptr::null_mut(), &most) }
}

fn own_signals() -> libc::sigset_t {
    // SAFETY: all-zero is a valid sigset_t, a struct of integers.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: `set` is ours.
    unsafe { libc::sigemptyset(&mut set) };
    // SAFETY: `set` is ours and was emptied.
    unsafe { libc::sigaddset(&mut set, libc::SIGCHLD) };
    // SAFETY: as above.
    unsafe { libc::sigaddset(&mut set, libc::SIGIO) };
    set
}
