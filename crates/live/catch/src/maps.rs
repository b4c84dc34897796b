//! The runtime's functions on maps: which they are, what they do, where the map is.
//!
//! The place to hold a thread is the user's call of such a function, not its entry, where a service's
//! thousands of header maps would drown the one that matters. Sources: `runtime/map*.go` and
//! `cmd/compile/internal/walk`, Go 1.21 to 1.23 (`hmap`) and 1.24 to 1.27 (`internal/runtime/maps`).

use photofinish_goprocess::MapOperation;
use photofinish_model::Op;
use photofinish_sys::trace::{Register, Registers};

/// Where the map is when the function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapArgument {
    /// The only argument.
    First,
    /// The second argument, behind the map's type. Of `maps.clone` that is an interface's second word.
    Second,
    /// In the iterator, which is the first.
    InIterator,
}

/// The field of an iterator (`hiter.h`, `maps.Iter.m`) that points to the map.
const ITERATOR_MAP: u64 = 24;

/// What function `name` of the runtime does to a map; `None` for one that is no such function. `reflect.map…` are the
/// runtime's too, named for their callers.
pub(crate) fn operation(name: &str) -> Option<(Op, MapArgument)> {
    if name == "maps.clone" {
        return Some((Op::Read, MapArgument::Second));
    }
    let name = name.strip_prefix("runtime.map").or_else(|| name.strip_prefix("reflect.map"))?;
    if name == "len" {
        return Some((Op::Read, MapArgument::First));
    }
    let MapOperation { writes, is_second } = MapOperation::of(name)?;
    let op = if writes { Op::Write } else { Op::Read };
    Some((op, if is_second { MapArgument::Second } else { MapArgument::InIterator }))
}

/// Whether the function is a part of a map operation and of nothing else, or moves memory for one. What allocates
/// is not: it keeps its own order.
pub(crate) fn is_inside(name: &str) -> bool {
    const PARTS: &[&str] = &[
        "internal/runtime/maps.",
        "runtime.map",
        "runtime.(*hmap).",
        "runtime.(*bmap).",
        "runtime.evacuate",
        "runtime.growWork",
        "runtime.hashGrow",
        "runtime.advanceEvacuationMark",
        "runtime.moveToBmap",
        "runtime.typedmemmove",
        "runtime.typedmemclr",
        "runtime.memmove",
        "runtime.memclr",
        "runtime.duff",
        "reflect.map",
    ];
    PARTS.iter().any(|part| name.starts_with(part))
}

/// The operation on a map that `functions`, innermost first, are in: its place among them, and what it does.
pub(crate) fn operation_of(functions: &[&str]) -> Option<(usize, Op)> {
    let entry = functions.iter().position(|function| operation(function).is_some())?;
    let (op, _) = operation(functions.get(entry)?)?;
    functions.get(..entry)?.iter().all(|inner| is_inside(inner)).then_some((entry, op))
}

/// The word of a map's header that every operation touches: it holds the flag `writing`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FlagWord {
    pub(crate) offset: u64,
    pub(crate) len: u8,
}

/// The word of the maps of Go 1.`minor`.
pub(crate) fn flag_word(minor: Option<u32>, experiments: &str) -> FlagWord {
    let is_old = minor.is_some_and(|minor| minor < 24) || experiments.contains("noswissmap");
    if is_old {
        // `hmap.flags`, `B`, `noverflow`.
        FlagWord { offset: 8, len: 4 }
    } else {
        // `Map.globalDepth`, `globalShift`, `writing`.
        FlagWord { offset: 32, len: 8 }
    }
}

impl FlagWord {
    /// Of a `runtime.hmap`, Go 1.21 to 1.23, and later by `GOEXPERIMENT=noswissmap`.
    fn is_old(self) -> bool {
        self.offset == 8
    }
}

/// The map that a call of `function` is given. `word` reads the process.
pub(crate) fn argument(
    registers: &Registers,
    function: &str,
    argument: MapArgument,
    flag_word: FlagWord,
    word: impl Fn(u64) -> Option<u64>,
) -> Option<u64> {
    let map = match argument {
        MapArgument::First => registers.get(Register::Rax),
        MapArgument::Second => registers.get(Register::Rbx),
        // From Go 1.24 on `mapiternext` is given another iterator, by old libraries only (`linkname_shim.go`).
        MapArgument::InIterator if function.ends_with("iternext") && !flag_word.is_old() => {
            return None;
        }
        MapArgument::InIterator => word(registers.get(Register::Rax).wrapping_add(ITERATOR_MAP))?,
    };
    (map != 0).then_some(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn map_functions_are_known_by_their_names() {
        for (name, op) in [
            ("runtime.mapaccess1", Op::Read),
            ("runtime.mapaccess2_faststr", Op::Read),
            ("runtime.mapassign_fast64ptr", Op::Write),
            ("runtime.mapdelete_fast32", Op::Write),
            ("runtime.mapclear", Op::Write),
            ("runtime.mapiterinit", Op::Read),
            ("runtime.mapIterStart", Op::Read),
            ("runtime.mapiternext", Op::Read),
            ("reflect.mapassign_faststr0", Op::Write),
            ("reflect.maplen", Op::Read),
            ("maps.clone", Op::Read),
        ] {
            assert_eq!(operation(name).map(|found| found.0), Some(op), "{name}");
        }
        for name in ["runtime.makemap", "runtime.mapKeyError", "main.mapaccess1", "maps.Clone"] {
            assert_eq!(operation(name), None, "{name}");
        }
    }

    #[test]
    fn an_operation_is_told_by_the_function_that_was_called() {
        let told = |functions: &[&str]| operation_of(functions);
        let fast =
            ["internal/runtime/maps.(*Map).growToTable", "runtime.mapassign_faststr", "main.f"];
        assert_eq!(told(&fast), Some((1, Op::Write)));
        let cloned = ["internal/runtime/maps.(*Iter).Next", "runtime.mapclone2", "maps.clone"];
        assert_eq!(told(&cloned), Some((2, Op::Read)));
        let moved = ["runtime.memmove", "runtime.typedmemmove", "runtime.mapassign", "main.f"];
        assert_eq!(told(&moved), Some((2, Op::Write)));
        let fresh = ["runtime.memclrNoHeapPointers", "runtime.mallocgc", "runtime.mapassign"];
        assert_eq!(told(&fresh), None, "memory that nobody has yet");
        assert_eq!(told(&["runtime.scanobject", "runtime.gcDrain"]), None);
        assert_eq!(told(&["main.f"]), None);
    }

    #[test]
    fn the_map_is_where_the_function_expects_it() {
        let mut registers = Registers::default();
        registers.set(Register::Rax, 0x100);
        registers.set(Register::Rbx, 0x200);
        let word = |at| (at == 0x118).then_some(0x300);
        let (old, new) = (flag_word(Some(23), ""), flag_word(Some(26), ""));
        let found = |function: &str, flag_word| {
            let (_, place) = operation(function)?;
            argument(&registers, function, place, flag_word, word)
        };
        assert_eq!(found("runtime.mapaccess1", new), Some(0x200));
        assert_eq!(found("reflect.maplen", new), Some(0x100));
        assert_eq!(found("runtime.mapIterNext", new), Some(0x300));
        assert_eq!(found("runtime.mapiternext", old), Some(0x300));
        assert_eq!(found("runtime.mapiternext", new), None);
        registers.set(Register::Rbx, 0);
        assert_eq!(
            argument(&registers, "runtime.mapaccess1", MapArgument::Second, new, word),
            None
        );
    }

    #[test]
    fn the_header_of_maps_changed_with_go_1_24() {
        assert_eq!(flag_word(Some(23), "").offset, 8);
        assert_eq!(flag_word(Some(24), "").offset, 32);
        assert_eq!(flag_word(Some(25), "go1.25.3 X:noswissmap").offset, 8);
        assert_eq!(flag_word(None, "devel").offset, 32);
    }
}
