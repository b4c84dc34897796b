//! Which processes may still write into a folder of the spool.
//!
//! Whoever inherited `GORACE` has the folder's path in its environment, which the kernel shows in
//! `/proc/PID/environ` whatever became of its parent; no process id is trusted to be the same
//! process. (Who still holds the stderr file is told by a `flock` instead, see `Folder`.)

use rustix::process::getpid;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The processes that were told to report into `folder`, as their own PID namespace calls them,
/// which is what the race runtime puts into the name of its file.
pub(crate) fn of(folder: &Path) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let needle = memchr::memmem::Finder::new(folder.as_os_str().as_bytes());
    let own = getpid().as_raw_nonzero().get().unsigned_abs();
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| *pid != own)
        .filter(|pid| {
            fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|environ| needle.find(&environ).is_some())
        })
        .map(|pid| innermost(pid).unwrap_or(pid))
        .collect()
}

/// Whether a process of that id exists whose environment we may not see (it changed its user).
pub(crate) fn hidden(pid: u32) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_err_and(|cause| cause.kind() == std::io::ErrorKind::PermissionDenied)
}

fn innermost(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}
