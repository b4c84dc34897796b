//! From a held thread and another's hit to two accesses, or to the decision that it is no race.
//!
//! What is believed: the other thread's instruction touches memory, is in code that does not keep order by its
//! own means, and one of the two writes. A plain read held against LOCK or XCHG is not reported, since
//! on amd64 an atomic load is a plain MOV. Start at [`Judge::verdict`].

use photofinish_goprocess::{Function, LinkAddr, Pc, PcKind, Process, Range, RuntimeAddr};
use photofinish_model::Op;
use photofinish_sys::trace::{Hit, Register, Registers};

use crate::decode::{MemoryAccess, ending_at};
use crate::maps;
use crate::rules::{is_assembly, keeps_own_order, mover_of};
use crate::sites::{Site, SiteKind, code};

/// The most that is read of a held thread's stack, in bytes.
const MOST_STACK: u64 = 64 << 10;

/// A thread as it was held, read before it went on.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) tid: u32,
    pub(crate) site: Site,
    /// Of a map its header, else where the access begins.
    pub(crate) address: u64,
    pub(crate) size: Option<u32>,
    pub(crate) op: Op,
    /// The bytes that were watched: where, and how many.
    pub(crate) watched: (u64, u8),
    pub(crate) registers: Registers,
    pub(crate) goroutine: Option<Owner>,
    pub(crate) callers: Vec<Pc>,
}

/// The goroutine that a thread ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) id: u64,
    /// Behind the `go` statement.
    pub(crate) created_at: RuntimeAddr,
    stack: (u64, u64),
}

/// What the other thread did.
#[derive(Debug)]
pub(crate) struct Other {
    pub(crate) tid: u32,
    pub(crate) goroutine: Option<Owner>,
    pub(crate) touch: Touch,
}

/// What was done, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) op: Op,
    /// `None` where the instruction's address is lost.
    pub(crate) address: Option<u64>,
    pub(crate) size: Option<u32>,
    /// The operation of sync/atomic that the instruction is.
    pub(crate) atomic: Option<&'static str>,
    /// From the access on; what the runtime does below the function that the program called is left out.
    pub(crate) callers: Vec<Pc>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Judge<'a> {
    pub(crate) process: &'a Process,
}

impl Judge<'_> {
    /// The goroutine that `registers` belong to: R14 holds its `g` in all Go code (`ABIInternal`).
    /// Believed if the stack pointer is within its stack.
    pub(crate) fn owner(&self, registers: &Registers) -> Option<Owner> {
        let layout = self.process.layout();
        let fields = [layout.g_goid, layout.g_gopc, layout.g_stack_lo, layout.g_stack_hi];
        let g = registers.get(Register::R14);
        let ranges =
            fields.map(|field| Range { address: g.wrapping_add(u64::from(field)), len: 8 });
        let mut bytes = [0; 32];
        let was_read = self.process.memory().read_many(&ranges, &mut bytes).ok()?;
        if was_read.contains(&false) {
            return None;
        }
        let word =
            |at: usize| bytes.get(8 * at..8 * at + 8)?.try_into().ok().map(u64::from_le_bytes);
        let owner =
            Owner { id: word(0)?, created_at: RuntimeAddr(word(1)?), stack: (word(2)?, word(3)?) };
        let is_plausible = owner.id > 0 && owner.id < 1 << 56 && owner.is_on_stack(registers.sp());
        is_plausible.then_some(owner)
    }

    /// The word at `address`.
    pub(crate) fn word(&self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        let was_read =
            self.process.memory().read_many(&[Range { address, len: 8 }], &mut bytes).ok()?;
        (was_read == [true]).then(|| u64::from_le_bytes(bytes))
    }

    /// The callers of a thread that does not run.
    pub(crate) fn held_callers(&self, registers: &Registers, owner: Owner) -> Vec<Pc> {
        let sp = registers.sp();
        let len = owner.stack.1.saturating_sub(sp).min(MOST_STACK);
        let mut stack = vec![0; usize::try_from(len).unwrap_or(0)];
        let range = Range { address: sp, len: stack.len() };
        if self.process.memory().read_many(&[range], &mut stack).ok() != Some(vec![true]) {
            stack.clear();
        }
        let pc = Pc { address: RuntimeAddr(registers.ip), kind: PcKind::Exact };
        self.process.callers(pc, RuntimeAddr(sp), &stack)
    }

    /// What `hit` says of a race with `held`; `None` if it is none.
    pub(crate) fn verdict(&self, held: &Held, hit: &Hit) -> Option<Other> {
        if hit.tid == held.tid {
            return None;
        }
        let callers = self.hit_callers(hit);
        let functions: Vec<&str> =
            callers.iter().map(|pc| self.physical(*pc)).collect::<Option<_>>()?;
        let touch = match &held.site.kind {
            SiteKind::Map { .. } => map_operation(&callers, &functions)?,
            SiteKind::Access(_) | SiteKind::Bulk { .. } => {
                self.touch(held, hit, &callers, &functions)?
            }
        };
        if !touch.op.is_write() && !held.op.is_write() {
            return None;
        }
        let goroutine = self.owner(&hit.registers);
        let is_same = goroutine.is_some()
            && goroutine.map(|owner| owner.id) == held.goroutine.map(|owner| owner.id);
        (!is_same).then_some(Other { tid: hit.tid, goroutine, touch })
    }

    /// A touch of memory: by the instruction before the one that was reported.
    fn touch(&self, held: &Held, hit: &Hit, callers: &[Pc], functions: &[&str]) -> Option<Touch> {
        let after = RuntimeAddr(hit.registers.ip).linked(self.process.bias());
        let function = self.process.symbols().function_at(after)?;
        let instruction = self.instruction(&function, after, held, hit);
        let described = |(_, access): &(LinkAddr, MemoryAccess)| {
            let address = access.touched(&hit.registers, self.process.bias().0);
            (address, Some(access.size).filter(|_| !access.repeated))
        };
        if keeps_own_order(function.name()) {
            if let Some((entry, op)) = maps::operation_of(functions) {
                let callers = callers.get(entry..)?.to_vec();
                return Some(Touch { op, address: None, size: None, atomic: None, callers });
            }
            let entry = mover_of(functions)?;
            let op = match &instruction {
                Some((_, access)) => op_of(access),
                // What is watched for a reader is only hit by writers; for a writer both are races.
                None if held.op.is_write() => Op::Read,
                None => Op::Write,
            };
            let (address, size) = instruction.as_ref().map(described).unwrap_or_default();
            let callers = callers.get(entry..)?.to_vec();
            return Some(Touch { op, address, size, atomic: None, callers });
        }
        let found = instruction?;
        let (at, access) = found;
        if access.atomic.is_some() && !held.op.is_write()
            || is_assembly(function.place(function.entry).0) && !access.writes
        {
            return None;
        }
        let exact = Pc { address: at.loaded(self.process.bias()), kind: PcKind::Exact };
        let frames = self.process.frames(exact);
        // What `sync` and its kin do inlined is theirs; an atomic operation is told as one.
        if frames
            .first()
            .is_none_or(|frame| keeps_own_order(frame.function) && access.atomic.is_none())
        {
            return None;
        }
        let mut callers = callers.to_vec();
        if let Some(innermost) = callers.first_mut() {
            *innermost = exact;
        }
        let (address, size) = described(&found);
        Some(Touch { op: op_of(&access), address, size, atomic: access.atomic, callers })
    }

    /// The instruction of `function` that touched what was watched, by where the thread stood after it.
    fn instruction(
        &self,
        function: &Function<'_>,
        after: LinkAddr,
        held: &Held,
        hit: &Hit,
    ) -> Option<(LinkAddr, MemoryAccess)> {
        let code = code(self.process, function.entry, function.end)?;
        let (at, len) = held.watched;
        let bias = self.process.bias().0;
        let touched = |access: &MemoryAccess| {
            // What is watched for a reader is only hit by writers.
            (access.writes || held.op.is_write())
                && access.has_touched(&hit.registers, bias, at, u64::from(len))
        };
        let found = ending_at(&code, function.entry.0, after.0);
        let found = found.into_iter().find(|(_, access)| touched(access));
        found.map(|(at, access)| (LinkAddr(at), access))
    }

    /// Exactly by the table, as far as the copy of the stack goes, then by frame pointers.
    fn hit_callers(&self, hit: &Hit) -> Vec<Pc> {
        let pc = Pc { address: RuntimeAddr(hit.registers.ip), kind: PcKind::Exact };
        let sp = RuntimeAddr(hit.registers.sp());
        let mut callers = self.process.callers(pc, sp, &hit.stack);
        if let Some(last) = callers.last().copied()
            && let Some(at) = hit.callers.iter().rposition(|caller| *caller == last.address.0)
        {
            let rest = hit.callers.iter().skip(at + 1);
            callers.extend(rest.map(|at| Pc { address: RuntimeAddr(*at), kind: PcKind::Return }));
        }
        callers.retain(|pc| self.physical(*pc).is_some());
        callers
    }

    fn physical(&self, pc: Pc) -> Option<&str> {
        let address = match pc.kind {
            PcKind::Return => RuntimeAddr(pc.address.0.wrapping_sub(1)),
            PcKind::Exact => pc.address,
        };
        Some(self.process.symbols().function_at(address.linked(self.process.bias()))?.name())
    }
}

/// A touch of a map's flags is an operation on the map: the function that the program called says which.
fn map_operation(callers: &[Pc], functions: &[&str]) -> Option<Touch> {
    let (entry, op) = maps::operation_of(functions)?;
    let callers = callers.get(entry..)?.to_vec();
    Some(Touch { op, address: None, size: None, atomic: None, callers })
}

fn op_of(access: &MemoryAccess) -> Op {
    match (access.writes, access.atomic.is_some()) {
        (true, true) => Op::AtomicWrite,
        (true, false) => Op::Write,
        (false, true) => Op::AtomicRead,
        (false, false) => Op::Read,
    }
}

impl Owner {
    /// Whether `address` is on its stack, which only it uses and which moves.
    pub(crate) fn is_on_stack(&self, address: u64) -> bool {
        (self.stack.0..self.stack.1).contains(&address)
    }
}

#[cfg(test)]
mod tests;
