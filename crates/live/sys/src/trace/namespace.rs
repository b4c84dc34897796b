//! The namespace in which a program in the kernel numbers the threads of a process (pid_namespaces(7)).

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::TraceError;
use crate::SysError;

#[derive(Clone, Copy, Debug)]
pub(super) struct Namespace {
    /// As the kernel writes it: major number above the lowest 20 bits.
    pub(super) device: u64,
    pub(super) inode: u64,
}

impl Namespace {
    pub(super) fn of(pid: u32) -> Result<Namespace, TraceError> {
        let failed = |cause| TraceError::Process(SysError::of(pid, "find the namespace", cause));
        let found = fs::metadata(format!("/proc/{pid}/ns/pid")).map_err(failed)?;
        let device =
            u64::from(libc::major(found.dev())) << 20 | u64::from(libc::minor(found.dev()));
        Ok(Namespace { device, inode: found.ino() })
    }
}
