//! What threads run, seen while they run: a clock samples them, nothing stops.
//!
//! A goroutine that runs has its registers in a processor, and its stack changes faster than it can be read. The
//! kernel looks for us: at each tick of the thread's own time it notes registers, callers and the top of the
//! stack. Whose stack it is, R14 tells, which holds the `g` in all Go code (`ABIInternal`).
//!
//! Start at [`Glimpses::open`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use photofinish_sys::monotonic_now;
use photofinish_sys::trace::{ClockSampler, Hit, Register, Registers, TraceError, freeze};

use crate::goroutine::raw::RawG;
use crate::goroutine::read::Reader;
use crate::goroutine::{self, Pc, StackEnd};
use crate::memory;
use crate::symbols::PcKind;
use crate::unwind::{Unwinder, Window};
use crate::{Goroutine, Process, Range, ReadError, RuntimeAddr, Seen, Status};

/// More frames than this are not kept.
const MOST_FRAMES: usize = 1024;
/// Samples are taken from the kernel so often.
const TAKE: Duration = Duration::from_millis(1);
/// To learn what a thread runs.
const PACE: Pace = Pace { every: Duration::from_micros(500), copied: 4096 };
/// Those not seen yet may have stopped running: they are read again so often.
const READ_AGAIN: Duration = Duration::from_millis(8);
/// Of a thread that is held still, so much of its stack is read.
const STILL_STACK: u64 = 64 << 10;

/// A thread at one moment.
#[derive(Clone, Debug)]
pub struct Glimpse {
    /// The thread, by its number for us.
    pub thread: u32,
    /// The goroutine it ran, if it ran one.
    pub goroutine: Option<u64>,
    /// When, by CLOCK_MONOTONIC, in nanoseconds.
    pub time: u64,
    /// Where it stood, and whom that returns to.
    pub stack: Vec<Pc>,
    /// How that ends.
    pub stack_end: StackEnd,
    /// What its registers held.
    pub registers: Registers,
    /// The stack from the stack pointer on, as far as it was copied.
    pub bytes: Vec<u8>,
}

/// Glimpses of some threads of a process, as long as it lives.
#[derive(Debug)]
pub struct Glimpses<'a> {
    process: &'a Process,
    unwinder: Unwinder<'a>,
    samplers: Vec<ClockSampler>,
    pace: Pace,
}

/// How closely threads are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Each time a thread has run for so long.
    pub every: Duration,
    /// So many bytes of its stack are copied; the callers beyond are told by frame pointers.
    pub copied: u16,
}

/// Whose thread it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    id: u64,
    stack: (u64, u64),
}

impl<'a> Glimpses<'a> {
    /// Looks at `threads`.
    ///
    /// # Errors
    /// We have not the right. Threads that ended are left out.
    pub fn open(
        process: &'a Process,
        threads: &[u32],
        pace: Pace,
    ) -> Result<Glimpses<'a>, TraceError> {
        let unwinder = Unwinder::new(process.symbols(), process.bias());
        let mut glimpses = Glimpses { process, unwinder, samplers: Vec::new(), pace };
        glimpses.add(threads)?;
        Ok(glimpses)
    }

    /// Looks at those of `threads` that it does not look at yet.
    ///
    /// # Errors
    /// As [`Glimpses::open`], if there are none to look at.
    pub fn add(&mut self, threads: &[u32]) -> Result<(), TraceError> {
        for tid in threads {
            if self.samplers.iter().any(|known| known.is_of(*tid)) {
                continue;
            }
            match ClockSampler::open(*tid, self.pace.every, self.pace.copied) {
                Ok(sampler) => self.samplers.push(sampler),
                Err(error) if error.is_gone() => {}
                // An unprivileged user has memory for so many threads and no more.
                Err(_) if !self.samplers.is_empty() => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// What was seen since the last call. There is room for few samples: a millisecond is long enough.
    pub fn take(&mut self) -> Vec<Glimpse> {
        let hits: Vec<Hit> = self.samplers.iter_mut().flat_map(ClockSampler::take).collect();
        let owned = |hit: Hit| (self.process.owner(&hit.registers), hit);
        let hits: Vec<(Option<Owner>, Hit)> = hits.into_iter().map(owned).collect();
        hits.into_iter().map(|(owner, hit)| glimpse(&mut self.unwinder, owner, hit)).collect()
    }
}

/// All threads of a process at one moment, for which they are held still; and for how long they stood.
///
/// # Errors
/// The process is gone, or we have not the right to hold threads, or it does not run.
pub fn glimpses_still(process: &Process) -> Result<(Vec<Glimpse>, Duration), ReadError> {
    let pid = process.pid().ok_or(ReadError::NotLive)?;
    let (hits, held) = freeze(pid, |frozen| {
        let time = monotonic_now();
        let standing = frozen.threads.iter().filter_map(|thread| {
            let registers = thread.registers?;
            let owner = process.owner(&registers)?;
            let sp = RuntimeAddr(registers.sp());
            let len = owner.stack.1.checked_sub(sp.0)?.min(STILL_STACK);
            let stack = memory::bytes(process.memory(), sp, len, STILL_STACK)?;
            let hit = Hit { pid, tid: thread.tid, time, registers, callers: Vec::new(), stack };
            Some((Some(owner), hit))
        });
        standing.collect::<Vec<(Option<Owner>, Hit)>>()
    })?;
    let mut unwinder = Unwinder::new(process.symbols(), process.bias());
    Ok((hits.into_iter().map(|(owner, hit)| glimpse(&mut unwinder, owner, hit)).collect(), held))
}

fn glimpse(unwinder: &mut Unwinder<'_>, owner: Option<Owner>, hit: Hit) -> Glimpse {
    let sp = hit.registers.sp();
    // The copy may reach beyond the goroutine's stack.
    let room = owner.and_then(|owner| owner.stack.1.checked_sub(sp)).unwrap_or(u64::MAX);
    let mut bytes = hit.stack;
    bytes.truncate(usize::try_from(room).unwrap_or(usize::MAX));
    let pc = Pc { address: RuntimeAddr(hit.registers.ip), kind: PcKind::Exact };
    let window = Window { base: sp, bytes: &bytes, is_part: false };
    let walk = unwinder.walk(pc, sp, window, MOST_FRAMES);
    let (mut stack, mut stack_end) = walk.unwrap_or_default();
    // Exactly by the table as far as the copy goes, then by frame pointers.
    if stack_end == StackEnd::Lost
        && let Some(last) = stack.last()
        && let Some(at) = hit.callers.iter().rposition(|caller| *caller == last.address.0)
    {
        let rest = hit.callers.iter().skip(at + 1);
        for caller in rest.map(|at| Pc { address: RuntimeAddr(*at), kind: PcKind::Return }) {
            match unwinder.is_top(caller.address) {
                None => break,
                Some(false) => stack.push(caller),
                Some(true) => stack_end = StackEnd::Complete,
            }
        }
    }
    Glimpse {
        thread: hit.tid,
        goroutine: owner.map(|owner| owner.id),
        time: hit.time,
        stack,
        stack_end,
        registers: hit.registers,
        bytes,
    }
}

impl Process {
    /// Gives the goroutines that run (or moved whenever they were read) the stack that a clock sees them with in
    /// the next moments, at most for `most`. They stay unsettled: it is where they were at about that time.
    ///
    /// # Errors
    /// We have not the right to sample.
    pub fn sample_running(
        &self,
        goroutines: &mut [Goroutine],
        most: Duration,
    ) -> Result<(), TraceError> {
        let mut wanted: HashMap<u64, &mut Goroutine> = goroutines
            .iter_mut()
            .filter(|goroutine| !goroutine.settled && goroutine.stack.is_empty())
            .map(|goroutine| (goroutine.id, goroutine))
            .collect();
        let Some(pid) = self.pid().filter(|_| !wanted.is_empty()) else { return Ok(()) };
        let all = photofinish_sys::threads(pid)?;
        let all_run =
            wanted.values().all(|one| one.status == Status::Running && one.thread.is_some());
        let threads: Vec<u32> = if all_run {
            wanted.values().filter_map(|goroutine| goroutine.thread).collect()
        } else {
            all.iter().map(|thread| thread.tid).collect()
        };
        let mut glimpses = Glimpses::open(self, &threads, PACE)?;
        let mut reader = self.reader(&all);
        reader.now = Some(monotonic_now());
        let start = Instant::now();
        let mut next_reading = start + READ_AGAIN;
        while !wanted.is_empty() && start.elapsed() < most {
            std::thread::sleep(TAKE);
            if Instant::now() >= next_reading {
                wanted.retain(|_, goroutine| !self.has_stopped(&mut reader, goroutine));
                next_reading = Instant::now() + READ_AGAIN;
            }
            for glimpse in glimpses.take() {
                let Some(id) = glimpse.goroutine.filter(|_| !glimpse.stack.is_empty()) else {
                    continue;
                };
                if let Some(goroutine) = wanted.remove(&id) {
                    goroutine.seen = Seen::Sample;
                    goroutine.stack = glimpse.stack;
                    goroutine.stack_end = glimpse.stack_end;
                }
            }
        }
        goroutine::add_semaphores(self, goroutines);
        Ok(())
    }

    /// Whether a goroutine that ran has stopped meanwhile, and can be read where it stands.
    fn has_stopped(&self, reader: &mut Reader<'_>, goroutine: &mut Goroutine) -> bool {
        let Some(bytes) = self.g_of(goroutine) else { return false };
        let raw = RawG::new(&bytes, self.layout());
        if raw.id() != goroutine.id || raw.status() == Some(Status::Running) {
            return false;
        }
        let read = reader.read_all(&[goroutine.address]).ok().and_then(|mut read| read.pop());
        match read.filter(|read| read.id == goroutine.id && !read.stack.is_empty()) {
            Some(read) => {
                *goroutine = read;
                true
            }
            None => false,
        }
    }

    /// The goroutine that `registers` belong to. Believed if the stack pointer is within its stack.
    fn owner(&self, registers: &Registers) -> Option<Owner> {
        let layout = self.layout();
        let fields = [layout.g_goid, layout.g_stack_lo, layout.g_stack_hi];
        let g = registers.get(Register::R14);
        let ranges =
            fields.map(|field| Range { address: g.wrapping_add(u64::from(field)), len: 8 });
        let mut bytes = [0; 24];
        if self.memory().read_many(&ranges, &mut bytes).ok()? != [true; 3] {
            return None;
        }
        let word = |word_idx: usize| crate::bytes::u64_at(&bytes, 8 * word_idx);
        let owner = Owner { id: word(0)?, stack: (word(1)?, word(2)?) };
        let sp = registers.sp();
        let is_on_stack = owner.stack.0 < sp && sp < owner.stack.1;
        (owner.id > 0 && owner.id < 1 << 56 && is_on_stack).then_some(owner)
    }
}
