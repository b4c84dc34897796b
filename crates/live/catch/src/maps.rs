//! The runtime's functions on maps: which they are, what they do, where the map is.
//!
//! The place to hold a thread is the user's call of such a function, not its entry, where a service's
//! thousands of header maps would drown the one that matters. Sources: `runtime/map*.go` and
//! `cmd/compile/internal/walk`, Go 1.21 to 1.23 (`hmap`) and 1.24 to 1.27 (`internal/runtime/maps`).

use photofinish_model::Op;
use photofinish_sys::trace::{Register, Registers};

/// Where the map is when the function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapArgument {
    /// The second argument.
    Second,
    /// In the iterator, which is the first.
    InIterator,
}

/// The field of an iterator (`hiter.h`, `maps.Iter.m`) that points to the map.
pub(crate) const ITERATOR_MAP: u64 = 24;

/// What function `name` of the runtime does to a map; `None` for one that is no such function.
pub(crate) fn operation(name: &str) -> Option<(Op, MapArgument)> {
    let name = name.strip_prefix("runtime.map")?;
    let (op, argument) = if name.starts_with("access") {
        (Op::Read, MapArgument::Second)
    } else if name.starts_with("assign") || name.starts_with("delete") || name == "clear" {
        (Op::Write, MapArgument::Second)
    } else if name == "iterinit" || name == "IterStart" {
        (Op::Read, MapArgument::Second)
    } else if name == "iternext" || name == "IterNext" {
        (Op::Read, MapArgument::InIterator)
    } else {
        return None;
    };
    // `mapaccess1_fat` and its kin are given more arguments; the second is the same.
    Some((op, argument))
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

/// The register that holds the argument.
pub(crate) fn argument(registers: &Registers, argument: MapArgument) -> u64 {
    match argument {
        MapArgument::Second => registers.get(Register::Rbx),
        MapArgument::InIterator => registers.get(Register::Rax),
    }
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
        ] {
            assert_eq!(operation(name).map(|found| found.0), Some(op), "{name}");
        }
        for name in ["runtime.makemap", "runtime.mapKeyError", "main.mapaccess1"] {
            assert_eq!(operation(name), None, "{name}");
        }
    }

    #[test]
    fn the_header_of_maps_changed_with_go_1_24() {
        assert_eq!(flag_word(Some(23), "").offset, 8);
        assert_eq!(flag_word(Some(24), "").offset, 32);
        assert_eq!(flag_word(Some(25), "go1.25.3 X:noswissmap").offset, 8);
        assert_eq!(flag_word(None, "devel").offset, 32);
    }
}
