//! What an instruction belongs to: function, file, line, and the functions inlined there.
//!
//! Every Go program carries this table (`.gopclntab`), stripped or not, since its own stack traces need
//! it. Source: `runtime/symtab.go`, `symtabinl.go` and `internal/abi/symtab.go`, Go 1.21 to 1.27, whose
//! table has the same shape. All addresses here are those of the file ([`LinkAddr`]).
//!
//! Not here: where the table is (`module`), walking a stack (`unwind`). Start at [`Symbols::frames`].

mod function;
mod liveness;
mod values;

use std::sync::Arc;

use crate::bytes::{c_str, i32_at, u8_at, u32_at, u64_at};
use crate::{Binary, LinkAddr};

pub use function::Function;

/// The first word of the table from Go 1.20 on.
const MAGIC: u32 = 0xffff_fff1;
/// More functions than this no program has.
const MOST_FUNCTIONS: u64 = 1 << 24;
/// Deeper than this nothing is inlined.
const DEEPEST_INLINING: usize = 64;

/// The functions of a program.
#[derive(Debug)]
pub struct Symbols {
    table: Vec<u8>,
    /// What offsets of functions count from.
    text: LinkAddr,
    quantum: u64,
    n_functions: usize,
    names: usize,
    units: usize,
    files: usize,
    values: usize,
    functions: usize,
    /// What offsets of function data count from.
    gofunc: LinkAddr,
    wrapper_id: Option<u8>,
    binary: Arc<Binary>,
}

/// A place in the source that an instruction stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame<'a> {
    /// The function, as the linker calls it.
    pub function: &'a str,
    /// The file, as the compiler was given it.
    pub file: &'a str,
    /// From 1; 0 where the table has none.
    pub line: u32,
    /// Inlined into the frame behind it.
    pub inlined: bool,
    /// Made by the compiler: Go's own stack traces leave it out.
    pub wrapper: bool,
}

/// What a program counter on a stack is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PcKind {
    /// Where a call returns to: the instruction behind the one meant.
    Return,
    /// The instruction meant: of a stopped thread, or where a signal came.
    Exact,
}

impl Symbols {
    /// Whether `head` begins a table that we can read.
    pub(crate) fn begins(head: &[u8]) -> bool {
        u32_at(head, 0) == Some(MAGIC)
            && head.get(4..6) == Some(&[0, 0])
            && matches!(u8_at(head, 6), Some(1 | 2 | 4))
            && u8_at(head, 7) == Some(8)
            && u64_at(head, 8).is_some_and(|n| n > 0 && n < MOST_FUNCTIONS)
    }

    /// Reads the heads of `table`. `text` and `gofunc` are what the program's module says.
    pub(crate) fn new(
        table: Vec<u8>,
        text: LinkAddr,
        gofunc: LinkAddr,
        binary: Arc<Binary>,
    ) -> Option<Symbols> {
        if !Symbols::begins(&table) {
            return None;
        }
        let offset = |at| usize::try_from(u64_at(&table, at)?).ok().filter(|at| *at < table.len());
        let mut symbols = Symbols {
            text,
            quantum: u64::from(u8_at(&table, 6)?),
            n_functions: usize::try_from(u64_at(&table, 8)?).ok()?,
            names: offset(32)?,
            units: offset(40)?,
            files: offset(48)?,
            values: offset(56)?,
            functions: offset(64)?,
            gofunc,
            wrapper_id: None,
            binary,
            table,
        };
        // The identifiers of special functions shift between versions; this is the last but one.
        symbols.wrapper_id =
            symbols.named("runtime.systemstack_switch").and_then(|f| f.id()?.checked_add(1));
        Some(symbols)
    }

    /// Whether frames have the caller's frame pointer below the return address: so on amd64, whose instructions are of
    /// any length.
    pub(crate) fn keeps_frame_pointers(&self) -> bool {
        self.quantum == 1
    }

    /// The function around `pc`.
    pub fn function_at(&self, pc: LinkAddr) -> Option<Function<'_>> {
        let offset = u32::try_from(pc.0.checked_sub(self.text.0)?).ok()?;
        // The last entry is the end of the text.
        let (mut low, mut high) = (0, self.n_functions);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.entry_offset(middle)? <= offset { low = middle + 1 } else { high = middle }
        }
        let function_idx = low.checked_sub(1)?;
        self.function(function_idx).filter(|function| pc < function.end)
    }

    /// The function of that name, by looking at all of them.
    pub fn named(&self, name: &str) -> Option<Function<'_>> {
        let is_it = |function: &Function<'_>| {
            let at = function.name_at().and_then(|at| self.table.get(at..)).unwrap_or_default();
            at.starts_with(name.as_bytes()) && at.get(name.len()) == Some(&0)
        };
        (0..self.n_functions).filter_map(|idx| self.function(idx)).find(is_it)
    }

    /// Where the first function begins, and behind the last.
    pub fn code(&self) -> std::ops::Range<LinkAddr> {
        let last = self.n_functions.checked_sub(1).and_then(|idx| self.function(idx));
        let bounds = self.function(0).zip(last);
        bounds.map_or(LinkAddr(0)..LinkAddr(0), |(first, last)| first.entry..last.end)
    }

    /// Every function, by address.
    pub fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        (0..self.n_functions).filter_map(|idx| self.function(idx))
    }

    /// What stands at `pc`: the function there and, before it, what is inlined into it, innermost
    /// first. Empty outside Go code.
    pub fn frames(&self, pc: LinkAddr, kind: PcKind) -> Vec<Frame<'_>> {
        let Some(function) = self.function_at(pc) else { return Vec::new() };
        let mut pc = match kind {
            PcKind::Return if pc > function.entry => LinkAddr(pc.0 - 1),
            _ => pc,
        };
        let mut frames = Vec::new();
        while let Some(inlined) = function.inlined_at(pc) {
            if frames.len() >= DEEPEST_INLINING {
                break;
            }
            let (file, line) = function.place(pc);
            let wrapper = self.wrapper_id.is_some_and(|id| id == inlined.id);
            let name = self.name(inlined.name).unwrap_or("?");
            frames.push(Frame { function: name, file, line, inlined: true, wrapper });
            pc = inlined.parent;
        }
        let (file, line) = function.place(pc);
        let wrapper = self.is_wrapper(&function);
        frames.push(Frame { function: function.name(), file, line, inlined: false, wrapper });
        frames
    }

    /// The function that `go` was given: behind the wrapper the compiler may have made for it.
    pub fn started(&self, pc: LinkAddr) -> Option<Function<'_>> {
        let function = self.function_at(pc)?;
        match function.wrapped() {
            Some(wrapped) => self.function_at(wrapped).or(Some(function)),
            None => Some(function),
        }
    }

    fn is_wrapper(&self, function: &Function<'_>) -> bool {
        self.wrapper_id.is_some() && function.id() == self.wrapper_id
    }

    /// The `function_idx`th function.
    fn function(&self, function_idx: usize) -> Option<Function<'_>> {
        let at = |offset: u32| Some(LinkAddr(self.text.0.checked_add(u64::from(offset))?));
        let entry = at(self.entry_offset(function_idx)?)?;
        let end = at(self.entry_offset(function_idx + 1)?)?;
        let record = u32_at(&self.table, self.functions + 8 * function_idx + 4)?;
        let record = self.functions.checked_add(usize::try_from(record).ok()?)?;
        Some(Function { symbols: self, entry, end, record })
    }

    fn entry_offset(&self, function_idx: usize) -> Option<u32> {
        u32_at(&self.table, self.functions.checked_add(function_idx.checked_mul(8)?)?)
    }

    fn name(&self, offset: i32) -> Option<&str> {
        c_str(&self.table, self.names.checked_add(usize::try_from(offset).ok()?)?)
    }

    /// A file by its number in a compilation unit.
    fn file(&self, unit: u32, number: i32) -> Option<&str> {
        let number = usize::try_from(number).ok()?.checked_add(usize::try_from(unit).ok()?)?;
        let offset = i32_at(&self.table, self.units.checked_add(number.checked_mul(4)?)?)?;
        c_str(&self.table, self.files.checked_add(usize::try_from(offset).ok()?)?)
    }
}
