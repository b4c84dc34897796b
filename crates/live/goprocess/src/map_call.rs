//! Who is inside the runtime's map functions, and in which map.
//!
//! The outermost of those functions on a stack says what is done, its argument which map it is. Where the argument is
//! at that moment its code tells, or the caller's (`holding`): stripped programs need no other help. A map that neither
//! has any more stays unknown. Sources: `runtime/map*.go`, Go 1.21 to 1.23, and `internal/runtime/maps`, Go 1.24 to 1.27.
//!
//! Start at [`MapCalls::of_glimpse`].

use std::collections::HashMap;

use photofinish_sys::trace::Registers;

use crate::goroutine::Pc;
use crate::holding::{Argument, Holding, Recipe};
use crate::memory;
use crate::symbols::PcKind;
use crate::unwind::Unwinder;
use crate::{Glimpse, Goroutine, LinkAddr, Process, RuntimeAddr};

/// The field of an iterator (`hiter.h`, `maps.Iter.m`) that points to the map.
const ITERATOR_MAP: i64 = 24;
/// Of a goroutine that does not run, so much of its stack is read.
const MOST_STACK: u64 = 64 << 10;

/// A goroutine inside a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapCall {
    /// The map's header; `None` where that can no longer be told.
    pub map: Option<RuntimeAddr>,
    /// It assigns, deletes or clears.
    pub writes: bool,
    /// Number of the frame that called the runtime.
    pub caller: usize,
}

/// What a function of the runtime does to a map, and where the map is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapOperation {
    /// It assigns, deletes or clears.
    pub writes: bool,
    /// The map is its second argument; else it is in the iterator, which is the first.
    pub is_second: bool,
}

/// A stack as it stood, with what is needed to look into its frames.
struct Standing<'s> {
    stack: &'s [Pc],
    sp: u64,
    bytes: &'s [u8],
    registers: Option<&'s Registers>,
}

/// Finds map calls; remembers the code it has been through.
pub struct MapCalls<'a> {
    process: &'a Process,
    unwinder: Unwinder<'a>,
    functions: HashMap<LinkAddr, Option<Holding<'a>>>,
    recipes: HashMap<(LinkAddr, bool, Asked), Option<Recipe>>,
}

/// What is asked of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Asked {
    /// Where it has its own argument.
    Own(Argument),
    /// Where it took the argument from that it gave.
    Given(Argument),
}

impl<'a> MapCalls<'a> {
    /// For the maps of `process`.
    pub fn new(process: &'a Process) -> MapCalls<'a> {
        let unwinder = Unwinder::new(process.symbols(), process.bias());
        MapCalls { process, unwinder, functions: HashMap::new(), recipes: HashMap::new() }
    }

    /// The map that a thread was in when it was seen.
    pub fn of_glimpse(&mut self, glimpse: &Glimpse) -> Option<MapCall> {
        let (sp, registers) = (glimpse.registers.sp(), Some(&glimpse.registers));
        self.find(&Standing { stack: &glimpse.stack, sp, bytes: &glimpse.bytes, registers })
    }

    /// The map that a goroutine is in which does not run.
    pub fn of_goroutine(&mut self, goroutine: &Goroutine) -> Option<MapCall> {
        self.operation(&goroutine.stack)?;
        let (sp, bytes) = self.process.parked_stack(goroutine, MOST_STACK)?;
        self.find(&Standing { stack: &goroutine.stack, sp, bytes: &bytes, registers: None })
    }

    /// The outermost map function on a stack, before any other function that is not the runtime's.
    fn operation(&self, stack: &[Pc]) -> Option<(usize, MapOperation)> {
        let mut found = None;
        for (frame_idx, pc) in stack.iter().enumerate() {
            let name = self.process.function_name(*pc)?;
            if let Some(operation) = name.strip_prefix("runtime.map").and_then(MapOperation::of) {
                found = Some((frame_idx, operation));
            } else if !is_below_maps(name) {
                break;
            }
        }
        found
    }

    fn find(&mut self, standing: &Standing<'_>) -> Option<MapCall> {
        let (frame_idx, operation) = self.operation(standing.stack)?;
        let argument = if operation.is_second { Argument::Second } else { Argument::First };
        let value = self.argument(standing, frame_idx, Asked::Own(argument));
        let value =
            value.or_else(|| self.argument(standing, frame_idx + 1, Asked::Given(argument)));
        let map = match value {
            Some(at) if operation.is_second => Some(at),
            Some(iterator) => self.word(standing, iterator.wrapping_add_signed(ITERATOR_MAP)),
            None => None,
        };
        let map = map.filter(|map| *map != 0 && map.is_multiple_of(8)).map(RuntimeAddr);
        Some(MapCall { map, writes: operation.writes, caller: frame_idx + 1 })
    }

    /// What a frame had, or gave, as an argument.
    fn argument(&mut self, standing: &Standing<'_>, frame_idx: usize, asked: Asked) -> Option<u64> {
        let pc = *standing.stack.get(frame_idx)?;
        let recipe = self.recipe(pc, asked)?;
        let spans = self.unwinder.spans(standing.stack.get(..=frame_idx)?, standing.sp);
        let (_, end) = *spans.get(frame_idx)?;
        let registers = standing.registers.filter(|_| frame_idx == 0);
        self.follow(standing, &recipe, end.checked_sub(8)?, registers)
    }

    fn recipe(&mut self, pc: Pc, asked: Asked) -> Option<Recipe> {
        let linked = pc.address.linked(self.process.bias());
        let in_call = pc.kind == PcKind::Return;
        if let Some(known) = self.recipes.get(&(linked, in_call, asked)) {
            return known.clone();
        }
        let at = if in_call { LinkAddr(linked.0.checked_sub(1)?) } else { linked };
        let function = self.process.symbols().function_at(at)?;
        let holding = self.functions.entry(function.entry).or_insert_with(|| {
            Holding::of(self.process.binary(), self.process.symbols(), function)
        });
        let recipe = holding.as_mut().and_then(|holding| match asked {
            Asked::Own(argument) => holding.own_argument(argument, linked, in_call),
            Asked::Given(argument) => holding.given(argument, linked).filter(|_| in_call),
        });
        self.recipes.insert((linked, in_call, asked), recipe.clone());
        recipe
    }

    /// Follows a recipe in a frame whose return address lies at `top`.
    fn follow(
        &self,
        standing: &Standing<'_>,
        recipe: &Recipe,
        top: u64,
        registers: Option<&Registers>,
    ) -> Option<u64> {
        match recipe {
            Recipe::Register(register) => registers?.numbered(usize::from(*register)),
            Recipe::Slot(slot) => self.word(standing, top.wrapping_add_signed(*slot)),
            Recipe::SlotAddress(slot) => Some(top.wrapping_add_signed(*slot)),
            Recipe::Address(address) => Some(LinkAddr(*address).loaded(self.process.bias()).0),
            Recipe::Plus(base, more) => {
                Some(self.follow(standing, base, top, registers)?.wrapping_add_signed(*more))
            }
            Recipe::Word(at) => self.word(standing, self.follow(standing, at, top, registers)?),
        }
    }

    /// The word at `at`: of the copy of the stack where that has it, else as it is now.
    fn word(&self, standing: &Standing<'_>, at: u64) -> Option<u64> {
        let in_copy = at.checked_sub(standing.sp).and_then(|skip| usize::try_from(skip).ok());
        in_copy
            .and_then(|skip| crate::bytes::u64_at(standing.bytes, skip))
            .or_else(|| memory::word(self.process.memory(), RuntimeAddr(at)))
    }
}

impl MapOperation {
    /// What the function does whose name, behind `runtime.map`, is `name` (`assign_faststr`); `None` for one that does
    /// nothing to maps. `mapaccess1_fat` and its kin are given more arguments; the second is the same.
    pub fn of(name: &str) -> Option<MapOperation> {
        let is_read = name.starts_with("access") || name == "iterinit" || name == "IterStart";
        let writes = name.starts_with("assign") || name.starts_with("delete") || name == "clear";
        let is_next = name == "iternext" || name == "IterNext";
        (is_read || writes || is_next).then_some(MapOperation { writes, is_second: !is_next })
    }
}

/// What map functions call, the hash of a type among it, and what stands between them and the program.
fn is_below_maps(name: &str) -> bool {
    let is_library =
        ["runtime.", "internal/runtime/", "internal/abi.", "type:.", "internal/bytealg."];
    is_library.iter().any(|prefix| name.starts_with(prefix)) || !name.contains('.')
}

impl std::fmt::Debug for MapCalls<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MapCalls after {} functions", self.functions.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_functions_are_known_by_their_names() {
        let writes = |name| MapOperation::of(name).map(|operation| operation.writes);
        assert_eq!(writes("access2_faststr"), Some(false));
        assert_eq!(writes("assign_fast64ptr"), Some(true));
        assert_eq!(writes("clear"), Some(true));
        assert_eq!(MapOperation::of("IterNext").map(|it| it.is_second), Some(false));
        assert_eq!(writes("runtime.makemap"), None);
        assert_eq!(writes("main.mapaccess1"), None);
    }
}
