//! Go code that was loaded later: plugins (`-buildmode=plugin`), each with a function table of its own.
//!
//! The runtime keeps the records of all modules in a list, the program's own first. Of a plugin's functions names and lines
//! are told; its frames are passed by frame pointers (`unwind`), and its variables count as known to somebody.
//! Source: `runtime/symtab.go` (`moduledata`), `runtime/plugin.go`, Go 1.21 to 1.27.
//!
//! Start at [`find`].

use std::path::PathBuf;
use std::sync::Arc;

use photofinish_sys::{Mapping, mappings};

use crate::bytes::u64_at;
use crate::memory::{self, Memory};
use crate::symbols::Symbols;
use crate::{Binary, Layout, LinkAddr, LoadBias, RuntimeAddr};

/// More plugins than this are not looked at.
const MOST: usize = 64;
/// The largest function table of one.
const LARGEST_TABLE: u64 = 256 << 20;

/// A plugin.
#[derive(Debug)]
pub(crate) struct Plugin {
    /// Its code.
    pub(crate) text: (RuntimeAddr, RuntimeAddr),
    pub(crate) symbols: Symbols,
    /// How much higher it lies than its file says.
    pub(crate) bias: LoadBias,
    /// Its variables with pointers in them.
    pub(crate) variables: [(RuntimeAddr, RuntimeAddr); 2],
}

/// The plugins of process `pid`, the first of whose records is at `next`.
pub(crate) fn find(
    memory: &dyn Memory,
    layout: &Layout,
    mut next: RuntimeAddr,
    pid: u32,
) -> Vec<Plugin> {
    let mut plugins = Vec::new();
    if next.is_nil() {
        return plugins;
    }
    let mappings = mappings(pid).unwrap_or_default();
    for _ in 0..MOST {
        let size = u64::from(layout.moduledata_size);
        let Some(record) = memory::bytes(memory, next, size, 1 << 16) else { break };
        plugins.extend(plugin(memory, layout, &record, &mappings, pid));
        let link = u64_at(&record, usize::from(layout.moduledata_next)).unwrap_or(0);
        if link == 0 {
            break;
        }
        next = RuntimeAddr(link);
    }
    plugins
}

fn plugin(
    memory: &dyn Memory,
    layout: &Layout,
    record: &[u8],
    mappings: &[Mapping],
    pid: u32,
) -> Option<Plugin> {
    let field = |offset: u16| u64_at(record, usize::from(offset)).map(RuntimeAddr);
    let span = |from, to| Some((field(from)?, field(to)?)).filter(|(from, to)| from <= to);
    let text = span(layout.moduledata_text, layout.moduledata_etext)?;
    let around = |mapping: &&Mapping| (mapping.start..mapping.end).contains(&text.0.0);
    let mapping = mappings.iter().find(around).filter(|mapping| mapping.inode != 0)?;
    // As the process sees it, which may be in a container.
    let path = PathBuf::from(&mapping.path);
    let seen = PathBuf::from(format!("/proc/{pid}/root{}", mapping.path));
    let binary = Binary::open(&seen, &path).ok()?;
    let in_file = text.0.0.checked_sub(mapping.start)?.checked_add(mapping.offset)?;
    let linked = binary.segments().iter().find_map(|segment| {
        let skip = in_file.checked_sub(segment.file_offset)?;
        (skip < segment.file_size).then(|| segment.address.0.checked_add(skip)).flatten()
    })?;
    let bias = LoadBias(text.0.0.wrapping_sub(linked));

    let head = field(layout.moduledata_pcheader)?;
    let functions = field(layout.moduledata_pclntable)?;
    let n_bytes = field(layout.moduledata_pclntable.checked_add(8)?)?.0;
    let len = functions.0.checked_sub(head.0)?.checked_add(n_bytes)?;
    let table = memory::bytes(memory, head, len, LARGEST_TABLE)?;
    let gofunc = field(layout.moduledata_gofunc)?.linked(bias);
    let symbols = Symbols::new(table, LinkAddr(linked), gofunc, Arc::new(binary))?;
    let variables = [
        span(layout.moduledata_data, layout.moduledata_edata)?,
        span(layout.moduledata_bss, layout.moduledata_ebss)?,
    ];
    Some(Plugin { text, symbols, bias, variables })
}
