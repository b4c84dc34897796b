//! Waiting for a condition rather than for a time.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within `timeout`; `what` says what was waited for.
#[track_caller]
pub fn wait_until(timeout: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(timeout, what, || condition().then_some(()));
}

/// Waits until `find` has something, and returns it.
///
/// # Panics
/// When it has nothing within `timeout`; `what` says what was waited for.
#[track_caller]
pub fn wait_for<T>(timeout: Duration, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(start.elapsed() < timeout, "waited {timeout:?} in vain: {what}");
        sleep(LOOK);
    }
}

/// A TCP port of 127.0.0.1 that nobody listened on a moment ago. Where the program under test can
/// take port 0 and say what it got, have it do so: between this call and its start the port is anybody's.
///
/// # Panics
/// When the machine has none left.
pub fn free_port() -> u16 {
    let bound =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    match bound {
        Ok(address) => address.port(),
        Err(cause) => panic!("cannot bind a port of 127.0.0.1: {cause}"),
    }
}
