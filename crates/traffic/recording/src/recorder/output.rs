//! The files of a recording: whole lines go in, a full file is followed by another or by none.
//!
//! A write that the disk refuses half-way is undone up to the last whole line, so that the next
//! one that succeeds continues a readable file. The head of a file is written with its first
//! requests: a disk that is full when recording begins is no reason not to begin.

use super::{Plan, WhenFull};
use crate::error::StartError;
use crate::line::Head;
use crate::redact::Redactor;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

pub(crate) struct Output {
    path: PathBuf,
    max_bytes: u64,
    when_full: WhenFull,
    head: Vec<u8>,
    file: File,
    /// Bytes in `file`, all of whole lines.
    len: u64,
    /// It is a file, and not a device or a pipe, which are never full and never moved.
    is_regular: bool,
    /// The end of `file` could not be mended: nothing more goes into it.
    is_torn: bool,
}

/// A request does not fit any more.
pub(crate) struct Full;

impl Output {
    /// Makes the file of `plan`, moving an older one out of its way if that is the plan.
    pub(crate) fn create(plan: &Plan, redactor: &Redactor) -> Result<Self, StartError> {
        let path = plan.path.clone();
        let failed = |cause| StartError::Create { path: plan.path.clone(), cause };
        let file = match create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let there = OpenOptions::new().append(true).open(&path).map_err(failed)?;
                if !there.metadata().map_err(failed)?.is_file() {
                    there
                } else if let WhenFull::Rotate { files } = plan.when_full {
                    lock(&there, &path)?;
                    rotate(&path, files).map_err(failed)?;
                    create(&path).map_err(failed)?
                } else {
                    return Err(StartError::Exists { path });
                }
            }
            file => file.map_err(failed)?,
        };
        lock(&file, &path)?;
        Ok(Self {
            is_regular: file.metadata().map_err(failed)?.is_file(),
            path,
            max_bytes: plan.max_bytes,
            when_full: plan.when_full,
            head: Head::new(jiff::Timestamp::now(), redactor.header_names()).line(),
            file,
            len: 0,
            is_torn: false,
        })
    }

    /// Whether `more` bytes of lines still go into the file.
    pub(crate) fn has_room(&self, more: usize) -> bool {
        let head = if self.len == 0 { self.head.len() } else { 0 };
        !self.is_regular || self.len + (head + more) as u64 <= self.max_bytes
    }

    /// Begins another file, if one of `more` bytes may be.
    pub(crate) fn make_room(&mut self, more: usize) -> Result<io::Result<()>, Full> {
        let WhenFull::Rotate { files } = self.when_full else { return Err(Full) };
        if (self.head.len() + more) as u64 > self.max_bytes {
            return Err(Full);
        }
        Ok(self.next(files))
    }

    fn next(&mut self, files: usize) -> io::Result<()> {
        self.file.sync_all()?;
        // It is gone already if the last attempt got no further.
        if self.path.symlink_metadata().is_ok() {
            rotate(&self.path, files)?;
        }
        self.file = create(&self.path)?;
        (self.len, self.is_torn) = (0, false);
        // Nobody else knows the file yet.
        let _ = self.file.try_lock();
        Ok(())
    }

    /// Whether the file is full for good when a request does not fit.
    pub(crate) fn stops(&self) -> bool {
        self.when_full == WhenFull::Stop
    }

    /// Writes `lines`; how many bytes of them are in the file now, which are whole lines, and why
    /// it is not all.
    pub(crate) fn write(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        if self.is_torn {
            return (0, Err(io::Error::other("the end of the file could not be mended")));
        }
        if self.len == 0 {
            let head = self.head.clone();
            if let Err(error) = self.append(&head).1 {
                return (0, Err(error));
            }
        }
        self.append(lines)
    }

    fn append(&mut self, lines: &[u8]) -> (usize, io::Result<()>) {
        let (mut written, mut result) = (0, Ok(()));
        while let Some(rest) =
            lines.get(written..).filter(|rest| !rest.is_empty() && result.is_ok())
        {
            match self.file.write(rest) {
                Ok(0) => result = Err(ErrorKind::WriteZero.into()),
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => result = Err(error),
            }
        }
        let lines = lines.get(..written).unwrap_or_default();
        let whole = memchr::memrchr(b'\n', lines).map_or(0, |at| at + 1);
        self.len += whole as u64;
        if whole < written && self.file.set_len(self.len).is_err() {
            self.is_torn = true;
        }
        (whole, result)
    }

    /// Waits until all that was written is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match self.file.sync_all() {
            // A device or pipe has no disk.
            Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
            result => result,
        }
    }
}

/// A file that was not there, for its owner's eyes only. Does not follow a link.
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)
}

fn lock(file: &File, path: &Path) -> Result<(), StartError> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(StartError::Busy { path: path.to_owned() }),
        // Not every file system locks.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(()),
    }
}

/// `FILE` becomes `FILE.1`, and so on; the oldest of `files` is gone.
fn rotate(path: &Path, files: usize) -> io::Result<()> {
    let nth = |n: usize| match n {
        0 => path.to_owned(),
        n => {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".{n}"));
            PathBuf::from(name)
        }
    };
    for n in (1..files).rev() {
        match std::fs::rename(nth(n - 1), nth(n)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            result => result?,
        }
    }
    Ok(())
}
