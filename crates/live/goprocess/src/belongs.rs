//! What an address belongs to: a variable of the program, or an object on the heap.
//!
//! Variables have names where the program has a symbol table; without one (`-ldflags=-s`) only the linker's record
//! says that there are variables. Start at [`Process::owner_of`].

use object::read::ReadCache;
use object::{Object, ObjectSymbol, SymbolKind};

use crate::heap::Heap;
use crate::{LinkAddr, Process, RuntimeAddr};

/// What an address belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Belongs {
    /// A variable of a package.
    Variable {
        /// As the linker calls it: `main.served`.
        name: String,
        /// Where it begins.
        start: RuntimeAddr,
        /// In bytes.
        size: u64,
    },
    /// Some variable: the program has no names of them.
    Variables,
    /// An object on the heap.
    Heap {
        /// Where it begins.
        start: RuntimeAddr,
        /// Of its class: at least as large as what is in it.
        size: u64,
    },
}

impl Process {
    /// What `address` belongs to; `None` of anything else, such as stacks and memory of other languages.
    pub fn owner_of(&self, address: RuntimeAddr) -> Option<Belongs> {
        let module = self.module();
        let spans = [module.data, module.noptrdata, module.bss[0], module.bss[1]];
        if spans.iter().any(|(from, to)| (*from..*to).contains(&address)) {
            return self.variable(address).or(Some(Belongs::Variables));
        }
        let heap = Heap::open(self.memory(), self.layout(), module)?;
        let (start, size) = heap.object_around(address)?;
        Some(Belongs::Heap { start: RuntimeAddr(start), size })
    }

    /// Whether `address`, of the file, is a counter that `go build -cover` put there: those are counted without order on
    /// purpose.
    pub fn is_coverage_counter(&self, address: LinkAddr) -> bool {
        let (from, to) = self.module().counters;
        (from..to).contains(&address.loaded(self.bias()))
    }

    fn variable(&self, address: RuntimeAddr) -> Option<Belongs> {
        let wanted = address.linked(self.bias()).0;
        let cache = ReadCache::new(self.binary().file());
        let elf = object::File::parse(&cache).ok()?;
        let around = elf.symbols().filter(|symbol| {
            symbol.kind() == SymbolKind::Data
                && wanted.checked_sub(symbol.address()).is_some_and(|at| at < symbol.size())
        });
        // Marks of sections have no size; of what overlaps, the smallest is a variable.
        let symbol = around.min_by_key(|symbol| symbol.size())?;
        Some(Belongs::Variable {
            name: symbol.name().ok()?.to_owned(),
            start: LinkAddr(symbol.address()).loaded(self.bias()),
            size: symbol.size(),
        })
    }
}
