//! A recording read line by line, in the order of the file.
//!
//! The last line may be torn (the writer was killed, the disk was full): that is a note, not an
//! error. Recordings may be joined by `cat`, in any state: a head in the middle begins another,
//! whose offsets are counted on from the first.

pub(crate) mod index;

use crate::error::ReadError;
use crate::line::{FORMAT, Head, MARK, Recorded};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest line that is read; the longest that is written is shorter.
const MAX_LINE: usize = 256 << 20;

/// The longest first line: what is longer is something else, and not worth the memory.
const MAX_HEAD: u64 = 1 << 20;

/// A recording, as an iterator over its requests.
#[derive(Debug)]
pub struct Recording<R = File> {
    path: PathBuf,
    input: BufReader<R>,
    head: Head,
    /// From the first head's beginning to that of the part we are in.
    shift: Duration,
    line: Vec<u8>,
    /// Lines read.
    n_lines: u64,
    /// Bytes read.
    position: u64,
    torn: Vec<Torn>,
    is_over: bool,
}

/// A line that was not written to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// Its number, counted from 1.
    pub line: u64,
    /// How much there is of it, in bytes.
    pub len: usize,
}

/// Where in the file a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) position: u64,
    pub(crate) len: usize,
}

impl Recording {
    /// Opens the recording at `path` and reads its head.
    ///
    /// # Errors
    /// A file that cannot be read, is no recording, or one of a newer photofinish.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        let file = File::open(path).map_err(|cause| ReadError::io(path, cause))?;
        Self::read(file, path)
    }

    /// Its file, to read single requests from.
    fn into_file(self) -> File {
        self.input.into_inner()
    }
}

impl<R: Read> Recording<R> {
    /// Like [`open`](Recording::open), from `input`, which errors call `path`.
    ///
    /// # Errors
    /// As [`open`](Recording::open).
    pub fn read(input: R, path: &Path) -> Result<Self, ReadError> {
        let path = path.to_owned();
        let (mut input, mut line) = (BufReader::with_capacity(64 << 10, input), Vec::new());
        let mut start = (&mut input).take(MAX_HEAD);
        start.read_until(b'\n', &mut line).map_err(|cause| ReadError::io(&path, cause))?;
        let foreign = |problem: String| ReadError::Foreign { path: path.clone(), problem };
        if line.is_empty() {
            return Err(foreign("it is empty".to_owned()));
        }
        let (found, head) = Head::parse(&line)
            .map_err(|error| foreign(format!("its first line is no head: {error}")))?;
        let head =
            head.ok_or_else(|| ReadError::Newer { path: path.clone(), found, known: FORMAT })?;
        let position = line.len() as u64;
        Ok(Self {
            path,
            input,
            head,
            shift: Duration::ZERO,
            line,
            n_lines: 1,
            position,
            torn: Vec::new(),
            is_over: false,
        })
    }

    /// What the first line says.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Lines that were not written to their end, so far.
    pub fn torn(&self) -> &[Torn] {
        &self.torn
    }

    /// The next request and where it stands, `None` at the end.
    fn step(&mut self) -> Result<Option<(Recorded, Place)>, ReadError> {
        while self.read_line()? {
            let place =
                Place { position: self.position - self.line.len() as u64, len: self.line.len() };
            let ended = self.line.last() == Some(&b'\n');
            let text = self.line.trim_ascii();
            if text.is_empty() {
                continue;
            }
            // A torn line and the head of the recording that was joined to it.
            if let Some(at) = memchr::memmem::find(text, MARK) {
                if at > 0 {
                    self.torn.push(Torn { line: self.n_lines, len: at });
                }
                let (found, head) = Head::parse(text.get(at..).unwrap_or_default())
                    .map_err(|error| self.problem(format!("not a head: {error}")))?;
                let path = self.path.clone();
                let head = head.ok_or(ReadError::Newer { path, found, known: FORMAT })?;
                let later = head.started_at.duration_since(self.head.started_at);
                self.shift = Duration::try_from(later).unwrap_or_default();
                continue;
            }
            match Recorded::parse(text) {
                Ok(mut request) => {
                    request.at = request.at.saturating_add(self.shift);
                    return Ok(Some((request, place)));
                }
                Err(_) if !ended => {
                    self.torn.push(Torn { line: self.n_lines, len: self.line.len() });
                }
                Err(problem) => return Err(self.problem(problem)),
            }
        }
        Ok(None)
    }

    fn read_line(&mut self) -> Result<bool, ReadError> {
        self.line.clear();
        let mut input = (&mut self.input).take(MAX_LINE as u64);
        let n_bytes = input
            .read_until(b'\n', &mut self.line)
            .map_err(|cause| ReadError::io(&self.path, cause))?;
        self.n_lines += 1;
        self.position += n_bytes as u64;
        if n_bytes == MAX_LINE {
            return Err(self.problem("the line is longer than 256 MiB"));
        }
        Ok(n_bytes > 0)
    }

    fn problem(&self, problem: impl Into<String>) -> ReadError {
        ReadError::line(&self.path, self.n_lines, problem)
    }
}

impl<R: Read> Iterator for Recording<R> {
    type Item = Result<Recorded, ReadError>;

    /// The next request in the order of the file; after an error, nothing.
    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let step = self.step().map(|found| found.map(|(request, _)| request)).transpose();
        self.is_over = !matches!(step, Some(Ok(_)));
        step
    }
}
