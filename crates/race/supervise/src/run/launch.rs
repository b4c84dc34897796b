//! The moment between fork and program: tie our child's life to ours, then become the program.

use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Becomes the program `words`, which the kernel will send a SIGTERM when `parent` dies. Returns
/// only if that could not be done.
pub fn become_program(parent: u32, words: &[OsString]) -> io::Error {
    let Some((program, arguments)) = words.split_first() else {
        return io::Error::new(io::ErrorKind::InvalidInput, "no program named");
    };
    if let Err(cause) = set_parent_process_death_signal(Some(Signal::TERM)) {
        return cause.into();
    }
    // Did it die before we asked? Then no signal will come. (In a PID namespace of its own the
    // parent's number reads as nothing; there it is init, whose death ends us anyhow.)
    let now = getppid().map(|pid| pid.as_raw_nonzero().get().unsigned_abs());
    if now.is_some_and(|now| now != parent) {
        return io::Error::other("the supervisor died before the program was started");
    }
    Command::new(program).args(arguments).exec()
}
