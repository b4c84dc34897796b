//! One function's record in the table: `_func` of `runtime/runtime2.go`, Go 1.21 to 1.27.

use super::Symbols;
use super::values::{Values, value_at};
use crate::LinkAddr;
use crate::bytes::{i32_at, u8_at, u32_at};

/// Offsets in the record.
const NAME: usize = 4;
const STACK: usize = 16;
const FILE: usize = 20;
const LINE: usize = 24;
const N_PCDATA: usize = 28;
const UNIT: usize = 32;
const ID: usize = 40;
const FLAGS: usize = 41;
const N_FUNCDATA: usize = 43;
const RECORD: usize = 44;

/// `PCDATA_InlTreeIndex` and `FUNCDATA_…` of `internal/abi/symtab.go`.
const PCDATA_INLINED: u32 = 2;
const FUNCDATA_INLINED: u32 = 3;
const FUNCDATA_WRAPPED: u32 = 7;

/// `FuncFlagTopFrame`: nothing called it.
const TOP_FRAME: u8 = 1;
/// `FuncFlagSPWrite`: it moves the stack pointer to another stack.
const MOVES_STACK: u8 = 2;

/// Bytes of an entry of the inlining tree.
const INLINED_SIZE: usize = 16;

/// A function of the program.
#[derive(Clone, Copy)]
pub struct Function<'a> {
    pub(super) symbols: &'a Symbols,
    /// Its first instruction.
    pub entry: LinkAddr,
    /// Behind its last.
    pub end: LinkAddr,
    pub(super) record: usize,
}

/// A call that was inlined.
pub(super) struct Inlined {
    pub(super) id: u8,
    pub(super) name: i32,
    /// An instruction at the place of the call.
    pub(super) parent: LinkAddr,
}

impl<'a> Function<'a> {
    /// Its name, as the linker calls it: `main.(*Ring[go.shape.int]).Push`.
    pub fn name(&self) -> &'a str {
        self.i32(NAME).and_then(|offset| self.symbols.name(offset)).unwrap_or("?")
    }

    /// How far the stack pointer is below the return address at `pc`, in bytes.
    pub fn stack_depth(&self, pc: LinkAddr) -> Option<u64> {
        u64::try_from(self.value(self.u32(STACK)?, pc)?).ok()
    }

    /// The file and line of the instruction at `pc`.
    pub fn place(&self, pc: LinkAddr) -> (&'a str, u32) {
        let value = |table| self.u32(table).and_then(|table| self.value(table, pc));
        let unit = self.u32(UNIT);
        let file = value(FILE).zip(unit).and_then(|(number, unit)| self.symbols.file(unit, number));
        let line = value(LINE).and_then(|line| u32::try_from(line).ok());
        (file.unwrap_or("?"), line.unwrap_or(0))
    }

    /// Nothing called it: a goroutine or thread begins there.
    pub fn is_top(&self) -> bool {
        self.flags() & TOP_FRAME != 0
    }

    /// It leaves the stack it was called on.
    pub fn moves_stack(&self) -> bool {
        self.flags() & MOVES_STACK != 0
    }

    /// What the table calls special functions by.
    pub(super) fn id(&self) -> Option<u8> {
        u8_at(&self.symbols.table, self.record.checked_add(ID)?)
    }

    /// Where the name begins in the table.
    pub(super) fn name_at(&self) -> Option<usize> {
        self.symbols.names.checked_add(usize::try_from(self.i32(NAME)?).ok()?)
    }

    /// The first instructions of what is inlined into it, one for each stretch.
    pub fn inlined(&self) -> impl Iterator<Item = LinkAddr> + use<'a> {
        let table = self.pcdata(PCDATA_INLINED).and_then(|table| self.values(table));
        let (entry, end) = (self.entry, self.end);
        let values = Values::new(table.unwrap_or_default(), self.symbols.quantum);
        values
            .filter(|(_, _, index)| *index >= 0)
            .filter_map(move |(start, _, _)| Some(LinkAddr(entry.0.checked_add(start)?)))
            .take_while(move |pc| *pc < end)
    }

    /// The innermost call inlined around `pc`.
    pub(super) fn inlined_at(&self, pc: LinkAddr) -> Option<Inlined> {
        let tree = self.funcdata(FUNCDATA_INLINED)?;
        let index = self.value(self.pcdata(PCDATA_INLINED)?, pc)?;
        let index = u64::try_from(index).ok()?;
        let mut entry = [0; INLINED_SIZE];
        let at = LinkAddr(tree.0.checked_add(index.checked_mul(INLINED_SIZE as u64)?)?);
        self.symbols.binary.read(at, &mut entry)?;
        let parent = u64::try_from(i32_at(&entry, 8)?).ok()?;
        let parent = LinkAddr(self.entry.0.checked_add(parent)?);
        if parent >= self.end {
            return None;
        }
        Some(Inlined { id: entry[0], name: i32_at(&entry, 4)?, parent })
    }

    /// The function that this one, made for a `go` or `defer` statement, calls.
    pub(super) fn wrapped(&self) -> Option<LinkAddr> {
        let mut offset = [0; 4];
        self.symbols.binary.read(self.funcdata(FUNCDATA_WRAPPED)?, &mut offset)?;
        Some(LinkAddr(self.symbols.text.0.checked_add(u64::from(u32::from_le_bytes(offset)))?))
    }

    fn flags(&self) -> u8 {
        self.record
            .checked_add(FLAGS)
            .and_then(|at| u8_at(&self.symbols.table, at))
            .unwrap_or_default()
    }

    /// Where the table `number` of values by instruction begins.
    pub(crate) fn pcdata(&self, number: u32) -> Option<u32> {
        if number >= self.u32(N_PCDATA)? {
            return None;
        }
        self.u32(RECORD + 4 * usize::try_from(number).ok()?).filter(|table| *table != 0)
    }

    /// Where the data `number` of the function lies.
    pub(crate) fn funcdata(&self, number: u32) -> Option<LinkAddr> {
        let n_funcdata = u8_at(&self.symbols.table, self.record.checked_add(N_FUNCDATA)?)?;
        if number >= u32::from(n_funcdata) {
            return None;
        }
        let behind = self.u32(N_PCDATA)?.checked_add(number)?;
        let at = RECORD.checked_add(usize::try_from(behind).ok()?.checked_mul(4)?)?;
        let offset = self.u32(at).filter(|offset| *offset != u32::MAX)?;
        Some(LinkAddr(self.symbols.gofunc.0.checked_add(u64::from(offset))?))
    }

    pub(crate) fn value(&self, table: u32, pc: LinkAddr) -> Option<i32> {
        value_at(self.values(table)?, pc.0.checked_sub(self.entry.0)?, self.symbols.quantum)
    }

    /// The bytes of the table `table`, and all behind it.
    fn values(&self, table: u32) -> Option<&'a [u8]> {
        let start = self.symbols.values.checked_add(usize::try_from(table).ok()?)?;
        self.symbols.table.get(start..).filter(|_| table != 0)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        u32_at(&self.symbols.table, self.record.checked_add(at)?)
    }

    fn i32(&self, at: usize) -> Option<i32> {
        i32_at(&self.symbols.table, self.record.checked_add(at)?)
    }
}

impl std::fmt::Debug for Function<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.name(), self.entry)
    }
}
