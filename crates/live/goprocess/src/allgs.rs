//! The runtime's list of all goroutines, dead ones too: `runtime.allgs`, which only grows.
//!
//! Its address comes from the symbols, or from the code that appends to it, or from a search among all
//! variables; in each case the list is believed only when what it lists looks like goroutines.

use crate::code::{named_in, slices_in};
use crate::goroutine::raw::RawG;
use crate::memory::{self, Memory, Range};
use crate::module::Module;
use crate::symbols::Symbols;
use crate::{Binary, Layout, LoadBias, ReadError, RuntimeAddr};

/// More goroutines than this are not read.
const MOST: u64 = 1 << 24;
/// So many of the first ones are looked at before the list is believed.
const SAMPLE: u64 = 8;
/// How often the head of a list that changes is read.
const ATTEMPTS: usize = 8;

/// Where the list's head is.
pub(crate) fn find(
    memory: &dyn Memory,
    binary: &Binary,
    bias: LoadBias,
    layout: &Layout,
    symbols: &Symbols,
    module: &Module,
) -> Option<RuntimeAddr> {
    let is_list = |at: &RuntimeAddr| looks_right(memory, layout, *at).is_some();
    let named = binary.symbol("runtime.allgs").map(|symbol| symbol.address.loaded(bias));
    if let Some(named) = named.filter(is_list) {
        return Some(named);
    }
    let in_code = named_in(binary, symbols, "runtime.allgadd");
    let in_code = in_code.into_iter().map(|address| address.loaded(bias)).find(is_list);
    in_code.or_else(|| slices_in(memory, module.bss).find(is_list))
}

/// The addresses of all `g`s.
pub(crate) fn addresses(
    memory: &dyn Memory,
    list: RuntimeAddr,
) -> Result<Vec<RuntimeAddr>, ReadError> {
    let nonsense = |what: String| ReadError::Nonsense { what };
    for _ in 0..ATTEMPTS {
        // Three words that are written one after the other: read until they stand still.
        let Some(head) = Head::read(memory, list) else {
            // Says why, if the process is gone.
            memory.read_many(&[Range { address: list.0, len: 8 }], &mut [0; 8])?;
            return Err(nonsense(format!("its head at {list} cannot be read")));
        };
        if !head.is_sound() {
            return Err(nonsense(format!("{} of {} at {}", head.len, head.capacity, head.first)));
        }
        let bytes = memory::bytes(memory, head.first, head.len * 8, MOST * 8);
        if Head::read(memory, list).is_some_and(|again| again == head)
            && let Some(bytes) = bytes
        {
            let address = |word: &[u8]| word.try_into().map(u64::from_le_bytes).unwrap_or(0);
            return Ok(bytes.chunks_exact(8).map(|word| RuntimeAddr(address(word))).collect());
        }
    }
    Err(nonsense("it changed each time it was read".to_owned()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    first: RuntimeAddr,
    len: u64,
    capacity: u64,
}

impl Head {
    fn read(memory: &dyn Memory, at: RuntimeAddr) -> Option<Head> {
        let bytes = memory::bytes(memory, at, 24, 24)?;
        let word = |at| crate::bytes::u64_at(&bytes, at);
        Some(Head { first: RuntimeAddr(word(0)?), len: word(8)?, capacity: word(16)? })
    }

    fn is_sound(&self) -> bool {
        self.len > 0
            && self.len <= self.capacity
            && self.len <= MOST
            && self.first.0.is_multiple_of(8)
    }
}

/// Whether the first entries are goroutines. The main one is number 1 and is entered first; only when it
/// ended (`runtime.Goexit`) may its place be another's.
fn looks_right(memory: &dyn Memory, layout: &Layout, list: RuntimeAddr) -> Option<()> {
    let head = Head::read(memory, list).filter(Head::is_sound)?;
    let n_looked_at = head.len.min(SAMPLE);
    let pointers = memory::bytes(memory, head.first, n_looked_at * 8, SAMPLE * 8)?;
    let mut has_main = false;
    for pointer in pointers.chunks_exact(8) {
        let address = RuntimeAddr(pointer.try_into().map(u64::from_le_bytes).ok()?);
        let bytes = memory::bytes(memory, address, u64::from(layout.g_size), u64::from(u16::MAX))?;
        let raw = RawG::new(&bytes, layout);
        if !raw.is_plausible() {
            return None;
        }
        has_main |= raw.id() == 1;
    }
    (has_main || n_looked_at >= 4).then_some(())
}
