//! Everything about one goroutine: what it waits for, who else does, who holds it, what it has put off.
//!
//! Each answer is of about the moment it was asked for; the goroutine may go on meanwhile, and what it moved past is
//! left out. Start at [`Detail::of`].

use photofinish_goprocess::{
    Descriptor, Direction, Goroutine, Process, Status, Thing, Wait, descriptor, syscall,
};

use crate::deferred::PutOff;
use crate::holders::{Holder, holders_for};
use crate::shared::company_of;
use crate::{Look, syscalls};

/// What is known of one goroutine besides its stack.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    /// What it waits for, one for each case of a select.
    pub waits: Vec<Waited>,
    /// The descriptor it waits on.
    pub polled: Option<Polled>,
    /// The system call it is in.
    pub syscall: Option<InSyscall>,
    /// How many nanoseconds it sleeps on.
    pub sleeps_for: Option<u64>,
    /// Calls put off with `defer`, the next to be made first.
    pub put_off: Vec<PutOff>,
}

/// A thing it waits for.
#[derive(Clone, Debug)]
pub struct Waited {
    /// The thing.
    pub wait: Wait,
    /// What it wants of a channel.
    pub direction: Option<Direction>,
    /// What the thing itself says.
    pub thing: Option<Thing>,
    /// All who wait for it, this one too, and what they want of a channel, where that is plain.
    pub waiting: Vec<(u64, Option<Direction>)>,
    /// Who may hold it, if it is a lock.
    pub holders: Vec<Holder>,
}

/// A descriptor waited on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polled {
    /// Its number.
    pub fd: u64,
    /// To read from it or to write to it.
    pub direction: Direction,
    /// What it is, if the kernel says.
    pub descriptor: Option<Descriptor>,
}

/// A system call under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSyscall {
    /// Its number.
    pub number: u64,
    /// Its name, where known.
    pub name: Option<&'static str>,
    /// What its first argument is, if that is a descriptor.
    pub descriptor: Option<(u64, Descriptor)>,
}

/// Calls whose first argument is a descriptor.
const ON_DESCRIPTORS: &[&str] = &[
    "read",
    "write",
    "pread64",
    "pwrite64",
    "readv",
    "writev",
    "recvfrom",
    "sendto",
    "recvmsg",
    "sendmsg",
    "accept",
    "accept4",
    "connect",
    "fsync",
    "fdatasync",
    "flock",
    "fcntl",
    "ioctl",
    "epoll_wait",
    "epoll_pwait",
    "getdents64",
    "ftruncate",
    "fallocate",
    "close",
    "recvmmsg",
    "sendmmsg",
    "shutdown",
    "sync_file_range",
    "copy_file_range",
];

impl Detail {
    /// What `look` alone knows of `goroutine`: who waits for the same.
    pub fn kept(look: &Look, goroutine: &Goroutine) -> Detail {
        let waited = |company: crate::Company<'_>| Waited {
            wait: company.wait,
            direction: plain_direction(goroutine),
            thing: None,
            waiting: company.waiting.iter().map(|it| (it.id, plain_direction(it))).collect(),
            holders: Vec::new(),
        };
        let waits = company_of(look, goroutine).into_iter().map(waited).collect();
        Detail { waits, ..Detail::default() }
    }

    /// Asks for everything about `goroutine`.
    pub fn of(process: &Process, look: &Look, goroutine: &Goroutine) -> Detail {
        let holders = holders_for(process, look, goroutine);
        let waited = |company: crate::Company<'_>| {
            let of_lock = |(lock, _): &&(_, _)| *lock == company.wait.address;
            let waiting = |other: &&Goroutine| (other.id, plain_direction(other));
            Waited {
                wait: company.wait,
                direction: process.direction(goroutine, company.wait.address),
                thing: process.thing(company.wait),
                waiting: company.waiting.iter().map(waiting).collect(),
                holders: holders.iter().find(of_lock).map(|it| it.1.clone()).unwrap_or_default(),
            }
        };
        let deferred = process.deferred(goroutine).unwrap_or_default();
        Detail {
            waits: company_of(look, goroutine).into_iter().map(waited).collect(),
            polled: polled(process, goroutine),
            syscall: in_syscall(process, goroutine),
            sleeps_for: process.sleeps_for(goroutine),
            put_off: deferred.iter().map(|deferred| PutOff::of(process, deferred)).collect(),
        }
    }
}

/// What a goroutine that waits for a channel wants of it, going by its reason; `None` of one in a select.
fn plain_direction(goroutine: &Goroutine) -> Option<Direction> {
    let reason = goroutine.wait_reason.as_deref()?;
    let is = |prefix| reason.starts_with(prefix);
    match (is("chan receive"), is("chan send")) {
        (true, _) => Some(Direction::Receive),
        (_, true) => Some(Direction::Send),
        _ => None,
    }
}

fn polled(process: &Process, goroutine: &Goroutine) -> Option<Polled> {
    if goroutine.wait_reason.as_deref() != Some("IO wait") {
        return None;
    }
    let (fd, direction) = process.waits_on_descriptor(goroutine)?;
    let descriptor = process.pid().and_then(|pid| descriptor(pid, fd));
    Some(Polled { fd, direction, descriptor })
}

fn in_syscall(process: &Process, goroutine: &Goroutine) -> Option<InSyscall> {
    if goroutine.status != Status::Syscall {
        return None;
    }
    let (pid, tid) = (process.pid()?, goroutine.thread?);
    let call = syscall(pid, tid)?;
    let name = syscalls::name(call.number);
    let fd = name.filter(|name| ON_DESCRIPTORS.contains(name)).map(|_| call.arguments[0]);
    let descriptor = fd.and_then(|fd| Some((fd, descriptor(pid, fd)?)));
    Some(InSyscall { number: call.number, name, descriptor })
}
