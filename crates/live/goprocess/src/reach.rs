//! Goroutines that wait for what nobody can reach any more.
//!
//! As the runtime's own leak profile does it (`runtime/mgc.go`, Go 1.26), but from outside and without its types: every
//! word that could be a pointer is one. From the variables and the goroutines that can go on, everything that can be
//! reached is; a goroutine whose channel or lock is reached can go on too, and so on. What
//! remains waits for ever. Stale words keep things reached, so a leak may be missed; a pointer that is only in a
//! register of a running thread is not seen, so what is found must be found twice (`inspect`).
//!
//! Start at [`Process::unreachable`].

use std::collections::{HashMap, HashSet};

use crate::code::slices_in;
use crate::heap::{Heap, LARGEST};
use crate::keepers::Keepers;
use crate::memory;
use crate::{Goroutine, Process, RuntimeAddr, Status, WaitOn};

/// More processors than this Go does not use.
const MOST_PROCESSORS: u64 = 4096;

/// Where the objects of a heap begin.
#[derive(Debug)]
pub struct Objects<'a>(Heap<'a>);

impl Objects<'_> {
    /// Where the object around `address` begins; `None` outside the heap, and of the smallest objects, which several
    /// variables may share (`mallocgcTiny` of `runtime/malloc.go`).
    pub fn start_of(&self, address: RuntimeAddr) -> Option<RuntimeAddr> {
        const TINY: u64 = 16;
        let (start, size) = self.0.object_around(address)?;
        (size > TINY).then_some(RuntimeAddr(start))
    }
}

/// Why reachability was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoHeap {
    /// The heap's own records were not found.
    #[error("the heap's records were not found")]
    NotFound,
    /// There is too much of it.
    #[error("more than {} MiB would have to be read", LARGEST >> 20)]
    TooLarge,
}

impl Process {
    /// The objects of its heap; `None` if the heap's own records were not found.
    pub fn objects(&self) -> Option<Objects<'_>> {
        Heap::open(self.memory(), self.layout(), self.module()).map(Objects)
    }

    /// The numbers of those of `goroutines` (all of the process) that wait for a channel or lock that cannot be
    /// reached any more. Reads the whole heap.
    ///
    /// # Errors
    /// The heap is not understood, or too large.
    pub fn unreachable(&self, goroutines: &[Goroutine]) -> Result<HashSet<u64>, NoHeap> {
        let (memory, layout, module) = (self.memory(), self.layout(), self.module());
        let mut heap = Heap::open(memory, layout, module).ok_or(NoHeap::NotFound)?;
        let holes = self.holes(&heap);
        for (from, to) in self.roots() {
            heap.reach_from(from, to);
        }
        let can_be_stuck = |goroutine: &&Goroutine| is_candidate(goroutine);
        let (mut waiting, live): (Vec<&Goroutine>, Vec<&Goroutine>) =
            goroutines.iter().partition(can_be_stuck);
        let mut keepers = Keepers::new(self);
        keepers.reach(&mut heap, &live);
        loop {
            if !heap.follow(|object| holes.get(&object).copied()) {
                return Err(NoHeap::TooLarge);
            }
            // What moved since it was seen waiting could go on, and so can whom it wakes.
            let stands = keepers.stand(&waiting);
            let goes_on = |(goroutine, stands): &(&Goroutine, bool)| {
                let is_reached = |at| heap.is_reached(at) != Some(false);
                goroutine.waits.iter().any(|wait| is_reached(wait.address)) || !stands
            };
            let (next, rest): (Vec<_>, Vec<_>) = waiting.into_iter().zip(stands).partition(goes_on);
            waiting = rest.into_iter().map(|(goroutine, _)| goroutine).collect();
            if next.is_empty() {
                break;
            }
            let next: Vec<&Goroutine> = next.into_iter().map(|(goroutine, _)| goroutine).collect();
            keepers.reach(&mut heap, &next);
        }
        Ok(waiting.into_iter().map(|goroutine| goroutine.id).collect())
    }

    /// What is not followed, by where the object begins. A goroutine is followed when it can go on, not when
    /// somebody has its `g`: the runtime has all of them. What a processor (`p`) keeps for the garbage collector was
    /// written once and may be stale: its work (`gcw`) and its write barriers (`wbBuf`, behind it).
    fn holes(&self, heap: &Heap<'_>) -> HashMap<u64, (u64, u64)> {
        let layout = self.layout();
        let mut holes = HashMap::new();
        for g in self.all_addresses() {
            let hole = (g.0, g.plus(u64::from(layout.g_size)).0);
            holes.extend(heap.start_of(g).map(|start| (start, hole)));
        }
        let wbbuf_end = u64::from(layout.p_wbbuf) + u64::from(layout.wbbuf_size);
        for p in self.processors() {
            let hole = (p.plus(u64::from(layout.p_gcw)).0, p.plus(wbbuf_end).0);
            holes.extend(heap.start_of(p).map(|start| (start, hole)));
        }
        holes
    }

    /// All `p`s (`runtime.allp`): found by being numbered from 0.
    fn processors(&self) -> Vec<RuntimeAddr> {
        let memory = self.memory();
        let list = |at: RuntimeAddr| {
            let first = RuntimeAddr(memory::word(memory, at)?);
            let len = memory::word(memory, at.plus(8)).filter(|len| *len <= MOST_PROCESSORS)?;
            let pointers = memory::bytes(memory, first, len * 8, MOST_PROCESSORS * 8)?;
            let is_numbered = |(number, pointer): (usize, &[u8])| {
                let at = RuntimeAddr(pointer.try_into().map(u64::from_le_bytes).ok()?);
                let mut id = [0; 4];
                memory::read(memory, at.plus(u64::from(self.layout().p_id)), &mut id)?;
                (usize::try_from(u32::from_le_bytes(id)).ok()? == number).then_some(at)
            };
            // One that is numbered 0 could be anything.
            let all: Option<Vec<RuntimeAddr>> =
                pointers.chunks_exact(8).enumerate().map(is_numbered).collect();
            all.filter(|all| !all.is_empty())
        };
        let named = self.variables_of("runtime.procresize").into_iter();
        let most = named.filter_map(list).max_by_key(Vec::len);
        most.or_else(|| slices_in(memory, self.module().bss).filter_map(list).max_by_key(Vec::len))
            .unwrap_or_default()
    }

    /// The variables with pointers, but for the table of semaphores, which has every lock waited for.
    fn roots(&self) -> Vec<(RuntimeAddr, RuntimeAddr)> {
        let module = self.module();
        let plugins = self.plugins().iter().flat_map(|plugin| plugin.variables);
        let spans: Vec<_> = [module.data, module.bss[0]].into_iter().chain(plugins).collect();
        let Some((from, to)) = self.semaphores().map(|table| table.span()) else {
            return spans;
        };
        let mut roots = Vec::new();
        for (start, end) in spans {
            if from >= start && to <= end {
                roots.extend([(start, from), (to, end)]);
            } else {
                roots.push((start, end));
            }
        }
        roots
    }
}

/// Whether it waits for something in memory that others would have to reach. The runtime's own are never leaks.
fn is_candidate(goroutine: &Goroutine) -> bool {
    let is_in_memory = goroutine.waits.iter().all(|wait| wait.on != WaitOn::Semaphore);
    goroutine.settled
        && goroutine.status == Status::Waiting
        && !goroutine.waits.is_empty()
        && is_in_memory
}
