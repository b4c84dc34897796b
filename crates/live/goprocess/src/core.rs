//! A core file: the memory and threads of a process that died, or of which `gcore` made a copy.
//!
//! A core seldom holds what can be read from the program's file (its text, its constants), so what is
//! missing is taken from there. Formats: elf(5), core(5); `struct elf_prstatus` of linux/elfcore.h; the
//! file note of `fs/binfmt_elf.c`, `fill_files_note`.
//!
//! Start at [`Core::open`].

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object::LittleEndian;
use object::elf::{ET_CORE, FileHeader64, NT_AUXV, NT_FILE, NT_PRSTATUS, PT_LOAD};
use object::read::ReadCache;
use object::read::elf::{FileHeader, ProgramHeader};
use photofinish_sys::parse_auxv;

use crate::binary::Architecture;
use crate::bytes::{c_str, u32_at, u64_at};
use crate::memory::{Memory, Range};
use crate::{Binary, LoadBias, OpenError, ReadError, RuntimeAddr};

/// A thread as it stood at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoppedThread {
    /// Its number.
    pub tid: u32,
    /// Its program counter.
    pub pc: RuntimeAddr,
    /// Its stack pointer.
    pub sp: u64,
}

/// A core file, opened.
#[derive(Debug)]
pub(crate) struct Core {
    file: File,
    segments: Vec<Segment>,
    threads: Vec<Vec<u8>>,
    entry: Option<u64>,
    mapped: Vec<MappedFile>,
}

/// A part of memory that the core holds.
#[derive(Clone, Copy, Debug)]
struct Segment {
    address: u64,
    size: u64,
    offset: u64,
}

#[derive(Debug)]
struct MappedFile {
    start: u64,
    end: u64,
    path: PathBuf,
}

/// The memory in a core file, and what of the program's file was not worth writing into it.
#[derive(Debug)]
pub(crate) struct CoreMemory {
    file: File,
    segments: Vec<Segment>,
    binary: Arc<Binary>,
    bias: LoadBias,
}

/// More mapped files than this are not read.
const MOST_MAPPED: u64 = 1 << 17;

impl Core {
    pub(crate) fn open(path: &Path) -> Result<Core, OpenError> {
        let cannot_read = |cause| OpenError::File { path: path.to_owned(), cause };
        let file = File::open(path).map_err(cannot_read)?;
        let mut core = Core {
            segments: Vec::new(),
            threads: Vec::new(),
            entry: None,
            mapped: Vec::new(),
            file: file.try_clone().map_err(cannot_read)?,
        };
        let cache = ReadCache::new(&file);
        let what = |what: String| OpenError::Elf { path: path.to_owned(), what };
        let header =
            FileHeader64::<LittleEndian>::parse(&cache).map_err(|error| what(error.to_string()))?;
        let endian = LittleEndian;
        if header.e_type(endian) != ET_CORE {
            return Err(what("it is a program, not a core file".to_owned()));
        }
        let headers =
            header.program_headers(endian, &cache).map_err(|error| what(error.to_string()))?;
        for part in headers {
            if part.p_type(endian) == PT_LOAD && part.p_filesz(endian) > 0 {
                core.segments.push(Segment {
                    address: part.p_vaddr(endian),
                    size: part.p_filesz(endian),
                    offset: part.p_offset(endian),
                });
            }
            let Ok(Some(mut notes)) = part.notes(endian, &cache) else { continue };
            // A note that makes no sense ends the notes, not the reading.
            while let Ok(Some(note)) = notes.next() {
                core.note(note.n_type(endian), note.desc());
            }
        }
        core.segments.sort_by_key(|segment| segment.address);
        Ok(core)
    }

    fn note(&mut self, kind: object::elf::NoteType, content: &[u8]) {
        match kind {
            NT_PRSTATUS => self.threads.push(content.to_vec()),
            NT_AUXV => {
                let entry = parse_auxv(content).into_iter().find(|entry| entry.is_entry());
                self.entry = entry.map(|entry| entry.value);
            }
            NT_FILE => self.mapped = mapped_files(content).unwrap_or_default(),
            _ => {}
        }
    }

    /// The program that the process ran, as far as the core says.
    pub(crate) fn program(&self) -> Option<&Path> {
        let entry = self.entry?;
        let around = self.mapped.iter().find(|file| (file.start..file.end).contains(&entry));
        around.map(|file| file.path.as_path())
    }

    /// How much higher `binary` lay than its file says.
    pub(crate) fn bias(&self, binary: &Binary) -> LoadBias {
        LoadBias(self.entry.map_or(0, |entry| entry.wrapping_sub(binary.entry.0)))
    }

    /// The threads, by number.
    pub(crate) fn threads(&self, architecture: Architecture) -> Vec<StoppedThread> {
        let mut threads: Vec<StoppedThread> =
            self.threads.iter().filter_map(|status| thread(status, architecture)).collect();
        threads.sort_by_key(|thread| thread.tid);
        threads
    }

    pub(crate) fn memory(self, binary: Arc<Binary>, bias: LoadBias) -> CoreMemory {
        CoreMemory { file: self.file, segments: self.segments, binary, bias }
    }
}

/// `struct elf_prstatus`: the number at 32, the registers from 112 on.
fn thread(status: &[u8], architecture: Architecture) -> Option<StoppedThread> {
    const PID: usize = 32;
    const REGISTERS: usize = 112;
    let (pc, sp) = match architecture {
        Architecture::Amd64 => (REGISTERS + 16 * 8, REGISTERS + 19 * 8),
        Architecture::Arm64 => (REGISTERS + 32 * 8, REGISTERS + 31 * 8),
    };
    Some(StoppedThread {
        tid: u32_at(status, PID)?,
        pc: RuntimeAddr(u64_at(status, pc)?),
        sp: u64_at(status, sp)?,
    })
}

/// A count, the page size, three words for each file, then their names.
fn mapped_files(content: &[u8]) -> Option<Vec<MappedFile>> {
    let count = u64_at(content, 0).filter(|count| *count <= MOST_MAPPED)?;
    let mut name_at = usize::try_from(16 + 24 * count).ok()?;
    let mut files = Vec::new();
    for file_idx in 0..usize::try_from(count).ok()? {
        let at = 16 + 24 * file_idx;
        let path = c_str(content, name_at)?;
        name_at += path.len() + 1;
        let (start, end) = (u64_at(content, at)?, u64_at(content, at + 8)?);
        files.push(MappedFile { start, end, path: PathBuf::from(path) });
    }
    Some(files)
}

impl CoreMemory {
    /// Fills `into` from `address` on, piece by piece; `None` where nothing holds it.
    fn read(&self, mut address: u64, mut into: &mut [u8]) -> Option<()> {
        while !into.is_empty() {
            let n_bytes = match self.piece(address, into.len()) {
                Some((n_bytes, offset)) => {
                    self.file.read_exact_at(into.get_mut(..n_bytes)?, offset).ok()?;
                    n_bytes
                }
                None => {
                    let linked = RuntimeAddr(address).linked(self.bias);
                    let n_bytes = self.until_segment(address, into.len());
                    self.binary.read(linked, into.get_mut(..n_bytes)?)?;
                    n_bytes
                }
            };
            into = into.get_mut(n_bytes..)?;
            address = address.checked_add(u64::try_from(n_bytes).ok()?)?;
        }
        Some(())
    }

    /// How many bytes at `address` the core holds in one piece, at most `most`, and where.
    fn piece(&self, address: u64, most: usize) -> Option<(usize, u64)> {
        let behind = self.segments.partition_point(|segment| segment.address <= address);
        let segment = self.segments.get(behind.checked_sub(1)?)?;
        let skip = address.checked_sub(segment.address)?;
        let rest = segment.size.checked_sub(skip).filter(|rest| *rest > 0)?;
        let n_bytes = usize::try_from(rest).unwrap_or(usize::MAX).min(most);
        Some((n_bytes, segment.offset.checked_add(skip)?))
    }

    /// How many of `most` bytes at `address` lie before the next segment.
    fn until_segment(&self, address: u64, most: usize) -> usize {
        let behind = self.segments.partition_point(|segment| segment.address <= address);
        let next = self.segments.get(behind).map(|segment| segment.address - address);
        next.and_then(|room| usize::try_from(room).ok()).unwrap_or(usize::MAX).min(most)
    }
}

impl Memory for CoreMemory {
    fn read_many(&self, ranges: &[Range], mut into: &mut [u8]) -> Result<Vec<bool>, ReadError> {
        let mut was_read = vec![false; ranges.len()];
        for (range, was_read) in ranges.iter().zip(&mut was_read) {
            let Some((part, rest)) = into.split_at_mut_checked(range.len) else { break };
            *was_read = self.read(range.address, part).is_some();
            into = rest;
        }
        Ok(was_read)
    }

    fn is_live(&self) -> bool {
        false
    }
}
