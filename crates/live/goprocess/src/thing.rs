//! The things that goroutines wait for: channels and locks, and what can be read of them.
//!
//! Source: `runtime/chan.go` and package sync, whose structures are the same from Go 1.21 to 1.27 as far as they are read
//! here. Start at [`Process::thing`].

use crate::bytes::{u32_at, u64_at};
use crate::memory;
use crate::variables::runtime_type_name;
use crate::{Goroutine, Process, RuntimeAddr, Wait, WaitOn};

/// More of a queue is not followed.
const MOST_WAITING: usize = 4096;

/// What can be read of a thing waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// A channel.
    Channel {
        /// Type of its elements, where the program has it.
        element: Option<String>,
        /// Elements in it.
        len: u64,
        /// Room for elements.
        capacity: u64,
        /// It was closed.
        is_closed: bool,
    },
    /// A `sync.Mutex`.
    Mutex {
        /// Somebody has it.
        is_locked: bool,
        /// Whoever waited too long gets it next.
        is_starving: bool,
        /// How many wait, as it has counted.
        n_waiting: u32,
    },
    /// A `sync.RWMutex`.
    RwMutex {
        /// A writer has it, or waits for readers to go.
        has_writer: bool,
        /// Readers that the writer waits for.
        n_leaving: u32,
        /// Readers that have it, or wait behind the writer.
        n_readers: u32,
    },
    /// A `sync.WaitGroup`.
    WaitGroup {
        /// What must come down to 0.
        count: i32,
    },
}

/// What a goroutine wants of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To send to it.
    Send,
    /// To receive from it.
    Receive,
}

impl Process {
    /// What `wait` is for, as it is now; `None` where it cannot be read or has nothing to tell.
    pub fn thing(&self, wait: Wait) -> Option<Thing> {
        match wait.on {
            WaitOn::Channel => self.channel(wait.address),
            WaitOn::Mutex => self.mutex(wait.address),
            WaitOn::RwMutex => self.rw_mutex(wait.address),
            WaitOn::WaitGroup => {
                // The upper half is the counter.
                let state = memory::word(self.memory(), wait.address)?;
                let count = u32::try_from(state >> 32).ok()?.cast_signed();
                Some(Thing::WaitGroup { count })
            }
            WaitOn::Cond | WaitOn::Semaphore => None,
        }
    }

    /// What `goroutine` wants of the channel at `channel`, by the queue it is in.
    pub fn direction(&self, goroutine: &Goroutine, channel: RuntimeAddr) -> Option<Direction> {
        match goroutine.wait_reason.as_deref()? {
            reason if reason.starts_with("chan receive") => return Some(Direction::Receive),
            reason if reason.starts_with("chan send") => return Some(Direction::Send),
            _ => {}
        }
        let layout = self.layout();
        let queues =
            [(layout.hchan_sendq, Direction::Send), (layout.hchan_recvq, Direction::Receive)];
        let is_in = |queue: u16| self.is_queued(channel.plus(u64::from(queue)), goroutine.address);
        queues.into_iter().find(|(queue, _)| is_in(*queue)).map(|(_, direction)| direction)
    }

    /// Whether `g` is in the `runtime.waitq` at `queue`.
    fn is_queued(&self, queue: RuntimeAddr, g: RuntimeAddr) -> bool {
        let layout = self.layout();
        let word =
            |at: RuntimeAddr, field: u16| memory::word(self.memory(), at.plus(u64::from(field)));
        let mut next = word(queue, 0);
        for _ in 0..MOST_WAITING {
            let Some(sudog) = next.map(RuntimeAddr).filter(|sudog| !sudog.is_nil()) else {
                return false;
            };
            if word(sudog, layout.sudog_g) == Some(g.0) {
                return true;
            }
            next = word(sudog, layout.sudog_next);
        }
        false
    }

    fn channel(&self, at: RuntimeAddr) -> Option<Thing> {
        let layout = self.layout();
        let size = u64::from(layout.hchan_size);
        let head = memory::bytes(self.memory(), at, size, 1 << 12)?;
        let word = |field: u16| u64_at(&head, usize::from(field));
        let element = RuntimeAddr(word(layout.hchan_elemtype)?);
        Some(Thing::Channel {
            element: runtime_type_name(self, element),
            len: word(layout.hchan_qcount)?,
            capacity: word(layout.hchan_dataqsiz)?,
            is_closed: u32_at(&head, usize::from(layout.hchan_closed))? != 0,
        })
    }

    /// `state int32`: bit 0 locked, 1 woken, 2 starving, then how many wait.
    fn mutex(&self, at: RuntimeAddr) -> Option<Thing> {
        let mut state = [0; 4];
        memory::read(self.memory(), at, &mut state)?;
        let state = u32::from_le_bytes(state);
        Some(Thing::Mutex {
            is_locked: state & 1 != 0,
            is_starving: state & 4 != 0,
            n_waiting: state >> 3,
        })
    }

    /// `w Mutex, writerSem, readerSem uint32, readerCount, readerWait int32`; a writer takes 2^30 off the count.
    fn rw_mutex(&self, at: RuntimeAddr) -> Option<Thing> {
        const WRITER: i32 = 1 << 30;
        let bytes = memory::bytes(self.memory(), at, 24, 24)?;
        let count = u32_at(&bytes, 16)?.cast_signed();
        let has_writer = count < 0;
        let n_readers = if has_writer { count.wrapping_add(WRITER) } else { count };
        Some(Thing::RwMutex {
            has_writer,
            n_leaving: u32_at(&bytes, 20)?,
            n_readers: u32::try_from(n_readers).ok()?,
        })
    }
}
