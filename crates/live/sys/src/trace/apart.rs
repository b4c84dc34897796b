//! Links that only threads which plant probes have open.
//!
//! What is open when we are killed is closed by the last thread that has it open. One that was about to end by itself when it was told to
//! die ends with SIGKILL pending (Linux marks each thread in `complete_signal`, kernel/signal.c, and only `get_signal` takes the mark away again, which
//! such a thread does not come to), and with that pending probes cannot be taken back (`shield`). So links are in a
//! table of descriptors of their own; whoever shares it has to see to it that none of those threads ends while a link is open.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::mpsc::channel;
use std::thread::{Builder, JoinHandle};

use super::ProbeProgram;

/// Behind standard input, output and error.
const FIRST: RawFd = 3;

impl ProbeProgram {
    /// Starts a thread for `work`, which plants probes; they are dropped by that thread or others that it started, and none of those ends
    /// while any is planted. They have no descriptors but the program's and the standard ones: what was open here is not there, nor the other way.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn in_thread(
        self,
        work: impl FnOnce(&ProbeProgram) + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let numbers = [Some(self.program.as_raw_fd()), self.file.as_ref().map(File::as_raw_fd)];
        let kept: Vec<RawFd> = numbers.into_iter().flatten().collect();
        let ours = kept.clone();
        let (told, is_apart) = channel();
        let thread = Builder::new().name("plant".to_owned()).spawn(move || {
            // Where the kernel does not let us, links are open to all threads.
            let _ = told.send(keep_only(kept).is_ok());
            work(&self);
        })?;
        if is_apart.recv() == Ok(true) {
            for number in ours {
                // SAFETY: the program went into the thread and owns the number in the table there; in this one nobody does.
                drop(unsafe { OwnedFd::from_raw_fd(number) });
            }
        }
        Ok(thread)
    }
}

/// The calling thread, and those that it will start, have a table of descriptors of their own, with `kept` and the standard ones.
fn keep_only(mut kept: Vec<RawFd>) -> io::Result<()> {
    kept.sort_unstable();
    let mut first = FIRST;
    let mut between = Vec::new();
    for number in kept {
        between.push((first, number - 1));
        first = number + 1;
    }
    // From the end: the first call makes the table, which none of what it closes is copied to.
    close(first, RawFd::MAX, libc::CLOSE_RANGE_UNSHARE)?;
    between
        .into_iter()
        .filter(|(first, last)| first <= last)
        .try_for_each(|(first, last)| close(first, last, 0))
}

/// close_range(2), Linux 5.9.
fn close(first: RawFd, last: RawFd, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: the numbers that are closed belong to nobody in a table that was just made, or is being made.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
