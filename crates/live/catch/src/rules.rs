//! Whose code is looked at, and what another thread's touch does not count.
//!
//! The runtime, `sync` and what they are made of keep their own order, by means that cannot be told from
//! a race; they are neither waited in nor believed. The garbage collector reads words of the heap, and is among
//! them.

use photofinish_model::package_of;

/// Packages of the standard library with types that are shared by mistake: the access is in the library, the
/// culprit is the caller.
const SHARED_BY_MISTAKE: &[&str] = &[
    "bufio",
    "bytes",
    "container",
    "encoding",
    "hash",
    "math",
    "net/http",
    "net/textproto",
    "net/url",
    "regexp",
    "slices",
    "sort",
    "strings",
    "text",
];

/// Runtime functions that move memory for the program, and nothing else.
const MOVERS: &[&str] =
    &["runtime.memmove", "runtime.memclrNoHeapPointers", "runtime.duffcopy", "runtime.duffzero"];

/// Those that a program's own code calls, and that call movers with what the program gave them.
const CALLERS_OF_MOVERS: &[&str] = &[
    "runtime.concatstring2",
    "runtime.concatstring3",
    "runtime.concatstring4",
    "runtime.concatstring5",
    "runtime.concatstrings",
    "runtime.growslice",
    "runtime.memclrHasPointers",
    "runtime.slicebytetostring",
    "runtime.stringtoslicebyte",
    "runtime.typedmemclr",
    "runtime.typedmemmove",
    "runtime.typedslicecopy",
    "runtime.wbMove",
    "runtime.wbZero",
];

/// Whether the package keeps order by its own means: never waited in, never believed.
pub(crate) fn keeps_own_order(function: &str) -> bool {
    let package = package_of(function);
    let within = |parent: &str| {
        package.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    ["runtime", "sync", "internal", "syscall", "os/signal", "unsafe"].iter().any(|own| within(own))
        || function.starts_with("type:")
        || function.starts_with("go:")
        || !function.contains('.')
}

/// Whether the standard library's function is worth waiting in.
pub(crate) fn is_shared_by_mistake(function: &str) -> bool {
    let package = package_of(function);
    SHARED_BY_MISTAKE.iter().any(|known| {
        package.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Whether a touch inside the runtime is the program's own doing: `callers` are the functions from the
/// innermost on, those of the runtime first.
pub(crate) fn moves_for_program<'a>(mut callers: impl Iterator<Item = &'a str>) -> bool {
    if !callers.next().is_some_and(|innermost| MOVERS.contains(&innermost)) {
        return false;
    }
    for caller in callers {
        if !keeps_own_order(caller) {
            return true;
        }
        if !CALLERS_OF_MOVERS.contains(&caller) {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtime_and_sync_are_left_to_themselves() {
        for function in [
            "runtime.mallocgc",
            "sync.(*Mutex).Lock",
            "sync/atomic.(*Int64).Load",
            "internal/runtime/maps.(*Map).Used",
            "type:.eq.main.Key",
            "memeqbody",
        ] {
            assert!(keeps_own_order(function), "{function}");
        }
        for function in ["main.(*Cart).Add", "syncthing/lib.F", "bytes.(*Buffer).Write"] {
            assert!(!keeps_own_order(function), "{function}");
        }
        assert!(is_shared_by_mistake("math/rand.(*rngSource).Uint64"));
        assert!(!is_shared_by_mistake("net.(*conn).Read"));
    }

    #[test]
    fn memory_is_moved_for_the_program_or_for_the_runtime() {
        let moves = |callers: &[&str]| moves_for_program(callers.iter().copied());
        assert!(moves(&["runtime.memmove", "main.copyAll"]));
        assert!(moves(&["runtime.memmove", "runtime.typedmemmove", "main.store"]));
        assert!(!moves(&["runtime.memclrNoHeapPointers", "runtime.mallocgc", "main.make"]));
        assert!(!moves(&["runtime.scanobject", "runtime.gcDrain"]));
        assert!(!moves(&["runtime.memmove", "runtime.copystack"]));
        assert!(!moves(&["runtime.memmove"]));
    }
}
