//! How many sockets this process may have.
//!
//! An open loop against a server that stalls opens a connection for every unanswered request,
//! and the usual soft limit of 1024 files is reached within seconds.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open files as far as this process may; the limit that holds then, `None`
/// if there is none.
pub fn raise_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}
