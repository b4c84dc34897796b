//! Who waits for which semaphore, to Go 1.25: there a goroutine does not say, and the runtime's table of
//! semaphores must be asked.
//!
//! `runtime.semtable` has 251 roots, each a tree of addresses waited on (`prev`, `next`), each with a list of its
//! waiters (`waitlink`). It is read while it changes: an entry counts only if it names a goroutine that was
//! seen waiting, and what is missed is missing. Source: `runtime/sema.go`, Go 1.21 to 1.25.

use std::collections::{HashMap, HashSet};

use crate::binary::Architecture;
use crate::bytes::u64_at;
use crate::code::named_in;
use crate::memory::{self, Memory};
use crate::symbols::Symbols;
use crate::{Binary, Layout, LoadBias, RuntimeAddr};

/// `semTabSize`.
const N_ROOTS: u64 = 251;
/// In a root: the tree.
const TREE: u64 = 8;
/// More waiters than this are not followed.
const MOST: usize = 1 << 22;

/// The runtime's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SemaTable {
    address: RuntimeAddr,
    /// A root fills a cache line.
    stride: u64,
}

impl SemaTable {
    /// Finds it: by its symbol, or in the code that queues there.
    pub(crate) fn find(
        memory: &dyn Memory,
        binary: &Binary,
        bias: LoadBias,
        layout: &Layout,
        symbols: &Symbols,
    ) -> Option<SemaTable> {
        let stride = match binary.architecture {
            Architecture::Amd64 => 64,
            Architecture::Arm64 => 128,
        };
        let named = binary.symbol("runtime.semtable").map(|symbol| symbol.address);
        let in_code = || named_in(binary, symbols, "runtime.semacquire1");
        let candidates = named.map_or_else(in_code, |named| vec![named]);
        candidates
            .into_iter()
            .map(|address| SemaTable { address: address.loaded(bias), stride })
            .find(|table| table.looks_right(memory, layout))
    }

    /// Where it lies.
    pub(crate) fn span(&self) -> (RuntimeAddr, RuntimeAddr) {
        (self.address, self.address.plus(N_ROOTS * self.stride))
    }

    /// The semaphore that each waiting goroutine (its `g`) waits for.
    pub(crate) fn waiters(
        &self,
        memory: &dyn Memory,
        layout: &Layout,
    ) -> HashMap<RuntimeAddr, RuntimeAddr> {
        let mut waiters = HashMap::new();
        let mut seen = HashSet::new();
        for (_, root) in self.roots(memory).unwrap_or_default() {
            let mut open = vec![root];
            while let Some(at) = open.pop() {
                if at.is_nil() || seen.len() >= MOST || !seen.insert(at) {
                    continue;
                }
                let size = u64::from(layout.sudog_size);
                let Some(sudog) = memory::bytes(memory, at, size, 1 << 16) else { continue };
                let word =
                    |field: u16| RuntimeAddr(u64_at(&sudog, usize::from(field)).unwrap_or(0));
                waiters.insert(word(layout.sudog_g), word(layout.sudog_elem));
                let links = [layout.sudog_prev, layout.sudog_next, layout.sudog_waitlink];
                open.extend(links.map(word));
            }
        }
        waiters
    }

    /// Each root's number and tree, those with nobody waiting left out.
    fn roots(&self, memory: &dyn Memory) -> Option<Vec<(u64, RuntimeAddr)>> {
        let len = N_ROOTS * self.stride;
        let bytes = memory::bytes(memory, self.address, len, len)?;
        let root = |number: u64| {
            let at = usize::try_from(number * self.stride + TREE).ok()?;
            u64_at(&bytes, at).map(|tree| (number, RuntimeAddr(tree)))
        };
        let roots: Option<Vec<(u64, RuntimeAddr)>> = (0..N_ROOTS).map(root).collect();
        Some(roots?.into_iter().filter(|(_, tree)| !tree.is_nil()).collect())
    }

    /// Whether the trees hold addresses that belong to their roots (`semTable.rootFor`).
    fn looks_right(&self, memory: &dyn Memory, layout: &Layout) -> bool {
        let belongs = |(number, tree): &(u64, RuntimeAddr)| {
            let elem = memory::word(memory, tree.plus(u64::from(layout.sudog_elem)));
            elem.is_some_and(|elem| (elem >> 3) % N_ROOTS == *number)
        };
        self.roots(memory).is_some_and(|roots| roots.iter().take(8).all(belongs))
    }
}
