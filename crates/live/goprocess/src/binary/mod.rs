//! The program's file: its sections, segments and the few symbols wanted, read as needed.
//!
//! What the file says of itself is bounded by its length; a file cut short or full of nonsense gives
//! an error or less data, never a panic. Sections may be absent altogether: then segments
//! are searched. Debug information is read on demand (`dwarf`), since it is most of a file.
//!
//! Not here: what is in the tables (`symbols`, `layout`). Start at [`Binary::open`].

pub(crate) mod build_info;
pub(crate) mod dwarf;

use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use object::read::ReadCache;
use object::read::elf::SectionHeader as _;
use object::{Object, ObjectSection, ObjectSegment};

use crate::variables::Sections;
use crate::{LinkAddr, OpenError};

/// What the processor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

/// A program's file.
#[derive(Debug)]
pub struct Binary {
    path: PathBuf,
    file: File,
    pub(crate) architecture: Architecture,
    pub(crate) entry: LinkAddr,
    sections: Vec<Section>,
    segments: Vec<Segment>,
    symbols: HashMap<&'static str, Symbol>,
    debug: OnceLock<Option<Sections>>,
}

/// A variable's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol {
    pub(crate) address: LinkAddr,
    /// In bytes.
    pub(crate) size: u64,
}

/// A section that has an address.
#[derive(Clone, Debug)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) address: LinkAddr,
}

/// A segment that is loaded.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) address: LinkAddr,
    pub(crate) size: u64,
    pub(crate) file_offset: u64,
    pub(crate) file_size: u64,
    pub(crate) writable: bool,
    pub(crate) executable: bool,
}

/// The most bytes of one section that are read into memory.
const LARGEST_SECTION: u64 = 1 << 30;

/// The symbols that save a search, where a program has them.
pub(crate) const WANTED: &[&str] = &[
    "runtime.allgs",
    "runtime.firstmoduledata",
    "runtime.pclntab",
    "runtime.semtable",
    "runtime.waitReasonStrings",
];

impl Binary {
    /// Opens the program at `path`, which may be `/proc/PID/exe`; `shown` is what errors call it.
    ///
    /// # Errors
    /// The file cannot be read, is no ELF file of a processor we know, or is damaged.
    pub fn open(path: &Path, shown: &Path) -> Result<Binary, OpenError> {
        let cannot_read = |cause| OpenError::File { path: shown.to_owned(), cause };
        let file = File::open(path).map_err(cannot_read)?;
        let cache = ReadCache::new(&file);
        let no_elf = |what: String| OpenError::Elf { path: shown.to_owned(), what };
        let elf = object::File::parse(&cache).map_err(|error| no_elf(error.to_string()))?;
        if !elf.is_64() || !elf.is_little_endian() {
            return Err(no_elf("it is not of a 64-bit little-endian machine".to_owned()));
        }
        let architecture = match elf.architecture() {
            object::Architecture::X86_64 => Architecture::Amd64,
            object::Architecture::Aarch64 => Architecture::Arm64,
            other => {
                return Err(OpenError::Architecture {
                    path: shown.to_owned(),
                    machine: format!("{other:?}"),
                });
            }
        };
        let entry = LinkAddr(elf.entry());
        let (sections, segments, symbols) = (sections(&elf), segments(&elf), symbols(&elf));
        drop(elf);
        drop(cache);
        Ok(Binary {
            path: shown.to_owned(),
            file,
            architecture,
            entry,
            sections,
            segments,
            symbols,
            debug: OnceLock::new(),
        })
    }

    /// What errors call the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The section of that name.
    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The loaded segments.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// One of the symbols in [`WANTED`].
    pub(crate) fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name).copied()
    }

    /// Fills `into` with what the file has at `address`. What a segment has in memory only reads as
    /// zeroes, as it does when it is loaded.
    pub(crate) fn read(&self, address: LinkAddr, into: &mut [u8]) -> Option<()> {
        let inside = |segment: &&Segment| {
            address.0.checked_sub(segment.address.0).is_some_and(|skip| skip < segment.size)
        };
        let segment = self.segments.iter().find(inside)?;
        let skip = address.0 - segment.address.0;
        if u64::try_from(into.len()).ok()? > segment.size - skip {
            return None;
        }
        let in_file = segment.file_size.saturating_sub(skip);
        let n_in_file = into.len().min(usize::try_from(in_file).unwrap_or(usize::MAX));
        let (from_file, zeroes) = into.split_at_mut(n_in_file);
        self.file.read_exact_at(from_file, segment.file_offset.checked_add(skip)?).ok()?;
        zeroes.fill(0);
        Some(())
    }

    /// `len` bytes at `address`, if they are not too many.
    pub(crate) fn bytes(&self, address: LinkAddr, len: u64) -> Option<Vec<u8>> {
        let available = self.available(address)?;
        if len > available || len > LARGEST_SECTION {
            return None;
        }
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        self.read(address, &mut bytes)?;
        Some(bytes)
    }

    /// How many bytes the segment around `address` has in the file from there on.
    pub(crate) fn available(&self, address: LinkAddr) -> Option<u64> {
        let rest = |segment: &Segment| {
            let skip = address.0.checked_sub(segment.address.0)?;
            segment.file_size.checked_sub(skip).filter(|rest| *rest > 0)
        };
        self.segments.iter().find_map(rest)
    }

    /// Whether `address` lies in executable code.
    pub(crate) fn is_code(&self, address: LinkAddr) -> bool {
        self.segments.iter().filter(|segment| segment.executable).any(|segment| {
            address.0.checked_sub(segment.address.0).is_some_and(|skip| skip < segment.size)
        })
    }

    /// Debug information, read when it is first asked for.
    pub(crate) fn debug_sections(&self) -> Option<&Sections> {
        self.debug.get_or_init(|| Sections::load(self)).as_ref()
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

type Elf<'data, 'file> = object::File<'data, &'data ReadCache<&'file File>>;

fn sections(elf: &Elf<'_, '_>) -> Vec<Section> {
    elf.sections()
        .filter(|section| section.address() != 0)
        .filter_map(|section| {
            Some(Section {
                name: section.name().ok()?.to_owned(),
                address: LinkAddr(section.address()),
            })
        })
        .collect()
}

fn segments(elf: &Elf<'_, '_>) -> Vec<Segment> {
    const PF_X: u32 = 1;
    const PF_W: u32 = 2;
    elf.segments()
        .map(|segment| {
            let (file_offset, file_size) = segment.file_range();
            let flags = match segment.flags() {
                object::SegmentFlags::Elf { p_flags, .. } => p_flags.0,
                _ => 0,
            };
            Segment {
                address: LinkAddr(segment.address()),
                size: segment.size(),
                file_offset,
                file_size: file_size.min(segment.size()),
                writable: flags & PF_W != 0,
                executable: flags & PF_X != 0,
            }
        })
        .collect()
}

/// Names are compared by where they are in the table of strings, which is read at once: a program has ten thousand
/// symbols, and five are wanted.
fn symbols(elf: &Elf<'_, '_>) -> HashMap<&'static str, Symbol> {
    let object::File::Elf64(elf) = elf else { return HashMap::new() };
    let (endian, table) = (elf.endian(), elf.elf_symbol_table());
    let section = elf.elf_section_table().section(table.string_section()).ok();
    let section = section.filter(|section| section.sh_size.get(endian) <= LARGEST_SECTION);
    let strings = section.and_then(|section| section.data(endian, elf.data()).ok());
    let mut wanted: HashMap<u32, &'static str> = HashMap::new();
    let mut end = 0;
    for string in strings.unwrap_or_default().split(|byte| *byte == 0) {
        end += string.len();
        // A linker may let a name be the end of another.
        for name in WANTED.iter().filter(|name| string.ends_with(name.as_bytes())) {
            wanted.extend(u32::try_from(end - name.len()).map(|at| (at, *name)));
        }
        end += 1;
    }
    let mut found = HashMap::new();
    for symbol in table.iter() {
        if let Some(name) = wanted.get(&symbol.st_name.get(endian)) {
            let address = LinkAddr(symbol.st_value.get(endian));
            found.insert(*name, Symbol { address, size: symbol.st_size.get(endian) });
            if found.len() == WANTED.len() {
                break;
            }
        }
    }
    found
}
