//! Whose code is looked at, and what another thread's touch does not count.
//!
//! The runtime, `sync` and what they are made of keep their own order, by means that cannot be told from
//! a race; they are neither waited in nor believed. The garbage collector reads words of the heap, and is among
//! them.

use photofinish_model::package_of;

/// Packages of the standard library with types that are shared by mistake: the access is in the library, the
/// culprit is the caller.
const SHARED_BY_MISTAKE: &[&str] = &[
    "archive",
    "bufio",
    "bytes",
    "compress",
    "container",
    "crypto",
    "encoding",
    "expvar",
    "flag",
    "hash",
    "html/template",
    "image",
    "io",
    "log",
    "maps",
    "math",
    "mime",
    "net/http",
    "net/textproto",
    "net/url",
    "reflect",
    "regexp",
    "slices",
    "sort",
    "strings",
    "text",
];

/// Runtime functions that a program's own code calls, and that touch what the program gave them; or that those call
/// for it. What they do to memory of the runtime's own meets nobody: a held thread is about to touch the program's.
const MOVERS: &[&str] = &[
    "runtime.concatstring2",
    "runtime.concatstring3",
    "runtime.concatstring4",
    "runtime.concatstring5",
    "runtime.concatstrings",
    "runtime.convT",
    "runtime.convTnoptr",
    "runtime.duffcopy",
    "runtime.duffzero",
    "runtime.growslice",
    "runtime.growsliceBuf",
    "runtime.growsliceBufNoAlias",
    "runtime.growsliceNoAlias",
    "runtime.memclrHasPointers",
    "runtime.memclrNoHeapPointers",
    "runtime.memmove",
    "runtime.moveSlice",
    "runtime.moveSliceNoCap",
    "runtime.moveSliceNoCapNoScan",
    "runtime.moveSliceNoScan",
    "runtime.slicebytetostring",
    "runtime.slicerunetostring",
    "runtime.stringtoslicebyte",
    "runtime.typedmemclr",
    "runtime.typedmemmove",
    "runtime.typedslicecopy",
];

/// Internal packages that do plain work on what they are given.
const PLAIN_INTERNALS: &[&str] = &[
    "internal/byteorder",
    "internal/filepathlite",
    "internal/fmtsort",
    "internal/itoa",
    "internal/saferio",
    "internal/strconv",
    "internal/stringslite",
];

/// Whether the package keeps order by its own means: never waited in, never believed.
pub(crate) fn keeps_own_order(function: &str) -> bool {
    let package = package_of(function);
    let within = |parent: &str| {
        package.strip_prefix(parent).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let is_ordered = ["runtime", "sync", "internal", "syscall", "os/signal", "unsafe"]
        .iter()
        .any(|own| within(own));
    (is_ordered && !PLAIN_INTERNALS.contains(&&*package))
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

/// Whether the file is written in assembly. Such code may read beyond what it was given and forget the rest, as
/// comparisons of strings do.
pub(crate) fn is_assembly(file: &str) -> bool {
    file.ends_with(".s")
}

/// The function of the runtime that the program called, if it moves memory for the program and nothing else:
/// its place among `functions`, innermost first.
pub(crate) fn mover_of(functions: &[&str]) -> Option<usize> {
    let user = functions.iter().position(|function| !keeps_own_order(function))?;
    let inner = functions.get(..user)?;
    let moves = !inner.is_empty() && inner.iter().all(|function| MOVERS.contains(function));
    moves.then_some(user.wrapping_sub(1))
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
        for function in [
            "main.(*Cart).Add",
            "syncthing/lib.F",
            "bytes.(*Buffer).Write",
            "internal/byteorder.BEUint64",
        ] {
            assert!(!keeps_own_order(function), "{function}");
        }
        assert!(is_shared_by_mistake("math/rand.(*rngSource).Uint64"));
        assert!(!is_shared_by_mistake("net.(*conn).Read"));
    }

    #[test]
    fn memory_is_moved_for_the_program_or_for_the_runtime() {
        assert_eq!(mover_of(&["runtime.memmove", "main.copyAll"]), Some(0));
        let stored = ["runtime.memmove", "runtime.typedmemmove", "main.store"];
        assert_eq!(mover_of(&stored), Some(1));
        assert_eq!(mover_of(&["runtime.growslice", "main.grow"]), Some(0));
        let fresh = ["runtime.memclrNoHeapPointers", "runtime.mallocgc", "main.make"];
        assert_eq!(mover_of(&fresh), None);
        let sent = ["runtime.memmove", "runtime.typedmemmove", "runtime.chansend", "main.send"];
        assert_eq!(mover_of(&sent), None, "a channel's buffer is the runtime's");
        assert_eq!(mover_of(&["runtime.scanobject", "runtime.gcDrain"]), None);
        assert_eq!(mover_of(&["runtime.memmove", "runtime.copystack"]), None);
        assert_eq!(mover_of(&["runtime.memmove"]), None);
        assert_eq!(mover_of(&["main.f"]), None);
    }
}
