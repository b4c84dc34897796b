//! A snapshot that is looked at later, on another machine, without the process and without its program.
//!
//! It holds what was made of a process: goroutines, threads, names for everything on their stacks, deadlocks and
//! leaks, who was in which map. It holds no memory of the process: no variable's value. Labels, which a program sets to
//! be seen, are in it.
//!
//! A file: `PFINSPCT`, the version of the format and the length and checksum (CRC-32) of what follows, in little-endian
//! words; then that, compressed (zlib). Reading it is bounded, whatever it holds.
//!
//! Start at [`Dump::write`] and [`Dump::read`].

mod codec;
mod error;
mod found;
mod look;
mod words;

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use self::codec::{Decoder, Encoder, Nonsense};
pub use self::error::DumpError;
use crate::{Deadlocks, Look, Maps};

const MAGIC: &[u8; 8] = b"PFINSPCT";
/// Of the format. A reader knows this one and no other.
const VERSION: u32 = 1;
/// Magic, version, length, checksum.
const HEAD: usize = 8 + 4 + 8 + 4;
/// More is not unpacked.
const LARGEST: u64 = 1 << 30;

/// What a process was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Title {
    /// The program's file.
    pub program: String,
    /// Its number; `None` of a core file.
    pub pid: Option<u32>,
    /// The Go that built it.
    pub go_version: String,
    /// When it was looked at, in seconds since 1970.
    pub taken_at: u64,
}

/// Everything that can be seen of a process, kept.
#[derive(Debug)]
pub struct Dump {
    /// Whose it is.
    pub title: Title,
    /// Goroutines and threads.
    pub look: Look,
    /// What will not go on.
    pub deadlocks: Deadlocks,
    /// Who was in which map.
    pub maps: Maps,
}

impl Dump {
    /// Whether a file of these first bytes is one.
    pub fn begins(head: &[u8]) -> bool {
        head.starts_with(MAGIC)
    }

    /// Writes it to `path`, which only its owner may read. What was there stays until all of it is written.
    ///
    /// # Errors
    /// The file cannot be written; then `path` is as it was.
    pub fn write(&self, path: &Path) -> Result<u64, DumpError> {
        let failed = |cause| DumpError::Write { path: path.to_owned(), cause };
        let bytes = self.bytes().map_err(failed)?;
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}.part", std::process::id()));
        let part = path.with_file_name(name);
        let write = || {
            let mut file =
                OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            std::fs::rename(&part, path)
        };
        let written = write();
        if written.is_err() {
            // Nothing is left of a try that failed; that it failed is what is told.
            let _ = std::fs::remove_file(&part);
        }
        written.map(|()| bytes.len() as u64).map_err(failed)
    }

    /// Reads the one at `path`.
    ///
    /// # Errors
    /// The file cannot be read, is no dump, is cut or spoilt, or of another version.
    pub fn read(path: &Path) -> Result<Dump, DumpError> {
        let failed = |cause| DumpError::Read { path: path.to_owned(), cause };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(LARGEST).read_to_end(&mut bytes).map_err(failed)?;
        Dump::parse(&bytes, path)
    }

    /// Makes a dump of the bytes of a file that errors call `path`.
    ///
    /// # Errors
    /// As [`Dump::read`].
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Dump, DumpError> {
        let spoilt = |what| DumpError::Spoilt { path: path.to_owned(), what };
        if !Dump::begins(bytes) {
            return Err(DumpError::NoDump { path: path.to_owned() });
        }
        let (head, packed) =
            bytes.split_at_checked(HEAD).ok_or_else(|| spoilt("it is cut short"))?;
        let word = |at: usize| head.get(at..at + 4).and_then(|word| word.try_into().ok());
        let word = |at| word(at).map(u32::from_le_bytes).unwrap_or_default();
        let (version, checksum) = (word(8), word(20));
        if version != VERSION {
            return Err(DumpError::Version { path: path.to_owned(), version });
        }
        let len = u64::from(word(12)) | u64::from(word(16)) << 32;
        if len > LARGEST {
            return Err(spoilt("it says that it is larger than can be"));
        }
        let mut unpacked = Vec::new();
        let read = ZlibDecoder::new(packed).take(len + 1).read_to_end(&mut unpacked);
        if read.is_err() || unpacked.len() as u64 != len {
            return Err(spoilt("it is cut short, or damaged"));
        }
        if self::checksum(&unpacked) != checksum {
            return Err(spoilt("its checksum is another"));
        }
        Dump::decode(&unpacked).map_err(|Nonsense| spoilt("what is in it makes no sense"))
    }

    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut encoder = Encoder::default();
        self.title.encode(&mut encoder);
        self.look.encode(&mut encoder);
        self.deadlocks.encode(&mut encoder);
        self.maps.encode(&mut encoder);
        let unpacked = encoder.finish();
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((unpacked.len() as u64).to_le_bytes());
        bytes.extend(checksum(&unpacked).to_le_bytes());
        let mut packer = ZlibEncoder::new(bytes, Compression::default());
        packer.write_all(&unpacked)?;
        packer.finish()
    }

    fn decode(bytes: &[u8]) -> Result<Dump, Nonsense> {
        let mut decoder = Decoder::new(bytes)?;
        let dump = Dump {
            title: Title::decode(&mut decoder)?,
            look: Look::decode(&mut decoder)?,
            deadlocks: Deadlocks::decode(&mut decoder)?,
            maps: Maps::decode(&mut decoder)?,
        };
        if decoder.is_at_end() { Ok(dump) } else { Err(Nonsense) }
    }
}

impl Title {
    fn encode(&self, to: &mut Encoder) {
        to.text(&self.program);
        to.optional(self.pid.map(u64::from));
        to.text(&self.go_version);
        to.number(self.taken_at);
    }

    fn decode(from: &mut Decoder<'_>) -> Result<Title, Nonsense> {
        Ok(Title {
            program: from.text()?.to_owned(),
            pid: from.optional()?.map(u32::try_from).transpose().map_err(|_| Nonsense)?,
            go_version: from.text()?.to_owned(),
            taken_at: from.number()?,
        })
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}
