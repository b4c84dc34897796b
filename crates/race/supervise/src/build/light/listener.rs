//! Reads what the compiler tells about the calls it replaced by instructions.
//!
//! The compiler was asked by `-d=ssa/intrinsics/debug=1`; its answers are lines of `go`'s stderr among
//! others, under a heading for each package. Cached packages repeat their answers. Start at
//! [`Listener::hear`].

use std::collections::{BTreeSet, HashMap};

/// Reads what the compiler tells, out of the stderr of `go`.
#[derive(Debug, Default)]
pub(in super::super) struct Listener {
    package: String,
    heading: Option<String>,
    pub(super) replaced: HashMap<String, BTreeSet<String>>,
}

impl Listener {
    /// Takes a line; gives back those that were not meant for us.
    pub(in super::super) fn hear(&mut self, line: String) -> Vec<String> {
        const SAYS: &str = ": intrinsic substitution for ";
        if let Some(package) = line.strip_prefix("# ") {
            self.package = package.split_whitespace().next().unwrap_or(package).to_owned();
            self.heading = Some(line);
            return Vec::new();
        }
        if let Some((_, rest)) = line.split_once(SAYS) {
            let name = rest.split_whitespace().next().unwrap_or_default();
            self.replaced.entry(self.package.clone()).or_default().insert(name.to_owned());
            return Vec::new();
        }
        // `go list -v` names packages in between; a message has a place before a colon, or a tab.
        if !line.contains([':', '\t', ' ']) {
            return vec![line];
        }
        self.heading.take().into_iter().chain([line]).collect()
    }
}

/// Whether a replaced call was one of `sync/atomic` (its functions, which its methods call).
pub(super) fn is_atomic(name: &str) -> bool {
    const OPERATIONS: [&str; 7] = ["Load", "Store", "Swap", "CompareAndSwap", "Add", "And", "Or"];
    const TYPES: [&str; 6] = ["Int32", "Int64", "Uint32", "Uint64", "Uintptr", "Pointer"];
    TYPES.iter().any(|of| name.strip_suffix(of).is_some_and(|op| OPERATIONS.contains(&op)))
}

/// Whether a call works as a call too. Not all do: `crypto/internal/constanttime` of Go 1.26 panics.
/// From `cmd/compile/internal/ssagen/intrinsics.go` (`ssa.go` before Go 1.24), Go 1.21 to 1.27:
/// `math`, `math/bits`, and of the runtime what other packages come to inline.
pub(super) fn has_body(name: &str) -> bool {
    const MATH: &[&str] = &[
        "Abs",
        "Add",
        "Add64",
        "Ceil",
        "Copysign",
        "Div",
        "Div64",
        "FMA",
        "Floor",
        "Len",
        "Len16",
        "Len32",
        "Len64",
        "Len8",
        "Mul",
        "Mul64",
        "OnesCount",
        "OnesCount16",
        "OnesCount32",
        "OnesCount64",
        "OnesCount8",
        "Reverse",
        "Reverse16",
        "Reverse32",
        "Reverse64",
        "Reverse8",
        "ReverseBytes16",
        "ReverseBytes32",
        "ReverseBytes64",
        "RotateLeft",
        "RotateLeft16",
        "RotateLeft32",
        "RotateLeft64",
        "RotateLeft8",
        "Round",
        "RoundToEven",
        "Sqrt",
        "Sub",
        "Sub64",
        "TrailingZeros16",
        "TrailingZeros32",
        "TrailingZeros64",
        "TrailingZeros8",
        "Trunc",
        "abs",
        "archSqrt",
        "ceil",
        "copysign",
        "floor",
        "mulWW",
        "sqrt",
        "trunc",
    ];
    const RUNTIME: &[&str] = &[
        "Bswap32",
        "Bswap64",
        "GetCallerPC",
        "GetCallerSP",
        "GetClosurePtr",
        "KeepAlive",
        "MulUintptr",
        "Prefetch",
        "PrefetchStreamed",
        "getcallerpc",
        "getcallersp",
        "getclosureptr",
        "mulUintptr",
        "publicationBarrier",
        "slicebytetostringtmp",
    ];
    // `internal/runtime/atomic`, which the detector sees in no build.
    const RUNTIME_ATOMIC: &[&str] = &[
        "And",
        "And32",
        "And64",
        "And8",
        "Anduintptr",
        "Cas",
        "Cas64",
        "CasRel",
        "Casint32",
        "Casint64",
        "Casp1",
        "Casuintptr",
        "Load",
        "Load64",
        "Load8",
        "LoadAcq",
        "LoadAcq64",
        "LoadAcquintptr",
        "Loadint32",
        "Loadint64",
        "Loadp",
        "Loaduint",
        "Loaduintptr",
        "Or",
        "Or32",
        "Or64",
        "Or8",
        "Oruintptr",
        "Store",
        "Store64",
        "Store8",
        "StoreRel",
        "StoreRel64",
        "StoreReluintptr",
        "Storeint32",
        "Storeint64",
        "StorepNoWB",
        "Storeuintptr",
        "Xadd",
        "Xadd64",
        "Xaddint32",
        "Xaddint64",
        "Xadduintptr",
        "Xchg",
        "Xchg64",
        "Xchg8",
        "Xchgint32",
        "Xchgint64",
        "Xchguintptr",
    ];
    MATH.contains(&name) || RUNTIME.contains(&name) || RUNTIME_ATOMIC.contains(&name)
}
