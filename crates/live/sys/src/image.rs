//! The program that a process runs: another after execve(2), though number and start of the process stay the same.
//!
//! What was opened of a process's memory belongs to the memory of then; once nobody runs in that any more it has no
//! bytes (`mem_rw` of Linux, fs/proc/base.c). Start at [`Image::is_running`].

use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::SysError;

/// What a process ran when this was made.
#[derive(Debug)]
pub struct Image {
    memory: File,
    mapped: u64,
}

impl Image {
    /// What process `pid` runs now, which has something mapped at address `mapped` as long as it runs.
    ///
    /// # Errors
    /// The process is gone, or may not be read.
    pub fn of(pid: u32, mapped: u64) -> Result<Image, SysError> {
        let memory = File::open(format!("/proc/{pid}/mem"))
            .map_err(|cause| SysError::of(pid, "read the memory", cause))?;
        Ok(Image { memory, mapped })
    }

    /// Whether the process still runs that.
    pub fn is_running(&self) -> bool {
        self.memory.read_at(&mut [0], self.mapped).is_ok_and(|n_read| n_read == 1)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

    use std::process::{Command, Stdio};

    use super::*;
    use crate::mappings;

    fn image(pid: u32) -> Image {
        Image::of(pid, mappings(pid).unwrap()[0].start).unwrap()
    }

    #[test]
    fn a_process_that_runs_something_else_now_does_not_run_what_it_did() {
        let script = "read go; exec cat";
        let mut command = Command::new("sh");
        let mut child = command.args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        let name = || std::fs::read_to_string(format!("/proc/{}/comm", child.id())).unwrap();
        while name() != "sh\n" {
            std::thread::yield_now();
        }
        let image = image(child.id());
        assert!(image.is_running());
        std::io::Write::write_all(child.stdin.as_mut().unwrap(), b"go\n").unwrap();
        let pid = child.id();
        while std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap() != "cat\n" {
            std::thread::yield_now();
        }
        assert!(!image.is_running());
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn a_process_that_ended_runs_nothing() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let image = image(child.id());
        assert!(image.is_running());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!image.is_running());
    }
}
