//! Where the linker put things: the function table, and the runtime's own record of a module.
//!
//! A module's record (`runtime.moduledata`) is found by a symbol, by the section it has to itself since Go
//! 1.26, or by being what points at the function table: so in stripped programs too. It is read in the process, where a
//! position-independent program's addresses have been put right.

use crate::bytes::u64_at;
use crate::memory::{self, Memory};
use crate::symbols::Symbols;
use crate::{Binary, Layout, LinkAddr, LoadBias, RuntimeAddr};

/// Not searched further than this.
const LARGEST_SEARCH: u64 = 64 << 20;
const CHUNK: u64 = 1 << 20;
/// The largest function table that is read.
const LARGEST_TABLE: u64 = 512 << 20;

/// A module, checked.
#[derive(Clone, Debug)]
pub(crate) struct Module {
    /// The function table and its length.
    pub(crate) table: (LinkAddr, u64),
    pub(crate) text: LinkAddr,
    pub(crate) gofunc: LinkAddr,
    /// What the runtime knows of types.
    pub(crate) types: (RuntimeAddr, RuntimeAddr),
    /// Variables with pointers in them that begin as zero, and those without.
    pub(crate) bss: [(RuntimeAddr, RuntimeAddr); 2],
    /// Variables with pointers in them that begin as something.
    pub(crate) data: (RuntimeAddr, RuntimeAddr),
    /// Those without pointers.
    pub(crate) noptrdata: (RuntimeAddr, RuntimeAddr),
    /// The record of the next module: a plugin's, or nil.
    pub(crate) next: RuntimeAddr,
    /// What `go build -cover` counts with.
    pub(crate) counters: (RuntimeAddr, RuntimeAddr),
}

impl Module {
    /// Finds the program's own module.
    pub(crate) fn find(
        memory: &dyn Memory,
        binary: &Binary,
        bias: LoadBias,
        layout: &Layout,
    ) -> Option<Module> {
        let table = find_table(binary)?;
        let check = |at| Module::read(memory, binary, bias, layout, table, at);
        let named = binary.symbol("runtime.firstmoduledata").map(|symbol| symbol.address);
        let section = binary.section(".go.module").map(|section| section.address);
        [named, section]
            .into_iter()
            .flatten()
            .find_map(|address| check(address.loaded(bias)))
            .or_else(|| pointers_to(memory, binary, bias, table).find_map(check))
    }

    /// The record at `at`, if it is one.
    fn read(
        memory: &dyn Memory,
        binary: &Binary,
        bias: LoadBias,
        layout: &Layout,
        table: LinkAddr,
        at: RuntimeAddr,
    ) -> Option<Module> {
        let size = u64::from(layout.moduledata_size);
        let record = memory::bytes(memory, at, size, 1 << 16)?;
        let field = |offset: u16| u64_at(&record, usize::from(offset)).map(RuntimeAddr);
        let linked = |offset| Some(field(offset)?.linked(bias));
        if linked(layout.moduledata_pcheader)? != table {
            return None;
        }
        let text = linked(layout.moduledata_text)?;
        let etext = linked(layout.moduledata_etext)?;
        let functions = linked(layout.moduledata_pclntable)?;
        let n_bytes = field(layout.moduledata_pclntable.checked_add(8)?)?.0;
        let len = functions.0.checked_sub(table.0)?.checked_add(n_bytes)?;
        if !binary.is_code(text) || etext <= text || len > LARGEST_TABLE {
            return None;
        }
        let span = |from, to| Some((field(from)?, field(to)?)).filter(|(from, to)| from <= to);
        Some(Module {
            table: (table, len),
            text,
            gofunc: linked(layout.moduledata_gofunc)?,
            next: field(layout.moduledata_next)?,
            types: span(layout.moduledata_types, layout.moduledata_etypes)?,
            data: span(layout.moduledata_data, layout.moduledata_edata)?,
            noptrdata: span(layout.moduledata_noptrdata, layout.moduledata_enoptrdata)?,
            // `covctrs` and `ecovctrs` stand behind `enoptrbss`, Go 1.20 to 1.27.
            counters: span(
                layout.moduledata_enoptrbss.checked_add(8)?,
                layout.moduledata_enoptrbss.checked_add(16)?,
            )
            .unwrap_or((RuntimeAddr(0), RuntimeAddr(0))),
            bss: [
                span(layout.moduledata_bss, layout.moduledata_ebss)?,
                span(layout.moduledata_noptrbss, layout.moduledata_enoptrbss)?,
            ],
        })
    }
}

/// Where the function table begins.
fn find_table(binary: &Binary) -> Option<LinkAddr> {
    let section = |name| binary.section(name).map(|section| section.address);
    let named = [
        section(".gopclntab"),
        section(".data.rel.ro.gopclntab"),
        binary.symbol("runtime.pclntab").map(|symbol| symbol.address),
    ];
    let is_table =
        |address: &LinkAddr| binary.bytes(*address, 16).is_some_and(|head| Symbols::begins(&head));
    named.into_iter().flatten().find(is_table).or_else(|| search_table(binary))
}

/// The function table of a file without sections: a 32-aligned head in a segment.
fn search_table(binary: &Binary) -> Option<LinkAddr> {
    const ALIGNMENT: usize = 32;
    for segment in binary.segments() {
        let mut skip = 0;
        while skip < segment.file_size.min(LARGEST_TABLE) {
            let start = LinkAddr(segment.address.0.checked_add(skip)?);
            let chunk = binary.bytes(start, CHUNK.min(segment.file_size - skip))?;
            let found = chunk.chunks(ALIGNMENT).position(Symbols::begins);
            if let Some(line_idx) = found {
                return Some(LinkAddr(start.0 + (line_idx * ALIGNMENT) as u64));
            }
            skip += CHUNK;
        }
    }
    None
}

/// Where the process has a pointer to `target` among its data.
fn pointers_to<'a>(
    memory: &'a dyn Memory,
    binary: &'a Binary,
    bias: LoadBias,
    target: LinkAddr,
) -> impl Iterator<Item = RuntimeAddr> + 'a {
    let wanted = target.loaded(bias).0.to_le_bytes();
    let data = binary.segments().iter().filter(|segment| !segment.executable);
    data.flat_map(move |segment| {
        let n_chunks = segment.file_size.min(LARGEST_SEARCH).div_ceil(CHUNK);
        (0..n_chunks).flat_map(move |chunk_idx| {
            let start = segment.address.loaded(bias).plus(chunk_idx * CHUNK);
            let len = CHUNK.min(segment.file_size - chunk_idx * CHUNK);
            let chunk = memory::bytes(memory, start, len, CHUNK).unwrap_or_default();
            let hits: Vec<RuntimeAddr> = chunk
                .chunks_exact(8)
                .enumerate()
                .filter(|(_, word)| *word == wanted)
                .map(|(word_idx, _)| start.plus(8 * word_idx as u64))
                .collect();
            hits
        })
    })
}
