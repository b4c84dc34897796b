//! The memory of another process, read while it runs.
//!
//! One `process_vm_readv(2)` reads up to 1,024 ranges; each tells whether it was read, since a process
//! that runs may unmap what it had a moment ago. Where a seccomp profile forbids that call,
//! `/proc/PID/mem` serves, one range at a time. Start at [`ForeignMemory::read_many`].

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::OnceLock;

use crate::SysError;
use crate::threads::started_at;

/// Ranges of one call: the kernel's UIO_MAXIOV.
const MOST_RANGES: usize = 1024;

const READING: &str = "read the memory";

/// A range of another process's memory. A claim: nothing may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins.
    pub address: u64,
    /// In bytes.
    pub len: usize,
}

/// The memory of a process that goes on running.
#[derive(Debug)]
pub struct ForeignMemory {
    pid: u32,
    /// Clock ticks after boot; with the pid it names the process for good.
    started_at: u64,
    /// `/proc/PID/mem`, once `process_vm_readv` was refused.
    file: OnceLock<File>,
}

impl ForeignMemory {
    /// The memory of process `pid`.
    ///
    /// # Errors
    /// No such process. That it may not be read shows at the first read.
    pub fn open(pid: u32) -> Result<ForeignMemory, SysError> {
        let started_at = started_at(pid)?;
        Ok(ForeignMemory { pid, started_at, file: OnceLock::new() })
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether the process is still there, and is the one it was: numbers are used again.
    pub fn is_there(&self) -> bool {
        started_at(self.pid).is_ok_and(|start| start == self.started_at)
    }

    /// Fills `into` from `address` on.
    ///
    /// # Errors
    /// The process is gone, may not be read, or has nothing mapped in a part of the range.
    pub fn read(&self, address: u64, into: &mut [u8]) -> Result<(), SysError> {
        let len = into.len();
        let mut was_read = [false];
        self.read_ranges(&[Range { address, len }], into, &mut was_read)?;
        match was_read {
            [true] => Ok(()),
            [false] => Err(SysError::Unmapped { pid: self.pid, address, len }),
        }
    }

    /// Reads `ranges` one behind the other into `into`, and says of each whether it was read. What
    /// was not leaves its bytes undefined.
    ///
    /// # Errors
    /// The process is gone or may not be read. A range with nothing mapped is no error.
    ///
    /// # Panics
    /// Never: ranges that `into` has no room for count as not read.
    pub fn read_many(&self, ranges: &[Range], into: &mut [u8]) -> Result<Vec<bool>, SysError> {
        let mut was_read = vec![false; ranges.len()];
        self.read_ranges(ranges, into, &mut was_read)?;
        Ok(was_read)
    }

    fn read_ranges(
        &self,
        mut ranges: &[Range],
        mut into: &mut [u8],
        mut was_read: &mut [bool],
    ) -> Result<(), SysError> {
        while !ranges.is_empty() {
            let fitting = fitting(ranges, into.len());
            let (Some(batch), Some(total)) = (ranges.get(..fitting.0), into.get_mut(..fitting.1))
            else {
                return Ok(());
            };
            if batch.is_empty() {
                return Ok(());
            }
            let n_read = self.call(batch, total)?;
            let (n_whole, n_bytes) = whole(batch, n_read);
            was_read[..n_whole].fill(true);
            // The range that stopped the call is passed over.
            let (n_done, n_passed) = match batch.get(n_whole) {
                Some(failed) => (n_whole + 1, n_bytes + failed.len),
                None => (n_whole, n_bytes),
            };
            ranges = &ranges[n_done..];
            was_read = &mut was_read[n_done..];
            into = &mut into[n_passed..];
        }
        Ok(())
    }

    /// Reads `ranges` until one fails; how many bytes that were.
    fn call(&self, ranges: &[Range], into: &mut [u8]) -> Result<usize, SysError> {
        if let Some(file) = self.file.get() {
            return self.call_file(file, ranges, into);
        }
        match vm_read(self.pid, ranges, into) {
            Ok(n_bytes) => Ok(n_bytes),
            Err(cause) => match cause.raw_os_error() {
                Some(libc::EFAULT | libc::EIO | libc::ENOMEM | libc::EINVAL) => Ok(0),
                Some(libc::EPERM | libc::ENOSYS | libc::EACCES) => {
                    let file = File::open(format!("/proc/{}/mem", self.pid))
                        .map_err(|cause| SysError::of(self.pid, READING, cause))?;
                    self.call_file(self.file.get_or_init(|| file), ranges, into)
                }
                _ => Err(SysError::of(self.pid, READING, cause)),
            },
        }
    }

    /// As [`Self::call`], by `/proc/PID/mem`.
    fn call_file(&self, file: &File, ranges: &[Range], into: &mut [u8]) -> Result<usize, SysError> {
        let mut n_read = 0;
        for range in ranges {
            let Some(part) = into.get_mut(n_read..n_read + range.len) else { break };
            // Offsets are signed there: the upper half of addresses is the kernel's anyway.
            if i64::try_from(range.address).is_err() {
                break;
            }
            match file.read_exact_at(part, range.address) {
                Ok(()) => n_read += range.len,
                // End of file: the address space is gone, or the hole of this one range.
                Err(_) if n_read > 0 => break,
                Err(_) if !self.is_there() => return Err(SysError::Gone { pid: self.pid }),
                Err(_) => break,
            }
        }
        Ok(n_read)
    }
}

/// How many of `ranges` one call takes that has `room` bytes, and how many bytes they are.
fn fitting(ranges: &[Range], room: usize) -> (usize, usize) {
    let mut total: usize = 0;
    for (range_idx, range) in ranges.iter().take(MOST_RANGES).enumerate() {
        match total.checked_add(range.len) {
            Some(sum) if sum <= room => total = sum,
            _ => return (range_idx, total),
        }
    }
    (ranges.len().min(MOST_RANGES), total)
}

/// How many of `ranges` are complete when `n_read` bytes were read, and how many bytes these are.
fn whole(ranges: &[Range], n_read: usize) -> (usize, usize) {
    let mut n_bytes = 0;
    for (range_idx, range) in ranges.iter().enumerate() {
        if n_bytes + range.len > n_read {
            return (range_idx, n_bytes);
        }
        n_bytes += range.len;
    }
    (ranges.len(), n_bytes)
}

/// `process_vm_readv(2)`: as many bytes of `ranges` as could be read without a hole.
fn vm_read(pid: u32, ranges: &[Range], into: &mut [u8]) -> io::Result<usize> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let local = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let remote: Vec<libc::iovec> = ranges
        .iter()
        .map(|range| libc::iovec {
            iov_base: std::ptr::without_provenance_mut(range.address as usize),
            iov_len: range.len,
        })
        .collect();
    let n_remote = remote.len() as libc::c_ulong;
    // SAFETY: the kernel writes only into `local`, which is `into`, borrowed mutably until the call
    // returns, and reads `remote`, which lives as long. What `remote` points at is a claim about
    // another process: we never dereference it, and where nothing is mapped there the call fails or
    // reads short, which the caller sees.
    let n_read = unsafe { libc::process_vm_readv(pid, &local, 1, remote.as_ptr(), n_remote, 0) };
    usize::try_from(n_read).map_err(|_| io::Error::last_os_error())
}
